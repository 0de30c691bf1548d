"""A patient over time."""
import numpy as np
import pytest

from service.simulator import Scene, make_phantom


@pytest.fixture(scope='module')
def scene():
    return Scene(4, 120, 160)


def test_a_frame_is_a_thermogram(scene):
    frame = scene.frame(0.5)
    assert frame.shape == (120, 160) and frame.dtype == np.float32
    assert np.isfinite(frame).all()


def test_the_same_time_gives_the_same_frame(scene):
    assert np.array_equal(scene.frame(1.25), Scene(4, 120, 160).frame(1.25))
    assert np.array_equal(scene.labels_at(1.25), Scene(4, 120, 160).labels_at(1.25))


def test_it_is_the_patient_of_the_phantom(scene):
    phantom = make_phantom(4, 120, 160)
    assert scene.planted['room_c'] == phantom.planted['room_c']
    assert scene.planted['abnormal'] == phantom.planted['abnormal']
    assert np.median(np.abs(scene.frame(0) - phantom.celsius)) < 0.3
    assert (scene.labels_at(0) == phantom.labels).mean() > 0.95


def test_noise_is_fresh_in_every_frame(scene):
    """In a corner of wall, where moving changes nothing."""
    change = scene.frame(2.0) - scene.frame(2.04)
    assert 0.01 < np.abs(change).mean() < 1


def test_the_body_moves_by_a_few_pixels():
    scene = Scene(4, 240, 320)
    still = scene.labels_at(0)
    moved = [(scene.labels_at(t) != still).mean() for t in np.linspace(0, 6, 13)]
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
