"""What the live loop publishes, and how any number of viewers wait for it."""
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional

from ..messages import INFO, OK, Message

RUNNING = Message('live', 'Live.', severity=OK)
STARTING = Message('camera-starting', 'The camera is starting.', 'The picture appears here within a few seconds.',
                   INFO, 'camera')


class Picture:
    """A picture that is drawn and encoded when it is first wanted, once for everybody.

    Args:
        draw: gives the JPEG.
        asked: called whenever a viewer asks for it.
    """

    def __init__(self, draw: Callable[[], bytes], asked: Callable[[], None]) -> None:
        self._draw: Optional[Callable[[], bytes]] = draw
        self._asked = asked
        self._lock = threading.Lock()
        self._jpeg = b''

    def draw(self) -> bytes:
        """The JPEG."""
        with self._lock:
            if self._draw is not None:
                self._jpeg, self._draw = self._draw(), None
            return self._jpeg

    def show(self) -> bytes:
        """The JPEG, for a viewer."""
        self._asked()
        return self.draw()


@dataclass(frozen=True)
class LiveState:
    """One publication of the live loop, immutable and shared by every viewer.

    Attributes:
        sequence: number of the publication; it grows with every change.
        status: severity OK while the picture runs; anything else greys it out, and the subject (``'camera'`` or
            ``'analysis'``) is the part that stopped.
        picture: number of the picture, 0 before the first; it stays where only the status changed.
        drawing: the picture itself; None before the first.
        captured_s: monotonic time at which the picture was taken, or None before the first.
        values: `Result.to_dict()` with ``'live'`` added; before the first result ``'live'`` alone.
        text: `values` as JSON, made once for all viewers.
    """

    sequence: int
    status: Message
    picture: int = 0
    drawing: Optional[Picture] = None
    captured_s: Optional[float] = None
    values: Dict[str, Any] = field(default_factory=dict)
    text: str = '{}'

    @property
    def jpeg(self) -> bytes:
        """The picture for a viewer, ``b''`` before the first; whoever asks first may have to wait until it is drawn."""
        return b'' if self.drawing is None else self.drawing.show()

    @property
    def running(self) -> bool:
        """Whether the picture is live."""
        return self.status.severity == OK

    def age_ms(self, now_s: float) -> Optional[float]:
        """Milliseconds since the picture was taken, or None before the first."""
        return None if self.captured_s is None else max(0.0, (now_s - self.captured_s) * 1e3)


def as_text(values: Dict[str, Any]) -> str:
    """Values as JSON; a number that JSON lacks (NaN, infinity) raises ValueError here instead of breaking a page."""
    return json.dumps(values, allow_nan=False, separators=(',', ':'))


class Publisher:
    """Hands the newest `LiveState` to every waiting thread.

    Nothing is queued: a slow viewer gets the newest state when it asks again, never an old one.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state = LiveState(0, STARTING)
        self._closed = False

    @property
    def state(self) -> LiveState:
        """The newest state."""
        return self._state

    @property
    def closed(self) -> bool:
        """Whether nothing will follow."""
        return self._closed

    def publish(self, state: LiveState) -> None:
        """Replace the state and wake every waiting viewer."""
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def wait_for(self, after_sequence: int, timeout_s: float) -> Optional[LiveState]:
        """The newest state once its sequence is above `after_sequence`; None at the timeout or after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._state.sequence > after_sequence, timeout_s)
            return self._state if not self._closed and self._state.sequence > after_sequence else None

    def close(self) -> None:
        """End every wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def reopen(self) -> None:
        """Allow waiting again after `close`."""
        with self._changed:
            self._closed = False
