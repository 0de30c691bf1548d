"""Responses: what every one of them carries, JSON, and refusals as a page for people or JSON for programs.

The page serves this machine, and others only where the settings open it to them, over TLS. A web site that is open in
the same browser must neither reach it under a name of its own (DNS rebinding), nor embed what it shows, nor make it
work by asking for its addresses.
"""
import json
import logging
import re
from typing import Any, Callable, Dict, FrozenSet, Iterable, Optional, Sequence

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..messages import InputError, Message, ThermoscreenError, printable

_LOGGER = logging.getLogger(__name__)

#: The names under which a browser on this machine reaches the page.
_NAMES = ('127.0.0.1', 'localhost', '[::1]')

#: Carried by every answer, also by those that the server gives before the application is asked.
HEADERS = {
    'Content-Security-Policy': "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
                               "frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cache-Control': 'no-store',
}

#: The same for other machines: a browser that has seen the station once speaks TLS with it for a year [RFC6797].
OPENED_HEADERS = dict(HEADERS, **{'Strict-Transport-Security': 'max-age=31536000'})

#: Of fonts and words, which are the same for everybody and change with the version of the station at most: a page that
#: fetches them anew shows others first.
_KEPT, _KEPT_A_DAY = ('/static/fonts/', '/words'), 'max-age=86400'

#: In the environment of a request that another machine sent, over TLS.
OPENED = 'thermoscreen.opened'

#: Paths that programs read.
_API = ('/api/', '/live/', '/live.mjpg', '/open/', '/screen', '/session', '/words', '/healthz', '/readiness',
        '/metrics')

_LIVE = 'Go back to the live picture.'
_ADDRESS_ONLY = 'Open it by its address alone.'
_REFUSALS = {message.code: message for message in (
    Message('host-refused', 'This page is for this device only.', 'Open it as http://127.0.0.1 with its port.'),
    Message('name-refused', 'The station is not known under this name.',
            'Open it under a name that station_names in its settings gives.'),
    Message('site-refused', 'Another web site asked for this page.', 'Open it from the live picture.'),
    Message('method-refused', 'No request of this kind is answered at this address.'),
    Message('upload-refused', 'Files are opened from the device and not sent to it.', 'Use Files.'),
    Message('body-refused', 'This page accepts no content.', _ADDRESS_ONLY),
    Message('request-too-large', 'The request is too large for this page.', _ADDRESS_ONLY),
    Message('page-missing', 'There is no such page.', _LIVE),
    Message('request-refused', 'The request cannot be answered.', _LIVE),
    Message('unexpected', 'Something inside the service failed.',
            'Go back to the live picture, and restart the device if it happens again.'))}
#: A whole number from 1 in an address: ASCII digits alone, since int() takes ' 1', '+1', '1_0' and '\u0661' too.
_WHOLE_NUMBER = re.compile('[1-9][0-9]{0,8}')

#: What a form of ours sends.
_FORM = 'application/x-www-form-urlencoded'

#: Values of Sec-Fetch-Site with which a page of ours, an address bar or a bookmark asks.
_OWN_SITES = ('same-origin', 'none')

_CODES = {404: 'page-missing', 413: 'request-too-large', 500: 'unexpected'}


