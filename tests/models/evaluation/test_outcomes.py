"""Every sample is accounted for: judged, refused with a reason, or named as unusable."""
import dataclasses

import numpy as np
import pytest

from models.evaluation.outcomes import analyse_samples
from service.messages import InputError
from service.thermogram import Thermogram
from tests.fakes import frames
from tests.fakes.pipelines import stub_pipeline

from .made_up import torso_collection, unreadable


@pytest.fixture(scope='module')
def pipeline():
    with stub_pipeline() as started:
        yield started


def test_a_right_answer(pipeline):
    seen = {}
    run = analyse_samples(pipeline, torso_collection(2), lambda sample, result: seen.update({sample.key: result}))
    assert [outcome.overlap.miou for outcome in run.outcomes] == [1, 1] and not run.failures
    assert run.outcomes[0].probability == pytest.approx(0.2) and run.outcomes[1].klass == 1
    assert sorted(seen) == ['t00', 't01'] and np.array_equal(seen['t00'].labels, frames.labels())
    assert set(run.outcomes[0].certainties) == set(range(1, 8))


def test_a_refused_frame_is_all_background_and_keeps_its_reason(pipeline):
    sample, = torso_collection(1)
    cold = dataclasses.replace(sample, read=lambda: Thermogram.from_celsius(np.full((240, 320), 20.0), source='wall'))
    outcome, = analyse_samples(pipeline, [cold]).outcomes
    assert not outcome.answered and outcome.probability is None
    assert outcome.refusals[0].code == 'signal' and outcome.refusals[0].sentence.endswith('.')
    assert outcome.overlap.pairs[:, 1:].sum() == 0 and outcome.overlap.pairs.sum() == 240 * 320


def test_an_unusable_frame_is_named_and_the_others_go_on(pipeline):
    first, second = torso_collection(2)
    run = analyse_samples(pipeline, [unreadable(first), second])
    assert [outcome.key for outcome in run.outcomes] == ['t01']
    assert run.failures == [{'key': 't00', 'code': 'file-truncated', 'severity': 'problem',
                             'sentence': 'It ends too early.', 'next_step': 'Copy it again.'}]


def test_labels_of_another_size_are_not_guessed_at(pipeline):
    sample, other = torso_collection(2)
    small = dataclasses.replace(sample, read_labels=lambda height, width: frames.labels(120, 160))
    assert [failure['code'] for failure in analyse_samples(pipeline, [small, other]).failures] == ['label-size']


def test_nothing_usable_is_one_line(pipeline):
    with pytest.raises(InputError, match='None of the 2 samples can be used. The first, t00: It ends too early'):
        analyse_samples(pipeline, map(unreadable, torso_collection(2)))


def test_raw_values_are_json(pipeline):
    run = analyse_samples(pipeline, torso_collection(1))
    raw = run.outcomes[0].to_dict(('Healthy', 'Sick'))
    assert raw['class'] == 'Healthy' and raw['overlap']['hd95_px']['neck'] == 0
    assert raw['overlap']['hd95_px']['background'] is None
    assert np.array(raw['overlap']['pixels']).sum() == 240 * 320
