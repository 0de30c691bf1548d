"""Frames to train on, wherever they come from: simulated sets, collections of patients, mixtures."""
import typing

import cv2
import numpy as np

from service.chains import Fit
from service.messages import InputError
from service.regions import REGIONS
from service.thermogram import CELSIUS


class Frame(typing.NamedTuple):
    """One sample at network size, before augmentation and chain.

    Attributes:
        pixels (numpy.ndarray): float32 hxw, degrees Celsius or grey levels 0..255, the part of the network's
            input that the thermogram covers.
        unit (str): ``'celsius'`` or ``'relative'``.
        labels (numpy.ndarray or None): uint8 hxw region ids.
        klass (int or None): index of the class.
    """

    pixels: np.ndarray
    unit: str
    labels: typing.Optional[np.ndarray]
    klass: typing.Optional[int]


class PhantomFrames:
    """A `models.phantoms.PhantomSet` as frames; its memory maps are read as they are needed."""

    regions = REGIONS
    classes = ('as expected', 'pattern differs')

    def __init__(self, phantoms):
        self._phantoms = phantoms
        self.klasses = [int(value) for value in phantoms.abnormal]

    def __len__(self):
        return len(self._phantoms)

    def frame(self, index):
        """`Frame` of an index."""
        return Frame(self._phantoms.celsius(index), CELSIUS, np.array(self._phantoms.labels[index]),
                     self.klasses[index])


class CollectionFrames:
    """A `models.data.Collection`, each thermogram read once and kept at network size.

    Geometry is that of the chain (`service.chains.Fit`): aspect kept, centred; labels take the nearest pixel.

    Args:
        collection (Collection): samples.
        recipe (Recipe): network size.
    """

    def __init__(self, collection, recipe):
        self.regions, self.classes = tuple(collection.regions), tuple(collection.classes)
        target = recipe.input.height, recipe.input.width
        self._frames = [_shrink(sample, target) for sample in collection]
        self.klasses = [frame.klass for frame in self._frames]

    def __len__(self):
        return len(self._frames)

    def frame(self, index):
        """`Frame` of an index."""
        return self._frames[index]


class MixedFrames:
    """Several sources drawn from in given shares, such as few patients with labels among many phantoms.

    Args:
        parts (sequence): ``(source, share)`` pairs; shares are relative.
    """

    def __init__(self, parts):
        self._sources = [source for source, _ in parts]
        shares = np.array([share for _, share in parts], np.float64)
        self.shares = shares / shares.sum()
        self._first = np.cumsum([0] + [len(source) for source in self._sources])
        self.regions, self.classes = self._sources[0].regions, self._sources[0].classes
        self.klasses = [klass for source in self._sources for klass in source.klasses]

    def __len__(self):
        return int(self._first[-1])

    def frame(self, index):
        """`Frame` of an index; sources follow each other."""
        part = int(np.searchsorted(self._first, index, 'right')) - 1
        return self._sources[part].frame(index - int(self._first[part]))

    def members(self, part):
        """First index and number of frames of a part."""
        return int(self._first[part]), len(self._sources[part])


def as_frames(samples, recipe):
    """Frames of a phantom set, a collection, or a list of ``(samples, share)`` pairs of these.

    Args:
        samples (PhantomSet, Collection, list, or frames already): what to train on.
        recipe (Recipe): network size.

    Raises:
        InputError: ``training-empty``, or what is wrong with a file.
    """
    if hasattr(samples, 'frame'):
        return samples
    if not len(samples):
        raise InputError('training-empty', 'There is no sample to learn from; check the folder and what the recipe '
                         'takes of it (data.use, data.where).')
    if isinstance(samples, list):
        return MixedFrames([(as_frames(part, recipe), share) for part, share in samples])
    if hasattr(samples, 'milli_c'):
        return PhantomFrames(samples)
    return CollectionFrames(samples, recipe)


def _shrink(sample, target):
    thermogram = sample.thermogram()
    fit = Fit.of(thermogram.pixels.shape, target)
    height, width = fit.inner[2:]
    # The frame alone, without padding: the chain pads it, as it does on the device.
    inner = Fit(fit.frame, (height, width), (0, 0, height, width))
    labels = sample.labels(thermogram.pixels.shape)
    if labels is not None:
        labels = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return Frame(np.array(inner.to_input(thermogram.pixels, padding=0)), thermogram.unit, labels, sample.klass)
