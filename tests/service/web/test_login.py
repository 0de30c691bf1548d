"""Login, lock and roles: who gets in, who does not, and what is left when somebody leaves."""
import json
import re
import threading
from dataclasses import replace

import pytest

from service.exams import Patient
from service.operators import Cost, OperatorError, Station
from service.operators.chain import decode, read_lines
from service.settings import Settings
from service.web import sessions as sessions_module
from service.web.access import ANYONE, PEOPLE, SUPERVISOR, act_of, admitted, answers_while_waiting
from service.web.app import create_app
from service.web.sessions import BusyError
from service.web.tokens import Tokens

from .conftest import LocalClient
from .stations import OTHER, PIN, PINS, Inhabited, confirm, csrf_of, log_in
from .test_access import ACTS, EXAM_PAGES, ROUTES, WAITING, WITHOUT_PIN


@pytest.fixture
def empty(folder):
    """A station before its first start."""
    made = Inhabited(folder / 'exams')
    yield made
    made.close()


@pytest.fixture
def home(empty):
    return empty.settle()


@pytest.fixture
def app(stub, live, files_root, empty, tmp_path, shared_opened):
    settings = Settings(port=8080, max_viewers=2, files_root=str(files_root), api_tokens=str(tmp_path / 'tokens.json'))
    app = create_app(stub, live, settings, exams=empty.exams, sessions=empty.sessions)
    app.test_client_class = LocalClient
    shared_opened.clear()
    app.extensions['thermoscreen'] = replace(app.extensions['thermoscreen'], opened=shared_opened)
    return app


@pytest.fixture
def client(app):
    return app.test_client()


def facts(home, event):
    return [entry['facts'] for entry in map(decode, read_lines(home.station.audit.folder)) if entry['event'] == event]


def audited(home):
    return [(entry['event'], entry['operator'])
            for entry in map(decode, read_lines(home.station.audit.folder))]


def test_who_leaves_while_another_one_enters_takes_no_key_along(home, monkeypatch):
    sessions, check = home.sessions, home.station.operators.check
    leaving = sessions.log_in(home.people['operator'].id, OTHER)

    def while_another_leaves(*arguments):
        try:
            return check(*arguments)
        finally:
            sessions.end(leaving)

    monkeypatch.setattr(home.station.operators, 'check', while_another_leaves)
    entered = sessions.log_in(home.people['supervisor'].id, PIN)
    assert home.exams.sealer is not None and home.station.keys.sealer is not None
    sessions.end(entered)
    assert home.exams.sealer is None and home.station.keys.sealer is None


def test_a_wrong_pin_leaves_no_key_behind(home, monkeypatch):
    sessions, check = home.sessions, home.station.operators.check
    leaving = sessions.log_in(home.people['operator'].id, OTHER)

    def while_another_leaves(*arguments):
        sessions.end(leaving)
        return check(*arguments)

    monkeypatch.setattr(home.station.operators, 'check', while_another_leaves)
    with pytest.raises(OperatorError):
        sessions.log_in(home.people['supervisor'].id, OTHER)
    assert home.exams.sealer is None and home.station.keys.sealer is None


def test_the_first_start_makes_the_first_supervisor(client, empty):
    assert client.get('/').headers['Location'].endswith('/login')
    assert client.get('/login').headers['Location'].endswith('/setup')
    page = client.get('/setup')
    form = {'name': 'Ann Lind', 'pin': PIN, 'again': PIN, 'csrf': csrf_of(page)}
    different = client.post('/setup', data=dict(form, again='1'))
    assert different.status_code == 403 and b'pin-different' in different.data and empty.station.operators.is_new
    weak = client.post('/setup', data=dict(form, pin='123456', again='123456'))
    assert weak.status_code == 403 and b'pin-weak' in weak.data and empty.station.operators.is_new
    told = client.post('/setup', data=form)
    assert told.status_code == 200 and groups_of(told)
    assert b'recovery-unwritten' in client.get('/status').data
    client.post('/operators/recovery-key/kept', data={'csrf': csrf_of(told)})
    assert b'recovery-unwritten' not in client.get('/status').data
    assert [operator.name for operator in empty.station.operators.list()] == ['Ann Lind']
    assert client.get('/').status_code == 200 and empty.exams.sealer is not None
    assert client.get('/setup').headers['Location'].endswith('/login')
    again = client.post('/setup', data=dict(form, csrf=csrf_of(client.get('/'))))
    assert again.status_code == 403 and b'operators-exist' in again.data


