"""The quality gate: a frame that cannot give a trustworthy result gives none, and says why."""
import functools
import math
from dataclasses import dataclass
from typing import Callable, Iterable, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from .analysis import BREASTS, Breasts, percentile
from .body import Body
from .messages import INFO, OK, PROBLEM, Message
from .regions import LEFT_BREAST, RIGHT_BREAST, region_label
from .thermogram import Thermogram
from .views import NO_TORSO, SIDE_VIEWS, TURNED, view_label

#: Means over a clipped neighbourhood differ only by float32 rounding.
_SAME_VALUE = np.float32(1e-3)

#: Where the camera goes when the patient is cut off at a side of the picture.
CAMERA_MOVES = {'left': 'Move the camera to the left.', 'right': 'Move the camera to the right.',
                 'bottom': 'Move the camera down.'}
#: Side of the picture on which a frontal view has each breast.
_SIDE_OF = {RIGHT_BREAST: 'left', LEFT_BREAST: 'right'}

#: Shape of the neighbourhoods, at working size, in which a step of the body's outline begins and ends: of one in focus,
#: and of any.
_STEP, _AROUND = np.ones((3, 3), np.uint8), np.ones((15, 15), np.uint8)
#: Pixels of outline that are needed to judge the focus, and how long it may be beside the frame's sides together: a
#: longer one winds about the patterns of the skin.
_MIN_OUTLINE_PX, _LONGEST_OUTLINE = 20, 2.5
#: Percentile of the outline that counts: hair, and an arm before the trunk, have no sharp edge in any picture.
_SHARPEST_PERCENT = 90
#: Standard deviation that pixels at working size give an edge in focus: phantoms of 80x60 and 160x120.
_PIXEL_BLUR_PX = 0.85
#: Of a step that is blurred by a Gaussian, the part that lies within a pixel of its middle, negative so that it rises
#: with the standard deviation of the blur.
_BLURS_PX = np.linspace(_PIXEL_BLUR_PX, 20, 2000)
_STEP_SHARES = np.array([-math.erf(1 / math.sqrt(2 * sd_px ** 2)) for sd_px in _BLURS_PX])


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
        max_blur: standard deviation of the blur of the body's sharpest edges, as a share of the frame's shorter side.
            None of 42 DMR-IR frames is refused, and all of 14 that were blurred by 0.02 are.
        min_view: probability of a frontal view, and of a side view, above which the view is clear.
        min_breast_share: each breast. On 51 annotated DMR-IR frames they are 0.15 +- 0.03.
        max_lean_deg: slope of the line between the breasts. Bodies that stand upright reach 7 degrees in phantoms.
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
    max_blur: float = 0.012
    min_view: float = 0.6
    min_breast_share: float = 0.015
    max_lean_deg: float = 15.0
    max_border_share: float = 0.3
    min_confidence: float = 0.6


def check_frame(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Tuple[Message, ...]:
    """Check a frame before the network sees it.

    Returns:
        One message per check, in the order in which an operator would act on them. They stop at the first problem,
        since later checks would only repeat it.
    """
    return _until_problem(functools.partial(check, thermogram, body, limits)
                          for check in (_signal, _saturation, _body, _skin_range, _focus))


def check_labels(view: Optional[str], breasts: Breasts, confidence: float, limits: QualityLimits
                 ) -> Tuple[Message, ...]:
    """Check a frame once its view and its regions are known.

    Args:
        view: as `service.views.recognise` gives it. What only a frontal view must have is not asked of a side view.
        confidence: mean confidence over the body, 0..1.

    Returns:
        One message per check; they stop at the first problem.
    """
    sure = functools.partial(_confidence, confidence, limits)
    if view in SIDE_VIEWS:
        return _until_problem((functools.partial(_view, view), sure))
    pose: Tuple[Callable[[], Message], ...] = (
        functools.partial(_breasts, breasts, view, limits), functools.partial(_sides, breasts),
        functools.partial(_in_frame, breasts, limits))
    if view is not None:
        pose = (functools.partial(_view, view),) + pose + (functools.partial(_upright, breasts, limits),)
    return _until_problem(pose + (sure,))


def _until_problem(checks: Iterable[Callable[[], Message]]) -> Tuple[Message, ...]:
    messages: List[Message] = []
    for check in checks:
        messages.append(check())
        if messages[-1].severity == PROBLEM:
            break
    return tuple(messages)


@functools.lru_cache(maxsize=None)
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
                   'Remove heat sources behind the patient and cool the room to %.0f to %.0f °C.' % (18, 25))


