"""Readings of the machine beside the frames."""
import threading

import pytest

from jetson.bench.process import Shares, resident_bytes
from jetson.bench.watching import Watcher, energy
from jetson.platform import RecordedTree, SimulatedPlatform
from tests.fakes.board_trees import board_tree
from tests.jetson.bench.pretence import Hand


class Load:
    """A processor as busy as a test says."""

    busy = 0.75

    def share(self):
        return self.busy


def test_own_and_other_shares_by_hand():
    clock, own = Hand(), Hand()
    shares = Shares(Load(), clock, own, cores=4)
    clock.spend(2000)
    own.spend(4000)  # two of four cores, all the time
    assert shares.look() == (pytest.approx(0.5), pytest.approx(0.25))
    assert shares.look() == (None, None), 'no time has passed'


def test_more_than_the_machine_has_is_not_believed():
    clock, own = Hand(), Hand()
    shares = Shares(Load(), clock, own, cores=1)
    clock.spend(1000)
    own.spend(3000)
    assert shares.look() == (1.0, 0.0)


def test_a_machine_that_does_not_tell_has_no_share_of_others():
    clock = Hand()
    shares = Shares(Load(), clock, Hand(), cores=1)
    shares._load.busy = None
    clock.spend(1000)
    assert shares.look() == (0.0, None)


def test_resident_memory_from_a_tree(tmp_path):
    (tmp_path / 'proc' / 'self').mkdir(parents=True)
    (tmp_path / 'proc' / 'self' / 'status').write_text('Name:\tx\nVmRSS:\t  1024 kB\n')
    assert resident_bytes(str(tmp_path)) == 1 << 20 and resident_bytes(str(tmp_path / 'none')) is None
    assert resident_bytes() > 1 << 20


def test_a_reading_has_what_there_is_and_nothing_that_is_not(tmp_path):
    clock = Hand()
    watcher = Watcher(RecordedTree(board_tree(tmp_path, 'pc')), clock, Shares(Load(), clock, Hand(), cores=1))
    watcher.take()
    reading = watcher.readings[0]
    assert reading['t_s'] == 1000.0 and reading['power_mode'] == 'none' and 'hottest_c' in reading
    assert 'power_mw' not in reading and 'gpu_clock' not in reading and None not in reading.values()


def test_a_thread_takes_readings_until_it_is_stopped():
    taken = threading.Event()

    class Noticed(SimulatedPlatform):
        def telemetry(self):
            taken.set()
            return super().telemetry()

    watcher = Watcher(Noticed(), period_s=0.001)
    with watcher:
        assert taken.wait(30)
    count = len(watcher.readings)
    assert count >= 1 and not any(thread.name == 'telemetry' for thread in threading.enumerate())


def test_a_slow_reading_is_taken_less_often(monkeypatch):
    watcher, waits = Watcher(SimulatedPlatform(), period_s=1.0), []
    monkeypatch.setattr(watcher, 'take', lambda: [0.001, 2.0][len(waits) % 2])
    monkeypatch.setattr(watcher._stop, 'wait', lambda wait_s: waits.append(wait_s) or len(waits) > 3)
    watcher._run()
    assert waits == [0.0, 20.0, 1.0, 20.0]


def test_energy_by_hand():
    readings = [{'t_s': 9.0, 'power_mw': 90000.0}, {'t_s': 10.0, 'power_mw': 4000.0}, {'t_s': 15.0},
                {'t_s': 20.0, 'power_mw': 6000.0}]
    assert energy(readings, 10.0, 20.0, 500) == {'mean_mw': 5000.0, 'n': 2, 'per_frame_mj': pytest.approx(100.0)}
    assert energy(readings[:2], 10.0, 20.0, 500) is None and energy([], 0.0, 1.0, 1) is None