def install(app: Flask, port: int, methods: Sequence[str] = ('GET', 'HEAD'), opened_at: Sequence[str] = ()) -> None:
    """Put the guard in front of an application and its error handlers behind it.

    Args:
        app: the application.
        port: where it is served.
        methods: others are refused; ``Allow`` of the refusal says which of them the address has.
        opened_at: the hosts, with their port, under which other machines may reach it; none of this machine alone.
    """
    hosts = frozenset('%s:%d' % (name, port) for name in _NAMES)
    if port == 80:  # browsers leave the default port out
        hosts |= frozenset(_NAMES)
    # Whatever a template shows may hold a name from outside; an address in it is ASCII already.
    app.jinja_env.finalize = lambda value: printable(value) if type(value) is str else value
    app.wsgi_app = _without_other_hosts(app.wsgi_app, hosts, frozenset(opened_at))  # type: ignore[method-assign]

    @app.before_request
    def guard() -> Optional[Response]:
        if not request.environ['HTTP_HOST']:
            return _refuse(400, 'name-refused' if is_opened() else 'host-refused')
        if _from_another_site():
            return _refuse(403, 'site-refused')
        if request.method not in methods or isinstance(request.routing_exception, MethodNotAllowed):
            response = _refuse(405, 'method-refused')
            allowed = app.url_map.bind_to_environ(request.environ).allowed_methods()
            response.headers['Allow'] = ', '.join(method for method in methods if method in allowed)
            return response
        if request.mimetype.startswith('multipart/'):
            return _refuse(415, 'upload-refused')
        if 'Transfer-Encoding' in request.headers:
            return _refuse(400, 'body-refused')
        if request.content_length:
            too_large = request.content_length > app.config['MAX_CONTENT_LENGTH']
            if too_large:
                return _refuse(413, 'request-too-large')
            if request.method != 'POST' or request.mimetype != _FORM or 'Content-Encoding' in request.headers:
                return _refuse(400, 'body-refused')
        return None

    @app.after_request
    def stamp(response: Response) -> Response:
        for name, value in (OPENED_HEADERS if is_opened() else HEADERS).items():
            response.headers[name] = value
        if request.path.startswith(_KEPT) and response.status_code in (200, 304):
            response.headers['Cache-Control'] = _KEPT_A_DAY
        return response

    app.register_error_handler(ThermoscreenError, _thermoscreen_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def whole_number(name: str, absent: int = 1) -> int:
    """An argument of the address that counts from 1.

    Args:
        name: of the argument.
        absent: what it is where it is not given.

    Raises:
        InputError: ``number-refused`` for anything but ASCII digits, nothing before and nothing after them.
    """
    text = request.args.get(name)
    if text is None:
        return absent
    if not is_whole_number(text):
        raise InputError('number-refused', 'In the address, %s must be a whole number from 1.' % name,
                         'Go back and choose again.')
    return int(text)


def is_whole_number(text: str) -> bool:
    """Whether a text is a number that counts from 1, as `whole_number` takes it."""
    return bool(_WHOLE_NUMBER.fullmatch(text))


def is_api() -> bool:
    """Whether programs and scripts read what is asked for."""
    return request.path.startswith(_API)


def is_opened() -> bool:
    """Whether another machine asks, over TLS."""
    return OPENED in request.environ


def address_elsewhere() -> str:
    """Address of the other machine that asks; empty where it is this one."""
    return str(request.remote_addr or 'unknown') if is_opened() else ''


def refuse(status: int, message: Message) -> Response:
    """A refusal: JSON for an API route, a page otherwise.

    Args:
        status: of HTTP.
        message: what is wrong and what to do.
    """
    if is_api():
        return json_reply(message.to_dict(), status)
    return make_response(render_template('message.html', message=message), status)


def json_reply(document: Dict[str, Any], status: int = 200) -> Response:
    """A dict as JSON; its keys keep their order, since stages are read in the order in which they ran."""
    return text_reply(json.dumps(document, allow_nan=False), status)


def text_reply(text: str, status: int = 200) -> Response:
    """JSON that is text already."""
    return Response(text, status, mimetype='application/json')


def _without_other_hosts(application: Callable[..., Iterable[bytes]], hosts: FrozenSet[str],
                         opened_at: FrozenSet[str]) -> Callable[..., Iterable[bytes]]:
    """Empty any other Host before Flask sees it: there are names with which its routing cannot even refuse."""
    def answer(environ: Dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get('HTTP_HOST', '').lower() not in (opened_at if OPENED in environ else hosts):
            environ['HTTP_HOST'] = ''
        return application(environ, start_response)

    return answer


def _from_another_site() -> bool:
    """Whether a browser says that another site made it ask.

    A link may lead a person to the live page, which does no work for it. A program that is no browser says nothing; a
    browser without Sec-Fetch-Site still names the Origin where a script reads across sites.
    """
    headers = request.headers
    site = headers.get('Sec-Fetch-Site')
    if site is None:
        return headers.get('Origin', request.host_url.rstrip('/')).lower() != request.host_url.rstrip('/').lower()
    followed = (request.path == '/' and request.method == 'GET' and headers.get('Sec-Fetch-Mode') == 'navigate'
                and headers.get('Sec-Fetch-Dest') == 'document')
    return site not in _OWN_SITES and not followed


def _refuse(status: int, code: str) -> Response:
    return refuse(status, _REFUSALS[code])


def note_fault(error: ThermoscreenError) -> None:
    """Write into the journal what is no fault of who asked."""
    if error.http_status >= 500:
        _LOGGER.warning('%s: %s', error, error.detail)


def _thermoscreen_error(error: ThermoscreenError) -> Response:
    note_fault(error)
    return refuse(error.http_status, error.message)


def _http_error(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:  # to werkzeug a redirect is an exception
        return error
    return _refuse(status, _CODES.get(status, 'request-refused'))


def _unexpected(error: Exception) -> Response:
    _LOGGER.exception('unexpected')
    return _refuse(500, 'unexpected')
