"""Pictures blended with each other, and sets of pictures mixed with a few of another camera."""
import dataclasses
import math
from typing import NamedTuple, Optional

import numpy as np

from service.messages import InputError


class Mixed(NamedTuple):
    """A blended batch.

    Attributes:
        samples (numpy.ndarray): float32 NxCxHxW.
        labels (numpy.ndarray or None): float32 NxRxHxW, shares of the regions, 1 together in every pixel.
        klass (numpy.ndarray or None): float32 NxK, shares of the classes, 1 together in every row.
        weight (float): of each sample itself; its partner has the rest.
        partner (numpy.ndarray): int N, which sample each one was blended with.
    """

    samples: np.ndarray
    labels: Optional[np.ndarray]
    klass: Optional[np.ndarray]
    weight: float
    partner: np.ndarray


def mixup(rng, samples, labels=None, klass=None, regions=8, classes=2):
    """Blend every sample of a batch with another one: ``w * x_i + (1 - w) * x_j``, w ~ U[0, 1] per batch.

    Args:
        rng (numpy.random.Generator): consumed.
        samples (numpy.ndarray): float32 NxCxHxW network inputs.
        labels (numpy.ndarray or None): integer NxHxW region ids.
        klass (numpy.ndarray or None): integer N class indices, all known.
        regions, classes (int): how many of each there are.

    Returns:
        Mixed: new arrays.

    Raises:
        ValueError: an id or class out of range, or lengths that differ.
    """
    samples = np.asarray(samples, np.float32)
    weight, partner = float(rng.random()), rng.permutation(len(samples))
    soft_labels = None if labels is None else _one_hot(labels, regions, len(samples), 'label')
    soft_klass = None if klass is None else _one_hot(klass, classes, len(samples), 'class')

    def blend(values):
        return None if values is None else (np.float32(weight) * values
                                            + np.float32(1 - weight) * values[partner])

    return Mixed(blend(samples), blend(soft_labels), blend(soft_klass), weight, partner)


def mix_in(collection, others, share=0.07, seed=2021):
    """Add a few pictures of another camera or set to a training set.

    About 7 % (12 of 162) is what helped a network trained on one protocol with pictures of others. Mix
    after splitting, and give only pictures that no held-out part has.

    Args:
        collection (Collection): training set; all of it is kept.
        others (Collection): where to draw from, without replacement.
        share (float): of the result that is drawn, 0 or more and below 1; rounded up to a whole picture.
        seed (int): of the draw.

    Returns:
        Collection: the training set, then the drawn samples with the fact ``mixed_in`` (the name of
        `others`); their class is unknown where `others` has other classes.

    Raises:
        InputError: ``mix-share``, ``mix-regions`` or ``mix-too-few``, or ``key-twice`` where the drawn
            pictures are already there.
    """
    if not 0 <= share < 1:
        raise InputError('mix-share', 'The share to mix in is %g; it must be 0 or more and below 1.' % share)
    if others.regions != collection.regions:
        raise InputError('mix-regions', '%s has other regions than %s and cannot be mixed into it.'
                         % (others.name, collection.name))
    count = math.ceil(share * len(collection) / (1 - share) - 1e-9)
    if count > len(others):
        raise InputError('mix-too-few', '%g %% of other pictures beside %d are %d, and %s has %d; take a '
                         'smaller share.' % (100 * share, len(collection), count, others.name, len(others)))
    chosen = sorted(np.random.default_rng(seed).permutation(len(others))[:count].tolist())
    same_classes = others.classes == collection.classes
    drawn = tuple(dataclasses.replace(sample, facts=dict(sample.facts, mixed_in=others.name),
                                      klass=sample.klass if same_classes else None)
                  for sample in others.take(chosen))
    note = '%d of %d pictures are mixed in from %s' % (count, len(collection) + count, others.name)
    return dataclasses.replace(collection, samples=collection.samples + drawn,
                               notes=collection.notes + (note,))


def _one_hot(indices, count, length, what):
    """float32 with the index as second axis: NxHxW becomes NxCxHxW, N becomes NxC."""
    indices = np.asarray(indices)
    if len(indices) != length:
        raise ValueError('%d samples and %d %s entries' % (length, len(indices), what))
    if indices.size and not 0 <= indices.min() <= indices.max() < count:
        raise ValueError('a %s of %d..%d, where 0..%d are known'
                         % (what, indices.min(), indices.max(), count - 1))
    axis = np.arange(count).reshape((1, count) + (1,) * (indices.ndim - 1))
    return (indices[:, None] == axis).astype(np.float32)
