"""How many frames came, and how many did not."""
from dataclasses import dataclass

from .quality import BAD, RECONNECT, STALL


@dataclass
class Counts:
    """Counts since the capture was started.

    Attributes:
        received (int): frames that were handed on.
        repeated (int): frames that repeated the one before, and were not.
        lost (int): frames that the camera made and that never arrived, by its own numbers.
        bad (int): damaged frames.
        stalls (int): waits that ended without a frame.
        reconnects (int): how often the camera came back.
    """

    received: int = 0
    repeated: int = 0
    lost: int = 0
    bad: int = 0
    stalls: int = 0
    reconnects: int = 0

    def happened(self, event):
        """Count an event of `Connection`."""
        self.stalls += event == STALL
        self.reconnects += event == RECONNECT
        self.bad += event == BAD

    def to_dict(self):
        """As JSON values."""
        return dict(vars(self))
