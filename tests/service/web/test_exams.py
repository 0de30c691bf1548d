"""Exams through the service: by the API as documented, by the pages, and by nobody who may not."""
import os
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from service.clock import Clock
from service.exams import Exams, Patient
from service.messages import CameraError
from service.operators.chain import decode, read_lines
from service.sealing import PlainSealer
from service.settings import Settings
from service.web.app import create_app

from .conftest import LocalClient, picture_shown
from .stations import PINS, Inhabited, csrf_of, log_in
from .test_api import PREFIX, as_documented

ZOE = {'patient_id': 'P-1', 'patient_name': 'Zoë O\'Hara <b>', 'birth_date': '1970-12-31', 'room_c': '21,5'}


@pytest.fixture
def folder(tmp_path):
    """In memory: SQLite waits for the disk."""
    if not os.access('/dev/shm', os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir='/dev/shm', prefix='thermoscreen-') as made:
        yield Path(made)


@pytest.fixture
def exams(folder):
    made = Exams(str(folder / 'exams'), PlainSealer(), None, Clock(synchronised=lambda: True),
                 room=lambda folder: None)
    yield made
    made.close()


@pytest.fixture
def client(stub, live, exams, files_root, shared_opened):
    """A demonstration, whose live picture runs."""
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), exams=exams, demo=True)
    app.extensions['thermoscreen'] = replace(app.extensions['thermoscreen'], opened=shared_opened)
    app.test_client_class = LocalClient
    live.start()
    picture_shown(live)
    return app.test_client()


@pytest.fixture
def tell(client):
    """Send a form to the API and hold the answer against the document: (status, JSON)."""
    document = client.get('/api/v1/openapi.json').get_json()
    return lambda address, **form: as_documented(document, 'post', address, client.post(PREFIX + address, data=form))


def text_of(answer):
    return answer.get_data(as_text=True)


def test_the_way_of_an_exam_through_the_api(client, tell, exams):
    status, exam = tell('/exams', **ZOE)
    assert (status, exam['state'], exam['captures']) == (201, 'acquiring', [])
    here = '/exams/' + exam['id']
    for _ in range(2):  # the answer was lost, and it is asked again
        status, exam = tell(here + '/captures', role='frontal', number=1, distance_m=1)
        assert (status, [capture['role'] for capture in exam['captures']]) == (201, ['frontal'])
    assert exam['captures'][0]['outcome'] == 'result'
    for name, mimetype in (('0001.tscap', 'application/octet-stream'), ('0001.result.json', 'application/json'),
                           ('0001.overlay.png', 'image/png'), ('0001.labels.png', 'image/png')):
        answer = client.get(PREFIX + here + '/files/' + name)
        assert (answer.status_code, answer.mimetype) == (200, mimetype)
        assert client.get(here + '/files/' + name).data == answer.data
        assert answer.headers['Cache-Control'] == 'no-store'
    tell(here + '/note', humidity_percent=45, notes='cold hands')
    tell(here + '/deviation', text='She had a coffee. <script>alert(1)</script>')
    states = [tell(here + '/' + act, **form)[1]['state'] for act, form in (
        ('review', {}), ('resume', {}), ('review', {}), ('sign', {}),
        ('amend', {'reason': 'typing error', 'text': '"><script>alert(2)</script> \'; DROP TABLE exams; --'}))]
    assert states == ['review', 'acquiring', 'review', 'signed', 'amended']
    events = text_of(client.get(here + '?part=events'))
    assert events.count('&lt;script&gt;') == 2 and '<script>alert' not in events and 'DROP TABLE' in events
    kept = exams.get(exam['id'])
    assert exams.patient(kept) == Patient('P-1', ZOE['patient_name'], '1970-12-31')
    assert exams.conditions(kept) == {'room_c': 21.5, 'humidity_percent': 45, 'notes': 'cold hands'}
    assert {event.operator for event in kept.events} == {'demo'}


#: What is done in the wrong state or with a wrong field: part of the address, form, status, code.
REFUSED_FIRST = [
    ('', {}, 409, 'exam-patient'), ('', {'patient_id': 'P\n1'}, 409, 'exam-patient'),
    ('', {'patient_id': 'P-2', 'birth_date': '31.12.1970'}, 409, 'exam-patient'),
    ('', {'patient_id': 'P-2', 'room_c': 'warm'}, 409, 'exam-condition'),
    ('', {'patient_id': 'P-2', 'room_c': 'nan'}, 409, 'exam-condition')]
