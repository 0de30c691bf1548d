"""The short form of what benchmarks/attacks/exams.py does at length: kill -9, and a ledger of what was acknowledged."""
import itertools
import os

import pytest

from benchmarks.attacks import exams as attack
from service.clock import Clock
from service.exams import export_exams, import_exams, library
from tests.fakes.killing import killed_at
from tests.fakes.synced import Synced

#: Of the calls of the system that one exam makes, every so many-th one is the last.
STEP = 9


@pytest.mark.parametrize('encrypted', [False, True])
def test_killed_at_random_nothing_acknowledged_is_lost_half_visible_or_mixed(tmp_path, encrypted):
    seen = attack.kill_often(str(tmp_path), 4, 7, encrypted, apart=2)
    assert (seen['lost'], seen['half visible'], seen['mixed']) == (0, 0, 0)
    assert seen['acknowledged'] >= 4 and seen['exams'] >= 1


@pytest.mark.parametrize('first', range(0, STEP, 3))
def test_killed_at_a_call_of_the_system(tmp_path, first):
    k, killed = first, True
    while killed:
        folder, ledger = str(tmp_path / ('exams-%d' % k)), str(tmp_path / ('ledger-%d' % k))
        open(ledger, 'w').close()
        killed = killed_at(k, lambda folder=folder, ledger=ledger: attack.write(folder, ledger, 1, False))
        lines = attack.read_ledger(ledger)
        wrong, _ = attack.check(folder, lines, False)
        assert wrong == {'lost': [], 'half visible': [], 'mixed': []}, k
        k += STEP
    assert len(lines) == 7 and k > 12 * STEP


def broken_reconciliation(patch):
    patch.setattr(library.Exams, '_reconcile', lambda self, exam_id: None)


def index_first(patch):
    def write(self, exam):
        self._store.put(exam)
        library.write_exam(self.folder, exam)
    patch.setattr(library.Exams, '_write', write)


def document_first(patch):
    patch.setattr(library, 'write_files', lambda root, exam_id, contents: None)


@pytest.mark.parametrize('fault', [broken_reconciliation, index_first, document_first])
def test_the_check_notices_what_would_be_wrong(tmp_path, monkeypatch, fault):
    fault(monkeypatch)
    found, k, killed = [], 0, True
    while killed and not found:
        folder, ledger = str(tmp_path / str(k)), str(tmp_path / ('ledger-%d' % k))
        open(ledger, 'w').close()
        killed = killed_at(k, lambda folder=folder, ledger=ledger: attack.write(folder, ledger, 1, False))
        try:
            wrong, _ = attack.check(folder, attack.read_ledger(ledger), False)
            found = [thing for things in wrong.values() for thing in things]
        except attack.ThermoscreenError as error:
            found = [str(error)]
        k += 1
    assert found


#: SQLite syncs its files itself, and a file of its own memory not at all; in a lock there is nothing.
OF_SQLITE, LOCK = ['exams.db', 'exams.db-shm', 'exams.db-wal'], 'store.lock'


def test_what_is_acknowledged_was_synced_with_its_name(tmp_path):
    store, other, out = (str(tmp_path / name) for name in ('store', 'other', 'out'))
    os.mkdir(out)
    with Synced().watching() as synced:
        one, two = attack.Station(store, True), attack.Station(other, False)
        try:
            for exam in itertools.chain(attack.changes(one.exams), attack.changes(one.exams)):
                assert synced.lacking(store) == OF_SQLITE + [LOCK], exam.events[-1].kind
            export_exams(store, [exam.id], os.path.join(out, 'it'), one.exams.sealer, Clock().now())
            assert synced.lacking(out) == []
            import_exams([os.path.join(out, 'it')], two.exams, 'op')
            assert synced.lacking(other) == OF_SQLITE + [LOCK]
            one.exams.remove(one.exams.list()[-1].row.id, 'op', {})
            assert synced.lacking(store) == OF_SQLITE + [LOCK]
            with open(os.path.join(out, 'late'), 'w') as stream:
                stream.write('late')
            assert synced.lacking(out) == ['.', 'late']
        finally:
            one.close()
            two.close()


def test_ledger_lies_outside_what_is_killed(tmp_path):
    attack.write(str(tmp_path / 'exams'), str(tmp_path / 'ledger'), 1, False)
    assert len(attack.read_ledger(str(tmp_path / 'ledger'))) == 7
    assert 'ledger' not in os.listdir(str(tmp_path / 'exams'))
