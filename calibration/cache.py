"""TensorRT's calibration cache: text with one scale a tensor, written and read without TensorRT.

First line ``TRT-<version>-<algorithm>``, then ``<tensor>: <eight hexadecimal digits>`` for every tensor: the
big-endian IEEE 754 float32 of amax / 127, where amax is the largest absolute value of the tensor. TensorRT sets the
dynamic range to +-127 times the scale. Tensor names may contain colons, so the last colon of a line splits it.
"""
import re
import struct
from dataclasses import dataclass

import numpy as np

from service.messages import InputError

#: Largest int8 value of TensorRT's symmetric quantisation; -128 is not used.
LARGEST = 127

ENTROPY, MIN_MAX = 'EntropyCalibration2', 'MinMaxCalibration'

#: Names that TensorRT's four calibrators give their tables.
ALGORITHMS = (ENTROPY, MIN_MAX, 'EntropyCalibration', 'LegacyCalibration')

#: A cache is a line a tensor; networks have hundreds of tensors, none has 50 000.
MAX_BYTES = 4 * 1024 * 1024

#: Scales outside are no activations of a network: at amax 1e-7 a tensor is all zeros to any precision the device
#: has, at 1e8 it has left float16 long ago.
SMALLEST_SCALE, LARGEST_SCALE = 1e-9, 1e6

#: How much a calibration may overshoot a range that is known: entropy thresholds lie on edges of histogram bins.
_OVERSHOOT = 1.5

_HEADER = re.compile(r'TRT-([0-9A-Za-z]+)-([0-9A-Za-z]+)', re.ASCII)
_LINE = re.compile(r'(.+): ?([0-9a-fA-F]{8})')
_UNNAMEABLE = re.compile(r'[\r\n\0]')


@dataclass(frozen=True)
class Cache:
    """A calibration cache that was read and checked.

    Attributes:
        header (str): its first line.
        version (str): of the TensorRT that wrote it or that it was written for, as in the header: ``'8201'``.
        algorithm (str): one of `ALGORITHMS`.
        scales (dict): tensor name to numpy.float32 amax / 127, in the file's order.
    """

    header: str
    version: str
    algorithm: str
    scales: dict


def scale_of(amax):
    """float32 amax / 127, the last bit included, as TensorRT and the Q/DQ file have it."""
    return np.float32(amax) / np.float32(LARGEST)


def write_cache(scales, algorithm=ENTROPY, version='8201'):
    """A calibration cache as TensorRT reads it.

    Args:
        scales (dict): tensor name, as the ONNX file has it, to float32 amax / 127.
        algorithm (str): one of `ALGORITHMS`; the calibrator that reads it must be of that kind.
        version (str): TensorRT's version, as `version_number` takes it.
    Returns:
        bytes: UTF-8 text.
    Raises:
        InputError: ``cache-empty``, ``cache-name``, ``cache-value`` or ``cache-header``.
    """
    if not scales:
        raise InputError('cache-empty', 'There is no range to write; calibrate with at least one frame.')
    lines = [_header(version, algorithm)]
    for name, scale in scales.items():
        if not name or _UNNAMEABLE.search(name):
            raise InputError('cache-name', 'A tensor is called %r, which a calibration cache cannot hold; export '
                             'the model again.' % name)
        if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
            raise InputError('cache-value', 'The range of %s is %g, which is no range of a network; look at the '
                             'frames it was calibrated with.' % (name, scale * LARGEST))
        lines.append('%s: %s' % (name, struct.pack('>f', np.float32(scale)).hex()))
    return ('\n'.join(lines) + '\n').encode('utf-8')


def read_cache(data, bounds=None):
    """Read a calibration cache and refuse one that would quantise wrongly.

    Args:
        data (bytes): the file.
        bounds (dict or None): tensor name to the largest absolute value that it can have, such as
            ``{'thermogram': 1.0}`` for the input of a chain. Scales of amax instead of amax / 127 can be told by
            these tensors alone.
    Returns:
        Cache
    Raises:
        InputError: ``cache-large``; ``cache-unreadable`` (no text); ``cache-header`` (no first line of TensorRT's);
            ``cache-truncated`` (ends within a line, or has a line that is not ``name: hhhhhhhh``);
            ``cache-duplicate``; ``cache-empty``; ``cache-little-endian``: a value is not plausible as it stands (not
            within `SMALLEST_SCALE` to `LARGEST_SCALE`) and every one is with its bytes swapped, which a right file
            never shows, since all of its values are plausible as they stand; ``cache-value`` (NaN, infinite,
            negative, zero or beyond any range; TensorRT fails on zeros while building, its issue 3020);
            ``cache-not-divided`` (a tensor of `bounds` has over 1.5 times the scale that its bound allows).
    """
    header, lines = _text(data)
    found = _HEADER.fullmatch(header)
    if found is None or found.group(2) not in ALGORITHMS:
        raise InputError('cache-header', 'The calibration cache begins with %r and not with TRT-VERSION-ALGORITHM; '
                         'it is none of TensorRT\'s.' % header[:60])
    digits = _entries(lines)
    straight, swapped = (np.frombuffer(bytes.fromhex(''.join(digits.values())), order).astype(np.float32)
                         for order in ('>f4', '<f4'))
    if not _plausible(straight).all() and _plausible(swapped).all():
        raise InputError('cache-little-endian', 'The calibration cache has its scales in little-endian order; '
                         'TensorRT reads big-endian. Write it again with struct.pack(\'>f\', amax / 127).')
    for name, scale in zip(digits, straight):
        if not (np.isfinite(scale) and SMALLEST_SCALE <= scale <= LARGEST_SCALE):
            raise InputError('cache-value', 'The calibration cache gives %s the scale %g; a scale is a positive '
                             'number that a network can have. Calibrate again.' % (name, scale))
    scales = dict(zip(digits, straight))
    _check_bounds(scales, bounds or {})
    return Cache(header, found.group(1), found.group(2), scales)


