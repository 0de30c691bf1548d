"""How well a camera does: a grade, and the messages that explain it.

Four monitors watch the frames: how they arrive (`Connection`), whether the picture is frozen (`FreezeDetector`), what
the camera reports about itself (`ConditionMonitor`), and whether the whole picture drifts (`DriftDetector`).
"""
import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Deque, Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np

from ...condition import FFC_IMMINENT, FFC_NEVER, FFC_RUNNING, Condition
from ...messages import INFO, OK, SEVERITIES, WARNING, Message, worst
from ..base import Frame

#: The grades that the page and the metrics show, best first; the worst severity decides.
GRADES = ('excellent', 'fair', 'poor', 'unusable')
_GRADE_OF = dict(zip(SEVERITIES, GRADES))

#: Events in the life of a connection.
STALL, RECONNECT, BAD = 'stall', 'reconnect', 'bad'

#: Frames are judged over the last seconds, rare events over the last minute: an operator who has just pushed the plug
#: in should still read for a while that it was loose.
FRAMES_S, EVENTS_S = 10.0, 60.0

#: Below this number of frames a share says nothing.
_ENOUGH_FRAMES = 10

#: Shares of lost frames. A good cable loses less than one in a hundred; at one in ten the picture visibly stutters.
_SOME_LOST, _MANY_LOST = 0.01, 0.1

#: Shares of the frame rate that the camera states. A Lepton states 9 Hz and delivers 8.7.
_SLOW, _VERY_SLOW = 0.8, 0.5

#: A frame that is older than this many frame periods, or seconds, when it arrives was held up on the way.
_LATE_FRAMES, _LATE_S = 3.0, 0.5

#: A picture that stays the same for longer is frozen. No supported camera needs more than a second to close its
#: shutter (a Lepton: 23 frames at 26 Hz), and cameras repeat their last picture meanwhile.
FROZEN_S = 2.0

#: A Lepton announces a flat-field correction (FFC) two seconds ahead and keeps its shutter closed for about one.
_ANNOUNCED_S, _CLOSED_S = 2.0, 1.0

#: A Lepton corrects itself every three minutes or after a change of 1.5 °C; beyond this it was prevented from doing so.
FFC_OVERDUE_S = 240.0
FFC_DRIFT_C = 1.5

#: A correction that takes longer is stuck.
FFC_STUCK_S = 4.0

_CALIBRATING = (FFC_NEVER, FFC_IMMINENT, FFC_RUNNING)

#: A patient who enters or leaves moves the upper percentiles and leaves the wall where it is; drift moves all of them.
_PERCENTILES = (5, 25, 50, 75, 95)

#: The interval between two samples of the picture, and how many samples make its initial state.
_SAMPLE_EVERY_S, _INITIAL_SAMPLES = 1.0, 3

#: A shift that is reported: several times the spread of a frame's mean, and half of the left-right difference that is
#: pointed out.
SHIFT_C = 0.5

#: At most this many pixels are sampled; percentiles need no more.
_SAMPLED_PIXELS = 4096


