"""A backup in the background: its numbers, its end, and what happens when the medium goes away."""
import errno
import os
import shutil
import threading

import pytest

from service.backup import BackupJob, Medium, backup_of, make_backup, verify_backup
from service.backup import job as job_module
from service.backup import medium as medium_module
from service.backup.last import last_backup, last_path, note_backup
from service.messages import OK, WARNING, InputError, StorageError
from service.storage import Room
from tests.service.operators.conftest import time

from .conftest import flip, leaving, tmp_path

__all__ = ['time', 'tmp_path']


class Trolley:
    """A station with one socket for a medium."""

    def __init__(self, station, medium, time):
        self.entries, self.unmounted, self.plugged = [], [], [Medium(str(medium), 'USB stick', 'vfat', Room(1, 1))]
        self.job = BackupJob(str(station), time.clock(), self.record, lambda: self.entries.append('checkpoint'),
                             lambda: list(self.plugged), self.unmount, 0.01)

    def record(self, event, operator, **facts):
        self.entries.append((event, operator, facts))

    def unmount(self, place):
        self.unmounted.append(place)

    def ended(self):
        self.job._thread.join(30)
        return self.job.progress

    def events(self):
        return [entry if isinstance(entry, str) else entry[0] for entry in self.entries]


@pytest.fixture
def trolley(few, medium, time):
    made = Trolley(few, medium, time)
    yield made
    made.job.close()


def test_it_is_made_read_back_unmounted_and_told(trolley, few, medium):
    seen, told = [], trolley.job._told

    def watch(done, total):
        told(done, total)
        seen.append((trolley.job.progress.step, trolley.job.progress.percent))
    trolley.job._told = watch
    assert trolley.job.last.code == 'backup-none' and trolley.job.last.severity == WARNING
    trolley.job.start(str(medium), 'op-1')
    progress = trolley.ended()
    assert progress.step == 'done' and trolley.unmounted == [str(medium)] and progress.backup.exams == 2
    assert [step for step, _ in seen] == sorted(step for step, _ in seen) and seen[-1] == ('verifying', 100)
    assert all(0 <= percent <= 100 for _, percent in seen) and len({percent for _, percent in seen}) > 3
    assert trolley.events() == ['checkpoint', 'backup-made', 'backup-verified']
    (_, operator, facts), (_, _, verified) = trolley.entries[1:]
    assert operator == 'op-1' and facts['exams'] == 2 and facts['key'] == progress.backup.key == verified['key']
    assert 'anchor' in facts and verified['problems'] == 0
    assert verify_backup(backup_of(str(medium))).problems == ()
    assert trolley.job.last.sentence == 'The last backup is less than a day old.'
    trolley.job.stop()
    assert trolley.job.progress.step == 'idle'


def test_a_medium_that_is_pulled_out_is_waited_for_and_the_backup_goes_on(trolley, few, medium, monkeypatch):
    pulled, stick = threading.Event(), trolley.plugged[0]
    write = leaving(os.write, medium, 4)
    monkeypatch.setattr(medium_module.os, 'write', write)

    def media():
        if trolley.job.progress.step == 'waiting':
            pulled.set()
        return list(trolley.plugged)
    trolley.job.media = media
    trolley.job.start(str(medium), 'op-1')
    trolley.plugged.clear()
    assert pulled.wait(30)
    progress = trolley.job.progress
    assert progress.message.code == 'medium-gone' and progress.is_running
    with pytest.raises(InputError, match='backup-running'):
        trolley.job.start(str(medium), 'op-1')
    monkeypatch.undo()
    other = os.path.join(str(medium.parent), 'other')
    shutil.move(str(medium), other)  # it comes back somewhere else
    trolley.plugged.append(stick._replace(place=other))
    assert trolley.ended().step == 'done' and trolley.unmounted == [other]
    assert trolley.events() == ['checkpoint', 'backup-failed', 'checkpoint', 'backup-made', 'backup-verified']
    assert len([name for name in os.listdir(other) if name.startswith('thermo-backup-')]) == 1


def test_a_medium_that_goes_while_it_is_read_is_read_again(trolley, medium, monkeypatch):
    verify, times = job_module.verify_backup, []

    def gone_once(*arguments):
        times.append(trolley.plugged.pop() if not times else None)
        if len(times) == 1:
            trolley.job.media = come_back
            raise StorageError('medium-gone', 'It is gone.', 'Put it in again.')
        return verify(*arguments)

    def come_back():
        found, trolley.plugged[:] = list(trolley.plugged), [times[0]]
        return found
    monkeypatch.setattr(job_module, 'verify_backup', gone_once)
    trolley.job.start(str(medium), 'op-1')
    assert trolley.ended().step == 'done' and len(times) == 2
    assert trolley.events() == ['checkpoint', 'backup-made', 'backup-failed', 'backup-verified']


