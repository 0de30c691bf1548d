"""The machine that the program runs on, and recordings of one: a copy of its files, or lines of its tegrastats."""
import dataclasses
import os
import re
from typing import Any, Callable, Dict, List, Optional, Sequence

from service.machine import NONE, UNKNOWN, Runner, board_facts, power_mode
from service.messages import InputError, shown_size

from ..telemetry import BoardError, CpuLoad, KernelLog, Telemetry, parse_tegrastats, rails_closed, read_telemetry
from ..telemetry.sysfs import find
from .base import Platform

#: Readings that tegrastats is asked for where files do not provide them.
_FROM_TEGRASTATS = ('gpu_load_share', 'temperatures_c', 'rails')
#: Debian's library folders, and where NVIDIA's tar archive is put.
_TENSORRT = ('usr/lib/*-linux-gnu/libnvinfer.so.*', 'usr/lib/libnvinfer.so.*', 'usr/local/lib/libnvinfer.so.*')
_MAX_RECORDING_BYTES = 64 << 20


class RealPlatform(Platform):
    """Reads files, and tegrastats where a Jetson's files do not provide GPU load, temperatures or rails.

    tegrastats is given up for good once it fails, hangs or adds nothing.

    Args:
        root: folder that stands for ``/``.
        tegrastats: returns a line or raises `BoardError`, such as `jetson.telemetry.read_line`; None: files only.
        runner: as of `service.machine.board_facts`.
    Attributes:
        trouble: why tegrastats was given up; None where it was not.
    """

    kind = 'real'

    def __init__(self, root: str = '/', tegrastats: Optional[Callable[[], str]] = None,
                 runner: Optional[Runner] = None) -> None:
        self._root = root
        self._tegrastats = tegrastats
        self._runner = runner
        self.trouble: Optional[BoardError] = None
        self._facts = dict(board_facts(root, runner), tensorrt=tensorrt_version(root))
        self._load = CpuLoad(root)
        self._log = KernelLog(root)

    @property
    def is_jetson(self) -> bool:
        """Whether the machine is a Jetson."""
        return bool(self._facts['l4t'] != NONE)

    @property
    def has_closed_rails(self) -> bool:
        """Whether there are power rails that only root can read."""
        return rails_closed(self._root)

    def facts(self) -> Dict[str, Any]:
        """What the machine is. The power mode is read each time: it may change during a benchmark."""
        if not self.is_jetson:
            return dict(self._facts)
        return dict(self._facts, power_mode=power_mode(self._root, self._runner))

    def telemetry(self) -> Telemetry:
        """One reading."""
        reading = dataclasses.replace(read_telemetry(self._root), cpu_load_share=self._load.share(),
                                      over_current_alarms=self._log.count_alarms())
        if self._tegrastats is None or not _lacking(reading) or not self.is_jetson:
            return reading
        try:
            fuller = reading.filled_from(parse_tegrastats(self._tegrastats()))
        except BoardError as error:
            self.trouble, self._tegrastats = error, None
            return reading
        if _lacking(fuller) == _lacking(reading):
            self._tegrastats = None
            return reading
        return fuller

    def close(self) -> None:
        """Close the kernel log."""
        self._log.close()


class RecordedTree(RealPlatform):
    """A folder that holds the files of a board (``etc``, ``proc``, ``sys``) as they were.

    Args:
        root: that folder.
    Raises:
        InputError: ``recording-missing``.
    """

    kind = 'recorded'

    def __init__(self, root: str) -> None:
        if not os.path.isdir(root):
            raise InputError('recording-missing', 'There is no folder %s with the files of a board.' % root)
        super().__init__(root)


class RecordedLines(Platform):
    """Lines of tegrastats, one per reading; the last one repeats.

    Args:
        lines: as tegrastats wrote them; empty ones are skipped.
        interval_s: time between two lines.
    Raises:
        InputError: ``recording-empty``.
    """

    kind = 'recorded'

    def __init__(self, lines: Sequence[str], interval_s: float = 1.0) -> None:
        self._lines = [line for line in lines if line.strip()]
        if not self._lines:
            raise InputError('recording-empty', 'The recording contains no line of tegrastats.',
                             'Record one with: tegrastats --logfile FILE')
        self._interval_s = interval_s
        self._next = 0

    @classmethod
    def from_file(cls, path: str) -> 'RecordedLines':
        """Read a file that ``tegrastats --logfile`` wrote.

        Raises:
            InputError: ``recording-unreadable``, ``recording-large`` or ``recording-empty``.
        """
        try:
            with open(path, 'rb') as stream:
                data = stream.read(_MAX_RECORDING_BYTES + 1)
        except OSError as error:
            raise InputError('recording-unreadable', '%s cannot be read (%s).' % (path, error.strerror),
                             detail=str(error)) from error
        if len(data) > _MAX_RECORDING_BYTES:
            raise InputError('recording-large', '%s is larger than %s.' % (path, shown_size(_MAX_RECORDING_BYTES)),
                             'Split it.')
        return cls(data.decode('utf-8', 'replace').splitlines())

    def facts(self) -> Dict[str, Any]:
        """Unknown: a line does not identify its board."""
        return {'board': UNKNOWN, 'sm': None, 'l4t': UNKNOWN, 'jetpack': UNKNOWN, 'power_mode': UNKNOWN,
                'tensorrt': None}

    def telemetry(self) -> Telemetry:
        """The next line as a reading."""
        index = min(self._next, len(self._lines) - 1)
        self._next += 1
        return parse_tegrastats(self._lines[index], index * self._interval_s)


def tensorrt_version(root: str = '/') -> Optional[str]:
    """Version such as ``'8.2.1'`` from the name of the library, without loading it; None where there is none."""
    matches = [re.search(r'\.so\.([0-9]{1,3}(?:\.[0-9]{1,3}){1,3})$', path)
               for pattern in _TENSORRT for path in find(root, pattern)]
    versions = [tuple(int(part) for part in match.group(1).split('.')) for match in matches if match]
    return '.'.join(str(part) for part in max(versions)) if versions else None


def _lacking(reading: Telemetry) -> List[str]:
    return [name for name in _FROM_TEGRASTATS if getattr(reading, name) in (None, {})]
