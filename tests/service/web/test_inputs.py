"""Every parameter of every route against what is odd, wrong or hostile: no fault, nothing reflected, nothing changed.

The parameters are found in the sources of the routes, so that a new one is tried too.
"""
import itertools
import os
import re
from dataclasses import replace

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder, run_wsgi_app

import service.web
from service.exam_job import ExamJob
from service.exams import Policy
from service.settings import Settings
from service.settings_changes import Changes
from service.web.access import ANYONE, ASKED_FIELD, PIN_FIELD, admitted
from service.web.app import MAX_BODY_BYTES, create_app

from .conftest import LocalClient
from .stations import PIN

ADDRESS = 'http://127.0.0.1:8080'
SCRIPT = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>'

#: What is typed, sent or linked: paths, SQL, HTML, templates, header lines, names of people, no text, no number, much.
ODD = ('../../../../etc/passwd', '/etc/passwd', '..%2f..%2fetc%2fpasswd', "' OR 1=1 --", 'x"; DROP TABLE exams; --',
       SCRIPT, '{{ 7 * 191 }}', '\r\nSet-Cookie: a=b', '王小明 عائشة Żółć \u202e\u0301 \U0001f600', '\x00', 'a\x00b',
       '-1', '1e999', 'NaN', '\u0663', '', ' ', '[]', 'x' * (60 * 1024))

#: Bytes that are no text in UTF-8, as an address or a form carries them.
NO_TEXT = '%ff%fe%c0%80'

#: What a station may say while it lacks something, or is too busy; everything else from 500 on is a fault.
LACKING = ('picture-none', 'starting', 'waiting', 'opening-slow')

#: Fields whose values no page shows. The recovery key is typed in plain sight, and its wrong groups are mended there.
SECRET = re.compile('pin|again|phrase')

_READ = re.compile(r"""(args|form)(?:\.get|\.getlist)?[([]['"](\w+)|whole_number\('(\w+)'""")


def _parameters():
    """Names that the routes read from the address, and from a form."""
    found = {'args': set(), 'form': set()}
    folder = os.path.dirname(service.web.__file__)
    for name in os.listdir(folder):
        if name.endswith('.py'):
            with open(os.path.join(folder, name), encoding='utf-8') as stream:
                for kind, parameter, number in _READ.findall(stream.read()):
                    found[kind or 'args'].add(parameter or number)
    return sorted(found['args']), sorted(found['form'] - {'csrf'})


ARGUMENTS, FIELDS = _parameters()


@pytest.fixture
def job(home):
    made = ExamJob(home.exams, home.station.operators._clock, home.station.audit.append, Policy(10, 30), 0, lambda: [])
    yield made
    made.close()


@pytest.fixture
def app(stub, live, files_root, home, job, shared_opened):
    settings = Settings(files_root=str(files_root), exams_folder=home.exams.folder)
    changes = Changes(None, {'exams_folder': home.exams.folder}, settings, home.station.audit.append)
    app = create_app(stub, live, settings, exams=home.exams, sessions=home.sessions, exam_job=job, changes=changes)
    app.test_client_class = LocalClient
    shared_opened.clear()
    app.extensions['thermoscreen'] = replace(app.extensions['thermoscreen'], opened=shared_opened)
    return app


@pytest.fixture
def walk(app, home):
    """Send a request as a supervisor who is logged in: the answer, which is no fault."""
    known = []
    # `session_transaction` would be one request more for each.
    client, sign = app.test_client(use_cookies=False), app.session_interface.get_signing_serializer(app).dumps

    def send(method, path, form=None, **options):
        if not known or home.sessions.find(known[-1].id) is None:
            known.append(home.sessions._begin(home.people['supervisor']))
        session = known[-1]
        cookie = '%s=%s' % (app.config['SESSION_COOKIE_NAME'], sign({'id': session.id, 'csrf': 'known'}))
        if form is not None:
            asked = home.sessions.ask(session, path, list(MultiDict(form).items(multi=True)))
            options['data'] = dict(form, csrf='known', **{ASKED_FIELD: asked, PIN_FIELD: PIN})
        with client.open(path, method=method, headers={'Cookie': cookie}, **options) as answer:
            body = b'' if answer.direct_passthrough else answer.get_data()
            assert b'form-stale' not in body, path
            assert answer.status_code < 500 or any(code.encode() in body for code in LACKING), (path, body[:300])
            assert 'a=b' not in answer.headers.get('Set-Cookie', '')
            if answer.mimetype == 'text/html':
                assert not re.search(rb'<script>alert|onerror=alert\(1\)>|\b1337\b', body), path
            assert b'root:x:0' not in body
            assert answer.headers['X-Content-Type-Options'] == 'nosniff'
            return answer
    return send


