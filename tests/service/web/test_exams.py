"""Exams through the service: by the API as documented, by the pages, and by nobody who may not."""
import os
import re
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.clock import Clock
from service.correction import outlines_of
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

BO = {'patient_id': 'P-2', 'patient_name': 'Bo', 'birth_date': '1970-12-31'}


@pytest.fixture
def folder(tmp_path):
    """In memory: SQLite waits for the disk."""
    if not os.access('/dev/shm', os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir='/dev/shm', prefix='thermoscreen-') as made:
        yield Path(made)


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


def test_outlines_are_corrected_and_everything_that_shows_numbers_says_so(client, tell, exams):
    exam = tell('/exams', **ZOE)[1]
    here = '/exams/' + exam['id']
    tell(here + '/captures', role='frontal')
    tell(here + '/review')
    labels = np.array(cv2.imdecode(np.frombuffer(client.get(here + '/files/0001.labels.png').data, np.uint8), -1))
    (left, top), (right, foot) = (reach(outlines_of(labels)['left_breast'], axis=0) for reach in (np.min, np.max))
    corners = '%d %d %d %d %d %d' % (left, top, right, top, right, foot)
    assert 'data-outlines' in text_of(client.get(here + '/pictures/1/outlines'))
    tried = client.post(here + '/pictures/1/tried', data={'left_breast': corners}).get_json()
    assert client.post(here + '/pictures/1/tried', data={'neck': '1 2 3'}).get_json()['code'] == 'outline-refused'
    assert client.get(here + '/pictures/2/outlines').status_code == 404
    assert len(exams.get(exam['id']).events) == 4, 'nothing was kept'
    asked = {'picture': 1, 'version': 0, 'reason': 'The fold is lower.'}
    status, told = tell(here + '/correct', left_breast=corners, **asked)
    assert status == 200 and told['events'][-1]['kind'] == 'corrected'
    capture, = told['captures']
    event = told['events'][-1]['number']
    assert capture['outlines_version'] == capture['correction']['number'] == event
    names = {kind: '0001.corrected-%d.%s' % (event, kind) for kind in ('result.json', 'overlay.png')}
    assert set(names.values()) < set(capture['correction']['files']) and '0001.result.json' in capture['files']
    model, values = (client.get(PREFIX + here + '/files/' + name).get_json()
                     for name in ('0001.result.json', names['result.json']))
    assert (tried['before']['regions']['left_breast'], tried['after']['regions']['left_breast']) == (
        model['regions']['left_breast']['mean'], values['regions']['left_breast']['mean'])
    assert values['regions']['left_breast']['n'] != model['regions']['left_breast']['n']
    for address, shown, sentence in (
            (here, values, 'Outlines corrected by Demo at '), (here + '?outlines=model', model, 'corrected them at '),
            (here + '/pictures/1', values, 'Outlines corrected by Demo at '),
            (here + '/pictures/1?outlines=model', model, 'corrected them at ')):
        text = text_of(client.get(address))
        kind = 'result.json' if 'pictures' in address else 'overlay.png'
        assert sentence in text and (names[kind] in text) == (shown is values), address
        assert '>%.1f</dd>' % shown['regions']['left_breast']['mean'] in text or 'pictures' in address
    assert 'The fold is lower.' in text_of(client.get(here + '?part=events'))
    for act, form, status, code in (
            ('correct', dict(asked, left_breast=corners), 409, 'outlines-stale'),
            ('correct', dict(asked, version=event, left_breast='1 2 nan'), 400, 'outline-refused'),
            ('correct', dict(asked, version=event, left_breast='1 2 3 4 5 nan'), 400, 'outline-refused'),
            ('correct', dict(asked, version=event, left_breast='1;2'), 400, 'outline-refused'),
            ('correct', dict(asked, version='-1'), 400, 'number-refused'),
            ('correct', dict(asked, version=event), 409, 'outlines-same'),
            ('correct', dict(asked, picture=2), 404, 'exam-picture'), ('correct', {}, 404, 'exam-picture'),
            ('correct', dict(asked, left_breast='1 ' * 40000), 413, 'request-too-large')):
        answer = client.post(PREFIX + here + '/' + act, data=form)
        assert (answer.status_code, answer.get_json()['code']) == (status, code), form
    tell(here + '/sign')
    status, told = tell(here + '/take-back', picture=1, version=event, reason='It was right.')
    assert (told['state'], told['captures'][0]['correction']) == ('amended', None)
    assert 'corrected by' not in text_of(client.get(here)) and list(exams.verify()) == []


