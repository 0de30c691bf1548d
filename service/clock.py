"""What time it is, and whether that can be trusted: the stamp that every record carries.

The board has no battery for its clock. It starts in the past and may stay there, so a record carries where its date
came from, which start of the machine it belongs to, and how long that start was ago. Nothing is ordered, expired or
locked out by the date; `corrected` gives the date of an earlier record of the same start once the clock is right.
"""
import calendar
import ctypes
import datetime
import json
import time
from typing import Callable, NamedTuple, Optional, Tuple

from .durable import atomic_write_json
from .messages import WARNING, Message

#: Where the date came from: a time server, a person who looked at it, or neither.
NTP, OPERATOR, UNSYNCHRONISED = SOURCES = ('ntp', 'operator', 'unsynchronised')

#: What adjtimex(2) returns for a clock that nothing has synchronised, and room for its structure (208 bytes).
_TIME_ERROR = 5
_TIMEX_BYTES = 512
#: Number of Linux' CLOCK_BOOTTIME, which `time` names from Python 3.7 on.
_CLOCK_BOOTTIME = 7
_BOOT_ID = '/proc/sys/kernel/random/boot_id'
#: A clock that was moved by more than this since somebody confirmed the date is not the clock that was confirmed.
_MOVED_NS = 120 * 10 ** 9
_EPOCH = datetime.datetime(1970, 1, 1)
_FORMAT = '%Y-%m-%dT%H:%M:%S.%fZ'


class Stamp(NamedTuple):
    """When something happened, as far as this machine knows.

    Attributes:
        utc: ISO-8601 with microseconds and Z, as the clock showed it.
        clock: one of `SOURCES`.
        boot_id: of this start of the machine; every start has another.
        boottime_ns: nanoseconds since that start; they never jump, and count while the machine sleeps.
    """

    utc: str
    clock: str
    boot_id: str
    boottime_ns: int


def kernel_synchronised() -> bool:
    """Whether the kernel says that something keeps its clock synchronised; False where it does not tell.

    It is the one answer that every systemd and every time service gives; asking changes nothing and needs no right.
    """
    adjtimex = getattr(ctypes.CDLL(None), 'adjtimex', None)
    return adjtimex is not None and 0 <= adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) < _TIME_ERROR


def boottime_ns() -> int:
    """Nanoseconds since the start of the machine, exact to about a microsecond."""
    return int(time.clock_gettime(_CLOCK_BOOTTIME) * 1e9)


def read_boot_id() -> str:
    """The id of this start of the machine.

    Raises:
        OSError: the system does not tell.
    """
    with open(_BOOT_ID, encoding='ascii') as stream:
        return stream.read().strip()


def shown_time(utc: str, seconds: bool = False) -> str:
    """A time as people read it, such as ``2026-11-30 09:12 +01:00``: in the zone of this machine, with its distance.

    What programs read stays in UTC.

    Args:
        utc: ISO-8601 as of `Stamp`; what follows the seconds does not matter.
        seconds: whether to show them.
    """
    local = time.localtime(calendar.timegm(time.strptime(utc[:19], _FORMAT[:17])))
    minutes = local.tm_gmtoff // 60
    zone = '%s%02d:%02d' % (('-' if minutes < 0 else '+',) + divmod(abs(minutes), 60)) if minutes else 'UTC'
    return time.strftime('%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M', local) + ' ' + zone


def shown_day(utc: str) -> str:
    """The day of a time, as `shown_time`."""
    return shown_time(utc)[:10]


