"""Readings of each board's tree: complete, with files missing, unreadable, or full of garbage."""
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson.telemetry import Clock, Fan, Rail, rails_closed, read_telemetry
from tests.fakes.board_trees import GPU, HWMON, IIO, IIO_OLD, board_tree, forbid, iio_rails, write_tree

BOARDS = ('nano', 'xavier-nx', 'orin-nano', 'pc')
MIB = 1 << 20


def test_nano(tmp_path):
    reading = read_telemetry(board_tree(tmp_path, 'nano'))
    assert reading.source == 'sysfs'
    assert reading.cpu_clocks == {core: Clock(1224.0, 102.0, 1479.0, 1479.0) for core in range(4)}
    assert reading.gpu_clock == Clock(460.8, 76.8, 921.6, 921.6) and reading.gpu_load_share == 0.345
    assert reading.emc_clock == Clock(1600.0, 204.0, 1600.0, 1600.0)
    assert reading.temperatures_c == {'ao': 46.0, 'cpu': 40.5, 'gpu': 41.0, 'pll': 39.0, 'fan-est': 41.0}
    assert reading.rails['POM_5V_IN'] == Rail(3480.0, None, 4968.0, 700.0) and len(reading.rails) == 3
    assert (reading.power_mw, reading.hottest_c) == (3480.0, 46.0)
    assert reading.fan == Fan(120 / 255.0, None)
    assert reading.cooling == {'cpu-balanced': 0, 'gpu-balanced': 0, 'tegra-heavy': 0}
    assert reading.throttle_signs == reading.supply_signs == ()
    assert reading.memory.total_bytes == 4059360 * 1024 and reading.memory.gpu_bytes == 294 * MIB
    assert reading.memory.swap_disk_bytes == 4194300 * 1024, 'zram is memory and no disk'
    assert reading.memory.swap_used_bytes == 6223976 * 1024 // 4
    assert reading.clocks_held is False


def test_older_name_of_the_rails_folder(tmp_path):
    changes = dict({path: None for path in iio_rails()}, **iio_rails(IIO_OLD))
    reading = read_telemetry(board_tree(tmp_path, 'nano', changes))
    assert reading.power_mw == 3480.0 and len(reading.rails) == 3


def test_xavier(tmp_path):
    reading = read_telemetry(board_tree(tmp_path, 'xavier-nx'))
    assert reading.cores_off == (4, 5) and sorted(reading.cpu_clocks) == [0, 1, 2, 3]
    assert reading.rails == {'VDD_IN': Rail(2000.0, None, 5000.0, 400.0),
                             'VDD_CPU_GPU_CV': Rail(4000.0, None, 5000.0, 800.0),
                             'VDD_SOC': Rail(6000.0, None, 5000.0, 1200.0)}
    assert reading.power_mw == 2000.0, 'the input rail is the total, whatever the others add up to'
    assert reading.emc_clock == Clock(1600.0, 204.0, 1600.0, 1866.0)
    assert reading.gpu_clock.highest_mhz == 1109.25 and 'pmic' not in ' '.join(reading.temperatures_c)


def test_orin(tmp_path):
    reading = read_telemetry(board_tree(tmp_path, 'orin-nano'))
    assert sorted(reading.rails) == ['VDD_CPU_GPU_CV', 'VDD_IN'], 'NC is not connected'
    assert sorted(reading.temperatures_c) == ['cpu', 'gpu', 'soc2', 'tj'], 'a sensor at -256 is off'
    assert reading.gpu_load_share == 0.99 and reading.fan == Fan(0.2, 1650.0)
    assert reading.emc_clock is None and reading.over_current_events == {'oc1': 0, 'oc3': 0}
    assert reading.throttle_signs == ('the GPU is busy and runs at 306 of 1020 MHz',)


def test_pc(tmp_path):
    reading = read_telemetry(board_tree(tmp_path, 'pc'))
    assert len(reading.cpu_clocks) == 8 and reading.gpu_clock is None and reading.gpu_load_share is None
    assert reading.temperatures_c == {'acpitz': 45.0, 'acpitz-2': 43.0, 'x86_pkg_temp': 52.0}
    assert reading.rails == {} and reading.power_mw is None and reading.clocks_held is None
    assert reading.cooling == {'Processor': 0, 'intel_powerclamp': 0} and reading.throttle_signs == ()


