"""A backup comes back: to an empty station byte for byte, to a used one without losing what it has."""
import errno
import os
import shutil
from pathlib import Path

import pytest

from service.backup import read_manifest, restore_backup
from service.backup.manifest import read_index
from service.clock import Clock
from service.exams import Reader, verify_store
from service.exams.exam import ACQUIRING, AMENDED, transition
from service.exams.folder import path_of, read_exam, write_exam
from service.messages import StorageError
from service.operators import Audit, KeyStore
from service.sealing import Sealer
from tests.fakes.killing import killed_at
from tests.service.exams.making import FILES, event_for

from .conftest import IDS, TwoDisks, flip, keep, leaving, tree


@pytest.fixture
def folder(station, make):
    return make().folder


@pytest.fixture
def restore(folder, tmp_path):
    """Restore the backup to another station."""
    def restore(root=tmp_path / 'other', **changes):
        values = dict(dict(folder=folder, root=str(root), key=read_manifest(folder)[0].key, disks=TwoDisks(),
                           clock=Clock(boot_id='b')), **changes)
        return restore_backup(**values)
    return restore


@pytest.fixture
def used(station, folder, tmp_path):
    """The station of the backup, on which the tests go on."""
    shutil.rmtree(str(station / 'keys'))
    for name in ('exams.db', 'exams.db-wal', 'store.lock', '.hidden'):
        (station / name).unlink()
    return station


def exams_of(root):
    return {path: sha256 for path, sha256 in tree(root).items() if path.startswith('exams/')}


def of(root, exam_id):
    return Path(path_of(str(root), exam_id))


def codes(done):
    return [problem.code for problem in done.problems]


def test_an_empty_station_gets_the_same_bytes(station, restore, tmp_path):
    done = restore()
    assert (done.restored, done.others, done.exams, done.problems) == (6, 1, 6, ())
    assert exams_of(tmp_path / 'other') == exams_of(station)
    assert (tmp_path / 'other' / 'keys' / 'keys.json').read_bytes() == b'{"wraps": {}}'
    assert sorted(row.id for row, _ in Reader(str(tmp_path / 'other')).rows()) == IDS
    assert list(verify_store(str(tmp_path / 'other'))) == []


def test_doing_it_again_changes_nothing(restore, tmp_path):
    restore()
    before = exams_of(tmp_path / 'other')
    done = restore()
    assert (done.restored, done.same, done.others, done.exams) == (0, 6, 0, 6) and done.problems == ()
    assert exams_of(tmp_path / 'other') == before and not (tmp_path / 'other' / 'quarantine').exists()


def test_what_is_damaged_on_a_used_station_is_repaired(used, restore):
    before = exams_of(used)
    flip(of(used, IDS[0]) / '0001.tscap', 3)
    (of(used, IDS[0]) / '0001.overlay.png').unlink()
    flip(of(used, IDS[1]) / 'exam.json', 30)
    shutil.rmtree(str(of(used, IDS[2])))
    (of(used, IDS[3]) / 'exam.json').unlink()
    done = restore(used)
    # The one without exam.json was put aside when the index was opened.
    assert (done.restored, done.same, done.repaired, done.replaced) == (2, 2, 1, 1) and done.problems == ()
    assert exams_of(used) == before
    aside = {path.split('/')[1] for path in tree(used) if path.startswith('quarantine/')}
    assert len(aside) == 3 and all(name.startswith('exams.') for name in aside), 'the damaged ones are kept'


def test_an_exam_that_went_on_stays(used, restore):
    exam = read_exam(str(used), IDS[0])
    write_exam(str(used), transition(exam, event_for(exam, AMENDED)))
    before = exams_of(used)
    flip(of(used, IDS[0]) / '0001.tscap', 3)
    done = restore(used)
    assert (done.repaired, done.same, done.newer) == (1, 5, 0) and exams_of(used) == before
    assert restore(used).newer == 1