def groups_of(page):
    """The recovery key that a page shows."""
    return re.findall('<li>([A-Z2-7]{5})</li>', page.get_data(as_text=True))


def test_the_right_pin_opens_the_page_and_a_wrong_one_does_not(client, home):
    ann = home.people['supervisor'].id
    wrong = log_in(client, ann, '000000')
    assert wrong.status_code == 403 and b'pin-wrong' in wrong.data
    assert client.get('/').status_code == 303
    right = log_in(client, ann, PIN)
    assert (right.status_code, right.headers['Location'].rpartition('/')[2]) == (303, 'home')
    assert b'Ann Lind is logged in' in client.get('/').data
    assert audited(home)[-2:] == [('login-failed', ann), ('login', ann)]


def test_wrong_pins_make_wait_with_a_countdown(client, home):
    ann = home.people['supervisor'].id
    for _ in range(3):
        answer = log_in(client, ann, '000000')
    assert b'data-wait="30"' in answer.data
    assert log_in(client, ann, PIN).status_code == 403 and client.get('/').status_code == 303
    home.since_boot_s += 31
    assert log_in(client, ann, PIN).status_code == 303


@pytest.mark.parametrize('who, pin', [('', PIN), ('op-00000000', PIN), ('../operators', PIN), ('<b>x</b>', ''),
                                      ('\x00', '\x00'), ('\ud7ff', '1' * 60000)])
def test_odd_names_and_pins_are_refused(client, home, who, pin):
    csrf = csrf_of(client.get('/login?who=' + home.people['operator'].id))
    answer = client.post('/login', data={'who': who, 'pin': pin, 'csrf': csrf})
    assert answer.status_code in (403, 413) and b'<b>x' not in answer.data
    assert client.get('/').status_code == 303


def test_the_lock_screen_has_names_and_nothing_of_a_patient(client, enter, home):
    operator = enter('operator')
    home.exams.create(Patient('P-77', 'Zoe Harm'), 'op-1')
    operator.get('/open?path=visit 1/frontal.csv')
    operator.post('/lock', data={'csrf': csrf_of(operator.get('/'))})
    for page in ('/login', '/login?who=' + home.people['operator'].id):
        html = operator.get(page).get_data(as_text=True)
        assert 'Ben Moe' in html and not any(word in html for word in ('P-77', 'Zoe', 'frontal', '°C'))


def test_names_stand_on_pages_of_twelve(client, home):
    ann = home.people['supervisor']
    log_in(client, ann.id, PIN)  # who adds has the key
    for number in range(12):
        home.station.operators.add(ann, 'Op %02d' % number, 'operator', '71%04d' % (2038 + number))
    assert client.get('/login').get_data(as_text=True).count('?who=') == 12
    assert client.get('/login?page=2').get_data(as_text=True).count('?who=') == 3
    assert client.get('/login?page=99').get_data(as_text=True).count('?who=') == 3


def test_the_lock_ends_everything_that_shows_a_patient(app, enter, home):
    client = enter('operator')
    objects = app.extensions['thermoscreen']
    key = client.get('/open/result?path=visit 1/frontal.csv').get_json()['id']
    viewer = objects.events.admit()
    assert viewer is not None and home.exams.sealer is not None
    stale = csrf_of(client.get('/'))
    assert client.post('/lock', data={'csrf': stale}).status_code == 303
    assert home.exams.sealer is None and home.station.keys.sealer is None
    assert objects.events.taken == 0
    assert client.get('/').status_code == 303
    for path in ('/live/values', '/live/events', '/open/result?id=' + key):
        assert (client.get(path).status_code, client.get(path).get_json()['code']) == (401, 'login-needed')
    log_in(client, home.people['operator'].id, PINS['operator'])
    assert client.get('/open/result?id=' + key).get_json()['code'] == 'opened-gone'
    assert ('logout', home.people['operator'].id) in audited(home)


def test_the_key_stays_while_a_colleague_works(enter, home):
    first, second = enter('operator'), enter('supervisor')
    first.post('/lock', data={'csrf': csrf_of(first.get('/'))})
    assert home.exams.sealer is not None and second.get('/').status_code == 200
    second.post('/lock', data={'csrf': csrf_of(second.get('/'))})
    assert home.exams.sealer is None


