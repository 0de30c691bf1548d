"""TensorRT's calibration cache: text with one scale per tensor, written and read without TensorRT.

First line ``TRT-<version>-<algorithm>``, then ``<tensor>: <eight hexadecimal digits>`` for every tensor: the
big-endian IEEE 754 float32 of amax / 127, where amax is the largest absolute value of the tensor. TensorRT sets the
dynamic range to +-127 times the scale. Tensor names may contain colons, so a line is split at its last colon.
"""
import re
import struct
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple, Union

import numpy as np

from service.messages import InputError

#: Largest int8 value of TensorRT's symmetric quantisation; -128 is not used.
LARGEST = 127

ENTROPY, MIN_MAX = 'EntropyCalibration2', 'MinMaxCalibration'

#: Names that TensorRT's four calibrators give their tables.
ALGORITHMS = (ENTROPY, MIN_MAX, 'EntropyCalibration', 'LegacyCalibration')

#: A cache has one line per tensor; networks have hundreds of tensors, none has 50 000.
MAX_BYTES = 4 * 1024 * 1024

#: No activation has a scale outside of these: at amax 1e-7 a tensor is zero in every precision of the device, and 1e8
#: is far beyond float16.
SMALLEST_SCALE, LARGEST_SCALE = 1e-9, 1e6

#: How far a calibration may exceed a known range: entropy thresholds are edges of histogram bins.
_OVERSHOOT = 1.5

_HEADER = re.compile(r'TRT-([0-9A-Za-z]+)-([0-9A-Za-z]+)', re.ASCII)
_LINE = re.compile(r'(.+): ?([0-9a-fA-F]{8})')
_UNNAMEABLE = re.compile(r'[\r\n\0]')


@dataclass(frozen=True)
class Cache:
    """A calibration cache that was read and checked.

    Attributes:
        header: first line.
        version: of the TensorRT that wrote it or that it was written for, as in the header: ``'8201'``.
        algorithm: one of `ALGORITHMS`.
        scales: amax / 127 by tensor, in the order of the file.
    """

    header: str
    version: str
    algorithm: str
    scales: Dict[str, np.float32]


def scale_of(amax: float) -> np.float32:
    """Scale of a range: amax / 127 in float32, to the last bit as TensorRT and the Q/DQ file have it."""
    return np.float32(np.float32(amax) / np.float32(LARGEST))


def write_cache(scales: Mapping[str, Union[float, np.floating]], algorithm: str = ENTROPY,
                version: str = '8201') -> bytes:
    """A calibration cache as TensorRT reads it, UTF-8 text.

    Args:
        scales: amax / 127 by tensor, as the ONNX file names it.
        algorithm: one of `ALGORITHMS`; the calibrator that reads it must be of that kind.
        version: TensorRT's version, as for `version_number`.

    Raises:
        InputError: ``cache-empty``, ``cache-name``, ``cache-value`` or ``cache-header``.
    """
    if not scales:
        raise InputError('cache-empty', 'There is no range to write.', 'Calibrate with at least one frame.')
    lines = [_header(version, algorithm)]
    for name, scale in scales.items():
        if not name or _UNNAMEABLE.search(name):
            raise InputError('cache-name', 'A tensor is called %r, which a calibration cache cannot hold.' % name,
                             'Export the model again.')
        if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
            raise InputError('cache-value', 'The range of %s is %g, which is impossible in a network.'
                             % (name, scale * LARGEST), 'Look at the frames that it was calibrated with.')
        lines.append('%s: %s' % (name, struct.pack('>f', np.float32(scale)).hex()))
    return ('\n'.join(lines) + '\n').encode('utf-8')


def read_cache(data: bytes, bounds: Optional[Mapping[str, float]] = None) -> Cache:
    """Read a calibration cache, and refuse one that would quantise wrongly.

    Args:
        data: the file.
        bounds: largest absolute value that a tensor can have, such as ``{'thermogram': 1.0}`` for the input of a chain.
            Only these tensors reveal a file with amax instead of amax / 127.

    Raises:
        InputError: ``cache-large``; ``cache-unreadable`` (not text); ``cache-header`` (not a first line of TensorRT);
            ``cache-truncated`` (ends within a line, or has a line that is not ``name: hhhhhhhh``);
            ``cache-duplicate``; ``cache-empty``; ``cache-little-endian`` (a value is not within `SMALLEST_SCALE` to
            `LARGEST_SCALE`, and all are with their bytes swapped; in a correct file all values are plausible as they
            are); ``cache-value`` (NaN, infinite, negative, zero or beyond any range; TensorRT fails on zeros while
            building, its issue 3020); ``cache-not-divided`` (a tensor of `bounds` has more than 1.5 times the scale
            that its bound allows).
    """
    header, lines = _text(data)
    match = _HEADER.fullmatch(header)
    if match is None or match.group(2) not in ALGORITHMS:
        raise InputError('cache-header', 'The calibration cache begins with %r and not with TRT-VERSION-ALGORITHM; '
                         'TensorRT did not write it.' % header[:60])
    digits = _entries(lines)
    straight, swapped = (np.frombuffer(bytes.fromhex(''.join(digits.values())), order).astype(np.float32)
                         for order in ('>f4', '<f4'))
    if not _plausible(straight).all() and _plausible(swapped).all():
        raise InputError('cache-little-endian', 'The calibration cache has its scales in little-endian order; '
                         'TensorRT reads big-endian.', 'Write it again with struct.pack(\'>f\', amax / 127).')
    for name, scale in zip(digits, straight):
        if not (np.isfinite(scale) and SMALLEST_SCALE <= scale <= LARGEST_SCALE):
            raise InputError('cache-value', 'The calibration cache gives %s the scale %g, which is impossible in a '
                             'network.' % (name, scale), 'Calibrate again.')
    scales = dict(zip(digits, straight))
    _check_bounds(scales, bounds or {})
    return Cache(header, match.group(1), match.group(2), scales)


