"""How the machine is: read slowly beside the picture, in messages for the operator and figures for the technician.

Other packages offer the readings under the entry-point group `GROUP`: a function without arguments that returns an
object with ``read()`` and ``close()``. ``read()`` returns JSON values. A missing sensor is left out and never zero:

- ``machine``: ``board`` (str), ``power_mode`` (str), ``kind`` (``'real'``, ``'simulated'`` or ``'recorded'``)
- ``temperatures_c``: zone to degrees Celsius; ``hottest_c``
- ``throttle_signs``, ``supply_signs``: lists of clauses, empty where nothing is wrong; ``throttling_watched``,
  ``supply_watched``: whether that could be told at all
- ``cpu_clocks`` (core to clock), ``gpu_clock``, ``emc_clock``: each with ``current_mhz``, ``floor_mhz``, ``cap_mhz``
  and ``highest_mhz``; ``cores_off``: list of numbers
- ``cpu_load_share``, ``gpu_load_share``, ``emc_load_share``: 0 to 1
- ``power_mw``; ``rails``: name to ``power_mw``, ``voltage_mv`` and ``current_ma``; ``over_current_alarms``: a count
- ``fan``: ``drive_share`` (0 to 1) and ``speed_rpm``
- ``memory``: ``total_bytes``, ``available_bytes``, ``gpu_bytes``, ``swap_total_bytes`` and ``swap_used_bytes``
- ``missing``: list of the names of what is not measured here
"""
import logging
import os
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from .doctor import Check, disk_room, plugin_check
from .messages import OK, PROBLEM, WARNING, Message, shown_size
from .plugins import metadata, plugins
from .supervise import LastingThread

if TYPE_CHECKING:
    from .settings import Settings

_log = logging.getLogger(__name__)

GROUP = 'thermoscreen.telemetry'

#: Seconds between two readings. Heat and disks are slow, and the processor belongs to the picture.
PERIOD_S = 5.0
#: After a reading that takes long, such as tegrastats', wait this many times as long before the next.
REST = 20.0
#: An older reading says nothing about the present: the thread is stuck in a sensor.
STALE_S = 60.0
#: After a failure of the readings themselves, wait this long before they begin again.
_PAUSE_S = 30.0
#: The doctor's checks whose answer may change while the service runs and that cost next to nothing.
CHECKS = ('clock',)

_MIB = float(1 << 20)

#: Degrees Celsius from which the device is called hot. A Nano begins to hold its voltage back at 86 (trip ``dfll-cap``
#: of its CPU zone in the B01 device tree) and slows down at 97.
_HOT_C = 86.0
#: Memory below which the kernel is about to end programs, as in the doctor's check of it.
_LITTLE_MEMORY_BYTES = 250 * (1 << 20)
#: Show this many signs of one trouble: every core has one, and a page is only so high.
_MAX_SIGNS = 2

_AIR = 'Let air reach the device: uncover its openings and keep it out of the sun.'


class Sources:
    """All sources that are offered, as one.

    Args:
        entries: entry points; those that are installed by default.
    """

    def __init__(self, entries: Optional[Iterable['metadata.EntryPoint']] = None) -> None:
        self._opened: Dict[str, Any] = {}
        self._failing: Set[str] = set()
        for entry in plugins(GROUP) if entries is None else entries:
            try:
                self._opened[entry.name] = entry.load()()
            except Exception as error:
                _log.warning('telemetry-failed: %s: %r', entry.name, error)

    def __bool__(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._opened)

    def read(self) -> Dict[str, Any]:
        """The values of all sources together; a source that fails adds nothing this time."""
        values: Dict[str, Any] = {}
        for name, source in self._opened.items():
            try:
                values.update(source.read())
                self._failing.discard(name)
            except Exception as error:
                if name not in self._failing:  # logged once and not every few seconds
                    self._failing.add(name)
                    _log.warning('telemetry-failed: %s: %r', name, error)
        return values

    def close(self) -> None:
        """Close all sources."""
        for source in self._opened.values():
            try:
                source.close()
            except Exception as error:
                _log.warning('telemetry-failed: %r', error)
        self._opened = {}


