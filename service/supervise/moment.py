"""A point in time on a device whose clock may be wrong."""
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

_BOOT_ID = '/proc/sys/kernel/random/boot_id'


@dataclass(frozen=True)
class Moment:
    """One point in time, three ways.

    A Nano has no battery for its clock: UTC is right once somebody set it, and jumps then. Within one boot the
    monotonic clock can be trusted; between two boots nothing can.

    Attributes:
        boot (str): identity of the boot, ``''`` where the system gives none.
        monotonic_s (float): seconds since the boot.
        utc (str): ISO 8601, to the second.
    """

    boot: str
    monotonic_s: float
    utc: str

    @classmethod
    def now(cls):
        """This moment."""
        utc = datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
        return cls(_boot_id(), round(time.monotonic(), 3), utc)

    def to_dict(self):
        """As JSON values."""
        return asdict(self)


def _boot_id():
    try:
        with open(_BOOT_ID, encoding='ascii') as stream:
            return stream.read().strip()
    except OSError:
        return ''
