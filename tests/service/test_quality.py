"""What the quality gate refuses, before and after the network runs, and what it tells the operator."""
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from service.analysis import BREASTS, Breasts
from service.body import find_body
from service.messages import OK, PROBLEM
from service.quality import QualityLimits, check_frame, check_labels
from service.regions import FLIPPED, LEFT_BREAST, LEFT_NIPPLE, RIGHT_BREAST, RIGHT_NIPPLE, region_masks
from service.simulator import Description, make_phantom
from service.thermogram import Thermogram
from tests.fakes import frames

WHOLE = frames.labels()


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


@pytest.mark.parametrize('array, code', [
    (np.full((240, 320), 30.0), 'signal'),
    (wall(), 'signal'),
    (np.minimum(frames.torso(), 30.5), 'saturation'),
    (far_away(), 'body'),
    (hot_room(), 'body'),
    (frames.torso() + 20, 'skin-range'),
    (frames.torso() - 15, 'skin-range'),
])
def test_a_frame_that_cannot_give_a_result(array, code):
    check = last(celsius(array))
    assert (check.code, check.severity) == (code, PROBLEM)
    assert check.sentence.endswith('.') and check.next_step.endswith('.')


def test_a_torso_passes_everything():
    checks = check_frame(celsius(frames.torso()), find_body(celsius(frames.torso())), QualityLimits())
    assert [check.code for check in checks] == ['signal', 'saturation', 'body', 'skin-range', 'focus']
    assert all(check.severity == OK and not check.next_step for check in checks)


def test_a_relative_picture_is_not_measured_in_degrees():
    thermogram = Thermogram.from_relative(np.clip((frames.torso() - 20) * 15, 0, 255), source='x')
    checks = {check.code: check for check in check_frame(thermogram, find_body(thermogram), QualityLimits())}
    assert checks['skin-range'].severity == OK and 'no temperatures' in checks['skin-range'].sentence
    assert checks['focus'].severity == OK


@pytest.mark.parametrize('height, width', [(120, 160), (60, 80)])
@pytest.mark.parametrize('camera', ['good', 'second'])
def test_a_torso_out_of_focus(height, width, camera):
    for defocus, code in ((0.0, None), (0.03, 'focus')):
        phantom = make_phantom(5, height, width, False, Description(rotation_deg=0.0, camera=camera, defocus=defocus))
        check = last(celsius(phantom.celsius))
        assert (check.code if check.severity == PROBLEM else None) == code


@pytest.mark.parametrize('height, width', [(480, 640), (640, 480), (60, 80)])
def test_blur_counts_by_the_size_of_the_picture(height, width):
    sharp = frames.torso(height, width, noise_c=0)
    for blur, code in ((0.001, None), (0.03, 'focus')):
        blurred = cv2.GaussianBlur(sharp, (0, 0), blur * min(height, width))
        check = last(celsius(blurred + np.random.RandomState(0).normal(0, 0.05, blurred.shape)))
        assert (check.code if check.severity == PROBLEM else None) == code


def test_a_body_without_an_outline_is_not_judged():
    filled = celsius(31 + np.random.RandomState(0).normal(0, 0.4, (120, 160)))
    body = replace(find_body(filled), mask=np.ones((120, 160), bool), contrast=8.0)
    check = check_frame(filled, body, QualityLimits())[-1]
    assert (check.code, check.severity) == ('focus', OK) and 'does not show' in check.sentence


def test_every_code_is_in_the_table(root):
    code = re.findall(r"Message\('([a-z-]+)'", (root / 'service' / 'quality.py').read_text(encoding='utf-8'))
    page = (root / 'docs' / 'quality.md').read_text(encoding='utf-8')
    told = re.findall(r'^\| `([a-z-]+)` \|', page, re.M)
    assert sorted(told) == sorted(set(code) - {'side-view'}) and '`side-view`' in page


def test_the_first_failure_ends_the_list():
    checks = check_frame(celsius(wall()), find_body(celsius(wall())), QualityLimits())
    assert len(checks) == 1


def test_limits_are_the_installation_s():
    thermogram = celsius(frames.torso() + 20)
    checks = check_frame(thermogram, find_body(thermogram), QualityLimits(skin_high_c=60.0))
    assert checks[-1].severity == OK


def breasts(labels):
    labels = np.where(labels == RIGHT_NIPPLE, RIGHT_BREAST, np.where(labels == LEFT_NIPPLE, LEFT_BREAST, labels))
    labels = np.where(np.isin(labels, BREASTS), labels, 0).astype(np.uint8)
    return Breasts(labels, region_masks(labels))