def test_the_key_stays_until_the_exam_under_way_has_its_pictures(enter, home):
    client = enter('operator')
    series = home.exams.create(Patient('P-77', 'Zoe Harm'), home.people['operator'].id)
    with home.sessions.at_work(), home.sessions.at_work():
        home.now_s += 301
        assert client.get('/').status_code == 303  # the screen is locked meanwhile
        home.exams.start(series.id, home.people['operator'].id)
    assert home.exams.sealer is None and home.station.keys.sealer is None
    with pytest.raises(OperatorError, match='login-needed'), home.sessions.at_work():
        pass


def test_the_key_stays_after_work_while_somebody_is_there(enter, home):
    enter('operator')
    with home.sessions.at_work():
        pass
    assert home.exams.sealer is not None


def test_an_integrator_opens_no_exam(enter, home):
    client = enter('integrator')
    assert home.exams.sealer is None and home.station.keys.sealer is None
    assert client.get('/status').status_code == 200


def test_the_station_locks_itself(enter, home):
    client = enter('operator')
    home.now_s += 299
    assert client.get('/live/values').status_code == 200
    assert client.get('/session').get_json() == {'left_s': 1.0}
    home.now_s += 2  # what the page asks by itself is no touch
    assert client.get('/live/values').status_code == 401
    assert home.exams.sealer is None and audited(home)[-1] == ('locked', home.people['operator'].id)


@pytest.mark.parametrize('touch', ['navigate', 'post'])
def test_a_touch_keeps_it_open(enter, home, touch):
    client = enter('operator')
    csrf = csrf_of(client.get('/'))
    for _ in range(3):
        home.now_s += 200
        if touch == 'post':
            assert client.post('/session', headers={'X-CSRF-Token': csrf}).get_json() == {'left_s': 300.0}
        else:
            assert client.get('/status', headers={'Sec-Fetch-Site': 'same-origin',
                                                  'Sec-Fetch-Mode': 'navigate'}).status_code == 200


def test_the_servers_own_requests_lock_too(app, enter, home):
    enter('operator')
    home.now_s += 301
    app.test_client().get('/about')
    assert home.exams.sealer is None


def test_who_was_removed_is_out_at_once(enter, home):
    client = enter('operator')
    enter('supervisor')
    home.station.operators.remove(home.people['supervisor'], home.people['operator'].id)
    assert client.get('/').status_code == 303


def test_forms_of_before_and_of_elsewhere_change_nothing(enter, home):
    client = enter('operator')
    before = csrf_of(client.get('/'))
    for form in ({}, {'csrf': ''}, {'csrf': 'guessed'}, {'csrf': before[:-1]}, {'csrf': '\xe9'}):
        answer = client.post('/lock', data=form)
        assert (answer.status_code, b'form-stale' in answer.data) == (403, True)
    log_in(client, home.people['operator'].id, PINS['operator'])
    assert client.post('/lock', data={'csrf': before}).status_code == 403
    assert client.get('/').status_code == 200


def test_a_form_of_another_browser_is_refused(app, enter):
    one, other = enter('operator'), enter('supervisor')
    assert one.post('/lock', data={'csrf': csrf_of(other.get('/'))}).status_code == 403


def test_a_login_ends_the_session_that_the_browser_had(app, enter, home):
    client = enter('operator')
    log_in(client, home.people['supervisor'].id, PIN)
    assert len(home.sessions._sessions) == 1
    assert b'Ann Lind is logged in' in client.get('/').data


def test_the_cookie_is_for_this_page_alone_and_signed(app, enter, home):
    client = app.test_client()
    answer = log_in(client, home.people['operator'].id, PINS['operator'])
    cookie = answer.headers['Set-Cookie']
    assert 'HttpOnly' in cookie and 'SameSite=Strict' in cookie and 'Domain' not in cookie
    assert PINS['operator'] not in cookie
    forged = app.test_client(use_cookies=False)
    value = cookie.partition('=')[2].partition(';')[0]
    assert forged.get('/', headers={'Cookie': 'thermoscreen=' + value}).status_code == 200
    for spoilt in (value[:-2], value[1:], 'x' + value, '', '.'.join(value.split('.')[:2])):
        assert forged.get('/', headers={'Cookie': 'thermoscreen=' + spoilt}).status_code == 303


