"""Outlines corrected by hand: the numbers are those of the pipeline, the model's result stays, and what is wrong is
refused."""
import json
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.capture_file import pack_capture
from service.correction import BELONGS, MAX_CORNERS, Kept, correct, drawn, outlines_of, take_back
from service.exams import ACQUIRING, AMENDED, DISCARDED, REVIEW, SIGNED, Picture, guide
from service.exams.deidentified import export_deidentified
from service.messages import ThermoscreenError
from service.overlay import draw_overlay
from service.radiometry import Raw
from service.reading import read_signs
from service.record import encode_png
from service.regions import LEFT_BREAST, LEFT_NIPPLE, RIGHT_BREAST
from service.sealing import Sealer
from service.thermogram import Thermogram

from ..fakes import frames
from ..fakes.pipelines import stub_pipeline
from .exams.station import Station

KEY = Sealer(b'k' * 32)
LENS = {'distance_m': 1.0, 'field_of_view_deg': 57.0}


@pytest.fixture(scope='module')
def result():
    with stub_pipeline() as pipeline:
        return pipeline.analyse(Thermogram.from_celsius(frames.torso(), 'stills'))


@pytest.fixture(scope='module')
def picture(result):
    return Picture(pack_capture([Raw.of(result.thermogram)]), result.to_dict(), encode_png(draw_overlay(result)),
                   encode_png(result.labels), {}, read_signs(result).to_dict())


@pytest.fixture
def folder(tmp_path):
    """In memory: SQLite waits for the disk."""
    made = tempfile.mkdtemp(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else str(tmp_path))
    yield Path(made)
    shutil.rmtree(made)


@pytest.fixture
def station(folder, picture):
    made = Station(folder / 'exams', KEY, picture)
    yield made
    made.close()


def code_of(call, *args, **named):
    with pytest.raises(ThermoscreenError) as caught:
        call(*args, **named)
    assert caught.value.message.sentence and caught.value.message.next_step
    return caught.value.code


def moved(labels, name='left_breast', by=8):
    """The outline of a region, so many pixels further down."""
    return {name: [(x, y + by) for x, y in outlines_of(labels)[name]]}


def document(exams, exam, name):
    return json.loads(exams.read_file(exam, name).decode('utf-8'))


def test_outlines_that_nobody_moved_give_the_same_numbers_and_signs(station, result, picture):
    exam = station.exam(REVIEW)
    np.testing.assert_array_equal(drawn(result.labels, outlines_of(result.labels)), result.labels)
    kept = Kept(station.exams, exam, 1)
    again = kept.recompute(kept.labels)
    model = json.loads(json.dumps(picture.result))
    assert dict(again.document, sentences=again.document['sentences'][:-1]) == model and again.regions == ()
    assert again.document['sentences'][-1] == BELONGS and again.signs == picture.signs
    lens = read_signs(result, **LENS)
    station.picture = picture._replace(signs=lens.to_dict())
    station.exams.discard(exam.id, 'op', 'next')
    again = Kept(station.exams, station.exam(REVIEW), 1).recompute(result.labels)
    assert [sign['state'] for sign in again.signs['signs']] == [sign.state for sign in lens.signs]
    assert again.signs['scale'] == lens.scale.to_dict(), 'what the lens said then, whatever lens there is now'


def test_a_nipple_lies_on_its_breast_and_leaves_it_behind(result):
    labels = result.labels
    new = drawn(labels, moved(labels, 'left_nipple', 12))
    left = labels == LEFT_NIPPLE
    assert (new[left & (new != LEFT_NIPPLE)] == LEFT_BREAST).all() and (new == LEFT_NIPPLE).sum() == left.sum()
    assert (new == RIGHT_BREAST).sum() == (labels == RIGHT_BREAST).sum()


