"""The packed layout opens whole, or says in one line which patient is wrong."""
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import open_data  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.regions import REGIONS  # noqa: E402
from tests.fakes import frames  # noqa: E402

from . import builders  # noqa: E402


def test_a_pack(tmp_path):
    pack = open_data(builders.dmr_pack(tmp_path / 'dmr'))
    assert pack.name == 'dmr' and pack.keys == pack.patients == ('0001', '0020', '0318')
    assert pack.classes == ('Healthy', 'Sick') and [sample.klass for sample in pack] == [0, 0, 1]
    assert pack.regions == REGIONS and pack.labelled().keys == ('0001',)
    assert pack.where(dialect='semicolon')[0].facts['number'] == 318
    thermogram = pack[0].thermogram()
    assert thermogram.is_celsius and np.allclose(thermogram.pixels, builders.celsius(1), atol=0.006)
    assert np.array_equal(pack[0].labels(), frames.labels(builders.HEIGHT, builders.WIDTH))


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
