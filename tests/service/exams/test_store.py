"""The index of exams: one writer, readers that change nothing, an old version brought up, a newer one refused."""
import os
import re
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from service.exams import store
from service.exams.exam import ACQUIRING, AMENDED, DISCARDED, DRAFT, REVIEW, SIGNED
from service.exams.store import DATABASE, MIGRATIONS, Reader, Store, StoreLock, row_of
from service.messages import StorageError
from tests.service.exams.making import made

IDS = ['%016x' % number for number in range(1, 6)]


def exam(number, state=DRAFT, tokens=('p-1', 'zoë')):
    return replace(made(state, IDS[number - 1]), number=number, tokens=tokens)


@pytest.fixture
def base(tmp_path):
    """A store with five exams, of which two patients share a name."""
    base = Store(str(tmp_path))
    base.fill([exam(1, SIGNED), exam(2, DRAFT, ('p-2', 'zoë')), exam(3, SIGNED, ('p-3', 'anna')), exam(4, REVIEW)])
    base.put(exam(5, DISCARDED, ()))
    yield base
    base.close()


@pytest.fixture
def reader(base, tmp_path):
    return Reader(str(tmp_path))


def numbers(found):
    assert all(is_whole for _, is_whole in found)
    return [row.number for row, _ in found]


def test_rows_are_those_of_the_exams(base, reader):
    assert reader.row(IDS[3]) == (row_of(exam(4, REVIEW)), True)
    assert reader.row('f' * 16) is None and reader.tokens(2) == ['p-2', 'zoë'] and reader.check() == 'ok'
    assert reader.counts() == {SIGNED: 2, DRAFT: 1, REVIEW: 1, DISCARDED: 1} and base.last() == (5, 50)


@pytest.mark.parametrize('query, found', [
    ({}, [5, 4, 3, 2, 1]), ({'limit': 2}, [5, 4]), ({'after': 4, 'limit': 2}, [3, 2]), ({'state': SIGNED}, [3, 1]),
    ({'state': SIGNED, 'after': 3}, [1]), ({'tokens': ['zoë']}, [4, 2, 1]), ({'tokens': ['zoë', 'p-1']}, [4, 1]),
    ({'tokens': ['p-1', 'zoë'], 'after': 4}, [1]), ({'tokens': ['zoë'], 'state': DRAFT}, [2]),
    ({'tokens': ['nobody']}, []), ({'tokens': ["' OR 1=1 --"]}, []), ({'state': AMENDED}, [])])
def test_a_list_is_newest_first_and_comes_in_pages(reader, query, found):
    assert numbers(reader.rows(**query)) == found


@pytest.mark.parametrize('tokens', [['zoë', 'p-2'], ['p-2', 'zoë']])
def test_a_search_for_several_words_starts_with_the_rarest(reader, monkeypatch, tokens):
    asked, real = [], Reader._all
    monkeypatch.setattr(Reader, '_all', lambda self, text, values: asked.append(values) or real(self, text, values))
    assert numbers(reader.rows(tokens=tokens)) == [2] and asked[-1] == ['p-2', 'zoë', 50]


def test_nothing_looks_through_a_whole_table(base, reader, monkeypatch):
    asked, real = [], Reader._all
    monkeypatch.setattr(Reader, '_all', lambda self, text, values: asked.append((text, values)) or real(
        self, text, values))
    reader.rows(tokens=['zoë', 'p-2'], state=DRAFT, after=9)
    reader.rows(state=SIGNED, after=9)
    reader.row(IDS[0])
    reader.tokens(1)
    # The last one is what a foreign key asks when its exam changes.
    for text, values in asked + [('SELECT 1 FROM token WHERE exam = ?', [1])]:
        plan = ' '.join(str(row[-1]) for row in real(reader, 'EXPLAIN QUERY PLAN ' + text, values))
        assert 'SEARCH' in plan and not re.search(r'SCAN (TABLE )?(exam|token)', plan), (text, plan)


def test_a_change_replaces_the_row_alone(base, reader):
    base.put(exam(2, ACQUIRING, ('p-2', 'zoë')))
    assert reader.row(IDS[1])[0].state == ACQUIRING and numbers(reader.rows(tokens=['p-2'])) == [2]
    assert len(reader.rows()) == 5


