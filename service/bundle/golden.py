"""The golden pair: one thermogram and the answer it must give on every machine, each time a model is loaded."""
import io
import zipfile
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from ..backends import Tensors
from ..messages import BundleError
from ..thermogram import Thermogram
from .load import Bundle
from .manifest import BASE

#: Temperatures are stored as hundredths of a kelvin, as a radiometric Lepton sends them.
_KELVIN_PER_COUNT = 0.01
_ZERO_CELSIUS_K = 273.15

#: How each answer is stored.
_STORED = {'labels': np.uint8, 'confidence': np.float16, 'finding': np.float32, 'view': np.float32,
           'features': np.float32}

#: The shipped pair has 160 kB.
MAX_GOLDEN_BYTES = 8 * 1024 * 1024

#: Sides of a golden thermogram: less is no picture, and no thermal camera at a bedside has more.
_SIDES_PX = range(16, 2049)

#: Before the values of an array numpy writes 128 bytes, or 64.
_MAX_HEADER_BYTES = 256

#: What every entry in the table of contents of a zip file begins with.
_ZIP_ENTRY = b'PK\x01\x02'


def pack_golden(celsius: np.ndarray, outputs: Tensors) -> bytes:
    """The file of a golden pair.

    Args:
        celsius: float HxW degrees Celsius. It is stored rounded to 0.01 K, so the outputs must have been computed
            from `golden_thermogram` of the rounded values.
        outputs: ``labels`` (integers), ``confidence`` and, if the network has them, ``finding``, ``view`` and
            ``features`` (floats), as the network gives them.
    """
    stream = io.BytesIO()
    arrays: Dict[str, Any] = {role: outputs[role].astype(dtype) for role, dtype in _STORED.items()
                              if role in outputs}
    np.savez_compressed(stream, thermogram=to_counts(celsius), **arrays)
    return stream.getvalue()


def to_counts(celsius: np.ndarray) -> np.ndarray:
    """Degrees Celsius as uint16 hundredths of a kelvin."""
    return np.rint((np.asarray(celsius, np.float64) + _ZERO_CELSIUS_K) / _KELVIN_PER_COUNT).astype(np.uint16)


def golden_thermogram(counts: np.ndarray) -> Thermogram:
    """The golden thermogram of stored counts."""
    return Thermogram.from_celsius(counts * _KELVIN_PER_COUNT - _ZERO_CELSIUS_K, source='golden')


def prove(bundle: Bundle, infer: Callable[[Tensors], Tensors], variant: str = BASE) -> Dict[str, float]:
    """Run the golden thermogram through chain and network, and refuse a bundle that answers differently.

    A classifier beside the network has a golden pair of its own.

    Args:
        infer: as `Backend.infer`; gives labels and confidence, whatever the variant's own outputs are.
        variant: the variant that runs, whose tolerances count.
    Returns:
        What was measured of the outputs that the network has: ``labels_agreement``, ``confidence_error``,
        ``finding_error``, ``view_error`` and ``features_error``.
    Raises:
        BundleError: ``golden-unreadable`` or ``golden-mismatch``.
    """
    roles, allowed = bundle.manifest.roles, bundle.variants[variant].golden
    expected = read_golden(bundle)
    prepared = bundle.chain.apply(golden_thermogram(expected['thermogram']))
    outputs = infer({bundle.inputs[0].name: prepared.tensor})
    answers = {role: outputs[bundle.output_name(role)] for role in roles}
    for role, array in answers.items():
        if array.shape != expected[role].shape:
            raise BundleError('golden-unreadable', 'The golden pair of the bundle has %s of shape %s; the model gives '
                              '%s.' % (role, expected[role].shape, array.shape))
    numbers = [role for role in roles if role != 'labels']
    measured = {role + '_error': _largest_error(answers[role], expected[role]) for role in numbers}
    proven = all(measured[role + '_error'] <= allowed[role + '_tolerance'] for role in numbers)
    if 'labels' in roles:
        measured['labels_agreement'] = float(np.mean(answers['labels'] == expected['labels']))
        proven = proven and measured['labels_agreement'] >= allowed['labels_agreement']
    if not proven:
        raise BundleError('golden-mismatch', 'The model does not give its golden answer on this machine and is not '
                          'used.', 'Install the bundle again; if that does not help, report the figures.',
                          detail=str(measured))
    return measured


def _largest_error(answer: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(answer.astype(np.float64) - expected.astype(np.float64))))


def read_golden(bundle: Bundle) -> Dict[str, np.ndarray]:
    """The arrays of a golden pair: ``thermogram`` (uint16 counts) and the answer of each of the manifest's roles.

    No more is inflated than the manifest's shapes take.

    Raises:
        BundleError: ``golden-unreadable``.
    """
    answers = {role: (tuple(bundle.manifest['outputs'][role]['shape']), _STORED[role])
               for role in bundle.manifest.roles}
    try:
        if len(bundle.golden) > MAX_GOLDEN_BYTES:
            raise ValueError('%d bytes' % len(bundle.golden))
        # Before zipfile makes an object of each.
        if bundle.golden.count(_ZIP_ENTRY) > 2 * (1 + len(_STORED)):
            raise ValueError('more arrays than a pair has')
        with zipfile.ZipFile(io.BytesIO(bundle.golden)) as archive:
            pair = {role: _array(archive, role, *stated) for role, stated in answers.items()}
            pair['thermogram'] = _array(archive, 'thermogram', None, np.uint16)
    except Exception as error:  # numpy and zipfile raise many kinds of exceptions for a damaged archive
        raise BundleError('golden-unreadable', 'The golden pair of the bundle cannot be read.',
                          'Copy the bundle again.', detail=str(error))
    return pair


def _array(archive: zipfile.ZipFile, name: str, shape: Optional[Tuple[int, ...]], dtype: Any) -> np.ndarray:
    """One array of an archive that `numpy.savez` wrote.

    Args:
        shape: what it must be; None for a picture of any size.
    Raises:
        ValueError: it is another one.
    """
    entry, item_bytes = archive.getinfo(name + '.npy'), np.dtype(dtype).itemsize
    # zipfile inflates what the other methods pack at once, however much it is.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError('%s is packed in an unusual way' % name)
    values = _SIDES_PX[-1] ** 2 if shape is None else int(np.prod(shape))
    limit = min(values, _SIDES_PX[-1] ** 2) * item_bytes + _MAX_HEADER_BYTES
    with archive.open(entry) as member:
        data = member.read(limit + 1)
    if len(data) > limit:
        raise ValueError('%s has more than %d bytes' % (name, limit))
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0) or int.from_bytes(data[8:10], 'little') > _MAX_HEADER_BYTES:
        raise ValueError('%s does not begin as numpy begins' % name)
    stored, by_columns, kind = np.lib.format.read_array_header_1_0(stream)
    if shape is None and len(stored) == 2 and all(side in _SIDES_PX for side in stored):
        shape = stored
    if stored != shape or kind != np.dtype(dtype) or by_columns:
        raise ValueError('%s is %s of %s; %s of %s is stated' % (name, stored, kind, shape, np.dtype(dtype)))
    return np.frombuffer(stream.read(), kind).reshape(stored)