@dataclass(frozen=True)
class Disk:
    """A file system.

    Attributes:
        free_bytes: what a user without rights may still write.
        total_bytes: its size.
        read_only: whether it accepts no writes at all.
    """

    free_bytes: int
    total_bytes: int
    read_only: bool


@dataclass(frozen=True)
class Reading:
    """How the machine is.

    Attributes:
        values: of the sources; empty where nothing is known.
        disk: where the service keeps its state; None where that cannot be told.
        checks: answers of `CHECKS`.
        age_s: seconds since it was taken; None before the first.
        offered: whether there are sources at all.
        silent: whether the newest reading is too old to count; then nothing else is given.
    """

    values: Dict[str, Any] = field(default_factory=dict)
    disk: Optional[Disk] = None
    checks: Tuple[Message, ...] = ()
    age_s: Optional[float] = None
    offered: bool = False
    silent: bool = False


class Vitals:
    """Takes a reading every few seconds in a thread; asking for the newest one costs nothing.

    Use it once, as a context manager. The thread may get stuck in a sensor for good, and nothing waits for it:
    readings then become silent.

    Args:
        settings: for the doctor's checks.
        folder: whose disk is watched.
        open_sources: called in the thread, since opening may take long.
        clock: monotonic seconds.
        period_s: between two readings.
    """

    def __init__(self, settings: 'Settings', folder: str = '.', open_sources: Callable[[], Sources] = Sources,
                 clock: Callable[[], float] = time.monotonic, period_s: float = PERIOD_S) -> None:
        self._settings, self.folder = settings, folder
        self._open_sources, self._clock, self._period_s = open_sources, clock, period_s
        self._newest: Optional[Tuple[float, Reading]] = None
        self._stop = threading.Event()
        self._thread = LastingThread('telemetry', self._run, self._stop, _PAUSE_S)
        self._began_s: Optional[float] = None

    def __enter__(self) -> 'Vitals':
        self._began_s = self._clock()
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()

    @property
    def newest(self) -> Reading:
        """The newest reading."""
        if self._newest is None:
            waits_s = 0.0 if self._began_s is None else self._clock() - self._began_s
            return Reading(age_s=waits_s, offered=True, silent=True) if waits_s > STALE_S else Reading()
        taken_s, reading = self._newest
        age_s = max(0.0, self._clock() - taken_s)
        if age_s > STALE_S:
            return Reading(age_s=age_s, offered=reading.offered, silent=True)
        return replace(reading, age_s=age_s)

    def look(self, sources: Sources, checks: Sequence[Check] = ()) -> float:
        """Take one reading. Returns how many seconds it took."""
        began_s = self._clock()
        values = sources.read()
        answers = (check(self._settings) for check in checks)
        messages = tuple(message for message in answers if message is not None)
        ended_s = self._clock()
        self._newest = (ended_s, Reading(values, _disk_of(self.folder), messages, 0.0, bool(sources)))
        return ended_s - began_s

    def _run(self) -> None:
        sources = self._open_sources()
        checks = [check for check in map(plugin_check, CHECKS) if check is not None]
        try:
            while not self._stop.is_set():
                self._stop.wait(max(self._period_s, REST * self.look(sources, checks)))
        finally:
            sources.close()


def machine_messages(reading: Reading) -> List[Message]:
    """How the machine is, for an operator.

    What is not measured has no message. ``facts`` of each has ``figures``, a line for the technician.
    """
    if reading.silent:
        return [Message('telemetry-silent', 'The sensors of the device do not answer.',
                        'Restart the station between two patients.', WARNING, 'sensors',
                        {'figures': 'no reading for %.0f s' % (reading.age_s or 0.0)})]
    values = reading.values
    messages = [_disk(reading.disk), _temperature(values), _speed(values), _supply(values), _memory(values)]
    return [message for message in messages if message is not None] + list(reading.checks)


