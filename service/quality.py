"""The quality gate: a frame that cannot give a trustworthy result gives none, and says why."""
import functools
from dataclasses import dataclass
from typing import Callable, Iterable, List, Sequence, Tuple

import cv2
import numpy as np

from .analysis import BREASTS, Breasts
from .body import Body
from .messages import OK, Message
from .regions import Box, region_label
from .thermogram import Thermogram

#: Means over a clipped neighbourhood differ only by float32 rounding.
_SAME_VALUE = np.float32(1e-3)

_CAMERA_MOVES = {'left': 'Move the camera to the left.', 'right': 'Move the camera to the right.',
                 'bottom': 'Move the camera down.'}


@dataclass(frozen=True)
class QualityLimits:
    """What a frame needs to give a result. Shares are of the whole frame, 0..1.

    Attributes:
        min_range_c, min_range_grey: range of values below which the frame counts as constant.
        max_saturated_share: pixels at the highest value. A clipping sensor gives many of them, a torso a handful.
        skin_low_c, skin_high_c: limits for the mean of the body. DMR-IR breast means are 26 to 36 °C; the low end
            leaves room for cooled skin and the camera's own offset.
        min_body_share: body in the frame.
        min_contrast_c, min_contrast_grey: body over background. A room at 26 °C still leaves 3 °C on DMR-IR frames.
        min_breast_share: each breast. On 51 annotated DMR-IR frames they are 0.15 +- 0.03.
        max_border_share: part of a breast's height that may touch the left or right edge of the picture, or of its
            width that may touch the lower edge.
        min_confidence: mean probability of the labels over the body.
    """

    min_range_c: float = 1.0
    min_range_grey: float = 8.0
    max_saturated_share: float = 0.01
    skin_low_c: float = 24.0
    skin_high_c: float = 40.0
    min_body_share: float = 0.2
    min_contrast_c: float = 1.5
    min_contrast_grey: float = 8.0
    min_breast_share: float = 0.015
    max_border_share: float = 0.3
    min_confidence: float = 0.6


def check_frame(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Tuple[Message, ...]:
    """Check a frame before the network sees it.

    Returns:
        One message per check, in the order in which an operator would act on them. They stop at the first problem,
        since later checks would only repeat it.
    """
    return _until_problem(functools.partial(check, thermogram, body, limits)
                          for check in (_signal, _saturation, _body, _skin_range))


def check_labels(breasts: Breasts, confidence: float, limits: QualityLimits) -> Tuple[Message, ...]:
    """Check a frame once its regions are known.

    Args:
        confidence: mean confidence over the body, 0..1.

    Returns:
        One message per check; they stop at the first problem.
    """
    return _until_problem((functools.partial(_breasts, breasts, limits), functools.partial(_sides, breasts),
                           functools.partial(_in_frame, breasts, limits),
                           functools.partial(_confidence, confidence, limits)))


def _until_problem(checks: Iterable[Callable[[], Message]]) -> Tuple[Message, ...]:
    messages: List[Message] = []
    for check in checks:
        messages.append(check())
        if messages[-1].severity != OK:
            break
    return tuple(messages)


def _good(code: str, sentence: str) -> Message:
    return Message(code, sentence, severity=OK)


def _signal(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Message:
    if body.high - body.low >= (limits.min_range_c if thermogram.is_celsius else limits.min_range_grey):
        return _good('signal', 'The picture has contrast.')
    return Message('signal', 'The whole picture has the same value.',
                   'Check that the lens is uncovered and that the camera has finished calibrating.')


def _saturation(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Message:
    # The pixels of the reduced frame are means: all of them reach the highest value only where a whole
    # neighbourhood clips.
    share = np.count_nonzero(body.reduced > np.float32(body.high) - _SAME_VALUE) / float(body.reduced.size)
    if share <= limits.max_saturated_share:
        return _good('saturation', 'No part of the picture is saturated.')
    return Message('saturation', '%.0f %% of the picture is at the highest value that can be shown.' % (100 * share),
                   'Choose the camera range for body temperature and take the picture again.')


def _body(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Message:
    needed = limits.min_contrast_c if thermogram.is_celsius else limits.min_contrast_grey
    if body.share >= limits.min_body_share and body.contrast >= needed:
        return _good('body', 'A body stands out from the background.')
    if body.share < limits.min_body_share:
        return Message('body', 'There is no body in the picture, or it is too far away.',
                       'Place the patient in front of the camera, about 1 m away.')
    return Message('body', 'The body is hardly warmer than what is behind it.',
                   'Remove heat sources behind the patient and cool the room to 18 to 25 °C.')


def _skin_range(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Message:
    if not thermogram.is_celsius:
        return _good('skin-range', 'The picture has no temperatures, so their range cannot be checked.')
    if limits.skin_low_c <= body.level <= limits.skin_high_c:
        return _good('skin-range', 'The body is in the range of skin temperature.')
    return Message('skin-range', 'The warm area is at %.1f °C; skin is at %.0f to %.0f °C.'
                   % (body.level, limits.skin_low_c, limits.skin_high_c),
                   'Check the camera range, its emissivity (0.98) and the scale that the file was read with.')


def _breasts(breasts: Breasts, limits: QualityLimits) -> Message:
    missing = [region_label(breast) for breast in BREASTS
               if breast not in breasts.masks or _share(breasts, breast) < limits.min_breast_share]
    if not missing:
        return _good('breasts', 'Both breasts are in the picture.')
    return Message('breasts', 'The %s cannot be seen.' % ' and the '.join(missing),
                   'Turn the patient to face the camera, arms raised, from neck to upper abdomen in the picture.')


def _sides(breasts: Breasts) -> Message:
    right, left = (_centre(breasts.masks[breast][0]) for breast in BREASTS)
    if right < left:
        return _good('sides', "The patient's right is on the left of the picture.")
    return Message('sides', 'Left and right seem to be exchanged.', 'Check that the camera picture is not mirrored.')


def _in_frame(breasts: Breasts, limits: QualityLimits) -> Message:
    height, width = breasts.labels.shape
    cut_off = set()
    for (rows, columns), mask in breasts.masks.values():
        for side, touches, line in (('left', columns.start == 0, mask[:, 0]),
                                    ('right', columns.stop == width, mask[:, -1]),
                                    ('bottom', rows.stop == height, mask[-1])):
            if touches and np.count_nonzero(line) / float(line.size) > limits.max_border_share:
                cut_off.add(side)
    if not cut_off:
        return _good('in-frame', 'The patient is in frame.')
    sides: Sequence[str] = sorted(cut_off)
    return Message('in-frame', 'The patient is cut off at the %s.' % ' and the '.join(sides),
                   _CAMERA_MOVES[sides[0]] if len(sides) == 1 else 'Move the camera back.')


def _confidence(confidence: float, limits: QualityLimits) -> Message:
    if confidence >= limits.min_confidence:
        return _good('confidence', 'The regions are clear.')
    return Message('confidence', 'The regions cannot be told apart with confidence.',
                   'Take the picture again: frontal, arms raised, nothing in front of the patient.')


def _share(breasts: Breasts, breast: int) -> float:
    """Part of the frame that one breast takes, 0..1."""
    return cv2.countNonZero(breasts.masks[breast][1]) / float(breasts.labels.size)


def _centre(box: Box) -> float:
    columns = box[1]
    return (columns.start + columns.stop) / 2.0