REFUSED = [
    ('', {'patient_id': 'P-2'}, 409, 'exam-under-way'),
    ('/ID/captures', {}, 409, 'exam-capture'), ('/ID/captures', {'role': '../x'}, 409, 'exam-capture'),
    ('/ID/captures', {'role': 'frontal', 'number': '-1'}, 400, 'number-refused'),
    ('/ID/captures', {'role': 'dynamic', 'frame': '1e3'}, 400, 'number-refused'),
    ('/ID/captures', {'role': 'frontal', 'distance_m': 'inf'}, 409, 'exam-condition'),
    ('/ID/review', {}, 409, 'exam-empty'), ('/ID/sign', {}, 409, 'exam-state'), ('/ID/start', {}, 409, 'exam-state'),
    ('/ID/amend', {'reason': 'a', 'text': 'b'}, 409, 'exam-state'), ('/ID/discard', {}, 409, 'exam-text'),
    ('/ID/deviation', {'text': 'x' * 4001}, 409, 'exam-text'), ('/ID/note', {'cycle_day': '0'}, 409, 'exam-condition'),
    ('/0123456789abcdef/review', {}, 404, 'exam-missing')]


def test_what_does_not_fit_is_refused_and_changes_nothing(client, tell, exams):
    def check(refusals, exam_id):
        for address, form, status, code in refusals:
            answer = client.post(PREFIX + '/exams' + address.replace('ID', exam_id), data=form)
            assert answer.status_code == status and answer.get_json()['code'] == code, (address, form)
            page = client.post('/exams' + address.replace('ID', exam_id), data=form)
            assert page.status_code == status and code in text_of(page), (address, form)

    check(REFUSED_FIRST, '')
    exam = tell('/exams', **ZOE)[1]
    before = exams.get(exam['id'])
    check(REFUSED, exam['id'])
    assert exams.get(exam['id']) == before and len(exams.list()) == 1
    assert client.post('/exams/%s/delete' % exam['id']).status_code == 404
    assert client.get('/exams/%s/sign' % exam['id']).status_code == 404
    assert client.get('/exams/%s/pictures/1' % exam['id']).status_code == 404
    assert client.post('/exams/%s/captures' % exam['id'], headers={'Origin': 'http://evil.example'}).status_code == 403


def test_a_lost_camera_speaks_on_the_page_and_the_exam_goes_on(client, tell, camera, live):
    exam = tell('/exams', **ZOE)[1]
    camera.unplugged.set()
    sequence = -1
    while live.state.status.code != 'camera-missing':
        sequence = live.wait_for(sequence, 30).sequence
    answer = client.post('/exams/%s/captures' % exam['id'], data={'role': 'frontal', 'number': 1})
    assert answer.status_code == 503 and 'not plugged in' in text_of(answer) and 'camera-missing' in text_of(answer)
    camera.unplugged.clear()
    while not live.state.running:
        sequence = live.wait_for(sequence, 30).sequence
    answer = client.post('/exams/%s/captures' % exam['id'], data={'role': 'frontal', 'number': 1})
    assert answer.status_code == 303


def test_a_frame_that_the_gate_refuses_is_shown_with_its_reason_and_no_numbers(client, tell, camera, exams, live):
    exam = tell('/exams', **ZOE)[1]
    camera.flat.set()
    sequence = -1
    while live.state.values.get('outcome') != 'no-result':
        sequence = live.wait_for(sequence, 30).sequence
    kept = tell('/exams/%s/captures' % exam['id'], role='frontal')[1]['captures'][0]
    assert kept['outcome'] == 'no-result' and kept['checks']
    client.post('/exams/%s/review' % exam['id'])
    page = text_of(client.get('/exams/' + exam['id']))
    assert 'No result.' in page and kept['checks'][-1] in page and '°C' not in page