def machine_figures(reading: Reading) -> List[Tuple[str, str]]:
    """Everything that is measured, for a technician: (what it is, figure)."""
    values = reading.values
    machine = values.get('machine', {})
    figures = [
        ('board', _board(machine)), ('power mode', machine.get('power_mode', '')),
        ('temperature', _zones(values)),
        ('slowed down', _signs(values.get('throttle_signs', ())) or _no_sign(values.get('throttling_watched'))),
        ('processor', _processor(values)), ('GPU', _unit(values.get('gpu_clock'), values.get('gpu_load_share'))),
        ('memory', _memory_figures(values)),
        ('memory clock', _unit(values.get('emc_clock'), values.get('emc_load_share'))),
        ('power', _power(values)),
        ('weak supply', _signs(values.get('supply_signs', ())) or _no_sign(values.get('supply_watched'))),
        ('fan', _fan(values.get('fan', {}))), ('disk', _disk_figures(reading.disk)),
        ('not measured', '; '.join(values.get('missing', ()))),
        ('read', 'not yet' if reading.age_s is None else '%.0f s ago' % reading.age_s)]
    return [(name, text) for name, text in figures if text]


def _well(subject: str, sentence: str, figures: str) -> Message:
    return Message(subject.replace(' ', '-') + '-ok', sentence, '', OK, subject, {'figures': figures})


def _disk(disk: Optional[Disk]) -> Optional[Message]:
    if disk is None:
        return None
    figures = _disk_figures(disk)
    if disk.read_only:
        return Message('disk-read-only', 'The disk does not accept data any more.',
                       'Restart the station; if it stays so, the card must be replaced.', PROBLEM, 'disk',
                       {'figures': figures})
    severity, next_step = disk_room(disk.free_bytes)
    if severity == OK:
        return _well('disk', 'There is room for results.', figures)
    sentence = 'The disk is full.' if severity == PROBLEM else 'The disk is nearly full.'
    return Message('disk-low', sentence, next_step, severity, 'disk', {'figures': figures})


def _temperature(values: Dict[str, Any]) -> Optional[Message]:
    figures = _zones(values)
    if not figures:
        return None
    hottest_c = values.get('hottest_c', max(values['temperatures_c'].values()))
    if hottest_c >= _HOT_C:
        return Message('board-hot', 'The device is hot, %.0f °C inside.' % hottest_c, _AIR, WARNING, 'temperature',
                       {'figures': figures})
    return _well('temperature', 'The device is cool enough, %.0f °C inside.' % hottest_c, figures)


def _speed(values: Dict[str, Any]) -> Optional[Message]:
    figures = '; '.join(part for part in (_processor(values), _named('GPU', values.get('gpu_clock'))) if part)
    if values.get('throttle_signs'):
        return Message('board-throttling', 'The device is slower than it could be.', _AIR, WARNING, 'speed',
                       {'figures': _signs(values['throttle_signs'])})
    if values.get('throttling_watched'):
        return _well('speed', 'Nothing slows the device down.', figures)
    if not values.get('cpu_clocks') and not values.get('gpu_clock'):
        return None
    return _well('speed', 'Whether it is slowed down cannot be told here.', figures)


def _supply(values: Dict[str, Any]) -> Optional[Message]:
    figures = _power(values)
    if values.get('supply_signs'):
        return Message('under-voltage', 'The power supply is too weak.',
                       'Use the supply that came with the device, and unplug other USB devices.', WARNING,
                       'power supply', {'figures': _signs(values['supply_signs'])})
    if values.get('supply_watched'):
        return _well('power supply', 'The power supply is strong enough.', figures)
    return _well('power supply', 'Power is measured.', figures) if figures else None


def _memory(values: Dict[str, Any]) -> Optional[Message]:
    available_bytes = values.get('memory', {}).get('available_bytes')
    if available_bytes is None:
        return None
    figures = _memory_figures(values)
    if available_bytes < _LITTLE_MEMORY_BYTES:
        return Message('memory-low', 'The memory is nearly used up.', 'Restart the station between two patients.',
                       PROBLEM, 'memory', {'figures': figures})
    return _well('memory', 'There is enough memory.', figures)


