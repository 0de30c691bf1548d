"""``thermoscreen board``."""
import json

import pytest
from click.testing import CliRunner

from jetson.platform import RealPlatform, RecordedLines, RecordedTree, SimulatedPlatform, cli
from jetson.platform.cli import describe, one_line, open_platform
from service.messages import InputError
from tests.fakes.board_trees import IIO, board_tree, forbid
from tests.jetson.telemetry.lines import AGX_ORIN, NANO


def _run(*arguments):
    result = CliRunner().invoke(cli.board, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def test_nano_described(tmp_path):
    said = _run('--platform', 'recorded:' + board_tree(tmp_path, 'nano'))
    for words in ('A recording of Jetson Nano 4 GB developer kit', 'L4T 32.7.1, JetPack 4.6.1, TensorRT 8.2.1', 'MAXN',
                  '4 cores, 1224 of at most 1479 MHz', '461 of at most 922 MHz, 34 % busy', 'cpu 40.5 °C',
                  '3.48 W in total', 'driven at 47 %', 'jetson_clocks is off', '294 MiB held for the GPU'):
        assert words in said, words
    assert 'not measured' not in said


def test_a_pc_is_described_as_such(tmp_path):
    class Here(RecordedTree):
        kind = 'real'

    platform = Here(board_tree(tmp_path, 'pc'))
    said = dict(describe(platform, platform.telemetry()))
    assert said['machine'] == 'A PC, not a Jetson: Intel(R) Core(TM) i5-8350U.'
    assert 'x86_pkg_temp 52.0 °C' in said['temperature'] and said['not measured'] == 'power rails (a Jetson has them).'
    assert not {'power mode', 'software', 'GPU', 'supply'} & set(said)


def test_this_machine():
    said = json.loads(_run('--json'))
    assert said['kind'] == 'real' and said['board']['board'] and said['telemetry']['memory']['total_bytes'] > 0


def test_problems_are_named():
    board = SimulatedPlatform('5W')
    board.sag()
    board.lose('rails', 'fan')
    said = dict(describe(board, board.telemetry()))
    assert said['power mode'] == '5W' and '2 cores are off' in said['processor']
    assert 'the chip can run at 922' in said['GPU'] and 'log since the start: 1' in said['supply']
    assert said['not measured'] == 'fan; power rails (some boards have none).'
    assert 'no Jetson\'s' in said['machine'], 'a made-up figure is never shown as a board\'s'


def test_rails_for_root_only(tmp_path, monkeypatch):
    root = board_tree(tmp_path, 'nano')
    forbid(monkeypatch, root, *['%s/in_power%d_input' % (IIO, channel) for channel in range(3)])
    platform = RecordedTree(root)
    assert 'only root can read them' in dict(describe(platform, platform.telemetry()))['not measured']


def test_empty_machine_measures_nothing(tmp_path):
    platform = RecordedTree(str(tmp_path))
    reading = platform.telemetry()
    assert [name for name, _ in describe(platform, reading)] == ['machine', 'not measured']
    assert platform.missing(reading)[:3] == ['temperatures', 'processor clocks', 'memory']
    assert one_line(reading) == 'nothing is measured'


def test_lines_of_tegrastats(tmp_path):
    (tmp_path / 'log').write_text(NANO + '\n' + AGX_ORIN + '\n')
    said = _run('--platform', 'recorded:%s' % (tmp_path / 'log'), '--watch', '0.1', '--count', '3', '--json')
    readings = [json.loads(line) for line in said.splitlines()]
    assert [reading['power_mw'] for reading in readings] == [1388.0, 7132.0, 7132.0]
    assert all(reading['kind'] == 'recorded' and reading['utc'].endswith('+00:00') for reading in readings)


def test_watch():
    lines = _run('--platform', 'sim:hot', '--watch', '0.1', '--count', '2').splitlines()
    assert lines[0].startswith('machine') and 'GPU 100 %, 922 MHz' in lines[-1] and lines[-1] != lines[-2]


@pytest.mark.parametrize('arguments', [('--watch', '0'), ('--watch', 'often'), ('--count', '2'),
                                       ('--watch', '1', '--count', '0')])
def test_wrong_use(arguments):
    result = CliRunner().invoke(cli.board, list(arguments))
    assert result.exit_code == 2 and 'Error' in result.output


def test_unknown_platform_is_one_line():
    result = CliRunner().invoke(cli.board, ['--platform', 'toaster'])
    assert isinstance(result.exception, InputError) and result.exception.code == 'platform-unknown'


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
