"""Frames to compare a network's forms on: phantoms that nobody trained on, and real thermograms where there are any."""
import typing

import cv2
import numpy as np

from service.chains import get_chain
from service.regions import BACKGROUND

from ..data import open_data, phantom_collection

#: Seeds of the phantoms; recipes begin at 100000 and take some thousands.
FIRST_SEED = 9_000_000


class ParityFrame(typing.NamedTuple):
    """One frame as the network sees it.

    Attributes:
        tensor (numpy.ndarray): float32 1xCxHxW in 0..1, as the chain gives it.
        truth (numpy.ndarray or None): uint8 HxW region ids at the network's size, background around the frame.
    """

    tensor: np.ndarray
    truth: typing.Optional[np.ndarray]


def parity_frames(document, count, data=None, without=()):
    """Frames of a bundle's chain and size.

    Args:
        document (dict): manifest; its ``preprocess``.
        count (int): how many phantoms, and how many real frames.
        data (str or None): folder of real thermograms, or ``phantoms:SEED:COUNT``. Those with labels come first;
            of more than `count`, as many are taken, evenly spread.
        without (collection of str): keys of real frames that are left out, as far as others are left.

    Returns:
        dict: what they are ('24 phantoms') to list of `ParityFrame`.

    Raises:
        InputError: as `models.data.open_data`, or whatever is wrong with a file.
    """
    chain = get_chain(document['preprocess']['chain'], document['preprocess']['constants'])
    height, width = chain.constants['height'], chain.constants['width']
    sets = {'%d phantoms' % count: phantom_collection(FIRST_SEED, count, height, width)}
    if data is not None:
        collection = open_data(data)
        others = [place for place, key in enumerate(collection.keys) if key not in without]
        collection = collection.take(others) if others else collection
        collection = _spread(collection.labelled() or collection, count)
        sets['%d frames of %s' % (len(collection), collection.name)] = collection
    regions = tuple(document['regions']['names'])
    return {name: [_frame(sample, chain, collection.regions == regions) for sample in collection]
            for name, collection in sets.items()}


def _spread(collection, count):
    return collection.take(np.linspace(0, len(collection) - 1, min(count, len(collection))).round().astype(int))


def _frame(sample, chain, same_regions):
    thermogram = sample.thermogram()
    prepared = chain.apply(thermogram)
    labels = sample.labels(thermogram.pixels.shape) if same_regions else None
    return ParityFrame(prepared.tensor, None if labels is None else at_input(labels, prepared.fit))


def at_input(labels, fit):
    """Labels of a frame at the network's size, every pixel that of the nearest one."""
    top, left, height, width = fit.inner
    found = np.full(fit.target, BACKGROUND, np.uint8)
    found[top:top + height, left:left + width] = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return found