def with_local_header(data, version, algorithm=ENTROPY, bounds=None):
    """A cache for another TensorRT: the same scales under the local header, which TensorRT 10 insists on.

    Args:
        data (bytes): a cache of any version and algorithm.
        version (str): the local TensorRT's, as `version_number` takes it.
        algorithm (str): of the calibrator that will read it.
        bounds (dict or None): as `read_cache`.
    Returns:
        bytes: every line but the first as it was.
    Raises:
        InputError: as `read_cache`.
    """
    read_cache(data, bounds)
    _, newline, lines = data.replace(b'\r\n', b'\n').partition(b'\n')
    return _header(version, algorithm).encode('ascii') + newline + lines


def version_number(version):
    """TensorRT's version as it stands in a cache.

    NV_TENSORRT_VERSION of its headers: major * 1000 + minor * 100 + patch up to 9, major * 10000 + minor * 100 +
    patch from 10 on.

    Args:
        version (str): ``tensorrt.__version__``, such as ``'8.2.1.8'``; a number such as ``'8201'`` stays.
    Raises:
        InputError: ``cache-header``.
    """
    parts = re.match(r'(\d+)\.(\d+)\.(\d+)', str(version))
    if parts is None:
        if re.fullmatch('[0-9][0-9A-Za-z]*', str(version)):
            return str(version)
        raise InputError('cache-header', '%r is no version of TensorRT; give one such as 8.2.1.' % (version,))
    major, minor, patch = (int(part) for part in parts.groups())
    return str(major * (1000 if major < 10 else 10000) + minor * 100 + patch)


def _header(version, algorithm):
    if algorithm not in ALGORITHMS:
        raise InputError('cache-header', 'TensorRT has no calibration %s; it has %s.'
                         % (algorithm, ', '.join(ALGORITHMS)))
    return 'TRT-%s-%s' % (version_number(version), algorithm)


def _text(data):
    """(first line, the other lines) of a cache's bytes."""
    if len(data) > MAX_BYTES:
        raise InputError('cache-large', 'The calibration cache has %d bytes; one of a network has at most %d.'
                         % (len(data), MAX_BYTES))
    try:
        lines = data.decode('utf-8').replace('\r\n', '\n').split('\n')
    except UnicodeDecodeError as error:
        raise InputError('cache-unreadable', 'The calibration cache is not text; copy it again.', detail=str(error))
    if lines.pop():
        raise InputError('cache-truncated', 'The calibration cache ends in the middle of a line; copy it again.')
    return (lines[0] if lines else ''), lines[1:]


def _entries(lines):
    """Tensor name to its eight digits, in the order of the lines."""
    digits = {}
    for number, line in enumerate(lines, 2):
        entry = _LINE.fullmatch(line)
        if entry is None:
            raise InputError('cache-truncated', 'Line %d of the calibration cache is %r and not a tensor with eight '
                             'hexadecimal digits; copy it again.' % (number, line[:80]))
        name = entry.group(1)
        if name in digits:
            raise InputError('cache-duplicate', 'The calibration cache has two scales for %s; calibrate again.' % name)
        digits[name] = entry.group(2)
    if not digits:
        raise InputError('cache-empty', 'The calibration cache has no scales; calibrate again.')
    return digits


def _plausible(values):
    with np.errstate(invalid='ignore'):
        return (values >= SMALLEST_SCALE) & (values <= LARGEST_SCALE)


def _check_bounds(scales, bounds):
    for name, bound in sorted(bounds.items()):
        if name in scales and scales[name] > _OVERSHOOT * scale_of(bound):
            raise InputError('cache-not-divided', 'The calibration cache lets %s reach %g, and it is never beyond %g: '
                             'the scales seem to be amax instead of amax / 127. Calibrate again.'
                             % (name, scales[name] * LARGEST, bound))