def _skin_range(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Message:
    if not thermogram.is_celsius:
        return _good('skin-range', 'The picture has no temperatures, so their range cannot be checked.')
    if limits.skin_low_c <= body.level <= limits.skin_high_c:
        return _good('skin-range', 'The body is in the range of skin temperature.')
    return Message('skin-range', 'The warm area is at %.1f °C; skin is at %.0f to %.0f °C.'
                   % (body.level, limits.skin_low_c, limits.skin_high_c),
                   'Check the camera range, its emissivity (0.98) and the scale that the file was read with.')


def _focus(thermogram: Thermogram, body: Body, limits: QualityLimits) -> Message:
    measured = blur(body)
    if measured is None:
        return _good('focus', 'The outline of the body does not show whether the picture is sharp.')
    if measured <= limits.max_blur:
        return _good('focus', 'The picture is sharp.')
    return Message('focus', 'The picture is blurred.',
                   'Focus the camera on the skin, about 1 m away, clean its lens, and let the patient hold still.')


def blur(body: Body) -> Optional[float]:
    """Standard deviation of the blur of the body's sharpest edges, as a share of the frame's shorter side.

    None where the outline does not show it.
    """
    inside = body.mask.view(np.uint8)  # an edge of the picture is none of its outline
    outline = np.flatnonzero((inside - cv2.erode(inside, _STEP)).view(bool))
    if not _MIN_OUTLINE_PX <= outline.size <= _LONGEST_OUTLINE * sum(inside.shape):
        return None
    steps, whole = (cv2.morphologyEx(body.reduced, cv2.MORPH_GRADIENT, reach).ravel()[outline]
                    for reach in (_STEP, _AROUND))
    sharpest = percentile(steps / whole, _SHARPEST_PERCENT)
    sd_px = float(np.interp(-sharpest, _STEP_SHARES, _BLURS_PX))
    return math.sqrt(sd_px ** 2 - _PIXEL_BLUR_PX ** 2) / min(inside.shape)


def _view(view: str) -> Message:
    if view == NO_TORSO:
        return Message('no-torso', 'There is no torso in the picture.',
                       'Place the patient in front of the camera, about 1 m away.')
    if view == TURNED:
        return Message('turned', 'The patient is turned: this is neither a frontal view nor a side view.',
                       'Turn the patient to face the camera, or by 45 or 90 degrees for a side view.')
    if view in SIDE_VIEWS:
        return Message('side-view', 'This is a %s: left and right are not compared, and the heat pattern is not judged.'
                       % view_label(view), 'For a comparison, turn the patient to face the camera.', INFO)
    return _good('view', 'This is a frontal view.')


def _breasts(breasts: Breasts, view: Optional[str], limits: QualityLimits) -> Message:
    missing = [breast for breast in BREASTS
               if breast not in breasts.masks or _share(breasts, breast) < limits.min_breast_share]
    if not missing:
        return _good('breasts', 'Both breasts are in the picture.')
    names = ' and the '.join(map(region_label, missing))
    if view is None:
        return Message('breasts', 'The %s cannot be seen.' % names,
                       'Turn the patient to face the camera, arms raised, from neck to upper abdomen in the picture.')
    if len(missing) == 2:
        return Message('breasts', 'The %s cannot be seen.' % names,
                       'Take the picture again, from neck to upper abdomen. Flat or absent breasts are not compared.')
    side = _SIDE_OF[missing[0]]
    if _is_place_in_frame(breasts, side):
        return Message('breast-absent', 'The %s is flat or absent: left and right are not compared.' % names,
                       'If it is there, take the picture again with nothing in front of it.')
    return Message('in-frame', 'The %s is out of the picture.' % names, CAMERA_MOVES[side])


def _is_place_in_frame(breasts: Breasts, side: str) -> bool:
    """Whether at least half of the place of a missing breast is in the picture: beside the other one, as wide as it.

    Args:
        side: of the picture, ``'left'`` or ``'right'``, on which the breast is missing.
    """
    (_, columns), _ = breasts.masks[LEFT_BREAST if side == 'left' else RIGHT_BREAST]
    room = columns.start if side == 'left' else breasts.labels.shape[1] - columns.stop
    return 2 * room >= columns.stop - columns.start


def _sides(breasts: Breasts) -> Message:
    right, left = (_middle(breasts.masks[breast][0][1]) for breast in BREASTS)
    if right < left:
        return _good('sides', "The patient's right is on the left of the picture.")
    return Message('sides', 'Left and right seem to be exchanged.', 'Check that the camera picture is not mirrored.')


def _in_frame(breasts: Breasts, limits: QualityLimits) -> Message:
    return cut_off_message(cut_off(breasts, limits))


def cut_off(breasts: Breasts, limits: QualityLimits) -> List[str]:
    """The sides of the picture, ``'left'``, ``'right'`` and ``'bottom'``, that cut a breast off, in order."""
    height, width = breasts.labels.shape
    sides = set()
    for (rows, columns), mask in breasts.masks.values():
        for side, touches, line in (('left', columns.start == 0, mask[:, 0]),
                                    ('right', columns.stop == width, mask[:, -1]),
                                    ('bottom', rows.stop == height, mask[-1])):
            if touches and np.count_nonzero(line) / float(line.size) > limits.max_border_share:
                sides.add(side)
    return sorted(sides)


def cut_off_message(sides: Sequence[str]) -> Message:
    """What is said of the sides that `cut_off` gives."""
    if not sides:
        return _good('in-frame', 'The patient is in frame.')
    return Message('in-frame', 'The patient is cut off at the %s.' % ' and the '.join(sides),
                   CAMERA_MOVES[sides[0]] if len(sides) == 1 else 'Move the camera back.')


def _upright(breasts: Breasts, limits: QualityLimits) -> Message:
    right, left = (breasts.masks[breast][0] for breast in BREASTS)
    lean_deg = math.degrees(math.atan2(_middle(left[0]) - _middle(right[0]), _middle(left[1]) - _middle(right[1])))
    if abs(lean_deg) <= limits.max_lean_deg:
        return _good('upright', 'The patient is upright.')
    return Message('leaning', 'The patient leans to the side, or the camera is tilted.',
                   'Let the patient stand or sit upright, shoulders level, and hold the camera level.')


def _confidence(confidence: float, limits: QualityLimits) -> Message:
    if confidence >= limits.min_confidence:
        return _good('confidence', 'The regions are clear.')
    return Message('confidence', 'The regions cannot be told apart with confidence.',
                   'Take the picture again: frontal, arms raised, nothing in front of the patient.')


def _share(breasts: Breasts, breast: int) -> float:
    """Part of the frame that one breast takes, 0..1."""
    return cv2.countNonZero(breasts.masks[breast][1]) / float(breasts.labels.size)


def _middle(reach: slice) -> float:
    return (reach.start + reach.stop) / 2.0
