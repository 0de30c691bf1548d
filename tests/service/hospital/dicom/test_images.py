"""Pictures as DICOM objects: the stored temperatures come back, and nothing is in them that a viewer takes wrongly."""
import collections
import datetime
import hashlib
import io
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from service.clock import UNSYNCHRONISED, Stamp
from service.exams import REVIEW, SIGNED, ExamError, Order, Patient, guide
from service.exams.exam import CORRECTED_FILES
from service.hospital.dicom import make_objects
from service.hospital.dicom.images import FORMS, add_frame, stored_words
from service.hospital.dicom.modules import Case, person_name, shown
from service.hospital.site import Site
from service.kept_picture import kept_thermogram
from service.messages import InputError
from service.readers import count_frames, read_thermogram
from service.record import encode_png
from service.thermogram import Thermogram

from ...exams.station import REAL, Station
from ..making import DRAWING, ELENI, PICTURES, SERIES, SMALL, grey, signed_exam, unjudged

#: Beginning of the SHA-256 of the objects of each kind, one after another: every Python writes the same bytes.
WRITTEN = {'grey': 'bfad1c14aa82f3ce', 'map': '0b87d8658d2bb05b', 'picture': 'e51556547d268818',
           'series': '33e3620dfeccc478', 'temperature': '68615b38ce6abf94'}


def site(*objects, **changes):
    """A hospital that wants these objects."""
    return Site(objects=objects, institution='Κλινική', department='Imaging', station_name='THERMO-1', **changes)


def read(made):
    """The dataset of an object, which says the same of itself outside."""
    dataset = pydicom.dcmread(io.BytesIO(made.data))
    assert made[1:5] == (dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID,
                         dataset.StudyInstanceUID)
    return dataset


@pytest.fixture(scope='module')
def station():
    with signed_exam(PICTURES + SERIES, kept=unjudged) as made:
        yield made


@pytest.fixture(scope='module')
def objects(station):
    """The objects of the exam, by their name."""
    made, exam = station
    return {one.name: one for one in make_objects(made.exams, exam, site('temperature', 'series', 'picture', 'map'))}


def of_kind(objects, *kinds):
    """Datasets of these kinds, in order."""
    return [read(one) for name, one in objects.items() if name.split('/')[2] in kinds]


def test_every_python_writes_the_same_bytes(objects):
    hashes = collections.defaultdict(hashlib.sha256)
    for name, made in objects.items():
        hashes[name.split('/')[2]].update(made.data)
    assert {kind: found.hexdigest()[:16] for kind, found in hashes.items()} == WRITTEN


