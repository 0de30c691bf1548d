"""Sensors that are missing, tegrastats that hangs, numpy that would crash."""
import pytest

from jetson.checks import openblas
from jetson.checks.openblas import check_openblas
from jetson.checks.sensors import check_sensors, check_tegrastats
from jetson.platform import RecordedTree, SimulatedPlatform
from jetson.telemetry import BoardError
from service.messages import OK, PROBLEM, WARNING
from service.settings import Settings
from tests.fakes.board_trees import IIO, board_tree, forbid, iio_rails
from tests.jetson.telemetry.lines import NANO

SETTINGS = Settings()


class TestSensors:
    def test_all_there(self, tmp_path):
        report = check_sensors(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano')))
        assert report.severity == OK and report.sentence == 'All sensors can be read.'

    def test_board_without_rails_is_noted(self, tmp_path):
        root = board_tree(tmp_path, 'nano', {path: None for path in iio_rails()})
        report = check_sensors(SETTINGS, RecordedTree(root))
        assert report.severity == OK and report.code == 'sensors-missing'
        assert report.sentence == 'Not measured here: power rails (some boards have none).'

    def test_rails_for_root_only(self, tmp_path, monkeypatch):
        root = board_tree(tmp_path, 'nano')
        forbid(monkeypatch, root, *['%s/in_power%d_input' % (IIO, channel) for channel in range(3)])
        assert 'only root can read' in check_sensors(SETTINGS, RecordedTree(root)).sentence

    @pytest.mark.parametrize('sensor, word', [('temperatures', 'temperatures'), ('gpu_load', 'GPU load'),
                                              ('clocks', 'GPU clock')])
    def test_required_sensors(self, sensor, word):
        board = SimulatedPlatform()
        board.lose(sensor)
        report = check_sensors(SETTINGS, board)
        assert report.severity == WARNING and word in report.sentence and 'as root' in report.next_step

    def test_pc(self, tmp_path):
        assert check_sensors(SETTINGS, RecordedTree(board_tree(tmp_path, 'pc'))) is None


class TestTegrastats:
    @staticmethod
    def _check(answer):
        def read():
            if isinstance(answer, Exception):
                raise answer
            return answer

        return check_tegrastats(SETTINGS, SimulatedPlatform(), read)

    def test_answers(self):
        assert self._check(NANO).severity == OK

    @pytest.mark.parametrize('code', ['tegrastats-hung', 'tegrastats-missing', 'tegrastats-failed'])
    def test_does_not_answer(self, code):
        report = self._check(BoardError(code, 'It does not answer.'))
        assert report.severity == WARNING and report.code == code and 'continues without it' in report.next_step

    def test_unknown_format(self):
        report = self._check('all quiet')
        assert report.severity == WARNING and report.code == 'tegrastats-unknown'

    def test_pc_has_none(self, tmp_path):
        platform = RecordedTree(board_tree(tmp_path, 'pc'))
        assert check_tegrastats(SETTINGS, platform, lambda: pytest.fail('it was started')) is None


class TestOpenblas:
    def test_unset(self):
        report = check_openblas(SETTINGS, 'aarch64', '1.19.5', {})
        assert report.severity == PROBLEM and report.code == 'openblas-coretype-unset'
        assert 'export OPENBLAS_CORETYPE=ARMV8' in report.next_step

    def test_set(self):
        report = check_openblas(SETTINGS, 'aarch64', '1.19.5', {'OPENBLAS_CORETYPE': 'ARMV8'})
        assert report.severity == OK and 'ARMV8' in report.sentence

    @pytest.mark.parametrize('machine, version', [('x86_64', '1.19.5'), ('aarch64', '1.19.4'), ('aarch64', '2.4.1')])
    def test_other_machines_and_releases_are_safe(self, machine, version):
        assert check_openblas(SETTINGS, machine, version, {}) is None

    def test_this_machine(self):
        assert check_openblas(SETTINGS, 'aarch64', None, {}) is None or openblas.metadata.version('numpy') == '1.19.5'
