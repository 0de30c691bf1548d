"""The machine that the program runs on, or a folder that looks like one."""
import dataclasses
import os

from service.machine import NONE, board_facts, power_mode

from ..telemetry import BoardError, CpuLoad, KernelLog, parse_tegrastats, rails_closed, read_line, read_telemetry
from ..telemetry.libraries import tensorrt_version
from .base import Platform


class RealPlatform(Platform):
    """Reads files, and tegrastats where files do not tell.

    Args:
        root (str): folder that stands for ``/``.
        tegrastats (callable): ``tegrastats() -> line``, raising `BoardError`. It is asked where GPU load, temperatures
            or rails of a Jetson are not in files for this user, and given up for good once it fails, hangs or has
            none of them either. None: never. Default: the program of that name, under the real root only.
        runner (callable): see `service.machine.board_facts`.
    """

    kind = 'real'

    def __init__(self, root='/', tegrastats=Ellipsis, runner=None):
        self._root = root
        self._runner = runner
        if tegrastats is Ellipsis:
            tegrastats = read_line if os.path.abspath(root) == '/' else None
        self._tegrastats = tegrastats
        #: `BoardError` for which tegrastats was given up, or None.
        self.trouble = None
        self._facts = dict(board_facts(root, runner), tensorrt=tensorrt_version(root))
        self._load = CpuLoad(root)
        self._log = KernelLog(root)

    @property
    def is_jetson(self):
        """Whether the machine is a Jetson."""
        return self._facts['l4t'] != NONE

    @property
    def has_closed_rails(self):
        """Whether there are power rails that only root may read."""
        return rails_closed(self._root)

    def facts(self):
        """What the machine is. The power mode is read anew: somebody may change it during a benchmark."""
        if not self.is_jetson:
            return dict(self._facts)
        return dict(self._facts, power_mode=power_mode(self._root, self._runner))

    def telemetry(self):
        """How the machine is now."""
        reading = dataclasses.replace(read_telemetry(self._root), cpu_load_share=self._load.share(),
                                      over_current_alarms=self._log.count_alarms())
        if self._tegrastats is None or not _lacks(reading) or not self.is_jetson:
            return reading
        try:
            fuller = reading.filled_from(parse_tegrastats(self._tegrastats()))
        except BoardError as error:
            self.trouble, self._tegrastats = error, None
            return reading
        if _lacks(fuller) == _lacks(reading):
            self._tegrastats = None
            return reading
        return fuller

    def close(self):
        """Close the kernel's log."""
        self._log.close()


def _lacks(reading):
    """Names of what tegrastats is asked for and a reading has not."""
    wanted = ('gpu_load_share', 'temperatures_c', 'rails')
    return [name for name in wanted if getattr(reading, name) in (None, {})]
