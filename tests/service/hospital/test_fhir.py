"""The transaction for an electronic record: valid FHIR R4, the numbers of the report, the same bytes everywhere."""
import base64
import hashlib
import json
import os
from dataclasses import replace
from unittest import mock

import pytest

from service.durable import encode_json
from service.exams import ExamError, Order, Patient, library
from service.hospital import fhir
from service.hospital.report import Impression, report_of
from service.hospital.site import Peer, Site
from service.messages import ADJUNCT_NOTICE
from service.schema import schema_problem
from service.views import FRONTAL, LEFT_LATERAL

from ...fakes.pipelines import stub_pipeline
from . import exams_made

SCHEMA = os.path.join(os.path.dirname(__file__), 'fhir-r4.schema.json')
SITE = Site(archive=Peer('127.0.0.1', 1, 'PACS', 'THERMO'), institution='Clinic', station_name='THERMO3',
            fhir_url='https://record.example.org/fhir', fhir_patient_system='urn:oid:1.2.3')
PDF = b'%PDF-1.4 of nothing'
#: Of the transaction of `made`, on every Python.
WRITTEN = '9a0cde2c9450cd7b'


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """A store with one signed exam whose left breast is warmer, and the exam."""
    with stub_pipeline() as pipeline, mock.patch.object(library, 'new_id', lambda: 'a1b2c3d4e5f60718'):
        exams = exams_made.store(tmp_path_factory.mktemp('fhir'))
        exam = exams_made.examined(exams, [(LEFT_LATERAL, exams_made.pictured(pipeline)),
                                           (FRONTAL, exams_made.pictured(pipeline))])
    return exams, exam


@pytest.fixture
def report(made):
    exams, exam = made
    return report_of(exams, exam, SITE, drawn=False)


def resources(message, kind):
    return [entry['resource'] for entry in message['entry'] if entry['resource']['resourceType'] == kind]


