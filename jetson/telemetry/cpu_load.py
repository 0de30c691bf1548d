"""How busy the processor was since somebody last looked."""
import re

from service.machine import read_text

#: Columns of ``cpu`` in /proc/stat that are idle time: idle and iowait.
_IDLE = (3, 4)
_COLUMNS = 8


class CpuLoad:
    """Share of busy time over all cores between two looks.

    Args:
        root (str): folder that stands for ``/``.
    """

    def __init__(self, root='/'):
        self._root = root
        self._before = self._read()

    def share(self):
        """Busy share, 0 to 1, since the look before; None where no time has passed or nothing can be read."""
        before, self._before = self._before, self._read()
        if before is None or self._before is None:
            return None
        total, idle = (now - then for now, then in zip(self._before, before))
        return 1.0 - idle / float(total) if total > 0 and 0 <= idle <= total else None

    def _read(self):
        """Ticks since the start: (all, idle), or None."""
        found = re.match(r'cpu((?:\s+[0-9]{1,19}){%d})' % _COLUMNS, read_text(self._root, 'proc/stat') or '')
        if not found:
            return None
        ticks = [int(text) for text in found.group(1).split()]
        return sum(ticks), sum(ticks[column] for column in _IDLE)
