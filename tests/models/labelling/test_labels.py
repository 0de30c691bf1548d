"""From frames to a tool and back to where training reads: every version stays, and a bad file changes nothing."""
import base64
import errno
import hashlib
import io
import json
import os
import re
import shutil
import zipfile

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip('defusedxml', reason='the training extra is not installed: this is the device half')

from models.data import Collection, Sample, open_data  # noqa: E402
from models.labelling import cvat, judging, label_studio, record  # noqa: E402
from models.labelling.cli import labels_command  # noqa: E402
from models.labelling.judging import HELD, LABELLED, NOTHING, REFUSED, UNCHANGED, assemble, judge  # noqa: E402
from models.labelling.returned import read_returned  # noqa: E402
from models.labelling.shapes import HeldError, Shape  # noqa: E402
from models.labelling.taking import keep_corrections, keep_outcomes  # noqa: E402
from service.capture_file import pack_capture  # noqa: E402
from service.correction import correct, outlines_of  # noqa: E402
from service.durable import write_synced  # noqa: E402
from service.exams import AMENDED, SIGNED, Picture  # noqa: E402
from service.messages import InputError, StorageError  # noqa: E402
from service.pipeline import Pipeline  # noqa: E402
from service.radiometry import Raw  # noqa: E402
from service.reading import read_signs  # noqa: E402
from service.record import encode_png  # noqa: E402
from service.regions import FLIPPED, LEFT_BREAST, REGIONS, RIGHT_BREAST  # noqa: E402
from service.thermogram import Thermogram  # noqa: E402
from tests.fakes import frames  # noqa: E402
from tests.fakes.pipelines import stub_pipeline  # noqa: E402
from tests.service.exams.station import Station  # noqa: E402

from . import made  # noqa: E402


@pytest.fixture
def sent(tmp_path):
    """(record for Label Studio, the tasks that it holds), of three frames."""
    found = record.send(made.wanted(), tmp_path / 'sent', 'label-studio', label_studio.write_files)
    return found, json.loads((tmp_path / 'sent' / 'upload' / 'tasks.json').read_text())


@pytest.fixture
def back(tmp_path):
    """Write a file that came back, and its path."""
    def write(content, name='back.json'):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path
    return write


def run(*words, code=0, stdin=''):
    result = CliRunner().invoke(labels_command, [str(word) for word in words], input=stdin, obj={'debug': False},
                                catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, InputError), result.exc_info
        return result.exception.code
    assert result.exit_code == code, result.output
    return result.output