def failing(number):
    def fail(place):
        with medium_module.on_medium(place):
            raise OSError(number, os.strerror(number))
    return fail


@pytest.mark.parametrize('spoil, code', [
    (lambda trolley, medium: shutil.rmtree(str(medium.parent / 'station' / 'exams')), 'exams-folder'),
    (lambda trolley, medium: setattr(trolley.job, '_unmount', failing(errno.EACCES)), 'medium-not-writable'),
    (lambda trolley, medium: setattr(trolley.job, '_unmount', failing(errno.ENOSPC)), 'medium-full'),
    (lambda trolley, medium: setattr(trolley.job, '_unmount', lambda place: 1 / 0), 'unexpected'),
    (lambda trolley, medium: setattr(trolley.job, '_told', lambda done, total: trolley.job._ended.set()
                                     or BackupJob._told(trolley.job, done, total)), 'backup-stopped')])
def test_whatever_ends_it_is_said_with_a_next_step(trolley, medium, spoil, code):
    spoil(trolley, medium)
    trolley.job.start(str(medium), 'op-1')
    progress = trolley.ended()
    assert (progress.step, progress.message.code) == ('failed', code) and progress.message.next_step
    assert trolley.entries[-1] == ('backup-failed', 'op-1', {'code': code}) and not progress.is_running


def test_a_damaged_backup_is_no_backup(trolley, medium, monkeypatch):
    make = job_module.make_backup

    def damaged(*arguments, **words):
        made = make(*arguments, **words)
        flip(os.path.join(made.folder, 'vol-0001.tsb'), 600)
        return made
    monkeypatch.setattr(job_module, 'make_backup', damaged)
    trolley.job.start(str(medium), 'op-1')
    assert trolley.ended().message.code == 'backup-damaged' and trolley.unmounted == []
    assert trolley.events()[-2:] == ['backup-verified', 'backup-failed'] and trolley.job.last.code == 'backup-none'


@pytest.mark.parametrize('place', ['', '/', '..', '/media/other', '\x00'])
def test_only_a_medium_that_is_plugged_in_is_taken(trolley, place):
    with pytest.raises(InputError, match='medium-missing'):
        trolley.job.start(place, 'op-1')
    assert trolley.entries == []


def test_waiting_can_be_given_up(trolley, medium, monkeypatch):
    monkeypatch.setattr(job_module, 'make_backup', lambda *words, **more: failing(errno.EIO)('/media'))
    trolley.job.start(str(medium), 'op-1')
    trolley.job.stop()
    assert trolley.ended().message.code == 'backup-stopped'


@pytest.mark.parametrize('days, code, severity', [(0.5, 'backup-ok', OK), (6.9, 'backup-ok', OK),
                                                  (7.1, 'backup-old', WARNING), (-1, 'backup-age', OK)])
def test_the_age_of_the_last_one_is_told(tmp_path, time, days, code, severity):
    root = str(tmp_path / 'exams')
    note_backup(root, 'thermo-backup-0', time.clock().now())
    time.wait(86400 * days)
    told = last_backup(root, time.clock().now())
    assert (told.code, told.severity, told.subject) == (code, severity, 'backup')
    unsure = last_backup(root, time.clock().now()._replace(clock='unsynchronised'))
    assert unsure.code == 'backup-age', 'a wrong clock makes no backup old'
    with open(last_path(root), 'w') as stream:
        stream.write('[]')
    assert last_backup(root, time.clock().now()).code == 'backup-none'


def test_a_backup_made_by_hand_is_found_unfinished_only_while_it_is(few, medium, key):
    made = make_backup(str(few), str(medium), key, job_module.Stamp('2026-11-29T12:00:00.000000Z', 'ntp', 'b', 5))
    assert job_module.unfinished_backup(str(medium), made.key) == ''
    for name in ('manifest-a.json', 'manifest-b.json'):
        os.unlink(os.path.join(made.folder, name))
    assert job_module.unfinished_backup(str(medium), made.key) == made.folder
    assert job_module.unfinished_backup(str(medium), '0' * 16) == ''
