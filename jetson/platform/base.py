"""The interface between the program and the machine it runs on."""
import abc
from typing import Any, Dict, List

from service.machine import NONE

from ..telemetry import Telemetry


class Platform(abc.ABC):
    """A machine that reports what it is and what it measures: real, simulated or recorded.

    Use it as a context manager, or call `close`.
    """

    #: Word for reports: ``'real'``, ``'simulated'`` or ``'recorded'``. A figure of one is never shown as another's.
    kind = ''

    @abc.abstractmethod
    def facts(self) -> Dict[str, Any]:
        """What the machine is.

        Returns:
            ``board``, ``sm``, ``l4t``, ``jetpack`` and ``power_mode`` as of `service.machine.board_facts`, and
            ``tensorrt`` (str or None).
        """

    @abc.abstractmethod
    def telemetry(self) -> Telemetry:
        """One reading; missing sensors are absent from it."""

    @property
    def is_jetson(self) -> bool:
        """Whether the machine is a Jetson, of a known release or not."""
        return bool(self.facts()['l4t'] != NONE)

    @property
    def has_closed_rails(self) -> bool:
        """Whether there are power rails that only root can read."""
        return False

    def missing(self, reading: Telemetry) -> List[str]:
        """What a reading of this machine lacks, with the reason where it is known; empty where nothing is missing."""
        jetson = self.is_jetson
        checks = [('temperatures', reading.temperatures_c), ('processor clocks', reading.cpu_clocks),
                  ('memory', reading.memory)]
        if jetson:
            checks += [('GPU load', reading.gpu_load_share is not None), ('GPU clock', reading.gpu_clock),
                       ('memory clock (most kernels show it to root only)', reading.emc_clock), ('fan', reading.fan)]
        names = [name for name, value in checks if not value]
        if not reading.rails:
            names.append('power rails (%s)' % ('only root can read them' if self.has_closed_rails else
                                               'some boards have none' if jetson else 'a Jetson has them'))
        return names

    def close(self) -> None:
        """Release what is held; may be called twice. Most platforms hold nothing."""
        return None

    def __enter__(self) -> 'Platform':
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
