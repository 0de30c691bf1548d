"""A simulated board that heats up, throttles and fails on demand.

Its figures are invented, so that whatever watches a board can be tried and tested without one. They are close to the
data sheet of a Nano and based on no measurement; no report may show them as a Nano's.
"""
import math
import time
from typing import Any, Callable, Dict, Set, Tuple

from service.machine import UNKNOWN
from service.messages import InputError

from ..telemetry import Clock, Fan, Memory, Rail, Telemetry
from .base import Platform

#: Per power mode: cores, and caps of processor, GPU and memory in MHz, as the Nano's nvpmodel.conf has them.
_MODES = {'MAXN': (4, 1479.0, 921.6, 1600.0), '5W': (2, 918.0, 614.4, 1600.0)}
_CORES, _GPU_STEP_MHZ, _GPU_FLOOR_MHZ, _CPU_FLOOR_MHZ = 4, 76.8, 76.8, 102.0
#: Trip points of the Nano's CPU and GPU zones in °C: moderate and severe throttling.
_THROTTLE_C, _HEAVY_C = 97.0, 100.5
_STEPS = 10
#: Invented: power at rest and at full load of CPU and GPU, thermal resistance without and with fan, time constant.
_REST_W, _CPU_W, _GPU_W = 1.3, 4.0, 5.0
_RESISTANCE_C_W, _RESISTANCE_FAN_C_W, _TAU_S = 9.0, 4.0, 60.0
_FAN_FROM_C, _FAN_FULL_C = 50.0, 70.0
_SUPPLY_MV, _SAGGING_MV = 5050.0, 4610.0
_TOTAL_BYTES = 3964 << 20
#: Sensors that `SimulatedPlatform.lose` takes.
SENSORS = ('rails', 'temperatures', 'fan', 'gpu_load', 'clocks', 'memory')


