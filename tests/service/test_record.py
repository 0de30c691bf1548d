"""A result as files: all of them, or none."""
import json
import os

import cv2
import numpy as np
import pytest

from service import record
from service.messages import StorageError
from service.record import write_record
from service.thermogram import Thermogram
from tests.fakes import frames
from tests.fakes.pipelines import stub_pipeline


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


def test_a_failing_disk_leaves_no_folder(tmp_path, result, monkeypatch):
    def full(path, document):
        raise StorageError('disk-full', 'The disk is full.')

    monkeypatch.setattr(record, 'atomic_write_json', full)
    with pytest.raises(StorageError):
        write_record(str(tmp_path / 'frame'), result)
    assert os.listdir(str(tmp_path)) == []


def test_a_place_that_cannot_be_written(tmp_path, result):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(StorageError) as caught:
        write_record(str(tmp_path / 'file' / 'frame'), result)
    assert caught.value.code == 'not-writable'
