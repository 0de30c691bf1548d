"""The body mask."""
import numpy as np
import pytest

from service.body import WORKING_SIDE_PX, find_body
from service.thermogram import Thermogram


def frame(body_c=32.0, wall_c=22.0, shape=(240, 320)):
    celsius = np.full(shape, wall_c)
    celsius[shape[0] // 4:, shape[1] // 4:-shape[1] // 4] = body_c
    return celsius + np.random.RandomState(0).normal(0, 0.05, shape)


@pytest.mark.parametrize('wall_c', [18.0, 22.0, 27.0])
def test_body_and_wall_are_told_apart(wall_c):
    body = find_body(Thermogram.from_celsius(frame(wall_c=wall_c), source='x'))
    assert wall_c < body.threshold < 32
    assert body.share == pytest.approx(0.375, abs=0.02)
    assert body.contrast == pytest.approx(32 - wall_c, abs=0.2)


def test_the_mask_is_found_at_working_size():
    body = find_body(Thermogram.from_celsius(frame(shape=(480, 640)), source='x'))
    assert body.mask.shape == (120, WORKING_SIDE_PX) == body.reduced.shape
    assert find_body(Thermogram.from_celsius(frame(shape=(60, 80)), source='x')).mask.shape == (60, 80)


def test_a_warm_lamp_beside_the_patient_is_not_body():
    celsius = frame()
    celsius[:20, :20] = 35
    body = find_body(Thermogram.from_celsius(celsius, source='x'))
    assert not body.mask[:8, :8].any()


def test_a_constant_frame_has_no_body():
    body = find_body(Thermogram.from_celsius(np.full((60, 80), 25.0), source='x'))
    assert not body.mask.any() and body.contrast == 0 and body.share == 0


def test_grey_levels_work_as_well():
    grey = (frame() - 20) * 15
    assert find_body(Thermogram.from_relative(grey, source='x')).share == pytest.approx(0.375, abs=0.02)