def test_temperature_of_an_amd_pc(tmp_path):
    root = write_tree(tmp_path, {'sys/class/hwmon/hwmon1/name': 'k10temp\n',
                                 'sys/class/hwmon/hwmon1/temp1_input': '61250\n',
                                 'sys/class/hwmon/hwmon2/name': 'nvme\n',
                                 'sys/class/hwmon/hwmon2/temp1_input': '30000\n'})
    assert read_telemetry(root).temperatures_c == {'cpu': 61.25}


def test_empty_tree_measures_nothing(tmp_path):
    said = read_telemetry(str(tmp_path)).to_dict()
    assert sorted(said) == ['read_at_s', 'source']


@pytest.mark.parametrize('board', BOARDS)
def test_json_has_no_nulls(tmp_path, board):
    text = json.dumps(read_telemetry(board_tree(tmp_path, board)).to_dict())
    assert 'null' not in text and 'NaN' not in text and json.loads(text)['memory']['total_bytes'] > 0


def _files(root):
    return sorted(os.path.relpath(os.path.join(folder, name), root)
                  for folder, _, names in os.walk(root) for name in names)


def _zeros(value, place=()):
    """Where a reading says zero."""
    if isinstance(value, dict):
        return {zero for key, part in value.items() for zero in _zeros(part, place + (key,))}
    return {place} if value == 0 and value is not False else set()


@pytest.mark.parametrize('board', ['nano'] + [pytest.param(board, marks=pytest.mark.slow) for board in BOARDS[1:]])
def test_each_file_may_be_missing_or_closed(tmp_path, board, monkeypatch):
    root = board_tree(tmp_path, board)
    whole = read_telemetry(root).to_dict()
    for path in _files(root):
        place = os.path.join(root, path)
        with open(place, 'rb') as stream:
            text = stream.read()
        os.remove(place)
        missing = read_telemetry(root).to_dict()
        write_tree(root, {path: text})
        with monkeypatch.context() as patch:
            forbid(patch, root, path)
            closed = read_telemetry(root).to_dict()
        for said in (missing, closed):
            assert set(said) <= set(whole) | {'throttle_signs'}, path
            assert _zeros(said) <= _zeros(whole), '%s is missing and reported as zero' % path
    assert set(read_telemetry(root).to_dict()) == set(whole)


@settings(max_examples=40)
@given(st.sampled_from(('nano', 'orin-nano')), st.data())
def test_garbage_never_raises_and_is_ignored(tmp_path_factory, board, data):
    folder = tmp_path_factory.mktemp('garbage')
    root = board_tree(folder, board)
    garbage = st.one_of(st.binary(max_size=60), st.sampled_from([b'', b'-1', b'NaN', b'1e9', b'0x10', b'9' * 400]),
                        st.integers().map(lambda number: b'%d\n' % number))
    for path in data.draw(st.lists(st.sampled_from(_files(root)), max_size=6)):
        write_tree(folder, {path: data.draw(garbage)})
    reading = read_telemetry(root)
    assert all(-60 <= value <= 200 for value in reading.temperatures_c.values())
    assert all(0 <= rail.power_mw <= 1e7 for rail in reading.rails.values())
    assert reading.gpu_load_share is None or 0 <= reading.gpu_load_share <= 1
    json.dumps(reading.to_dict(), allow_nan=False)


def test_files_that_are_folders_are_absent(tmp_path):
    os.makedirs(str(tmp_path / 'sys/devices/gpu.0/load'))
    assert read_telemetry(str(tmp_path)).gpu_load_share is None


