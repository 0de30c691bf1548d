"""Objects without identity: nothing in any byte says of whom, by whom, when or with what, and the rest is as it was."""
import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, NamedTuple
from unittest import mock

import cv2
import numpy as np
import pydicom
import pytest

from service.correction import correct, outlines_of
from service.exams import Patient
from service.exams.deidentified import Leaving, check_deidentified, export_deidentified
from service.exams.order import Order
from service.hospital.dicom import document, make_objects
from service.hospital.dicom.deidentified import (
    ACTIONS,
    CHANGE,
    EMPTY,
    KEEP,
    MOVE,
    REMOVE,
    REPLACE,
    dicom_files,
    remove_identity,
)
from service.hospital.site import OBJECTS, Site
from service.kept_picture import kept_labels
from service.record import encode_png
from service.sealing import PlainSealer

from ...exams.station import Station, the_clock
from ...exams.test_deidentified import forms
from ..making import analysed, torso

KEY = b'p' * 32
#: Where a text stands in a picture.
WRITTEN_INTO = np.s_[60:80, 200:300]
NAME, BORN, ORDERED = 'Παπαδοπούλου^Ελένη', '1951-03-17', '1.2.826.0.1.3680043.9.9999.17'
#: What says who, by whom, when and with what; every word of it stands in the objects of the station.
SAID = ('Παπαδοπούλου', 'Ελένη', 'MRN-0099-4711', BORN, '2026-11-29', '101112', ORDERED, 'ACC-55501', 'Überweiser',
        'ISSUER-XY', 'RP-7788', 'SPS-7799', 'Thermogr. wg. Knoten', 'Lindqvist', 'Κλινική', 'THERMO-1', 'Dept-Q4',
        'FLIR-63901234', 'Räume zu kalt', 'Tippfehler', 'It was Нина', 'Impression of 李小龍', 'Lens-X7')
ORDER = Order(study_uid=ORDERED, accession='ACC-55501', name=NAME, issuer='ISSUER-XY', sex='F', referrer='Überweiser^A',
              procedure_id='RP-7788', procedure='Thermogr. wg. Knoten', step_id='SPS-7799', step='Thermogr. wg. Knoten')
CAMERA = {'kind': 'lepton', 'name': 'Lens-X7', 'serial': 'FLIR-63901234'}
WANTED = Site(objects=OBJECTS, institution='Κλινική', department='Dept-Q4', station_name='THERMO-1')

#: Actions of the profile for what our objects have, by [DICOM315], table E.1-1. X/Z/D and X/Z: by the type.
PROFILE = {
    'D': 'ContentSequence FrameAcquisitionDateTime FrameReferenceDateTime PersonName VerificationDateTime '
         'VerifyingObserverName VerifyingObserverSequence VerifyingOrganization ContentCreatorName ContentDate '
         'ContentTime PatientID',
    'Z': 'AccessionNumber PatientBirthDate PatientName PatientSex ReferringPhysicianName StudyDate StudyID StudyTime '
         'VerifyingObserverIdentificationCodeSequence',
    'X': 'ContributionDescription ImageComments InstitutionalDepartmentName PatientAge SeriesDescription '
         'StudyDescription TimezoneOffsetFromUTC IssuerOfPatientID RequestAttributesSequence RequestedProcedureID '
         'RequestedProcedureDescription ScheduledProcedureStepID AcquisitionContextSequence AcquisitionDateTime '
         'DeviceSerialNumber InstitutionName ReferencedPerformedProcedureStepSequence StationName',
    'U': 'DimensionOrganizationUID FrameOfReferenceUID ReferencedSOPInstanceUID SOPInstanceUID SeriesInstanceUID '
         'StudyInstanceUID UID SourceImageSequence'}
#: What stays of them, by an option; identifiers in a sequence that stays are changed.
OPTIONS = {'ContentSequence': KEEP, 'AcquisitionContextSequence': KEEP, 'ImageComments': KEEP,
           'SeriesDescription': KEEP, 'VerifyingObserverSequence': KEEP, 'SourceImageSequence': KEEP,
           'StudyDescription': REPLACE, 'PatientAge': REPLACE, 'DeviceSerialNumber': REPLACE}