class Clock:
    """The clock of this machine; other arguments than the first simulate one.

    Args:
        confirmation: file that keeps the confirmation of the date over a restart of the service; empty for none.
        utc_s: gives the seconds since 1970 that the clock shows.
        synchronised: as `kernel_synchronised`.
        boot_id: of this start; empty for the kernel's.
        since_boot_ns: as `boottime_ns`.
    """

    def __init__(self, confirmation: str = '', utc_s: Callable[[], float] = time.time,
                 synchronised: Callable[[], bool] = kernel_synchronised, boot_id: str = '',
                 since_boot_ns: Callable[[], int] = boottime_ns) -> None:
        self._file = confirmation
        self._utc_s, self._synchronised, self._since_boot_ns = utc_s, synchronised, since_boot_ns
        self._boot_id = boot_id or read_boot_id()
        self._confirmed_ns = self._read()

    def now(self) -> Stamp:
        """The time of a record that is made now."""
        return self._read_clock()[0]

    @property
    def trusted(self) -> bool:
        """Whether a time server or a person stands for the date."""
        return self.now().clock != UNSYNCHRONISED

    def confirm(self) -> None:
        """Somebody looked at the date and says that it is right; it holds until the machine or its clock is set anew.

        Raises:
            StorageError: it cannot be kept; the date is as uncertain as before.
        """
        started_ns = self._read_clock()[1]
        if self._file:
            atomic_write_json(self._file, {'boot_id': self._boot_id, 'started_ns': started_ns})
        self._confirmed_ns = started_ns

    def message(self) -> Optional[Message]:
        """What to tell everybody while the date is uncertain; None while it is not."""
        stamp = self.now()
        if stamp.clock != UNSYNCHRONISED:
            return None
        return Message('date-uncertain', 'The date is not certain: the clock shows %s, and nothing has set it since '
                       'the start.' % shown_time(stamp.utc),
                       'Connect the network, or set the date and confirm it. Exams go on and carry a mark.', WARNING,
                       'clock', stamp._asdict())

    def _read_clock(self) -> Tuple[Stamp, int]:
        """The time, and when the machine started by this clock, in nanoseconds since 1970."""
        utc_s, since_boot_ns = self._utc_s(), self._since_boot_ns()
        started_ns = int(utc_s * 1e9) - since_boot_ns
        if self._synchronised():
            source = NTP
        elif self._confirmed_ns is not None and abs(started_ns - self._confirmed_ns) <= _MOVED_NS:
            source = OPERATOR
        else:
            source = UNSYNCHRONISED
        utc = _text(_EPOCH + datetime.timedelta(seconds=utc_s))
        return Stamp(utc, source, self._boot_id, since_boot_ns), started_ns

    def _read(self) -> Optional[int]:
        """What `confirm` kept in this start of the machine; None for nothing, or for what cannot be read."""
        try:
            with open(self._file, encoding='utf-8') as stream:
                kept = json.load(stream)
            return int(kept['started_ns']) if kept['boot_id'] == self._boot_id else None
        except (OSError, ValueError, TypeError, KeyError):
            return None


def corrected(stamp: Stamp, trusted: Stamp) -> str:
    """The date of a record by a clock that was right later, or earlier, in the same start of the machine.

    Raises:
        ValueError: they are of different starts, so nothing connects them.
    """
    if stamp.boot_id != trusted.boot_id:
        raise ValueError('%s and %s are of different starts of the machine' % (stamp, trusted))
    between = datetime.timedelta(microseconds=(stamp.boottime_ns - trusted.boottime_ns) / 1000)
    return _text(datetime.datetime.strptime(trusted.utc, _FORMAT) + between)


def seconds_moved(before: Stamp, after: Stamp) -> float:
    """By how much the clock was set forward between two times of one start of the machine.

    Raises:
        ValueError: they are of different starts.
    """
    expected = datetime.datetime.strptime(corrected(after, before), _FORMAT)
    return (datetime.datetime.strptime(after.utc, _FORMAT) - expected).total_seconds()


def seconds_between(then: Stamp, now: Stamp) -> float:
    """Seconds between two times: exact within one start of the machine, by the dates otherwise."""
    if then.boot_id == now.boot_id:
        return (now.boottime_ns - then.boottime_ns) / 1e9
    return (datetime.datetime.strptime(now.utc, _FORMAT) - datetime.datetime.strptime(then.utc, _FORMAT)
            ).total_seconds()


def _text(utc: datetime.datetime) -> str:
    return utc.isoformat(timespec='microseconds') + 'Z'
