"""What another machine gets of the application, where the page is opened: TLS, the station's names, a login."""
import datetime
import re

import pytest

from service.certificate import make_certificate
from service.cli.station import opening_of
from service.messages import SettingsError
from service.operators import OperatorError
from service.settings import Settings
from service.web.access import answers_here_alone
from service.web.app import create_app
from service.web.responses import OPENED
from service.web.sessions import BusyError

from .stations import PIN, PINS, Inhabited, csrf_of, log_in

AT = 'https://thermo3.example.org:8443'
NAMES = 'thermo3.example.org, fd00::3'

#: What no other machine is answered.
HERE_ALONE = {'login.first_start', 'login.make_first', 'login.passphrase_page', 'login.start', 'login.recovery',
              'login.recover', 'people.recovery_key'}


def other_machine(app, base_url=AT):
    """A browser elsewhere, whose requests came through the front."""
    client = app.test_client()
    plain = client.open

    def opened(*args, **kwargs):
        kwargs.setdefault('base_url', base_url)
        kwargs['environ_overrides'] = dict(kwargs.get('environ_overrides') or {}, **{OPENED: True})
        return plain(*args, **kwargs)

    client.open = opened
    return client


@pytest.fixture
def empty(folder):
    made = Inhabited(folder / 'exams')
    yield made
    made.close()


@pytest.fixture
def home(empty):
    return empty.settle()


@pytest.fixture
def app(stub, live, files_root, empty):
    settings = Settings(files_root=str(files_root), open_at='0.0.0.0:8443', station_names=NAMES)
    return create_app(stub, live, settings, exams=empty.exams, sessions=empty.sessions)


def test_before_a_login_nothing_is_told_but_the_login(app, home):
    client = other_machine(app)
    inside = [rule for rule in app.url_map.iter_rules() if 'GET' in rule.methods
              and rule.endpoint not in {'login.page', 'static', 'language.words'} | HERE_ALONE]
    assert len(inside) > 20
    for rule in inside:
        path = re.sub('<[^>]+>', '1', rule.rule)
        answer = client.get(path)
        assert answer.status_code in (303, 401), (path, answer.status_code)
        assert 'Set-Cookie' not in answer.headers or answer.status_code == 303
    assert client.get('/login').status_code == 200
    with client.get('/static/css/theme.css') as answer:
        assert answer.status_code == 200


def test_some_things_are_done_at_the_station_alone(app, home):
    """First supervisor, passphrase, recovery key: also by somebody who is logged in elsewhere."""
    assert {rule.endpoint for rule in app.url_map.iter_rules() if answers_here_alone(app, rule.endpoint)} == HERE_ALONE
    client = other_machine(app)
    for logged_in in (False, True):
        if logged_in:
            log_in(client, home.people['supervisor'].id, PIN)
        for rule in app.url_map.iter_rules():
            for method in rule.methods & {'GET', 'POST'} if rule.endpoint in HERE_ALONE else ():
                answer = client.open(rule.rule, method=method)
                assert (answer.status_code, b'station-only' in answer.data) == (403, True), rule.rule
    pages = [client.get(path).data for path in ('/operators', '/login', '/login?who=' + home.people['operator'].id)]
    assert not any(b'/recover' in page for page in pages) and all(b'button' in page for page in pages)


def test_wrong_pins_from_elsewhere_make_nobody_wait_at_the_station(app, home, monkeypatch):
    ben, client = home.people['operator'].id, other_machine(app)
    for _ in range(3):
        answer = log_in(client, ben, PIN)
    assert b'data-wait="30"' in answer.data and b'data-wait="30"' in log_in(client, ben, PINS['operator']).data
    # Neither is the station kept busy: who asks from elsewhere takes none of its places.
    check, here = home.station.operators.check, app.test_client()
    here_first = []

    def while_the_station_logs_in(*arguments):
        if not here_first:
            here_first.append(True)
            assert home.sessions.log_in(ben, PINS['operator']).operator_id == ben
            with pytest.raises(BusyError):
                home.sessions.log_in(ben, PINS['operator'], '10.0.0.8')
        return check(*arguments)

    monkeypatch.setattr(home.station.operators, 'check', while_the_station_logs_in)
    with pytest.raises(OperatorError):
        home.sessions.log_in(ben, PINS['operator'], '10.0.0.7')
    page = here.get('/login?who=' + ben, base_url='http://127.0.0.1:8080')
    assert b'data-wait="0"' in page.data and b'/recover' in page.data
    asked = {'who': ben, 'pin': PINS['operator'], 'csrf': csrf_of(page)}
    assert here.post('/login', data=asked, base_url='http://127.0.0.1:8080').status_code == 303


def test_who_logs_in_gets_the_page_with_a_cookie_for_tls_alone(app, home):
    client = other_machine(app)
    answer = log_in(client, home.people['supervisor'].id, PIN)
    assert answer.status_code == 303
    cookie = answer.headers['Set-Cookie']
    assert '; Secure' in cookie and '; HttpOnly' in cookie and 'SameSite=Strict' in cookie
    answer = client.get('/about')
    assert answer.status_code == 200
    assert answer.headers['Strict-Transport-Security'].startswith('max-age=')


