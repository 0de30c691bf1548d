"""A result as files: all of them, or none."""
import errno
import json
import os
import shutil

import cv2
import numpy as np
import pytest

from service import durable
from service.messages import StorageError
from service.record import recover_records, write_record
from service.thermogram import Thermogram
from tests.fakes import frames
from tests.fakes.killing import CALLS, killed_at
from tests.fakes.pipelines import stub_pipeline

EXCHANGE = ((durable, '_exchange'),)


@pytest.fixture(scope='module')
def result():
    with stub_pipeline() as pipeline:
        return pipeline.analyse(Thermogram.from_celsius(frames.torso(120, 160), source='x'))


@pytest.fixture(scope='module')
def refused():
    with stub_pipeline() as pipeline:
        return pipeline.analyse(Thermogram.from_celsius(np.full((120, 160), 25.0), source='x'))


def test_three_files_that_say_the_same(tmp_path, result):
    folder = str(tmp_path / 'exam' / 'frame')
    write_record(folder, result)
    assert sorted(os.listdir(folder)) == ['labels.png', 'overlay.png', 'result.json']
    labels = cv2.imread(os.path.join(folder, 'labels.png'), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint8 and np.array_equal(labels, result.labels)
    with open(os.path.join(folder, 'result.json')) as stream:
        document = json.load(stream)
    assert document['outcome'] == 'result' and document['files'] == sorted(os.listdir(folder))


def test_a_result_without_a_finding_has_the_same_files(tmp_path, result):
    with stub_pipeline(finding=None) as pipeline:
        write_record(str(tmp_path), pipeline.analyse(result.thermogram))
    assert sorted(os.listdir(str(tmp_path))) == ['labels.png', 'overlay.png', 'result.json']
    with open(str(tmp_path / 'result.json')) as stream:
        document = json.load(stream)
    assert document['outcome'] == 'result' and document['finding'] is None
    assert 'no finding' in document['sentences'][-1]


def test_a_frame_that_was_never_labelled_has_no_labels(tmp_path, result, refused):
    folder = str(tmp_path / 'frame')
    write_record(folder, result)
    write_record(folder, refused)
    assert sorted(os.listdir(folder)) == ['overlay.png', 'result.json']


def test_other_files_in_the_folder_stay(tmp_path, result, refused):
    folder = tmp_path / 'frame'
    write_record(str(folder), result)
    (folder / 'notes').mkdir()
    (folder / 'notes' / 'visit.md').write_text('second visit')
    write_record(str(folder), refused)
    assert (folder / 'notes' / 'visit.md').read_text() == 'second visit'
    assert sorted(os.listdir(str(folder))) == ['notes', 'overlay.png', 'result.json']


def test_a_link_is_followed(tmp_path, refused):
    (tmp_path / 'real').mkdir()
    os.symlink('real', str(tmp_path / 'link'))
    write_record(str(tmp_path / 'link'), refused)
    assert os.path.islink(str(tmp_path / 'link')) and 'result.json' in os.listdir(str(tmp_path / 'real'))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith('.')}


@pytest.fixture(scope='module')
def earlier(tmp_path_factory, result):
    """The folder of an earlier result."""
    folder = tmp_path_factory.mktemp('earlier') / 'frame'
    write_record(str(folder), result)
    return folder


@pytest.fixture(scope='module')
def records(tmp_path_factory, earlier, refused):
    """What is in the folders of two results."""
    folder = tmp_path_factory.mktemp('records') / 'frame'
    write_record(str(folder), refused)
    return content(earlier), content(folder)


@pytest.mark.parametrize('over', [False, True], ids=['fresh', 'over'])
def test_a_killed_writer_never_leaves_a_mixed_or_partial_record(tmp_path, earlier, refused, records, over):
    """The picture of one patient beside the numbers of another, or pictures without numbers."""
    old, new = records
    folder, k, killed = tmp_path / 'frame', 0, True
    while killed:
        if over:
            shutil.copytree(str(earlier), str(folder))
        killed = killed_at(k, lambda: write_record(str(folder), refused), CALLS + EXCHANGE)
        if folder.exists() or over:
            assert content(folder) in ((old, new) if over else (new,)), 'killed at call %d' % k
        recover_records(str(tmp_path))
        assert os.listdir(str(tmp_path)) in ([], ['frame'])
        shutil.rmtree(str(folder), ignore_errors=not over)
        k += 1
    assert k > 12


@pytest.mark.parametrize('over', [False, True], ids=['fresh', 'over'])
@pytest.mark.parametrize('name', ['mkdir', 'open', 'write', 'fsync'])
def test_a_full_disk_leaves_the_earlier_record_or_none(tmp_path, monkeypatch, earlier, refused, records, name, over):
    old, new = records
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
                write_record(str(folder), refused)
            except StorageError as error:
                assert error.code in ('disk-full', 'not-writable')
        if folder.exists() or over:
            assert content(folder) in ((old, new) if over else (new,)), '%s %d failed' % (name, k)
        recover_records(str(tmp_path))
        shutil.rmtree(str(folder), ignore_errors=not over)
        if left[0] >= 0:
            break
    assert left[0] >= 0 and k > 0


def test_the_next_start_clears_away_what_was_left(tmp_path, earlier, records):
    shutil.copytree(str(earlier), str(tmp_path / 'frame'))
    for name in ('.frame.staged', '.other.staged'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'overlay.png').write_bytes(b'half')
    (tmp_path / 'frame').rename(tmp_path / '.gone.previous')
    recover_records(str(tmp_path))
    assert os.listdir(str(tmp_path)) == ['gone'] and content(tmp_path / 'gone') == records[0]
    recover_records(str(tmp_path / 'never made'))


def test_writers_into_one_folder_wait_for_each_other(tmp_path, result, refused, records):
    """Four at once, ten times each: none takes the half-written folder of another for a leftover."""
    writers = []
    for number in range(4):
        process = os.fork()
        if process == 0:
            try:
                for _ in range(10):
                    write_record(str(tmp_path / 'frame'), (result, refused)[number % 2])
                os._exit(0)
            finally:
                os._exit(1)
        writers.append(process)
    assert [os.waitpid(process, 0)[1] for process in writers] == [0] * 4
    assert content(tmp_path / 'frame') in records and os.listdir(str(tmp_path)) == ['frame']


@pytest.mark.parametrize('name', ['file/frame', 'file'])
def test_a_place_that_cannot_be_written(tmp_path, result, name):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(StorageError) as caught:
        write_record(str(tmp_path / name), result)
    assert caught.value.code == 'not-writable'
    assert (tmp_path / 'file').read_bytes() == b'' and os.listdir(str(tmp_path)) == ['file']
