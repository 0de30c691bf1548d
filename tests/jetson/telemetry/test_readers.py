"""Readers of single files: CPU load, kernel log, memory, and numbers from sysfs."""
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson.telemetry import CpuLoad, KernelLog, read_memory
from jetson.telemetry.sysfs import find, read_number
from tests.fakes.board_trees import forbid, write_tree


class TestCpuLoad:
    def test_share_since_the_last_call(self, tmp_path):
        load = CpuLoad(write_tree(tmp_path, {'proc/stat': 'cpu  100 0 100 700 100 0 0 0 0 0\n'}))
        write_tree(tmp_path, {'proc/stat': 'cpu  150 0 125 715 110 0 0 0 0 0\n'})
        assert load.share() == pytest.approx(0.75)
        assert load.share() is None, 'no time has passed'

    @pytest.mark.parametrize('text', ['', 'cpu x', 'cpu  1 2 3\n', 'cpu  %s\n' % ' '.join(['9' * 40] * 10)])
    def test_garbage(self, tmp_path, text):
        root = write_tree(tmp_path, {'proc/stat': text})
        assert CpuLoad(root).share() is None

    def test_counters_that_went_back(self, tmp_path):
        load = CpuLoad(write_tree(tmp_path, {'proc/stat': 'cpu  100 0 100 700 100 0 0 0 0 0\n'}))
        write_tree(tmp_path, {'proc/stat': 'cpu  900 0 100 100 100 0 0 0 0 0\n'})
        assert load.share() is None

    def test_no_file(self, tmp_path):
        assert CpuLoad(str(tmp_path)).share() is None


class TestKernelLog:
    ALARM = '4,339,5140900,-;soctherm: OC ALARM 0x00000001\n'

    def test_alarms_are_counted_once(self, tmp_path):
        root = write_tree(tmp_path, {'dev/kmsg': '6,1,0,-;Booting Linux\n' + self.ALARM + self.ALARM})
        log = KernelLog(root)
        assert log.count_alarms() == 2 and log.count_alarms() == 2
        with open(os.path.join(root, 'dev/kmsg'), 'a') as stream:
            stream.write(self.ALARM)
        assert log.count_alarms() == 3
        log.close()
        log.close()
        assert log.count_alarms() is None

    def test_lines_that_are_no_alarm(self, tmp_path):
        log = KernelLog(write_tree(tmp_path, {'dev/kmsg': 'soctherm: OC ALARM 0x00000000\nsoctherm: OC ALARM none\n'}))
        assert log.count_alarms() == 0
        log.close()

    def test_alarm_across_two_reads(self, tmp_path):
        filling = 'x' * 8180 + '\n'
        log = KernelLog(write_tree(tmp_path, {'dev/kmsg': (filling + self.ALARM) * 5}))
        assert log.count_alarms() == 5
        log.close()

    def test_an_empty_pipe_does_not_block(self, tmp_path):
        (tmp_path / 'dev').mkdir()
        os.mkfifo(str(tmp_path / 'dev' / 'kmsg'))
        log = KernelLog(str(tmp_path))
        writer = os.open(str(tmp_path / 'dev' / 'kmsg'), os.O_WRONLY)
        os.write(writer, self.ALARM.encode())
        assert log.count_alarms() == 1 and log.count_alarms() == 1
        os.close(writer)
        log.close()

    def test_overwritten_records_are_skipped(self, tmp_path, monkeypatch):
        log = KernelLog(write_tree(tmp_path, {'dev/kmsg': ''}))
        answers = [BrokenPipeError(), self.ALARM.encode(), BlockingIOError()]

        def read(descriptor, size):
            answer = answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(os, 'read', read)
            assert log.count_alarms() == 1
        log.close()

    def test_no_log_and_closed_log(self, tmp_path):
        assert KernelLog(str(tmp_path)).count_alarms() is None
        log = KernelLog(write_tree(tmp_path, {'dev/kmsg': ''}))
        log.close()
        assert log.count_alarms() is None


class TestMemory:
    def test_kernel_without_an_estimate(self, tmp_path):
        memory = read_memory(write_tree(tmp_path, {'proc/meminfo': 'MemTotal:  1000 kB\nMemFree: 10 kB\n'}))
        assert memory.total_bytes == 1024000
        assert memory.available_bytes is memory.swap_used_bytes is memory.swap_disk_bytes is None

    @given(st.text(max_size=100))
    def test_garbage(self, tmp_path_factory, text):
        folder = tmp_path_factory.mktemp('memory')
        memory = read_memory(write_tree(folder, {'proc/meminfo': text, 'proc/swaps': text}))
        assert memory is None or memory.total_bytes >= 0


class TestSysfs:
    @pytest.mark.parametrize('text, value', [
        ('42\n', 4.2), ('-5\0', -0.5), ('', None), ('4.2', None), ('0x10', None), ('nan', None), ('1 2', None),
        ('1001', None), ('9' * 19, None), ('9' * 5000, None), ('\u0664\u0662', None)])
    def test_number(self, tmp_path, text, value):
        root = write_tree(tmp_path, {'sys/x': text})
        assert read_number(root, 'sys/x', -100.0, 100.0, 10) == value

    def test_closed_file_and_folder(self, tmp_path, monkeypatch):
        root = write_tree(tmp_path, {'sys/x': '1', 'sys/folder/y': '1'})
        forbid(monkeypatch, root, 'sys/x')
        assert read_number(root, 'sys/x', 0, 9) is None and read_number(root, 'sys/folder', 0, 9) is None

    def test_order_is_by_number_and_names_with_stars_are_names(self, tmp_path):
        odd = tmp_path / 'a[b]*'
        root = write_tree(odd, {'zone%d/temp' % number: '' for number in (10, 9, 2)})
        assert find(root, 'zone*') == ['zone2', 'zone9', 'zone10']
