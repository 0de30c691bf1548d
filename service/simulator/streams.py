"""Random numbers: one frozen stream per part of the body, all from one seed.

Every part draws from its own stream, so that a change to the veins does not move the nipples, and a
planted abnormality changes nothing but itself. `numpy.random.RandomState` (MT19937) is used because
numpy promises never to change its stream; `default_rng` has no such promise.
"""
import zlib

import numpy as np


def stream(seed, part):
    """The random stream of one part of one phantom.

    Args:
        seed (int): phantom seed, 0 or more.
        part (str): name of the part, such as ``'veins'``.

    Returns:
        numpy.random.RandomState

    Raises:
        ValueError: negative seed.
    """
    if seed < 0:
        raise ValueError('seed must be 0 or more, not %d' % seed)
    words = [int(seed) & 0xFFFFFFFF, int(seed) >> 32 & 0xFFFFFFFF, zlib.crc32(part.encode('ascii'))]
    return np.random.RandomState(words)


def normal(rng, mean, sd, low, high):
    """One normal draw as a float, clipped to ``[low, high]``."""
    return float(min(max(rng.normal(mean, sd), low), high))


def uniform(rng, low, high):
    """One uniform draw as a float."""
    return float(rng.uniform(low, high))


def chance(rng, probability):
    """True with the given probability."""
    return bool(rng.uniform() < probability)