def _rules(app, method):
    return [rule for rule in app.url_map.iter_rules() if method in rule.methods and rule.endpoint != 'static']


def _path(rule, value):
    """The path of a rule with a value in the place of each of its names; a number in that of a number."""
    from urllib.parse import quote
    return re.sub('<[^>]+>', quote(value, safe='') or 'x', re.sub('<int:[^>]+>', '1', rule.rule))


def test_parameters_are_found():
    assert {'path', 'frame', 'page', 'who', 'after', 'limit', 'state', 'id'} <= set(ARGUMENTS)
    assert {'who', 'pin', 'again', 'name', 'role'} <= set(FIELDS)


@pytest.mark.parametrize('value', ODD, ids=lambda value: ascii(value[:20]))
def test_odd_values_are_no_fault(app, walk, value):
    """Every third route, and the others with the next values: the routes are many and the values alike."""
    from urllib.parse import urlencode
    which = ODD.index(value) % 3
    for rule in _rules(app, 'GET')[which::3]:
        if rule.arguments:
            walk('GET', _path(rule, value if '/' not in value else 'x'))
        walk('GET', _path(rule, 'op-1') + '?' + urlencode([(name, value[:2000]) for name in ARGUMENTS]))
    for rule in _rules(app, 'POST')[which::3]:
        share = max(1, len(FIELDS)) if len(value) > 1000 else 1
        walk('POST', _path(rule, 'op-1'), {name: value[:len(value) // share] for name in FIELDS})


def test_missing_doubled_and_unreadable_fields_are_no_fault(app, walk):
    for rule in _rules(app, 'GET'):
        path = _path(rule, 'op-1')
        walk('GET', path + '?' + '&'.join('%s=1&%s=2&%s[]=3' % (name, name, name) for name in ARGUMENTS))
        walk('GET', path + '?' + '&'.join('%s=%s' % (name, NO_TEXT) for name in ARGUMENTS))
        walk('GET', path + '?' + '&'.join(ARGUMENTS) + '&=&&%&%zz=%')
    form = 'application/x-www-form-urlencoded'
    for rule in _rules(app, 'POST'):
        path = _path(rule, 'op-1')
        walk('POST', path, {})
        walk('POST', path, {name: ['1', '2'] for name in FIELDS})
        fields = '&'.join('%s=%s' % (name, NO_TEXT) for name in FIELDS)
        walk('POST', path, data='csrf=known&' + fields, content_type=form)
        walk('POST', path, data='csrf=known&csrf=known&' + '&'.join('a%d=1' % number for number in range(5000)),
             content_type=form)


def test_no_page_repeats_a_pin_or_a_passphrase(app, home):
    """Whatever is wrong with the form, and where the station asks for a PIN first: what was typed is in no answer."""
    secrets = {name: '8471%s 93' % name for name in FIELDS if SECRET.search(name)}
    assert {'pin', 'again', 'passphrase'} <= set(secrets)
    client = app.test_client()
    for who, rule in itertools.product(('supervisor', None), _rules(app, 'POST')):
        session = home.sessions._begin(home.people[who]) if who else None
        with client.session_transaction(base_url=ADDRESS) as cookie:
            cookie['id'], cookie['csrf'] = session.id if session else '', 'known'
        for form in (secrets, dict(secrets, again='8471 other')):
            answer = client.post(_path(rule, home.people['operator'].id), data=dict(form, csrf='known'))
            assert b'8471' not in answer.data, rule.rule


def test_only_a_form_of_this_login_changes_anything(app, home):
    """Not one without its token, with another session's, or with one from before the logout."""
    client, other = app.test_client(), app.test_client()
    tokens = {}
    for browser in (client, other):
        session = home.sessions._begin(home.people['supervisor'])
        with browser.session_transaction(base_url=ADDRESS) as cookie:
            cookie['id'], cookie['csrf'] = session.id, tokens.setdefault(browser, 'token-%d' % len(tokens))
    before = [operator._asdict() for operator in home.sessions.operators.list()]
    rules = _rules(app, 'POST')
    assert len(rules) > 6
    for rule, token in itertools.product(rules, ['', 'token-1', 'x' * 5000, '\x00', 'ü']):
        answer = client.post(_path(rule, home.people['operator'].id),
                             data={'csrf': token, 'pin': '111111', 'again': '111111'})
        assert (answer.status_code, b'form-stale' in answer.data) == (403, True), rule.rule
    # The right token opens the lock; nothing that was shown before is of use afterwards.
    assert client.post('/lock', data={'csrf': 'token-0'}).status_code == 303
    for rule in rules:
        answer = client.post(_path(rule, home.people['operator'].id), data={'csrf': 'token-0'})
        assert answer.status_code in (401, 403), rule.rule
    assert [operator._asdict() for operator in home.sessions.operators.list()] == before


@pytest.mark.parametrize('headers, status', [
    ({'Host': 'evil.example'}, 400), ({'Host': '127.0.0.1:8080.evil.example'}, 400),
    ({'Origin': 'https://evil.example'}, 403), ({'Origin': 'null'}, 403),
    ({'Sec-Fetch-Site': 'cross-site'}, 403), ({'Sec-Fetch-Site': 'same-site'}, 403)])
def test_foreign_hosts_and_sites_get_nothing_of_any_route(app, headers, status):
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods & {'GET', 'POST'}):
            answer = client.open(_path(rule, 'x'), method=method, headers=headers)
            assert answer.status_code == status, (rule.rule, method)


class Unread:
    """A body that nobody may read beyond its limit."""

    def __init__(self, size):
        self.left = size
        self.taken = 0

    def read(self, size=-1):
        size = self.left if size is None or size < 0 else min(size, self.left)
        self.left -= size
        self.taken += size
        assert self.taken <= MAX_BODY_BYTES, 'a body was read beyond its limit'
        return b'a' * size

    readline = read


@pytest.mark.parametrize('headers', [
    {}, {'Content-Encoding': 'gzip'}, {'Transfer-Encoding': 'chunked'},
    {'Content-Type': 'multipart/form-data; boundary=x'}, {'Content-Type': 'application/json'},
    {'Content-Type': 'application/x-www-form-urlencoded'}], ids=str)
def test_no_route_reads_a_body_of_a_gigabyte(app, headers):
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods & {'GET', 'POST'}):
            body = Unread(1 << 30)
            environ = EnvironBuilder(_path(rule, 'x'), ADDRESS, method=method, headers=headers).get_environ()
            environ.update({'wsgi.input': body, 'CONTENT_LENGTH': str(1 << 30)})
            if 'Transfer-Encoding' in headers:  # as a server that takes such bodies says it
                environ.update({'wsgi.input_terminated': True})
                del environ['CONTENT_LENGTH']
            _, status, _ = run_wsgi_app(app, environ, buffered=True)
            assert status[:3] in ('400', '405', '413', '415'), (rule.rule, method, status)
            assert body.taken <= MAX_BODY_BYTES


def test_an_address_says_which_methods_it_takes(app):
    """Whatever else is wrong with the request."""
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        taken = rule.methods & {'GET', 'HEAD', 'POST'}
        answer = client.options(_path(rule, '1'), data=b'x')
        allowed = set(answer.headers['Allow'].split(', '))
        assert answer.status_code == 405 and taken <= allowed <= {'GET', 'HEAD', 'POST'}, rule.rule
        for method in {'GET', 'POST'} - allowed:
            assert client.open(_path(rule, '1'), method=method, data=b'x').headers['Allow'] == ', '.join(
                method for method in ('GET', 'HEAD', 'POST') if method in allowed)


def test_a_compressed_form_is_not_unpacked(app, home):
    import gzip
    packed = gzip.compress(b'a' * (1 << 20))
    assert len(packed) < MAX_BODY_BYTES
    for rule in _rules(app, 'POST'):
        answer = app.test_client().post(_path(rule, 'x'), data=packed, headers={'Content-Encoding': 'gzip'},
                                        content_type='application/x-www-form-urlencoded')
        assert (answer.status_code, b'body-refused' in answer.data) == (400, True), rule.rule


def test_some_routes_admit_somebody_and_some_everybody(app):
    """So that the walks above did not only meet closed doors."""
    roles = [admitted(app, rule.endpoint) for rule in app.url_map.iter_rules()]
    assert any(ANYONE in found for found in roles) and any(ANYONE not in found for found in roles)
