"""tegrastats: take one line of it, and parse a line of any release.

Releases differ: names are upper case until JetPack 5 and lower case from 6; a date precedes the line from 5; rails have
the suffix ``mW`` from 5; only root sees clocks of GPU and memory; pairs are now and average, with a third value from
JetPack 7. Nothing is looked up under a version: each field has one expression, and any field may be missing.
"""
import os
import re
import select
import signal
import subprocess
import time
from typing import Dict, List, Match, Optional, Sequence, Tuple

from service.messages import ThermoscreenError

from .memory import Memory
from .power import Rail
from .processors import Clock
from .snapshot import Telemetry
from .thermal import HIGH_C, LOW_C, zone_name

#: A short interval, in milliseconds, because the first line comes after one.
COMMAND = ('tegrastats', '--interval', '200')
TIMEOUT_S = 3.0
_MAX_LINE_BYTES = 1 << 16
#: How long a killed process may take to end; one that hangs in the kernel never does.
_KILL_TIMEOUT_S = 1.0

#: The longest published line has 500 characters.
_MAX_CHARACTERS = 8192
_UNITS = {'k': 1024, 'm': 1024 ** 2, 'g': 1024 ** 3}
_FLAGS = re.ASCII | re.IGNORECASE
#: ``RAM 613/3964MB``, ``SWAP 0/1982MB``: used and total.
_STORE = r'(?<!\S)%s ([0-9]{1,9})/([0-9]{1,9})([kmg])B'
_RAM, _SWAP = re.compile(_STORE % 'RAM', _FLAGS), re.compile(_STORE % 'SWAP', _FLAGS)
#: ``CPU [2%@102,off,...]``.
_CPU = re.compile(r'(?<!\S)CPU \[([^\]]{0,2000})\]', _FLAGS)
_CORE = re.compile(r'([0-9]{1,3})%(?:@([0-9]{1,5}))?$', _FLAGS)
#: ``EMC_FREQ 3%@204``: share of the bandwidth, and for root the clock in MHz.
_EMC = re.compile(r'(?<!\S)EMC_FREQ ([0-9]{1,3})%(?:@([0-9]{1,5}))?(?!\S)', _FLAGS)
#: ``GR3D_FREQ 0%``, ``50%@76``, ``99%@[612]``, ``0%@[0,0]``, ``@[1000,1000,1000]``.
_GPU = re.compile(r'(?<!\S)GR3D_FREQ (?:([0-9]{1,3})%)?(?:@\[?([0-9,]{1,60})\]?)?(?!\S)', _FLAGS)
#: ``CPU@40.5C``, ``cpu@52.968C/52.968C``, ``GPU@-256C`` (off).
_TEMPERATURE = re.compile(r'(?<!\S)([a-z][a-z0-9_-]{0,39})@(-?[0-9]{1,4}(?:\.[0-9]{1,6})?)C(?:/\S{1,20})?(?!\S)',
                          _FLAGS)
#: ``POM_5V_IN 943/943``, ``VDD_IN 5079mW/5079mW``, ``VDD_SOC 1mW/1mW/1mW``: now, average, and from JetPack 7 a third.
_RAIL = re.compile(r'(?<!\S)([a-z][a-z0-9_]{0,39}) ([0-9]{1,7})(?:mW)?/([0-9]{1,7})(?:mW)?'
                   r'(?:/[0-9]{1,7}(?:mW)?)?(?!\S)', _FLAGS)
#: Pairs that look like rails where a line is damaged; NC is a channel that is not connected.
_NO_RAILS = ('NC', 'RAM', 'SWAP', 'IRAM')


class BoardError(ThermoscreenError):
    """A tool of the board that is missing, fails or does not answer."""


def read_line(command: Sequence[str] = COMMAND, timeout_s: float = TIMEOUT_S) -> str:
    """Start tegrastats, take its first whole line and kill it.

    It ignores SIGPIPE, so closing the pipe does not end it, and it can hang before its first line.

    Args:
        command: what to start.
        timeout_s: how long its first line may take.
    Returns:
        The line without its end; invalid UTF-8 is replaced.
    Raises:
        BoardError: ``tegrastats-missing``, ``tegrastats-hung`` (no line in time) or ``tegrastats-failed`` (it ended
            without one).
    """
    try:
        process = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        raise BoardError('tegrastats-missing', '%s cannot be started (%s).' % (command[0], error.strerror),
                         'It comes with JetPack.', detail=str(error)) from error
    try:
        line = _first_line(process, time.monotonic() + timeout_s)
    finally:
        _kill(process)
    if line is None:
        raise BoardError('tegrastats-hung', '%s printed no line within %.1f s.' % (command[0], timeout_s),
                         'If that continues, restart the board.')
    if not line:
        raise BoardError('tegrastats-failed', '%s ended without a line (exit code %s).'
                         % (command[0], process.returncode), 'Run it by hand to see why.')
    return line.decode('utf-8', 'replace').strip()


