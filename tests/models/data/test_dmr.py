"""DMR-IR: file names, the layout of the database, and the packed layout."""
import datetime

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import (  # noqa: E402
    DmrName,
    open_data,  # noqa: E402
    parse_dmr_name,
)
from service.messages import InputError  # noqa: E402
from service.regions import REGIONS  # noqa: E402
from tests.fakes import frames  # noqa: E402

from . import builders  # noqa: E402

DATED = st.tuples(st.dates(datetime.date(1990, 1, 1)).map(str), st.integers(0, 99))
NAMES = st.builds(
    lambda patient, visit, view, kind, moment, snapshot, suffix:
        DmrName(patient, visit, view, kind, *moment, snapshot, suffix),
    st.integers(1, 9999), st.integers(1, 99), st.integers(1, 5), st.sampled_from(['static', 'dynamic']),
    st.one_of(st.just(('', None)), DATED), st.booleans(), st.sampled_from(['txt', 'jpg']))


@given(NAMES)
def test_round_trip(name):
    assert parse_dmr_name(str(name)) == name


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_none_or_refused(text):
    try:
        found = parse_dmr_name(text)
    except InputError as error:
        assert error.code in ('dmr-name', 'dmr-other-export')
    else:
        assert found is None or parse_dmr_name(str(found)) == found


def test_the_parts():
    name = parse_dmr_name('T0138.2.3.S.2013-09-06.00.txt')
    assert name == DmrName(138, 2, 3, 'static', '2013-09-06', 0, False, 'txt')
    assert name.stem == 'T0138.2.3.S.2013-09-06.00'
    assert parse_dmr_name('T0001.1.1.S.txt') == DmrName(1, 1, 1, 'static')
    assert parse_dmr_name('T0138.1.1.D.2013-09-06.19_snap.jpg').snapshot


@pytest.mark.parametrize('name', ['TFRON_V138_6-9-2013_00.txt', 'PAC_12_DN3.txt', 'PAC_12_DN3-dir.png',
                                  'IR_2013-09-06_12.jpg', '138-2.txt.jpg', '138_img_Static-Frontal_2013.txt'])
def test_other_exports_are_refused_in_words(name):
    with pytest.raises(InputError, match='not patients') as caught:
        parse_dmr_name(name)
    assert caught.value.code == 'dmr-other-export'


@pytest.mark.parametrize('name', ['T138.2.3.S.2013-09-06.00.txt', 'T0138.2.6.S.2013-09-06.00.txt',
                                  'T0138.2.3.S.2013-02-30.00.txt', 'T0000.1.1.S.txt', 'T0138.0.1.S.txt',
                                  'T0138.2.3.S.2013-09-06.txt', 'T0138.2.3.X.2013-09-06.00.jpg'])
def test_what_breaks_the_grammar_is_refused(name):
    with pytest.raises(InputError, match='does not follow') as caught:
        parse_dmr_name(name)
    assert caught.value.code == 'dmr-name'


@pytest.mark.parametrize('name', ['readme.txt', 'Torso.jpg', 'notes', '0001.png'])
def test_other_names_are_none_of_it(name):
    assert parse_dmr_name(name) is None


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


def test_a_pack(tmp_path):
    pack = open_data(builders.dmr_pack(tmp_path / 'dmr'))
    assert pack.name == 'dmr' and pack.keys == pack.patients == ('0001', '0020', '0318')
    assert pack.classes == ('Healthy', 'Sick') and [sample.klass for sample in pack] == [0, 0, 1]
    assert pack.regions == REGIONS and pack.labelled().keys == ('0001',)
    assert pack.where(dialect='semicolon')[0].facts['number'] == 318
    thermogram = pack[0].thermogram()
    assert thermogram.is_celsius and np.allclose(thermogram.pixels, builders.celsius(1), atol=0.006)
    assert np.array_equal(pack[0].labels(), frames.labels(builders.HEIGHT, builders.WIDTH))