def check(message):
    """Valid, every reference leads to an entry, and every entry is found again by its identifier."""
    assert schema_problem(SCHEMA, json.loads(encode_json(message).decode('utf-8'))) is None
    urls = [entry['fullUrl'] for entry in message['entry']]
    assert len(set(urls)) == len(urls)

    def references(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == 'reference':
                    yield inner
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    assert set(references(message)) <= set(urls)
    for entry in message['entry']:
        request, identifier = entry['request'], entry['resource']['identifier'][0]
        search = request.get('ifNoneExist') or request['url'].partition('?')[2]
        wanted = '%s|%s' % (identifier['system'], identifier['value'].replace('|', '\\|'))
        assert fhir.urlencode({'identifier': wanted}) == search
    return message


def test_numbers_are_those_of_the_report(report):
    message = check(fhir.transaction(report, PDF, SITE))
    observations = resources(message, 'Observation')
    view = report.deciding
    assert view.role == FRONTAL and len(observations) == 7 + 3 and len(view.regions) > 2 and view.pairs
    told = {observation['bodySite']['text']: observation for observation in observations}
    for row in view.regions:
        observation = told[row.region.replace('_', ' ')]
        assert observation['valueQuantity'] == {'value': row.mean, 'unit': '°C', 'code': 'Cel',
                                                'system': 'http://unitsofmeasure.org'}
        assert {'364537001', '60839-8'} == {coding['code'] for coding in observation['code']['coding']}
        parts = {part['code']['coding'][0]['code']: part['valueQuantity'] for part in observation['component']}
        uncertainty = parts['expanded-uncertainty']
        assert (uncertainty['value'], uncertainty['code']) == (row.uncertainty_c, 'K')
        assert [parts[name]['value'] for name in ('sd', 'p95', 'maximum', 'pixels')] == [
            row.sd, row.p95, row.max, row.pixels]
    for row in view.pairs:
        assert told[row.pair]['valueQuantity']['value'] == row.mean and told[row.pair]['valueQuantity']['code'] == 'K'
        assert told[row.pair]['code']['coding'][0]['system'] == fhir.LOCAL
    absent = [observation for observation in observations if 'dataAbsentReason' in observation]
    assert len(absent) == 10 - len(view.regions) - len(view.pairs)
    assert told['left breast']['bodySite']['coding'][0]['code'] == '80248007'
    assert told['left nipple']['bodySite']['coding'] == [
        {'system': 'http://snomed.info/sct', 'code': '24142002'},
        {'system': fhir.LOCAL, 'code': 'left-nipple', 'display': 'left nipple'}]


def test_the_report_has_its_file_its_study_and_its_notice(report):
    order = Order(study_uid='1.2.840.99', accession='A-17', sex='F')
    message = check(fhir.transaction(report, PDF, SITE, order))
    (document,), (study,), (patient,) = (resources(message, kind) for kind in (
        'DiagnosticReport', 'ImagingStudy', 'Patient'))
    assert (document['status'], document['conclusion']) == ('final', ADJUNCT_NOTICE)
    (form,) = document['presentedForm']
    assert (base64.b64decode(form['data']), form['size']) == (PDF, len(PDF))
    assert study['identifier'][0] == {'system': 'urn:dicom:uid', 'value': 'urn:oid:1.2.840.99'}
    assert study['identifier'][1]['type']['coding'][0]['code'] == 'ACSN' and study['identifier'][1]['value'] == 'A-17'
    assert document['basedOn'][0]['identifier']['value'] == 'A-17' and len(document['result']) == 10
    assert document['performer'] == [{'display': 'Clinic'}, {'display': 'op'}]
    assert patient['identifier'][0]['system'] == 'urn:oid:1.2.3' and patient['gender'] == 'female'
    without = check(fhir.transaction(report, PDF, replace(SITE, archive=None)))
    assert resources(without, 'ImagingStudy') == [] and 'imagingStudy' not in resources(without, 'DiagnosticReport')[0]


@pytest.mark.parametrize('name, expected', [
    ('Παπαδοπούλου^Ελένη', {'text': 'Παπαδοπούλου Ελένη', 'family': 'Παπαδοπούλου', 'given': ['Ελένη']}),
    ('Wang^XiaoDong=王^小東', {'text': 'Wang XiaoDong', 'family': 'Wang', 'given': ['XiaoDong']}),
    ('Änna Ö', {'text': 'Änna Ö'}),
    ('', None),
])
def test_patients(report, name, expected):
    for written, order in ((name, None), ('as it is shown', Order(name=name)))[:2 if name else 1]:
        message = check(fhir.transaction(replace(report, patient=Patient('P|1', written)), PDF, SITE, order))
        (patient,) = resources(message, 'Patient')
        assert patient.get('name') == (None if expected is None else [expected])


def test_a_correction_takes_the_place_of_what_was_sent(made, report):
    exams, exam = made
    first = check(fhir.transaction(report, PDF, SITE))
    said = report.signed._replace(event=report.event + 1, text='Seen again.')
    (view, other) = report.views
    amended = replace(report, amendments=(said,), impression=None)
    corrected = replace(amended, views=(view._replace(corrected=said), other))
    for later, status in ((amended, 'amended'), (corrected, 'corrected')):
        message = check(fhir.transaction(later, PDF, SITE))
        assert {resource['status'] for kind in ('DiagnosticReport', 'Observation')
                for resource in resources(message, kind)} == {status}
        assert [entry['request'] for entry in message['entry']] == [entry['request'] for entry in first['entry']]
    assert 'drawn by hand' in resources(message, 'Observation')[0]['note'][0]['text']
    before = replace(corrected, views=(view._replace(corrected=said._replace(event=2)), other), amendments=())
    assert resources(fhir.transaction(before, PDF, SITE), 'DiagnosticReport')[0]['status'] == 'final'


def test_a_station_is_another_device_with_another_program(report):
    def device(changed):
        return resources(fhir.transaction(changed, PDF, SITE), 'Device')[0]['identifier'][0]['value']
    (view, other) = report.views
    assert device(report) == device(replace(report, exam_id='0' * 16))
    assert device(report) != device(replace(report, views=(view._replace(software='1.2.4'), other)))


@pytest.mark.parametrize('changes, why', [
    ({'unit': 'relative'}, []),
    ({'regions': (), 'pairs': (), 'refusals': ('It is no frontal view.',)}, ['It is no frontal view.']),
    ({'regions': (), 'pairs': (), 'trouble': 'The file is damaged.'}, ['The file is damaged.']),
])
def test_what_has_no_temperature_has_no_value_and_says_why(report, changes, why):
    view = report.deciding._replace(**changes)
    message = check(fhir.transaction(replace(report, views=(view,)), PDF, SITE))
    for observation in resources(message, 'Observation'):
        assert 'valueQuantity' not in observation and 'component' not in observation
        assert [note['text'] for note in observation.get('note', ())] == why


def test_an_uncertain_date_is_said_and_a_reader_is_named(report):
    view = report.deciding
    view = view._replace(taken=view.taken._replace(certain=False))
    impression = Impression(report.signed._replace(who='Dr. Wolf', text='Warmer left.'), 'TH2')
    message = check(fhir.transaction(replace(report, views=(view,), impression=impression), PDF, SITE))
    assert all('is not certain' in observation['note'][0]['text'] for observation in resources(message, 'Observation'))
    (document,) = resources(message, 'DiagnosticReport')
    assert document['conclusion'] == 'Warmer left. (Dr. Wolf, TH2)\n\n' + ADJUNCT_NOTICE
    assert document['resultsInterpreter'] == [{'display': 'Dr. Wolf'}]


def test_what_nobody_signed_is_not_sent(tmp_path):
    exams = exams_made.store(tmp_path)
    with stub_pipeline() as pipeline:
        exam = exams_made.examined(exams, [(FRONTAL, exams_made.pictured(pipeline))], until='review')
    with pytest.raises(ExamError) as caught:
        fhir.make_message(exams, exam, SITE)
    assert caught.value.code == 'exam-state'


def test_every_python_makes_the_same_bytes(report):
    (view, other) = report.views
    same = replace(report, views=(view._replace(software='1.2.3'), other._replace(software='1.2.3')))
    data = encode_json(fhir.transaction(same, PDF, SITE))
    assert hashlib.sha256(data).hexdigest()[:16] == WRITTEN
