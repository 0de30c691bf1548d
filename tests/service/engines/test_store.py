"""The engine store: engines are written as a whole, and refused with the reason."""
import errno
import itertools
import json
import os
import subprocess
import sys

import pytest

from service.durable import hidden_name
from service.engines import EngineStore, default_folder
from service.messages import BackendError, StorageError
from tests.fakes.engines import key, record

PLAN = b'a plan' * 1000


@pytest.fixture
def store(tmp_path):
    made = EngineStore(str(tmp_path / 'engines'))
    made.check_writable()
    return made


def refused(store, asked, bundle=''):
    """The refusal of a question."""
    with pytest.raises(BackendError) as caught:
        store.find(asked, bundle)
    assert '\n' not in caught.value.message.text
    return caught.value


def files(store):
    return sorted(name for name in os.listdir(store.folder) if not name.startswith('.'))


def test_what_is_written_is_found(store):
    store.write(key(), PLAN, record())
    found = store.find(key())
    assert found.plan == PLAN and found.key == key() and found.notes == ()
    assert found.record['proof'] == {'labels_agreement': 1.0}
    assert [entry.name for entry in store.list()] == [found.name] == [key().name]
    assert found.name.startswith('fp16-abababab-sm53-trt8.2.1-')


def test_an_empty_folder_or_none_has_no_engine(store, tmp_path):
    assert refused(store, key()).code == 'engine-missing'
    absent = EngineStore(str(tmp_path / 'nowhere'))
    assert absent.list() == [] and refused(absent, key()).code == 'engine-missing'
    assert 'thermoscreen compile' in refused(absent, key()).message.text


@pytest.mark.parametrize('changes, code, words', [
    ({'tensorrt': '8.0.1'}, 'engine-stale', 'TensorRT: built for 8.0.1, here 8.2.1'),
    ({'sm': 72}, 'engine-foreign', 'compute capability: built for 7.2, here 5.3'),
    ({'board': 'Jetson TX1'}, 'engine-foreign', 'board: built for Jetson TX1, here Jetson Nano'),
    ({'sm': 72, 'tensorrt': '8.5.2'}, 'engine-foreign', 'TensorRT: built for 8.5.2, here 8.2.1, compute capability'),
    ({'flags': ('no-cublas',)}, 'engine-stale', 'build options: built for no-cublas, here workspace=256'),
])
def test_each_difference_is_named_with_both_values(store, changes, code, words):
    store.write(key(**changes), PLAN, record())
    error = refused(store, key())
    assert error.code == code and words in error.message.text


def test_an_engine_of_an_older_bundle_is_stale_and_of_another_bundle_absent(store):
    store.write(key(onnx_sha256='12' * 32), PLAN, record())
    error = refused(store, key(), bundle='tiny')
    assert error.code == 'engine-stale'
    assert 'model file: built for 121212121212, here abababababab' in error.message.text
    assert refused(store, key(), bundle='another').code == 'engine-missing'


def test_another_precision_is_no_engine_for_this_one(store):
    store.write(key(precision='fp32'), PLAN, record())
    assert refused(store, key()).code == 'engine-missing'


def test_another_power_mode_is_noted_and_not_refused(store):
    store.write(key(power_mode='5W'), PLAN, record())
    found = store.find(key())
    assert found.plan == PLAN and 'power mode 5W and runs in MAXN' in found.notes[0]


OPTIONS = [('workspace=%d' % size,) for size in (64, 128, 256)]


@pytest.mark.parametrize('order', list(itertools.permutations(OPTIONS)))
def test_this_power_mode_comes_first_then_the_newest(store, order):
    """Whatever the names are: they begin with a hash, so that each order of writing is another order of names."""
    store.write(key(power_mode='5W'), b'newest of all, in another mode', record(built_at='2026-11-25T10:00:00Z'))
    for day, flags in enumerate(order, 20):
        store.write(key(flags=flags), b'%d' % day, record(built_at='2026-11-%dT10:00:00Z' % day))
    assert store.find(key(flags=None)).plan == b'22'
    assert store.find(key(flags=order[0])).plan == b'20'


