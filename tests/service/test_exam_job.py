"""Exports, imports, removals and restore tests of the page: one at a time, to their end or to one line."""
import contextlib
import os
import threading

import pytest

from service.backup import BackupJob, Medium
from service.exam_job import DEIDENTIFIED, DEIDENTIFIED_DICOM, OPEN, SEALED, ExamJob
from service.exams import Policy
from service.exams.exam import AMENDED, DISCARDED, DRAFT, SIGNED
from service.exams.exchange import find_exports
from service.hospital.dicom.deidentified import dicom_files
from service.messages import ThermoscreenError
from service.sealing import Sealer
from service.storage import Room
from tests.service.exams.conftest import tmp_path
from tests.service.exams.station import REAL, Station, the_clock

__all__ = ['tmp_path']

KEY = b'k' * 32


class Desk:
    """A station with one socket for a medium, and what is done there."""

    def __init__(self, folder, medium, clock=None):
        self.station = Station(folder, Sealer(KEY), REAL)
        self.unmounted, self.plugged = [], [Medium(str(medium), 'USB stick', 'vfat', Room(1 << 30, 1 << 29))]
        self.clock, self.working = clock or the_clock(), []
        self.job = ExamJob(self.station.exams, self.clock, self.station.record, Policy(10, 30), 0,
                           lambda: list(self.plugged), self.unmounted.append, dicom_files)

    def does(self, work):
        """Begin something and wait for its end: how it ended."""
        with contextlib.ExitStack() as working:
            working.callback(self.working.append, 'over')
            work(working)
        self.job._thread.join(60)
        assert self.working == ['over'] and not self.job.progress.is_running
        del self.working[:]
        return self.job.progress

    def export(self, ids, how=OPEN):
        return self.does(lambda working: self.job.export(self.plugged[0].place, ids, how, 'chief', KEY, working))

    def events(self):
        return [(event, operator) for event, operator, _ in self.station.log]

    def close(self):
        self.job.close()
        self.station.close()


@pytest.fixture
def desks(tmp_path):
    (tmp_path / 'medium').mkdir()
    made = [Desk(tmp_path / name, tmp_path / 'medium') for name in ('here', 'there')]
    yield made
    for desk in made:
        desk.close()


def code_of(call):
    with pytest.raises(ThermoscreenError) as caught:
        call()
    assert caught.value.message.sentence and caught.value.message.next_step
    return caught.value.code


def test_exams_leave_in_each_way_and_come_to_another_station(desks, tmp_path):
    here, there = desks
    exams = [here.station.exam(state) for state in (SIGNED, AMENDED)]
    ids = [exam.id for exam in exams]
    progress = here.export(ids)
    assert progress.step == 'done' and progress.percent == 100 and here.unmounted == [str(tmp_path / 'medium')]
    assert progress.sentences[0].startswith('2 exams were exported as thermo-export-')
    assert 'key %s' % here.job.key in progress.sentences[1] and 'Lock it away' in progress.sentences[2]
    assert here.events()[-2:] == [('exam-exported', 'chief')] * 2
    (export,) = find_exports(str(tmp_path / 'medium'))
    assert there.job.exports() == [(there.plugged[0], export)] and export.key == here.job.key
    assert there.does(lambda working: there.job.take(export.folder, '0' * 16, 'op', working)).message.code == \
        'import-signer'
    progress = there.does(lambda working: there.job.take(export.folder, export.key, 'op', working))
    assert progress.sentences == ('2 exams were imported. Their numbers here are 1 to 2.', '0 exams were here already.')
    assert there.events()[-2:] == [('exam-imported', 'op')] * 2 and there.station.exams.patient(exams[0]).id == 'P-1'
    assert here.export(ids[:1], SEALED).sentences[0].startswith('1 exam was exported')
    progress = here.export(ids, DEIDENTIFIED)
    names = sorted(name.split('-')[1] for name in os.listdir(str(tmp_path / 'medium')))
    assert names == ['export', 'export', 'research'] and len(progress.sentences) == 1
    assert here.export(ids[:1], DEIDENTIFIED_DICOM).step == 'done'
    assert len(list((tmp_path / 'medium').glob('thermo-research-*/exam-*/0001.temperature.dcm'))) == 1
    here.job.stop()
    assert here.job.progress.step == 'idle'