#: What is done in the wrong state or with a wrong field: part of the address, form, status, code.
REFUSED_FIRST = [
    ('', {'patient_name': 'Bo', 'birth_date': '1970-12-31'}, 409, 'exam-patient'),
    ('', dict(BO, patient_id='P\n2'), 409, 'exam-patient'),
    ('', dict(BO, birth_date='31.12.1970'), 409, 'exam-patient'),
    ('', dict(BO, room_c='warm'), 409, 'exam-condition'), ('', dict(BO, room_c='nan'), 409, 'exam-condition')]
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
    assert 'No result' in page and kept['checks'][-1] in page and '°C' not in page


#: Steps of an exam: what is on their screen, and what is sent from it. A step comes back after every restart.
WAY = [
    ('Touch what is', 'checklist', {'unmet': ['draught', 'sun']}),
    ('Temperature of the room', 'room', {'room_c': '25,5'}),
    ('Humidity of the air', 'humidity', {'humidity_percent': '45'}),
    ('What is the exam for?', 'purpose', {'purpose': ''}),
    ('Month and year, or', 'mammogram', {'last_mammogram': ['2024-05', 'never']}),
    ('id="ring"', 'acclimatised', {'reason': 'The patient feels cold.'}),
    ('Which pictures', 'start', {'protocol': 'static'}),
    ('Frontal <span>1 of 5', 'captures', {'role': 'frontal', 'number': '1'}),
    ('Right oblique <span>2 of 5', 'retake', {'role': 'frontal'}),
    ('Frontal <span>1 of 5', 'captures', {'role': 'frontal', 'number': '2'}),
    ('Right oblique <span>2 of 5', 'captures', {'role': 'right-oblique', 'number': '3'}),
    ('Left oblique <span>3 of 5', 'captures', {'role': 'left-oblique', 'number': '4'}),
    ('Right lateral <span>4 of 5', 'captures', {'role': 'right-lateral', 'number': '5'}),
    ('Left lateral <span>5 of 5', 'left-out', {'role': 'left-lateral', 'reason': 'The patient cannot turn so far.'}),
    ('<span>left out</span>', 'review', {}), ('>Sign-off</button>', 'read', {}), ('Nothing can be changed', 'sign', {}),
    ('Amend</a>', 'amend', {'reason': 'typing error', 'text': 'It was the left side.'}), ('Amended</p>', '', {})]


def test_every_step_comes_back_after_a_restart(stub, live, files_root, folder):
    live.start()
    picture_shown(live)
    settings, here, entry = Settings(port=8080, files_root=str(files_root)), '', None
    kept = []

    def restarted():
        if kept:
            kept.pop().close()
        kept.append(Exams(str(folder / 'exams'), PlainSealer(), None, Clock(synchronised=lambda: True),
                          room=lambda folder: None))
        app = create_app(stub, live, settings, exams=kept[0])
        app.test_client_class = LocalClient
        return app.test_client(), app.extensions['thermoscreen'].acquisition

    client, room = restarted()
    assert 'no exams yet' in text_of(client.get('/exams')) and 'Home</a>' in text_of(client.get('/'))
    for shown, form in (('Number of the patient', {'patient_id': ' P-1 '}),
                        ('Name</h1>', {'patient_name': ZOE['patient_name']}),
                        ('Birth date</h1>', {'birth_date': '1970-12-31'}), ('>Begin</button>', None)):
        assert shown in text_of(client.get('/exams/new')), shown
        assert form is None or client.post('/exams/new', data=form).status_code == 303
    assert 'Number of the patient' in text_of(client.get('/exams/new?again=1'))
    for number, (shown, act, form) in enumerate(WAY):
        if not here:
            made = client.post('/exams', data=ZOE)
            assert made.status_code == 303
            here = made.headers['Location'].replace('http://127.0.0.1:8080', '')
        client, room = restarted()
        page = text_of(client.get(here))
        assert shown in page, shown
        assert 'Zoë O&#39;Hara &lt;b&gt;' in page and '1970-12-31' in page and 'P-1<' in page
        entry = room.goes_on()
        assert (entry is not None and here.endswith(entry.row.id)) == (number < len(WAY) - 2), shown
        assert ('Sign exam 1' in text_of(client.get('/home'))) == (shown in ('>Sign-off</button>',
                                                                           'Nothing can be changed'))
        if act:
            answer = client.post(here + '/' + act, data=form, headers={'Accept': 'application/json'})
            assert (answer.status_code, answer.get_json()) == (200, {'next': here}), shown
    exam = kept[0].get(entry.row.id if entry else here[-16:])
    assert [capture.role for capture in exam.captures] == ['frontal', 'frontal', 'right-oblique', 'left-oblique',
                                                          'right-lateral']
    assert kept[0].deviations(exam) == [
        'A window is not shielded. A draught is felt.', 'The room has 25.5 °C, not 18 to 23 °C.',
        'Acclimatisation 0 of 15 minutes: The patient feels cold.',
        'Left lateral left out: The patient cannot turn so far.']
    assert 'Left lateral left out' in text_of(client.get(here + '?view=deviations'))
    assert 'Left nipple' in text_of(client.get(here + '?view=regions'))
    events = text_of(client.get(here + '?part=events'))
    assert events.count('<li>') == len(exam.events) and 'typing error' in events and 'Demo</span>' in events
    picture = text_of(client.get(here + '/pictures/2'))
    assert '0002.result.json' in picture and '0002.signs.json' in picture
    assert 'aria-label="Signs"' in text_of(client.get(here + '?view=signs'))
    for act in ('note', 'note?what=room_c', 'note?what=notes', 'deviation', 'discard', 'amend', 'acclimatised',
                'amend?what=Typing error', 'left-out?role=left-lateral', 'left-out?role=<script>'):
        assert client.get(here + '/' + act).status_code == 200
    kept[0].close()


