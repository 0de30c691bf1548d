"""Simulated patients on the fly, as a collection like any other."""
import functools

from service.messages import InputError
from service.regions import REGIONS
from service.simulator import make_phantom
from service.thermogram import Thermogram

from .sample import Collection, Sample

CLASSES = ('as expected', 'pattern differs')


def phantom_collection(first_seed, count, height=240, width=320):
    """Phantoms of consecutive seeds, made when they are asked for; every second one is abnormal.

    Args:
        first_seed (int): 0 or more.
        count (int): how many, 1 or more.
        height, width (int): pixels.
    Returns:
        Collection: labelled and classified, each its own patient; facts ``number`` (the seed) and ``kind``
        ('phantom').
    Raises:
        InputError: ``phantoms-range``.
    """
    if first_seed < 0 or count < 1:
        raise InputError('phantoms-range', 'Phantoms need a seed of 0 or more and a count of 1 or more, such '
                         'as '
                         'phantoms:0:100, not %d and %d.' % (first_seed, count))
    samples = [_sample(seed, height, width) for seed in range(first_seed, first_seed + count)]
    return Collection('phantoms', samples, CLASSES, REGIONS, ('simulated thermograms, no patients',))


def _sample(seed, height, width):
    key, klass = 'phantom-%08d' % seed, seed % 2
    made = seed, height, width, bool(klass)
    return Sample(key, key, {'number': seed, 'kind': 'phantom'}, klass, functools.partial(_thermogram, made),
                  functools.partial(_labels, made))


@functools.lru_cache(maxsize=4)
def _phantom(made):
    """A phantom is asked for its picture and its labels in turn; making it is the slow part."""
    return make_phantom(*made)


def _thermogram(made):
    return Thermogram.from_celsius(_phantom(made).celsius, source='phantom %d' % made[0])


def _labels(made, height, width):
    return _phantom(made).labels.copy()
