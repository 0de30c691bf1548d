"""A folder analysed in the background: whole results on a medium, a row for each file, and every way to its end."""
import csv
import hashlib
import os

import numpy as np
import pytest

from service import batch_job as module
from service.backup import Medium
from service.batch import Drawing
from service.batch_job import BatchJob
from service.messages import StorageError, ThermoscreenError
from service.readers import read_thermogram
from service.record import read_record
from service.storage import Room
from tests.fakes import frames
from tests.fakes.pipelines import stub_pipeline


@pytest.fixture(scope='module')
def stub():
    with stub_pipeline() as pipeline:
        yield pipeline


@pytest.fixture
def root(tmp_path):
    visit = tmp_path / 'media' / 'visit'
    visit.mkdir(parents=True)
    for name in ('=a', 'b'):
        np.savetxt(str(visit / (name + '.csv')), frames.torso(120, 160), fmt='%.2f', delimiter=';')
    (visit / 'cut.csv').write_bytes((visit / 'b.csv').read_bytes()[:9000])
    (tmp_path / 'media' / 'empty').mkdir()
    return tmp_path / 'media'


class Desk:
    """A job with one socket for a medium."""

    def __init__(self, pipeline, root, medium):
        medium.mkdir()
        self.root, self.medium, self.log, self.unmounted = root, medium, [], []
        self.plugged = [Medium(str(medium), 'USB stick', 'vfat', Room(1 << 30, 1 << 29))]
        self.job = BatchJob(pipeline, Drawing('iron', 'original'),
                            lambda event, operator, **facts: self.log.append((event, operator, facts)),
                            lambda: list(self.plugged), self.unmounted.append)

    def does(self, path='visit', scale=None):
        self.job.start(str(self.medium), str(self.root), path, scale, 'chief')
        self.job._thread.join(60)
        assert not self.job.progress.is_running
        return self.job.progress

    def written(self):
        """The folder of results, and its rows by input."""
        folder, = self.medium.iterdir()
        with open(str(folder / 'summary.csv'), encoding='utf-8', newline='') as stream:
            return folder, {row['input']: row for row in csv.DictReader(stream)}


@pytest.fixture
def desk(stub, root, tmp_path):
    made = Desk(stub, root, tmp_path / 'stick')
    yield made
    made.job.close()


def test_a_folder_becomes_results_a_summary_and_a_contact_sheet(desk, stub, root):
    progress = desk.does()
    folder, rows = desk.written()
    assert (progress.step, progress.done, progress.total, progress.percent) == ('done', 3, 3, 100)
    assert progress.sentences[0] == '2 of 3 files were analysed; the results are in %s on USB stick.' % folder.name
    assert desk.unmounted == [str(desk.medium)] and desk.log == [('files-analysed', 'chief', {'files': 3})]
    assert sorted(os.listdir(str(folder))) == ['=a', 'b', 'contact-sheet.png', 'summary.csv']
    assert {name: row['outcome'] for name, row in rows.items()} == {"'=a.csv": 'result', 'b.csv': 'result',
                                                                    'cut.csv': 'failed'}
    for name, row in rows.items():
        content = (root / 'visit' / name.lstrip("'")).read_bytes()
        assert row['sha256'] == hashlib.sha256(content).hexdigest()
    assert rows['cut.csv']['code'] == 'file-truncated' and rows['cut.csv']['sentence'].startswith('cut.csv is cut off')
    here = stub.analyse(read_thermogram(root / 'visit' / 'b.csv')).to_dict()
    assert read_record(str(folder / 'b'))['regions'] == here['regions']
    desk.job.stop()
    assert desk.job.progress.step == 'idle'


def test_what_is_whole_stays_when_it_is_stopped_and_is_not_computed_again(desk, monkeypatch):
    def told(done, total, tell=desk.job._told):
        if done == 1:
            desk.job.stop()
        tell(done, total)
    monkeypatch.setattr(desk.job, '_told', told)
    progress = desk.does()
    folder, rows = desk.written()
    assert (progress.step, progress.message.code, desk.unmounted) == ('failed', 'job-stopped', [])
    assert progress.sentences[0].startswith('1 of 3 files were analysed') and list(rows) == ["'=a.csv"]
    assert read_record(str(folder / '=a'))['outcome'] == 'result'
    assert desk.job.before(desk.plugged[0], 'visit', None) == 1 and 'to go on' in progress.sentences[-1]
    assert [desk.job.before(desk.plugged[0], *other) for other in (('empty', None), ('visit', 'centikelvin'),
                                                                   ('visit', None, ['b.csv']))] == [0, 0, 0]
    monkeypatch.undo()
    written = (folder / '=a' / 'result.json').read_bytes()
    progress = desk.does()
    assert progress.step == 'done' and progress.sentences[1] == '1 results of before were kept.'
    assert len(desk.written()[1]) == 3 and (folder / '=a' / 'result.json').read_bytes() == written


def test_single_files_of_a_folder_are_chosen(desk):
    desk.job.start(str(desk.medium), str(desk.root), 'visit', None, 'chief', ['b.csv', 'cut.csv', 'away.csv'])
    desk.job._thread.join(60)
    assert list(desk.written()[1]) == ['b.csv', 'cut.csv'] and desk.log[0][2] == {'files': 2}


def test_whatever_ends_it_is_said_with_a_next_step(desk, monkeypatch):
    for asked, code in ((dict(path='empty'), 'folder-empty'), (dict(path='nowhere'), 'path-missing'),
                        (dict(path='../stick'), 'path-refused')):
        progress = desk.does(**asked)
        assert (progress.step, progress.message.code) == ('failed', code) and progress.message.next_step
    with pytest.raises(ThermoscreenError) as caught:
        desk.does(scale='furlong')
    assert caught.value.code == 'scale-name'

    def full(*arguments):
        raise StorageError('disk-full', 'The disk is full.')
    with monkeypatch.context() as patch:
        patch.setattr('service.batch.write_record', full)
        assert desk.does().message.code == 'medium-full'
    assert desk.log == [('files-analysed', 'chief', {'files': 3})] and os.listdir(str(desk.medium)) == []
    monkeypatch.setattr(module, 'LIMIT_S', -1.0)
    assert desk.does().step == 'done' and {row['code'] for row in desk.written()[1].values()} == {'opening-slow'}
    desk.plugged[0] = desk.plugged[0]._replace(room=Room(1, 1))
    assert desk.does().message.code == 'medium-full'
    desk.plugged.clear()
    with pytest.raises(ThermoscreenError) as caught:
        desk.does()
    assert caught.value.code == 'medium-missing'
