"""What the gate refuses before the network runs, and what it tells the operator."""
import numpy as np
import pytest

from service.body import find_body
from service.quality import QualityLimits, check_frame
from service.thermogram import Thermogram
from tests.fakes import frames


def last(thermogram):
    return check_frame(thermogram, find_body(thermogram), QualityLimits())[-1]


def celsius(array):
    return Thermogram.from_celsius(array, source='x')


def wall():
    return 22 + np.random.RandomState(0).normal(0, 0.05, (240, 320))


def far_away():
    array = wall()
    array[100:140, 150:170] += 10
    return array


def hot_room():
    array = 30.5 + np.random.RandomState(0).normal(0, 0.05, (240, 320))
    array[60:, 80:240] += 1.2
    return array


@pytest.mark.parametrize('array, name', [
    (np.full((240, 320), 30.0), 'signal'),
    (wall(), 'signal'),
    (np.minimum(frames.torso(), 30.5), 'saturation'),
    (far_away(), 'body'),
    (hot_room(), 'body'),
    (frames.torso() + 20, 'skin-range'),
    (frames.torso() - 15, 'skin-range'),
])
def test_a_frame_that_cannot_give_a_result(array, name):
    check = last(celsius(array))
    assert (check.name, check.passed) == (name, False)
    assert check.sentence.endswith('.') and check.next_step.endswith('.')


def test_a_torso_passes_everything():
    checks = check_frame(celsius(frames.torso()), find_body(celsius(frames.torso())), QualityLimits())
    assert [check.name for check in checks] == ['signal', 'saturation', 'body', 'skin-range']
    assert all(check.passed and not check.next_step for check in checks)


def test_a_relative_picture_is_not_measured_in_degrees():
    grey = np.clip((frames.torso() - 20) * 15, 0, 255)
    check = last(Thermogram.from_relative(grey, source='x'))
    assert check.passed and 'no temperatures' in check.sentence


def test_the_first_failure_ends_the_list():
    checks = check_frame(celsius(wall()), find_body(celsius(wall())), QualityLimits())
    assert len(checks) == 1


def test_limits_are_the_installation_s():
    thermogram = celsius(frames.torso() + 20)
    checks = check_frame(thermogram, find_body(thermogram), QualityLimits(skin_high_c=60.0))
    assert checks[-1].passed
