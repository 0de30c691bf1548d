"""The frames that a calibration surveys, measures ranges on, and judges by."""
import numpy as np
import pytest

from models.calibrating.frames import UsableFrame, choose, survey
from models.data import Collection, Sample
from service.chains import get_chain
from service.messages import InputError
from service.thermogram import Thermogram
from tests.fakes.bundles import warm_square

CHAIN = get_chain('plateau-1', {'height': 48, 'width': 64})


def _usable(count, labelled=(), patients=None):
    random = np.random.RandomState(0)
    return [UsableFrame(Sample('k%02d' % i, 'p%02d' % (i % (patients or count)), {}, None, None,
                        (lambda *_: None) if i in labelled else None), random.rand(4), None) for i in range(count)]


def _keys(frames):
    return {frame.sample.key for frame in frames}


def test_ranges_leave_the_labelled_frames_for_judging():
    choice = choose(_usable(30, labelled=range(10)), 16, 100)
    assert len(choice.measured) == 15 and choice.apart
    assert _keys(choice.judged) == {'k%02d' % i for i in range(10)}


def test_ranges_take_labelled_frames_where_there_are_no_others():
    choice = choose(_usable(20, labelled=range(20)), 16, 5)
    assert len(choice.measured) == 10 and len(choice.judged) == 5
    assert not _keys(choice.measured) & _keys(choice.judged)


def test_every_patient_is_measured_before_one_is_again():
    choice = choose(_usable(40, patients=10), 10, 10)
    assert len({frame.sample.patient for frame in choice.measured}) == 10


def test_a_single_frame_serves_for_both():
    choice = choose(_usable(1), 64, 100)
    assert _keys(choice.measured) == _keys(choice.judged) and not choice.apart


def _sample(key, read, klass=None):
    return Sample(key, key, {}, klass, read)


def _broken():
    raise InputError('file-truncated', 'It is cut.')


def test_survey_leaves_out_what_the_service_would_refuse():
    good = Thermogram.from_celsius(warm_square(), 'made up')
    blank = Thermogram.from_celsius(np.full((96, 128), 22.0), 'made up')
    collection = Collection('made up', [_sample('good', lambda: good, 1), _sample('blank', lambda: blank),
                                        _sample('broken', _broken), _sample('nobody', lambda: good)], ('a', 'b'), ())
    asked = []

    def answer(tensor):
        asked.append(tensor)
        return {'finding': np.array([[0.25]], np.float32)}

    found = survey(collection, CHAIN, answer)
    assert [frame.sample.key for frame in found.usable] == ['good', 'nobody'] and found.refused == 1
    assert [frame.probability for frame in found.usable] == [0.25, None] and len(asked) == 1
    assert found.failures == [{'key': 'broken', 'code': 'file-truncated', 'severity': 'problem',
                               'sentence': 'It is cut.', 'next_step': ''}]
    assert survey(collection, CHAIN).usable[0].probability is None


def test_nothing_usable():
    collection = Collection('made up', [_sample('broken', _broken)], (), ())
    with pytest.raises(InputError) as caught:
        survey(collection, CHAIN)
    assert caught.value.code == 'nothing-readable'