def test_an_exam_that_is_older_than_in_the_backup_is_replaced(used, restore):
    """The card was put back to an older image."""
    before = exams_of(used)
    shutil.rmtree(str(of(used, IDS[0])))
    keep(used, IDS[0], {name: b'\1' * 1000 for name in FILES}, ACQUIRING, 1)
    done = restore(used)
    assert (done.replaced, done.same) == (1, 5) and exams_of(used) == before
    assert len([path for path in tree(used) if path.startswith('quarantine/')]) == 4


def test_an_exam_that_went_on_in_another_way_stays_and_is_named(used, restore):
    shutil.rmtree(str(of(used, IDS[0])))
    keep(used, IDS[0], state='discarded', number=1)
    before = exams_of(used)
    done = restore(used)
    assert codes(done) == ['restore-conflict'] and exams_of(used) == before and done.same == 5


def test_an_exam_with_the_number_of_another_one_is_named(used, restore):
    shutil.rmtree(str(of(used, IDS[0])))
    keep(used, 'f' * 16, number=1)
    done = restore(used)
    assert done.restored == 1 and codes(done) == ['exam-number']


def test_a_damaged_file_of_the_backup_is_named_and_the_rest_is_restored(station, folder, restore, tmp_path):
    flip(Path(folder, 'vol-0001.tsb'), read_index(folder, 'vol-0001.tsb')[1][-1].offset)
    flip(Path(folder, 'vol-0002.json'), 9)
    flip(Path(folder, 'vol-0003.json'), 9)
    flip(Path(folder, 'vol-0003.tsb'), 600)
    done = restore()
    named = {(problem.code, problem.facts.get('volume'), problem.facts.get('file')) for problem in done.problems[:2]}
    assert ('backup-damaged', 'vol-0003.tsb', None) in named and len(named) == 2
    assert done.restored == 4 and {'vol-0001.tsb', 'vol-0003.tsb'} == {volume for _, volume, _ in named}
    theirs = exams_of(tmp_path / 'other')
    assert len(theirs) == 15 and theirs.items() < exams_of(station).items()


def test_an_exam_whose_description_is_damaged_is_left_out(folder, restore):
    flip(Path(folder, 'vol-0001.tsb'), 600)
    done = restore()
    assert codes(done) == ['backup-damaged', 'backup-damaged'] and done.restored == 5
    assert 'what describes it' in done.problems[1].sentence


def test_what_was_damaged_when_it_was_backed_up_does_not_replace_anything(used, make, tmp_path, restore):
    flip(of(used, IDS[0]) / 'exam.json', 30)
    flip(of(used, IDS[1]) / '0001.tscap', 3)
    bad = make(medium=str(tmp_path / 'medium')).folder
    fresh = tmp_path / 'fresh'
    restore(fresh)
    before = exams_of(fresh)
    done = restore(fresh, folder=bad)
    assert codes(done) == ['exam-damaged'] and exams_of(fresh) == before
    done = restore(tmp_path / 'empty', folder=bad)
    assert done.restored == 6 and done.exams == 5, 'to an empty station comes what there is'
    assert [problem.code for problem in done.problems] == ['exam-damaged']
    damaged = {path for path, sha256 in exams_of(used).items() if exams_of(tmp_path / 'empty')[path] != sha256}
    assert damaged == set()


def test_the_log_and_the_operators_of_a_used_station_stay(station, make, restore, tmp_path):
    with Audit(str(station / 'audit'), Clock(boot_id='b'), None, bytes(32)) as audit:
        audit.append('station-started')
    folder = make().folder
    first = restore(folder=folder)
    assert first.others == len([path for path in tree(station) if path.startswith(('audit/', 'keys/keys'))])
    assert restore(folder=folder).others == 0
    with Audit(str(tmp_path / 'other' / 'audit'), Clock(boot_id='b'), None, bytes(32)) as audit:
        audit.append('station-stopped')
    before = tree(tmp_path / 'other' / 'audit')
    done = restore(folder=folder)
    assert codes(done) == ['restore-kept'] and tree(tmp_path / 'other' / 'audit') == before


