"""What can go wrong with a camera, planted on purpose for tests and demonstrations."""
from dataclasses import dataclass

NONE, STOP, UNPLUG, GARBAGE, FREEZE = 'none', 'stop', 'unplug', 'garbage', 'freeze'
FAULTS = (NONE, STOP, UNPLUG, GARBAGE, FREEZE)


@dataclass(frozen=True)
class Fault:
    """A fault and when it is there, counted from the first time the camera was opened.

    Attributes:
        kind (str): ``'none'``; ``'stop'`` gives no frames; ``'unplug'`` is gone and cannot be opened;
            ``'garbage'`` gives frames that are none; ``'freeze'`` is a read that does not come back before it is
            over, as in a driver that hangs. A simulated camera under the driver of the real ones has others.
        after_s (float): when it begins.
        for_s (float): how long it lasts.
    """

    kind: str = NONE
    after_s: float = 10.0
    for_s: float = 5.0

    def active(self, kind, t_s):
        """Whether a kind of fault is there at a time."""
        return self.kind == kind and self.after_s <= t_s < self.after_s + self.for_s

    @property
    def end_s(self):
        """When it is over."""
        return self.after_s + self.for_s
