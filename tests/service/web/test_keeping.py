"""The pages of records: supervisors alone, a PIN for what leaves, comes or goes, and every way to its end."""
import re

import pytest

from service.backup import Medium
from service.cli.operators import PAGES
from service.exam_job import ExamJob
from service.exams import Policy
from service.exams.exam import DRAFT, SIGNED, Patient
from service.exams.exchange import find_exports
from service.operators.chain import decode, read_lines
from service.settings import Settings
from service.storage import Room
from service.web.access import SUPERVISOR, act_of, admitted
from service.web.app import create_app
from tests.service.exams.station import REAL, Station

from .conftest import LocalClient
from .stations import PINS, confirm, csrf_of

ACTS = {'keeping.begin_export': 'export exams', 'keeping.begin_import': 'import exams',
        'keeping.remove': 'remove exams for good', 'keeping.hold': 'change the legal hold of an exam'}


@pytest.fixture
def job(home, folder):
    (folder / 'sda1').mkdir()
    stick = Medium(str(folder / 'sda1'), 'USB medium sda1', 'vfat', Room(32 << 30, 17 << 30))
    made = ExamJob(home.exams, home.station.operators._clock, home.station.audit.append, Policy(10, 30), 0,
                   lambda: [stick], lambda place: None)
    yield made
    made.close()


@pytest.fixture
def app(stub, live, files_root, home, job):
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), exams=home.exams,
                     sessions=home.sessions, exam_job=job)
    app.test_client_class = LocalClient
    return app


@pytest.fixture
def signed(home):
    """Two signed exams and a draft; the first patient is Zoë. Somebody is logged in."""
    def make():
        station = Station.__new__(Station)
        station.exams, station.picture = home.exams, REAL
        return [station.exam(SIGNED).id, station.exam(SIGNED, Patient('P-2', 'Ida')).id, station.exam(DRAFT).id]
    return make


def text_of(answer):
    return answer.get_data(as_text=True)


def ended(job, client):
    job._thread.join(60)
    return text_of(client.get('/keeping'))


def told(home):
    return [entry['event'] for entry in map(decode, read_lines(home.station.audit.folder))]


def test_its_routes_are_for_supervisors_and_ask_for_the_pin_where_something_leaves_comes_or_goes(app, enter, home, job):
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith('keeping.')]
    assert {rule.endpoint for rule in rules if admitted(app, rule.endpoint) != {SUPERVISOR}} == set()
    assert {rule.endpoint: act_of(app, rule.endpoint) for rule in rules if act_of(app, rule.endpoint)} == ACTS
    assert {rule.endpoint for rule in rules if 'POST' in rule.methods} - set(ACTS) == {
        'keeping.stop', 'keeping.found', 'keeping.plan', 'keeping.begin_test'}, 'these change nothing'
    for role in ('operator', 'integrator'):
        client = enter(role)
        csrf = csrf_of(client.get('/status'))
        for rule in rules:
            path = rule.rule.replace('<exam_id>', '0' * 16)
            for method in sorted(rule.methods & {'GET', 'POST'}):
                form = {'csrf': csrf} if method == 'POST' else None
                assert client.open(path, method=method, data=form).status_code == 403, rule.rule
    assert job.progress.step == 'idle'


def test_one_exam_leaves_from_its_page_and_those_that_a_search_finds(enter, home, job, signed, folder):
    client = enter('supervisor')
    ids = signed()
    events = text_of(client.get('/exams/%s?part=events' % ids[0]))
    assert 'href="/keeping/export?exam=%s"' % ids[0] in events and 'Legal hold</a>' in events
    page = client.get('/keeping/export?exam=' + ids[0])
    assert 'Exam 1<' in text_of(page) and 'USB medium sda1' in text_of(page) and 'Zo' not in text_of(page)
    form = {'csrf': csrf_of(page), 'exam': ids[0], 'how': 'open', 'place': str(folder / 'sda1')}
    assert confirm(client, '/keeping/export', form, PINS['supervisor']).headers['Location'].endswith('/keeping')
    page = ended(job, client)
    assert 'You may remove the medium.' in page and '1 exam was exported' in page and job.key in page
    assert told(home)[-3:].count('exam-exported') == 1
    client.post('/keeping/stop', data=form)
    found = client.post('/exams/find', data={'query': 'ida', 'csrf': form['csrf']})
    assert 'action="/keeping/found"' in text_of(found)
    page = text_of(client.post('/keeping/found', data={'query': 'ida', 'csrf': form['csrf']}))
    assert 'Signed exams that were found: 1' in page and 'name="query" value="ida"' in page
    page = text_of(client.post('/keeping/found', data={'query': 'ida', 'how': 'sealed', 'csrf': form['csrf']}))
    assert 'name="how" value="sealed">' in page and 'name="how" value="sealed" aria-pressed="true"' in page
    assert 'Every signed exam: 2' in text_of(client.get('/keeping/export'))
    assert 'There is nothing to export.' in text_of(client.post('/keeping/found', data={
        'query': 'nobody', 'csrf': form['csrf']}))
    form = {'csrf': form['csrf'], 'query': 'ida', 'how': 'de-identified', 'place': str(folder / 'sda1')}
    confirm(client, '/keeping/export', form, PINS['supervisor'])
    assert '1 exam was exported as thermo-research-' in ended(job, client)
    answer = confirm(client, '/keeping/export', dict(form, query='nobody'), PINS['supervisor'])
    assert answer.status_code == 400 and 'exams-none' in text_of(answer)
    assert client.get('/keeping/export?exam=' + 'f' * 16).status_code == 404
    # The screen locked while it went on, and the key with it only afterwards.
    home.sessions.leave_patient(home.people['supervisor'].id)
    assert home.exams.sealer is None