def visit(station, utc_s, pictures):
    """An exam, its pictures those of a series after the first one."""
    exams = station.start(clock=the_clock(utc_s=lambda: utc_s))
    exam_id = exams.create(Patient('MRN-0099-4711', 'Ελένη', BORN), 'Lindqvist', {'room_c': 21.5}, ORDER).id
    exams.start(exam_id, 'Lindqvist')
    for frame, picture in enumerate(pictures):
        role = 'dynamic' if frame else 'frontal'
        exams.add_capture(exam_id, 'Lindqvist', role, picture._replace(camera=CAMERA), frame)
    return exams, exam_id


def signed(exams, exam_id):
    """A visit that was signed."""
    exams.review(exam_id, 'Lindqvist')
    return exams.sign(exam_id, 'Lindqvist')


def told(exams, exam_id):
    """A visit with an identity in every place that an object may have one."""
    exams.deviation(exam_id, 'Lindqvist', 'Räume zu kalt')
    outline = outlines_of(kept_labels(exams, exams.get(exam_id), '0001.labels.png', (240, 320)))['left_breast']
    correct(exams, exam_id, 'Lindqvist', 1, 0, {'left_breast': [(x, y + 8) for x, y in outline]}, 'Räume zu kalt')
    signed(exams, exam_id)
    exams.interpret(exam_id, 'Lindqvist', 'Impression of 李小龍')
    return exams.amend(exam_id, 'Lindqvist', 'Tippfehler', 'It was Нина')


class Export(NamedTuple):
    """Objects of a visit as the archive gets them, and what left of it and of another one 40 days later.

    Attributes:
        before, after: datasets of the first visit, by kind and picture.
        later: a dataset of the second one.
        whole: bytes of all objects.
        files: of the export, by name.
    """

    exam_id: str
    before: Dict[str, Any]
    after: Dict[str, Any]
    later: Any
    whole: bytes
    files: Dict[str, bytes]


@pytest.fixture(scope='module')
def export():
    memory = tempfile.mkdtemp(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None)
    station, out = Station(os.path.join(memory, 'store')), Path(memory) / 'out'
    picture, = analysed([torso('frontal')], drawn=True)
    overlay = cv2.imdecode(np.frombuffer(picture.overlay, np.uint8), cv2.IMREAD_COLOR)
    overlay[WRITTEN_INTO] = 255
    bare = picture._replace(overlay=encode_png(overlay), labels=b'', signs={},
                            result=dict(picture.result, regions={}, differences={}, hottest={}))
    first_s = 1795947072.5
    exam = told(*visit(station, first_s, [picture, bare, bare]))
    other = signed(*visit(station, first_s + 40 * 24 * 3600, [bare]))
    with mock.patch.object(document, 'print_report', lambda report, paper: b'%PDF'):  # it takes a second
        objects = list(make_objects(station.exams, exam, WANTED))
    export_deidentified(station.folder, [exam.id, other.id], str(out), PlainSealer(), KEY, 'trial-7',
                        further=dicom_files(station.exams))
    check_deidentified(str(out))
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob('*') if path.is_file()}
    station.close()
    shutil.rmtree(memory)
    left = {name: read(data) for name, data in files.items() if name.endswith('.dcm')}
    first = {name.split('/')[1][5:-4] + name.split('/')[1][:4]: dataset for name, dataset in left.items()
             if dataset.StudyDate == '19800101'}
    later = next(dataset for dataset in left.values() if dataset.StudyDate != '19800101')
    yield Export(exam.id, {kind + picture: read(made.data) for made in objects
                           for _, picture, kind, _ in [made.name.split('/')]}, first, later,
                 b'\0'.join(made.data for made in objects), files)


def read(data):
    return pydicom.dcmread(io.BytesIO(data))


def elements(datasets):
    return [element for dataset in datasets.values() for element in dataset.iterall()]


def test_no_byte_says_what_the_objects_of_the_station_do(export):
    words = {word: set(forms(word)) for word in SAID + (export.exam_id,)}
    words.update((uid, {uid.encode('ascii')}) for uid in {
        str(element.value) for element in elements(export.before) if element.VR == 'UI'}
        if not uid.startswith('1.2.840.10008.'))

    def found(whole):
        return {word for word, ways in words.items() if any(way in whole for way in ways)}
    assert len(words) > 50 and found(export.whole) == set(words), 'they were there to be found'
    assert found(b'\0'.join([name.encode('utf-8') for name in export.files] + list(export.files.values()))) == set()
    assert {name[:-4] for name in export.after} == set(OBJECTS) - {'report'}