def test_what_cannot_be_is_refused_at_once_and_nothing_begins(desks, tmp_path):
    here, _ = desks
    exam = here.station.exam(SIGNED)
    place = here.plugged[0].place
    for call, code in ((lambda: here.export([]), 'exams-none'), (lambda: here.export([exam.id], 'x'), 'export-how'),
                       (lambda: here.export(['../x']), 'exam-missing'),
                       (lambda: here.job.take('/etc', 'x', 'op', contextlib.ExitStack()), 'export-missing'),
                       (lambda: here.job.test('/', 'op', contextlib.ExitStack()), 'medium-missing'),
                       (lambda: here.job.remove('op'), 'plan-missing')):
        assert code_of(call) == code
    here.plugged[0] = here.plugged[0]._replace(room=Room(1, 1))
    assert code_of(lambda: here.export([exam.id])) == 'medium-full'
    here.plugged.clear()
    assert code_of(lambda: here.job.export(place, [exam.id], OPEN, 'op', KEY, contextlib.ExitStack())) == \
        'medium-missing'
    here.station.exams.sealer = None
    assert os.listdir(str(tmp_path / 'medium')) == [] and here.job.progress.step == 'idle'


def test_one_thing_at_a_time_and_it_can_be_stopped(desks, tmp_path):
    here, _ = desks
    exam, began, go_on = here.station.exam(SIGNED), threading.Event(), threading.Event()

    def slowly(done, total, tell=here.job._told):
        began.set()
        assert go_on.wait(60)
        tell(done, total)
    here.job._told = slowly

    def begin(working):
        here.job.export(here.plugged[0].place, [exam.id], OPEN, 'op', KEY, working)
        assert began.wait(60)
        assert code_of(here.job.plan) == 'job-running'
        here.job.stop()
        go_on.set()
    progress = here.does(begin)
    assert (progress.step, progress.message.code) == ('failed', 'job-stopped') and here.unmounted == []
    assert os.listdir(str(tmp_path / 'medium')) == [], 'an export is there whole or not at all'


def test_whatever_ends_it_is_said_with_a_next_step(desks, monkeypatch, tmp_path):
    here, _ = desks
    exam = here.station.exam(SIGNED)
    for number, code in ((28, 'medium-full'), (5, 'medium-gone'), (30, 'medium-read-only')):
        def fail(*arguments, number=number, **words):
            raise OSError(number, os.strerror(number))
        with monkeypatch.context() as patch:
            patch.setattr('service.exam_job.sync_medium', fail)
            assert here.export([exam.id]).message.code == code
    monkeypatch.setattr('service.exam_job.sync_medium', lambda place: 1 / 0)
    progress = here.export([exam.id])
    assert progress.message.code == 'unexpected' and progress.message.next_step
    monkeypatch.undo()
    path = os.path.join(here.station.folder, 'exams', exam.id[:2], exam.id, '0001.tscap')
    with open(path, 'ab') as stream:
        stream.write(b'x')
    assert here.export([exam.id]).message.code == 'exam-damaged', 'and not the medium'


def test_what_is_old_is_shown_first_and_goes_when_told(desks):
    here, _ = desks
    exams = [here.station.exam(state) for state in (SIGNED, DISCARDED, SIGNED, DRAFT)]
    assert here.does(lambda working: here.job.plan()).step == 'planned'
    assert here.job.progress.plan.due == ()
    here.clock._utc_s = lambda: 1.8e9 + 20 * 366 * 86400
    progress = here.does(lambda working: here.job.plan())
    assert [due.exam.id for due in progress.plan.due] == [exam.id for exam in exams[:3]]
    here.station.exams.hold(exams[0].id, 'chief', 'court')
    progress = here.does(lambda working: here.job.remove('chief'))
    assert progress.sentences == ('2 exams were removed.',) and here.events()[-1] == ('exam-deleted', 'chief')
    assert [entry.row.id for entry in here.station.exams.list()] == [exams[3].id, exams[0].id]
    here.clock._synchronised = lambda: False
    assert here.does(lambda working: here.job.plan()).message.code == 'date-uncertain'


def test_a_backup_is_restored_as_a_test_with_its_date_and_its_line(desks, tmp_path):
    here, _ = desks
    here.station.exam(SIGNED)
    place = here.plugged[0].place
    assert here.job.last_test is None
    assert here.does(lambda working: here.job.test(place, 'op', working)).message.code == 'backup-missing'
    backups = BackupJob(here.station.folder, here.clock, here.station.record, lambda: None, lambda: here.plugged,
                        lambda place: None)
    backups.start(place, 'op')
    backups._thread.join(60)
    assert here.job.last_test.code == 'restore-test-none'
    progress = here.does(lambda working: here.job.test(place, 'op', working))
    assert progress.step == 'done' and '1 exam was restored' in progress.sentences[0]
    assert here.job.last_test.code == 'restore-test-ok' and here.station.log[-1][0] == 'restore-tested'
    here.station.exams.sealer = Sealer(b'K' * 32)
    assert here.does(lambda working: here.job.test(place, 'op', working)).message.code in ('seal-key', 'seal-broken')
    assert sorted(os.listdir(str(tmp_path))) == sorted([
        'here', 'there', 'medium', 'here.backup.pem', 'here.backup.pub', 'here.backup.json', 'here.restore-test.json'])
