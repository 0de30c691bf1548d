"""The real platform on trees of boards: what it adds to files, when it asks tegrastats; and recordings of boards."""
import pytest

from jetson.platform import RealPlatform, RecordedLines, RecordedTree
from jetson.platform import real as module
from jetson.platform.real import tensorrt_version
from jetson.telemetry import BoardError
from service.messages import InputError
from tests.fakes.board_trees import IIO, board_tree, forbid, iio_rails, write_tree
from tests.jetson.telemetry.lines import NANO, NANO_IDLE, NANO_NO_RAILS, ORIN_BUSY

NO_RAILS = {path: None for path in iio_rails()}


class Tegrastats:
    """Answers with lines, or with a `BoardError`; counts how often it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if isinstance(self.answer, BoardError):
            raise self.answer
        return self.answer


def test_facts_of_a_nano(tmp_path):
    with RealPlatform(board_tree(tmp_path, 'nano')) as platform:
        assert platform.facts() == {'board': 'Jetson Nano 4 GB developer kit (p3448-0000)', 'sm': 53, 'l4t': '32.7.1',
                                    'jetpack': '4.6.1', 'power_mode': 'MAXN', 'tensorrt': '8.2.1'}
        assert platform.is_jetson and platform.kind == 'real'


def test_power_mode_is_read_each_time(tmp_path):
    with RealPlatform(board_tree(tmp_path, 'nano')) as platform:
        write_tree(tmp_path, {'var/lib/nvpmodel/status': 'pmode:0001'})
        assert platform.facts()['power_mode'] == '5W'


def test_pc_is_no_jetson(tmp_path):
    stats = Tegrastats(NANO)
    with RealPlatform(board_tree(tmp_path, 'pc'), stats) as platform:
        assert not platform.is_jetson and platform.facts()['power_mode'] == 'none'
        assert platform.telemetry().rails == {} and stats.asked == 0


def test_load_and_alarms_are_added(tmp_path):
    with RealPlatform(board_tree(tmp_path, 'nano')) as platform:
        write_tree(tmp_path, {'proc/stat': 'cpu  150 0 125 715 110 0 0 0 0 0\n'})
        with open(str(tmp_path / 'dev/kmsg'), 'a') as stream:
            stream.write('4,340,5140901,-;soctherm: OC ALARM 0x00000001\n')
        reading = platform.telemetry()
    assert reading.cpu_load_share == pytest.approx(0.75)
    assert reading.supply_signs == ('over-current alarms in the kernel log since the start: 1',)


def test_tegrastats_is_not_asked_where_files_suffice(tmp_path):
    stats = Tegrastats(NANO)
    with RealPlatform(board_tree(tmp_path, 'nano'), stats) as platform:
        assert platform.telemetry().source == 'sysfs' and stats.asked == 0


def test_rails_that_only_root_reads_come_from_tegrastats(tmp_path, monkeypatch):
    root = board_tree(tmp_path, 'nano')
    forbid(monkeypatch, root, *['%s/in_power%d_input' % (IIO, channel) for channel in range(3)])
    stats = Tegrastats(NANO)
    with RealPlatform(root, stats) as platform:
        reading = platform.telemetry()
        platform.telemetry()
    assert reading.source == 'sysfs+tegrastats' and reading.power_mw == 1388.0
    assert reading.temperatures_c['cpu'] == 40.5, 'what files tell stays'
    assert stats.asked == 2


def test_tegrastats_that_adds_nothing_is_given_up(tmp_path):
    stats = Tegrastats('RAM 1/2MB')
    with RealPlatform(board_tree(tmp_path, 'nano', NO_RAILS), stats) as platform:
        assert platform.telemetry().source == 'sysfs'
        platform.telemetry()
    assert stats.asked == 1 and platform.trouble is None


def test_hung_tegrastats_is_not_asked_again(tmp_path):
    stats = Tegrastats(BoardError('tegrastats-hung', 'It hangs.'))
    with RealPlatform(board_tree(tmp_path, 'nano', NO_RAILS), stats) as platform:
        assert platform.telemetry().temperatures_c and platform.telemetry().rails == {}
    assert stats.asked == 1 and platform.trouble.code == 'tegrastats-hung'


def test_board_without_rails_anywhere(tmp_path):
    """The 2 GB kit: tegrastats has none either, and is not started for every reading."""
    stats = Tegrastats(NANO_NO_RAILS)
    with RealPlatform(board_tree(tmp_path, 'nano', NO_RAILS), stats) as platform:
        readings = [platform.telemetry() for _ in range(3)]
    assert stats.asked == 1
    assert all(reading.rails == {} and reading.power_mw is None for reading in readings)


def test_this_machine_answers():
    with RealPlatform() as platform:
        assert platform.facts()['board'] and platform.telemetry().memory.total_bytes > 0
        platform.close()


def test_tree(tmp_path):
    with RecordedTree(board_tree(tmp_path, 'xavier-nx')) as platform:
        assert platform.kind == 'recorded' and platform.facts()['sm'] == 72
        assert platform.telemetry().power_mw == 2000.0


def test_a_tree_never_reads_this_machine(tmp_path):
    with RecordedTree(board_tree(tmp_path, 'nano', {path: None for path in iio_rails()})) as platform:
        assert platform.telemetry().rails == {}


def test_lines_in_order_and_then_the_last_one_again():
    platform = RecordedLines([NANO_IDLE, '', NANO, '\n'], interval_s=2.0)
    readings = [platform.telemetry() for _ in range(3)]
    assert [reading.power_mw for reading in readings] == [943.0, 1388.0, 1388.0]
    assert [reading.read_at_s for reading in readings] == [0.0, 2.0, 2.0]
    assert platform.facts()['board'] == 'unknown' and platform.is_jetson and platform.kind == 'recorded'


def test_file_with_garbage_between_lines(tmp_path):
    (tmp_path / 'log').write_bytes(b'\xff\xfe\0garbage\n' + ORIN_BUSY.encode() + b'\n')
    platform = RecordedLines.from_file(str(tmp_path / 'log'))
    assert platform.telemetry().to_dict().keys() == {'source', 'read_at_s'}
    assert platform.telemetry().gpu_load_share == 0.99


def test_recordings_that_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / 'empty').write_text('\n \n')
    (tmp_path / 'long').write_text(NANO)
    monkeypatch.setattr(module, '_MAX_RECORDING_BYTES', 100)
    for make, code in ((lambda: RecordedLines([]), 'recording-empty'),
                       (lambda: RecordedLines.from_file(str(tmp_path / 'empty')), 'recording-empty'),
                       (lambda: RecordedLines.from_file(str(tmp_path / 'nowhere')), 'recording-unreadable'),
                       (lambda: RecordedLines.from_file(str(tmp_path)), 'recording-unreadable'),
                       (lambda: RecordedLines.from_file(str(tmp_path / 'long')), 'recording-large'),
                       (lambda: RecordedTree(str(tmp_path / 'nowhere')), 'recording-missing')):
        with pytest.raises(InputError) as caught:
            make()
        assert caught.value.code == code


class TestTensorrtVersion:
    @pytest.mark.parametrize('board, version', [('nano', '8.2.1'), ('orin-nano', '10.3.0'), ('pc', None)])
    def test_boards(self, tmp_path, board, version):
        assert tensorrt_version(board_tree(tmp_path, board)) == version

    def test_the_newest_of_several_and_no_plugin(self, tmp_path):
        names = ('libnvinfer.so.8.5.2', 'libnvinfer.so.10.3.0', 'libnvinfer_plugin.so.11.0.0', 'libnvinfer.so.x.y')
        root = write_tree(tmp_path, {'usr/lib/x86_64-linux-gnu/' + name: '' for name in names})
        assert tensorrt_version(root) == '10.3.0'
