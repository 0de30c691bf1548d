"""The short form of what benchmarks/attacks/exams.py does at length: kill -9, and a ledger of what was acknowledged."""
import itertools
import os

import pytest

from benchmarks.attacks import exams as attack
from service.exams import library
from tests.fakes.killing import killed_at
from tests.fakes.synced import NOT_OURS, Synced

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


def test_what_is_acknowledged_was_synced_with_its_name(tmp_path):
    store = str(tmp_path / 'store')
    with Synced().watching() as synced:
        station = attack.Station(store, True)
        try:
            for exam in itertools.chain(attack.changes(station.exams), attack.changes(station.exams)):
                assert synced.lacking(store) == NOT_OURS, exam.events[-1].kind
            station.exams.remove(station.exams.list()[-1].row.id, 'op', {})
            assert synced.lacking(store) == NOT_OURS
            (tmp_path / 'store' / 'late').write_bytes(b'late')
            assert synced.lacking(store) == ['.'] + NOT_OURS[:-1] + ['late'] + NOT_OURS[-1:]
        finally:
            station.close()


def test_ledger_lies_outside_what_is_killed(tmp_path):
    attack.write(str(tmp_path / 'exams'), str(tmp_path / 'ledger'), 1, False)
    assert len(attack.read_ledger(str(tmp_path / 'ledger'))) == 7
    assert 'ledger' not in os.listdir(str(tmp_path / 'exams'))