def test_every_element_that_we_write_has_an_action_of_the_profile(export):
    inside = set((  # of sequences that go, and of the report
        'ContributionDescription ReferencedStudySequence RequestedProcedureCodeSequence RequestedProcedureID '
        'PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest RequestedProcedureDescription '
        'ScheduledProcedureStepID ScheduledProcedureStepDescription DocumentTitle MIMETypeOfEncapsulatedDocument '
        'EncapsulatedDocument EncapsulatedDocumentLength').split())
    assert {element.keyword for element in elements(export.before) if element.keyword} - set(ACTIONS) <= inside
    allowed = {'D': (REPLACE, REMOVE, EMPTY, MOVE), 'Z': (EMPTY, REPLACE, REMOVE, MOVE), 'X': (REMOVE, EMPTY, MOVE),
               'U': (CHANGE,)}
    for action, keywords in PROFILE.items():
        for keyword in keywords.split():
            ours = ACTIONS.get(keyword, REMOVE)
            assert ours in allowed[action] or OPTIONS.get(keyword) == ours, keyword


def test_what_is_left_is_what_was_measured(export):
    before, after, later = export.before, export.after, export.later
    assert (later.StudyDate, later.StudyTime) == ('19800210', '000000.000'), '40 days later'
    assert {name for name in before if not name.startswith('report')} == set(after)
    for name, new in after.items():
        assert (new.StudyDate, new.StudyTime, new.PatientID) == ('19800101', '000000.000', later.PatientID)
        assert (new.PatientIdentityRemoved, new.LongitudinalTemporalInformationModified) == ('YES', 'MODIFIED')
        assert [item.CodeValue for item in new.DeidentificationMethodCodeSequence] == [
            '113100', '113101', '113104', '113105', '113108', '113107']
        assert new.PatientAge == before[name].PatientAge == '075Y' and new.PatientSex == ''
        for keyword in ('PixelData', 'FloatPixelData', 'WindowCenter', 'RescaleIntercept'):
            assert name.startswith('picture') or before[name].get(keyword) == new.get(keyword)
    numbers = [[element.value for element in one['measurements0000'].iterall() if element.keyword == 'NumericValue']
               for one in (before, after)]
    assert numbers[0] == numbers[1] and len(numbers[0]) > 50
    named = {str(element.value) for element in elements(after) if element.keyword == 'ReferencedSOPInstanceUID'}
    assert named < {str(dataset.SOPInstanceUID) for dataset in after.values()}, 'what refers to what is kept'


def test_pictures_are_drawn_anew_without_what_was_written_into_them(export):
    old, new = (one['picture0002'].pixel_array for one in (export.before, export.after))
    assert old.shape == new.shape and (old[WRITTEN_INTO] == 255).all() and (new[WRITTEN_INTO] != 255).any()
    assert np.array_equal(new[-40:], old[-40:]), 'the notice'


@pytest.mark.parametrize('day, said', [(None, ('19800101000000', '19800101', 'REMOVED', False)),
                                       (3, ('19800104000000', '19800105', 'MODIFIED', True))])
def test_a_date_that_nobody_stands_for_tells_nothing(day, said):
    dataset = pydicom.Dataset()
    dataset.StudyDate, dataset.StudyTime, dataset.ContentDate, dataset.ContentTime = ('20261129', '230000.000',
                                                                                     '20261130', '230001.000')
    dataset.AcquisitionDateTime = '19700101000000'  # of a clock that had lost its date
    remove_identity(dataset, Leaving(None, None, 'patient-1', 'exam-1', lambda text: b'', None, None, day))
    codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert (dataset.AcquisitionDateTime[:14], dataset.ContentDate, dataset.LongitudinalTemporalInformationModified,
            '113107' in codes) == said


@pytest.mark.skipif(shutil.which('dciodvfy') is None, reason='needs dicom3tools')
def test_the_standard_has_no_objection(export, tmp_path):
    path = tmp_path / 'object.dcm'
    for name in [name for name in export.files if name.endswith('.dcm')]:
        path.write_bytes(export.files[name])
        checked = subprocess.run(['dciodvfy', '-new', str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert b'Error' not in checked.stdout, checked.stdout.decode('utf-8', 'replace')
