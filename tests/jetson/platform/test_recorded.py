"""Recordings of boards, and platforms by name."""
import pytest

from jetson.platform import (
    RealPlatform,
    RecordedLines,
    RecordedTree,
    SimulatedPlatform,
    open_platform,
    recorded,
)
from service.messages import InputError
from tests.fakes.board_trees import board_tree, iio_rails
from tests.jetson.telemetry.lines import NANO, NANO_IDLE, ORIN_BUSY


def test_tree(tmp_path):
    with RecordedTree(board_tree(tmp_path, 'xavier-nx')) as platform:
        assert platform.kind == 'recorded' and platform.facts()['sm'] == 72
        assert platform.telemetry().power_mw == 2000.0


def test_tree_never_asks_this_machine(tmp_path):
    with RecordedTree(board_tree(tmp_path, 'nano', {path: None for path in iio_rails()})) as platform:
        assert platform.telemetry().rails == {}


def test_lines_one_by_one_and_then_the_last():
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
    monkeypatch.setattr(recorded, '_MOST_BYTES', 100)
    for make, code in ((lambda: RecordedLines([]), 'recording-empty'),
                       (lambda: RecordedLines.from_file(str(tmp_path / 'empty')), 'recording-empty'),
                       (lambda: RecordedLines.from_file(str(tmp_path / 'nowhere')), 'recording-unreadable'),
                       (lambda: RecordedLines.from_file(str(tmp_path)), 'recording-unreadable'),
                       (lambda: RecordedLines.from_file(str(tmp_path / 'long')), 'recording-large'),
                       (lambda: RecordedTree(str(tmp_path / 'nowhere')), 'recording-missing')):
        with pytest.raises(InputError) as caught:
            make()
        assert caught.value.code == code


def test_platforms_by_name(tmp_path):
    (tmp_path / 'log').write_text(NANO)
    for spec, kind in (('real', RealPlatform), ('sim', SimulatedPlatform), ('sim:5W', SimulatedPlatform),
                       ('sim:hot', SimulatedPlatform), ('recorded:%s' % tmp_path, RecordedTree),
                       ('recorded:%s' % (tmp_path / 'log'), RecordedLines)):
        with open_platform(spec) as platform:
            assert type(platform) is kind
    assert open_platform('sim:5W').facts()['power_mode'] == '5W'
    for spec in ('', 'nano', 'real:x', 'recorded', 'recorded:'):
        with pytest.raises(InputError) as caught:
            open_platform(spec)
        assert caught.value.code == 'platform-unknown'
