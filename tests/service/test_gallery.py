"""Similar exams: what is near comes first, never the patient's own, and what cannot be compared says so."""
import json
from dataclasses import replace

import numpy as np
import pytest

from service.exams import ExamError, Patient
from service.exams.exam import REVIEW, SIGNED
from service.gallery import Features, Gallery, features_of, kept_features
from service.messages import ThermoscreenError
from service.pipeline import Pipeline
from service.sealing import Sealer
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.thermogram import CELSIUS, RELATIVE, Thermogram

from .exams.station import PICTURE, Station

MODEL = 'a' * 64


def unit(*values):
    return np.float32(values) / np.float32(np.linalg.norm(values))


def with_features(values, model=MODEL, unit_word=CELSIUS):
    data = values if isinstance(values, bytes) else json.dumps(
        {'schema': 1, 'features': [float(value) for value in values]}).encode()
    return PICTURE._replace(result=dict(PICTURE.result, unit=unit_word, bundle={'id': 'm', 'hash': model}),
                            features=data)


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path, Sealer(b'k' * 32))
    yield made
    made.close()


@pytest.fixture
def put(station):
    def exam(number, values, state=SIGNED, **changes):
        station.picture = with_features(values, **changes)
        return station.exam(state, Patient('P-%s' % number))
    return exam


def code_of(call, *arguments):
    with pytest.raises(ThermoscreenError) as raised:
        call(*arguments)
    return raised.value.code


def test_the_nearest_come_first_and_never_her_own(station, put):
    gallery = Gallery(station.exams)
    far, near, nearer = put(1, unit(0, 1, 0)), put(2, unit(1, 0.5, 0)), put(3, unit(1, 0.2, 0))
    put(4, unit(1, 0, 0), state=REVIEW)
    put(5, unit(1, 0, 0), model='b' * 64)
    put('q ', unit(1, 0.01, 0))
    own = put('Q', unit(1, 0, 0))
    assert gallery.read() == (6, 6)
    found = gallery.similar(own)
    assert [one.exam_id for one in found.neighbours] == [nearer.id, near.id, far.id]
    assert (found.compared, found.others) == (3, 1)
    assert [one.exam_id for one in gallery.similar(own, 1).neighbours] == [nearer.id]
    assert found.neighbours[2].distance == pytest.approx(1) and found.neighbours[0].number == nearer.number


def test_what_is_in_the_gallery_is_its_own_nearest(station, put):
    rng = np.random.RandomState(0)
    vectors = [unit(*rng.normal(size=128)) for _ in range(5)]
    exams = [put(number, values) for number, values in enumerate(vectors)]
    gallery = Gallery(station.exams)
    gallery.read()
    for exam in exams:
        first = gallery.nearest(features_of(station.exams, exam), 1)[0]
        assert first.exam_id == exam.id and first.distance < 1e-6
    assert gallery.nearest(Features(1, 'c' * 64, vectors[0])) == []


def test_it_follows_what_is_signed_moved_and_removed(station, put):
    gallery = Gallery(station.exams)
    own, waiting, moved = put(1, unit(1, 0)), put(2, unit(1, 0.1), state=REVIEW), put(3, unit(1, 0.2))
    gone = put(4, unit(1, 0.3))
    put(5, unit(0, 1))
    assert gallery.read() == (4, 4) and gallery.similar(own).compared == 3
    station.exams.sign(waiting.id, 'chief')
    station.exams.remove(gone.id, 'chief', {})
    instead = station.exams.move(moved.id, 'chief', Patient('P-6'), 'The wrong wristband.')
    assert gallery.read() == (4, 4)
    found = gallery.similar(own)
    assert [one.exam_id for one in found.neighbours][:2] == [waiting.id, instead.id] and found.compared == 3
    gallery.clear()
    assert gallery.similar(own).neighbours == ()


def test_it_reads_for_as_long_as_it_may(station, put):
    for number in range(3):
        put(number, unit(1, number))
    gallery = Gallery(station.exams)
    assert gallery.read(0.0) == (0, 3) and gallery.read(0.0).percent == 0
    assert gallery.read() == (3, 3) and gallery.read(0.0).percent == 100


def test_a_gallery_with_one_exam_and_with_none(station, put):
    gallery = Gallery(station.exams)
    assert gallery.read() == (0, 0)
    own = put(1, unit(1, 0))
    gallery.read()
    assert gallery.similar(own) == ((), 0, 0)


def test_features_that_are_none_are_named_and_left_out(station, put):
    bad = [put(number, data) for number, data in enumerate((
        b'{', b'[]', b'{"schema": 1}', b'{"schema": 1, "features": [1, "x"]}', b'{"schema": 1, "features": [NaN, 1]}',
        b'{"schema": 1, "features": []}', b'{"schema": 1, "features": [0, 0]}', b'{"schema": 2, "features": [0, 1]}',
        b'{"schema": 1, "features": [[1]]}', b'\xff'))]
    good, gallery = put('Q', unit(1, 0)), Gallery(station.exams)
    assert {code_of(gallery.similar, exam) for exam in bad} == {'exam-damaged'}
    assert gallery.read() == (11, 11) and gallery.similar(good) == ((), 0, 10)
    assert gallery.read() == (11, 11)


def test_features_of_another_length_are_of_another_kind(station, put):
    """An import may name a model that never ran here."""
    own, gallery = put(1, unit(1, 0)), Gallery(station.exams)
    put(2, unit(1, 0, 0))
    near = put(3, unit(1, 1))
    gallery.read()
    found = gallery.similar(own)
    assert [one.exam_id for one in found.neighbours] == [near.id] and found.others == 1


def test_what_cannot_be_compared_says_why(station, put):
    assert code_of(features_of, station.exams, put(1, unit(1, 0), unit_word=RELATIVE)) == 'similar-relative'
    assert code_of(features_of, station.exams, put(2, b'')) == 'similar-none'
    exam = station.exams.create(Patient('P-3'), 'op')
    station.exams.start(exam.id, 'op')
    side = station.exams.add_capture(exam.id, 'op', 'left-lateral', with_features(unit(1, 0)))
    assert code_of(features_of, station.exams, side) == 'similar-view'
    station.exams.sealer = None
    with pytest.raises(ExamError) as raised:
        Gallery(station.exams).read()
    assert raised.value.code == 'exams-locked'


def test_a_frontal_result_with_temperatures_keeps_its_features():
    """And nothing else does: other views compare no breasts, and a station finds no exam by them."""
    with Pipeline.from_folder(SHIPPED_BUNDLE, threads=1) as pipeline:
        celsius = make_phantom(5, 240, 320, abnormal=True).celsius
        result = pipeline.analyse(Thermogram.from_celsius(celsius, 'made'))
        relative = pipeline.analyse(Thermogram.from_relative(celsius, 'made'))
    kept = json.loads(kept_features(result, 'frontal').decode('utf-8'))
    assert kept['schema'] == 1 and kept['features'] == pytest.approx(result.features.tolist(), abs=1e-6)
    assert np.linalg.norm(result.features) == pytest.approx(1, abs=1e-6) and result.features.dtype == np.float32
    assert 'features' not in result.to_dict()
    assert kept_features(result, 'raised-arms') == kept_features(relative, 'frontal') == b''
    assert kept_features(replace(result, features=None), 'frontal') == b''
