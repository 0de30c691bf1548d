"""How well the frames arrive: a grade, and the messages that explain it."""
from collections import deque
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Tuple

from ...messages import INFO, SEVERITIES, WARNING, Message, worst

#: The grade that the page and the metrics show, best first; it follows from the worst severity.
GRADES = ('excellent', 'fair', 'poor', 'unusable')
_GRADE_OF = dict(zip(SEVERITIES, GRADES))

#: Frames are counted over the last seconds, what is rarer over the last minute: an operator who has just pushed the
#: plug in should read for a while yet that it was loose.
FRAMES_S, EVENTS_S = 10.0, 60.0

#: A share of fewer frames than these says nothing.
_ENOUGH_FRAMES = 10

#: Shares of lost frames. One in a hundred is more than a good cable loses; with one in ten a picture lasts twice as
#: long as it should several times a second.
_SOME_LOST, _MANY_LOST = 0.01, 0.1

#: Shares of the rate that the camera states. A Lepton states 9 Hz and gives 8.7.
_SLOW, _VERY_SLOW = 0.8, 0.5

#: A frame that is older than so many frames, or seconds, when it arrives was held up on the way.
_LATE_FRAMES, _LATE_S = 3.0, 0.5

STALL, RECONNECT, BAD = 'stall', 'reconnect', 'bad'


@dataclass(frozen=True)
class Quality:
    """The grade, and the messages behind it with the worst first."""

    grade: str
    messages: Tuple[Message, ...] = ()

    @classmethod
    def of(cls, messages: Iterable[Message]) -> 'Quality':
        """The quality that messages leave: the worst severity decides."""
        ordered = tuple(sorted(messages, key=lambda message: -SEVERITIES.index(message.severity)))
        return cls(_GRADE_OF[worst(*(message.severity for message in ordered))], ordered)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values."""
        return {'grade': self.grade, 'messages': [message.to_dict() for message in self.messages]}


class Connection:
    """Notes how frames arrive and what goes wrong, over the last seconds.

    All times are seconds on one clock that only grows.
    """

    def __init__(self):
        self._frames = deque()
        self._events = deque()

    def received(self, now_s, lost, age_s):
        """Note a frame: how many were lost before it, and how old it was when it arrived."""
        self._frames.append((now_s, lost, age_s))

    def happened(self, now_s, event):
        """Note a `STALL`, a `RECONNECT` or a `BAD` frame."""
        self._events.append((now_s, event))

    def reopened(self):
        """Frames before now say nothing of the connection that begins."""
        self._frames.clear()

    def rate_hz(self, now_s):
        """Frames per second that arrive; None before there are enough to tell."""
        self._forget(now_s)
        if len(self._frames) < _ENOUGH_FRAMES:
            return None
        span_s = self._frames[-1][0] - self._frames[0][0]
        return (len(self._frames) - 1) / span_s if span_s > 0 else None

    def messages(self, now_s, stated_hz):
        """What is wrong with the connection, as a list of `Message`.

        Args:
            now_s (float): now.
            stated_hz (float): the rate that the camera states, or 0.
        """
        self._forget(now_s)
        found = [self._loss(), self._rate(now_s, stated_hz), self._delay(stated_hz), self._breaks(), self._damage()]
        return [message for message in found if message]

    def _loss(self):
        lost, received = sum(frame[1] for frame in self._frames), len(self._frames)
        share = lost / float(max(lost + received, 1))
        if lost + received < _ENOUGH_FRAMES or share <= _SOME_LOST:
            return None
        return Message('frames-lost', '%.0f %% of the pictures are lost on the way.' % (100 * share),
                       'Use a shorter cable or another port.', WARNING if share > _MANY_LOST else INFO)

    def _rate(self, now_s, stated_hz):
        rate_hz = self.rate_hz(now_s)
        if not rate_hz or rate_hz >= _SLOW * stated_hz:
            return None
        return Message('frames-slow', 'The camera delivers %.1f pictures a second instead of %.1f.'
                       % (rate_hz, stated_hz), 'Use another port.',
                       WARNING if rate_hz < _VERY_SLOW * stated_hz else INFO)

    def _delay(self, stated_hz):
        if len(self._frames) < _ENOUGH_FRAMES:
            return None
        ages_s = sorted(frame[2] for frame in self._frames)
        age_s = ages_s[len(ages_s) // 2]
        if age_s <= _LATE_S and (not stated_hz or age_s <= _LATE_FRAMES / stated_hz):
            return None
        return Message('frames-late', 'Pictures arrive %.1f seconds after they were taken.' % age_s,
                       'Restart the camera.', WARNING if age_s > _LATE_S else INFO)

    def _breaks(self):
        breaks = sum(event in (STALL, RECONNECT) for _, event in self._events)
        if not breaks:
            return None
        words = 'once' if breaks == 1 else '%d times' % breaks
        return Message('connection-breaks', 'The picture stopped %s in the last minute.' % words,
                       'Push the plug in and keep clear of the cable.', WARNING if breaks > 2 else INFO)

    def _damage(self):
        bad = sum(event == BAD for _, event in self._events)
        if not bad:
            return None
        if bad == 1:
            return Message('frames-damaged', 'A damaged picture was left out in the last minute.',
                           'Use another cable if it happens again.', INFO)
        return Message('frames-damaged', '%d damaged pictures were left out in the last minute.' % bad,
                       'Use another cable.', WARNING if bad > 5 else INFO)

    def _forget(self, now_s):
        for kept, window_s in ((self._frames, FRAMES_S), (self._events, EVENTS_S)):
            while kept and now_s - kept[0][0] > window_s:
                kept.popleft()
