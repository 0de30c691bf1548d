"""How labelling tools write a mask: the brush of Label Studio, the boxes of CVAT, the runs of COCO.

Nothing is decoded before its length is known to be that of the frame, so that a file cannot ask for memory, and no
mask is filled in part.
"""
from typing import Any, List, NamedTuple, Sequence, Tuple

import numpy as np

from service.messages import InputError

#: A pixel of the brush's soft edge belongs to the region from this alpha value on.
ALPHA = 128

#: Label Studio's brush writes the four channels of every pixel.
_CHANNELS = 4
_WORD_BITS = 8
#: Bits of a length, for each of the four sizes that an item may choose.
_SIZES = (3, 4, 8, 16)


class MaskBox(NamedTuple):
    """The part of a frame that a mask of CVAT describes.

    Attributes:
        left, top: its first column and row.
        width, height: in pixels.
    """

    left: int
    top: int
    width: int
    height: int


# -- Label Studio


def encode_brush(mask: np.ndarray) -> List[int]:
    """The bytes of Label Studio's brush.

    A stream of bits, the highest first: 32 for the number of values, 5 for the bits of a value less 1, 4 x 4 for the
    sizes of lengths less 1; then items of 1 bit (repeated or not), 2 for the size of the length, the length less 1, and
    the value or values. The values are the RGBA bytes of all pixels, row by row; the mask is the alpha channel
    (label_studio_sdk.converter.brush 2.1.2).

    Args:
        mask: bool HxW.

    Returns:
        Whole numbers 0 to 255, as they stand in the JSON.
    """
    count = mask.size * _CHANNELS
    bits = [_bits(count, 32), _bits(_WORD_BITS - 1, 5)] + [_bits(size - 1, 4) for size in _SIZES]
    flat = mask.ravel()
    ends = np.append(np.flatnonzero(np.diff(flat)) + 1, mask.size)
    start = 0
    for end in ends.tolist():
        value, left = 255 if flat[start] else 0, (end - start) * _CHANNELS
        start = end
        while left:
            index, length = next((index, min(left, 1 << size)) for index, size in enumerate(_SIZES)
                                 if left <= 1 << size or size == _SIZES[-1])
            bits += ['1', _bits(index, 2), _bits(length - 1, _SIZES[index]), _bits(value, _WORD_BITS)]
            left -= length
    text = ''.join(bits)
    return list(int(text.ljust(-len(text) % 8 + len(text), '0'), 2).to_bytes(-(-len(text) // 8), 'big'))


def decode_brush(numbers: Any, height: int, width: int) -> np.ndarray:
    """The mask of `encode_brush`, where alpha is at least `ALPHA`: bool HxW.

    Args:
        numbers: as in the JSON, whatever is there.
        height, width: of the frame.

    Raises:
        InputError: ``mask-size`` for another number of pixels, ``mask-cut`` for bits that end early or go on.
    """
    try:
        stream = _Bits(bytes(numbers) if isinstance(numbers, list) else b'')
        count, word_bits = stream.number(32), stream.number(5) + 1
        sizes = [stream.number(4) + 1 for _ in _SIZES]
        if count != height * width * _CHANNELS:
            raise InputError('mask-size', 'It has a mask of %d values, and %dx%d pixels have %d.'
                             % (count, width, height, height * width * _CHANNELS), 'Draw it on the picture itself.')
        if word_bits != _WORD_BITS:
            raise _cut('has values of %d bits' % word_bits)
        values, done = np.zeros(count, np.uint8), 0
        while done < count:
            is_run = stream.number(1)
            length = stream.number(sizes[stream.number(2)]) + 1
            if done + length > count:
                raise _cut('goes on after its last pixel')
            values[done:done + length] = stream.number(_WORD_BITS) if is_run else stream.words(length)
            done += length
    except (ValueError, TypeError) as error:
        raise _cut('ends early, or has a number that is no byte', repr(error))
    return values.reshape(height, width, _CHANNELS)[..., -1] >= ALPHA


class _Bits:
    """Numbers from bytes, the highest bit first; ValueError where they end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, size: int) -> int:
        end = self._at + size
        if end > 8 * len(self._data):
            raise ValueError('%d bits are missing' % (end - 8 * len(self._data)))
        whole = int.from_bytes(self._data[self._at // 8:-(-end // 8)], 'big')
        self._at = end
        return (whole >> (-end % 8)) & ((1 << size) - 1)

    def words(self, count: int) -> np.ndarray:
        """So many bytes, uint8."""
        end = self._at + 8 * count
        if end > 8 * len(self._data):
            raise ValueError('%d bits are missing' % (end - 8 * len(self._data)))
        part = np.frombuffer(self._data[self._at // 8:-(-end // 8)], np.uint8)
        first = self._at % 8
        self._at = end
        return np.packbits(np.unpackbits(part)[first:first + 8 * count])


def _bits(value: int, size: int) -> str:
    return format(value, '0%db' % size)


# -- CVAT


def encode_box(mask: np.ndarray) -> Tuple[List[int], MaskBox]:
    """The runs of a mask in CVAT's way, over its tight box, row by row, background first.

    Args:
        mask: bool HxW with at least one pixel: CVAT reads an empty one as a pixel of background.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = MaskBox(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1))
    return _runs(mask[box.top:box.top + box.height, box.left:box.left + box.width].ravel()), box


def decode_box(runs: Sequence[int], box: MaskBox, height: int, width: int) -> np.ndarray:
    """The mask of `encode_box`: bool HxW.

    Args:
        runs: lengths, in pixels.
        box: that they fill.
        height, width: of the frame.

    Raises:
        InputError: ``mask-box`` for a box that is not in the frame, ``mask-cut`` for runs that do not fill it.
    """
    if not (box.left >= 0 and box.top >= 0 and box.width > 0 and box.height > 0
            and box.left + box.width <= width and box.top + box.height <= height):
        raise InputError('mask-box', 'It has a mask at %d,%d of %dx%d pixels, which is not in the picture of %dx%d.'
                         % (*box, width, height), 'Export it again.')
    mask = np.zeros((height, width), bool)
    mask[box.top:box.top + box.height, box.left:box.left + box.width] = _filled(runs, box.height * box.width).reshape(
        box.height, box.width)
    return mask


# -- COCO


def decode_coco(counts: Any, height: int, width: int) -> np.ndarray:
    """The mask of COCO's runs over a frame, column by column: bool HxW.

    Args:
        counts: lengths in pixels, or the text into which COCO's tools compress them.
        height, width: of the frame.

    Raises:
        InputError: ``mask-cut`` for runs that do not fill the frame: pycocotools would leave its memory in the mask.
    """
    if isinstance(counts, str):
        counts = _uncompressed(counts, height * width + 1)
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise _cut('has runs that are no numbers')
    return _filled(counts, height * width).reshape(width, height).T


def _uncompressed(text: str, most: int) -> List[int]:
    """Lengths of runs from COCO's text (pycocotools 2.0.11, maskApi.c).

    Groups of 5 bits, the lowest first; from the fourth run on less the one before the last.
    """
    counts: List[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 30 or len(counts) > most:
            raise _cut('has runs that cannot be read')
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise _cut('ends early')
    return counts


# -- runs


def _runs(flat: np.ndarray) -> List[int]:
    """Lengths of the runs of a bool array, those of False first."""
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths: List[int] = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return [0] + lengths if flat[0] else lengths


def _filled(runs: Sequence[int], size: int) -> np.ndarray:
    """Bool array of so many pixels from the lengths of runs."""
    if not all(0 <= run <= size for run in runs):
        raise _cut('has a run that is longer than its picture, or shorter than nothing')
    if sum(runs) != size:
        raise _cut('has runs of %d pixels in place of %d' % (sum(runs), size))
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def _cut(what: str, detail: str = '') -> InputError:
    return InputError('mask-cut', 'It has a mask that %s.' % what, 'Export it again.', detail)