def shifted(columns):
    result = np.zeros_like(WHOLE)
    if columns > 0:
        result[:, columns:] = WHOLE[:, :-columns]
    else:
        result[:, :columns] = WHOLE[:, -columns:]
    return result


def lowered(rows):
    result = np.zeros_like(WHOLE)
    result[rows:] = WHOLE[:-rows]
    return result


@pytest.mark.parametrize('labels, code, words', [
    (np.zeros_like(WHOLE), 'breasts', 'right breast and the left breast'),
    (np.where(np.isin(WHOLE, (LEFT_BREAST, LEFT_NIPPLE)), 0, WHOLE), 'breasts', 'The left breast cannot'),
    (FLIPPED[WHOLE], 'sides', 'exchanged'),
    (shifted(-100), 'in-frame', 'left'),
    (shifted(100), 'in-frame', 'right'),
    (lowered(90), 'in-frame', 'bottom'),
])
def test_a_pose_that_cannot_give_a_result(labels, code, words):
    check = check_labels(None, breasts(labels), 0.9, QualityLimits())[-1]
    assert (check.code, check.severity) == (code, PROBLEM)
    assert words in check.sentence and check.next_step


def test_cut_off_on_both_sides_means_back():
    labels = np.zeros_like(WHOLE)
    labels[100:200, :150], labels[100:200, 170:] = RIGHT_BREAST, LEFT_BREAST
    check = check_labels(None, breasts(labels), 0.9, QualityLimits())[-1]
    assert check.next_step == 'Move the camera back.'


def without(*regions):
    return np.where(np.isin(WHOLE, regions), 0, WHOLE).astype(np.uint8)


def without_left(columns):
    """Only the right breast, moved to the right."""
    result = np.zeros_like(WHOLE)
    result[:, columns:] = without(LEFT_BREAST, LEFT_NIPPLE)[:, :-columns]
    return result


def tilted(degrees):
    turn = cv2.getRotationMatrix2D((160, 144), -degrees, 0.8)
    return cv2.warpAffine(WHOLE, turn, (320, 240), flags=cv2.INTER_NEAREST)


@pytest.mark.parametrize('labels, code, words, step', [
    (np.zeros_like(WHOLE), 'breasts', 'right breast and the left breast', 'neck to upper abdomen'),
    (without(LEFT_BREAST, LEFT_NIPPLE), 'breast-absent', 'The left breast is flat or absent', 'nothing in front'),
    (without(RIGHT_BREAST, RIGHT_NIPPLE), 'breast-absent', 'The right breast is flat or absent', 'nothing in front'),
    (without_left(140), 'in-frame', 'The left breast is out of the picture.', 'to the right.'),
    (without_left(140)[:, ::-1], 'breast-absent', 'The left breast is flat', 'nothing in front'),
    (shifted(-100), 'in-frame', 'cut off at the left', 'to the left.'),
    (tilted(18), 'leaning', 'leans', 'level'),
    (tilted(-18), 'leaning', 'leans', 'level'),
])
def test_a_frontal_view_that_cannot_be_compared(labels, code, words, step):
    for view in ('frontal', 'raised-arms'):
        check = check_labels(view, breasts(labels), 0.9, QualityLimits())[-1]
        assert (check.code, check.severity) == (code, PROBLEM)
        assert words in check.sentence and step in check.next_step and check.next_step.endswith('.')


def test_an_upright_frontal_view_passes_every_check():
    for labels in (WHOLE, tilted(8)):
        checks = check_labels('frontal', breasts(labels), 0.9, QualityLimits())
        assert [check.code for check in checks] == ['view', 'breasts', 'sides', 'in-frame', 'upright', 'confidence']
        assert all(check.severity == OK for check in checks)


def test_without_views_a_lean_is_not_judged():
    assert check_labels(None, breasts(tilted(18)), 0.9, QualityLimits())[-1].severity == OK


def test_a_whole_torso_passes_and_doubt_does_not():
    assert all(check.severity == OK for check in check_labels(None, breasts(WHOLE), 0.9, QualityLimits()))
    check = check_labels(None, breasts(WHOLE), 0.3, QualityLimits())[-1]
    assert (check.code, check.severity) == ('confidence', PROBLEM)


@pytest.mark.parametrize('labels, words', [
    (np.zeros_like(WHOLE), 'right breast and the left breast'),
    (np.where(np.isin(WHOLE, (RIGHT_BREAST, RIGHT_NIPPLE)), 0, WHOLE), 'The right breast cannot'),
])
def test_a_missing_breast_is_missing_whatever_the_limit(labels, words):
    check = check_labels(None, breasts(labels), 0.9, QualityLimits(min_breast_share=0))[-1]
    assert (check.code, check.severity) == ('breasts', PROBLEM) and words in check.sentence
