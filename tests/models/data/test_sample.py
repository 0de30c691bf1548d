"""Collections are immutable, their keys unique, their labels checked against the picture."""
import functools
import pickle

import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import Collection, Sample, join, open_data  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.thermogram import Thermogram  # noqa: E402

from . import builders  # noqa: E402


def made(shape=(50, 60), label_shape=(50, 60)):
    read = functools.partial(Thermogram.from_celsius, np.full(shape, 30.0), 'made')
    return Sample('k', 'p', {}, 0, read, lambda height, width: np.zeros(label_shape, np.uint8))


def test_labels_have_the_size_of_the_picture():
    assert made().labels().shape == (50, 60)
    for shape in (None, (50, 60)):
        with pytest.raises(InputError, match='k are 40x50 pixels and its picture is 60x50') as caught:
            made(label_shape=(50, 40)).labels(shape)
        assert caught.value.code == 'label-size'


def test_a_sample_without_labels_has_none():
    sample = Sample('k', 'p', {}, None, read=None)
    assert sample.labels() is None and not sample.labelled


def test_samples_travel_to_other_processes(tmp_path):
    for sample in open_data(builders.dmr_pack(tmp_path)).labelled():
        again = pickle.loads(pickle.dumps(sample))
        assert np.array_equal(again.thermogram().pixels, sample.thermogram().pixels)
        assert np.array_equal(again.labels(), sample.labels())


def test_choosing():
    whole = builders.samples_of('aabc', [0, 0, 1, None])
    assert whole.patients == ('a', 'b', 'c') and whole.keys == ('s0', 's1', 's2', 's3')
    assert whole.classified().keys == ('s0', 's1', 's2') and len(whole.labelled()) == 0
    assert whole.where(frame=2).keys == ('s2',) and whole.where(frame=(0, 3)).keys == ('s0', 's3')
    assert whole.subset(['s3', 's0']).keys == ('s3', 's0')
    assert whole.take([2]).keys == whole[2:3].keys == ('s2',)
    assert whole[1].key == 's1' and [sample.key for sample in whole][-1] == 's3'
    assert whole.noted('first').notes == ('first',) and whole.notes == ()
    assert whole.noted('first').take([0]).notes == ('first',)


@pytest.mark.parametrize('choose, code', [
    (lambda whole: whole.where(dialekt='space'), 'fact-unknown'),
    (lambda whole: whole.subset(['s0', 'nonesuch']), 'key-unknown'),
])
def test_what_is_not_there_is_said(choose, code):
    with pytest.raises(InputError) as caught:
        choose(builders.samples_of('ab'))
    assert caught.value.code == code


@pytest.mark.parametrize('key, patient, code', [
    ('s0', 'p', 'key-twice'), ('a/b', 'p', 'key-unusable'), ('.hidden', 'p', 'key-unusable'),
    ('', 'p', 'key-unusable'), ('k', '', 'patient-missing'),
])
def test_bad_samples_are_refused(key, patient, code):
    whole = builders.samples_of('ab')
    with pytest.raises(InputError) as caught:
        Collection('bad', whole.samples + (Sample(key, patient, {}, None, read=None),), whole.classes,
                   whole.regions)
    assert caught.value.code == code


def test_joining():
    first = builders.samples_of('ab').noted('x', 'y')
    sample = Sample('t', 'c', {}, 1, read=None)
    other = Collection('other', [sample], first.classes, first.regions, ('y', 'z'))
    both = join('both', first, other)
    assert both.keys == ('s0', 's1', 't') and both.notes == ('x', 'y', 'z') and both.name == 'both'
    with pytest.raises(InputError, match='key|called s0'):
        join('twice', first, first)
    with pytest.raises(InputError) as caught:
        join('other classes', first, Collection('odd', (), ('x',), first.regions))
    assert caught.value.code == 'collections-differ'
