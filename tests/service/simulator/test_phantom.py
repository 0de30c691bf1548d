"""One phantom: shapes, regions, determinism; and the same patient over time."""
import json

import numpy as np
import pytest

from service import regions
from service.simulator import Scene, make_phantom


@pytest.mark.parametrize('height, width', [(120, 160), (192, 256), (240, 320), (480, 640), (80, 60)])
def test_every_camera_size(height, width):
    phantom = make_phantom(3, height, width)
    assert phantom.celsius.shape == phantom.labels.shape == (height, width)
    assert phantom.celsius.dtype == np.float32 and phantom.labels.dtype == np.uint8
    assert np.isfinite(phantom.celsius).all()
    assert 14 < phantom.celsius.min() and phantom.celsius.max() < 42


def test_arrays_are_read_only():
    phantom = make_phantom(3, 60, 80)
    for array in (phantom.celsius, phantom.labels):
        with pytest.raises(ValueError):
            array[0, 0] = 1


def test_a_seed_is_a_patient():
    one, same, other = (make_phantom(seed, 60, 80) for seed in (5, 5, 6))
    assert np.array_equal(one.celsius, same.celsius) and np.array_equal(one.labels, same.labels)
    assert one.planted == same.planted
    assert not np.array_equal(one.celsius, other.celsius)


def test_a_large_seed_is_another_patient():
    assert make_phantom(2 ** 40 + 5, 60, 80).planted['room_c'] != make_phantom(5, 60, 80).planted['room_c']


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match='seed'):
        make_phantom(-1)


def test_the_same_anatomy_at_every_size():
    small, large = make_phantom(8, 120, 160), make_phantom(8, 240, 320)
    agree = (large.labels[::2, ::2] == small.labels).mean()
    assert agree > 0.97
    reduced = large.celsius.reshape(120, 2, 160, 2).mean((1, 3))
    assert np.median(np.abs(reduced - small.celsius)) < 0.2


@pytest.mark.slow
def test_frontal_views_show_all_regions(healthy):
    complete = [len(np.unique(p.labels)) == 8 for p in healthy]
    assert np.mean(complete) > 0.93
    always = [regions.RIGHT_BREAST, regions.LEFT_BREAST]
    assert all(np.isin(always, p.labels).all() for p in healthy)


@pytest.mark.slow
def test_sides_are_the_patients(healthy):
    """The patient's right is on the left of the picture."""
    columns = np.arange(160)
    for phantom in healthy:
        for right, left in regions.PAIRS:
            in_right, in_left = (phantom.labels == right).sum(0), (phantom.labels == left).sum(0)
            if in_right.any() and in_left.any():
                assert np.average(columns, weights=in_right) < np.average(columns, weights=in_left)


def test_a_flip_swaps_ids():
    labels = make_phantom(0, 120, 160).labels
    flipped = regions.FLIPPED[labels[:, ::-1]]
    assert (flipped == regions.RIGHT_BREAST).sum() == (labels == regions.LEFT_BREAST).sum()
    columns = np.arange(160)
    right, left = ((flipped == k).sum(0) for k in (regions.RIGHT_BREAST, regions.LEFT_BREAST))
    assert np.average(columns, weights=right) < np.average(columns, weights=left)


@pytest.mark.slow
def test_planted_is_plain_json(mixed):
    for phantom in mixed[:20]:
        assert json.loads(json.dumps(phantom.planted)) == phantom.planted
        assert bool(phantom.planted['items']) == phantom.planted['abnormal']
        for item in phantom.planted['items']:
            assert item['side'] in ('left', 'right') and item['peak_c'] > 0


@pytest.fixture(scope='module')
def scene():
    return Scene(4, 120, 160)


def test_a_frame_is_a_thermogram(scene):
    frame = scene.frame(0.5)
    assert frame.shape == (120, 160) and frame.dtype == np.float32
    assert np.isfinite(frame).all()


def test_the_same_time_gives_the_same_frame(scene):
    assert np.array_equal(scene.frame(1.25), Scene(4, 120, 160).frame(1.25))


def test_it_is_the_patient_of_the_phantom(scene):
    phantom = make_phantom(4, 120, 160)
    assert scene.planted['room_c'] == phantom.planted['room_c']
    assert scene.planted['abnormal'] == phantom.planted['abnormal']
    assert np.median(np.abs(scene.frame(0) - phantom.celsius)) < 0.3


def test_noise_is_fresh_in_every_frame(scene):
    """In a corner of wall, where moving changes nothing."""
    change = scene.frame(2.0) - scene.frame(2.04)
    assert 0.01 < np.abs(change).mean() < 1


def test_the_body_moves_by_a_few_pixels():
    scene = Scene(4, 240, 320)
    # Halfway between wall and skin, where noise changes nothing.
    still = scene.frame(0) > 26
    moved = [((scene.frame(t) > 26) != still).mean() for t in np.linspace(0, 6, 13)]
    assert max(moved) > 0.001
    assert max(moved) < 0.08


def test_drift_is_slow_and_small(scene):
    means = [scene.frame(t).mean() for t in (0, 1, 45, 90, 180)]
    assert abs(means[1] - means[0]) < 0.15
    assert np.ptp(means) < 0.6


def test_frames_do_not_share_memory(scene):
    first = scene.frame(0)
    kept = first.copy()
    scene.frame(0.1)
    assert np.array_equal(first, kept)
