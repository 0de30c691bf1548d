"""Starting tegrastats, or what pretends to be one, and getting rid of it."""
import time

import pytest

from jetson.telemetry import BoardError, parse_tegrastats, read_line

from .lines import NANO


def _program(tmp_path, text):
    path = tmp_path / 'tegrastats'
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return [str(path)]


def _ended(pid):
    """Whether a process is gone, or dead and not yet collected by whoever inherited it."""
    for _ in range(200):
        try:
            with open('/proc/%d/stat' % pid) as stream:
                if stream.read().rpartition(')')[2].split()[0] == 'Z':
                    return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_first_line_of_one_that_writes_for_ever(tmp_path):
    command = _program(tmp_path, 'trap "" PIPE\necho $$ >%s/pid\nwhile :; do echo "%s"; sleep 0.05; done\n'
                       % (tmp_path, NANO))
    assert read_line(command, 20.0) == NANO
    assert _ended(int((tmp_path / 'pid').read_text()))


def test_hung_one_is_killed_with_what_it_started(tmp_path):
    command = _program(tmp_path, 'trap "" PIPE TERM\nsleep 300 &\necho $! >%s/child\nprintf "RAM 1"\nwait\n' % tmp_path)
    with pytest.raises(BoardError) as caught:
        read_line(command, 1.0)
    assert caught.value.code == 'tegrastats-hung' and 'restart the board' in caught.value.message.text
    assert _ended(int((tmp_path / 'child').read_text()))


def test_one_that_ends_without_a_line(tmp_path):
    with pytest.raises(BoardError) as caught:
        read_line(_program(tmp_path, 'exit 3\n'), 20.0)
    assert caught.value.code == 'tegrastats-failed'


def test_one_that_is_missing_or_no_program(tmp_path):
    (tmp_path / 'notes.txt').write_text('no program')
    for command in (['/nowhere/tegrastats'], [str(tmp_path / 'notes.txt')]):
        with pytest.raises(BoardError) as caught:
            read_line(command)
        assert caught.value.code == 'tegrastats-missing'


def test_last_line_without_an_end_and_with_garbage(tmp_path):
    line = read_line(_program(tmp_path, 'printf "RAM 1/2MB \\377"\n'), 20.0)
    assert line == 'RAM 1/2MB \ufffd' and parse_tegrastats(line).memory.total_bytes == 2 << 20


def test_line_without_end_is_cut(tmp_path):
    assert len(read_line(_program(tmp_path, 'trap "" PIPE\nexec tr "\\0" x </dev/zero\n'), 20.0)) >= 1 << 16
