"""What the gate refuses once the regions are known."""
import numpy as np
import pytest

from service.analysis import BREASTS, Breasts, boxes
from service.quality import QualityLimits, check_labels
from service.regions import FLIPPED, LEFT_BREAST, LEFT_NIPPLE, RIGHT_BREAST, RIGHT_NIPPLE
from tests.fakes import frames

WHOLE = frames.labels()


def breasts(labels):
    labels = np.where(labels == RIGHT_NIPPLE, RIGHT_BREAST, np.where(labels == LEFT_NIPPLE, LEFT_BREAST, labels))
    labels = np.where(np.isin(labels, BREASTS), labels, 0).astype(np.uint8)
    return Breasts(labels, boxes(labels))


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



@pytest.mark.parametrize('labels, name, words', [
    (np.zeros_like(WHOLE), 'breasts', 'right breast and the left breast'),
    (np.where(np.isin(WHOLE, (LEFT_BREAST, LEFT_NIPPLE)), 0, WHOLE), 'breasts', 'The left breast cannot'),
    (FLIPPED[WHOLE], 'sides', 'exchanged'),
    (shifted(-100), 'in-frame', 'left'),
    (shifted(100), 'in-frame', 'right'),
    (lowered(90), 'in-frame', 'bottom'),
])
def test_a_pose_that_cannot_give_a_result(labels, name, words):
    check = check_labels(breasts(labels), 0.9, QualityLimits())[-1]
    assert (check.name, check.passed) == (name, False)
    assert words in check.sentence and check.next_step


def test_cut_off_on_both_sides_means_back():
    labels = np.zeros_like(WHOLE)
    labels[100:200, :150], labels[100:200, 170:] = RIGHT_BREAST, LEFT_BREAST
    check = check_labels(breasts(labels), 0.9, QualityLimits())[-1]
    assert check.next_step == 'Move the camera back.'


def test_a_whole_torso_passes_and_doubt_does_not():
    assert all(check.passed for check in check_labels(breasts(WHOLE), 0.9, QualityLimits()))
    check = check_labels(breasts(WHOLE), 0.3, QualityLimits())[-1]
    assert (check.name, check.passed) == ('confidence', False)
