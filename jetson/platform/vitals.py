"""What the service's status page and Prometheus are told of the board: offered as ``thermoscreen.telemetry``."""
import dataclasses

from service.machine import NONE

from ..telemetry import throttling
from .real import RealPlatform
from .words import missing_words

#: Readings after which the facts are read anew: somebody may change the power mode, and asking for it may start a
#: program.
_FACTS_EVERY = 12
#: What of a reading says how it came about, and nothing about the board.
_LEFT_OUT = ('source', 'read_at_s', 'clocks_held', 'cooling')


class BoardVitals:
    """Readings of a platform in the form of `service.telemetry`.

    Args:
        platform (Platform): the machine; closed with this object.
    """

    def __init__(self, platform):
        self._platform = platform
        self._taken = 0
        self._facts = {}
        self._throttled_before = False

    def read(self):
        """One reading.

        A busy clock below its cap can be the governor on its way up: signs of throttling count from the second
        reading on that shows some. A PC's clocks stay below their caps whenever every core is busy, so that there
        its cooling devices alone count.

        Returns:
            dict: see `service.telemetry.sources`.
        """
        reading = self._platform.telemetry()
        if self._taken % _FACTS_EVERY == 0:
            self._facts = self._platform.facts()
        self._taken += 1
        values = {name: value for name, value in reading.to_dict().items() if name not in _LEFT_OUT}
        signs = throttling.throttle_signs(reading if self._platform.is_jetson
                                          else dataclasses.replace(reading, cpu_clocks={}, gpu_clock=None))
        values['throttle_signs'] = list(signs) if self._throttled_before else []
        self._throttled_before = bool(signs)
        values['throttling_watched'] = reading.cooling is not None
        values['supply_signs'] = list(reading.supply_signs)
        values['supply_watched'] = bool(reading.rails) or (self._platform.is_jetson
                                                           and reading.over_current_alarms is not None)
        values['machine'] = {name: self._facts[name] for name in ('board', 'power_mode') if self._facts[name] != NONE}
        values['machine']['kind'] = self._platform.kind
        values['missing'] = missing_words(reading, self._platform.is_jetson, self._platform.has_closed_rails)
        return values

    def close(self):
        """Let go what the platform holds."""
        self._platform.close()


def open_vitals():
    """The readings of the machine that this runs on."""
    return BoardVitals(RealPlatform())
