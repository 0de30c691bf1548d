"""A model depends on the skin alone, and each variant on what it is named after."""
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.audit.inputs import MODELS, PICTURES, VARIANTS, is_constant, tabulate  # noqa: E402

from . import worlds  # noqa: E402

BY_NAME = {one.name: one for one in MODELS + VARIANTS}
WARMER = worlds.audited(skin_c=1.0)
PLAIN = worlds.audited()


def numbers(name, frame):
    return np.array(list(BY_NAME[name].measure(frame).values()))


@pytest.mark.parametrize('name', [one.name for one in MODELS])
def test_a_model_does_not_see_how_warm_the_skin_is_as_a_whole(name):
    assert numbers(name, WARMER) == pytest.approx(numbers(name, PLAIN), abs=0.02 if name != 'betti' else 6)


@pytest.mark.parametrize('name', ['skin, absolute', 'regions, absolute'])
def test_an_absolute_variant_does(name):
    assert np.abs(numbers(name, WARMER) - numbers(name, PLAIN)).max() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize('name', [one.name for one in MODELS])
def test_a_model_does_not_see_the_room(name):
    colder = worlds.audited(room_c=18.0)
    assert numbers(name, colder) == pytest.approx(numbers(name, PLAIN), abs=0.05)


def test_a_model_does_not_see_the_marker_and_the_variant_does():
    marked = worlds.audited(plate=23.0)
    assert numbers('skin', marked) == pytest.approx(numbers('skin', PLAIN), abs=0.05)
    assert np.abs(numbers('skin, marker left in', marked) - numbers('skin', PLAIN)).max() > 0.3


def test_left_against_right_is_in_the_regions_without_its_sign():
    for asymmetry_c in (0.8, -1.8):  # on top of the 0.6 C and 0.2 C of the schematic torso
        row = BY_NAME['regions'].measure(worlds.audited(asymmetry_c=asymmetry_c))
        assert row['breast_mean_difference'] == pytest.approx(abs(0.6 + asymmetry_c), abs=0.02)


def test_a_region_that_is_not_there_is_left_out():
    assert BY_NAME['regions'].measure(worlds.audited(labels=False)) == {}


def test_pictures_show_one_thing_each():
    marked = worlds.audited(plate=23.0)
    shape = (60, 80)
    seen = {name: draw(marked, shape) for name, draw in PICTURES.items()}
    assert all(picture.dtype == np.uint8 and picture.shape == shape for picture in seen.values())
    assert not (seen['torso'].astype(bool) & seen['background picture'].astype(bool)).any()
    assert 0 < (seen['marker picture'] > 0).sum() < 120
    assert np.array_equal(seen['torso'] > 0, PICTURES['torso'](PLAIN, shape) > 0), 'the plate shows in the outline'
    assert np.abs(seen['torso'].astype(int) - PICTURES['torso'](PLAIN, shape)).max() < 12
    assert np.abs(seen['torso, marker left in'].astype(int) - seen['torso']).max() > 60
    assert not PICTURES['marker picture'](PLAIN, shape).any()


def test_a_table_keeps_gaps_and_drops_empty_columns():
    table, names = tabulate([{'a': 1.0, 'b': np.nan}, {'a': 2.0, 'c': 3.0}])
    assert names == ('a', 'c') and np.isnan(table[0, 1]) and table[1].tolist() == [2.0, 3.0]
    assert tabulate([{}, {}])[0].shape == (2, 0)


def test_constant_tables():
    assert is_constant(np.array([[1.0, np.nan], [1.0, np.nan]]))
    assert not is_constant(np.array([[1.0, np.nan], [1.0, 1.0]]))
