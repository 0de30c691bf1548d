"""A board that was recorded: a copy of its files, or lines of its tegrastats."""
import os

from service.machine import UNKNOWN
from service.messages import InputError

from ..telemetry import parse_tegrastats
from .base import Platform
from .real import RealPlatform

_MOST_BYTES = 64 << 20


class RecordedTree(RealPlatform):
    """A folder that holds the files of a board (``etc``, ``proc``, ``sys``) as they were.

    Args:
        root (str): that folder.

    Raises:
        InputError: ``recording-missing``.
    """

    kind = 'recorded'

    def __init__(self, root):
        if not os.path.isdir(root):
            raise InputError('recording-missing', 'There is no folder %s with the files of a board.' % root)
        super().__init__(root, tegrastats=None)


class RecordedLines(Platform):
    """Lines of tegrastats, one a reading; after the last one it stays there.

    Args:
        lines (sequence of str): as tegrastats wrote them; empty ones do not count.
        interval_s (float): time between two lines.

    Raises:
        InputError: ``recording-empty``.
    """

    kind = 'recorded'

    def __init__(self, lines, interval_s=1.0):
        self._lines = [line for line in lines if line.strip()]
        if not self._lines:
            raise InputError('recording-empty', 'The recording holds no line of tegrastats; record one with '
                                                '`tegrastats --logfile FILE`.')
        self._interval_s = interval_s
        self._next = 0

    @classmethod
    def from_file(cls, path):
        """Read the lines of a file that ``tegrastats --logfile`` wrote.

        Raises:
            InputError: ``recording-unreadable``, ``recording-large`` or ``recording-empty``.
        """
        try:
            with open(path, 'rb') as stream:
                data = stream.read(_MOST_BYTES + 1)
        except OSError as error:
            raise InputError('recording-unreadable', '%s cannot be read (%s).' % (path, error.strerror),
                             detail=str(error)) from error
        if len(data) > _MOST_BYTES:
            raise InputError('recording-large', '%s is larger than %d MiB; cut it into parts.'
                             % (path, _MOST_BYTES >> 20))
        return cls(data.decode('utf-8', 'replace').splitlines())

    def facts(self):
        """A line says nothing of the board it comes from."""
        return {'board': UNKNOWN, 'sm': None, 'l4t': UNKNOWN, 'jetpack': UNKNOWN, 'power_mode': UNKNOWN,
                'tensorrt': None}

    def telemetry(self):
        """The next line."""
        place = min(self._next, len(self._lines) - 1)
        self._next += 1
        return parse_tegrastats(self._lines[place], place * self._interval_s)