def test_registered_regions_replace_the_others(tmp_path):
    builders.dmr_pack(tmp_path)
    registered = np.roll(frames.labels(builders.HEIGHT, builders.WIDTH), 3, 1)
    builders.write_png(tmp_path / 'regions_registered' / '0001.png', registered)
    assert np.array_equal(open_data(tmp_path)[0].labels(), registered)
    (tmp_path / 'regions_registered' / '0001.png').unlink()
    with pytest.raises(InputError, match='regions_registered/0001.png does not exist'):
        open_data(tmp_path)


@pytest.mark.parametrize('rows, code, words', [
    (('1,Healthy,space,', '20,Sick,space,', '1,Sick,space,'), 'patient-twice',
     'patient 1 in line 2 and again in line 4'),
    (('1,Healthy,space,', ',Sick,space,'), 'patient-missing', 'line 3 has no patient'),
    (('1,Healthy,space,', '01,Sick,space,'), 'key-twice', '0001'),
    (('V12,Healthy,space,',), 'patient-number', 'V12'),
    (('1,Ill,space,',), 'class-unknown', 'Healthy or Sick'),
    (('1,Sick,tabs,',), 'dialect-unknown', 'space or semicolon'),
    (('1,Sick,space',), 'table-ragged', 'line 2 has 3 values'),
    ((), 'table-empty', 'no rows'),
])
def test_bad_tables(tmp_path, rows, code, words):
    (tmp_path / 'matrices').mkdir()
    with pytest.raises(InputError, match=words) as caught:
        open_data(builders.dmr_pack(tmp_path, rows))
    assert caught.value.code == code and '\n' not in str(caught.value)


@pytest.mark.parametrize('spoil, code', [
    (lambda folder: (folder / 'matrices' / '0020.png').unlink(), 'file-missing'),
    (lambda folder: (folder / 'regions' / '0001.png').unlink(), 'labels-missing'),
    (lambda folder: (folder / 'matrices' / '0020.png').rename(folder / 'matrices' / '0021.png'),
     'file-missing'),
    (lambda folder: builders.write_png(folder / 'matrices' / '0777.png', np.zeros((48, 64), np.uint16)),
     'patient-missing'),
    (lambda folder: (folder / 'patients.csv').write_bytes(b'patient,diagnosis,dialect\n\xff,Sick,space\n'),
     'table-encoding'),
    (lambda folder: (folder / 'patients.csv').write_text('patient,dialect\n1,space\n'), 'table-columns'),
    (lambda folder: (folder / 'patients.csv').write_text('patient,dialect,diagnosis,patient\n'),
     'table-columns'),
    (lambda folder: (folder / 'patients.csv').write_text('patient,dialect,diagnosis\n"1,space,Sick\n'),
     'table-ragged'),
])
def test_bad_packs(tmp_path, spoil, code):
    spoil(builders.dmr_pack(tmp_path))
    with pytest.raises(InputError) as caught:
        open_data(tmp_path)
    assert caught.value.code == code


def test_a_spoilt_picture_is_named_when_it_is_read(tmp_path):
    path = builders.dmr_pack(tmp_path) / 'matrices' / '0020.png'
    path.write_bytes(path.read_bytes()[:-200])
    pack = open_data(tmp_path)
    with pytest.raises(InputError, match='0020.png') as caught:
        pack[1].thermogram()
    assert caught.value.code == 'file-truncated'
    assert pack[0].thermogram().is_celsius


@pytest.mark.parametrize('labels, code, words', [
    (np.full((48, 64), 8, np.uint8), 'label-id', 'value 8 in row 1, column 1; region ids are 0 to 7'),
    (np.zeros((48, 60), np.uint8), 'label-size', '60x48 pixels and its picture is 64x48'),
    (np.zeros((48, 64), np.uint16), 'label-kind', '8-bit grey PNG'),
    (np.arange(48 * 64 * 3).reshape(48, 64, 3).astype(np.uint8), 'label-kind', '8-bit grey PNG'),
])
def test_bad_labels(tmp_path, labels, code, words):
    builders.write_png(builders.dmr_pack(tmp_path) / 'regions' / '0001.png', labels)
    with pytest.raises(InputError, match=words) as caught:
        open_data(tmp_path)[0].labels()
    assert caught.value.code == code and '0001' in str(caught.value)
