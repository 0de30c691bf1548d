"""The INT8 variant of a bundle: frames that stand for the others, ranges, Q/DQ file, TensorRT's cache."""
import typing

from calibration.cache import write_cache
from calibration.sampling import choose_frames, describe_frame
from export.quantise import quantise
from service.chains import get_chain

from ..data import open_data, phantom_collection

#: Seeds of the phantoms that ranges are measured on: others than those that are compared on, and than those of recipes.
FIRST_SEED = 9_500_000

#: Frames that ranges are measured on, and of how many real ones at most they are chosen.
FRAMES, CANDIDATES = 64, 256

FILE = 'calibration.cache'


class Int8(typing.NamedTuple):
    """An INT8 variant.

    Attributes:
        model (bytes): ONNX file with Q/DQ pairs.
        cache (bytes): TensorRT calibration cache of the same ranges.
        entry (dict): the manifest's ``calibration``.
    """

    model: bytes
    cache: bytes
    entry: dict


def make_int8(document, model, method, data=None, count=FRAMES):
    """Quantise a bundle's model.

    Args:
        document (dict): manifest; its ``preprocess``.
        model (bytes): FP32 ONNX file.
        method (str): one of `export.quantise.METHODS`.
        data (str or None): real thermograms, see `models.data.open_data`; None takes phantoms.
        count (int): frames that ranges are measured on.

    Returns:
        Int8

    Raises:
        InputError: what is wrong with the data.
    """
    chain = get_chain(document['preprocess']['chain'], document['preprocess']['constants'])
    if data is None:
        collection = phantom_collection(FIRST_SEED, count, chain.constants['height'], chain.constants['width'])
    else:
        collection = open_data(data)
        collection = collection.take(range(0, len(collection), -(-len(collection) // CANDIDATES)))
    tensors = [chain.apply(sample.thermogram()).tensor for sample in collection]
    chosen = choose_frames([describe_frame(tensor) for tensor in tensors],
                           [sample.patient for sample in collection], count)
    quantised, scales = quantise(model, [tensors[place] for place in chosen], method)
    return Int8(quantised, write_cache(scales), {'file': FILE, 'method': method, 'frames': len(chosen),
                                                 'data': collection.name})
