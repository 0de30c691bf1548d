"""The gate: what an operator should mend before a picture is taken, in the order in which she would act.

It adds to the quality checks of a `Result` what only an exam or a running camera knows: the view that is wanted, the
distance of the first picture, the room, how fast the patient moves, and the state of the camera. Few checks block a
picture: one without what the view is to show, the wrong side, a camera whose shutter is in the way. The others warn,
and a picture that is taken all the same has a deviation.
"""
import math
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from .analysis import BREASTS, find_breasts
from .body import Body
from .cameras.capture import FFC_OVERDUE_S
from .condition import Condition
from .languages import N_
from .messages import INFO, OK, PROBLEM, WARNING, Message
from .quality import CAMERA_MOVES, QualityLimits, blur, cut_off, cut_off_message
from .regions import (
    LEFT_ARMPIT,
    LEFT_BREAST,
    NECK,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    Box,
    region_masks,
    resize_labels,
)
from .result import Result
from .views import FRONTAL, FRONTAL_VIEWS, RAISED_ARMS, SIDE_VIEWS, view_label

#: The source of a limit that nobody published for this purpose; docs/gate.md says how it was found.
OWN = 'own'

#: Name of each check in the order of acting, and the codes of quality checks that become one of that name.
_NAMES: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ('camera', ()), ('warm-up', ()), ('room', ()), ('signal', ('signal',)), ('saturation', ('saturation',)),
    ('body', ('body',)), ('temperature', ('skin-range',)), ('focus', ('focus',)),
    ('view', ('no-torso', 'turned', 'view', 'side-view')), ('sides', ('sides',)),
    ('coverage', ('breasts', 'breast-absent', 'in-frame')), ('upright', ('upright', 'leaning')), ('rotation', ()),
    ('distance', ()), ('background', ()), ('motion', ()), ('confidence', ('confidence',)))
NAMES = tuple(name for name, _ in _NAMES)
_NAME_OF = {code: name for name, codes in _NAMES for code in codes}

#: Without a patient, or with her turned away, there is no frontal view.
_NO_FRONTAL_VIEW = ('signal', 'body', 'no-torso', 'turned')

#: Degrees that a torso is turned per unit of `_turn`; 90 phantoms of -20 to 30 degrees lie 2.1 degrees around it (SD).
_DEG_PER_TURN = 155.0

#: Share of rows left out at each end of a breast: single pixels of a label say nothing about its height.
_OUTERMOST = 0.02


class Limit(NamedTuple):
    """One limit of the gate.

    Attributes:
        value: up to here a check passes.
        unit: of the value.
        source: key of docs/references.md, or `OWN`.
    """

    value: float
    unit: str
    source: str


#: Limits that are no settings, by name. Those of the quality checks are settings.
LIMITS = {
    'calibration': Limit(FFC_OVERDUE_S, 's', 'FlirLepton'),
    'warm-up': Limit(15.0, 'minutes', 'Zuluaga2020'),
    'room-low': Limit(18.0, '°C', 'Iact'),
    'room-high': Limit(23.0, '°C', 'Iact'),
    'rotation': Limit(10.0, 'degrees', OWN),
    'off-centre': Limit(0.2, 'picture widths', 'Tamanis2025'),
    'distance': Limit(5.0, '%', OWN),
    'distance-other-view': Limit(10.0, '%', OWN),
    'scale-low': Limit(0.42, 'picture heights', OWN),
    'scale-high': Limit(0.84, 'picture heights', OWN),
    'background': Limit(0.02, 'of the picture', OWN),
    'motion': Limit(0.04, 'picture heights per second', OWN),
}

#: Body scale that the first picture of an exam is asked for: the mean of frontal phantoms, whose 3 SD are the limits.
_FIRST_SCALE = 0.63

#: Distances are told in steps of this; finer ones cannot be followed by hand.
_STEP_CM = 5


