"""A line of tegrastats as a reading: one expression a field, any field may be missing.

Releases differ: names in capitals until JetPack 5 and small from 6; a date in front from 5; `mW` behind rails from 5;
clocks of GPU and memory only for root; two numbers in a pair now and average, and a third from JetPack 7. None of that
is looked up under a version: what is there is read.
"""
import re
import time

from .clocks import Clock
from .memory import Memory
from .rails import Rail
from .snapshot import Telemetry
from .temperatures import HIGH_C, LOW_C, zone_name

#: The longest line seen has 500 characters.
_LONGEST = 8192
_UNITS = {'k': 1024, 'm': 1024 ** 2, 'g': 1024 ** 3}
_FLAGS = re.ASCII | re.IGNORECASE

#: ``RAM 613/3964MB``, ``SWAP 0/1982MB``: used and total.
_STORE = r'(?<!\S)%s ([0-9]{1,9})/([0-9]{1,9})([kmg])B'
_RAM, _SWAP = re.compile(_STORE % 'RAM', _FLAGS), re.compile(_STORE % 'SWAP', _FLAGS)
#: ``CPU [2%@102,off,...]``.
_CPU = re.compile(r'(?<!\S)CPU \[([^\]]{0,2000})\]', _FLAGS)
_CORE = re.compile(r'([0-9]{1,3})%(?:@([0-9]{1,5}))?$', _FLAGS)
#: ``EMC_FREQ 3%@204``: share of the bandwidth, clock in MHz for root only.
_EMC = re.compile(r'(?<!\S)EMC_FREQ ([0-9]{1,3})%(?:@([0-9]{1,5}))?(?!\S)', _FLAGS)
#: ``GR3D_FREQ 0%``, ``50%@76``, ``99%@[612]``, ``0%@[0,0]``, ``@[1000,1000,1000]``.
_GPU = re.compile(r'(?<!\S)GR3D_FREQ (?:([0-9]{1,3})%)?(?:@\[?([0-9,]{1,60})\]?)?(?!\S)', _FLAGS)
#: ``CPU@40.5C``, ``cpu@52.968C/52.968C``, ``GPU@-256C`` (off).
_TEMPERATURE = re.compile(r'(?<!\S)([a-z][a-z0-9_-]{0,39})@(-?[0-9]{1,4}(?:\.[0-9]{1,6})?)C(?:/\S{1,20})?(?!\S)',
                          _FLAGS)
#: ``POM_5V_IN 943/943``, ``VDD_IN 5079mW/5079mW``, ``VDD_SOC 1mW/1mW/1mW``: now, average, and from JetPack 7 a third.
_RAIL = re.compile(r'(?<!\S)([a-z][a-z0-9_]{0,39}) ([0-9]{1,7})(?:mW)?/([0-9]{1,7})(?:mW)?'
                   r'(?:/[0-9]{1,7}(?:mW)?)?(?!\S)', _FLAGS)
#: Pairs that look like a rail where a line is damaged; NC is a channel that is not connected.
_NO_RAILS = ('NC', 'RAM', 'SWAP', 'IRAM')


def parse_tegrastats(line, read_at_s=None):
    """What a line says.

    Args:
        line (str): one line, of any release; anything else gives a reading in which everything is missing.
        read_at_s (float): when it was read, on the monotonic clock; default now.

    Returns:
        Telemetry: ``source`` ``'tegrastats'``. Its ``memory.available_bytes`` is total less used, which is near to but
        not the kernel's own MemAvailable; a clock has its current value only. Never raises.
    """
    line = line[:_LONGEST]
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


def _share(text):
    """``'50'`` to 0.5; more than all is a glitch of the counter and is missing."""
    value = int(text) / 100.0 if text else None
    return value if value is not None and value <= 1.0 else None


def _numbers(text):
    return [float(part) for part in (text or '').split(',') if part and len(part) < 6]


def _cores(line):
    """Core number to (load share, MHz or None), or to None for a core that is off."""
    found = _CPU.search(line)
    cores = {}
    for core, text in enumerate(found.group(1).split(',') if found else ()):
        entry = _CORE.match(text.strip())
        if entry and _share(entry.group(1)) is not None:
            cores[core] = (_share(entry.group(1)), float(entry.group(2)) if entry.group(2) else None)
        elif text.strip().lower() == 'off':
            cores[core] = None
    return cores


def _temperatures(line):
    named = [(zone_name(name), float(value)) for name, value in _TEMPERATURE.findall(line)]
    return {name: value for name, value in named if name and LOW_C <= value <= HIGH_C}


def _rails(line):
    return {name: Rail(float(now), float(average)) for name, now, average in _RAIL.findall(line)
            if name.upper() not in _NO_RAILS}


def _memory(line):
    ram, swap = _RAM.search(line), _SWAP.search(line)
    if not ram:
        return None
    used, total = _bytes(ram)
    swapped, swap_total = _bytes(swap) if swap else (None, None)
    return Memory(total, max(total - used, 0), None, swap_total, swapped)


def _bytes(found):
    used, total, unit = found.groups()
    return int(used) * _UNITS[unit.lower()], int(total) * _UNITS[unit.lower()]
