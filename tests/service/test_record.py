"""A result as files: all of them, or none."""
import datetime
import errno
import hashlib
import json
import os
import shutil
import time

import cv2
import numpy as np
import pytest

from service import durable, record
from service.messages import InputError, StorageError
from service.readers import HeldFile, files
from service.record import Input, input_of, list_records, read_record, recover_records, write_record
from service.summary import write_summary
from service.thermogram import Thermogram
from tests.fakes import frames
from tests.fakes.killing import CALLS, killed_at
from tests.fakes.pipelines import stub_pipeline

EXCHANGE = ((durable, '_exchange'),)
SOURCE, OTHER = Input('a.txt', 'aa' * 32), Input('b.txt', 'bb' * 32)


@pytest.fixture(scope='module')
def result():
    with stub_pipeline() as pipeline:
        return pipeline.analyse(Thermogram.from_celsius(frames.torso(120, 160), source='x'))


@pytest.fixture(scope='module')
def refused():
    with stub_pipeline() as pipeline:
        return pipeline.analyse(Thermogram.from_celsius(np.full((120, 160), 25.0), source='x'))


def open_bytes(folder, name):
    with open(os.path.join(str(folder), name), 'rb') as stream:
        return stream.read()


def seconds_since(utc):
    moment = datetime.datetime.strptime(utc, '%Y-%m-%dT%H:%M:%S.%fZ')
    return (datetime.datetime.utcfromtimestamp(time.time()) - moment).total_seconds()