def test_the_pages_of_an_exam_in_each_of_its_states(client, exams):
    assert 'no exams yet' in text_of(client.get('/exams')) and 'Exams</a>' in text_of(client.get('/'))
    made = client.post('/exams', data=ZOE)
    here = made.headers['Location'].replace('http://127.0.0.1:8080', '')
    assert made.status_code == 303

    def does(act, **form):
        answer = client.post(here + '/' + act, data=form)
        assert answer.status_code == 303, text_of(answer)
        return text_of(client.get(here))

    taking = text_of(client.get(here))
    assert taking.count('name="role"') == 6 and 'id="picture"' in taking
    assert 'Zoë O&#39;Hara &lt;b&gt;' in taking and '<b>' not in taking.replace('<b>Zoë', '')
    assert '0001.overlay.png' in does('captures', role='frontal', number='1')
    assert 'value="2"' in does('captures', role='left-oblique', number='1')  # a tap on a page that is old
    assert does('captures', role='left-oblique', number='2').count('.overlay.png') == 2
    reviewed = does('review')
    assert reviewed.count('.overlay.png') == 2 and 'Sign</button>' in reviewed and 'Amend' not in reviewed
    assert 'No result' not in reviewed
    signed = does('sign')
    assert 'Sign</button>' not in signed and 'Discard' not in signed and 'Amend' in signed
    assert 'typing error' in text_of(client.get(here + '?part=events')) or does(
        'amend', reason='typing error', text='It was the left side.')
    events = text_of(client.get(here + '?part=events'))
    assert events.count('<li>') == 7 and 'typing error' in events and events.count('Demo</span>') == 7
    assert '21.5' in events and 'frontal' in events
    picture = client.get(here + '/pictures/2')
    assert all(words in text_of(picture) for words in ('0002.result.json', '0002.signs.json', 'Left oblique'))
    for act in ('note', 'deviation', 'discard', 'amend'):
        assert client.get(here + '/' + act).status_code == 200


def test_the_list_searches_and_pages(client, exams):
    for number in range(1, 9):
        exams.discard(exams.create(Patient('P-%d' % number, 'Ann'), 'op').id, 'op', 'example')
    first = text_of(client.get('/exams'))
    assert 'P-8' in first and 'P-4' in first and 'P-3' not in first and 'after=4' in first
    second = text_of(client.get('/exams?after=4'))
    assert 'P-3' in second and 'P-4' not in second and 'More' not in second
    found = text_of(client.post('/exams/find', data={'query': 'p-2'}))
    assert 'P-2' in found and 'P-8' not in found
    many = text_of(client.post('/exams/find', data={'query': 'ann'}))
    assert 'P-8' in many and 'name="after" value="4"' in many
    rest = text_of(client.post('/exams/find', data={'query': 'ann', 'after': '4'}))
    assert 'P-2' in rest and 'P-8' not in rest
    assert 'No exam has all these words' in text_of(client.post('/exams/find', data={'query': '<script>'}))
    assert client.post('/exams/find', data={'query': 'x' * 201}).status_code == 400
    assert 'Go on with' not in text_of(client.get('/status'))
    draft = exams.create(Patient('P-9'), 'op')
    exams._say('exam-gone', 'One is missing.', 'Restore it from a backup.', draft.id)
    exams._say('exam-gone', 'One is missing.', 'Restore it from a backup.', draft.id)
    status = text_of(client.get('/status'))
    assert 'Exam 9 is under way.' in status and 'href="/exams/%s">Go on with exam 9' % draft.id in status
    assert status.count('One is missing.') == 1 and 'more' not in status and 'exam-gone' in status
    assert 'Go on with exam 9' in text_of(client.get('/exams')) and 'Go on with' in text_of(client.get('/exams/new'))
    assert 'Begin with the pictures' in text_of(client.get('/exams/' + draft.id))


