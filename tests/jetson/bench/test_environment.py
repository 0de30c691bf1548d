"""Conditions, and whose figures they are."""
from jetson.bench.environment import environment, machine_words
from jetson.platform import RecordedTree, SimulatedPlatform
from tests.fakes.board_trees import board_tree, write_tree
from tests.jetson.bench.pretence import settings


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


def test_figures_of_a_pc_are_called_that(tmp_path):
    platform = Here(board_tree(tmp_path, 'pc'))
    found = environment(platform, settings(), str(tmp_path))
    assert found['machine'].startswith('Measured on this PC (Intel(R) Core(TM) i5-8350U), which is no Jetson')
    assert 'gpu_cap_mhz' not in found and 'governor' not in found and 'sm' not in found


def test_a_pretended_board_is_called_that():
    platform = SimulatedPlatform()
    assert 'simulated board' in machine_words(platform, platform.facts())


def test_an_empty_machine_still_has_its_programs(tmp_path):
    found = environment(Here(str(tmp_path)), settings(), str(tmp_path))
    assert found['threads'] >= 1 and found['versions']['python'] and 'memory_bytes' not in found