@dataclass(frozen=True)
class Wanted:
    """What the next picture is to be.

    Attributes:
        role: a view of `service.views.VIEWS`, or ``'dynamic'``, which is a frontal one; None for any.
        scale, scale_role: `body_scale` and role of the first picture of the exam; None before it.
        room_c: temperature of the room as noted; None for not noted.
        distance_cm: from the camera to the patient.
    """

    role: Optional[str] = None
    scale: Optional[float] = None
    scale_role: Optional[str] = None
    room_c: Optional[float] = None
    distance_cm: float = 100.0

    @property
    def frontal(self) -> bool:
        """Whether a view from the front is wanted."""
        return self.role is not None and self.role not in SIDE_VIEWS


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: one of `NAMES`.
        message: PROBLEM blocks the picture, WARNING is a deviation, INFO and OK are neither.
        measured, limit: in `unit`; None where nothing was measured.
        source: of the limit, as of `Limit`; empty where there is none.
    """

    name: str
    message: Message
    measured: Optional[float] = None
    limit: Optional[float] = None
    unit: str = ''
    source: str = ''

    @property
    def holds_up(self) -> bool:
        """Whether something is to be mended."""
        return self.message.severity in (WARNING, PROBLEM)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values."""
        return {'name': self.name, 'code': self.message.code, 'severity': self.message.severity,
                'sentence': self.message.sentence, 'next_step': self.message.next_step,
                'measured': None if self.measured is None else round(float(self.measured), 3), 'limit': self.limit,
                'unit': self.unit, 'source': self.source, 'own': self.source == OWN}


def check_gate(result: Result, condition: Condition, wanted: Wanted, limits: QualityLimits,
               capture: Optional[Mapping[str, Any]] = None, speed: Optional[float] = None) -> Tuple[Check, ...]:
    """What is to be mended before a picture is taken.

    Args:
        result: of the frame.
        condition: what the frame reports about its camera.
        wanted: what the picture is to be.
        limits: of the quality checks that made the result.
        capture: as `Capture.report` gives it; None where no camera runs.
        speed: of the body, picture heights per second, as `moved` finds it; None for unknown.

    Returns:
        One check per name that could be judged, in the order of `NAMES`.
    """
    capture = capture or {}
    places = _places(result)
    checks = [_camera(condition, capture)] + _warm_up(capture) + _room(wanted)
    checks += _quality(result, wanted, limits)
    if result.view in FRONTAL_VIEWS + SIDE_VIEWS:
        checks = [check for check in checks if check.name != 'view'] + [_view(result.view, wanted)]
    checks += _coverage(result, places, limits) + _rotation(result, places) + _distance(result, places, wanted)
    if result.body.share >= limits.min_body_share:
        checks += [_background(result.body)] + _motion(speed)
    return _by_name(checks)


def deviations(checks: Iterable[Check]) -> List[Dict[str, Any]]:
    """The checks that a picture was taken in spite of, as JSON values for the exam."""
    return [check.to_dict() for check in checks if check.message.severity == WARNING]


def body_scale(result: Result) -> Optional[float]:
    """How large the body is in the picture, in picture heights; None where neck or breast was not found.

    The geometric mean of the height of the breast that faces the camera and of the distance from the neck to its fold.
    Heights hardly change as a body turns: phantoms give a side view the scale of their frontal view within 4 % (SD).
    """
    scale = _scale(_places(result))
    return None if scale is None else round(scale, 4)


def moved(before: Body, after: Body) -> float:
    """How far a body moved between two frames, picture heights.

    One step of the least-squares translation of the whole picture, without a search for the best match: exact for
    movements of up to a pixel at working size, which is what a patient makes who holds still, and large beyond.
    """
    first, second = before.reduced, after.reduced
    if first.shape != second.shape:
        return 0.0
    right, down = (cv2.Sobel(first, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=1 / 8.0) for dx in (1, 0))
    change = (second - first).ravel()
    right, down = right.ravel(), down.ravel()
    xx, yy, xy = float(right @ right), float(down @ down), float(right @ down)
    x, y = float(right @ change), float(down @ change)
    area = xx * yy - xy * xy
    if area <= 1e-9 * xx * yy:
        return 0.0
    return math.hypot(yy * x - xy * y, xx * y - xy * x) / area / first.shape[0]


class _Place(NamedTuple):
    """Where one region is, in picture heights; its share of the picture."""

    x: float
    y: float
    top: float
    foot: float
    share: float


def _places(result: Result) -> Dict[int, _Place]:
    if result.labels is None:
        return {}
    shape = result.body.reduced.shape
    masks = region_masks(resize_labels(result.labels, shape), BREASTS + (RIGHT_ARMPIT, LEFT_ARMPIT, NECK))
    return {region: _place(box, mask, shape) for region, (box, mask) in masks.items()}


