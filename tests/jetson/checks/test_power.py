"""Power mode, throttling and supply, on simulated and recorded boards."""
import pytest

from jetson.checks.power import check_power_losses, check_power_mode, check_supply, check_throttling
from jetson.platform import RealPlatform, RecordedTree, SimulatedPlatform
from service.messages import INFO, OK, WARNING
from service.settings import Settings
from service.supervise import Moment, StartRecord
from tests.fakes.board_trees import IIO, board_tree, iio_rails

SETTINGS = Settings()
GPU_COOLING = 'sys/class/thermal/cooling_device0/cur_state'


class Time:
    """Seconds that pass with every look."""

    def __init__(self, step_s):
        self.now_s, self.step_s = 0.0, step_s

    def __call__(self):
        self.now_s += self.step_s
        return self.now_s


@pytest.mark.parametrize('check', [check_power_mode, check_throttling, check_supply, check_power_losses])
def test_they_do_not_apply_to_a_pc(tmp_path, check):
    assert check(SETTINGS, RecordedTree(board_tree(tmp_path, 'pc'))) is None


class TestPowerMode:
    def test_full(self, tmp_path):
        report = check_power_mode(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano')))
        assert report.severity == OK and 'MAXN' in report.sentence

    def test_five_watts(self):
        report = check_power_mode(SETTINGS, SimulatedPlatform('5W'))
        assert report.severity == WARNING and report.code == 'power-mode-low'
        assert 'nvpmodel -m 0' in report.next_step

    @pytest.mark.parametrize('name, status', [('MODE_10W_2CORE', WARNING), ('7W', WARNING), ('MODE_15W_6CORE', OK),
                                              ('25W', OK), ('MAXN_SUPER', OK)])
    def test_modes_of_other_boards(self, tmp_path, name, status):
        conf = '< POWER_MODEL ID=2 NAME=%s >\n' % name
        root = board_tree(tmp_path, 'xavier-nx', {'etc/nvpmodel.conf': conf})
        assert check_power_mode(SETTINGS, RecordedTree(root)).severity == status

    def test_unknown(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {'var/lib/nvpmodel/status': None})
        report = check_power_mode(SETTINGS, RecordedTree(root))
        assert report.severity == WARNING and report.code == 'power-mode-unknown' and 'nvpmodel -q' in \
            report.next_step


class TestThrottling:
    def test_cool(self):
        report = check_throttling(SETTINGS, SimulatedPlatform())
        assert report.severity == OK and 'hottest part is at' in report.sentence

    def test_hot(self):
        hot = SimulatedPlatform(ambient_c=60.0, fan=False, clock=Time(30.0))
        hot.set_load(1.0, 1.0)
        for _ in range(20):
            hot.telemetry()
        report = check_throttling(SETTINGS, hot, pause_s=0.0)
        assert report.severity == WARNING and report.code == 'board-throttling'
        assert 'cpu-balanced' in report.sentence and 'heat sink' in report.next_step
        assert report.facts['temperatures_c']['cpu'] > 90

    def test_a_rising_governor_is_no_throttling(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {'sys/devices/gpu.0/load': '990\n'})

        class Rising(RealPlatform):
            def telemetry(self):
                reading = super().telemetry()
                board_tree(tmp_path, 'nano', {'sys/devices/gpu.0/devfreq/57000000.gpu/cur_freq': '921600000\n'})
                return reading

        assert check_throttling(SETTINGS, Rising(root), pause_s=0.0).severity == OK
        board_tree(tmp_path, 'nano', {GPU_COOLING: '2\n'})
        assert check_throttling(SETTINGS, RecordedTree(root), pause_s=0.0).severity == WARNING

    def test_a_kernel_without_cooling_devices(self, tmp_path):
        changes = {'sys/class/thermal/cooling_device%d/%s' % (number, name): None
                   for number in range(4) for name in ('type', 'cur_state')}
        report = check_throttling(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano', changes)))
        assert report.severity == WARNING and report.code == 'throttling-unknown'


class TestSupply:
    def test_good(self, tmp_path):
        report = check_supply(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano')))
        assert report.severity == OK and 'No sign' in report.sentence

    def test_low_voltage(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {IIO + '/in_voltage0_input': '4610\n'})
        report = check_supply(SETTINGS, RecordedTree(root))
        assert report.severity == WARNING and report.code == 'under-voltage'
        assert '4.61 V' in report.sentence and 'J48' in report.next_step

    def test_alarms(self):
        board = SimulatedPlatform()
        board.sag()
        assert check_supply(SETTINGS, board).code == 'under-voltage'

    def test_unreadable_sensors_are_reported(self, tmp_path):
        changes = dict({path: None for path in iio_rails()}, **{'dev/kmsg': None})
        report = check_supply(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano', changes)))
        assert report.severity == OK and 'cannot read the sensors of the power supply' in report.sentence


class TestPowerLosses:
    @staticmethod
    def starts(folder, *boots):
        """A station that was started once in each boot and never stopped."""
        for number, boot in enumerate(boots):
            record = StartRecord(str(folder), lambda boot=boot, number=number: Moment(
                boot, 1.0, '2026-11-2%dT08:00:00Z' % number))
            record.begin()
            record.ready(('127.0.0.1', 8080))

    def check(self, *folders):
        return check_power_losses(SETTINGS, SimulatedPlatform(), [str(folder) for folder in folders])

    def test_a_station_that_runs_or_never_ran_is_well(self, tmp_path):
        self.starts(tmp_path / 'state', Moment.now().boot)
        report = self.check(tmp_path / 'state', tmp_path / 'absent')
        assert report.severity == OK and report.facts['losses'] == []

    def test_one_loss_is_mentioned_and_two_are_a_reason_to_look(self, tmp_path):
        self.starts(tmp_path, 'first', Moment.now().boot)
        report = self.check(tmp_path)
        assert report.severity == INFO and 'once' in report.sentence and '2026-11-20T08:00:00Z' in report.sentence
        assert 'J48' in report.next_step and '5 V 4 A' in report.next_step
        self.starts(tmp_path, 'second', Moment.now().boot)
        report = self.check(tmp_path)
        assert report.code == 'power-lost' and report.severity == WARNING and '2 times' in report.sentence

    def test_a_station_that_was_stopped_properly_is_well_again(self, tmp_path):
        self.starts(tmp_path, 'first', Moment.now().boot)
        StartRecord(str(tmp_path)).stopped()
        assert self.check(tmp_path).severity == OK

    def test_a_crash_of_the_program_alone_is_no_loss(self, tmp_path):
        here = Moment.now().boot
        self.starts(tmp_path, here, here)
        assert len(StartRecord(str(tmp_path)).crashes) == 1 and self.check(tmp_path).severity == OK

    def test_a_record_that_cannot_be_read_is_left_alone(self, tmp_path):
        (tmp_path / 'starts.json').write_text('rubbish')
        assert self.check(tmp_path).severity == OK and (tmp_path / 'starts.json').read_text() == 'rubbish'
