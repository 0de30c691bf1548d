"""Which machine this is."""
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.machine import board_facts, keep_few_heaps, power_mode, read_text, return_memory, run_quietly
from tests.fakes.board_trees import forbid, identity, write_tree


def test_nano_of_jetpack_461(tmp_path):
    assert board_facts(write_tree(tmp_path, identity('nano'))) == {
        'board': 'Jetson Nano 4 GB developer kit (p3448-0000)', 'sm': 53, 'l4t': '32.7.1', 'jetpack': '4.6.1',
        'power_mode': 'MAXN'}


def test_xavier(tmp_path):
    assert board_facts(write_tree(tmp_path, identity('xavier-nx'))) == {
        'board': 'Jetson Xavier NX (p3668)', 'sm': 72, 'l4t': '35.2.1', 'jetpack': '5.1',
        'power_mode': 'MODE_15W_6CORE'}


def test_orin_without_dts_name(tmp_path):
    assert board_facts(write_tree(tmp_path, identity('orin-nano'))) == {
        'board': 'Jetson Orin Nano 8 GB developer kit (p3767-0005)', 'sm': 87, 'l4t': '36.4.3', 'jetpack': '6.2',
        'power_mode': 'MAXN_SUPER'}


def test_pc_is_named_after_its_processor(tmp_path):
    assert board_facts(write_tree(tmp_path, identity('pc'))) == {
        'board': 'Intel(R) Core(TM) i5-8350U', 'sm': None, 'l4t': 'none', 'jetpack': 'none', 'power_mode': 'none'}


def test_other_board_computer_keeps_its_model(tmp_path):
    root = write_tree(tmp_path, {'proc/device-tree/model': 'Raspberry Pi 4 Model B\0', 'proc/cpuinfo': ''})
    assert board_facts(root)['board'] == 'Raspberry Pi 4 Model B' and board_facts(root)['l4t'] == 'none'


def test_empty_tree_fails_nothing(tmp_path):
    assert board_facts(str(tmp_path)) == {'board': 'unknown', 'sm': None, 'l4t': 'none', 'jetpack': 'none',
                                          'power_mode': 'none'}


def test_release_of_tomorrow_is_unknown_but_read(tmp_path):
    root = write_tree(tmp_path, dict(identity('nano'), **{
        'etc/nv_tegra_release': '# R41 (release), REVISION: 2.5, GCID: 1, BOARD: generic\n'}))
    facts = board_facts(root)
    assert (facts['l4t'], facts['jetpack']) == ('41.2.5', 'unknown')


def test_board_of_tomorrow_keeps_its_model(tmp_path):
    root = write_tree(tmp_path, {'proc/device-tree/model': 'NVIDIA Jetson Next', 'etc/nv_tegra_release': 'garbage',
                                 'proc/device-tree/compatible': 'nvidia,p9999-0000\0nvidia,tegra999\0'})
    assert board_facts(root) == {'board': 'NVIDIA Jetson Next', 'sm': None, 'l4t': 'unknown', 'jetpack': 'unknown',
                                 'power_mode': 'unknown'}


@pytest.mark.parametrize('lost, changed', [
    ('etc/nv_tegra_release', {'l4t': 'unknown', 'jetpack': 'unknown'}),
    ('proc/device-tree/model', {}), ('proc/device-tree/compatible', {}),
    ('proc/device-tree/nvidia,dtsfilename', {}),
    ('var/lib/nvpmodel/status', {'power_mode': 'unknown'}), ('etc/nvpmodel.conf', {'power_mode': 'id 0'})])
def test_every_file_may_be_missing(tmp_path, lost, changed):
    root = write_tree(tmp_path, identity('nano'))
    whole = board_facts(root)
    write_tree(tmp_path, {lost: None})
    assert board_facts(root) == dict(whole, **changed)


@given(st.sampled_from(sorted(identity('nano'))), st.binary(max_size=300))
def test_garbage_never_raises(tmp_path_factory, path, garbage):
    root = write_tree(tmp_path_factory.mktemp('board'), dict(identity('nano'), **{path: garbage}))
    facts = board_facts(root)
    assert all(isinstance(facts[name], str) for name in ('board', 'l4t', 'jetpack', 'power_mode'))