def _place(box: Box, mask: np.ndarray, shape: Tuple[int, ...]) -> _Place:
    rows, columns = box
    height = float(shape[0])
    moments = cv2.moments(mask, True)
    share_above = np.cumsum(np.count_nonzero(mask, axis=1)) / moments['m00']
    top, foot = np.searchsorted(share_above, (_OUTERMOST, 1 - _OUTERMOST))
    return _Place((columns.start + moments['m10'] / moments['m00'] + 0.5) / height,
                  (rows.start + moments['m01'] / moments['m00'] + 0.5) / height, (rows.start + top) / height,
                  (rows.start + foot + 1) / height, moments['m00'] / (shape[0] * shape[1]))


def _scale(places: Mapping[int, _Place]) -> Optional[float]:
    breasts = [places[breast] for breast in BREASTS if breast in places]
    if not breasts or NECK not in places:
        return None
    near = max(breasts, key=lambda place: place.share)
    to_fold = near.foot - places[NECK].y
    return math.sqrt((near.foot - near.top) * to_fold) if to_fold > 0 else None


def _by_name(checks: Iterable[Check]) -> Tuple[Check, ...]:
    """One check of each name: the gravest, and of equals the first."""
    grave = {OK: 0, INFO: 0, WARNING: 1, PROBLEM: 2}
    found: Dict[str, Check] = {}
    for check in checks:
        other = found.get(check.name)
        if other is None or grave[check.message.severity] > grave[other.message.severity]:
            found[check.name] = check
    return tuple(found[name] for name in NAMES if name in found)


def _limited(name: str, message: Message, limit: str, measured: Optional[float]) -> Check:
    return Check(name, message, measured, LIMITS[limit].value, LIMITS[limit].unit, LIMITS[limit].source)


def _camera(condition: Condition, capture: Mapping[str, Any]) -> Check:
    """What the camera says of itself. A frame that must not be used blocks; what makes it less exact warns."""
    said = {entry['code']: entry for entry in capture.get('quality', {}).get('messages', ())}
    messages = [Message(entry['code'], entry['sentence'], entry['next_step'])
                for entry in (said.get('shutter-closed'), capture.get('notice')) if entry]
    messages += [replace(message, severity=PROBLEM) for message in condition.messages()]
    messages += [replace(message, severity=WARNING) for message in condition.warnings()]
    messages += [Message(entry['code'], entry['sentence'], entry['next_step'], WARNING)
                 for entry in (said.get('calibration-due'), said.get('picture-drifts')) if entry]
    message = messages[0] if messages else Message('camera', 'The camera is ready.', severity=OK)
    if condition.ffc_age_s is None:
        return Check('camera', message)
    return _limited('camera', message, 'calibration', condition.ffc_age_s)


def _warm_up(capture: Mapping[str, Any]) -> List[Check]:
    left_s = capture.get('warming_s')
    if left_s is None:
        return []
    left = math.ceil(left_s / 60.0)
    if left:
        message = Message('camera-warming-up', 'The camera is warming up, 1 minute.' if left == 1
                          else 'The camera is warming up, %d minutes.' % left, 'Wait until it has settled.', WARNING)
    else:
        message = Message('warm-up', 'The camera has warmed up.', severity=OK)
    limit = LIMITS['warm-up']
    return [Check('warm-up', message, left_s / 60.0, 0.0, limit.unit, limit.source)]


def _room(wanted: Wanted) -> List[Check]:
    if wanted.room_c is None:
        return []
    low, high = LIMITS['room-low'], LIMITS['room-high']
    if wanted.room_c < low.value:
        message = Message('room-cold', 'The room is at %.1f °C.' % wanted.room_c,
                          'Warm the room to %.0f to %.0f °C.' % (low.value, high.value), WARNING)
    elif wanted.room_c > high.value:
        message = Message('room-warm', 'The room is at %.1f °C.' % wanted.room_c,
                          'Cool the room to %.0f to %.0f °C.' % (low.value, high.value), WARNING)
    else:
        message = Message('room', 'The room has the right temperature.', severity=OK)
    return [_limited('room', message, 'room-low' if wanted.room_c < low.value else 'room-high', wanted.room_c)]