class TestRails:
    def test_closed_to_this_user(self, tmp_path, monkeypatch):
        root = board_tree(tmp_path, 'nano')
        assert not rails_closed(root)
        forbid(monkeypatch, root, *['%s/in_power%d_input' % (IIO, channel) for channel in range(3)])
        assert rails_closed(root) and read_telemetry(root).rails == {}

    def test_not_there_is_not_closed(self, tmp_path):
        assert not rails_closed(board_tree(tmp_path, 'pc'))

    def test_without_an_input_rail_the_total_is_the_sum(self, tmp_path):
        root = board_tree(tmp_path, 'xavier-nx', {HWMON + '/in1_label': 'VDD_GPU_SOC\n'})
        assert read_telemetry(root).power_mw == 12000.0

    def test_sum_of_the_shunts_is_no_rail_on_any_channel(self, tmp_path):
        root = board_tree(tmp_path, 'xavier-nx', {HWMON + '/in3_label': 'sum of shunt voltages\n'})
        assert sorted(read_telemetry(root).rails) == ['VDD_CPU_GPU_CV', 'VDD_IN']

    @pytest.mark.parametrize('limit', ['crit', 'max'])
    def test_alarm(self, tmp_path, limit):
        root = board_tree(tmp_path, 'orin-nano', {HWMON + '/curr2_%s_alarm' % limit: '1\n'})
        assert read_telemetry(root).supply_signs == ('rail VDD_CPU_GPU_CV is above its current limit',)

    def test_sagging_supply(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {IIO + '/in_voltage0_input': '4640\n'})
        assert read_telemetry(root).supply_signs == ('the 5 V input is at 4.64 V',)


class TestThrottling:
    def test_cooling_device(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {'sys/class/thermal/cooling_device0/cur_state': '4\n'})
        assert read_telemetry(root).throttle_signs == ('cooling device gpu-balanced is at step 4',)

    def test_fan_and_voltage_floor_are_no_throttling(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {'sys/class/thermal/cooling_device3/cur_state': '9\n',
                                             'sys/class/thermal/cooling_device9/type': 'dfll-floor\n',
                                             'sys/class/thermal/cooling_device9/cur_state': '1\n'})
        reading = read_telemetry(root)
        assert reading.throttle_signs == () and reading.cooling['dfll-floor'] == 1

    def test_busy_gpu_below_its_cap(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {'sys/devices/gpu.0/load': '990\n'})
        assert read_telemetry(root).throttle_signs == ('the GPU is busy and runs at 461 of 922 MHz',)

    def test_over_current_events(self, tmp_path):
        root = board_tree(tmp_path, 'orin-nano', {'sys/class/hwmon/hwmon3/oc3_event_cnt': '7\n'})
        assert read_telemetry(root).supply_signs == ('over-current input oc3 fired 7 times since the start',)


class TestClocksHeld:
    HELD = dict({'sys/devices/system/cpu/cpu%d/cpufreq/scaling_min_freq' % core: '1479000\n' for core in range(4)},
                **{GPU + '/min_freq': '921600000\n'})

    def test_floor_at_the_cap(self, tmp_path):
        assert read_telemetry(board_tree(tmp_path, 'nano', self.HELD)).clocks_held is True

    def test_one_core_free(self, tmp_path):
        changes = dict(self.HELD, **{'sys/devices/system/cpu/cpu3/cpufreq/scaling_min_freq': '102000\n'})
        assert read_telemetry(board_tree(tmp_path, 'nano', changes)).clocks_held is False

    def test_memory_below_its_cap(self, tmp_path):
        changes = dict(self.HELD, **{'sys/kernel/debug/clk/override.emc/clk_rate': '408000000\n'})
        assert read_telemetry(board_tree(tmp_path, 'nano', changes)).clocks_held is False

    def test_memory_clock_that_only_root_sees_is_left_out(self, tmp_path, monkeypatch):
        root = board_tree(tmp_path, 'nano', self.HELD)
        forbid(monkeypatch, root, 'sys/kernel/debug/clk/override.emc/clk_rate')
        assert read_telemetry(root).clocks_held is True

    def test_unknown_gpu(self, tmp_path):
        assert read_telemetry(board_tree(tmp_path, 'nano', dict(self.HELD, **{GPU + '/min_freq': None}))).clocks_held\
            is None