def test_numbers_of_the_result_page_are_those_of_the_result(client, tell):
    exam = tell('/exams', **ZOE)[1]
    tell('/exams/%s/captures' % exam['id'], role='frontal')
    tell('/exams/%s/review' % exam['id'])
    result = client.get('/exams/%s/files/0001.result.json' % exam['id']).get_json()
    page = text_of(client.get('/exams/' + exam['id']))
    shown = [float(number) for number in re.findall('<dd>([0-9.]+)</dd>', page)]
    assert shown == [round(result['regions'][name]['mean'], 1) for name in ('right_breast', 'left_breast')] + [
        round(abs(result['differences']['breast']['mean']), 1)]
    assert '%.2f, threshold %.2f' % (result['finding']['probability'], result['finding']['threshold']) in page
    assert result['sentences'][0] in page


def test_a_room_that_changes_during_the_exam_is_a_deviation(client, tell, exams):
    exam = tell('/exams', **ZOE)[1]
    tell('/exams/%s/captures' % exam['id'], role='frontal')

    def looked():
        return text_of(client.get('/exams/%s?view=deviations' % exam['id']))

    client.post('/exams/%s/review' % exam['id'])
    assert 'Room 21.5 °C. Whether it changed is not assessable' in looked()
    for room_c, change, told in (('22.5', '1.0', 0), ('20,9', '1.6', 1), ('22.5', '1.6', 2)):
        client.post('/exams/%s/note' % exam['id'], data={'room_c': room_c})
        page = looked()
        assert 'It changed by %s °C during the exam.' % change in page
        assert page.count('during the exam, more than 1.0 °C.') == told
    assert 'The room has become 1.6 °C colder during the exam, more than 1.0 °C.' in page
    assert exams.deviations(exams.get(exam['id']))[-1].startswith('The room has become 1.6 °C warmer')


def test_who_may_be_confused_is_warned_of_before_anything_is_kept(client, exams):
    exams.discard(exams.create(Patient('P-1', 'Zoe Ohara', '1970-12-31'), 'op').id, 'op', 'example')
    asked = {'Accept': 'application/json'}
    for form, code in ((dict(BO, patient_id='P-1'), 'patient-number'),
                       ({'patient_id': 'P-2', 'patient_name': 'OHARA  zoe', 'birth_date': '1970-12-31'},
                        'patient-twice'),
                       ({'patient_id': 'P-2', 'patient_name': 'Ann Lind'}, 'exam-patient')):
        answer = client.post('/exams', data=form, headers=asked)
        assert (answer.status_code, answer.get_json()['code']) == (409, code)
        assert code in text_of(client.post('/exams', data=form)) and len(exams.list()) == 1
    form = {'patient_id': 'P-2', 'patient_name': 'Zoë Ohara', 'birth_date': '1970-12-31', 'confirmed': 'yes'}
    assert client.post('/exams', data=form).status_code == 303
    exams.discard(exams.list()[0].row.id, 'op', 'example')
    page = text_of(client.get('/exams'))
    assert page.count('Same name') == 2
    made = exams.create(Patient('P-3', 'Bo'), 'op')
    seen = '/exams/%s?seen=%d' % (made.id, made.events[-1].seq)
    assert client.get(seen).status_code == 200 and client.get('/exams/news?after=2').get_json() == {'new': 1}
    exams.discard(made.id, 'op', 'example')
    answer = client.get(seen)
    assert answer.status_code == 409 and 'list-changed' in text_of(answer)