def content(folder):
    """Hash of every file by name."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob('*') if path.is_file()}


def painted(labels, region, rows, columns):
    """The shape of a region with a box added, as a tool gives it back."""
    mask = labels == region
    mask[rows, columns] = True
    shape = label_studio.results_of(mask.astype(np.uint8))[0]
    return dict(shape, value=dict(shape['value'], brushlabels=[REGIONS[region]]))


@pytest.mark.parametrize('tool, write', [('cvat', cvat.write_files), ('label-studio', label_studio.write_files)])
def test_what_goes_to_a_tool_says_nothing_of_the_patient(tmp_path, tool, write):
    found = record.send(made.wanted(), tmp_path / 'sent', tool, write)
    upload = tmp_path / 'sent' / 'upload'
    if tool == 'cvat':
        with zipfile.ZipFile(upload / 'pictures.zip') as archive:
            pictures = {name: archive.read(name) for name in archive.namelist()}
    else:
        pictures = {task['data']['frame']: base64.b64decode(task['data']['image'].split(',')[1])
                    for task in json.loads((upload / 'tasks.json').read_text())}
    assert set(pictures) == set(found.frames) and not any(name[2:-4] == '' for name in pictures)
    for name, frame in found.frames.items():
        picture = cv2.imdecode(np.frombuffer(pictures[name], np.uint8), cv2.IMREAD_UNCHANGED)
        celsius = made.collection()[int(frame.key[1:])].thermogram().pixels
        assert picture.dtype == np.uint8 and picture.shape == (48, 64)
        assert np.abs(picture * (14 / 255) + 24 - np.clip(celsius, 24, 38)).max() < 0.03, 'the matrix, pixel by pixel'
        assert {pictures[name][start:start + 4] for start in (12, 37)} <= {b'IHDR', b'IDAT'}
    for path in upload.iterdir():
        if path.suffix in ('.json', '.xml'):
            text = re.sub('base64,[^"]*', '', path.read_text())
            assert not re.search(r'\b[kp]\d\b|patient|sick', text)
    assert (tmp_path / 'sent' / 'home').stat().st_mode & 0o077 == 0
    with pytest.raises(InputError) as caught:
        record.send(made.wanted(), tmp_path / 'sent', tool, write)
    assert caught.value.code == 'export-exists'


def test_every_version_stays_and_training_reads_the_newest(tmp_path, sent, back):
    found, tasks = sent
    out = tmp_path / 'labelled'
    first = back(made.finished(tasks))
    assert 'version 1; as sent' in run('import', tmp_path / 'sent', first, '--out', out)
    kept = content(out)
    assert run('import', tmp_path / 'sent', first, '--out', out).count('version 1') == 3, 'the same file again'
    assert content(out) == kept

    def wider(number, results):
        wide = painted(made.torso(), RIGHT_BREAST, slice(30, 40), slice(8, 10))
        return results if number else [wide] + results[1:]
    said = run('import', tmp_path / 'sent', back(made.finished(tasks, wider), 'second.json'), '--out', out)
    assert said.count('version 2') == 3 and 'pixels: right breast +20 -0' in said
    for name, sha256 in kept.items():
        if name.startswith(('versions/', 'images/')):
            assert content(out)[name] == sha256, 'nothing is written over'
    told = json.loads((out / 'labelling.json').read_text())['frames']
    for key, frame in told.items():
        assert [version['number'] for version in frame['versions']] == [0, 1, 2]
        assert frame['versions'][2]['labeller'] == '7' and frame['versions'][2]['tool'] == 'Label Studio JSON'
        assert frame['versions'][2]['file_sha256'] == content(tmp_path)['second.json']
        for version in frame['versions']:
            assert content(out)['versions/%s/%04d.png' % (key, version['number'])] == version['sha256']
    key = found.frames[tasks[0]['data']['frame']].key
    assert told[key]['versions'][2]['changed_px'] == {'right_breast': [20, 0]}
    read = open_data(out)
    assert read.classes == ('normal', 'sick') and read.patients == ('p0', 'p1', 'p2') and len(read.labelled()) == 3
    for sample, source in zip(read, made.collection()):
        assert np.array_equal(sample.thermogram().pixels, source.thermogram().pixels)
        expected = made.torso()
        if sample.key == key:
            expected[30:40, 8:10] = RIGHT_BREAST
        assert np.array_equal(sample.labels(), expected)


def test_cvat_says_nothing_of_frames_that_nobody_touched(tmp_path):
    record.send(made.wanted(), tmp_path / 'sent', 'cvat', cvat.write_files)
    path, out = tmp_path / 'sent' / 'upload' / 'annotations.xml', tmp_path / 'labelled'
    assert 'nothing was written' in run('import', tmp_path / 'sent', path, '--out', out) and not out.exists()
    said = run('import', tmp_path / 'sent', path, '--out', out, '--reviewed', '--labeller', 'Ann')
    assert said.count('version 1') == 3
    again = json.loads((out / 'labelling.json').read_text())['frames']['k0']['versions'][1]
    assert again['labeller'] == 'Ann' and np.array_equal(open_data(out)[0].labels(), made.torso())
    who = b'<meta><task><owner><username>zoe</username></owner></task><dumped>2026-11-30</dumped></meta>'
    with zipfile.ZipFile(tmp_path / 'export.zip', 'w') as archive:
        archive.writestr('annotations.xml', path.read_bytes().replace(b'</version>', b'</version>' + who))
    outcomes = judge(read_returned(tmp_path / 'export.zip'), record.read_record(tmp_path / 'sent'))
    assert [outcome.state for outcome in outcomes] == [UNCHANGED] * 3
    assert (outcomes[0].answer.labeller, outcomes[0].answer.labelled_at) == ('zoe', '2026-11-30')


def test_one_frame_is_refused_and_held_and_the_others_go_on(tmp_path, sent, back):
    found, tasks = sent
    out = tmp_path / 'labelled'
    mirrored = label_studio.results_of(np.ascontiguousarray(made.torso()[:, ::-1]))
    file = made.finished(tasks, lambda number, results: [results, mirrored, [
        result for result in results if result['id'] != 'neck']][number])
    names = [task['data']['frame'] for task in tasks]
    assert 'Right and left are exchanged (breast, nipple, armpit)' in run(
        'import', tmp_path / 'sent', back(file), '--out', out, code=1)
    assert list(open_data(out).keys) == [found.frames[names[0]].key]
    told = json.loads(run('import', tmp_path / 'sent', back(file), '--out', out, '--json', code=1))
    assert [entry['state'] for entry in told] == [LABELLED, REFUSED, HELD]
    assert [entry['message'] and entry['message']['code'] for entry in told] == [None, 'labels-sides', 'labels-removed']
    asked = []
    outcomes = judge(read_returned(back(file)), found, ask=lambda sentences: asked.append(sentences) or True)
    assert [outcome.state for outcome in outcomes] == [LABELLED, REFUSED, LABELLED] and len(asked) == 1
    assert names[2] in asked[0][0] and 'neck' in asked[0][0]
    said = run('import', tmp_path / 'sent', back(file), '--out', out, '--accept', names[2], code=1)
    assert 'version 1' in said and 'a person looked at it and accepted it' in said
    assert not (open_data(out).subset([found.frames[names[2]].key])[0].labels() == REGIONS.index('neck')).any()
    assert run('import', tmp_path / 'sent', back(file), '--out', out, '--accept', 'f-none.png') == 'labels-foreign'
    file.append(file[0])
    states = [outcome.state for outcome in judge(read_returned(back(file)), found)]
    assert states == [HELD, REFUSED, HELD, HELD], 'twice in one file'


def test_a_map_that_fits_the_mirror_image_better_is_held():
    swapped = np.ascontiguousarray(FLIPPED[made.torso()][:, ::-1])
    judging.check_sides(swapped)
    with pytest.raises(HeldError, match='mirror image'):
        judging.check_mirror(swapped, made.torso())
    judging.check_mirror(made.torso(), made.torso())


def test_views_of_a_side_have_no_sides_to_check(back):
    task = {'data': {'frame': 'f-0123456789ab.png'},
            'predictions': [{'result': label_studio.results_of(np.ascontiguousarray(made.torso()[:, ::-1]))}]}
    outcome, = judge(read_returned(back(made.finished([task]))), made.Record(made.torso(), view='left-oblique'))
    assert outcome.state == LABELLED and outcome.notes[-1] == 'sides were not checked: the view is left-oblique'


def test_shapes_that_overlap():
    before = made.torso()
    right, left = before == RIGHT_BREAST, before == LEFT_BREAST
    over = right.copy()
    over[30, 30:40] = True
    claimed = int((over & left).sum())
    assert claimed
    labels, notes = assemble([Shape('right_breast', over), Shape('left_breast', left)], before)
    assert (labels[30, 30:40] == RIGHT_BREAST).all() and notes[0].startswith('%d pixels' % claimed)
    both = before.copy()
    both[right | left] = 0
    with pytest.raises(HeldError, match='of the right breast and of the left breast'):
        assemble([Shape('right_breast', over), Shape('left_breast', left)], both)
    island = np.zeros_like(right)
    island[0, 0] = True
    labels, _ = assemble([Shape('neck', island), Shape('neck', right)], None)
    assert (labels > 0).sum() == right.sum() + 1, 'shapes of one name are united'
    lone = np.zeros_like(before)
    lone[10:14, 10:14], lone[30:40, 30:40] = 3, RIGHT_BREAST
    assert judging.nipple_notes(lone) == ('the right nipple does not lie on its breast',)
    assert judging.nipple_notes(before) == ()


def test_files_that_nothing_is_taken_of(tmp_path, sent, back, monkeypatch):
    found, tasks = sent
    monkeypatch.setattr('models.labelling.returned.MAX_UNPACKED_BYTES', 1 << 20)
    good = cvat.write_files([made.sent(made.torso(), name) for name in found.frames])['annotations.xml']
    bomb, lie, cut = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('annotations.xml', b'<annotations>' + b' ' * (2 << 20))
    with zipfile.ZipFile(lie, 'w') as archive:
        archive.writestr('pictures/../../etc/passwd', b'')
    with zipfile.ZipFile(cut, 'w') as archive:
        archive.writestr('annotations.xml', good)
    entity = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    for code, data in (
            ('labels-zip', bomb.getvalue()), ('labels-format', lie.getvalue()),
            ('labels-zip', cut.getvalue()[:-30]), ('labels-zip', cut.getvalue().replace(b'right_b', b'right_B')),
            ('labels-hostile', good.replace(b'<annotations>', entity + b'<annotations>')),
            ('labels-damaged', good[:900]), ('labels-format', good.replace(b'1.1</version>', b'2.0</version>')),
            ('labels-flipped', good.replace(b'<labels>', b'<flipped>True</flipped><labels>')),
            ('labels-format', b'GIF89a'), ('labels-damaged', b'[{"data"'), ('labels-damaged', b'[' * 100000),
            ('labels-format', b'{}'), ('labels-format', b'[]'), ('labels-format', b'[{"frame": 1}]'),
            ('labels-damaged', b'{"categories": [], "images": [{"id": "1"}], "annotations": []}'),
            ('file-empty', b'')):
        try:
            assert run('import', tmp_path / 'sent', back(data), '--out', tmp_path / 'out') == code
        except AssertionError:
            raise AssertionError(code, data[:60])
    for code, old, new in (('labels-size', b'width="64" height="48">', b'width="60" height="48">'),
                           ('mask-box', b'left="', b'left="9'), ('labels-shape', b'<mask ', b'<polygon '),
                           ('labels-unknown', b'label="right_breast"', b'label="Right Breast"'),
                           ('mask-cut', b'rle="', b'rle="x'), ('labels-foreign', b'name="f-', b'name="g-')):
        outcomes = judge(read_returned(back(good.replace(old, new))), found)
        assert {outcome.message.code for outcome in outcomes} == {code}
        assert 'nothing was written' in run('import', tmp_path / 'sent', back(good.replace(old, new)), '--out',
                                            tmp_path / 'out', code=1)
    strange = dict(tasks[0], annotations=[], data={'frame': '\ud800\x1b[2J'})
    said = run('import', tmp_path / 'sent', back([strange]), '--out', tmp_path / 'out', code=1)
    assert said.startswith('\\ud800\\x1b')
    assert not (tmp_path / 'out').exists()
    assert run('import', tmp_path, back(good), '--out', tmp_path / 'out') == 'record-missing'
    (tmp_path / 'sent' / 'home' / 'manifest.json').write_text('{"format": 1}')
    assert run('import', tmp_path / 'sent', back(good), '--out', tmp_path / 'out') == 'record-damaged'


def test_spoilt_files_end_in_a_sentence(sent, back):
    """Bytes changed, taken out and put in at random: nothing but what a person can be told."""
    found, tasks = sent
    good = [json.dumps(made.finished(tasks)).encode(), cvat.write_files([
        made.sent(made.torso(), name) for name in found.frames])['annotations.xml']]
    words = [b'', b'9', b'-1', b'null', b'[]', b'1e999', b'"', b'<', b'&x;', b'\xff']
    rng, told = np.random.default_rng(7), set()
    for _ in range(150):
        data = bytearray(good[rng.integers(2)])
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(len(data))
            data[at:at + rng.integers(0, 4)] = words[rng.integers(len(words))]
        try:
            told |= {outcome.state for outcome in judge(read_returned(back(bytes(data))), found)}
        except InputError as error:
            told.add(error.code)
    assert {'labels-damaged', REFUSED} <= told


def test_a_folder_of_something_else_is_not_touched(tmp_path, sent, back):
    found, tasks = sent
    file = back(made.finished(tasks))
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'thesis.tex').write_text('years of work')
    assert run('import', tmp_path / 'sent', file, '--out', other) == 'labels-out'
    out = tmp_path / 'labelled'
    run('import', tmp_path / 'sent', file, '--out', out)
    before = content(out)
    (tmp_path / 'sent' / 'home' / (tasks[0]['data']['frame'][:-4] + '.tscap')).write_bytes(pack_capture(
        [Raw.of(Thermogram.from_celsius(frames.torso(48, 64) + 5, 'of somebody else'))]))
    assert run('import', tmp_path / 'sent', back(made.finished(tasks), 'b.json'), '--out', out) == 'labels-key'
    assert content(out) == before and [path.name for path in other.iterdir()] == ['thesis.tex']


def test_frames_of_a_queue_begin_with_what_the_model_drew(tmp_path):
    source = made.collection(labelled=False)
    data = tmp_path / 'data'
    (data / 'images').mkdir(parents=True)
    (data / 'patients.csv').write_text('file,patient\n' + ''.join('%s.npy,%s\n' % (sample.key, sample.patient)
                                                                   for sample in source))
    for sample in source:
        np.save(data / 'images' / (sample.key + '.npy'), sample.thermogram().pixels)
    queue = tmp_path / 'queue'
    (queue / 'labels').mkdir(parents=True)
    (queue / 'labels' / 'k2.png').write_bytes(encode_png(made.torso()))
    document = {'format': 'thermoscreen queue', 'version': 1, 'data': [{'path': str(data), 'layout': None}], 'frames': [
        {'key': 'k2', 'data': 0, 'rank': 1, 'labels': 'labels/k2.png'},
        {'key': 'k0', 'data': 0, 'rank': 2, 'labels': None}, {'key': 'k1', 'data': 0, 'rank': 3}]}
    (queue / 'queue.json').write_text(json.dumps(document))
    said = run('export', queue / 'queue.json', '--top', 2, '--tool', 'cvat', '--out', tmp_path / 'sent')
    assert said.startswith('2 frames in')
    found = record.read_record(tmp_path / 'sent')
    assert {frame.key: frame.begun_from for frame in found.frames.values()} == {'k2': 'model', 'k0': 'none'}
    begun, = (frame for frame in found.frames.values() if frame.key == 'k2')
    assert np.array_equal(found.labels(begun), made.torso())
    states = {outcome.frame.key: outcome.state for outcome in judge(read_returned(
        tmp_path / 'sent' / 'upload' / 'annotations.xml'), found)}
    assert states == {'k2': UNCHANGED, 'k0': NOTHING}
    for changed, code in ((dict(document, frames=[]), 'queue-empty'), (dict(document, format='x'), 'queue-unreadable'),
                          (dict(document, frames=[{'key': 'k9'}]), 'key-unknown'), ([], 'queue-unreadable')):
        (queue / 'queue.json').write_text(json.dumps(changed))
        assert run('export', queue / 'queue.json', '--tool', 'cvat', '--out', tmp_path / 'again') == code
    assert not (tmp_path / 'again').exists()


def test_a_bundle_draws_where_there_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Pipeline, 'from_folder', lambda folder: stub_pipeline())
    sample = Sample('k', 'p', {}, None, lambda: Thermogram.from_celsius(frames.torso(), 'stills'))
    wanted = record.Wanted(Collection('one', (sample,), (), REGIONS))
    found = record.send(wanted, tmp_path / 'sent', 'cvat', cvat.write_files, bundle='any')
    frame, = found.frames.values()
    assert frame.begun_from == 'model' and (found.labels(frame) == frames.labels()).mean() > 0.9


def test_outlines_corrected_in_signed_exams_become_label_maps(tmp_path):
    with stub_pipeline() as pipeline:
        result = pipeline.analyse(Thermogram.from_celsius(frames.torso(), 'stills'))
    picture = Picture(pack_capture([Raw.of(result.thermogram)]), result.to_dict(), b'overlay',
                      encode_png(result.labels), {}, read_signs(result).to_dict())
    station = Station(tmp_path / 'store', picture=picture)
    exam, untouched = station.exam(SIGNED), station.exam(AMENDED)
    with pytest.raises(InputError) as caught:
        keep_corrections(station.folder, tmp_path / 'labelled')
    assert caught.value.code == 'labels-none' and not (tmp_path / 'labelled').exists()
    moved = {'left_breast': [(x, y + 8) for x, y in outlines_of(result.labels)['left_breast']]}
    correct(station.exams, exam.id, 'chief', 1, 0, moved, 'the fold is lower')
    station.close()
    key = exam.id + '-0001'
    assert run('corrected', station.folder, '--out', tmp_path / 'labelled').startswith('%s: version 1' % key)
    version = json.loads((tmp_path / 'labelled' / 'labelling.json').read_text())['frames'][key]['versions'][1]
    assert (version['labeller'], version['exam'], version['capture']) == ('chief', exam.id, 1)
    assert version['labelled_at'].startswith('2027-') and version['changed_px']['left_breast'][0] > 0
    sample, = open_data(tmp_path / 'labelled')
    assert sample.patient == 'P-1' and np.array_equal(sample.labels(), open_data(station.folder).labelled()[0].labels())
    assert np.array_equal(sample.thermogram().pixels, result.thermogram.pixels)
    kept = content(tmp_path / 'labelled')
    shutil.rmtree(tmp_path / 'store' / 'exams' / untouched.id[:2])
    run('corrected', station.folder, '--out', tmp_path / 'labelled')
    assert content(tmp_path / 'labelled') == kept, 'the same outlines again'


def test_an_import_that_the_disk_ends_leaves_what_was_there(tmp_path, sent, back, monkeypatch):
    found, tasks = sent
    out = tmp_path / 'labelled'
    returned = read_returned(back(made.finished(tasks)))
    keep_outcomes(judge(returned, found), returned, found, out)
    before = content(out)
    monkeypatch.setattr('models.labelling.versions.write_synced', _full)
    again = read_returned(back(json.dumps(made.finished(tasks), indent=1).encode()))
    with pytest.raises(StorageError, match='disk is full'):
        keep_outcomes(judge(again, found), again, found, out)
    assert content(out) == before and not [path for path in tmp_path.iterdir() if path.name.startswith('.')]


def _full(path, data):
    if path.endswith('labelling.json'):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    write_synced(path, data)
