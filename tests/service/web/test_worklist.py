"""The page of the worklist: who is scheduled begins an exam, with the demographics and the order of the worklist."""
import re

import pytest

from service.acquisition import Newcomer
from service.exams import Order, Patient
from service.hospital.peers import Echoes
from service.hospital.site import Peer, Site
from service.hospital.worklist import Worklist
from service.settings import Settings
from service.web.access import CLINICAL, INTEGRATOR, SUPERVISOR, admitted
from service.web.app import create_app
from service.web.exam_forms import against

from .conftest import LocalClient
from .stations import PINS, csrf_of, log_in
from .test_exams import text_of

#: 2026-11-30, 12:00 UTC.
NOON_S = 1796040000.0
ROW = dict({name: '' for name in Order._fields}, id='P-1', patient='Παπαδοπούλου Ελένη', birth_date='1970-12-31',
           name='Παπαδοπούλου^Ελένη', scheduled='2026-11-30 08:15', step='Μαστός', allergies='Latex', accession='A-1')


@pytest.fixture
def answers():
    """What the worklist answers, the last one for ever."""
    return [{'status': 0, 'rows': [
        ROW, dict(ROW, id='P-2', patient='Wang XiaoDong 王小东', scheduled='2026-11-30 07:00'),
        dict(ROW, id='P-3', patient='Иванова Анна', scheduled='2026-12-01 09:00')]}]


@pytest.fixture
def worklist(exams, answers):
    site = Site(worklist=Peer('127.0.0.1', 1, 'RIS', 'THERMO'))
    return Worklist(site, exams, lambda *unused: answers[-1], lambda: NOON_S)


@pytest.fixture
def app(stub, live, exams, worklist):
    made = create_app(stub, live, Settings(port=8080), exams=exams, worklist=worklist)
    made.test_client_class = LocalClient
    return made


@pytest.fixture
def client(app):
    return app.test_client()


def keys_of(answer):
    return re.findall(r'name="key" value="([0-9a-f]+)"', text_of(answer))


def test_who_is_scheduled_begins_an_exam_with_what_the_worklist_says(app, client, exams, worklist, answers):
    assert {rule.endpoint: admitted(app, rule.endpoint) for rule in app.url_map.iter_rules()
            if rule.endpoint.startswith('worklist.')} == {
        'worklist.' + name: frozenset(CLINICAL) for name in ('page', 'choose', 'refresh', 'news')}
    assert client.get('/exams/new').headers['Location'].endswith('/worklist')
    assert 'The worklist was not read yet.' in text_of(client.get('/worklist'))
    worklist.ask()
    page = text_of(client.get('/worklist'))
    assert 'read 0 min ago' in page and page.index('07:00') < page.index('08:15') and '王小东' in page
    assert 'Иванова' not in page and 'Иванова' in text_of(client.get('/worklist?day=tomorrow'))
    assert 'Nobody is scheduled' in text_of(client.get('/worklist?day=yesterday'))
    answer = client.post('/worklist', data={'key': keys_of(client.get('/worklist'))[1]})
    assert answer.headers['Location'].endswith('/exams/new')
    page = text_of(client.get('/exams/new'))
    for text in ('Παπαδοπούλου Ελένη', '1970-12-31', 'P-1', '2026-11-30 08:15 Μαστός', 'Latex'):
        assert text in page, text
    forged = {'patient_id': 'P-9', 'patient_name': 'Somebody', 'birth_date': '1980-01-01'}
    client.post('/exams/new', data=forged)
    assert client.post('/exams', data=forged).status_code == 303, 'what was typed over it does not count'
    exam = exams.get(exams.list()[0].row.id)
    assert exams.patient(exam) == Patient('P-1', 'Παπαδοπούλου Ελένη', '1970-12-31')
    assert exams.order(exam).accession == 'A-1' and exams.order(exam).name == 'Παπαδοπούλου^Ελένη'
    assert 'from the worklist' in text_of(client.get('/exams/%s?part=events' % exam.id))
    assert client.get('/worklist').headers['Location'].endswith('/home'), 'an exam is under way'


def test_a_wristband_picks_its_row_and_who_is_not_on_the_list_is_asked_for(client, exams, worklist, answers):
    answers[0]['rows'].append(dict(ROW, step='Θώρακας'))
    worklist.ask()
    assert client.post('/worklist', data={'number': 'P-2'}).headers['Location'].endswith('/exams/new')
    assert '王小东' in text_of(client.get('/exams/new'))
    both = client.post('/worklist', data={'number': 'P-1'})
    assert both.status_code == 200 and len(keys_of(both)) == 2 and '王小东' not in text_of(both)
    missing = client.post('/worklist', data={'number': 'P-77'})
    assert missing.status_code == 409 and 'The number P-77 is not on the worklist of today.' in text_of(missing)
    assert len(keys_of(missing)) == 3
    asked = text_of(client.get('/exams/new?unlisted=1'))
    assert 'P-77' in asked and 'name="patient_name"' in asked, 'what was read is not asked for again'
    client.get('/worklist')
    assert 'name="patient_id"' in text_of(client.get('/exams/new?unlisted=1'))
    for form in ({'patient_id': 'P-8'}, {'patient_name': 'Bo'}, {'birth_date': '1970-01-02'}):
        client.post('/exams/new', data=form)
    assert 'not on the worklist' in text_of(client.get('/exams/new'))
    assert client.post('/exams', data={'patient_id': 'P-8', 'patient_name': 'Bo', 'birth_date': '1970-01-02'}
                       ).status_code == 303
    exam = exams.get(exams.list()[0].row.id)
    assert exams.order(exam) is None and not exam.scheduled