def test_a_correction_counts_is_whole_and_can_be_taken_back(station, result, picture, folder):
    exams = station.exams
    for state, after, word in ((ACQUIRING, ACQUIRING, 'outlines-corrected'), (REVIEW, REVIEW, 'outlines-corrected'),
                               (SIGNED, AMENDED, 'exam-amended')):
        exam = station.exam(state)
        model = {name: exams.read_file(exam, name) for name in exam.files}
        corrected = correct(exams, exam.id, 'chief', 1, 0, moved(result.labels), 'the fold is lower')
        event = corrected.correction(1)
        assert (corrected.state, station.log[-1][0], event.operator) == (after, word, 'chief')
        assert corrected.outlines(1) == event.number == len(corrected.events)
        private = exams.private(corrected, event.number)
        assert private['reason'] == 'the fold is lower' and 'Outlines of picture 1: left breast.' in private['text']
        assert 'Mean of the left breast before 3' in private['text']
        assert {name: exams.read_file(corrected, name) for name in model} == model, 'byte for byte'
        assert len(corrected.files) == len(model) + 4 and list(exams.verify()) == []

        values = document(exams, corrected, corrected.counting(1, 'result.json'))
        labels = cv2.imdecode(np.frombuffer(exams.read_file(corrected, corrected.counting(1, 'labels.png')), np.uint8),
                              cv2.IMREAD_UNCHANGED)
        inside = result.thermogram.pixels[(labels == LEFT_BREAST) & (result.thermogram.pixels > result.body.threshold)]
        entry = values['regions']['left_breast']
        assert (entry['n'], entry['mean']) == (inside.size, round(float(inside.astype(np.float64).mean()), 3))
        assert entry['confidence'] is None and values['regions']['right_breast'] == picture.result['regions'][
            'right_breast']
        assert values['differences']['breast']['mean'] == pytest.approx(
            entry['mean'] - values['regions']['right_breast']['mean'], abs=0.002)
        assert values['differences']['breast'] != picture.result['differences']['breast']
        for name in ('probability', 'threshold', 'meaning'):
            assert values['finding'][name] == picture.result['finding'][name]
        assert values['sentences'][-1] == BELONGS
        signs = document(exams, corrected, corrected.counting(1, 'signs.json'))
        assert signs['signs'][0]['value'] == values['differences']['breast']['mean']
        assert exams.read_file(corrected, corrected.counting(1, 'overlay.png')) != picture.overlay

        back = take_back(exams, exam.id, 'chief', 1, event.number, 'it was right')
        assert back.correction(1) is None and back.counting(1, 'result.json') == '0001.result.json'
        assert 'as the model has them' in exams.private(back, len(back.events))['text']
        assert back.files == corrected.files
        assert code_of(take_back, exams, exam.id, 'chief', 1, back.outlines(1), 'again') == 'outlines-same'
    exam = correct(exams, exam.id, 'op', 1, back.outlines(1), moved(result.labels, 'left_nipple', 6), 'nipple')
    assert [anchor.event for anchor in exam.anchors] == [event.number for event in exam.events if event.kind in (
        SIGNED, AMENDED)]
    assert exams.rebuild() == 3 and list(exams.verify()) == [] and exams.get(exam.id) == exam
    for name in exam.files:
        assert not (folder / 'exams' / 'exams' / exam.id[:2] / exam.id / name).read_bytes().startswith(
            (b'{', b'\x89PNG')), 'sealed'
    export_deidentified(station.folder, [exam.id], str(folder / 'research'), KEY, b'key')
    capture, = json.loads(next((folder / 'research').glob('exam-*/exam.json')).read_text('utf-8'))['captures']
    values = document(exams, exam, exam.counting(1, 'result.json'))
    assert (capture['outlines'], capture['result']['regions']['left_nipple']['mean']) == (
        'hand', values['regions']['left_nipple']['mean'])
    assert capture['model']['result']['regions']['left_nipple']['mean'] == picture.result['regions']['left_nipple'][
        'mean']
    for told in (capture, capture['model']):
        assert (folder / 'research' / told['labels_file']).exists()
    assert capture['labels_file'] != capture['model']['labels_file']