@dataclass(frozen=True)
class Quality:
    """The grade of a camera, and the messages behind it with the worst first."""

    grade: str
    messages: Tuple[Message, ...] = ()

    @classmethod
    def of(cls, messages: Iterable[Message]) -> 'Quality':
        """The quality that follows from messages: the worst severity decides."""
        ordered = tuple(sorted(messages, key=lambda message: -SEVERITIES.index(message.severity)))
        return cls(_GRADE_OF[worst(*(message.severity for message in ordered))], ordered)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values."""
        return {'grade': self.grade, 'messages': [message.to_dict() for message in self.messages]}


class _Arrival(NamedTuple):
    """One frame, as `Connection.received` notes it."""

    now_s: float
    lost: int
    missed: int
    age_s: float


class Connection:
    """How frames arrive, and what went wrong lately. All times are seconds on one monotonic clock."""

    def __init__(self) -> None:
        self._frames: Deque[_Arrival] = deque()
        self._events: Deque[Tuple[float, str]] = deque()

    def received(self, now_s: float, lost: int, missed: int, age_s: float) -> None:
        """Note a frame, how many before it were lost or missed (`Frame.missed`), and how old it was on arrival."""
        self._frames.append(_Arrival(now_s, lost, missed, age_s))

    def happened(self, now_s: float, event: str) -> None:
        """Note a `STALL`, a `RECONNECT` or a `BAD` frame."""
        self._events.append((now_s, event))

    def reopened(self) -> None:
        """Forget the frames of the previous connection; its events stay."""
        self._frames.clear()

    def rate_hz(self, now_s: float) -> Optional[float]:
        """Frames per second that arrive or are missed; None while there are too few to tell."""
        self._forget(now_s)
        if len(self._frames) < _ENOUGH_FRAMES:
            return None
        span_s = self._frames[-1].now_s - self._frames[0].now_s
        sent = len(self._frames) - 1 + sum(frame.missed for frame in self._frames) - self._frames[0].missed
        return sent / span_s if span_s > 0 else None

    def messages(self, now_s: float, stated_hz: float) -> List[Message]:
        """What is wrong with the connection; `stated_hz` is the camera's nominal rate, or 0."""
        self._forget(now_s)
        checks = (self._loss(), self._rate(now_s, stated_hz), self._delay(stated_hz), self._breaks(), self._damage(),
                  self._busy())
        return [message for message in checks if message]

    def _loss(self) -> Optional[Message]:
        share = self._share(sum(frame.lost for frame in self._frames))
        if share <= _SOME_LOST:
            return None
        return Message('frames-lost', '%.0f %% of the pictures are lost on the way.' % (100 * share),
                       'Use a shorter cable or another port.', WARNING if share > _MANY_LOST else INFO)

    def _rate(self, now_s: float, stated_hz: float) -> Optional[Message]:
        rate_hz = self.rate_hz(now_s)
        if not rate_hz or rate_hz >= _SLOW * stated_hz:
            return None
        return Message('frames-slow', 'The camera delivers %.1f pictures a second instead of %.1f.'
                       % (rate_hz, stated_hz), 'Use another port.',
                       WARNING if rate_hz < _VERY_SLOW * stated_hz else INFO)

    def _delay(self, stated_hz: float) -> Optional[Message]:
        if len(self._frames) < _ENOUGH_FRAMES:
            return None
        if self._share(sum(frame.missed for frame in self._frames)) > _SOME_LOST:
            return None  # the computer is late, and not the camera
        ages_s = sorted(frame.age_s for frame in self._frames)
        median_s = ages_s[len(ages_s) // 2]
        if median_s <= _LATE_S and (not stated_hz or median_s <= _LATE_FRAMES / stated_hz):
            return None
        return Message('frames-late', 'Pictures arrive %.1f seconds after they were taken.' % median_s,
                       'Unplug the camera and plug it in again.', WARNING if median_s > _LATE_S else INFO)

    def _breaks(self) -> Optional[Message]:
        breaks = sum(event in (STALL, RECONNECT) for _, event in self._events)
        if not breaks:
            return None
        return Message('connection-breaks', 'The picture stopped %s in the last minute.'
                       % ('once' if breaks == 1 else '%d times' % breaks),
                       'Push the plug in and keep clear of the cable.', WARNING if breaks > 2 else INFO)

    def _damage(self) -> Optional[Message]:
        bad = sum(event == BAD for _, event in self._events)
        if not bad:
            return None
        if bad == 1:
            return Message('frames-damaged', 'A damaged picture was left out in the last minute.',
                           'Use another cable if it happens again.', INFO)
        return Message('frames-damaged', '%d damaged pictures were left out in the last minute.' % bad,
                       'Use another cable.', WARNING if bad > 5 else INFO)

    def _busy(self) -> Optional[Message]:
        """Nothing is wrong with the camera, and nothing is to be done: the newest picture is shown all the same."""
        share = self._share(sum(frame.missed for frame in self._frames))
        if share <= _MANY_LOST:
            return None
        return Message('frames-missed', 'The computer is busy and leaves out %.0f %% of the pictures.' % (100 * share),
                       severity=OK)

    def _share(self, frames: int) -> float:
        """So many frames as a share of all that the camera made; 0 while there are too few to tell."""
        made = len(self._frames) + sum(frame.lost + frame.missed for frame in self._frames)
        return frames / float(made) if made >= _ENOUGH_FRAMES else 0.0

    def _forget(self, now_s: float) -> None:
        while self._frames and now_s - self._frames[0].now_s > FRAMES_S:
            self._frames.popleft()
        while self._events and now_s - self._events[0][0] > EVENTS_S:
            self._events.popleft()


class FreezeDetector:
    """Tells a new picture from a repetition of the last one.

    The camera's own frame counter decides where there is one; otherwise the pixels do, because a sensor's noise never
    repeats. A picture of one single value does not count as a repetition: every pixel may be at the end of the scale.
    The last picture is kept across a reconnection, so that a camera that still shows it is recognised as frozen.
    """

    def __init__(self) -> None:
        self._never_repeats = False
        self._pixels: Optional[np.ndarray] = None
        self._number: Optional[int] = None
        self._since_s = 0.0

    def opened(self, never_repeats: bool) -> None:
        """A camera was opened; `never_repeats` as of `Camera`: every picture of a recording counts as new."""
        self._never_repeats = never_repeats

    def is_new(self, frame: Frame) -> bool:
        """Whether a frame shows something that the last one did not."""
        if self._never_repeats and self._repeats(frame):
            if frame.condition.ffc in (FFC_IMMINENT, FFC_RUNNING):  # a closed shutter explains the repetition
                self._since_s = frame.t_monotonic
            return False
        self._pixels, self._number = frame.thermogram.pixels, frame.condition.frame_number
        self._since_s = frame.t_monotonic
        return True

    def frozen_s(self, frame: Frame) -> float:
        """For how many seconds the picture has been the same."""
        return frame.t_monotonic - self._since_s

    def _repeats(self, frame: Frame) -> bool:
        if self._pixels is None:
            return False
        if self._number is not None and frame.condition.frame_number is not None:
            return self._number == frame.condition.frame_number
        return np.array_equal(self._pixels, frame.thermogram.pixels) and bool(np.ptp(self._pixels) > 0)


class DriftDetector:
    """By how much the whole picture has shifted since it was first seen, or since the last flat-field correction.

    It needs temperatures: grey levels are stretched frame by frame, which hides drift.
    """

    def __init__(self) -> None:
        self._initial: List[np.ndarray] = []
        self._next_s: Optional[float] = None
        self._newest: Optional[np.ndarray] = None

    def received(self, frame: Frame) -> None:
        """Sample a frame if it is time for one."""
        if not frame.thermogram.is_celsius or (self._next_s is not None and frame.t_monotonic < self._next_s):
            return
        self._next_s = frame.t_monotonic + _SAMPLE_EVERY_S
        pixels = frame.thermogram.pixels.ravel()
        levels = np.percentile(pixels[::max(1, pixels.size // _SAMPLED_PIXELS)], _PERCENTILES)
        if len(self._initial) < _INITIAL_SAMPLES:
            self._initial.append(levels)
        self._newest = levels if self._newest is None else 0.5 * (self._newest + levels)

    def shift_c(self) -> Optional[float]:
        """The shift, positive for warmer; None while it is below `SHIFT_C` or unknown."""
        if self._newest is None or len(self._initial) < _INITIAL_SAMPLES:
            return None
        shifts = self._newest - np.mean(self._initial, axis=0)
        least = shifts[np.argmin(np.abs(shifts))]
        together = np.all(shifts > 0) or np.all(shifts < 0)
        return float(least) if together and abs(least) >= SHIFT_C else None


class ConditionMonitor:
    """Follows what a camera reports about itself: calibrating, warming up, overdue, drifting.

    Args:
        warm_up_s: how long after its start a sensor's temperatures are not settled; 0 for not at all.
    """

    def __init__(self, warm_up_s: float = 0.0) -> None:
        self._warm_up_s = warm_up_s
        self._first_s: Optional[float] = None
        self.opened(False)

    def opened(self, warms_up: bool) -> None:
        """The camera was opened; `warms_up` as of `Camera`."""
        self._warms_up = warms_up
        self._condition = Condition()
        self._calibrating_since_s: Optional[float] = None
        self._fpa_at_ffc_c: Optional[float] = None
        self._drift = DriftDetector()

    def received(self, frame: Frame) -> None:
        """Note the condition of a frame."""
        before, self._condition = self._condition, frame.condition
        if self._first_s is None:
            self._first_s = frame.t_monotonic
        if self._condition.ffc not in _CALIBRATING:
            self._calibrating_since_s = None
        elif self._calibrating_since_s is None or before.ffc != self._condition.ffc:
            self._calibrating_since_s = frame.t_monotonic
        age_s = self._condition.ffc_age_s
        if age_s is not None and (before.ffc_age_s is None or age_s < before.ffc_age_s):  # just corrected
            self._fpa_at_ffc_c = self._condition.fpa_c
            self._drift = DriftDetector()
        if self._condition.ffc not in _CALIBRATING:
            self._drift.received(frame)

    @property
    def usable(self) -> bool:
        """Whether the newest frame may be kept."""
        return self._condition.usable

    def calibrating(self, now_s: float) -> Optional[Message]:
        """The countdown that the operator reads while the camera calibrates; None while it does not."""
        since_s = self._calibrating_since_s
        if since_s is None or now_s - since_s > FFC_STUCK_S:
            return None
        length_s = _CLOSED_S + (_ANNOUNCED_S if self._condition.ffc == FFC_IMMINENT else 0.0)
        left_s = max(1, math.ceil(length_s - (now_s - since_s)))
        return Message('camera-calibrating', 'The camera is calibrating, %s.' % _count(left_s, 'second'), severity=INFO)

    def warming_s(self, now_s: float) -> float:
        """Seconds until the camera has settled; 0 once it has."""
        if not self._warms_up or self._first_s is None:
            return 0.0
        uptime_s = self._condition.uptime_s
        return max(0.0, self._warm_up_s - (now_s - self._first_s if uptime_s is None else uptime_s))

    def messages(self, now_s: float) -> List[Message]:
        """What is wrong with the camera; a calibration is left out, because it passes in a moment."""
        messages = [message for message in self._condition.messages() if not message.code.startswith('ffc-')]
        checks = (self._warming(now_s), self._closed(now_s), self._overdue(), self._drifted())
        return messages + self._condition.warnings() + [message for message in checks if message]

    def _warming(self, now_s: float) -> Optional[Message]:
        left_s = self.warming_s(now_s)
        if not left_s:
            return None
        left = _count(math.ceil(left_s / 60.0), 'minute')
        return Message('camera-warming-up', 'The camera is warming up, %s.' % left, severity=INFO)

    def _closed(self, now_s: float) -> Optional[Message]:
        since_s = self._calibrating_since_s
        if since_s is None or now_s - since_s <= FFC_STUCK_S:
            return None
        return Message('shutter-closed', 'The camera has had its shutter closed for %d seconds.' % (now_s - since_s),
                       'Unplug it and plug it in again.', WARNING)

    def _overdue(self) -> Optional[Message]:
        condition = self._condition
        late = condition.ffc_age_s is not None and condition.ffc_age_s > FFC_OVERDUE_S
        drifted = (condition.fpa_c is not None and self._fpa_at_ffc_c is not None
                   and abs(condition.fpa_c - self._fpa_at_ffc_c) > FFC_DRIFT_C)
        if not late and not drifted:
            return None
        return Message('calibration-due', 'The camera has not calibrated for too long.',
                       'Wait for its shutter to click, or unplug it and plug it in again.', INFO)

    def _drifted(self) -> Optional[Message]:
        shift_c = self._drift.shift_c()
        if shift_c is None:
            return None
        return Message('picture-drifts', 'The whole picture has become %.1f °C %s.'
                       % (abs(shift_c), 'warmer' if shift_c > 0 else 'colder'),
                       'Unplug the camera and plug it in again.', INFO)


def _count(number: int, unit: str) -> str:
    return '%d %s%s' % (number, unit, '' if number == 1 else 's')
