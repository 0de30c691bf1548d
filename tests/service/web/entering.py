"""Pages that ask for one thing each, as a light server: what they are sent is what they answer."""
import contextlib
import json
import threading

from flask import Flask, render_template_string, request

from service.entry import DIGITS, KEYBOARDS, PLAIN_NUMBER
from service.messages import ADJUNCT_NOTICE
from service.web import kiosk, language, responses
from service.web.server import Server

from ...fakes.ports import free_port

#: What one page asks for, by its address; the form's class comes first.
ASKED = {
    'number': ('ask', "{{ number('room_c', 'Room temperature', '°C', 15, 35, '22.5') }}"),
    'date': ('typed', "{{ date('birth_date', 'Birth date', high='2026-11-29') }}"),
    'reasons': ('typed', "{{ reasons('reason', 'Why early?', ['The patient feels cold.', 'The room is needed.'], "
                         "keyboards) }}"),
    'text': ('typed', "{% call text('name', 'Name', 'Family name first.', keyboards, longest=12, is_name=true) %}"
                      "<a class='button' href='/number'>Cancel</a>{% endcall %}"),
    'pin': ('ask', '<div class="asked">{{ pin("pin", "PIN") }}{{ pin("again", "Again") }}</div>{{ pad("Enter") }}'),
}

_PAGE = '''{%% extends 'base.html' %%}
{%% from '_entry.html' import date, number, pad, pin, reasons, text with context %%}
{%% block page %%}entry{%% endblock %%}
{%% block head %%}<link rel="stylesheet" href="/static/css/entry.css">
<script type="module" src="/static/js/entry.js"></script>{%% endblock %%}
{%% block body %%}<main><form method="post" class="%s" autocomplete="off" data-entry>%s</form></main>{%% endblock %%}'''


@contextlib.contextmanager
def entering(port=None):
    """Serve them: the port."""
    app, port = Flask('service.web.app'), port or free_port()
    app.config.update(MAX_CONTENT_LENGTH=65536)
    responses.install(app, port, ('GET', 'HEAD', 'POST'))
    kiosk.install(app)
    language.install(app, 'en')
    app.jinja_env.globals['digit_rows'] = DIGITS
    app.context_processor(lambda: dict(kiosk.template_values(
        wristbands=PLAIN_NUMBER, blank_s=float(request.args.get('blank', 0))), notice=ADJUNCT_NOTICE,
        keyboards=KEYBOARDS))

    @app.route('/<kind>', methods=['GET', 'POST'])
    def page(kind):
        if kind not in ASKED:
            return ''  # a browser asks for an icon by itself
        return json.dumps(request.form.to_dict()) if request.form else render_template_string(_PAGE % ASKED[kind])

    server = Server(app, '127.0.0.1', port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.stop()
        thread.join(120)