def _quality(result: Result, wanted: Wanted, limits: QualityLimits) -> List[Check]:
    """The quality checks of a result, as the gate grades them and with what they measured."""
    checks = []
    for message in result.checks:
        if message.code not in _NAME_OF:  # of the file's provenance
            continue
        if message.severity == PROBLEM:
            blocks = message.code == 'sides' or wanted.frontal and message.code in _NO_FRONTAL_VIEW
            message = replace(message, severity=PROBLEM if blocks else WARNING)
        checks.append(Check(_NAME_OF[message.code], message, *_measured(message.code, result, limits)))
    return checks


def _measured(code: str, result: Result, limits: QualityLimits) -> Tuple[Any, ...]:
    """Measured value, limit, unit and source of a quality check; nothing where it has no one value."""
    body, unit = result.body, '°C' if result.thermogram.is_celsius else 'grey levels'
    if code == 'signal':
        least = limits.min_range_c if result.thermogram.is_celsius else limits.min_range_grey
        return body.high - body.low, least, unit, OWN
    if code == 'body':
        return body.share, limits.min_body_share, 'of the picture', OWN
    if code == 'skin-range' and result.thermogram.is_celsius:
        return body.level, limits.skin_low_c if body.level < limits.skin_low_c else limits.skin_high_c, unit, OWN
    if code == 'focus':
        return blur(body), limits.max_blur, 'of the shorter side', OWN
    if code == 'confidence' and result.confidence is not None:
        return result.confidence, limits.min_confidence, 'probability', OWN
    return ()


def _view(seen: str, wanted: Wanted) -> Check:
    """The view that was seen against the one that is wanted."""
    role = wanted.role
    if role is None or seen == role or wanted.frontal and seen in FRONTAL_VIEWS and role not in FRONTAL_VIEWS:
        label = view_label(seen) if seen in SIDE_VIEWS else N_('view from the front')
        return Check('view', Message('view', 'This is a %s.' % label, severity=OK))
    if wanted.frontal and seen in SIDE_VIEWS:
        return Check('view', Message('view-wrong', 'This is a %s, and not a view from the front.' % view_label(seen),
                                     'Turn the patient to face the camera.'))
    if wanted.frontal:
        step = 'Let the patient raise her arms.' if role == RAISED_ARMS else 'Let the patient lower her arms.'
        is_up = role == FRONTAL
        return Check('view', Message('arms', 'The arms are %s.' % ('raised' if is_up else 'not raised'), step, WARNING))
    assert role is not None
    side = role.split('-')[0]
    if seen in FRONTAL_VIEWS:
        return Check('view', Message('view-wrong', 'The patient faces the camera, and the %s is wanted.'
                                     % view_label(role), _turn_to(side, role), WARNING))
    if not seen.startswith(side):
        return Check('view', Message('wrong-side', "The patient's %s side faces the camera, and not her %s."
                                     % (seen.split('-')[0], side), _turn_to(side, role)))
    further = role.endswith('lateral')
    return Check('view', Message('view-wrong', 'This is a %s, and the %s is wanted.'
                                 % (view_label(seen), view_label(role)),
                                 'Turn the patient further, to 90 degrees.' if further
                                 else 'Turn the patient back, to 45 degrees.', WARNING))


def _turn_to(side: str, role: str) -> str:
    return 'Turn the patient by %d degrees, her %s side towards the camera.' % (90 if role.endswith('lateral') else 45,
                                                                                side)


def _coverage(result: Result, places: Mapping[int, _Place], limits: QualityLimits) -> List[Check]:
    """What a picture leaves out that its quality checks do not ask for."""
    if result.labels is None or result.view not in FRONTAL_VIEWS + SIDE_VIEWS:
        return []
    if result.view in SIDE_VIEWS:
        return [Check('coverage', _warning(cut_off_message(cut_off(find_breasts(result.labels, result.body), limits))))]
    if NECK not in places:
        return [Check('coverage', Message('neck-missing', 'The neck is out of the picture.', 'Move the camera up.',
                                          WARNING))]
    if not all(breast in places for breast in BREASTS):
        return []
    height, width = result.body.reduced.shape
    off = 0.5 * (places[RIGHT_BREAST].x + places[LEFT_BREAST].x) * height / width - 0.5
    if abs(off) <= LIMITS['off-centre'].value:
        return []
    side = 'right' if off > 0 else 'left'
    return [_limited('coverage', Message('off-centre', 'The patient is at the %s of the picture.' % side,
                                         CAMERA_MOVES[side], WARNING), 'off-centre', abs(off))]


