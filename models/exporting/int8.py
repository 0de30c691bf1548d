"""The INT8 variant of a bundle that has none yet: frames that stand for the others, ranges, Q/DQ file, cache."""
import typing

from calibration.cache import write_cache
from export.quantise import quantise
from service.chains import get_chain

from ..calibrating.frames import choose, survey
from ..data import open_data, phantom_collection

#: Seeds of the phantoms that ranges are measured on: others than those that are compared on, and than those of recipes.
FIRST_SEED = 9_500_000

#: Frames that ranges are measured on, and how many of a large collection are looked at to choose them.
FRAMES, CANDIDATES = 64, 256

FILE = 'calibration.cache'


class Int8(typing.NamedTuple):
    """An INT8 variant.

    Attributes:
        model (bytes): ONNX file with Q/DQ pairs.
        cache (bytes): TensorRT calibration cache of the same ranges.
        entry (dict): the manifest's ``calibration``.
        keys (frozenset of str): samples of the data that ranges were measured on.
    """

    model: bytes
    cache: bytes
    entry: dict
    keys: frozenset


def make_int8(document, model, method, data=None, count=FRAMES):
    """Quantise a bundle's model.

    Args:
        document (dict): manifest; its ``preprocess``.
        model (bytes): FP32 ONNX file.
        method (str): one of `export.quantise.METHODS`.
        data (str or None): real thermograms, see `models.data.open_data`, at most half of which are taken; None takes
            phantoms.
        count (int): frames that ranges are measured on, at most.

    Returns:
        Int8

    Raises:
        InputError: what is wrong with the data.
    """
    chain = get_chain(document['preprocess']['chain'], document['preprocess']['constants'])
    if data is None:
        collection = phantom_collection(FIRST_SEED, 2 * count, chain.constants['height'], chain.constants['width'])
    else:
        collection = open_data(data)
        collection = collection.take(range(0, len(collection), -(-len(collection) // CANDIDATES)))
    samples = [frame.sample for frame in choose(survey(collection, chain).seen, count, 1).measured]
    quantised, scales = quantise(model, (chain.apply(sample.thermogram()).tensor for sample in samples), method)
    return Int8(quantised, write_cache(scales), {'file': FILE, 'method': method, 'frames': len(samples),
                                                 'data': collection.name},
                frozenset(sample.key for sample in samples))
