"""Memory for the model, and swap for building its engine."""
import pytest

from jetson.checks.memory import build_advice, check_memory, check_swap
from jetson.platform import RecordedTree, SimulatedPlatform
from service.messages import OK, PROBLEM, WARNING
from service.settings import Settings
from tests.fakes.board_trees import board_tree

SETTINGS = Settings()
HEAD = 'Filename Type Size Used Priority\n'


class TestMemory:
    @pytest.mark.parametrize('used_mib, status', [(900, OK), (3100, WARNING), (3900, PROBLEM)])
    def test_board(self, used_mib, status):
        board = SimulatedPlatform()
        board.set_used_memory(used_mib << 20)
        report = check_memory(SETTINGS, board)
        assert report.severity == status and 'of 3964 MiB' in report.sentence
        assert report.code == ('memory-ok' if status == OK else 'memory-low')
        assert ('desktop' in report.next_step) == (status != OK)

    def test_remedy_on_a_pc(self, tmp_path):
        root = board_tree(tmp_path, 'pc', {'proc/meminfo': 'MemTotal: 4000000 kB\nMemAvailable: 500000 kB\n'})
        report = check_memory(SETTINGS, RecordedTree(root))
        assert report.severity == WARNING and report.next_step == 'Close other programs.'

    @pytest.mark.parametrize('text', [None, 'garbage', 'MemTotal: 4000000 kB\n'])
    def test_unknown_is_not_shown(self, tmp_path, text):
        assert check_memory(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano', {'proc/meminfo': text}))) is None


class TestSwap:
    @pytest.mark.parametrize('swaps, status, words', [
        ('/swapfile file 4194300 0 -1\n', OK, '4.0 GiB of swap on disk'),
        ('/dev/mmcblk0p2 partition 8388604 0 -1\n', OK, '8.0 GiB'),
        ('/swapfile file 1048572 0 -1\n', WARNING, 'only 1.0 GiB of'),
        ('/dev/zram0 partition 8388604 0 5\n', WARNING, 'no swap on disk'), ('', WARNING, 'no swap on disk')])
    def test_nano(self, tmp_path, swaps, status, words):
        report = check_swap(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano', {'proc/swaps': HEAD + swaps})))
        assert report.severity == status and words in report.sentence
        assert report.code == ('swap-ok' if status == OK else 'swap-missing')
        assert ('fallocate' in report.next_step) == (status != OK)

    def test_total_swap_is_used_if_kinds_are_unknown(self, tmp_path):
        report = check_swap(SETTINGS, RecordedTree(board_tree(tmp_path, 'nano', {'proc/swaps': None})))
        assert report.severity == OK

    @pytest.mark.parametrize('board', ['xavier-nx', 'orin-nano', 'pc'])
    def test_large_boards_and_pcs_need_none(self, tmp_path, board):
        assert check_swap(SETTINGS, RecordedTree(board_tree(tmp_path, board, {'proc/swaps': HEAD}))) is None

    def test_a_build_that_runs_out_of_memory_is_told_of_it(self, tmp_path):
        zram = board_tree(tmp_path / 'zram', 'nano', {'proc/swaps': HEAD + '/dev/zram0 partition 2029568 0 5\n'})
        advice = build_advice(RecordedTree(zram))
        assert '--no-cublas' in advice and 'no swap on disk' in advice and 'fallocate' in advice
        disk = board_tree(tmp_path / 'disk', 'nano', {'proc/swaps': HEAD + '/swapfile file 4194300 0 -1\n'})
        pc = board_tree(tmp_path / 'pc', 'pc')
        assert build_advice(RecordedTree(disk)) == build_advice(RecordedTree(pc)) == (
            'Close other programs, or build with --no-cublas.')
