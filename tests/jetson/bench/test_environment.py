"""Conditions of a measurement, and readings of the machine beside the frames."""
import threading

import pytest

from jetson.bench.environment import (
    ProcessorShares,
    TelemetryRecorder,
    energy,
    environment,
    machine_sentence,
    resident_bytes,
)
from jetson.platform import RecordedTree, SimulatedPlatform
from tests.fakes.board_trees import board_tree, write_tree
from tests.jetson.bench.stubs import Hand, settings


class Here(RecordedTree):
    """A tree that passes for the machine itself."""

    kind = 'real'


def test_a_nano(tmp_path):
    root = write_tree(board_tree(tmp_path, 'nano'), {
        'sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': 'schedutil\n',
        'proc/cpuinfo': 'processor\t: 0\nmodel name\t: ARMv8 Processor rev 1 (v8l)\n'})
    found = environment(Here(root), settings(), root)
    assert found['machine'] == 'Measured on Jetson Nano 4 GB developer kit (p3448-0000), power mode MAXN.'
    assert (found['l4t'], found['jetpack'], found['sm'], found['is_jetson']) == ('32.7.1', '4.6.1', 53, True)
    assert found['governor'] == 'schedutil' and found['clocks_held'] is False
    assert found['gpu_cap_mhz'] == 921.6 and found['processor'].startswith('ARMv8')
    assert found['versions']['tensorrt'].startswith('8.2.1')


def test_figures_of_a_pc_are_named_as_such(tmp_path):
    platform = Here(board_tree(tmp_path, 'pc'))
    found = environment(platform, settings(), str(tmp_path))
    assert found['machine'].startswith('Measured on this PC (Intel(R) Core(TM) i5-8350U), not on a Jetson')
    assert 'gpu_cap_mhz' not in found and 'governor' not in found and 'sm' not in found


def test_a_simulated_board_is_named_as_such():
    platform = SimulatedPlatform()
    assert 'simulated board' in machine_sentence(platform, platform.facts())


def test_an_empty_machine_still_has_versions(tmp_path):
    found = environment(Here(str(tmp_path)), settings(), str(tmp_path))
    assert found['threads'] >= 1 and found['versions']['python'] and 'memory_bytes' not in found


class Load:
    """A processor as busy as a test says."""

    busy = 0.75

    def share(self):
        return self.busy


def test_own_and_other_shares():
    clock, own = Hand(), Hand()
    shares = ProcessorShares(Load(), clock, own, cores=4)
    clock.spend(2000)
    own.spend(4000)  # two of four cores, all the time
    assert shares.read() == (pytest.approx(0.5), pytest.approx(0.25))
    assert shares.read() == (None, None), 'no time has passed'


def test_shares_never_exceed_the_machine():
    clock, own = Hand(), Hand()
    shares = ProcessorShares(Load(), clock, own, cores=1)
    clock.spend(1000)
    own.spend(3000)
    assert shares.read() == (1.0, 0.0)


def test_an_unknown_load_gives_no_share_of_others():
    clock = Hand()
    shares = ProcessorShares(Load(), clock, Hand(), cores=1)
    shares._load.busy = None
    clock.spend(1000)
    assert shares.read() == (0.0, None)


def test_resident_memory_from_a_tree(tmp_path):
    (tmp_path / 'proc' / 'self').mkdir(parents=True)
    (tmp_path / 'proc' / 'self' / 'status').write_text('Name:\tx\nVmRSS:\t  1024 kB\n')
    assert resident_bytes(str(tmp_path)) == 1 << 20 and resident_bytes(str(tmp_path / 'none')) is None
    assert resident_bytes() > 1 << 20


def test_a_reading_leaves_out_what_is_not_measured(tmp_path):
    clock = Hand()
    shares = ProcessorShares(Load(), clock, Hand(), cores=1)
    recorder = TelemetryRecorder(RecordedTree(board_tree(tmp_path, 'pc')), clock, shares)
    recorder.take()
    reading = recorder.readings[0]
    assert reading['t_s'] == 1000.0 and reading['power_mode'] == 'none' and 'hottest_c' in reading
    assert 'power_mw' not in reading and 'gpu_clock' not in reading and None not in reading.values()


def test_a_thread_takes_readings_until_it_is_stopped():
    taken = threading.Event()

    class Noticed(SimulatedPlatform):
        def telemetry(self):
            taken.set()
            return super().telemetry()

    others = threading.enumerate()
    recorder = TelemetryRecorder(Noticed(), period_s=0.001)
    with recorder:
        assert taken.wait(30)
    assert recorder.readings
    assert not any(thread.name == 'telemetry' for thread in threading.enumerate() if thread not in others)


def test_a_slow_reading_is_taken_less_often(monkeypatch):
    recorder, waits = TelemetryRecorder(SimulatedPlatform(), period_s=1.0), []
    monkeypatch.setattr(recorder, 'take', lambda: [0.001, 2.0][len(waits) % 2])
    monkeypatch.setattr(recorder._stop, 'wait', lambda wait_s: waits.append(wait_s) or len(waits) > 3)
    recorder._run()
    assert waits == [0.0, 20.0, 1.0, 20.0]


def test_energy_by_hand():
    readings = [{'t_s': 9.0, 'power_mw': 90000.0}, {'t_s': 10.0, 'power_mw': 4000.0}, {'t_s': 15.0},
                {'t_s': 20.0, 'power_mw': 6000.0}]
    assert energy(readings, 10.0, 20.0, 500) == {'mean_mw': 5000.0, 'n': 2, 'per_frame_mj': pytest.approx(100.0)}
    assert energy(readings[:2], 10.0, 20.0, 500) is None and energy([], 0.0, 1.0, 1) is None