def test_a_list_that_is_shown_stays_and_says_how_old_it_is(client, worklist, answers, monkeypatch):
    worklist.ask()
    key = keys_of(client.get('/worklist'))[0]
    assert client.get('/worklist/news').get_json() == {'asking': False, 'read_s': NOON_S, 'age_minutes': 0}
    answers.append({'status': 0, 'rows': [dict(ROW, patient='Another Name')]})
    worklist.ask()
    changed = client.post('/worklist', data={'key': key})
    assert changed.status_code == 409 and 'has changed since it was shown' in text_of(changed)
    answers.append({'fault': 'silent', 'detail': ''})
    worklist.ask()
    page = text_of(client.get('/worklist'))
    assert 'Another Name' in page and 'The worklist does not answer.' in page
    assert client.post('/worklist/refresh').status_code == 303 and worklist.asking
    assert 'data-asking' in text_of(client.get('/worklist'))


def test_who_may_be_taken_for_somebody_else_is_warned_of_before_the_exam_starts(client, exams, worklist, answers):
    answers[0]['rows'] += [dict(ROW, id='P-5', patient='Παπαδοπούλου Ελένα'), dict(ROW, id='P-6', patient='Lone Wolf')]
    worklist.ask()
    page = text_of(client.get('/worklist'))
    assert page.count('Same name or number') == 2
    exams.discard(exams.create(Patient('P-6', 'Another', '1950-01-01'), 'op').id, 'op', 'example')
    for number, code in (('P-5', 'worklist-similar'), ('P-6', 'patient-number')):
        client.post('/worklist', data={'number': number})
        assert code in text_of(client.get('/exams/new')), code
        assert client.post('/exams').status_code == 409
    row = worklist.listing.rows[0]
    exams.create(row.patient, 'op', None, row.order)
    assert [message.code for message in against(exams, Newcomer(row.patient, row.order))] == ['worklist-again']
    assert against(exams, Newcomer(row.patient, row.order._replace(step_id='2'))) == []


@pytest.mark.parametrize('row, asked', [({'birth_date': ''}, 'birth_date'),
                                        ({'patient': '', 'name': ''}, 'patient_name')])
def test_what_the_worklist_does_not_say_is_asked_for_and_the_rest_is_locked(client, exams, worklist, answers, row,
                                                                            asked):
    answers[0]['rows'] = [dict(ROW, **row)]
    worklist.ask()
    client.post('/worklist', data={'number': 'P-1'})
    assert ('name="%s"' % asked if asked != 'birth_date' else 'data-name="birth_date"') in text_of(
        client.get('/exams/new'))
    told = {'birth_date': '1971-01-01', 'patient_name': 'Zoe'}[asked]
    client.post('/exams/new', data={'patient_id': 'P-9', asked: told})
    assert client.post('/exams').status_code == 303
    patient = exams.patient(exams.get(exams.list()[0].row.id))
    assert patient.id == 'P-1' and all(patient)


def test_a_technician_tests_archive_and_worklist_and_is_told_one_sentence_each(stub, live, home):
    site = Site(archive=Peer('192.0.2.1', 104, 'PACS', 'THERMO'))
    testing = Echoes(site, ask=lambda *unused: {'fault': 'rejected', 'source': 1, 'reason': 7, 'detail': ''})
    app = create_app(stub, live, Settings(port=8080), exams=home.exams, sessions=home.sessions, testing=testing)
    assert {admitted(app, rule.endpoint) for rule in app.url_map.iter_rules()
            if rule.endpoint.startswith('peers.')} == {frozenset((SUPERVISOR, INTEGRATOR))}
    app.test_client_class = LocalClient
    client = app.test_client()
    assert log_in(client, home.people['supervisor'].id, PINS['supervisor']).status_code == 303
    assert 'Not tested yet.' in text_of(client.get('/peers'))
    form = {'csrf': csrf_of(client.get('/peers'))}
    assert client.post('/peers/archive', data=form).status_code == 303
    testing._threads['archive'].join()
    page = text_of(client.get('/peers'))
    assert 'The archive does not have the AE title that it was called by.' in page and 'http-equiv' not in page
    assert 'Compare both AE titles' in page and 'PACS 192.0.2.1:104' in page
