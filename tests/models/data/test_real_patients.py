"""The real thermograms at hand open as what they are; they are no part of the project."""
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import check_leak, open_data, patient_folds  # noqa: E402


@pytest.fixture(scope='module')
def pack(shared_data):
    return open_data(shared_data / 'dmr')


def test_the_pack(pack):
    assert len(pack) == len(pack.patients) == 99 and len(pack.labelled()) == 20
    space = pack.where(dialect='space')
    assert len(space) == 76 and [sum(s.klass == k for s in space) for k in (0, 1)] == [59, 17]
    assert {pack.classes[sample.klass] for sample in pack.where(dialect='semicolon')} == {'Sick'}
    assert {sample.klass for sample in pack.labelled()} == {0}


def test_every_label_lies_on_its_picture(pack):
    for sample in pack.labelled():
        thermogram, labels = sample.thermogram(), sample.labels()
        assert thermogram.is_celsius and labels.shape == thermogram.pixels.shape == (480, 640)
        assert {1, 2} <= set(labels.ravel().tolist()) <= set(range(8))


def test_folds_of_the_labelled(pack):
    folds = patient_folds(pack.labelled())
    check_leak(*[held for _, held in folds])
    assert [len(held) for _, held in folds] == [4] * 5


def test_raw_files(shared_data, pack):
    raw = open_data(shared_data / 'dmr' / 'raw')
    assert raw.patients == ('0001', '0002', '0318', '0326')
    packed = {sample.patient: sample for sample in pack}
    for sample in raw:
        other = packed[sample.patient]
        assert sample.facts['dialect'] == other.facts['dialect']
        assert abs(sample.thermogram().pixels - other.thermogram().pixels).max() < 0.0051