def test_file_that_is_a_folder_is_absent(tmp_path):
    (tmp_path / 'etc' / 'nv_tegra_release').mkdir(parents=True)
    assert read_text(str(tmp_path), 'etc/nv_tegra_release') is None
    assert board_facts(str(tmp_path))['l4t'] == 'none'


def test_unreadable_file_is_absent(tmp_path, monkeypatch):
    root = write_tree(tmp_path, identity('nano'))
    forbid(monkeypatch, root, 'etc/nv_tegra_release')
    assert board_facts(root)['l4t'] == 'unknown'


def test_huge_file_is_cut(tmp_path):
    root = write_tree(tmp_path, {'proc/cpuinfo': b'x' * 300000})
    assert len(read_text(root, 'proc/cpuinfo')) == 65536


class TestPowerMode:
    def test_five_watts(self, tmp_path):
        root = write_tree(tmp_path, dict(identity('nano'), **{'var/lib/nvpmodel/status': 'pmode:0001'}))
        assert power_mode(root) == '5W'

    def test_no_program_is_run_where_the_file_tells(self, tmp_path):
        def refuse(command, timeout_s):
            pytest.fail('ran %s' % command)

        assert power_mode(write_tree(tmp_path, identity('nano')), refuse) == 'MAXN'

    def test_program_tells_where_no_file_does(self, tmp_path):
        asked = []

        def runner(command, timeout_s):
            asked.append((command, timeout_s > 0))
            return 'NVPM WARN: fan mode is not set!\nNV Power Mode: 5W\n1\n'

        assert power_mode(str(tmp_path), runner) == '5W'
        assert asked == [(['nvpmodel', '-q'], True)]

    def test_id_without_a_name(self, tmp_path):
        root = write_tree(tmp_path, {'var/lib/nvpmodel/status': 'pmode:0007'})
        assert power_mode(root, lambda command, timeout_s: None) == 'id 7'

    def test_commented_mode_does_not_count(self, tmp_path):
        modes = '#< POWER_MODEL ID=1 NAME=OLD >\n< POWER_MODEL ID=1 NAME=5W >\n'
        root = write_tree(tmp_path, {'var/lib/nvpmodel/status': 'pmode:0001', 'etc/nvpmodel.conf': modes})
        assert power_mode(root) == '5W'

    def test_fake_tree_never_runs_a_program_of_this_machine(self, tmp_path, monkeypatch):
        monkeypatch.setattr('service.machine.run_quietly', lambda *args: pytest.fail('ran %s' % (args,)))
        assert power_mode(str(tmp_path)) == 'unknown'


class TestRunQuietly:
    def test_output(self):
        assert run_quietly(['printf', 'a\\377b'], 10.0) == 'a\ufffdb'

    @pytest.mark.parametrize('command', [['/nowhere/nvpmodel', '-q'], ['false'], ['sleep', '60']])
    def test_none_where_it_does_not_work(self, command):
        assert run_quietly(command, 0.2) is None


class TestMemory:
    def test_what_is_free_is_given_back(self):
        """Many small pieces below one that stays: glibc gives nothing of them back by itself."""
        code = ('import re\n'
                'from service.machine import keep_few_heaps, return_memory\n'
                'keep_few_heaps()\n'
                'pieces = [bytes(60000) for _ in range(1000)]\n'
                'last = bytes(60000)\n'
                'del pieces\n'
                'def resident():\n'
                '    return int(re.search("VmRSS:[^0-9]+([0-9]+)", open("/proc/self/status").read()).group(1))\n'
                'before = resident()\n'
                'return_memory()\n'
                'print(before - resident())')
        freed_kb = int(subprocess.run([sys.executable, '-c', code], stdout=subprocess.PIPE, check=True).stdout)
        assert freed_kb > 20000

    def test_other_c_libraries_have_neither(self, monkeypatch):
        monkeypatch.setattr('service.machine.ctypes.CDLL', lambda name: object())
        keep_few_heaps()
        return_memory()