def _board(machine: Dict[str, Any]) -> str:
    kinds = {'simulated': ' (simulated: its figures are made up)', 'recorded': ' (recorded)'}
    return str(machine.get('board', '')) + kinds.get(machine.get('kind', ''), '')


def _zones(values: Dict[str, Any]) -> str:
    return ', '.join('%s %.1f °C' % zone for zone in sorted(values.get('temperatures_c', {}).items()))


def _processor(values: Dict[str, Any]) -> str:
    """Cores with the same clock are one entry; the load is that of all of them."""
    clocks = sorted({_clock(clock) for clock in values.get('cpu_clocks', {}).values()} - {''})
    parts = ['%d cores' % len(values['cpu_clocks'])] if clocks else []
    parts += clocks[:2] + (['and others'] if len(clocks) > 2 else [])
    parts += ['%d off' % len(values['cores_off'])] if values.get('cores_off') else []
    return ', '.join(parts + _busy(values.get('cpu_load_share')))


def _unit(clock: Optional[Dict[str, float]], load_share: Optional[float]) -> str:
    return ', '.join([part for part in (_clock(clock or {}),) if part] + _busy(load_share))


def _named(name: str, clock: Optional[Dict[str, float]]) -> str:
    text = _clock(clock or {})
    return '%s %s' % (name, text) if text else ''


def _clock(clock: Dict[str, float]) -> str:
    if 'current_mhz' not in clock:
        return ''
    return '%.0f%s MHz' % (clock['current_mhz'], ' of %.0f' % clock['cap_mhz'] if 'cap_mhz' in clock else '')


def _busy(share: Optional[float]) -> List[str]:
    return [] if share is None else ['%.0f %% busy' % (100 * share)]


def _memory_figures(values: Dict[str, Any]) -> str:
    memory = values.get('memory', {})
    parts = []
    if 'available_bytes' in memory and 'total_bytes' in memory:
        parts.append('%.0f of %.0f MiB free' % (memory['available_bytes'] / _MIB, memory['total_bytes'] / _MIB))
    if 'gpu_bytes' in memory:
        parts.append('%.0f MiB held for the GPU' % (memory['gpu_bytes'] / _MIB))
    if memory.get('swap_total_bytes') and 'swap_used_bytes' in memory:
        parts.append('%.0f of %.0f MiB swap used'
                     % (memory['swap_used_bytes'] / _MIB, memory['swap_total_bytes'] / _MIB))
    return ', '.join(parts)


def _power(values: Dict[str, Any]) -> str:
    rails = ', '.join('%s %.2f W' % (name, rail['power_mw'] / 1e3)
                      for name, rail in sorted(values.get('rails', {}).items()) if 'power_mw' in rail)
    if 'power_mw' not in values:
        return rails
    return '%.2f W in all%s' % (values['power_mw'] / 1e3, ' (%s)' % rails if rails else '')


def _fan(fan: Dict[str, float]) -> str:
    return ', '.join((['driven at %.0f %%' % (100 * fan['drive_share'])] if 'drive_share' in fan else [])
                     + (['%.0f turns a minute' % fan['speed_rpm']] if 'speed_rpm' in fan else []))


def _disk_figures(disk: Optional[Disk]) -> str:
    return '' if disk is None else '%s of %s free' % (
        shown_size(disk.free_bytes), shown_size(disk.total_bytes))


def _signs(signs: Sequence[str]) -> str:
    rest = len(signs) - _MAX_SIGNS
    return '; '.join(list(signs[:_MAX_SIGNS]) + (['and %d more' % rest] if rest > 0 else []))


def _no_sign(watched: Optional[bool]) -> str:
    return 'no sign of it' if watched else ''


def _disk_of(folder: str) -> Optional[Disk]:
    try:
        system = os.statvfs(folder)
    except OSError:
        return None
    return Disk(system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize,
                bool(system.f_flag & os.ST_RDONLY))