def test_a_cookie_is_good_where_it_was_made(app, home):
    browsers = {False: (app.test_client(), 'http://127.0.0.1:8080'), True: (other_machine(app), AT)}
    for made_elsewhere in browsers:
        session = home.sessions._begin(home.people['supervisor'], made_elsewhere)
        for elsewhere, (client, base_url) in browsers.items():
            with client.session_transaction(base_url=base_url) as cookie:
                cookie['id'] = session.id
            answer = client.get('/status', base_url=base_url)
            assert answer.status_code == (200 if elsewhere == made_elsewhere else 303)


def test_the_status_page_says_how_the_certificate_is(app, home):
    client = other_machine(app)
    log_in(client, home.people['integrator'].id, PINS['integrator'])
    answer = client.get('/status')
    assert answer.status_code == 200 and b'certificate-missing' in answer.data


def test_on_the_machine_itself_nothing_changes(app, home):
    client = app.test_client()
    base = 'http://127.0.0.1:8080'
    page = client.get('/login?who=' + home.people['supervisor'].id, base_url=base)
    assert 'Secure' not in page.headers['Set-Cookie'] and 'Strict-Transport-Security' not in page.headers
    assert client.get('/healthz', base_url=base).status_code == 200
    assert client.get('/healthz', base_url=AT).status_code == 400


@pytest.mark.parametrize('base_url', [
    'https://127.0.0.1:8443', 'https://localhost:8443', 'https://127.0.0.1:8080', 'https://thermo3.example.org',
    'https://thermo3.example.org:8080', 'https://evil.example:8443'])
def test_other_names_are_refused(app, home, base_url):
    """Also the names of the machine itself, which open more than others do."""
    answer = other_machine(app, base_url).get('/login')
    assert answer.status_code == 400 and b'name-refused' in answer.data


def test_addresses_of_ipv6_are_names_too(app, home):
    assert other_machine(app, 'https://[fd00::3]:8443').get('/login').status_code == 200


@pytest.mark.parametrize('origin', ['http://thermo3.example.org:8443', 'https://evil.example', 'null'])
def test_other_sites_change_nothing(app, home, origin):
    client = other_machine(app)
    who = home.people['supervisor'].id
    csrf = csrf_of(client.get('/login?who=' + who))
    answer = client.post('/login', data={'who': who, 'pin': PIN, 'csrf': csrf}, headers={'Origin': origin})
    assert answer.status_code == 403 and b'site-refused' in answer.data
    answer = client.post('/login', data={'who': who, 'pin': PIN, 'csrf': csrf}, headers={'Origin': AT})
    assert answer.status_code == 303


@pytest.mark.parametrize('path', ['/', '/login', '/setup', '/healthz', '/static/css/theme.css'])
def test_the_first_supervisor_is_not_made_from_elsewhere(app, empty, path):
    answer = other_machine(app).get(path)
    assert answer.status_code == 403 and b'setup-here' in answer.data
    assert other_machine(app).post('/setup', data={'name': 'x', 'pin': PIN, 'again': PIN}).status_code == 403
    assert empty.sessions.operators.is_new


def test_without_a_setting_no_other_machine_is_answered(stub, live, files_root, empty):
    empty.settle()
    app = create_app(stub, live, Settings(files_root=str(files_root)), exams=empty.exams, sessions=empty.sessions)
    assert other_machine(app).get('/login').status_code == 400


@pytest.mark.parametrize('given, has_login, code', [
    ({}, False, 'open-without-login'), ({'certificate': ''}, True, 'open-without-certificate'),
    ({'certificate_key': ''}, True, 'open-without-certificate'), ({}, True, 'certificate-missing')])
def test_it_is_not_opened_without_login_and_certificate(tmp_path, given, has_login, code):
    values = dict({'open_at': '0.0.0.0:8443', 'station_names': NAMES, 'certificate': str(tmp_path / 'a.crt'),
                   'certificate_key': str(tmp_path / 'a.key')}, **given)
    with pytest.raises(SettingsError) as raised:
        opening_of(Settings(**values), has_login)
    assert raised.value.code == code


def test_it_is_opened_with_both(tmp_path):
    paths = {'certificate': str(tmp_path / 'a.crt'), 'certificate_key': str(tmp_path / 'a.key')}
    make_certificate(paths['certificate'], paths['certificate_key'], ['a.example'], datetime.datetime.now())
    opening = opening_of(Settings(open_at='[::]:8443', station_names=NAMES, **paths), True)
    assert (opening.host, opening.port) == ('::', 8443)
    assert opening_of(Settings(**paths), True) is None


@pytest.mark.parametrize('text', ['127.0.0.1:8443', '0.0.0.0:443', '0.0.0.0', '8443', '0.0.0.0:99999', '999.0.0.1:8443',
                                  'example.org:8443', '::1:8443', '[::1]:8443', '[::g]:8443', '0.0.0.0:8443 '])
def test_what_is_no_address_for_others(text):
    with pytest.raises(SettingsError) as raised:
        Settings(open_at=text)
    assert raised.value.code == 'open-address'


def test_the_name_of_the_machine_stands_in_for_a_missing_one(monkeypatch):
    monkeypatch.setattr('socket.gethostname', lambda: 'Thermo3')
    assert Settings(open_at='10.1.2.3:8443').opened_hosts() == ['thermo3:8443', '10.1.2.3:8443']
    assert Settings(open_at='0.0.0.0:8443').opened_hosts() == ['thermo3:8443']
    assert Settings().opened_hosts() == []