def test_intents_last_until_the_next_one_and_those_of_failed_changes_longer(base, tmp_path):
    for exam_id in IDS[:2]:
        base.intend(exam_id)
    assert base.intents == (IDS[1],)
    base.intend(IDS[1])
    base.intend(IDS[2], keep=[IDS[1]])
    base.close()
    again = Store(str(tmp_path))
    assert again.intents == (IDS[1], IDS[2])
    again.settle(keep=[IDS[1]])
    again.close()
    last = Store(str(tmp_path))
    assert last.intents == (IDS[1],)
    last.close()


def test_a_change_that_fails_leaves_the_index_as_it_was(base, reader):
    with pytest.raises(StorageError) as caught:
        base.put(replace(exam(2), number=4))
    assert caught.value.code == 'store-failing' and numbers(reader.rows()) == [5, 4, 3, 2, 1]
    base.put(exam(2, DISCARDED))
    assert reader.row(IDS[1])[0].state == DISCARDED


def test_durable_settings_are_in_force(base):
    held = {name: base._base.execute('PRAGMA %s' % name).fetchone() for name in
            ('journal_mode', 'synchronous', 'foreign_keys', 'secure_delete', 'cell_size_check', 'temp_store')}
    assert held == {'journal_mode': ('wal',), 'synchronous': (2,), 'foreign_keys': (1,), 'secure_delete': (1,),
                    'cell_size_check': (1,), 'temp_store': (2,)}


def test_another_thread_is_refused_by_sqlite(base):
    refused = []

    def change():
        try:
            base.put(exam(1, AMENDED))
        except StorageError as error:
            refused.append(error.code)
    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
    assert refused == ['store-failing']


