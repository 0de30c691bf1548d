"""The simulated board on a simulated clock: heat, throttling, and faults on demand."""
import json

import pytest

from jetson.platform import SimulatedPlatform
from jetson.platform.simulated import SENSORS
from service.messages import InputError


class Time:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Time()


def _after(board, clock, seconds):
    clock.now_s += seconds
    return board.telemetry()


def test_it_calls_itself_simulated(clock):
    board = SimulatedPlatform(clock=clock)
    assert board.kind == 'simulated' and 'simulated' in board.facts()['board']
    assert board.telemetry().source == 'simulated' and board.is_jetson


def test_at_rest_it_stays_cool(clock):
    board = SimulatedPlatform(clock=clock)
    reading = _after(board, clock, 3600)
    assert reading.hottest_c < 50 and reading.throttle_signs == () and reading.power_mw == pytest.approx(1300)


def test_load_heats_it_and_the_fan_limits_it(clock):
    board = SimulatedPlatform(clock=clock)
    cool = board.telemetry()
    board.set_load(1.0, 1.0)
    warm = _after(board, clock, 30)
    hot = _after(board, clock, 3600)
    assert cool.hottest_c < warm.hottest_c < hot.hottest_c < 97
    assert hot.power_mw == pytest.approx(10300) and hot.fan.drive_share > 0.5 > cool.fan.drive_share
    assert hot.gpu_clock.current_mhz == 921.6 and hot.throttle_signs == ()


def test_in_a_hot_room_without_a_fan_it_throttles_and_recovers(clock):
    board = SimulatedPlatform(ambient_c=45.0, fan=False, clock=clock)
    board.set_load(1.0, 1.0)
    readings = [_after(board, clock, 15) for _ in range(80)]
    slow = readings[-1]
    assert any('gpu-balanced' in sign for sign in slow.throttle_signs) and slow.fan is None
    assert slow.gpu_clock.current_mhz < slow.gpu_clock.cap_mhz == 921.6
    assert max(reading.temperatures_c['cpu'] for reading in readings) < 106, 'throttling holds it'
    board.set_load(0.0, 0.0)
    assert _after(board, clock, 3600).throttle_signs == ()


def test_one_long_step_equals_many_short_ones(clock):
    boards = [SimulatedPlatform(clock=clock) for _ in range(2)]
    for board in boards:
        board.set_load(0.5, 0.5)
    for _ in range(60):
        clock.now_s += 1
        boards[0].telemetry()
    assert boards[1].telemetry().hottest_c == pytest.approx(boards[0].telemetry().hottest_c)


def test_five_watts_on_demand(clock):
    board = SimulatedPlatform(clock=clock)
    board.set_load(1.0, 1.0)
    full = board.telemetry()
    board.set_power_mode('5W')
    low = board.telemetry()
    assert board.facts()['power_mode'] == '5W' and low.cores_off == (2, 3) and full.cores_off == ()
    assert low.gpu_clock.current_mhz == low.gpu_clock.cap_mhz == 614.4 and low.gpu_clock.highest_mhz == 921.6
    assert low.cpu_clocks[0].cap_mhz == 918 and low.power_mw < full.power_mw / 2
    assert low.throttle_signs == (), 'a power mode is no throttling'


def test_supply_sags_on_demand(clock):
    board = SimulatedPlatform(clock=clock)
    assert board.telemetry().supply_signs == ()
    board.sag()
    board.sag()
    assert board.telemetry().supply_signs == ('the 5 V input is at 4.61 V',
                                              'over-current alarms in the kernel log since the start: 1')
    board.sag(False)
    assert board.telemetry().supply_signs == ('over-current alarms in the kernel log since the start: 1',)


@pytest.mark.parametrize('sensor', SENSORS)
def test_a_lost_sensor_is_absent(clock, sensor):
    board = SimulatedPlatform(clock=clock)
    whole = set(board.telemetry().to_dict())
    board.lose(sensor)
    assert set(board.telemetry().to_dict()) < whole
    json.dumps(board.telemetry().to_dict(), allow_nan=False)


def test_memory_fills(clock):
    board = SimulatedPlatform(clock=clock)
    board.set_used_memory(3900 << 20)
    assert board.telemetry().memory.available_bytes == 64 << 20
    board.set_used_memory(1 << 60)
    assert board.telemetry().memory.available_bytes == 0


def test_room_gets_warmer(clock):
    board = SimulatedPlatform(clock=clock)
    before = _after(board, clock, 3600).hottest_c
    board.set_ambient(40.0)
    assert _after(board, clock, 3600).hottest_c == pytest.approx(before + 15, abs=2)


def test_unknown_modes_and_sensors_are_refused(clock):
    with pytest.raises(InputError) as caught:
        SimulatedPlatform('10W', clock=clock)
    assert caught.value.code == 'power-mode-unknown' and 'MAXN' in caught.value.message.text
    with pytest.raises(InputError) as caught:
        SimulatedPlatform(clock=clock).lose('nose')
    assert caught.value.code == 'sensor-unknown'
