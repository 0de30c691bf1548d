"""Pictures as DICOM objects: the stored temperatures come back, and nothing is in them that a viewer takes wrongly."""
import hashlib
import io
import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from service.exams import REVIEW, SIGNED, ExamError, Patient, guide
from service.hospital.dicom import make_objects
from service.hospital.dicom.images import FORMS, add_frame, stored_words
from service.hospital.dicom.modules import person_name, shown
from service.hospital.site import Site
from service.kept_picture import kept_thermogram
from service.messages import InputError
from service.thermogram import Thermogram

from ....fakes import frames
from ...exams.station import REAL, Station
from ..making import ELENI, grey, signed_exam, torso

#: Beginning of the SHA-256 of each object: every Python writes the same bytes.
WRITTEN = {
    'object/0001/temperature/3': '902610a1d0a69300', 'object/0002/temperature/4': '1d3aefebafc4f65d',
    'object/0003/temperature/5': '2e8447a0ed99fce3', 'object/0004/temperature/6': 'bc0d91a505b73d3b',
    'object/0005/grey/7': '6da00de20b60bc76'}


def site(*objects, **changes):
    """A hospital that wants these objects."""
    return Site(objects=objects, institution='Κλινική', department='Imaging', station_name='THERMO-1', **changes)


def read(made):
    """The dataset of an object, which says the same of itself outside."""
    dataset = pydicom.dcmread(io.BytesIO(made.data))
    assert made[1:5] == (dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID,
                         dataset.StudyInstanceUID)
    return dataset


def whole():
    """A frame whose coldest and warmest are whole degrees, one below zero and one whose word has its highest bit."""
    celsius = frames.torso().round(2)
    celsius[0, 0], celsius[-1, -1] = -5, 60
    return Thermogram.from_celsius(celsius, 'whole')


def hot():
    """A frame in which a lamp is warmer than a word holds."""
    celsius = frames.torso()
    celsius[:2, :2] = 500
    return Thermogram.from_celsius(celsius, 'lamp')


PICTURES = (('frontal', torso('frontal')), ('right-oblique', torso('right')), ('left-oblique', whole()),
            ('right-lateral', hot()), ('left-lateral', grey()))


@pytest.fixture(scope='module')
def station():
    with signed_exam(PICTURES) as made:
        yield made


@pytest.fixture(scope='module')
def objects(station):
    """The objects of the exam, by their name."""
    made, exam = station
    return {one.name: one for one in make_objects(made.exams, exam, site('temperature'))}


def test_every_python_writes_the_same_bytes(objects):
    assert {name: hashlib.sha256(made.data).hexdigest()[:16] for name, made in objects.items()} == WRITTEN


@pytest.mark.skipif(shutil.which('dciodvfy') is None, reason='needs dicom3tools')
def test_the_standard_has_no_objection(objects, tmp_path):
    for made in objects.values():
        path = tmp_path / 'object.dcm'
        path.write_bytes(made.data)
        checked = subprocess.run(['dciodvfy', str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert b'Error' not in checked.stdout and checked.returncode == 0, checked.stdout.decode('utf-8', 'replace')


def test_temperatures_come_back_within_one_step(station, objects):
    made, exam = station
    found = [read(one) for one in objects.values()]
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


def test_what_viewers_take_wrongly_is_not_there(objects):
    for name, made in objects.items():
        dataset = read(made)
        assert 'VOILUTFunction' not in dataset and dataset.SpecificCharacterSet == 'ISO_IR 192'
        low, high = (float(dataset.WindowCenter) + sign * float(dataset.WindowWidth) / 2 for sign in (-1, 1))
        slope, intercept = float(dataset.get('RescaleSlope', 1)), float(dataset.get('RescaleIntercept', 0))
        assert slope == int(slope) and intercept == int(intercept)
        values = dataset.pixel_array * slope + intercept
        assert values.min() < high and values.max() > low, name


def test_a_picture_without_temperatures_names_no_degrees(objects):
    dataset = read(list(objects.values())[-1])
    assert 'C x 100' not in str(dataset) and 'elsius' not in str(dataset).replace('degree Celsius', '')
    assert 'RescaleSlope' not in dataset and 'RealWorldValueMappingSequence' not in dataset
    assert np.array_equal(dataset.pixel_array, grey().pixels)
    assert dataset.SeriesInstanceUID != read(list(objects.values())[0]).SeriesInstanceUID


def test_how_a_picture_lies_and_who_it_is_of(station, objects):
    lies = [(list(dataset.PatientOrientation), dataset.ImageLaterality, dataset.ViewCodeSequence[0].CodeMeaning)
            for dataset in map(read, objects.values())]
    assert lies == [(['L', 'F'], 'B', 'frontal'), (['LA', 'F'], 'R', 'right anterior oblique'),
                    (['LP', 'F'], 'L', 'left anterior oblique'), (['A', 'F'], 'R', 'right lateral'),
                    (['P', 'F'], 'L', 'left lateral')]
    dataset = read(list(objects.values())[0])
    assert str(dataset.PatientName) == ELENI.name and dataset.PatientAge == '056Y'
    assert dataset.InstitutionName == 'Κλινική' and dataset.StationName == 'THERMO-1' and dataset.StudyID == '1'
    network = dataset.ContributingEquipmentSequence[0]
    assert network.ManufacturerModelName == 'stub' and list(network.SoftwareVersions) == ['1.0.0', '0' * 64]
    context = {item.ConceptNameCodeSequence[0].CodeValue: float(item.NumericValue)
               for item in dataset.AcquisitionContextSequence}
    assert context == {'122224': 21.5, 'humidity': 41, 'acclimatisation': 15}
    private = dataset.private_block(0x0099, 'THERMOSCREEN 1')
    assert (private[1].value, private[2].value, private[5].value) == (station[1].id, 1, 0.98)


def test_degrees_where_a_site_wants_them(station):
    dataset = read(next(make_objects(station[0].exams, station[1], site('temperature', unit='celsius'))))
    values = np.arange(65536) * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    assert not (values == np.rint(values)).any()  # a whole one would make a viewer compute in whole numbers
    shown_c = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    assert np.abs(shown_c - torso('frontal').pixels).max() < 0.00502
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