def test_what_blocks_blocks_and_a_reason_is_asked_for(client, tell, side_view, files_root, exams, live):
    exam = tell('/exams', **dict(ZOE, patient_id='P-5'))[1]
    here = '/exams/' + exam['id']
    for act, form, code in (('left-out', {'role': 'frontal', 'reason': 'a'}, 'exam-frontal'),
                            ('left-out', {'role': 'left-lateral'}, 'exam-text'),
                            ('left-out', {'role': 'nothing', 'reason': 'a'}, 'exam-capture'),
                            ('retake', {'role': '../x'}, 'exam-capture'), ('series', {}, 'series-step')):
        assert client.post(here + '/' + act, data=form, headers={'Accept': 'application/json'}
                           ).get_json()['code'] == code, act
    tell(here + '/captures', role='left-lateral')
    assert client.post(here + '/review').status_code == 409
    tell(here + '/discard', reason='example')
    client.post('/exams', data=ZOE)
    here = '/exams/' + exams.list()[0].row.id
    for act, form, code in (('room', {'humidity_percent': '40'}, 'exam-condition'), ('acclimatised', {}, 'exam-early'),
                            ('start', {'protocol': 'of tomorrow'}, 'exam-protocol')):
        assert client.post(here + '/' + act, data=form, headers={'Accept': 'application/json'}
                           ).get_json()['code'] == code, act
        assert code in text_of(client.post(here + '/' + act, data=form))


def test_the_list_searches_and_pages(client, exams):
    for number in range(1, 9):
        exams.discard(exams.create(Patient('P-%d' % number, 'Ann'), 'op').id, 'op', 'example')
    first = text_of(client.get('/exams'))
    assert 'P-8' in first and 'P-4' in first and 'P-3' not in first and 'after=4' in first
    second = text_of(client.get('/exams?after=4'))
    assert 'P-3' in second and 'P-4' not in second and 'More' not in second
    assert 'name="query"' in text_of(client.get('/exams/find'))
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
    assert 'Go on with exam 9' in text_of(client.get('/exams')) and 'Go on with' in text_of(client.get('/home'))
    assert client.get('/exams/new').status_code == 303
    assert 'Touch what is' in text_of(client.get('/exams/' + draft.id))


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
    client.post(here + '/read', data={'csrf': csrf})
    page = text_of(client.get(here))
    assert 'The date is right: sign' in page and '2027-01-15' in page
    assert client.post(here + '/sign', data={'csrf': csrf, 'date_confirmed': 'yes'}).status_code == 303
    events = home.exams.get(here[-16:]).events
    assert {event.operator for event in events} == {home.people['operator'].id}
    assert [event.stamp.clock for event in events][-2:] == ['unsynchronised', 'operator']
    assert text_of(client.get(here + '?part=events')).count('Ben Moe</span>') == len(events)
    entries = [decode(line) for line in read_lines(home.station.audit.folder)]
    told = [entry['event'] for entry in entries if entry['operator'] == home.people['operator'].id]
    assert [event for event in told if event != 'exam-viewed'][-7:] == [
        'exam-created', 'exam-started', 'capture-added', 'exam-reviewed', 'exam-updated', 'date-confirmed',
        'exam-signed']
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
    assert page.count('exam-damaged') == 1 and page.count('.overlay.png') == 1
    assert client.get('/exams/%s/files/0001.result.json' % exam['id']).status_code == 500


def test_a_camera_error_is_journalled(client, tell, live, monkeypatch, caplog):
    exam = tell('/exams', **ZOE)[1]

    def lost(*arguments, **named):
        raise CameraError('camera-gone', 'The camera is gone.', 'Plug it in.', 'pipe broke')

    monkeypatch.setattr(live.capture, 'still', lost)
    assert client.post('/exams/%s/captures' % exam['id'], data={'role': 'frontal'}).status_code == 503
    assert 'pipe broke' in caplog.text