@pytest.mark.parametrize('headers', [
    {'Origin': 'https://evil.example'}, {'Sec-Fetch-Site': 'cross-site'}, {'Sec-Fetch-Site': 'same-site'},
    {'Host': 'evil.example:8080'}], ids=str)
def test_other_sites_cannot_log_in_or_out(enter, headers):
    client = enter('operator')
    csrf = csrf_of(client.get('/'))
    for path in ('/lock', '/login', '/setup', '/session', '/operators'):
        assert client.post(path, data={'csrf': csrf}, headers=headers).status_code in (400, 403)
    assert client.get('/').status_code == 200


@pytest.mark.parametrize('content_type', ['application/json', 'text/plain', 'multipart/form-data; boundary=x', ''])
def test_only_forms_are_taken(enter, content_type):
    client = enter('operator')
    answer = client.post('/lock', data=b'csrf=x', content_type=content_type)
    assert answer.status_code in (400, 415)
    assert client.post('/lock', data={'csrf': 'x' * 70000}).status_code == 413


#: The routes of the login, as those of `test_access.ROUTES`.
LOGIN = {'page': (ANYONE,), 'log_in': (ANYONE,), 'first_start': (ANYONE,), 'make_first': (ANYONE,),
         'lock': PEOPLE, 'left': PEOPLE, 'touched': PEOPLE, 'passphrase_page': (ANYONE,), 'start': (ANYONE,),
         'recovery': (ANYONE,), 'recover': (ANYONE,)}