def parse_tegrastats(line: str, read_at_s: Optional[float] = None) -> Telemetry:
    """The reading in a line; never raises.

    Args:
        line: one line of any release; any other text gives a reading in which everything is missing.
        read_at_s: when it was read, on the monotonic clock; default now.
    Returns:
        A reading with ``source`` ``'tegrastats'``. Its ``memory.available_bytes`` is total less used, which is close
        to the kernel's MemAvailable but not the same; a clock has its current value only.
    """
    line = line[:_MAX_CHARACTERS]
    cores = _cores(line)
    running = {core: pair for core, pair in cores.items() if pair is not None}
    loads = [load for load, _ in running.values()]
    emc, gpu = _EMC.search(line), _GPU.search(line)
    gpu_mhz = _numbers(gpu.group(2)) if gpu else []
    return Telemetry(
        source='tegrastats', read_at_s=time.monotonic() if read_at_s is None else read_at_s,
        cpu_load_share=sum(loads) / len(loads) if loads else None,
        gpu_load_share=_share(gpu.group(1)) if gpu else None,
        emc_load_share=_share(emc.group(1)) if emc else None,
        cpu_clocks={core: Clock(clock) for core, (_, clock) in running.items() if clock is not None},
        cores_off=tuple(sorted(core for core, pair in cores.items() if pair is None)),
        gpu_clock=Clock(max(gpu_mhz)) if gpu_mhz else None,
        emc_clock=Clock(float(emc.group(2))) if emc and emc.group(2) else None,
        temperatures_c=_temperatures(line), rails=_rails(line), memory=_memory(line))


def _first_line(process: 'subprocess.Popen[bytes]', until_s: float) -> Optional[bytes]:
    """Bytes up to the first line end, or up to the end of the process; None on timeout."""
    assert process.stdout is not None
    data = b''
    while b'\n' not in data and len(data) < _MAX_LINE_BYTES:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not select.select([process.stdout], [], [], left_s)[0]:
            return None
        part = os.read(process.stdout.fileno(), _MAX_LINE_BYTES)
        if not part:
            break
        data += part
    return data.split(b'\n')[0]


def _kill(process: 'subprocess.Popen[bytes]') -> None:
    """Kill the process and its children, without waiting for what cannot be killed."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
    if process.stdout is not None:
        process.stdout.close()
    try:
        process.wait(_KILL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass


def _share(text: Optional[str]) -> Optional[float]:
    """``'50'`` to 0.5; more than 100 % is a glitch of the counter and counts as missing."""
    value = int(text) / 100.0 if text else None
    return value if value is not None and value <= 1.0 else None


def _numbers(text: Optional[str]) -> List[float]:
    return [float(part) for part in (text or '').split(',') if part and len(part) < 6]


def _cores(line: str) -> Dict[int, Optional[Tuple[float, Optional[float]]]]:
    """Load share and clock in MHz by core number; None for a core that is off."""
    match = _CPU.search(line)
    cores: Dict[int, Optional[Tuple[float, Optional[float]]]] = {}
    for core, text in enumerate(match.group(1).split(',') if match else ()):
        entry = _CORE.match(text.strip())
        load = _share(entry.group(1)) if entry else None
        if entry and load is not None:
            cores[core] = (load, float(entry.group(2)) if entry.group(2) else None)
        elif text.strip().lower() == 'off':
            cores[core] = None
    return cores


def _temperatures(line: str) -> Dict[str, float]:
    pairs = [(zone_name(name), float(value)) for name, value in _TEMPERATURE.findall(line)]
    return {name: value for name, value in pairs if name and LOW_C <= value <= HIGH_C}


def _rails(line: str) -> Dict[str, Rail]:
    return {name: Rail(float(now), float(average)) for name, now, average in _RAIL.findall(line)
            if name.upper() not in _NO_RAILS}


def _memory(line: str) -> Optional[Memory]:
    ram, swap = _RAM.search(line), _SWAP.search(line)
    if not ram:
        return None
    used, total = _bytes(ram)
    swap_used, swap_total = _bytes(swap) if swap else (None, None)
    return Memory(total, max(total - used, 0), None, swap_total, swap_used)


def _bytes(match: Match[str]) -> Tuple[int, int]:
    used, total, unit = match.groups()
    return int(used) * _UNITS[unit.lower()], int(total) * _UNITS[unit.lower()]
