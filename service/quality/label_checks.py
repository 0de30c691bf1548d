"""What can be said of a frame once its regions are known."""
import numpy as np

from ..analysis import boxes
from ..regions import LEFT_BREAST, RIGHT_BREAST, region_word
from ..result import Check

_BREASTS = (RIGHT_BREAST, LEFT_BREAST)


def check_labels(labels, confidence, limits):
    """The checks that need labels.

    Args:
        labels (numpy.ndarray): uint8 hxw, nipples counted to their breasts, any resolution.
        confidence (float): mean confidence over the body, 0..1.
        limits (QualityLimits): what is required.
    Returns:
        tuple of Check: stops at the first that fails.
    """
    found = boxes(labels)
    checks = []
    for check in (_breasts, _sides, _in_frame):
        checks.append(check(labels, found, limits))
        if not checks[-1].passed:
            return tuple(checks)
    return tuple(checks) + (_confidence(confidence, limits),)


def _breasts(labels, found, limits):
    missing = [region_word(breast) for breast in _BREASTS
               if breast not in found or np.mean(labels == breast) < limits.min_breast_share]
    if not missing:
        return Check('breasts', True, 'Both breasts are in the picture.')
    return Check('breasts', False, 'The %s cannot be seen.' % ' and the '.join(missing),
                 'Turn the patient to face the camera, arms raised, from neck to upper abdomen in the picture.')


def _sides(labels, found, limits):
    right, left = (_centre(found[breast][1]) for breast in _BREASTS)
    if right < left:
        return Check('sides', True, 'The patient\'s right is on the left of the picture.')
    return Check('sides', False, 'Left and right seem to be exchanged.',
                 'Check that the camera picture is not mirrored.')


def _in_frame(labels, found, limits):
    height, width = labels.shape
    touching = []
    for breast in _BREASTS:
        rows, columns = found[breast]
        inside = labels[rows, columns] == breast
        for side, touches, line in (('left', columns.start == 0, inside[:, 0]),
                                    ('right', columns.stop == width, inside[:, -1]),
                                    ('bottom', rows.stop == height, inside[-1])):
            if touches and line.mean() > limits.max_border_share:
                touching.append(side)
    if not touching:
        return Check('in-frame', True, 'The patient is in frame.')
    if len(set(touching)) > 1:
        return Check('in-frame', False, 'The patient is cut off at the %s.' % ' and the '.join(sorted(set(touching))),
                     'Move the camera back.')
    return Check('in-frame', False, 'The patient is cut off at the %s.' % touching[0],
                 'Move the camera %s.' % {'left': 'to the left', 'right': 'to the right',
                                          'bottom': 'down'}[touching[0]])


def _confidence(confidence, limits):
    if confidence >= limits.min_confidence:
        return Check('confidence', True, 'The regions are clear.')
    return Check('confidence', False, 'The regions cannot be told apart with confidence.',
                 'Take the picture again: frontal, arms raised, nothing in front of the patient.')


def _centre(columns):
    return (columns.start + columns.stop) / 2.0
