"""A queue from folder to list: odd frames first, each with reason and picture; one sentence where nothing is left."""
import csv
import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.active.cli import queue_command  # noqa: E402
from models.data import open_data  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.regions import REGIONS  # noqa: E402
from service.simulator import describe, make_phantom  # noqa: E402
from tests.models.data import builders  # noqa: E402

SIZE = 120, 160


def call(*arguments):
    return CliRunner().invoke(queue_command, list(map(str, arguments)))


def phantom(seed, kind='frontal'):
    return make_phantom(seed, *SIZE, None, describe(kind, seed)).celsius


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Nine ordinary frames, one of them twice; one from the side; one without anybody; one that is no thermogram."""
    folder = tmp_path_factory.mktemp('frames')
    for seed in range(9):
        np.save(folder / ('p%d_frontal.npy' % seed), phantom(seed))
    np.save(folder / 'side.npy', phantom(20, 'left-lateral'))
    np.save(folder / 'twice.npy', phantom(3))
    np.save(folder / 'wall.npy', np.full(SIZE, 20, np.float32))
    (folder / 'torn.npy').write_bytes(b'\x93NUMPY')
    return folder


@pytest.fixture(scope='module')
def done(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp('queue') / 'out'
    result = call(folder, '--out', out, '--count', 4)
    assert result.exit_code == 1, 'one file cannot be read'
    return out, json.loads((out / 'queue.json').read_text()), result


def test_the_odd_frame_is_first_with_a_reason(done):
    _, document, result = done
    first = document['frames'][0]
    assert first['key'] == 'side' and first['rank'] == 1 and first['patient'] == 'side'
    assert any(line.startswith('odd: ') for line in first['reasons'])
    assert all(frame['reasons'] for frame in document['frames'])
    assert 'torn: left out.' in result.output and 'Left out, as equal to another frame: 1.' in result.output


def test_the_list_is_what_other_programs_read(done, folder):
    out, document, _ = done
    assert (document['format'], document['version'], len(document['frames'])) == ('thermoscreen queue', 1, 4)
    assert (document['frames_without_labels'], document['refused'], document['doubles']) == (10, 1, 1)
    frame = document['frames'][-1]
    source = document['data'][frame['data']]
    sample, = open_data(source['path'], source['layout'], **source['options']).subset([frame['key']])
    assert sample.thermogram().pixels.shape == (frame['height'], frame['width']) == SIZE
    labels = cv2.imread(str(out / frame['labels']), cv2.IMREAD_UNCHANGED)
    assert labels.shape == SIZE and 1 < len(np.unique(labels)) <= len(REGIONS)
    assert cv2.imread(str(out / frame['overlay'])).shape[0] == 480
    with open(out / 'queue.csv', newline='') as stream:
        rows = list(csv.DictReader(stream))
    assert [row['key'] for row in rows] == [one['key'] for one in document['frames']]
    assert rows[0]['path'] == str(folder) and rows[0]['reasons']


def test_a_typical_frame_says_what_it_stands_for(folder, tmp_path):
    paths = [folder / name for name in ('p1_frontal.npy', 'p2_frontal.npy', 'side.npy')]
    assert call(*paths, '--out', tmp_path / 'out', '--count', 2, '--by', 'typical').exit_code == 0
    first, second = json.loads((tmp_path / 'out' / 'queue.json').read_text())['frames']
    assert first['key'] in ('p1_frontal', 'p2_frontal') and first['reasons'][0] == 'stands for 1 like it'
    assert second['key'] != first['key'] and not any(line.startswith('odd') for line in second['reasons'])


def test_frames_with_labels_are_compared_with_and_not_queued(tmp_path):
    pack = builders.dmr_pack(tmp_path / 'pack', ('1,Healthy,space,yes', '2,Healthy,space,', '3,Sick,space,'))
    result = call(pack, '--out', tmp_path / 'out', '--json')
    assert result.exit_code == 0
    document = json.loads(result.output)
    assert sorted(frame['key'] for frame in document['frames']) == ['0002', '0003']
    assert document['frames_with_labels'] == 1


@pytest.mark.parametrize('rows, code', [(('1,Healthy,space,yes',), 'queue-empty')])
def test_an_empty_queue_is_a_sentence(tmp_path, rows, code):
    pack = builders.dmr_pack(tmp_path / 'pack', rows)
    result = call(pack, '--out', tmp_path / 'out')
    assert isinstance(result.exception, InputError) and result.exception.code == code
    assert '1 with labels' in result.exception.message.sentence and not (tmp_path / 'out').exists()


def test_one_frame(tmp_path, folder):
    result = call(folder / 'p1_frontal.npy', '--out', tmp_path / 'out')
    assert result.exit_code == 0 and '1 of 1 frames' in result.output


def test_another_report_is_not_replaced(tmp_path, folder):
    (tmp_path / 'notes.txt').write_text('mine')
    result = call(folder / 'p1_frontal.npy', '--out', tmp_path)
    assert result.exception.code == 'out-not-empty' and [path.name for path in tmp_path.iterdir()] == ['notes.txt']