def test_one_process_has_the_store_until_it_ends(tmp_path):
    program = ('import sys; from service.exams.store import StoreLock; lock = StoreLock(sys.argv[1]); '
               'print("held", flush=True); sys.stdin.read()')
    other = subprocess.Popen([sys.executable, '-c', program, str(tmp_path)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    assert other.stdout.readline() == b'held\n'
    with pytest.raises(StorageError) as caught:
        StoreLock(str(tmp_path))
    assert caught.value.code == 'store-busy' and str(tmp_path) in caught.value.message.sentence
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    StoreLock(str(tmp_path)).release()


def test_a_reader_neither_recovers_nor_checkpoints_what_a_killed_service_left(base, tmp_path):
    for name in (DATABASE, DATABASE + '-wal'):
        (tmp_path / 'killed').mkdir(exist_ok=True)
        (tmp_path / 'killed' / name).write_bytes((tmp_path / name).read_bytes())
    before = {name: (tmp_path / 'killed' / name).read_bytes() for name in (DATABASE, DATABASE + '-wal')}
    assert numbers(Reader(str(tmp_path / 'killed')).rows()) == [5, 4, 3, 2, 1]
    assert {name: (tmp_path / 'killed' / name).read_bytes() for name in before} == before
    again = Store(str(tmp_path / 'killed'))
    assert again.last()[0] == 5 and not again.is_new and not again.set_aside
    again.close()


def test_a_new_store_is_empty_until_it_is_filled(tmp_path):
    base = Store(str(tmp_path))
    assert base.is_new
    base.close()
    base = Store(str(tmp_path))

    def broken():
        yield exam(1)
        raise OSError('the folders cannot be read')
    with pytest.raises(OSError):
        base.fill(broken())
    assert base.is_new
    base.fill([exam(1)])
    base.close()
    base = Store(str(tmp_path))
    assert not base.is_new and base.last() == (1, 10)
    base.close()


def test_replacing_keeps_what_was_there(base, tmp_path):
    base.replace()
    assert base.is_new
    base.fill([exam(1)])
    kept = [name for name in os.listdir(str(tmp_path)) if '.replaced-' in name]
    assert len(kept) == 1
    found = sqlite3.connect(str(tmp_path / kept[0])).execute('SELECT count(*) FROM exam').fetchone()
    assert found == (5,) and numbers(Reader(str(tmp_path)).rows()) == [1]


def test_migrations_go_in_order_after_a_copy(base, tmp_path, monkeypatch):
    base.close()
    monkeypatch.setattr(store, 'MIGRATIONS', MIGRATIONS + (
        ('ALTER TABLE exam ADD COLUMN room TEXT', "UPDATE exam SET room = 'ward'"),
        ("UPDATE exam SET room = room || ' 7'",)))
    newer = Store(str(tmp_path))
    assert {room for room, in newer._base.execute('SELECT room FROM exam')} == {'ward 7'}
    newer.close()
    copy = sqlite3.connect(str(tmp_path / (DATABASE + '.version-1')))
    assert copy.execute('PRAGMA user_version').fetchone() == (1,)
    assert copy.execute('SELECT count(*) FROM exam').fetchone() == (5,)
    copy.close()
    monkeypatch.undo()
    for opened in (Store, lambda folder: Reader(folder).rows()):
        with pytest.raises(StorageError) as caught:
            opened(str(tmp_path))
        assert caught.value.code == 'store-version'
        assert (caught.value.message.next_step, 'version 3' in caught.value.message.sentence) == (
            'Update the program.', True)


def test_a_migration_that_fails_changes_nothing(base, tmp_path, monkeypatch):
    base.close()
    monkeypatch.setattr(store, 'MIGRATIONS', MIGRATIONS + (
        ('ALTER TABLE exam ADD COLUMN room TEXT', 'UPDATE nothing SET room = 1'),))
    with pytest.raises(StorageError):
        Store(str(tmp_path))
    monkeypatch.undo()
    again = Store(str(tmp_path))
    assert again.last()[0] == 5
    again.close()


def overwrite(path, place, data):
    with open(str(path), 'r+b') as stream:
        stream.seek(place)
        stream.write(data)


@pytest.mark.parametrize('damage', [lambda path: path.write_bytes(b'no database at all' * 100),
                                    lambda path: overwrite(path, 100, b'\xff' * 200)])
def test_a_damaged_database_is_put_aside(base, tmp_path, damage):
    base.close()
    damage(tmp_path / DATABASE)
    with pytest.raises(StorageError):
        Reader(str(tmp_path)).rows()
    damaged = (tmp_path / DATABASE).read_bytes()
    again = Store(str(tmp_path))
    assert again.is_new and (tmp_path / again.set_aside).read_bytes() == damaged
    again.close()


def test_a_changed_value_is_noticed(base, reader, tmp_path):
    base._base.execute("UPDATE exam SET state = 'signed' WHERE number = 2")
    base._base.execute("UPDATE exam SET operator = CAST(x'ff' AS TEXT), captures = x'00' WHERE number = 3")
    assert [(row.number, is_whole) for row, is_whole in reader.rows()] == [
        (5, True), (4, True), (3, False), (2, False), (1, True)]


def test_a_store_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StorageError) as caught:
        Reader(str(tmp_path)).rows()
    assert caught.value.code == 'store-missing' and os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize('text, free, code', [('disk I/O error', 0, 'disk-full'), ('database or disk is full', 9,
                                                                                   'disk-full'),
                                              ('disk I/O error', 9, 'store-failing')])
def test_a_full_disk_is_called_full(tmp_path, monkeypatch, text, free, code):
    monkeypatch.setattr(os, 'statvfs', lambda folder: type('Space', (), {'f_bavail': free}))
    assert store.store_error(sqlite3.OperationalError(text), str(tmp_path)).code == code


@pytest.mark.skipif(os.geteuid() != 0, reason='only root reads what belongs to another user')
def test_what_root_reads_can_be_written_by_its_owner_afterwards(tmp_path):
    """SQLite gives files that it makes beside a database to the owner of that; a build may leave that out."""
    folder = tmp_path / 'exams'
    folder.mkdir()
    base = Store(str(folder))
    base.fill([exam(1)])
    base.close()
    for path in (folder, folder / DATABASE):
        os.chown(str(path), 1234, 1234)
    tmp_path.chmod(0o755)
    assert numbers(Reader(str(folder)).rows()) == [1]
    assert {path.stat().st_uid for path in folder.iterdir()} == {1234}
    assert len(list(folder.iterdir())) == 3, 'SQLite leaves its journal, and this test sees nothing else'
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setuid(1234)
            Store(str(folder)).put(exam(2))
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
