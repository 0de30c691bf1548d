"""Where readings of the machine come from: other packages offer them, and the service imports none of these.

Under the entry-point group `GROUP` stands a function without arguments that returns an object with ``read()`` and
``close()``. ``read()`` returns a dict of JSON values. A sensor that is missing is left out of it, never zero:

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
- ``missing``: list of words for what is not measured here
"""
import importlib
import logging

from ..offered import offered

GROUP = 'thermoscreen.telemetry'

_log = logging.getLogger(__name__)


class Sources:
    """Everything that is offered, as one source.

    Args:
        targets (dict): name to ``'module:attribute'``; None for what is installed.
    """

    def __init__(self, targets=None):
        self._opened = {}
        self._failing = set()
        for name, target in (offered(GROUP) if targets is None else targets).items():
            try:
                module, _, attribute = target.partition(':')
                self._opened[name] = getattr(importlib.import_module(module), attribute)()
            except Exception as error:
                _log.warning('telemetry-failed: %s: %r', name, error)

    def __bool__(self):
        """Whether there is anything to read."""
        return bool(self._opened)

    def read(self):
        """The readings of all sources as one dict; a source that fails adds nothing this time, and no other suffers."""
        values = {}
        for name, source in self._opened.items():
            try:
                values.update(source.read())
                self._failing.discard(name)
            except Exception as error:
                if name not in self._failing:  # said once, not every few seconds
                    self._failing.add(name)
                    _log.warning('telemetry-failed: %s: %r', name, error)
        return values

    def close(self):
        """Let go of all sources."""
        for source in self._opened.values():
            try:
                source.close()
            except Exception as error:
                _log.warning('telemetry-failed: %r', error)
        self._opened = {}
