"""A plain folder says whose every picture is, or is refused."""
import json

import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import open_data  # noqa: E402
from service.messages import InputError  # noqa: E402
from tests.fakes import frames  # noqa: E402

from . import builders  # noqa: E402


def test_a_folder(tmp_path):
    plain = open_data(builders.plain_folder(tmp_path / 'mine'))
    assert plain.name == 'mine' and plain.keys == ('a_1', 'a_2', 'b') and plain.patients == ('p1', 'p2')
    assert plain.classes == ('healthy', 'sick') and [sample.klass for sample in plain] == [1, 1, 0]
    assert plain.labelled().keys == ('b',)
    assert np.array_equal(plain[2].labels(), frames.labels(builders.HEIGHT, builders.WIDTH))
    assert np.allclose(plain[0].thermogram().pixels, builders.celsius(0), atol=1e-4)


@pytest.mark.parametrize('words, classes', [
    (('abnormal', 'normal'), ('normal', 'abnormal')),
    (('malignant', 'Benign', 'normal'), ('normal', 'Benign', 'malignant')),
    (('b', 'a'), ('a', 'b')),
    (('', 'Sick'), ('Sick',)),
])
def test_what_is_looked_for_comes_last(tmp_path, words, classes):
    plain = open_data(builders.plain_folder(
        tmp_path, ['%d.npy,p%d,%s' % (i, i, word) for i, word in enumerate(words)], labels=()))
    assert plain.classes == classes
    assert [classes[sample.klass] if sample.klass is not None else '' for sample in plain] == list(words)


def test_patients_from_names_only_when_asked(tmp_path):
    builders.plain_folder(tmp_path)
    (tmp_path / 'patients.csv').unlink()
    with pytest.raises(InputError, match='take patients from file names') as caught:
        open_data(tmp_path)
    assert caught.value.code == 'patients-missing'
    plain = open_data(tmp_path, patient_from='name')
    assert plain.patients == ('a', 'b') and plain.classes == () and plain.notes == (
        'patients were taken from file names',)


def test_counts_need_a_scale(tmp_path):
    builders.plain_folder(tmp_path, ['a.png,p,'], labels=())
    (tmp_path / 'images' / 'a.png.npy').unlink()
    builders.write_png(tmp_path / 'images' / 'a.png', (builders.celsius() * 100).astype(np.uint16))
    with pytest.raises(InputError, match='scale'):
        open_data(tmp_path)[0].thermogram()
    assert open_data(tmp_path, scale='centicelsius')[0].thermogram().pixels.max() < 40


def test_labels_turn_with_a_mirror_image(tmp_path):
    plain = builders.plain_folder(tmp_path)
    straight = open_data(plain)[2]
    pixels, labels = straight.thermogram().pixels, straight.labels()
    (tmp_path / 'images' / 'b.json').write_text(json.dumps({'mirrored': True}))
    mirrored = open_data(plain)[2]
    assert np.array_equal(mirrored.thermogram().pixels, pixels[:, ::-1])
    assert np.array_equal(mirrored.labels(), labels[:, ::-1])


@pytest.mark.parametrize('rows, code, words', [
    (('a.npy,,sick',), 'patient-missing', 'line 2 has no patient'),
    (('a.npy,p,sick', 'a.npy,q,sick'), 'file-twice', 'a.npy in line 2 and again in line 3'),
])
def test_bad_tables(tmp_path, rows, code, words):
    with pytest.raises(InputError, match=words) as caught:
        open_data(builders.plain_folder(tmp_path, rows, labels=()))
    assert caught.value.code == code


@pytest.mark.parametrize('spoil, code, words', [
    (lambda folder: np.save(folder / 'images' / 'c.npy', builders.celsius()), 'patient-missing',
     'images/c.npy'),
    (lambda folder: builders.write_png(folder / 'labels' / 'z.png', np.zeros((48, 64), np.uint8)),
     'labels-without-image', 'labels/z.png'),
    (lambda folder: (folder / 'images' / 'a_1.npy').unlink(), 'file-missing', 'a_1.npy'),
    (lambda folder: (folder / 'patients.csv').write_text('file;patient\na;b\n'), 'table-columns',
     'column file'),
    (lambda folder: [path.unlink() for path in (folder / 'images').iterdir()], 'folder-empty', 'images'),
])
def test_bad_folders(tmp_path, spoil, code, words):
    spoil(builders.plain_folder(tmp_path))
    with pytest.raises(InputError, match=words) as caught:
        open_data(tmp_path)
    assert caught.value.code == code


def test_one_name_in_two_formats_is_one_too_many(tmp_path):
    builders.plain_folder(tmp_path, ('a.npy,p,', 'a.txt,p,'), labels=())
    (tmp_path / 'images' / 'a.txt.npy').unlink()
    builders.write_matrix(tmp_path / 'images' / 'a.txt')
    with pytest.raises(InputError) as caught:
        open_data(tmp_path)
    assert caught.value.code == 'key-twice'