def with_local_header(data: bytes, version: str, algorithm: str = ENTROPY,
                      bounds: Optional[Mapping[str, float]] = None) -> bytes:
    """A cache for another TensorRT: the same scales under the local header, which TensorRT 10 requires.

    Args:
        data: a cache of any version and algorithm.
        version: the local TensorRT's, as for `version_number`.
        algorithm: of the calibrator that will read it.
        bounds: as for `read_cache`.

    Raises:
        InputError: as `read_cache`.
    """
    read_cache(data, bounds)
    _, newline, lines = data.replace(b'\r\n', b'\n').partition(b'\n')
    return _header(version, algorithm).encode('ascii') + newline + lines


def version_number(version: str) -> str:
    """TensorRT's version as written in a cache.

    NV_TENSORRT_VERSION of its headers: major * 1000 + minor * 100 + patch up to 9, major * 10000 + minor * 100 +
    patch from 10 on.

    Args:
        version: ``tensorrt.__version__``, such as ``'8.2.1.8'``; a number such as ``'8201'`` is returned unchanged.

    Raises:
        InputError: ``cache-header``.
    """
    parts = re.match(r'(\d+)\.(\d+)\.(\d+)', str(version))
    if parts is None:
        if re.fullmatch('[0-9][0-9A-Za-z]*', str(version)):
            return str(version)
        raise InputError('cache-header', '%r is not a version of TensorRT.' % (version,), 'Give one such as 8.2.1.')
    major, minor, patch = (int(part) for part in parts.groups())
    return str(major * (1000 if major < 10 else 10000) + minor * 100 + patch)


def _header(version: str, algorithm: str) -> str:
    if algorithm not in ALGORITHMS:
        raise InputError('cache-header', 'TensorRT has no calibration %s.' % algorithm,
                         'Choose one of %s.' % ', '.join(ALGORITHMS))
    return 'TRT-%s-%s' % (version_number(version), algorithm)


def _text(data: bytes) -> Tuple[str, List[str]]:
    """(first line, the other lines) of a cache's bytes."""
    if len(data) > MAX_BYTES:
        raise InputError('cache-large', 'The calibration cache has %d bytes; that of a network has at most %d.'
                         % (len(data), MAX_BYTES))
    try:
        lines = data.decode('utf-8').replace('\r\n', '\n').split('\n')
    except UnicodeDecodeError as error:
        raise InputError('cache-unreadable', 'The calibration cache is not text.', 'Copy it again.', detail=str(error))
    if lines.pop():
        raise InputError('cache-truncated', 'The calibration cache ends in the middle of a line.', 'Copy it again.')
    return (lines[0] if lines else ''), lines[1:]


def _entries(lines: List[str]) -> Dict[str, str]:
    """Tensor name to its eight digits, in the order of the lines."""
    digits: Dict[str, str] = {}
    for number, line in enumerate(lines, 2):
        entry = _LINE.fullmatch(line)
        if entry is None:
            raise InputError('cache-truncated', 'Line %d of the calibration cache is %r and not a tensor with eight '
                             'hexadecimal digits.' % (number, line[:80]), 'Copy it again.')
        name = entry.group(1)
        if name in digits:
            raise InputError('cache-duplicate', 'The calibration cache has two scales for %s.' % name,
                             'Calibrate again.')
        digits[name] = entry.group(2)
    if not digits:
        raise InputError('cache-empty', 'The calibration cache has no scales.', 'Calibrate again.')
    return digits


def _plausible(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid='ignore'):
        return (values >= SMALLEST_SCALE) & (values <= LARGEST_SCALE)


def _check_bounds(scales: Mapping[str, np.float32], bounds: Mapping[str, float]) -> None:
    for name, bound in sorted(bounds.items()):
        if name in scales and scales[name] > _OVERSHOOT * scale_of(bound):
            raise InputError('cache-not-divided', 'The calibration cache lets %s reach %g, and it never exceeds %g: '
                             'the scales seem to be amax instead of amax / 127.'
                             % (name, scales[name] * LARGEST, bound), 'Calibrate again.')
