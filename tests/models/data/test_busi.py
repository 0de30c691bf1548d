"""BUSI: grey pictures without temperatures, masks united, and no patients to keep apart."""
import cv2
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import open_data, patient_split  # noqa: E402
from service.messages import InputError  # noqa: E402

from .builders import write_png  # noqa: E402

GREY = np.random.default_rng(0).integers(0, 255, (50, 70)).astype(np.uint8)


def mask(top, channels=1):
    picture = np.zeros((50, 70), np.uint8)
    picture[top:top + 10, 5:15] = 255
    return picture if channels == 1 else np.dstack([picture] * 3 + [np.zeros_like(picture)] * (channels - 3))


@pytest.fixture
def folder(tmp_path):
    write_png(tmp_path / 'benign' / 'benign (12).png', cv2.merge([GREY] * 3))
    write_png(tmp_path / 'benign' / 'benign (12)_mask.png', mask(5))
    write_png(tmp_path / 'benign' / 'benign (12)_mask_1.png', mask(30, channels=4))
    write_png(tmp_path / 'benign' / 'benign (2).png', GREY)
    write_png(tmp_path / 'malignant' / 'malignant (1).png', GREY)
    write_png(tmp_path / 'malignant' / 'malignant (1)_mask.png', mask(20, channels=3))
    write_png(tmp_path / 'normal' / 'normal (1).png', GREY)
    write_png(tmp_path / 'normal' / 'normal (1)_mask.png', np.zeros((50, 70), np.uint8))
    return tmp_path


def test_the_layout(folder):
    busi = open_data(folder)
    assert busi.keys == ('benign-0002', 'benign-0012', 'malignant-0001', 'normal-0001')
    assert busi.classes == ('normal', 'benign', 'malignant')
    assert [sample.klass for sample in busi] == [1, 1, 2, 0]
    assert busi.regions == ('background', 'lesion')
    assert busi.labelled().keys == ('benign-0012', 'malignant-0001', 'normal-0001')
    for sample in busi:
        thermogram = sample.thermogram()
        assert not thermogram.is_celsius and np.array_equal(thermogram.pixels, GREY)


def test_masks_are_united(folder):
    busi = open_data(folder)
    assert busi.where(lesions=2)[0].labels().sum() == 200
    assert np.array_equal(busi.subset(['malignant-0001'])[0].labels(), mask(20) // 255)
    assert not busi.subset(['normal-0001'])[0].labels().any()


def test_no_split_of_it_is_by_patient_and_it_says_so(folder):
    for name in ('benign', 'malignant', 'normal'):
        for number in range(20, 24):
            write_png(folder / name / ('%s (%d).png' % (name, number)), GREY)
    for part in patient_split(open_data(folder)):
        assert 'no split of it is patient-level' in part.notes[0]


def test_coloured_marks_are_luminance_and_it_says_so(folder):
    marked = cv2.merge([GREY] * 3)
    marked[:5, :5] = (0, 255, 255)
    write_png(folder / 'benign' / 'benign (2).png', marked)
    thermogram = open_data(folder)[0].thermogram()
    assert np.array_equal(thermogram.pixels[5:], GREY[5:]) and 'luminance' in thermogram.provenance.notes[0]


def test_a_mask_of_another_size(folder):
    write_png(folder / 'malignant' / 'malignant (1)_mask.png', np.zeros((50, 71), np.uint8))
    with pytest.raises(InputError, match=r'malignant \(1\)_mask.png is 71x50') as caught:
        open_data(folder).subset(['malignant-0001'])[0].labels()
    assert caught.value.code == 'label-size'


@pytest.mark.parametrize('name, code', [
    ('benign/malignant (7).png', 'busi-folder'),
    ('benign/benign (77)_mask.png', 'mask-without-image'),
])
def test_bad_folders(folder, name, code):
    write_png(folder / name, GREY)
    with pytest.raises(InputError) as caught:
        open_data(folder)
    assert caught.value.code == code


def test_masks_alone_are_no_pictures(tmp_path):
    write_png(tmp_path / 'benign' / 'benign (1)_mask.png', GREY)
    with pytest.raises(InputError) as caught:
        open_data(tmp_path)
    assert caught.value.code == 'folder-empty'


@pytest.mark.parametrize('spoil, code', [
    (lambda data: data[:-40], 'file-truncated'),
    (lambda data: b'', 'file-empty'),
    (lambda data: b'GIF89a' + data, 'file-damaged'),
    (lambda data: data[:16] + b'\xff\xff\xff\xff' * 2 + data[24:], 'frame-too-large'),
    (lambda data: data[:60] + bytes(40) + data[100:], 'file-damaged'),
])
def test_a_spoilt_picture_is_named_when_it_is_read(folder, spoil, code):
    path = folder / 'benign' / 'benign (2).png'
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=r'benign \(2\).png') as caught:
        open_data(folder)[0].thermogram()
    assert caught.value.code == code


def test_other_files_are_noted(folder):
    write_png(folder / 'benign' / 'overview.png', GREY)
    assert open_data(folder).notes[1] == '1 files with other names were left out'
