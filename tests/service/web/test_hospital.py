"""The page of what leaves for the hospital, and what the pages of an exam, the status and the metrics say of it."""
import pytest

from service.exams.exam import SIGNED, Patient
from service.hospital.outbox import Outbox
from service.settings import Settings
from service.web.access import CLINICAL, INTEGRATOR, OPERATOR, SUPERVISOR, admitted
from service.web.app import create_app
from service.web.metric_families import families
from service.web.services import Services
from tests.service.exams.station import REAL, Station
from tests.service.hospital.test_outbox import MISMATCH, Archive

from .conftest import LocalClient
from .stations import PINS, confirm, csrf_of


@pytest.fixture
def archive(home):
    """A receiver in memory, and the outbox that sends to it when a test says so."""
    station = Station.__new__(Station)
    station.exams, station.picture = home.exams, REAL
    archive = Archive(station)
    archive.station = station
    archive.outbox = Outbox(home.exams, [archive], home.station.operators._clock, home.station.audit.append)
    yield archive
    archive.outbox.close()


@pytest.fixture
def app(stub, live, files_root, home, archive):
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), exams=home.exams,
                     sessions=home.sessions, outbox=archive.outbox)
    app.test_client_class = LocalClient
    return app


def test_the_page_says_what_has_not_arrived_and_why_and_tries_it_again(app, enter, archive):
    client = enter(OPERATOR)
    refused, fine = [archive.station.exam(SIGNED, Patient('P-%d' % number, 'Ida')) for number in (1, 2)]
    for exam in (refused, fine):
        archive.outbox.changed(exam.id)
    page = client.get('/exams/%s?part=events' % fine.id).get_data(as_text=True)
    assert 'It waits to be sent.' in page
    archive.answers = [MISMATCH]
    archive.outbox.turn()
    answer = client.get('/hospital')
    page = answer.get_data(as_text=True)
    assert 'The archive has refused one object.' in page and 'Exam %d' % refused.number in page
    assert 'Exam %d<' % fine.number not in page
    assert 'It is in the archive, which keeps it.' in client.get('/exams/' + fine.id).get_data(as_text=True)
    assert 'Try again now' in page
    status = client.get('/status').get_data(as_text=True)
    assert 'outbox-failed' in status and 'href="/hospital"' in status
    answer = client.post('/hospital/again', data={'csrf': csrf_of(answer), 'exam': ''})
    assert answer.status_code == 303
    archive.outbox.turn()
    page = client.get('/hospital').get_data(as_text=True)
    assert 'All that was signed has arrived.' in page and 'Try again now' not in page
    assert len(archive.has) == 2


def test_a_supervisor_moves_an_exam_to_the_right_patient(app, enter, archive, home):
    client, wrong = enter(SUPERVISOR), archive.station.exam(SIGNED).id
    archive.outbox.changed(wrong)
    archive.outbox.turn()
    assert 'href="/exams/%s/move"' % wrong in client.get('/exams/%s?part=events' % wrong).get_data(as_text=True)
    page = client.get('/exams/%s/move' % wrong)
    form = {'csrf': csrf_of(page)}
    for name, answer, question in (('patient_id', 'P-9', 'Name of the right patient'),
                                   ('patient_name', 'Ida', 'Birth date of the right patient'),
                                   ('birth_date', '1960-06-15', 'goes to Ida, 1960-06-15, P-9. Why?')):
        form[name] = answer
        assert question in client.post('/exams/%s/move/patient' % wrong, data=form).get_data(as_text=True)
    answer = confirm(client, '/exams/%s/move' % wrong, dict(form, reason='Another wristband was scanned.'),
                     PINS[SUPERVISOR])
    right = answer.headers['Location'].split('/')[-1].split('?')[0]
    assert home.exams.patient(home.exams.get(right)).id == 'P-9'
    page = client.get('/exams/%s?part=events' % wrong).get_data(as_text=True)
    assert 'It is exam 2 now.' in page and 'Another wristband was scanned.' in page
    archive.outbox.changed(right)
    archive.outbox.changed(wrong)
    archive.outbox.turn()
    assert archive.asked.count('note') == 1 and archive.asked.count('object/3') == 2
    answer = confirm(client, '/exams/%s/move' % right, dict(form, reason='Another wristband was scanned.'),
                     PINS[SUPERVISOR])
    assert answer.status_code == 409 and 'The exam is of this patient already.' in answer.get_data(as_text=True)


def test_its_routes_are_for_who_sees_patients(app, enter):
    assert {endpoint: admitted(app, endpoint) for endpoint in ('hospital.page', 'hospital.again')} == {
        'hospital.page': frozenset(CLINICAL), 'hospital.again': frozenset(CLINICAL)}
    assert enter(INTEGRATOR).get('/hospital').status_code == 403
    assert enter(SUPERVISOR).get('/hospital').status_code == 200


def test_metrics_count_what_leaves(app, archive, enter):
    enter(OPERATOR)
    archive.down = True
    archive.outbox.changed(archive.station.exam(SIGNED).id)
    archive.outbox.turn()
    objects = app.extensions['thermoscreen']
    assert isinstance(objects, Services)
    found = {family.name: family for family in families(objects)}
    states = {sample.labels['state']: sample.value for sample in found['thermoscreen_outbox_objects'].samples}
    assert states['queued'] == 1 and states['committed'] == 0
    assert found['thermoscreen_outbox_waiting_seconds'].samples[0].value >= 0