def _warning(message: Message) -> Message:
    return replace(message, severity=WARNING) if message.severity == PROBLEM else message


def _rotation(result: Result, places: Mapping[int, _Place]) -> List[Check]:
    """How far a torso is turned that is seen from the front.

    The breasts lie before the axis that a body turns about, and the armpits beside it: as she turns, the middle of the
    breasts leaves the middle of the armpits.
    """
    if result.view not in FRONTAL_VIEWS or not all(region in places for region in
                                                   BREASTS + (RIGHT_ARMPIT, LEFT_ARMPIT)):
        return []
    right, left, right_armpit, left_armpit = (places[region].x for region in BREASTS + (RIGHT_ARMPIT, LEFT_ARMPIT))
    if left_armpit <= right_armpit:
        return []
    turned_deg = _DEG_PER_TURN * 0.5 * (right + left - right_armpit - left_armpit) / (left_armpit - right_armpit)
    if abs(turned_deg) <= LIMITS['rotation'].value:
        message = Message('rotation', 'The patient faces the camera.', severity=OK)
    else:
        side, other = ('left', 'right') if turned_deg > 0 else ('right', 'left')
        message = Message('rotated', 'The patient is turned to her %s.' % side, 'Turn her a little to her %s.' % other,
                          WARNING)
    return [_limited('rotation', message, 'rotation', abs(turned_deg))]


def _distance(result: Result, places: Mapping[int, _Place], wanted: Wanted) -> List[Check]:
    """Whether the body is as large as in the first picture of the exam; before it, as large as is usual."""
    scale = _scale(places)
    if scale is None or result.view not in FRONTAL_VIEWS + SIDE_VIEWS:
        return []
    if wanted.scale is None:
        if result.view in SIDE_VIEWS:
            return []
        low, high = LIMITS['scale-low'].value, LIMITS['scale-high'].value
        message = _move(scale / _FIRST_SCALE, low <= scale <= high, wanted, 'The distance is right.')
        return [_limited('distance', message, 'scale-low' if scale < low else 'scale-high', scale)]
    same = wanted.role == wanted.scale_role or wanted.frontal and wanted.scale_role not in SIDE_VIEWS
    limit = 'distance' if same else 'distance-other-view'
    change = scale / wanted.scale
    percent = 100 * abs(change - 1)
    message = _move(change, percent <= LIMITS[limit].value, wanted, 'The distance is that of the first picture.')
    return [_limited('distance', message, limit, percent)]


def _move(change: float, is_right: bool, wanted: Wanted, sentence: str) -> Message:
    if is_right:
        return Message('distance', sentence, severity=OK)
    step_cm = max(_STEP_CM, _STEP_CM * int(round(wanted.distance_cm * abs(1 / change - 1) / _STEP_CM)))
    if change > 1:
        return Message('too-near', 'The camera is too near.', 'Move the camera %d cm back.' % step_cm, WARNING)
    return Message('too-far', 'The camera is too far away.', 'Move the camera %d cm closer.' % step_cm, WARNING)


def _background(body: Body) -> Check:
    warm = (body.reduced > body.threshold) & ~body.mask
    share = np.count_nonzero(warm) / float(warm.size)
    if share <= LIMITS['background'].value:
        message = Message('background', 'Nothing warm is beside the patient.', severity=OK)
    else:
        half = warm.shape[1] // 2
        side = 'left' if 2 * np.count_nonzero(warm[:, :half]) > np.count_nonzero(warm) else 'right'
        message = Message('background', 'Something warm is beside the patient, at the %s of the picture.' % side,
                          'Take it away or cover it.', WARNING)
    return _limited('background', message, 'background', share)


def _motion(speed: Optional[float]) -> List[Check]:
    if speed is None:
        return []
    if speed <= LIMITS['motion'].value:
        message = Message('motion', 'The patient holds still.', severity=OK)
    else:
        message = Message('moves', 'The patient or the camera moves.', 'Ask the patient to hold still.', WARNING)
    return [_limited('motion', message, 'motion', speed)]
