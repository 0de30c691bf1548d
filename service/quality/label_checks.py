"""What can be said of a frame once its regions are known."""
import numpy as np

from ..analysis import BREASTS
from ..regions import region_word
from ..result import Check

_STEPS = {'left': 'Move the camera to the left.', 'right': 'Move the camera to the right.',
          'bottom': 'Move the camera down.'}


def check_labels(breasts, confidence, limits):
    """The checks that need labels.

    Args:
        breasts (Breasts): the breasts of the frame.
        confidence (float): mean confidence over the body, 0..1.
        limits (QualityLimits): what is required.
    Returns:
        tuple of Check: stops at the first that fails.
    """
    checks = []
    for check in (_breasts, _sides, _in_frame):
        checks.append(check(breasts, limits))
        if not checks[-1].passed:
            return tuple(checks)
    return tuple(checks) + (_confidence(confidence, limits),)


def _breasts(breasts, limits):
    missing = [region_word(breast) for breast in BREASTS if _share(breasts, breast) < limits.min_breast_share]
    if not missing:
        return Check('breasts', True, 'Both breasts are in the picture.')
    return Check('breasts', False, 'The %s cannot be seen.' % ' and the '.join(missing),
                 'Turn the patient to face the camera, arms raised, from neck to upper abdomen in the picture.')


def _sides(breasts, limits):
    right, left = (_centre(breasts.boxes[breast][1]) for breast in BREASTS)
    if right < left:
        return Check('sides', True, 'The patient\'s right is on the left of the picture.')
    return Check('sides', False, 'Left and right seem to be exchanged.',
                 'Check that the camera picture is not mirrored.')


def _in_frame(breasts, limits):
    height, width = breasts.labels.shape
    touching = set()
    for breast, (rows, columns) in breasts.boxes.items():
        inside = breasts.labels[rows, columns] == breast
        for side, touches, line in (('left', columns.start == 0, inside[:, 0]),
                                    ('right', columns.stop == width, inside[:, -1]),
                                    ('bottom', rows.stop == height, inside[-1])):
            if touches and line.mean() > limits.max_border_share:
                touching.add(side)
    if not touching:
        return Check('in-frame', True, 'The patient is in frame.')
    sentence = 'The patient is cut off at the %s.' % ' and the '.join(sorted(touching))
    step = _STEPS[touching.pop()] if len(touching) == 1 else 'Move the camera back.'
    return Check('in-frame', False, sentence, step)


def _confidence(confidence, limits):
    if confidence >= limits.min_confidence:
        return Check('confidence', True, 'The regions are clear.')
    return Check('confidence', False, 'The regions cannot be told apart with confidence.',
                 'Take the picture again: frontal, arms raised, nothing in front of the patient.')


def _share(breasts, breast):
    """Part of the frame that one breast takes, 0..1."""
    if breast not in breasts.boxes:
        return 0.0
    return np.count_nonzero(breasts.labels[breasts.boxes[breast]] == breast) / float(breasts.labels.size)


def _centre(columns):
    return (columns.start + columns.stop) / 2.0