def test_after_a_correction_the_result_is_looked_at_again(station, result):
    exam = station.exam(REVIEW)
    exam = station.exams.note(exam.id, 'op', {}, {'step': guide.RESULT})
    assert guide.step_of(exam).name == guide.SIGNATURE
    exam = correct(station.exams, exam.id, 'op', 1, 0, moved(result.labels), 'fold')
    assert guide.step_of(exam).name == guide.RESULT


NAN, FAR = float('nan'), 1e300
SQUARE = [(10, 10), (40, 10), (40, 40), (10, 40)]


@pytest.mark.parametrize('outlines', [
    {'left_breast': SQUARE[:2]}, {'left_breast': []}, {'left_breast': SQUARE[:2] + [(NAN, 40)]},
    {'left_breast': [(-3, 10)] + SQUARE[1:]}, {'left_breast': [(FAR, 10)] + SQUARE[1:]},
    {'left_breast': [(10, 10), (40, 40), (40, 10), (10, 40)]}, {'left_breast': [(10, 10), (20, 20), (30, 30)]},
    {'left_breast': [(5, 5)] * 9}, {'left_breast': SQUARE * (MAX_CORNERS // 4 + 1)},
    {'background': SQUARE}, {'heart': SQUARE}, {'left_breast': SQUARE, 'neck': SQUARE[::-1]}])
def test_an_outline_that_is_none_is_refused(result, outlines):
    assert code_of(drawn, result.labels, outlines) == 'outline-refused'


def test_what_does_not_fit_is_refused_and_changes_nothing(station, result):
    exams = station.exams
    exam = station.exam(SIGNED)
    first = correct(exams, exam.id, 'op', 1, 0, moved(result.labels), 'fold')
    before = (exams.get(exam.id), len(station.log))
    for code, call in (
            ('outlines-stale', lambda: correct(exams, exam.id, 'other', 1, 0, moved(result.labels, by=4), 'me too')),
            ('outlines-stale', lambda: take_back(exams, exam.id, 'other', 1, 0, 'me too')),
            ('outlines-same', lambda: correct(exams, exam.id, 'op', 1, first.outlines(1), {}, 'nothing')),
            ('exam-text', lambda: correct(exams, exam.id, 'op', 1, first.outlines(1), moved(result.labels, by=4), ' ')),
            ('exam-picture', lambda: correct(exams, exam.id, 'op', 2, 0, {}, 'x')),
            ('exam-picture', lambda: correct(exams, exam.id, 'op', 0, 0, {}, 'x')),
            ('exam-missing', lambda: correct(exams, 'f' * 16, 'op', 1, 0, {}, 'x'))):
        assert code_of(call) == code
    assert (exams.get(exam.id), len(station.log)) == before
    gone = station.exam(DISCARDED)
    assert code_of(correct, exams, gone.id, 'op', 1, 0, {}, 'x') == 'exam-picture'
    no_result = dict(station.picture.result, outcome='no-result')
    station.picture = station.picture._replace(result=no_result)
    assert code_of(Kept, exams, station.exam(REVIEW), 1) == 'outlines-none'


def test_the_numbers_are_those_of_the_pipelines_functions(station, result):
    """Against what the pipeline's statistics give when the network had drawn these labels."""
    labels = drawn(result.labels, moved(result.labels, by=10))
    corrected = Kept(station.exams, station.exam(REVIEW), 1).recompute(labels)
    with stub_pipeline(labels=labels) as pipeline:
        other = pipeline.analyse(result.thermogram)
    for name in ('differences', 'hottest'):
        assert corrected.document[name] == other.to_dict()[name]
    assert {name: entry['mean'] for name, entry in corrected.document['regions'].items()} == {
        name: entry['mean'] for name, entry in other.to_dict()['regions'].items()}
    assert corrected.signs == read_signs(other).to_dict()
