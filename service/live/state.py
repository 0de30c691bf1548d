"""What the live loop has to show at one moment."""
import json
from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Status:
    """Whether the live picture runs and, where it does not, which part stopped.

    Attributes:
        running (bool): False greys the picture out.
        part (str): ``'camera'`` or ``'analysis'``; ``''`` while running.
        code (str): for the phone call.
        sentence (str): what is the matter.
        next_step (str): what the operator does about it.
    """

    running: bool
    part: str = ''
    code: str = ''
    sentence: str = ''
    next_step: str = ''


RUNNING = Status(True)
STARTING = Status(False, 'camera', 'camera-starting', 'The camera is starting.',
                  'The picture appears here within a few seconds.')


@dataclass(frozen=True)
class LiveState:
    """One publication of the live loop, immutable and shared by every viewer.

    Attributes:
        sequence (int): number of the publication; it grows with every change.
        status (Status): whether the picture runs.
        picture (int): number of the picture, 0 before the first; it stays where only the status changed.
        jpeg (bytes): the drawn picture, encoded once.
        captured_s (float): monotonic time at which the picture was taken, or None before the first.
        values (dict): `Result.to_dict()` with ``'live'`` added; before the first result ``'live'`` alone.
        text (str): `values` as JSON, made once for all viewers.
    """

    sequence: int
    status: Status
    picture: int = 0
    jpeg: bytes = b''
    captured_s: Optional[float] = None
    values: dict = field(default_factory=dict)
    text: str = '{}'

    def age_ms(self, now_s):
        """Milliseconds since the picture was taken, or None before the first."""
        return None if self.captured_s is None else max(0.0, (now_s - self.captured_s) * 1e3)


def as_text(values):
    """Values as JSON text; a number that JSON lacks (NaN, infinity) raises ValueError here, not in a page."""
    return json.dumps(values, allow_nan=False, separators=(',', ':'))
