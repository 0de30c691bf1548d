"""Readings of the board for the service's status page and Prometheus, offered as ``thermoscreen.telemetry``."""
import dataclasses
from typing import Any, Dict

from service.machine import NONE

from ..telemetry import read_line
from .base import Platform
from .real import RealPlatform

#: The facts are read anew after so many readings: the power mode may change, and asking for it may start a program.
_FACTS_EVERY = 12
#: Values of a reading that describe the reading and not the board.
_LEFT_OUT = ('source', 'read_at_s', 'clocks_held', 'cooling')


class BoardVitals:
    """Readings of a platform in the form that `service.telemetry` takes.

    Args:
        platform: the machine; closed with this object.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._taken = 0
        self._facts: Dict[str, Any] = {}
        self._throttled_before = False

    def read(self) -> Dict[str, Any]:
        """One reading, as `service.telemetry` describes it.

        A busy clock below its cap can be the governor on its way up, so signs of throttling count from the second
        reading in a row that has some. A PC's clocks stay below their caps whenever all cores are busy, so there only
        its cooling devices count.
        """
        reading = self._platform.telemetry()
        if self._taken % _FACTS_EVERY == 0:
            self._facts = self._platform.facts()
        self._taken += 1
        jetson = self._platform.is_jetson
        values = {name: value for name, value in reading.to_dict().items() if name not in _LEFT_OUT}
        signs = (reading if jetson else dataclasses.replace(reading, cpu_clocks={}, gpu_clock=None)).throttle_signs
        values['throttle_signs'] = list(signs) if self._throttled_before else []
        self._throttled_before = bool(signs)
        values['throttling_watched'] = reading.cooling is not None
        values['supply_signs'] = list(reading.supply_signs)
        values['supply_watched'] = bool(reading.rails) or (jetson and reading.over_current_alarms is not None)
        values['machine'] = {name: self._facts[name] for name in ('board', 'power_mode') if self._facts[name] != NONE}
        values['machine']['kind'] = self._platform.kind
        values['missing'] = self._platform.missing(reading)
        return values

    def close(self) -> None:
        """Close the platform."""
        self._platform.close()


def open_vitals() -> BoardVitals:
    """Readings of this machine."""
    return BoardVitals(RealPlatform(tegrastats=read_line))