def test_an_import_shows_the_key_that_is_to_be_compared(enter, home, job, signed, folder):
    client = enter('supervisor')
    ids = signed()
    assert 'Plug in a medium with an export.' in text_of(client.get('/keeping/import'))
    form = {'csrf': csrf_of(client.get('/keeping')), 'exam': ids[0], 'how': 'open', 'place': str(folder / 'sda1')}
    confirm(client, '/keeping/export', form, PINS['supervisor'])
    ended(job, client)
    client.post('/keeping/stop', data=form)
    (export,) = find_exports(str(folder / 'sda1'))
    page = text_of(client.get('/keeping/import'))
    assert export.key in page and ', of this station' in page and 'Compare the key' in page and '1 exam,' in page
    form = {'csrf': form['csrf'], 'folder': export.folder, 'key': '0' * 16}
    confirm(client, '/keeping/import', form, PINS['supervisor'])
    assert 'import-signer' in ended(job, client)
    confirm(client, '/keeping/import', dict(form, key=export.key), PINS['supervisor'])
    assert '1 exam was here already.' in ended(job, client)
    answer = confirm(client, '/keeping/import', dict(form, folder='/etc'), PINS['supervisor'])
    assert answer.status_code == 400 and 'export-missing' in text_of(answer)


def test_an_exam_is_held_with_a_reason_and_then_nothing_removes_it(enter, home, job, signed):
    client = enter('supervisor')
    ids = signed()
    path = '/keeping/hold/' + ids[0]
    page = client.get(path)
    assert 'why is it put on legal hold?' in text_of(page) and 'A court' in text_of(page)
    form = {'csrf': csrf_of(page), 'reason': 'A court or an authority asks for it.'}
    assert client.post(path, data=form).status_code == 403 and not home.exams.get(ids[0]).held
    assert confirm(client, path, form, PINS['supervisor']).headers['Location'].endswith(
        '/exams/%s?part=events' % ids[0])
    assert home.exams.get(ids[0]).held and 'A court or an authority' in text_of(
        client.get('/exams/%s?part=events' % ids[0]))
    assert 'End the hold' in text_of(client.get(path))
    for wrong, code in (({}, 'exam-hold'), ({'release': 'yes', 'reason': ''}, 'exam-text')):
        answer = confirm(client, path, dict(form, **wrong), PINS['supervisor'])
        assert answer.status_code == 409 and code in text_of(answer)
    home.station.operators._clock._utc_s = lambda: 1.8e9 + 20 * 366 * 86400
    home.now_s += 1
    assert client.post('/keeping/retention', data=form).status_code == 303
    page = ended(job, client)
    assert 'One exam would be removed for good.' in page and 'Exam 2</b>' in page and '1 on legal hold: kept.' in page
    assert confirm(client, '/keeping/remove', form, PINS['supervisor']).status_code == 303
    assert '1 exam was removed.' in ended(job, client) and told(home).count('exam-deleted') == 1
    assert [entry.row.id for entry in home.exams.list()] == [ids[2], ids[0]]
    confirm(client, path, dict(form, release='yes'), PINS['supervisor'])
    assert not home.exams.get(ids[0]).held


def test_who_says_that_the_date_is_right_may_look_what_is_old(enter, home, job, signed):
    client = enter('supervisor')
    signed()
    home.exams._clock._synchronised = lambda: False
    form = {'csrf': csrf_of(client.get('/keeping'))}
    client.post('/keeping/retention', data=form)
    page = ended(job, client)
    assert 'date-uncertain' in page and 'The date is right: look' in page and '2027-01-15' in page
    client.post('/keeping/retention', data=dict(form, date_confirmed='yes'))
    assert 'No exam is older than the settings keep it.' in ended(job, client) and 'date-confirmed' in told(home)


def test_a_restore_is_tested_from_the_page(enter, home, job, folder):
    client = enter('supervisor')
    page = client.get('/keeping/test')
    assert 'USB medium sda1' in text_of(page)
    assert client.post('/keeping/test', data={'csrf': csrf_of(page), 'place': str(folder / 'sda1')}).status_code == 303
    assert 'backup-missing' in ended(job, client)
    assert client.post('/keeping/test', data={'csrf': csrf_of(page), 'place': '/etc'}).status_code == 400


def test_every_page_that_a_refusal_names_is_there(app, root):
    """What a verb refuses while the service runs, its page does: each word is that of a button."""
    words = ' '.join(path.read_text(encoding='utf-8') for path in (root / 'service/web/templates').glob('*.html'))
    for page in PAGES.values():
        for word in page.split(', '):
            assert word == 'the exam' or re.search(r'''>%s<|'%s'|"%s"''' % (word, word, word), words), (page, word)
