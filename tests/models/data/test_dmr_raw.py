"""DMR-IR as shipped: both dialects, folders a patient, pictures where no matrix is, no snapshots."""
import cv2
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import open_data  # noqa: E402
from service.messages import InputError  # noqa: E402

from . import builders  # noqa: E402

PAGE = '<p>Diagnosis*: <span>%s<br></span></p>'


def write_jpeg(path):
    grey = np.clip(builders.celsius() * 6, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode('.jpg', grey)[1].tobytes())


@pytest.fixture
def folder(tmp_path):
    builders.write_matrix(tmp_path / '0138' / 'T0138.2.1.S.2013-09-06.00.txt')
    write_jpeg(tmp_path / '0138' / 'T0138.2.1.S.2013-09-06.00.jpg')
    write_jpeg(tmp_path / '0138' / 'T0138.2.1.D.2013-09-06.07.jpg')
    write_jpeg(tmp_path / '0138' / 'T0138.2.1.S.2013-09-06.00_snap.jpg')
    builders.write_text(tmp_path / '0138' / 'description.html', PAGE % 'Sick')
    builders.write_matrix(tmp_path / '0318' / 'T0318.1.3.S.2014-01-02.00.txt', delimiter=';')
    builders.write_text(tmp_path / '0318' / 'description.html', PAGE % 'Healthy')
    builders.write_matrix(tmp_path / '0400' / 'T0400.1.1.S.txt')
    builders.write_text(tmp_path / '0400' / 'description.html', PAGE % 'Benign nodule')
    builders.write_text(tmp_path / 'readme.txt', 'hello')
    return tmp_path


def test_a_folder_a_patient(folder):
    raw = open_data(folder)
    assert raw.keys == ('T0138.2.1.D.2013-09-06.07', 'T0138.2.1.S.2013-09-06.00', 'T0318.1.3.S.2014-01-02.00',
                        'T0400.1.1.S')
    assert raw.patients == ('0138', '0318', '0400') and raw.classes == ('Healthy', 'Sick')
    assert [sample.klass for sample in raw] == [1, 1, 0, None]
    assert [sample.facts['dialect'] for sample in raw] == ['picture', 'space', 'semicolon', 'space']
    assert raw.where(kind='dynamic')[0].facts == {
        'number': 138, 'visit': 2, 'view': 1, 'kind': 'dynamic', 'date': '2013-09-06', 'frame': 7,
        'dialect': 'picture', 'camera': 'FLIR SC620'}
    assert [sample.thermogram().is_celsius for sample in raw] == [False, True, True, True]
    assert len(raw.labelled()) == 0


def test_what_was_left_out_is_noted(folder):
    notes = ' '.join(open_data(folder).notes)
    for words in ('1 heat-map snapshots', '1 pictures of frames whose matrix is there',
                  '1 files with other names', '1 diagnoses other than Healthy and Sick'):
        assert words in notes


def test_the_two_dialects_say_the_same(tmp_path):
    builders.write_matrix(tmp_path / 'T0001.1.1.S.txt')
    builders.write_matrix(tmp_path / 'T0318.1.1.S.txt', delimiter=';')
    first, second = open_data(tmp_path)
    assert np.array_equal(first.thermogram().pixels, second.thermogram().pixels)


def test_one_description_beside_several_patients_says_nothing(tmp_path):
    for number in (1, 2):
        builders.write_matrix(tmp_path / ('T%04d.1.1.S.txt' % number))
    builders.write_text(tmp_path / 'description.html', PAGE % 'Sick')
    assert len(open_data(tmp_path).classified()) == 0


@pytest.mark.parametrize('name, code, words', [
    ('0400/T0138.2.1.S.2013-09-06.01.txt', 'dmr-folder', 'patient 0138 and lies in the folder 0400'),
    ('more/T0138.2.1.S.2013-09-06.00.txt', 'key-twice', 'there twice'),
    ('0138/PAC_12_DN3.txt', 'dmr-other-export', 'not patients'),
    ('0138/TFRON_V12_6-9-2013_00.jpg', 'dmr-other-export', 'not patients'),
    ('0138/T138.2.1.S.2013-09-06.00.txt', 'dmr-name', 'does not follow'),
])
def test_bad_folders(folder, name, code, words):
    builders.write_matrix(folder / name)
    with pytest.raises(InputError, match=words) as caught:
        open_data(folder)
    assert caught.value.code == code


def test_a_folder_of_another_export_is_refused_in_words(tmp_path):
    builders.write_matrix(tmp_path / 'PAC_12_DN3.txt')
    with pytest.raises(InputError) as caught:
        open_data(tmp_path)
    assert caught.value.code == 'dmr-other-export'


def test_two_diagnoses_of_one_patient_are_refused(folder):
    builders.write_text(folder / '0138' / 'description.html', PAGE % 'Sick' + PAGE % 'Healthy')
    with pytest.raises(InputError) as caught:
        open_data(folder)
    assert caught.value.code == 'diagnosis-contradiction'


def test_snapshots_alone_are_nothing(tmp_path):
    write_jpeg(tmp_path / 'T0138.2.1.S.2013-09-06.00_snap.jpg')
    with pytest.raises(InputError) as caught:
        open_data(tmp_path)
    assert caught.value.code == 'folder-empty'


def test_an_empty_matrix_is_named(tmp_path):
    builders.write_text(tmp_path / 'T0138.2.1.S.2013-09-06.00.txt', '')
    with pytest.raises(InputError, match='T0138.2.1.S.2013-09-06.00.txt is empty'):
        open_data(tmp_path)