class SimulatedPlatform(Platform):
    """A simulated Jetson Nano.

    Args:
        power_mode: ``'MAXN'`` or ``'5W'``.
        ambient_c: temperature of the room.
        fan: whether a fan is fitted.
        clock: monotonic seconds; tests pass their own and need not wait.
    Raises:
        InputError: ``power-mode-unknown``.
    """

    kind = 'simulated'

    def __init__(self, power_mode: str = 'MAXN', ambient_c: float = 25.0, fan: bool = True,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._then_s = clock()
        self._ambient_c, self._has_fan = ambient_c, fan
        self._die_c = ambient_c + _REST_W * (_RESISTANCE_FAN_C_W if fan else _RESISTANCE_C_W)
        self._cpu_share = self._gpu_share = 0.0
        self._step = 0
        self._sagging, self._alarms = False, 0
        self._lost: Set[str] = set()
        self._used_bytes = 900 << 20
        self.set_power_mode(power_mode)

    def set_power_mode(self, name: str) -> None:
        """Switch to ``'5W'`` or ``'MAXN'``.

        Raises:
            InputError: ``power-mode-unknown``.
        """
        if name not in _MODES:
            raise InputError('power-mode-unknown', 'A simulated board has the power modes %s, not %r.'
                             % (' and '.join(sorted(_MODES)), name))
        self._mode = name

    def set_load(self, cpu_share: float, gpu_share: float) -> None:
        """Set the load of CPU and GPU, each 0 to 1."""
        self._advance()
        self._cpu_share, self._gpu_share = (min(max(share, 0.0), 1.0) for share in (cpu_share, gpu_share))

    def set_ambient(self, celsius: float) -> None:
        """Set the temperature of the room."""
        self._advance()
        self._ambient_c = celsius

    def set_used_memory(self, used_bytes: int) -> None:
        """Set how much memory is in use."""
        self._used_bytes = min(max(used_bytes, 0), _TOTAL_BYTES)

    def sag(self, sagging: bool = True) -> None:
        """Let the supply voltage drop, which the kernel logs once each time, or let it recover."""
        self._alarms += 1 if sagging and not self._sagging else 0
        self._sagging = sagging

    def lose(self, *sensors: str) -> None:
        """Remove sensors, each one of `SENSORS`.

        Raises:
            InputError: ``sensor-unknown``.
        """
        for sensor in sensors:
            if sensor not in SENSORS:
                raise InputError('sensor-unknown', 'A simulated board can lose %s, not %r.'
                                 % (', '.join(SENSORS), sensor))
            self._lost.add(sensor)

    def facts(self) -> Dict[str, Any]:
        """A board that is called simulated wherever its name is shown."""
        return {'board': 'simulated board', 'sm': None, 'l4t': UNKNOWN, 'jetpack': UNKNOWN,
                'power_mode': self._mode, 'tensorrt': None}

    def telemetry(self) -> Telemetry:
        """One reading."""
        self._advance()
        cores, cpu_cap, gpu_cap, emc_mhz = _MODES[self._mode]
        cpu_mhz, gpu_mhz = self._clocks_mhz()
        has = {sensor: sensor not in self._lost for sensor in SENSORS}
        cpu = Clock(cpu_mhz, _CPU_FLOOR_MHZ, cpu_cap, _MODES['MAXN'][1])
        return Telemetry(
            source='simulated', read_at_s=self._then_s, cpu_load_share=self._cpu_share,
            gpu_load_share=self._gpu_share if has['gpu_load'] else None,
            cpu_clocks={core: cpu for core in range(cores)} if has['clocks'] else {},
            cores_off=tuple(range(cores, _CORES)),
            gpu_clock=Clock(gpu_mhz, _GPU_FLOOR_MHZ, gpu_cap, _MODES['MAXN'][2]) if has['clocks'] else None,
            emc_clock=Clock(emc_mhz, 204.0, emc_mhz, 1600.0) if has['clocks'] else None,
            temperatures_c={'cpu': self._die_c, 'gpu': self._die_c - 1.0, 'ao': self._die_c + 5.0}
            if has['temperatures'] else {},
            rails=self._rails() if has['rails'] else {},
            fan=Fan(self._fan_share()) if self._has_fan and has['fan'] else None,
            cooling={'cpu-balanced': self._step, 'gpu-balanced': self._step,
                     'tegra-heavy': int(self._die_c >= _HEAVY_C)},
            over_current_alarms=self._alarms,
            memory=Memory(_TOTAL_BYTES, _TOTAL_BYTES - self._used_bytes, 0, 0, 0, 0) if has['memory'] else None)

    def _clocks_mhz(self) -> Tuple[float, float]:
        """CPU and GPU under the frequency governor, then under the thermal governor."""
        _, cpu_cap, gpu_cap, _ = _MODES[self._mode]
        slowed = 1.0 - 0.7 * self._step / _STEPS
        cpu_mhz = max(_CPU_FLOOR_MHZ, cpu_cap * min(1.0, 1.25 * self._cpu_share) * slowed)
        steps = math.ceil(gpu_cap / _GPU_STEP_MHZ * min(1.0, 1.25 * self._gpu_share) * slowed - 1e-9)
        return cpu_mhz, max(_GPU_FLOOR_MHZ, round(steps * _GPU_STEP_MHZ, 1))

    def _watts(self) -> Tuple[float, float]:
        """CPU and GPU; power grows with load and with the square of the clock, because voltage follows the clock."""
        cpu_mhz, gpu_mhz = self._clocks_mhz()
        cores, _, _, _ = _MODES[self._mode]
        _, cpu_full, gpu_full, _ = _MODES['MAXN']
        return (_CPU_W * self._cpu_share * (cpu_mhz / cpu_full) ** 2 * cores / _CORES,
                _GPU_W * self._gpu_share * (gpu_mhz / gpu_full) ** 2)

    def _rails(self) -> Dict[str, Rail]:
        cpu_w, gpu_w = self._watts()
        voltage = _SAGGING_MV if self._sagging else _SUPPLY_MV
        return {name: Rail(watts * 1e3, None, voltage, watts * 1e6 / voltage) for name, watts in
                (('POM_5V_IN', _REST_W + cpu_w + gpu_w), ('POM_5V_GPU', gpu_w), ('POM_5V_CPU', cpu_w))}

    def _fan_share(self) -> float:
        return min(max((self._die_c - _FAN_FROM_C) / (_FAN_FULL_C - _FAN_FROM_C), 0.0), 1.0)

    def _advance(self) -> None:
        """Simulate the time since the last call: temperature and thermal governor in steps of at most a second."""
        now_s = self._clock()
        left_s, self._then_s = now_s - self._then_s, now_s
        # After many time constants nothing changes any more.
        left_s = min(left_s, 20 * _TAU_S)
        while left_s > 0:
            part_s = min(left_s, 1.0)
            left_s -= part_s
            cooled = self._fan_share() if self._has_fan else 0.0
            resistance = _RESISTANCE_C_W + cooled * (_RESISTANCE_FAN_C_W - _RESISTANCE_C_W)
            goal_c = self._ambient_c + resistance * (_REST_W + sum(self._watts()))
            self._die_c += (goal_c - self._die_c) * (1.0 - math.exp(-part_s / _TAU_S))
            if self._die_c >= _THROTTLE_C:
                self._step = min(self._step + 1, _STEPS)
            elif self._die_c < _THROTTLE_C - 2.0:
                self._step = max(self._step - 1, 0)
