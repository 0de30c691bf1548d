"""A restore as a test: everything compared, nothing of the station changed, and nothing left, also after a kill."""
import os
import shutil
from pathlib import Path

import pytest

from service.backup import clear_scratch, last_restore_test, newest_backup, note_backup, note_restore_test, try_restore
from service.backup import restore_test as module
from service.backup.make import make_backup
from service.bundle import key_id, public_bytes
from service.clock import Clock
from service.exams.exam import AMENDED, transition
from service.exams.folder import encode_exam, path_of, read_exam
from service.messages import OK, WARNING, InputError, StorageError
from tests.service.exams.making import made
from tests.service.operators.conftest import time

from .conftest import IDS, STAMP, TwoDisks, flip, tmp_path, tree

__all__ = ['time', 'tmp_path']


@pytest.fixture
def trial(station, medium, key, make):
    """Test the restore of the newest backup: what was found; the station is as it was, and nothing is left."""
    def run(**more):
        before = tree(station)
        found = try_restore(newest_backup(str(medium), key_id(public_bytes(key))), str(station), key_id(
            public_bytes(key)), Clock(), disks=TwoDisks(), **more)
        assert tree(station) == before and os.listdir(str(station.parent)) == left
        return found
    make()
    left = os.listdir(str(station.parent))
    return run


def test_a_whole_backup_is_restored_compared_and_removed(trial, station):
    told = []
    found = trial(told=lambda done, total: told.append((done, total)))
    assert (found.exams, found.newer, found.gone, found.problems) == (6, 0, 0, ()) and told[-1][0] == told[-1][1]
    exam = read_exam(str(station), IDS[1])
    amended = made(AMENDED, IDS[1]).events[-1]
    Path(path_of(str(station), IDS[1]), 'exam.json').write_bytes(encode_exam(transition(exam, amended)))
    shutil.rmtree(path_of(str(station), IDS[2]))
    found = trial()
    assert (found.exams, found.newer, found.gone, found.problems) == (6, 1, 1, ())


def test_what_is_not_as_it_was_signed_or_as_the_station_has_it_is_named(trial, station, medium, monkeypatch):
    other = read_exam(str(station), IDS[3])
    Path(path_of(str(station), IDS[3]), 'exam.json').write_bytes(encode_exam(
        made(AMENDED, IDS[3], {'0001.tscap': b'other'})))
    (problem,) = trial().problems
    assert problem.code == 'restore-differs' and IDS[3] in problem.sentence and problem.next_step
    Path(path_of(str(station), IDS[3]), 'exam.json').write_bytes(encode_exam(other))
    # A disk of the station that does not give back what was written to it.
    hash_of = module.hash_of
    monkeypatch.setattr(module, 'hash_of', lambda path: '' if path.endswith('keys.json') else hash_of(path))
    assert [problem.sentence for problem in trial().problems] == [
        'keys/keys.json was not restored as it is in the backup.']
    monkeypatch.undo()
    (backup,) = medium.iterdir()
    flip(backup / 'vol-0001.tsb', 700)
    assert 'backup-damaged' in [problem.code for problem in trial().problems]


def test_the_newest_backup_of_this_station_is_taken(station, medium, key, make, tmp_path):
    own = key_id(public_bytes(key))
    with pytest.raises(InputError, match='backup-missing'):
        newest_backup(str(medium), own)
    first = make().folder
    assert newest_backup(str(medium), own) == first
    second = make_backup(str(station), str(medium), key, STAMP._replace(utc='2026-11-30T00:00:00.000000Z'),
                         disks=TwoDisks()).folder
    assert newest_backup(str(medium), own) == second != first
    with pytest.raises(InputError, match='backup-missing'):
        newest_backup(str(medium), '0' * 16)
    with pytest.raises(StorageError, match='backup-key'):
        try_restore(first, str(station), '0' * 16, Clock())


def test_without_room_nothing_is_written(trial, station):
    with pytest.raises(StorageError, match='restore-test-room') as caught:
        trial(least_bytes=1 << 30)
    assert caught.value.message.next_step and not os.path.exists(str(station) + '.restore-test')


def test_what_a_killed_test_left_is_removed_and_a_running_one_is_not(trial, station):
    scratch = Path(str(station) + '.restore-test')
    (scratch / 'exams').mkdir(parents=True)
    (scratch / 'exams' / 'file').write_bytes(b'x')
    assert trial().problems == ()
    scratch.mkdir()
    with module._alone(str(scratch)):
        for call in (lambda: clear_scratch(str(station)), trial):
            with pytest.raises(StorageError, match='restore-test-running'):
                call()
        assert scratch.is_dir()
    clear_scratch(str(station))
    assert not scratch.exists()
    clear_scratch(str(station))


def test_an_error_in_the_middle_leaves_nothing(trial, station, monkeypatch):
    def fail(*arguments, **words):
        (Path(str(station) + '.restore-test') / 'part').write_bytes(b'x')
        raise StorageError('medium-gone', 'It is gone.', 'Put it in again.')
    monkeypatch.setattr(module, 'restore_backup', fail)
    with pytest.raises(StorageError, match='medium-gone'):
        trial()
    assert not os.path.exists(str(station) + '.restore-test')


@pytest.mark.parametrize('days, code, severity', [(30.9, 'restore-test-ok', OK), (31.1, 'restore-test-old', WARNING),
                                                  (-1, 'restore-test-age', OK)])
def test_the_age_of_the_last_test_is_told(tmp_path, time, days, code, severity):
    root = str(tmp_path / 'exams')
    assert last_restore_test(root, time.clock().now()) is None, 'without a backup there is nothing to test'
    note_backup(root, 'thermo-backup-0', time.clock().now())
    assert last_restore_test(root, time.clock().now()).code == 'restore-test-none'
    note_restore_test(root, 'thermo-backup-0', time.clock().now())
    time.wait(86400 * days)
    told = last_restore_test(root, time.clock().now())
    assert (told.code, told.severity, told.subject) == (code, severity, 'restore test')