def test_who_is_logged_in_stands_on_every_event_and_nobody_else_changes_anything(stub, live, files_root, folder,
                                                                                  tmp_path, request):
    home = Inhabited(folder / 'exams').settle()
    request.addfinalizer(home.close)
    trusted = threading.Event()
    home.exams._clock._synchronised = trusted.is_set
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root), api_tokens=str(tmp_path / 'tokens')),
                     exams=home.exams, sessions=home.sessions)
    app.test_client_class = LocalClient
    live.start()
    client = app.test_client()
    assert client.get('/exams').status_code == 303 and client.post(PREFIX + '/exams', data=ZOE).status_code == 401
    log_in(client, home.people['operator'].id, PINS['operator'])
    csrf = csrf_of(client.get('/exams/new'))
    assert client.post('/exams', data=ZOE).status_code == 403  # without the value of the form
    made = client.post(PREFIX + '/exams', data=ZOE, headers={'X-CSRF-Token': csrf})
    here = '/exams/' + made.get_json()['id']
    for role, page in (('supervisor', here), ('integrator', '/')):
        entered = log_in(app.test_client(), home.people[role].id, PINS[role])
        assert entered.headers['Location'].replace('http://127.0.0.1:8080', '') == page, 'to the exam under way'
    home.sessions.leave_patient(home.people['supervisor'].id)
    for act, form in (('captures', {'role': 'frontal'}), ('review', {}), ('sign', {})):
        answer = client.post(here + '/' + act, data=dict(form, csrf=csrf))
    assert answer.status_code == 409 and 'date-uncertain' in text_of(answer)
    page = text_of(client.get(here))
    assert 'The date is right: sign' in page and '2027-01-15' in page
    assert client.post(here + '/sign', data={'csrf': csrf, 'date_confirmed': 'yes'}).status_code == 303
    events = home.exams.get(here[-16:]).events
    assert {event.operator for event in events} == {home.people['operator'].id}
    assert [event.stamp.clock for event in events][-2:] == ['unsynchronised', 'operator']
    assert text_of(client.get(here + '?part=events')).count('Ben Moe</span>') == len(events)
    entries = [decode(line) for line in read_lines(home.station.audit.folder)]
    told = [entry['event'] for entry in entries if entry['operator'] == home.people['operator'].id]
    assert [event for event in told if event != 'exam-viewed'][-6:] == [
        'exam-created', 'exam-started', 'capture-added', 'exam-reviewed', 'date-confirmed', 'exam-signed']
    assert told[-1] == 'exam-viewed'
    client.post('/exams/find', data={'query': 'P-1', 'csrf': csrf})
    told = [decode(line)['event'] for line in read_lines(home.station.audit.folder)]
    assert told[-2:] == ['exam-viewed', 'exams-searched'], 'once'
    other = app.test_client()
    log_in(other, home.people['integrator'].id, PINS['integrator'])
    for path in ('/exams', here, here + '/files/0001.tscap', here + '/pictures/1'):
        assert other.get(path).status_code == 403
    from service.web.tokens import Tokens
    token = {'Authorization': 'Bearer ' + Tokens(str(tmp_path / 'tokens')).add('archive')}
    program = app.test_client()
    assert program.get(PREFIX + here + '/captures', headers=token).status_code == 200
    assert program.post(PREFIX + here + '/amend', data={'reason': 'a', 'text': 'b'}, headers=token).status_code == 403
    client.post('/lock', data={'csrf': csrf})
    assert client.get(here).status_code == 303
    answer = program.get(PREFIX + here + '/files/0001.tscap', headers=token)
    assert (answer.status_code, answer.get_json()['code']) == (409, 'exams-locked')


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_shown(client, tell, exams):
    exam = tell('/exams', **ZOE)[1]
    for role in ('frontal', 'left-lateral'):
        exam = tell('/exams/%s/captures' % exam['id'], role=role)[1]
    path = Path(exams.folder) / 'exams' / exam['id'][:2] / exam['id'] / '0001.result.json'
    path.write_bytes(b'{' + path.read_bytes()[1:-2] + b' }')
    client.post('/exams/%s/review' % exam['id'])
    page = text_of(client.get('/exams/' + exam['id']))
    assert page.count('exam-damaged') == 1 and page.count('.overlay.png') == 2
    assert client.get('/exams/%s/files/0001.result.json' % exam['id']).status_code == 500


def test_a_camera_error_is_journalled(client, tell, live, monkeypatch, caplog):
    exam = tell('/exams', **ZOE)[1]

    def lost(*arguments, **named):
        raise CameraError('camera-gone', 'The camera is gone.', 'Plug it in.', 'pipe broke')

    monkeypatch.setattr(live.capture, 'still', lost)
    assert client.post('/exams/%s/captures' % exam['id'], data={'role': 'frontal'}).status_code == 503
    assert 'pipe broke' in caplog.text