def test_every_route_states_its_roles(app):
    found = {rule.endpoint: admitted(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    wanted = dict(ROUTES, **EXAM_PAGES)
    wanted.update({'login.' + name: roles for name, roles in LOGIN.items()})
    wanted.update(('people.' + name, (SUPERVISOR,))
                  for name in ('page', 'newcomer', 'add', 'person', 'set_pin', 'remove', 'recovery_key',
                               'keep_recovery_key', 'passphrase', 'set_passphrase'))
    wanted.update(('batch.' + name, (SUPERVISOR,)) for name in ('page', 'begin', 'stop'))
    assert found == {endpoint: frozenset(roles) for endpoint, roles in wanted.items()}


def test_what_leaves_destroys_or_changes_asks_for_the_pin(app):
    """And whatever else is sent is on the list of what does not."""
    changing = {rule.endpoint for rule in app.url_map.iter_rules() if rule.methods - {'GET', 'HEAD', 'OPTIONS'}}
    asking = {rule.endpoint: act_of(app, rule.endpoint) for rule in app.url_map.iter_rules()
              if act_of(app, rule.endpoint)}
    assert asking == ACTS
    assert changing == set(ACTS) | WITHOUT_PIN and not set(ACTS) & WITHOUT_PIN


def test_every_role_gets_what_its_routes_admit(app, enter, home):
    """Every route is asked for by every role; a refusal is one exactly where the route does not admit the role."""
    client = {role: enter(role) for role in PINS}
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace('<path:filename>', 'css/theme.css').replace('<part>', 'model').replace(
            '<exam_id>', '0' * 16).replace('<name>', '0001.tscap').replace(
            '<int:number>', '1').replace('<act>', 'note').replace(
            '<operator_id>', home.people['operator'].id)
        if 'GET' not in rule.methods or rule.rule == '/live.mjpg' or rule.rule == '/live/events':
            continue
        roles = admitted(app, rule.endpoint)
        for role, browser in client.items():
            with browser.get(path) as answer:
                refused = answer.status_code in (401, 403) and b'opened-gone' not in answer.data
            assert refused == (ANYONE not in roles and role not in roles), (path, role)
        with app.test_client().get(path) as answer:
            assert (answer.status_code in (401, 303)) == (ANYONE not in roles) or rule.endpoint.startswith('login.')


def test_with_operators_the_api_wants_a_token(client, home, tmp_path):
    assert client.get('/api/v1/exams').get_json()['code'] == 'token-needed'
    token = Tokens(str(tmp_path / 'tokens.json')).add('dashboard')
    assert client.get('/api/v1/exams', headers={'Authorization': 'Bearer ' + token}).status_code == 200
    assert client.get('/', headers={'Authorization': 'Bearer ' + token}).status_code == 403


def test_few_pins_are_checked_at_once(home, monkeypatch):
    going, go_on = threading.Barrier(3), threading.Event()

    def slow(*arguments):
        going.wait(30)
        go_on.wait(30)
        raise OperatorError('pin-wrong', 'The PIN is wrong.')

    monkeypatch.setattr(home.station.operators, 'check', slow)
    outcomes = []

    def attempt():
        with pytest.raises(OperatorError) as caught:
            home.sessions.log_in('op-1', PIN)
        outcomes.append(caught.value.code)

    threads = [threading.Thread(target=attempt) for _ in range(sessions_module._AT_ONCE)]
    for thread in threads:
        thread.start()
    going.wait(30)
    with pytest.raises(BusyError, match='login-busy'):
        home.sessions.log_in('op-1', PIN)
    go_on.set()
    for thread in threads:
        thread.join()
    assert outcomes == ['pin-wrong'] * 2


def test_a_restart_ends_every_session_and_keeps_the_operators(app, enter, home, folder):
    enter('operator')
    home.station.audit.close()
    again = Station(str(folder / 'exams'), home.station.operators._clock)
    assert [operator.name for operator in again.operators.list()] == ['Ann Lind', 'Ben Moe', 'Cy Orr']
    assert again.keys.sealer is None
    again.close()


def test_values_without_a_login_are_json(client, home):
    assert json.loads(client.get('/live/values').get_data(as_text=True))['code'] == 'login-needed'


def test_a_supervisor_adds_operators_gives_them_pins_and_removes_them(app, enter, home):
    client = enter('supervisor')
    form = {'name': 'Dee Fox', 'role': 'operator', 'pin': '662817', 'again': '662817',
            'csrf': csrf_of(client.get('/operators/new'))}
    for spoilt, code in (({'again': '1'}, b'pin-different'), ({'name': 'Ben Moe'}, b'operator-name'),
                         ({'role': 'king'}, b'operator-role'), ({'pin': '1', 'again': '1'}, b'pin-weak')):
        answer = confirm(client, '/operators', dict(form, **spoilt), PIN)
        assert answer.status_code == 403 and code in answer.data
    assert confirm(client, '/operators', form, PIN).status_code == 303
    (dee,) = [operator for operator in home.station.operators.list() if operator.name == 'Dee Fox']
    assert b'Dee Fox' in client.get('/operators').data
    confirm(client, '/operators/%s/pin' % dee.id, dict(form, pin='559302', again='559302'), PIN)
    newcomer = app.test_client()
    assert log_in(newcomer, dee.id, '662817').status_code == 403
    assert log_in(newcomer, dee.id, '559302').status_code == 303 and newcomer.get('/').status_code == 200
    confirm(client, '/operators/%s/remove' % dee.id, form, PIN)
    assert newcomer.get('/').status_code == 303
    assert client.get('/operators/' + dee.id).status_code == 403
    last = confirm(client, '/operators/%s/remove' % home.people['supervisor'].id, form, PIN)
    assert last.status_code == 403 and b'supervisor-last' in last.data
    done = [event for event, who in audited(home) if who == home.people['supervisor'].id and event != 'confirmed']
    assert done[-4:] == ['login', 'operator-added', 'pin-changed', 'operator-removed']


def test_what_supervisors_do_asks_for_the_pin_each_time(enter, home):
    client, ben = enter('supervisor'), home.people['operator'].id
    path = '/operators/%s/pin' % ben
    form = {'pin': '662817', 'again': '662817', 'csrf': csrf_of(client.get('/operators'))}
    pad = client.post(path, data=form).get_data(as_text=True)
    assert 'To give an operator another PIN, type your PIN once more.' in pad and 'action="%s"' % path in pad
    assert '662817' not in pad and 'href="/operators"' in pad
    asked = re.search('name="act-asked" value="([^"]+)"', pad).group(1)
    given = {'act-asked': asked, 'act-pin': PIN, 'csrf': form['csrf']}
    for spoilt in ({'act-asked': ''}, {'act-asked': 'guessed'}, {'act-pin': ''}, {'act-pin': PIN[:-1]}):
        assert client.post(path, data=dict(given, **spoilt)).status_code == 403
    assert client.post(path, data=given).status_code == 403  # an asking takes one answer, right or wrong
    elsewhere = client.post(path, data=form).get_data(as_text=True)
    given['act-asked'] = re.search('name="act-asked" value="([^"]+)"', elsewhere).group(1)
    assert b'asking-over' in client.post('/operators/%s/remove' % ben, data=given).data  # and is for one act
    assert confirm(client, path, form, PIN).status_code == 303
    assert client.post(path, data=given).status_code == 403
    assert audited(home)[-2:] == [('confirmed', home.people['supervisor'].id),
                                  ('pin-changed', home.people['supervisor'].id)]
    assert facts(home, 'confirmed') == [{'act': 'give an operator another PIN'}]


def test_a_form_that_is_sent_again_does_nothing(enter, home, monkeypatch):
    client = enter('supervisor')
    form = {'name': 'Dee Fox', 'role': 'operator', 'pin': '662817', 'again': '662817',
            'csrf': csrf_of(client.get('/operators'))}
    sent, post = [], client.post
    monkeypatch.setattr(client, 'post', lambda path, data: sent.append(data) or post(path, data=data))
    assert confirm(client, '/operators', form, PIN).status_code == 303
    assert post('/operators', data=sent[-1]).status_code == 403 and len(home.station.operators.list()) == 4


def test_wrong_pins_of_an_act_make_wait_too(enter, home):
    client = enter('supervisor')
    path, form = '/operators/%s/remove' % home.people['operator'].id, {'csrf': csrf_of(client.get('/operators'))}
    for _ in range(3):
        answer = confirm(client, path, form, OTHER)
    assert b'data-wait="30"' in answer.data and len(home.station.operators.list()) == 3
    assert confirm(client, path, form, PIN).status_code == 403
    home.since_boot_s += 31
    assert confirm(client, path, form, PIN).status_code == 303


@pytest.mark.parametrize('role', ['operator', 'integrator'])
def test_nobody_else_manages_operators(enter, home, role):
    client = enter(role)
    csrf = csrf_of(client.get('/status'))
    for path in ('/operators', '/operators/%s/remove' % home.people['supervisor'].id):
        assert client.post(path, data={'csrf': csrf}).status_code == 403
    assert client.get('/operators').status_code == 403 and len(home.station.operators.list()) == 3
    assert b'/operators' not in client.get('/status').data


PASSPHRASE = 'four quiet grey horses'


def restarted(home):
    """The station as it is after a power cut."""
    home.sessions.end_all()
    home.station.audit.close()
    home.station = Station(home.exams.folder, home.station.operators._clock, cost=Cost(2, 8, 1))
    home.sessions.operators, home.sessions._keys = home.station.operators, home.station.keys
    home.sessions._audit = home.station.audit


def test_a_station_with_a_passphrase_waits_for_it_and_answers_nothing_else(app, client, enter, home):
    ann, form = enter('supervisor'), {'passphrase': PASSPHRASE, 'again': PASSPHRASE}
    form['csrf'] = csrf_of(ann.get('/operators/passphrase'))
    for spoilt, code in (({'again': PASSPHRASE[1:]}, b'passphrase-different'),
                         ({'passphrase': 'short', 'again': 'short'}, b'passphrase-short')):
        assert code in confirm(ann, '/operators/passphrase', dict(form, **spoilt), PIN).data
    assert confirm(ann, '/operators/passphrase', form, PIN).status_code == 303
    restarted(home)
    assert {rule.endpoint for rule in app.url_map.iter_rules() if answers_while_waiting(app, rule.endpoint)} == WAITING
    for path in ('/', '/login', '/status', '/about', '/operators'):
        assert client.get(path).headers['Location'].endswith('/passphrase')
    for path in ('/api/v1/exams', '/live/values', '/metrics', '/session'):
        answer = client.get(path, headers={'Authorization': 'Bearer x'})
        assert (answer.status_code, answer.get_json()['code']) == (503, 'passphrase-needed')
    assert b'"parts"' in client.get('/healthz').data
    csrf = csrf_of(client.get('/passphrase'))
    form = {'who': home.people['operator'].id, 'pin': OTHER, 'csrf': csrf}
    assert client.post('/login', data=form).status_code == 503
    wrong = client.post('/passphrase', data={'passphrase': PASSPHRASE.upper(), 'csrf': csrf})
    assert wrong.status_code == 403 and b'passphrase-wrong' in wrong.data and b'QUIET' not in wrong.data
    assert client.post('/passphrase', data={'passphrase': PASSPHRASE, 'csrf': csrf}).status_code == 303
    assert [event for event, _ in audited(home)][-2:] == ['passphrase-failed', 'passphrase-given']
    assert client.get('/passphrase').headers['Location'].endswith('/login')
    assert log_in(client, home.people['operator'].id, OTHER).status_code == 303


def test_a_passphrase_is_taken_away_again(enter, home):
    ann = enter('supervisor')
    home.station.operators.set_passphrase(home.people['supervisor'], PASSPHRASE)
    page = ann.get('/operators/passphrase')
    assert b'No passphrase' in page.data
    assert confirm(ann, '/operators/passphrase', {'csrf': csrf_of(page)}, PIN).status_code == 303
    assert not home.station.operators.has_passphrase and audited(home)[-1][0] == 'passphrase-removed'


def typed(key, **more):
    return dict({'group-%d' % number: group for number, group in enumerate(key, 1)}, **more)


def test_the_recovery_key_lets_a_supervisor_in_again(client, enter, home):
    ann, key = enter('supervisor'), None
    shown = confirm(ann, '/operators/recovery-key', {'csrf': csrf_of(ann.get('/operators'))}, PIN)
    key = groups_of(shown)
    assert len(key) == 8 and ann.post('/operators/recovery-key/kept', data={'csrf': csrf_of(shown)}).status_code == 303
    restarted(home)
    who = home.people['supervisor'].id
    names = client.get('/recover').get_data(as_text=True)
    assert 'who=' + who in names and home.people['operator'].id not in names
    csrf = csrf_of(client.get('/recover?who=' + who))
    spoilt = ['AAAAA'] + key[1:4] + [''] + key[5:]
    answer = client.post('/recover', data=typed(spoilt, who=who, csrf=csrf))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 403 and 'Groups 1 and 5 of the recovery key cannot be right.' in page
    assert re.findall('class="wrong">([0-9])', page) == ['1', '5'] and 'value="%s"' % key[7] in page
    pad = client.post('/recover', data=typed(key, who=who, csrf=csrf))
    given = {'who': who, 'key': '-'.join(key), 'csrf': csrf, 'pin': '662817', 'again': '662817'}
    assert pad.status_code == 200 and 'value="%s"' % given['key'] in pad.get_data(as_text=True)
    assert b'pin-different' in client.post('/recover', data=dict(given, again='1')).data
    assert b'pin-weak' in client.post('/recover', data=dict(given, pin='111111', again='111111')).data
    assert b'recovery-typo' in client.post('/recover', data=dict(given, key='x')).data
    assert b'operator-role' in client.post('/recover', data=dict(given, who=home.people['operator'].id)).data
    assert client.post('/recover', data=given).headers['Location'].endswith('/operators')
    assert client.get('/operators').status_code == 200 and home.exams.sealer is not None
    assert [event for event, _ in audited(home)][-3:] == ['recovery-key-used', 'pin-changed', 'login']


def test_a_restored_station_without_operators_asks_for_the_recovery_key(client, enter, home, folder):
    ann = enter('supervisor')
    key = groups_of(confirm(ann, '/operators/recovery-key', {'csrf': csrf_of(ann.get('/operators'))}, PIN))
    ann.post('/operators/recovery-key/kept', data={'csrf': csrf_of(ann.get('/operators'))})
    for name in ('operators.json', 'operators-copy.json'):
        (folder / 'exams' / 'operators' / name).unlink()
    restarted(home)
    assert client.get('/setup').headers['Location'].endswith('/recover')
    csrf = csrf_of(client.get('/recover'))
    assert b'name="name"' in client.post('/recover', data=typed(key, csrf=csrf)).data
    form = {'key': '-'.join(key), 'name': 'Eve Roe', 'pin': '662817', 'again': '662817', 'csrf': csrf}
    assert client.post('/recover', data=form).status_code == 303
    assert [person.name for person in home.station.operators.list()] == ['Eve Roe']


def test_wrong_recovery_keys_make_wait_on_the_page(client, enter, home):
    ann = enter('supervisor')
    other = groups_of(confirm(ann, '/operators/recovery-key', {'csrf': csrf_of(ann.get('/operators'))}, PIN))
    csrf = csrf_of(client.get('/recover?who=' + home.people['supervisor'].id))
    for _ in range(3):  # it is not kept, so the one before holds
        answer = client.post('/recover', data=typed(other, who=home.people['supervisor'].id, csrf=csrf))
        assert answer.status_code == 403
    assert b'data-wait="30"' in answer.data and other[0].encode() in answer.data