@pytest.mark.parametrize('order', list(itertools.permutations(OPTIONS)))
def test_where_none_is_of_this_power_mode_the_newest_is_taken(store, order):
    for day, flags in enumerate(order, 20):
        store.write(key(power_mode='5W', flags=flags), b'%d' % day, record(built_at='2026-11-%dT10:00:00Z' % day))
    assert store.find(key(flags=None)).plan == b'22'


@pytest.mark.parametrize('order', list(itertools.permutations(OPTIONS)))
def test_after_a_damaged_one_comes_the_newest_of_the_others(store, order):
    for day, flags in enumerate(order, 20):
        written = store.write(key(flags=flags), b'%d' % day, record(built_at='2026-11-%dT10:00:00Z' % day))
    with open(os.path.join(store.folder, written['plan']['file']), 'ab') as stream:
        stream.write(b'!')
    assert store.find(key(flags=None)).plan == b'21'


def test_notes_of_the_build_are_passed_on(store):
    store.write(key(), PLAN, record(notes=['Short of memory.']))
    assert store.find(key()).notes == ('Short of memory.',)


@pytest.mark.parametrize('spoil', [
    lambda data: data[:-1],
    lambda data: data + b'x',
    lambda data: b'X' + data[1:],
    lambda data: b'',
])
def test_a_changed_plan_is_not_loaded(store, spoil):
    path = os.path.join(store.folder, store.write(key(), PLAN, record())['plan']['file'])
    with open(path, 'wb') as stream:
        stream.write(spoil(PLAN))
    assert refused(store, key()).code == 'engine-tampered'


def test_a_plan_that_is_a_link_is_not_loaded(store, tmp_path):
    path = os.path.join(store.folder, store.write(key(), PLAN, record())['plan']['file'])
    os.rename(path, str(tmp_path / 'elsewhere'))
    os.symlink(str(tmp_path / 'elsewhere'), path)
    assert refused(store, key()).code == 'engine-tampered'


def test_a_missing_plan_is_reported(store):
    os.unlink(os.path.join(store.folder, store.write(key(), PLAN, record())['plan']['file']))
    assert refused(store, key()).code == 'engine-unreadable'


def record_path(store):
    return os.path.join(store.folder, key().name + '.engine.json')