def test_a_backup_of_another_key_is_refused(restore, tmp_path):
    with pytest.raises(StorageError) as caught:
        restore(key='0' * 16)
    assert caught.value.code == 'backup-key' and not (tmp_path / 'other').exists()


@pytest.mark.parametrize('is_same', [True, False])
def test_exams_that_the_station_could_not_open_are_refused(station, make, restore, tmp_path, is_same):
    data_key = bytes(range(32))
    sealer = Sealer(data_key)
    keep(station, 'f' * 16, {name: sealer.seal(b'secret', name) for name in FILES})
    store = KeyStore(str(tmp_path / 'other' / 'operators'), str(tmp_path / 'other.secret'),
                     random=lambda size: data_key[:size] if is_same else os.urandom(size))
    store.make('op', '271828')
    folder = make().folder
    if is_same:
        assert restore(folder=folder).restored == 7
    else:
        with pytest.raises(StorageError) as caught:
            restore(folder=folder)
        assert caught.value.code == 'restore-keys' and not (tmp_path / 'other' / 'exams').exists()


def test_room_is_asked_for_before_anything_is_written(restore, tmp_path):
    with pytest.raises(StorageError) as caught:
        restore(disks=TwoDisks(free_bytes=20000))
    assert caught.value.code == 'disk-full' and not (tmp_path / 'other').exists()
    restore()
    assert restore(disks=TwoDisks(free_bytes=0)).same == 6, 'nothing is missing'


def test_exams_that_are_kept_by_the_service_are_left_alone(restore, tmp_path):
    from service.exams.store import StoreLock
    lock = StoreLock(str(tmp_path / 'other'))
    try:
        with pytest.raises(StorageError) as caught:
            restore()
        assert caught.value.code == 'store-busy'
    finally:
        lock.release()


@pytest.mark.parametrize('name', ['open', 'pread'])
def test_a_medium_that_goes_away_is_one_code_and_the_next_try_ends(few, folder, medium, restore, tmp_path,
                                                                  monkeypatch, name):
    k, gone = 0, 0
    while True:
        call, code = leaving(getattr(os, name), medium, k), ''
        with monkeypatch.context() as patch:
            patch.setattr(os, name, call)
            try:
                restore()
            except StorageError as error:
                code = error.code
        if call.calls <= k:
            break
        assert code == 'medium-gone'
        gone += 1
        theirs = exams_of(tmp_path / 'other')
        assert theirs.items() <= exams_of(few).items(), 'what is there is whole'
        if theirs:
            assert list(verify_store(str(tmp_path / 'other'))) == []
        restore()
        assert exams_of(tmp_path / 'other') == exams_of(few)
        shutil.rmtree(str(tmp_path / 'other'))
        k += 1 + k // 2
    assert gone > 4


def test_a_block_that_cannot_be_read_costs_its_file(station, folder, restore, monkeypatch):
    real = os.pread

    def pread(descriptor, size, offset):
        if os.readlink('/proc/self/fd/%d' % descriptor).endswith('vol-0001.tsb') and offset < 1000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, size, offset)
    monkeypatch.setattr(os, 'pread', pread)
    done = restore()
    assert done.restored == 5 and set(codes(done)) == {'backup-damaged'}


def test_a_restore_that_is_killed_at_any_call_is_finished_by_the_next(few, folder, restore, tmp_path):
    k, killed, seen = 0, True, set()
    while killed:
        killed = killed_at(k, restore, tuple((os, name) for name in ('mkdir', 'rename', 'write')))
        seen.add(len([path for path in exams_of(tmp_path / 'other') if path.endswith('/exam.json')]))
        done = restore()
        assert exams_of(tmp_path / 'other') == exams_of(few) and done.exams == 2 and done.problems == ()
        shutil.rmtree(str(tmp_path / 'other'))
        k += 1 + k // 2
    assert {0, 2} <= seen and k > 10


def test_progress_is_told(restore):
    told = []
    restore(told=lambda done, total: told.append((done, total)))
    assert len(told) == 4 and told[-1][0] == told[-1][1]
