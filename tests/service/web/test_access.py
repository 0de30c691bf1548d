"""Which roles every route admits, and that a route without any answers nobody."""
import pytest
from flask import Flask

from service.messages import Message
from service.web import access, responses
from service.web.access import ANYONE, CLINICAL, INTEGRATOR, PEOPLE, SUPERVISOR, TOKEN, admits, admitted
from service.web.safe import create_safe_app
from service.web.tokens import Tokens

STAFF = (INTEGRATOR,) + CLINICAL

#: Every route of the station, written a second time: who adds a route says here too whom it is for.
ROUTES = {
    'static': (ANYONE,), 'about.page': (ANYONE,), 'monitoring.health': (ANYONE,), 'monitoring.readiness': (ANYONE,),
    'kiosk.beat': (ANYONE,), 'kiosk.verdict': (ANYONE,), 'language.words': (ANYONE,),
    'support.page': (SUPERVISOR, INTEGRATOR), 'support.download': (SUPERVISOR, INTEGRATOR),
    'monitoring.metrics': (SUPERVISOR, INTEGRATOR, TOKEN), 'status.page': STAFF,
    'live.page': CLINICAL, 'live.picture_stream': CLINICAL, 'live.value_stream': CLINICAL,
    'live.newest_values': CLINICAL, 'files.page': CLINICAL, 'files.result': CLINICAL,
    'api.document': (ANYONE,), 'api.status': (TOKEN,), 'api.bundle': (TOKEN,), 'api.benchmark': (TOKEN,),
    'api.results': (TOKEN,), 'api.exams': (TOKEN,), 'api.exam': (TOKEN,), 'api.exam_file': (TOKEN,),
    'api.captures': (TOKEN,), 'api.similar': (TOKEN,), 'api.series': (TOKEN,), 'api.report': (TOKEN,),
    'api.exam_begun': CLINICAL, 'scanner.page': PEOPLE}
ROUTES.update(('api.exam_' + act, CLINICAL) for act in (
    'captures', 'start', 'note', 'deviation', 'review', 'resume', 'sign', 'amend', 'discard', 'correct', 'take-back'))
ROUTES.update(('files.' + part, CLINICAL) for part in ('thumbnail', 'viewing', 'frame', 'layer', 'twin'))

#: Where exams are kept.
EXAM_PAGES = {'exams.' + name: CLINICAL for name in (
    'page', 'find', 'search', 'newcomer', 'newcomer_told', 'news', 'add', 'exam', 'series', 'picture', 'viewing',
    'frame', 'layer', 'twin', 'file', 'question', 'do')}
EXAM_PAGES.update({name: CLINICAL for name in (
    'home.start_page', 'beside.page', 'beside.drawn', 'series.page', 'series.drawn', 'outlines.page',
    'outlines.tried', 'report.page', 'report.paper', 'similar.page', 'similar.reading',
    'why.page', 'why.begin', 'why.stop', 'why.drawn')})

EXAM_PAGES.update({'moving.' + name: (SUPERVISOR,) for name in ('page', 'asked', 'move')})

#: What asks for the PIN once more, each time, in the words of its pad.
ACTS = {'people.add': 'add an operator', 'people.set_pin': 'give an operator another PIN',
        'people.remove': 'remove an operator', 'people.recovery_key': 'make another recovery key',
        'people.set_passphrase': 'change the passphrase of the station',
        'batch.begin': 'write the results of files to a medium',
        'moving.move': 'move an exam to another patient'}

#: Changes that do not, each for a reason: the login and the lock themselves, and what follows at
#: once on something that did; the way of an exam, whose every event carries the name of who is logged in
#: and takes nothing away; a search, which is a form to stay out of the history.
WITHOUT_PIN = {'login.log_in', 'login.make_first', 'login.lock', 'login.touched', 'login.start', 'login.recover',
               'people.keep_recovery_key', 'exams.find', 'exams.newcomer_told',
               'exams.add', 'exams.do', 'outlines.tried', 'batch.stop', 'moving.asked', 'why.begin', 'why.stop'} | {
                   endpoint for endpoint, roles in ROUTES.items()
                   if endpoint.startswith('api.exam_') and roles == CLINICAL}

#: What answers while the station waits for its passphrase.
WAITING = {'static', 'monitoring.health', 'monitoring.readiness', 'kiosk.beat', 'kiosk.verdict', 'language.words',
           'login.passphrase_page', 'login.start', 'login.recovery', 'login.recover'}


def test_every_route_states_its_roles(app):
    found = {rule.endpoint: admitted(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    assert found == {endpoint: frozenset(roles) for endpoint, roles in ROUTES.items()}


def test_every_route_of_safe_mode_is_for_anyone():
    app = create_safe_app(Message('asked', 'Somebody asked.'), 8080, lambda: None)
    assert {rule.endpoint for rule in app.url_map.iter_rules()
            if admitted(app, rule.endpoint) != frozenset([ANYONE])} == set()


def test_a_route_without_roles_answers_nobody():
    app = Flask('service.web.app')
    app.config.update(MAX_CONTENT_LENGTH=0)
    responses.install(app, 8080)
    access.install(app, Tokens(''))
    app.add_url_rule('/live/forgotten', 'forgotten', lambda: 'secret')
    app.add_url_rule('/live/open', 'open', admits(ANYONE)(lambda: 'for all'))
    client = app.test_client()
    forgotten = client.get('/live/forgotten', base_url='http://127.0.0.1:8080')
    assert (forgotten.status_code, forgotten.get_json()['code']) == (403, 'route-closed')
    assert client.get('/live/open', base_url='http://127.0.0.1:8080').data == b'for all'
    assert client.get('/live/nowhere', base_url='http://127.0.0.1:8080').status_code == 404


@pytest.mark.parametrize('roles', [(), ('operater',), (ANYONE, 'root')])
def test_a_role_that_is_none_is_a_fault_of_the_program(roles):
    with pytest.raises(ValueError, match='a route admits some of'):
        admits(*roles)


@pytest.mark.parametrize('role', [ANYONE, TOKEN])
def test_who_has_no_pin_is_not_asked_for_it(role):
    with pytest.raises(ValueError, match='only people have a PIN'):
        admits(SUPERVISOR, role, act='export exams')