@pytest.mark.parametrize('spoil', [
    lambda text: text[:len(text) // 2],
    lambda text: '',
    lambda text: '[]',
    lambda text: text.replace('"schema": 1', '"schema": 2'),
    lambda text: text.replace('"sm": 53', '"sm": "53"'),
    lambda text: text.replace('"file": "', '"file": "../'),
    lambda text: '[' * 100000,
])
def test_a_damaged_record_is_refused_and_stays_until_it_is_removed(store, spoil):
    store.write(key(), PLAN, record())
    with open(record_path(store)) as stream:
        text = stream.read()
    with open(record_path(store), 'w') as stream:
        stream.write(spoil(text))
    assert refused(store, key()).code == 'engine-unreadable'
    assert refused(store, key(precision='fp32')).code == 'engine-missing'
    store.sweep()
    assert len(files(store)) == 2 and store.list()[0].problem.code == 'engine-unreadable'
    store.remove(key().name)
    assert files(store) == []


def test_an_intact_engine_is_preferred_to_a_damaged_one(store):
    store.write(key(flags=('no-cublas',)), b'good', record(built_at='2026-11-01T10:00:00Z'))
    newer = store.write(key(), PLAN, record())
    with open(os.path.join(store.folder, newer['plan']['file']), 'ab') as stream:
        stream.write(b'!')
    assert store.find(key(flags=None)).plan == b'good'


def test_the_same_key_is_replaced_as_a_whole(store):
    store.write(key(), PLAN, record())
    store.write(key(), b'another', record(seconds=2.5))
    assert store.find(key()).plan == b'another' and len(files(store)) == 2


@pytest.mark.parametrize('failing', ['plan', 'record'])
@pytest.mark.parametrize('before', [True, False])
def test_a_full_disk_in_the_middle_leaves_what_was_there(store, monkeypatch, failing, before):
    if before:
        store.write(key(), PLAN, record())
    there = files(store)
    real_write, calls = os.write, []

    def full(descriptor, data):
        calls.append(len(data))
        if len(calls) > (0 if failing == 'plan' else 1):
            # Part of it still fits: that part must not stay behind.
            real_write(descriptor, bytes(data)[:10])
            raise OSError(errno.ENOSPC, 'No space left on device')
        return real_write(descriptor, data)

    monkeypatch.setattr(os, 'write', full)
    with pytest.raises(StorageError) as caught:
        store.write(key(), b'the new one', record())
    assert caught.value.code == 'disk-full'
    monkeypatch.undo()
    assert files(store) == there and not [name for name in os.listdir(store.folder) if name.endswith('.part')]
    if before:
        assert store.find(key()).plan == PLAN


def test_a_writer_killed_between_plan_and_record_leaves_the_old_engine(store):
    store.write(key(), PLAN, record())
    orphan = os.path.join(store.folder, key().name + '.000000000000.plan')
    abandoned = hidden_name(store.folder)
    for path in (orphan, abandoned):
        with open(path, 'wb') as stream:
            stream.write(b'half')
    assert store.find(key()).plan == PLAN
    store.sweep()
    assert not os.path.exists(orphan) and not os.path.exists(abandoned) and store.find(key()).plan == PLAN


def test_other_files_of_the_folder_are_left_alone(store):
    for name in ('choice.json', 'timing-nano.cache', 'note.txt'):
        with open(os.path.join(store.folder, name), 'w') as stream:
            stream.write('{}')
    store.write(key(), PLAN, record())
    store.remove(key().name)
    assert files(store) == ['choice.json', 'note.txt', 'timing-nano.cache'] and store.list() == []


def test_only_what_a_new_engine_replaces_is_removed(store):
    old = record(bundle={'id': 'tiny', 'version': '0.9.0', 'hash': 'ee' * 32})
    gone = [store.write(key(onnx_sha256='12' * 32), PLAN, old), store.write(key(tensorrt='8.0.1'), PLAN, record())]
    store.write(key(precision='fp32', onnx_sha256='12' * 32), PLAN, old)
    store.write(key(board='Jetson TX1'), PLAN, old)
    store.write(key(onnx_sha256='34' * 32), PLAN, record(bundle={'id': 'other', 'version': '1', 'hash': 'ff'}))
    store.write(key(power_mode='5W'), PLAN, record())
    store.write(key(flags=()), PLAN, record())
    new = store.write(key(), PLAN, record())
    removed = store.remove_superseded(new)
    assert sorted(removed) == sorted(one['plan']['file'][:-len('.000000000000.plan')] for one in gone)
    assert len(store.list()) == 6 and store.find(key()).plan == PLAN


def test_a_full_disk_does_not_keep_an_engine_from_being_removed(store, monkeypatch):
    store.write(key(), PLAN, record())

    class Full:
        f_frsize, f_bavail = 4096, 0

    monkeypatch.setattr(os, 'statvfs', lambda path: Full)
    store.remove(key().name)
    assert files(store) == []


def test_a_folder_that_cannot_be_written_to_says_so_and_keeps_its_engine(store, monkeypatch):
    store.write(key(), PLAN, record())

    def refuse(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, 'unlink', refuse)
    with pytest.raises(StorageError) as caught:
        store.remove(key().name)
    assert caught.value.code == 'engine-store-unwritable'
    monkeypatch.undo()
    assert store.find(key()).plan == PLAN


def test_an_unknown_name_is_reported(store):
    with pytest.raises(BackendError) as caught:
        store.remove('fp16-nothing')
    assert caught.value.code == 'engine-missing' and 'engines list' in caught.value.message.text


def test_the_record_is_readable(store):
    store.write(key(), PLAN, record())
    with open(record_path(store)) as stream:
        document = json.load(stream)
    assert document['key']['board'] == 'Jetson Nano' and document['plan']['bytes'] == len(PLAN)


HOLDER = '''
import sys
from service.engines import EngineStore
with EngineStore(sys.argv[1]).lock('fp16 of tiny'):
    sys.stdout.write('locked\\n')
    sys.stdout.flush()
    sys.stdin.read()
'''


def test_the_folder_is_made_and_nothing_is_left_in_it(store):
    assert os.listdir(store.folder) == []


def test_a_folder_that_cannot_be_created_is_reported_before_anything_is_built(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StorageError) as caught:
        EngineStore(str(tmp_path / 'file' / 'engines')).check_writable()
    assert caught.value.code == 'engine-store-unwritable' and '--engines' in caught.value.message.text


@pytest.mark.parametrize('number, code', [(errno.EROFS, 'engine-store-unwritable'), (errno.EACCES,
                                          'engine-store-unwritable'), (errno.ENOSPC, 'disk-full')])
def test_what_the_system_refuses_is_reported(store, monkeypatch, number, code):
    def refuse(descriptor, data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, 'write', refuse)
    with pytest.raises(StorageError) as caught:
        store.check_writable()
    assert caught.value.code == code
    monkeypatch.undo()
    assert os.listdir(store.folder) == []


def test_too_little_space_is_reported_with_both_figures(store, monkeypatch):
    real = os.statvfs(store.folder)

    class Little:
        f_frsize, f_bavail = real.f_frsize, (100 << 20) // real.f_frsize

    monkeypatch.setattr(os, 'statvfs', lambda path: Little)
    store.check_writable(30 << 20)
    with pytest.raises(StorageError) as caught:
        store.check_writable(50 << 20)
    assert caught.value.code == 'disk-full' and '100 MiB' in caught.value.message.text
    assert '150' in caught.value.message.text


def test_a_second_builder_in_this_process_is_told_who_builds(store):
    with store.lock('int8 of tiny'):
        with pytest.raises(BackendError) as caught:
            with store.lock():
                raise AssertionError('two builders at once')
        assert caught.value.code == 'engine-store-busy'
        assert 'int8 of tiny, process %d, since 20' % os.getpid() in caught.value.message.text
    with store.lock():
        pass


def test_a_second_process_is_told_and_a_killed_one_holds_nothing(store, root):
    holder = subprocess.Popen([sys.executable, '-c', HOLDER, store.folder], cwd=str(root), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b'locked\n'
        with pytest.raises(BackendError) as caught:
            with store.lock():
                raise AssertionError('two builders at once')
        assert 'fp16 of tiny, process %d' % holder.pid in caught.value.message.text
    finally:
        holder.kill()
        holder.communicate()
    with store.lock():
        pass


def test_a_lock_file_that_says_nothing_is_still_a_lock(store):
    with store.lock():
        with open(os.path.join(store.folder, '.lock'), 'w'):
            pass
        with pytest.raises(BackendError) as caught:
            with store.lock():
                raise AssertionError('two builders at once')
        assert caught.value.code == 'engine-store-busy'


def test_a_failing_builder_releases_the_lock(store):
    with pytest.raises(ZeroDivisionError):
        with store.lock():
            raise ZeroDivisionError
    with store.lock():
        pass


def test_the_default_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_folder() == str(tmp_path / 'thermoscreen' / 'engines')
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', '/home/somebody')
    assert default_folder() == '/home/somebody/.cache/thermoscreen/engines'