def assert_standard(made, folder):
    """The validator of dicom3tools has no objection to an object."""
    path = folder / 'object.dcm'
    path.write_bytes(made.data)
    checked = subprocess.run(['dciodvfy', str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert b'Error' not in checked.stdout and checked.returncode == 0, checked.stdout.decode('utf-8', 'replace')


@pytest.mark.skipif(shutil.which('dciodvfy') is None, reason='needs dicom3tools')
def test_the_standard_has_no_objection(objects, tmp_path):
    for made in {name.split('/')[2]: one for name, one in objects.items()}.values():
        assert_standard(made, tmp_path)


def test_temperatures_come_back_within_one_step(station, objects):
    made, exam = station
    found = of_kind(objects, 'temperature')
    for capture, dataset in zip(guide.pictures_of(exam)[:4], found):
        stored = kept_thermogram(made.exams, exam, capture).pixels
        words = dataset.pixel_array.astype(np.float64)
        item = dataset.RealWorldValueMappingSequence[0]
        mapped = words <= item.RealWorldValueLastValueMapped
        assert np.array_equal(mapped, stored < 382.195)
        celsius = words * item.RealWorldValueSlope + item.RealWorldValueIntercept
        assert np.abs(celsius - stored)[mapped].max() < 0.00502
        hundredths = words * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        assert np.abs(hundredths / 100 - celsius).max() < 1e-9
    assert 'warmer than 382.20 C are stored as that: 4.' in found[3].ImageComments


def test_what_was_sent_is_read_as_it_was_kept(station, objects, tmp_path):
    made, exam = station
    path = tmp_path / 'object.dcm'
    for name, one in objects.items():
        kind, number = name.split('/')[2], int(name.split('/')[1])
        path.write_bytes(one.data)
        if kind == 'picture':
            with pytest.raises(InputError, match='colour'):
                read_thermogram(path)
            continue
        frames_of = range(6, 10) if kind == 'series' else [number]
        assert count_frames(path) == len(frames_of)
        for frame, capture in enumerate(frames_of, 1):
            stored, found = kept_thermogram(made.exams, exam, exam.captures[capture - 1]), read_thermogram(
                path, frame=frame)
            assert found.unit == stored.unit and found.provenance.emissivity == stored.provenance.emissivity
            held = stored.pixels < (382 if kind in ('temperature', 'series') else 1000)
            assert np.abs(found.pixels - stored.pixels)[held].max() <= {'grey': 0, 'map': 2e-6}.get(kind, 0.00502)


@pytest.mark.parametrize('name, part', [(ELENI.name, '*Ελένη*'), ('Wang^XiaoDong=王^小东', '*小东*'),
                                        ('Änna^Öst', 'ÄNNA*')])
def test_an_archive_finds_names_in_every_script_and_gives_the_bytes_back(archive, name, part):
    with signed_exam(PICTURES[:1], Patient('P-1', name), unjudged) as (made, exam):
        one = next(make_objects(made.exams, exam, site('temperature')))
    stored = archive.ask('/instances', one.data)['ID']
    assert archive.ask('/instances/%s/file' % stored) == one.data
    assert archive.ask('/instances/%s/simplified-tags' % stored)['PatientName'] == name
    assert archive.ask('/tools/find', {'Level': 'Instance', 'Query': {'PatientName': part}}) == [stored]


def test_what_viewers_take_wrongly_is_not_there(objects):
    for name, made in objects.items():
        dataset = read(made)
        assert b'\x28\0\x56\x10' not in made.data[:4000], name  # VOI LUT Function
        assert dataset.SpecificCharacterSet == 'ISO_IR 192' and 'Not a substitute for mammography' in \
            dataset.ImageComments
        if dataset.SamplesPerPixel == 3:
            assert 'WindowCenter' not in dataset and 'RescaleSlope' not in dataset
            continue
        if 'map' in name:
            dataset.update(dataset.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0])
        low, high = (float(dataset.WindowCenter) + sign * float(dataset.WindowWidth) / 2 for sign in (-1, 1))
        slope, intercept = float(dataset.get('RescaleSlope', 1)), float(dataset.get('RescaleIntercept', 0))
        assert slope == int(slope) and intercept == int(intercept)
        values = dataset.pixel_array * slope + intercept
        assert values.min() < high and values.max() > low, name


def test_a_picture_without_temperatures_names_no_degrees(objects):
    dataset, = of_kind(objects, 'grey')
    assert 'C x 100' not in str(dataset) and 'elsius' not in str(dataset).replace('degree Celsius', '')
    assert 'RescaleSlope' not in dataset and 'RealWorldValueMappingSequence' not in dataset
    assert np.array_equal(dataset.pixel_array, PICTURES[4][1].pixels)
    assert dataset.SeriesInstanceUID != read(list(objects.values())[0]).SeriesInstanceUID


def test_how_a_picture_lies_and_who_it_is_of(station, objects):
    lies = [(list(dataset.PatientOrientation), dataset.ImageLaterality, dataset.ViewCodeSequence[0].CodeMeaning)
            for dataset in of_kind(objects, 'temperature', 'grey')[:5]]
    assert lies == [(['L', 'F'], 'B', 'frontal'), (['LA', 'F'], 'R', 'right anterior oblique'),
                    (['LP', 'F'], 'L', 'left anterior oblique'), (['A', 'F'], 'R', 'right lateral'),
                    (['P', 'F'], 'L', 'left lateral')]
    dataset = read(list(objects.values())[0])
    assert str(dataset.PatientName) == ELENI.name and dataset.PatientAge == '056Y'
    assert dataset.InstitutionName == 'Κλινική' and dataset.StationName == 'THERMO-1' and dataset.StudyID == '1'
    camera, network = dataset.ContributingEquipmentSequence
    assert camera.ManufacturerModelName == 'Simulator' and camera.DeviceSerialNumber == 'S-1'
    assert network.ManufacturerModelName == 'stub' and list(network.SoftwareVersions) == ['1.0.0', '0' * 64]
    context = {item.ConceptNameCodeSequence[0].CodeValue: float(item.NumericValue)
               for item in dataset.AcquisitionContextSequence}
    assert context == {'122224': 21.5, 'humidity': 41, 'acclimatisation': 15, 'emissivity': 0.98}
    private = dataset.private_block(0x0099, 'THERMOSCREEN 1')
    assert (private[1].value, private[2].value) == (station[1].id, 1)


def test_what_was_scheduled_is_what_is_answered():
    order = Order('1.2.3.4', 'A-77-20261130-000001', ELENI.name, 'Clinic', 'F', '61', 'Who^Dr', 'RP-1', 'Thermogram',
                  'TH', 'L', 'Thermography', 'SPS-1', 'Five views', 'TH5', 'L', 'Five views')
    with signed_exam(PICTURES[:1], Patient('P-1', 'Ελένη Παπαδοπούλου'), unjudged, order) as (made, exam):
        dataset = read(next(make_objects(made.exams, exam, replace(site('temperature'), institution='Κ' * 64))))
    assert (dataset.StudyInstanceUID, dataset.PatientName, dataset.PatientSex) == (order.study_uid, order.name, 'F')
    # Longer than the standard allows, and more bytes than characters: pydicom says both when they are looked at.
    assert dataset.get_item((0x0008, 0x0050)).value == order.accession.encode('ascii')
    assert (dataset.IssuerOfPatientID, dataset.ReferringPhysicianName) == ('Clinic', 'Who^Dr')
    assert dataset.get_item((0x0008, 0x0080)).value.decode('utf-8') == 'Κ' * 64
    item = dataset.RequestAttributesSequence[0]
    assert (item.RequestedProcedureID, item.ScheduledProcedureStepID) == ('RP-1', 'SPS-1')
    assert (item.ScheduledProtocolCodeSequence[0].CodeValue, item.RequestedProcedureCodeSequence[0].CodeValue) == (
        'TH5', 'TH')


def test_a_series_is_one_object_with_its_times(station, objects):
    dataset, = of_kind(objects, 'series')
    assert dataset.SOPClassUID == '1.2.840.10008.5.1.4.1.1.7.3' and dataset.NumberOfFrames == 4
    assert dataset.FrameIncrementPointer == 0x00181065
    assert [int(time_ms) for time_ms in dataset.FrameTimeVector] == [0, 0, 15000, 15000]
    assert (dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType) == (1, 0, 'US')
    item = dataset.RealWorldValueMappingSequence[0]
    celsius = dataset.pixel_array * item.RealWorldValueSlope + item.RealWorldValueIntercept
    assert np.abs(celsius - np.stack([thermogram.pixels for _, thermogram in SERIES])).max() < 0.00502


def test_a_series_without_temperatures_and_one_of_two_sizes(tmp_path):
    frames_of = [('dynamic', grey(SMALL))] * 2 + [('dynamic', grey((48, 64)))]
    with signed_exam(frames_of, kept=unjudged) as (made, exam):
        found = list(make_objects(made.exams, exam, site('series')))
    first, second = map(read, found)
    assert first.SOPClassUID == second.SOPClassUID == '1.2.840.10008.5.1.4.1.1.7.2'
    assert (first.NumberOfFrames, second.NumberOfFrames, second.Rows) == (2, 1, 48)
    assert 'RealWorldValueMappingSequence' not in first and 'kelvin' not in str(first)
    assert np.array_equal(first.pixel_array[1], grey(SMALL).pixels)
    if shutil.which('dciodvfy') is not None:
        assert_standard(found[0], tmp_path)


def test_a_date_that_nobody_stood_for_is_that_of_the_signature_less_what_has_passed(station):
    case = Case(station[0].exams, station[1], site('temperature'))
    signed = station[1].events[-1].stamp
    before = Stamp('1970-01-01T00:00:05.000000Z', UNSYNCHRONISED, signed.boot_id, signed.boottime_ns - 2 * 10 ** 9)
    assert case.time(signed) - case.time(before) == datetime.timedelta(seconds=2)
    assert case.time(before._replace(boot_id='another')).year == 1970


def test_the_picture_is_the_one_that_was_kept(objects):
    dataset = of_kind(objects, 'picture')[0]
    assert np.array_equal(dataset.pixel_array, DRAWING) and dataset.BurnedInAnnotation == 'NO'


def test_a_map_holds_the_temperatures_to_the_last_bit(station, objects):
    made, exam = station
    found, captures = of_kind(objects, 'map'), [one for one in guide.pictures_of(exam) if one.number != 5]
    assert len(found) == len(captures) == 8
    for capture, dataset in zip(captures, found):
        stored = kept_thermogram(made.exams, exam, capture).pixels
        pixels = np.frombuffer(dataset.FloatPixelData, '<f4').reshape(stored.shape)
        if capture.number == 3:  # both ends are whole, which makes a viewer compute in whole degrees
            assert pixels.min() != np.rint(pixels.min()) and abs(pixels.min() - stored.min()) < 2e-6
            pixels = np.where(pixels == pixels.min(), stored.min(), pixels)
        assert np.array_equal(pixels, stored)
        mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
        assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
        assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == 'Cel'


def test_outlines_that_somebody_corrected_give_another_picture_and_the_same_temperatures(station, objects):
    made, exam = station
    contents = dict.fromkeys(CORRECTED_FILES, b'{}')
    contents['overlay.png'] = encode_png(np.zeros((60, 80, 3), np.uint8))
    changed = made.exams.correct(exam.id, 'chief', 1, 0, contents, 'wrong', 'before and after')
    again = {one.name: one for one in make_objects(made.exams, changed, site('temperature', 'picture'))}
    assert set(again) - set(objects) == {'object/0001/picture/14'}
    picture = read(again['object/0001/picture/14'])
    assert picture.Rows == 60 and 'corrected by hand' in picture.ImageComments
    assert all(objects[name] == one for name, one in again.items() if name in objects)


def test_degrees_where_a_site_wants_them(station):
    dataset = read(next(make_objects(station[0].exams, station[1], site('temperature', unit='celsius'))))
    values = np.arange(65536) * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    assert not (values == np.rint(values)).any()  # a whole one would make a viewer compute in whole numbers
    shown_c = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    assert np.abs(shown_c - PICTURES[0][1].pixels).max() < 0.00502
    assert (dataset.WindowCenter, dataset.WindowWidth, dataset.SeriesDescription) == (29.5, 11, 'Thermograms: C')


def test_an_exam_that_is_not_signed_and_a_patient_without_a_place(tmp_path):
    made = Station(tmp_path / 'exams', picture=REAL)
    exam = made.exam(REVIEW)
    with pytest.raises(ExamError, match='not signed'):
        next(make_objects(made.exams, exam, site('temperature')))
    for patient_id in ('x' * 65, 'A\\B'):
        with pytest.raises(InputError) as caught:
            next(make_objects(made.exams, made.exam(SIGNED, Patient(patient_id)), site('temperature')))
        assert caught.value.code == 'dicom-patient-id'
    made.close()


@pytest.mark.parametrize('name, written', [
    ('Ann Lind', 'Ann Lind'), ('Lind, Ann', 'Lind^Ann'), ('Lind^Ann^Marie', 'Lind^Ann^Marie'), ('', ''),
    ('Wang^XiaoDong=王^小东', 'Wang^XiaoDong=王^小东'), ('a' * 70, 'a' * 64), ('O\\Hara\u2028x', 'O/Hara\u2028x')])
def test_names(name, written):
    assert person_name(name) == written


def test_a_frame_beyond_the_window_has_one_of_its_own():
    for low, high in ((10, 20), (40, 50), (21, 21)):
        dataset = pydicom.Dataset()
        celsius = np.linspace(low, high, 64 * 64).reshape(64, 64)
        add_frame(dataset, Thermogram.from_celsius(celsius, 'cold'), FORMS['hundredths'])
        assert abs(float(dataset.WindowCenter) - 50 * (low + high)) < 1
        assert float(dataset.WindowWidth) > 100 * (high - low)


def test_words():
    assert stored_words(np.array([[-273.15, 0, 31.33, 382.2, 900]], np.float32)).tolist() == [
        [0, 27315, 30448, 65535, 65535]]
    assert shown('a\\b\tc  d', 5) == 'a/b c'
