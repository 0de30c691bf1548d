"""The layout is found by content, or the sentence says what a folder may hold."""
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import LAYOUTS, open_data, patient_split, phantom_collection  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.simulator import make_phantom  # noqa: E402

from . import builders  # noqa: E402


@pytest.mark.parametrize('build', [
    builders.phantom_set, builders.dmr_pack, builders.plain_folder,
    lambda folder: builders.write_matrix(folder / '0001' / 'T0001.1.1.S.txt'),
    lambda folder: builders.write_png(folder / 'normal' / 'normal (1).png', np.zeros((50, 50), np.uint8)),
], ids=['phantom-set', 'dmr-pack', 'folder', 'dmr-raw', 'busi'])
def test_exactly_one_layout_fits(tmp_path, build, request):
    build(tmp_path)
    fitting = [name for name, layout in LAYOUTS.items() if layout.fits(tmp_path)]
    assert fitting == [request.node.callspec.id]
    assert open_data(str(tmp_path)).keys == open_data(tmp_path, fitting[0]).keys


def test_a_phantom_set_of_a_training(tmp_path):
    lateral, = open_data(builders.phantom_set(tmp_path)).where(view='left-lateral')
    assert lateral.key == 'phantom-00000501' and lateral.klass == 1 and lateral.facts['kind'] == 'phantom'
    assert np.abs(lateral.thermogram().pixels - builders.celsius(1)).max() < 0.001
    assert np.array_equal(lateral.labels(), np.load(tmp_path / 'labels.npy')[1])


def test_a_damaged_phantom_set(tmp_path):
    (builders.phantom_set(tmp_path) / 'patterns.npy').write_bytes(b'')
    with pytest.raises(InputError) as caught:
        open_data(tmp_path)
    assert caught.value.code == 'phantoms-unreadable'


def test_hidden_files_are_nothing(tmp_path):
    (tmp_path / '.part').write_text('')
    with pytest.raises(InputError) as caught:
        open_data(tmp_path)
    assert caught.value.code == 'folder-empty'


@pytest.mark.parametrize('arguments, code, words', [
    (('{}/nonesuch',), 'folder-missing', 'does not exist'),
    (('{}',), 'layout-unknown', 'matrices/ and patients.csv'),
    (('{}', 'dicom'), 'layout-name', 'no layout dicom'),
    (('phantoms:1',), 'phantoms-range', 'phantoms:SEED:COUNT'),
    (('phantoms:1:0',), 'phantoms-range', 'count of 1 or more'),
])
def test_refusals(tmp_path, arguments, code, words):
    (tmp_path / 'holiday.gif').write_bytes(b'GIF89a')
    with pytest.raises(InputError, match=words) as caught:
        open_data(arguments[0].format(tmp_path), *arguments[1:])
    assert caught.value.code == code


def test_an_option_of_another_layout_is_refused(tmp_path):
    with pytest.raises(InputError) as caught:
        open_data(builders.dmr_pack(tmp_path), patient_from='name')
    assert caught.value.code == 'layout-option'


def test_phantoms_on_the_fly():
    phantoms = open_data('phantoms:40:6', height=60, width=80)
    assert len(phantoms) == len(phantoms.patients) == len(phantoms.labelled()) == 6
    assert [sample.klass for sample in phantoms] == [0, 1] * 3
    assert phantoms.classes == ('as expected', 'pattern differs')
    for sample in phantoms[:3]:
        made = make_phantom(sample.facts['number'], 60, 80, bool(sample.klass))
        assert made.planted['abnormal'] == bool(sample.klass)
        assert np.array_equal(sample.thermogram().pixels, made.celsius)
        assert np.array_equal(sample.labels(), made.labels) and sample.labels().flags.writeable
    assert [len(part) for part in patient_split(phantoms)] == [4, 2]
    assert phantom_collection(40, 6, 60, 80).keys == phantoms.keys
