"""A worse camera sees the same scene: same size, same place, a little less of it."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.augment import degrade  # noqa: E402
from models.augment.degradation import NETD_C, _grey_photons, _photons  # noqa: E402
from tests.fakes import frames  # noqa: E402

SCENE = frames.torso(120, 160, noise_c=0).astype(np.float32)


@settings(max_examples=40)
@given(st.integers(0, 10 ** 6), st.integers(40, 130), st.integers(40, 130), st.booleans())
def test_size_and_range_stay(seed, height, width, relative):
    scene = frames.torso(height, width).astype(np.float32) * (8 if relative else 1)
    worse = degrade(np.random.default_rng(seed), scene, relative)
    assert worse.shape == scene.shape and worse.dtype == np.float32 and np.isfinite(worse).all()
    if relative:
        assert worse.min() >= 0 and worse.max() <= 255
    else:
        assert worse.min() >= scene.min() - 6 * NETD_C[1] - 1e-3
        assert worse.max() <= scene.max() + 6 * NETD_C[1] + 1e-3


def test_a_seed_repeats_itself():
    one, same, other = (degrade(np.random.default_rng(seed), SCENE) for seed in (4, 4, 5))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_the_input_is_left_alone():
    scene = SCENE.copy()
    degrade(np.random.default_rng(0), scene)
    assert np.array_equal(scene, SCENE)


def test_the_scene_stays_where_it_was():
    """Labels are not moved, so nothing may be: half a pixel from coarse sampling, none on average."""
    scene = np.full((120, 160), 22, np.float32)
    scene[37:61, 90:114] = 34
    rows, columns = np.mgrid[:120, :160]
    moved = []
    for seed in range(40):
        warm = np.clip(degrade(np.random.default_rng(seed), scene) - 25, 0, None)
        moved.append([np.average(rows, weights=warm) - 48.5, np.average(columns, weights=warm) - 101.5])
    assert np.abs(moved).max() < 0.5
    assert np.abs(np.mean(moved, axis=0)).max() < 0.1


def test_temperatures_do_not_drift():
    for seed in range(10):
        assert degrade(np.random.default_rng(seed), SCENE).mean() == pytest.approx(SCENE.mean(), abs=0.02)


def test_it_does_get_worse():
    """Sharp edges are lost every time."""
    sharpest = np.abs(np.diff(SCENE, axis=1)).max()
    worse = [degrade(np.random.default_rng(seed), SCENE) for seed in range(20)]
    steepest = [np.abs(np.diff(picture, axis=1)).max() for picture in worse]
    assert np.median(steepest) < 0.7 * sharpest


@pytest.mark.parametrize('celsius', [22.0, 30.0, 36.0])
def test_photon_noise_is_the_netd(celsius):
    noisy = _photons(np.random.default_rng(0), np.full((200, 200), celsius, np.float32), 0.1)
    assert noisy.std() == pytest.approx(0.1 * 303.15 / (celsius + 273.15), rel=0.03)
    assert noisy.mean() == pytest.approx(celsius, abs=0.005)


def test_photon_noise_of_a_picture_grows_with_its_level():
    dark, middle = (_grey_photons(np.random.default_rng(0), np.full((200, 200), level, np.float32), 4.0)
                    for level in (32, 128))
    assert middle.std() == pytest.approx(4, rel=0.03) and dark.std() == pytest.approx(2, rel=0.03)