def test_three_files_that_say_the_same(tmp_path, result):
    folder = str(tmp_path / 'exam' / 'frame')
    write_record(folder, result, SOURCE)
    assert sorted(os.listdir(folder)) == ['labels.png', 'overlay.png', 'result.json']
    labels = cv2.imread(os.path.join(folder, 'labels.png'), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint8 and np.array_equal(labels, result.labels)
    with open(os.path.join(folder, 'result.json')) as stream:
        document = json.load(stream)
    assert document['outcome'] == 'result' and document['input'] == {'name': 'a.txt', 'sha256': 'aa' * 32, 'frame': 1}
    assert document['files'] == {name: hashlib.sha256(open_bytes(folder, name)).hexdigest()
                                 for name in ('labels.png', 'overlay.png')}
    assert document['written_at'].endswith('Z') and abs(seconds_since(document['written_at'])) < 3600


def test_a_result_without_a_finding_has_the_same_files(tmp_path, result):
    with stub_pipeline(finding=None) as pipeline:
        write_record(str(tmp_path), pipeline.analyse(result.thermogram), SOURCE)
    assert sorted(os.listdir(str(tmp_path))) == ['labels.png', 'overlay.png', 'result.json']
    with open(str(tmp_path / 'result.json')) as stream:
        document = json.load(stream)
    assert document['outcome'] == 'result' and document['finding'] is None
    assert 'no finding' in document['sentences'][-1]


def test_a_frame_that_was_never_labelled_has_no_labels(tmp_path, result, refused):
    folder = str(tmp_path / 'frame')
    write_record(folder, result, SOURCE)
    write_record(folder, refused, SOURCE)
    assert sorted(os.listdir(folder)) == ['overlay.png', 'result.json']


def test_other_files_in_the_folder_stay(tmp_path, result, refused):
    folder = tmp_path / 'frame'
    write_record(str(folder), result, SOURCE)
    (folder / 'notes').mkdir()
    (folder / 'notes' / 'visit.md').write_text('second visit')
    write_record(str(folder), refused, SOURCE)
    assert (folder / 'notes' / 'visit.md').read_text() == 'second visit'
    assert sorted(os.listdir(str(folder))) == ['notes', 'overlay.png', 'result.json']


def test_a_link_is_followed(tmp_path, refused):
    (tmp_path / 'real').mkdir()
    os.symlink('real', str(tmp_path / 'link'))
    write_record(str(tmp_path / 'link'), refused, SOURCE)
    assert os.path.islink(str(tmp_path / 'link')) and 'result.json' in os.listdir(str(tmp_path / 'real'))


def content(folder):
    """Whose record lies in a folder; it is whole, or nothing of it is there."""
    if not folder.exists():
        return None
    document = read_record(str(folder))
    assert sorted(document['files']) == sorted(name for name in os.listdir(str(folder)) if name.endswith('.png'))
    return document['input']['name'], document['outcome']


@pytest.fixture(scope='module')
def earlier(tmp_path_factory, result):
    """The folder of an earlier result."""
    folder = tmp_path_factory.mktemp('earlier') / 'frame'
    write_record(str(folder), result, SOURCE)
    return folder


#: What the folders of two results say.
OLD, NEW = ('a.txt', 'result'), ('b.txt', 'no-result')


@pytest.mark.parametrize('over', [False, True], ids=['fresh', 'over'])
def test_a_killed_writer_never_leaves_a_mixed_or_partial_record(tmp_path, earlier, refused, over):
    """The picture of one patient beside the numbers of another, or pictures without numbers."""
    folder, k, killed = tmp_path / 'frame', 0, True
    while killed:
        if over:
            shutil.copytree(str(earlier), str(folder))
        killed = killed_at(k, lambda: write_record(str(folder), refused, OTHER, force=True), CALLS + EXCHANGE)
        assert content(folder) in (OLD if over else None, NEW), 'killed at call %d' % k
        recover_records(str(tmp_path))
        assert os.listdir(str(tmp_path)) in ([], ['frame'])
        shutil.rmtree(str(folder), ignore_errors=not over)
        k += 1
    assert k > 12


@pytest.mark.parametrize('over', [False, True], ids=['fresh', 'over'])
@pytest.mark.parametrize('name', ['mkdir', 'open', 'write', 'fsync'])
def test_a_full_disk_leaves_the_earlier_record_or_none(tmp_path, monkeypatch, earlier, refused, name, over):
    folder = tmp_path / 'frame'
    for k in range(40):
        if over:
            shutil.copytree(str(earlier), str(folder))
        real, left = getattr(os, name), [k]

        def full(*args, real=real, left=left, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, 'No space left on device')
            return real(*args, **kwargs)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            try:
                write_record(str(folder), refused, OTHER, force=True)
            except StorageError as error:
                assert error.code in ('disk-full', 'not-writable')
        assert content(folder) in (OLD if over else None, NEW), '%s %d failed' % (name, k)
        recover_records(str(tmp_path))
        shutil.rmtree(str(folder), ignore_errors=not over)
        if left[0] >= 0:
            break
    assert left[0] >= 0 and k > 0


def test_the_next_start_clears_away_what_was_left(tmp_path, earlier):
    shutil.copytree(str(earlier), str(tmp_path / 'frame'))
    for name in ('.frame.01234567.staged', '.other.89abcdef.staged'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'overlay.png').write_bytes(b'half')
    (tmp_path / 'frame').rename(tmp_path / '.gone.previous.staged')
    (tmp_path / ('.%s.part' % ('0' * 32))).write_bytes(b'half')
    recover_records(str(tmp_path))
    assert os.listdir(str(tmp_path)) == ['gone'] and content(tmp_path / 'gone') == OLD
    recover_records(str(tmp_path / 'never made'))


def test_where_no_folder_can_be_locked_no_writer_is_taken_for_dead(tmp_path, monkeypatch, refused):
    def refuse(descriptor, operation):
        raise OSError(errno.EBADF, 'Bad file descriptor')  # as NFS says
    monkeypatch.setattr(record.fcntl, 'flock', refuse)
    (tmp_path / '.frame.01234567.staged').mkdir()
    recover_records(str(tmp_path))
    write_record(str(tmp_path / 'frame'), refused, SOURCE)
    assert sorted(os.listdir(str(tmp_path))) == ['.frame.01234567.staged', 'frame']


def test_writers_into_one_folder_wait_for_each_other(tmp_path, result, refused):
    """Four at once, ten times each: none takes the half-written folder of another for a leftover."""
    writers = []
    for number in range(4):
        process = os.fork()
        if process == 0:
            try:
                for _ in range(10):
                    write_record(str(tmp_path / 'frame'), (result, refused)[number % 2], (SOURCE, OTHER)[number % 2],
                                 force=True)
                os._exit(0)
            finally:
                os._exit(1)
        writers.append(process)
    assert [os.waitpid(process, 0)[1] for process in writers] == [0] * 4
    assert content(tmp_path / 'frame') in (OLD, NEW) and os.listdir(str(tmp_path)) == ['frame']


def test_the_result_of_another_file_is_not_replaced(tmp_path, result, refused):
    folder = tmp_path / 'frame'
    write_record(str(folder), result, SOURCE)
    with pytest.raises(InputError) as caught:
        write_record(str(folder), refused, OTHER)
    assert caught.value.code == 'result-of-another-file' and content(folder) == OLD
    assert 'a.txt' in caught.value.message.sentence and 'aaaaaaaaaaaa' in caught.value.message.sentence
    assert '--force' in caught.value.message.next_step
    write_record(str(folder), refused, SOURCE)
    assert content(folder) == ('a.txt', 'no-result')
    write_record(str(folder), refused, OTHER, force=True)
    assert content(folder) == NEW and os.listdir(str(tmp_path)) == ['frame']


@pytest.mark.parametrize('name, data', [
    ('overlay.png', b'a picture'), ('labels.png', b'labels'), ('result.json', b'{"schema": 2}'),
    ('result.json', b'not JSON'), ('result.json', b'[' * 100000), ('result.json', b'{"input": NaN}'),
    ('result.json', b''),
])
def test_a_result_that_does_not_say_whose_it_is_is_not_replaced(tmp_path, result, name, data):
    (tmp_path / 'frame').mkdir()
    (tmp_path / 'frame' / name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        write_record(str(tmp_path / 'frame'), result, SOURCE)
    assert caught.value.code == 'result-of-another-file'
    assert (tmp_path / 'frame' / name).read_bytes() == data
    write_record(str(tmp_path / 'frame'), result, SOURCE, force=True)
    assert content(tmp_path / 'frame') == OLD


@pytest.mark.parametrize('name', ['overlay.png', 'labels.png', 'result.json'])
@pytest.mark.parametrize('how', ['changed', 'of another record', 'cut', 'gone'])
def test_a_record_that_is_not_whole_is_noticed(tmp_path, result, refused, name, how):
    mine, other = tmp_path / 'mine', tmp_path / 'other'
    write_record(str(mine), result, SOURCE)
    with stub_pipeline(finding=None) as pipeline:
        write_record(str(other), pipeline.analyse(Thermogram.from_celsius(frames.torso(240, 320), source='y')), OTHER)
    assert read_record(str(mine))['input']['name'] == 'a.txt'
    data = bytearray((mine / name).read_bytes())
    data[len(data) // 2] ^= 1
    changed = {'changed': bytes(data), 'of another record': (other / name).read_bytes(), 'cut': bytes(data[:-1])}
    (mine / name).unlink()
    if how in changed:
        (mine / name).write_bytes(changed[how])
    with pytest.raises(InputError) as caught:
        read_record(str(mine))
    assert caught.value.code in ('result-changed', 'result-unreadable', 'result-missing')
    assert name in caught.value.message.sentence or how == 'of another record'


def test_labels_beside_a_result_without_any_are_noticed(tmp_path, refused, earlier):
    write_record(str(tmp_path / 'frame'), refused, SOURCE)
    shutil.copy(str(earlier / 'labels.png'), str(tmp_path / 'frame'))
    with pytest.raises(InputError) as caught:
        read_record(str(tmp_path / 'frame'))
    assert caught.value.code == 'result-changed'


def test_an_old_summary_is_gone_for_good_before_a_result_is_replaced(tmp_path, monkeypatch, refused):
    write_record(str(tmp_path / 'frame'), refused, SOURCE)
    write_summary(str(tmp_path))
    assert sorted(os.listdir(str(tmp_path))) == ['contact-sheet.png', 'frame', 'summary.csv']
    order, unlink, sync, write = [], os.unlink, record.sync_folder, record.write_folder
    monkeypatch.setattr(record.os, 'unlink', lambda path, **more: (order.append(os.path.basename(path)),
                                                                 unlink(path, **more)))
    monkeypatch.setattr(record, 'sync_folder', lambda path: (order.append('sync'), sync(path)))
    monkeypatch.setattr(record, 'write_folder', lambda *given: (order.append('write'), write(*given)))
    write_record(str(tmp_path / 'frame'), refused, OTHER, force=True)
    assert order[:5] == ['contact-sheet.png', 'sync', 'summary.csv', 'sync', 'write']
    assert os.listdir(str(tmp_path)) == ['frame']


def test_the_records_of_a_folder(tmp_path, result):
    (tmp_path / 'notes').mkdir()
    (tmp_path / 'file').write_text('')
    for name in 'ba':
        write_record(str(tmp_path / name), result, SOURCE)
    assert list_records(str(tmp_path)) == [str(tmp_path / 'a'), str(tmp_path / 'b')]
    assert list_records(str(tmp_path / 'nowhere')) == []
    with pytest.raises(StorageError):
        list_records(str(tmp_path / 'file'))


@pytest.mark.parametrize('held', [files.MAX_HELD_BYTES, 0], ids=['short', 'long'])
def test_an_input_is_what_was_read_whatever_takes_its_place(tmp_path, monkeypatch, held):
    """Another memory stick under the same path, for example."""
    monkeypatch.setattr(files, 'MAX_HELD_BYTES', held)
    path = tmp_path / 'visit.txt'
    path.write_bytes(b'one')
    (tmp_path / 'other').write_bytes(b'two')
    with HeldFile(str(path)) as file:
        os.replace(str(tmp_path / 'other'), str(path))
        assert input_of(file, 3) == Input('visit.txt', hashlib.sha256(b'one').hexdigest(), 3)


@pytest.mark.parametrize('name', ['file/frame', 'file'])
def test_a_place_that_cannot_be_written(tmp_path, result, name):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(StorageError) as caught:
        write_record(str(tmp_path / name), result, SOURCE)
    assert caught.value.code == 'not-writable'
    assert (tmp_path / 'file').read_bytes() == b'' and os.listdir(str(tmp_path)) == ['file']
