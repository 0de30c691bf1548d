"""DICOM files: pictures whose values a real world value mapping states as temperatures, grey pictures, and counts.

pydicom is imported when such a file is opened. It sees what stands before the pixels alone, at most `_MAX_HEADER_BYTES`
of it, and nothing is decompressed, so that hostile bytes cost neither memory nor time.
"""
import contextlib
import datetime
import io
import struct
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional, Tuple

import numpy as np

from ..messages import InputError
from ..radiometry import ZERO_K_C, LinearScale, Meaning, Temperatures
from ..radiometry.object_parameters import with_source
from ..thermogram import check_size
from .base import DecodedImage, Path, Reader, Recording
from .files import colour_error, damaged, read_bytes, shown_name, truncated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PREAMBLE_BYTES, _MAGIC, _TRANSFER_SYNTAX = 128, b'DICM', 0x00020010
_MAX_BYTES = 64 << 20
#: Of everything before the pixels, and of one number or text in it; pydicom takes a second for
#: the former where every element is empty.
_MAX_HEADER_BYTES, _MAX_VALUE_BYTES = 256 << 10, 1024

#: Transfer syntaxes without compression: whether elements state no type, and whether the lowest byte comes first.
_PLAIN = {'1.2.840.10008.1.2': (True, True), '1.2.840.10008.1.2.1': (False, True),
          '1.2.840.10008.1.2.2': (False, False)}
#: Types whose length has four bytes, after two that are empty ([DICOM] PS3.5, 7.1.2).
_LONG = (b'OB', b'OD', b'OF', b'OL', b'OW', b'SQ', b'UC', b'UN', b'UR', b'UT')

#: Kinds of pixels by the tag of the element that holds them: whole numbers, and floats with their size in bits.
_WHOLE = 0x7FE00010
_FLOATS = {0x7FE00008: 32, 0x7FE00009: 64}
_TYPES = {8: 'u1', 16: 'u2', 32: 'f4', 64: 'f8'}

#: Degrees of a unit, and °C of its zero, by its code in UCUM.
_UNITS = {'Cel': (1.0, 0.0), 'K': (1.0, ZERO_K_C)}
#: What a rescale type may say of degrees.
_CELSIUS_TYPES = ('CEL', 'C', 'DEGC')

#: Modalities of objects that hold no picture.
_WITHOUT_PICTURE = ('DOC', 'KO', 'PR', 'SR')

#: Private elements by which an object of a station says of which exam it is, wherever an archive moved them.
_PRIVATE_GROUP, _PRIVATE_CREATOR = 0x0099, 'THERMOSCREEN 1'

_AGAIN = 'Have the archive send it without compression.'


class DicomReader(Reader):
    """DICOM Part 10 files, one frame or many."""

    name = 'dicom'
    label = 'a DICOM file'
    suffixes = ('.dcm',)

    def sniff(self, head: bytes, path: Path) -> bool:
        return head[_PREAMBLE_BYTES:_PREAMBLE_BYTES + len(_MAGIC)] == _MAGIC

    def open(self, path: Path) -> Recording:
        return _Frames(read_bytes(path, _MAX_BYTES), shown_name(path))


class _Frames(Recording):
    """The frames of a DICOM file."""

    def __init__(self, data: bytes, source: str) -> None:
        self._source = source
        syntax, start = _transfer_syntax(data, source)
        if syntax not in _PLAIN:
            raise InputError('format-unsupported', '%s is compressed, or encoded in a way that is not read.' % source,
                             _AGAIN, repr(syntax))
        implicit, little = _PLAIN[syntax]
        with _read_anyhow(source):
            from pydicom.filereader import read_dataset
            stream = io.BytesIO(data[start:start + _MAX_HEADER_BYTES])
            self._dataset = read_dataset(stream, implicit, little, stop_when=lambda tag, *_: tag >= min(_FLOATS))
            width, height = _count(self._dataset, 'Columns', 0), _count(self._dataset, 'Rows', 0)
            tag, begin, length = _element(data, start + stream.tell(), implicit, little)
            if _text(self._dataset, 'Modality') in _WITHOUT_PICTURE:
                raise InputError('format-unsupported', '%s is a DICOM object without a picture.' % source,
                                 'Choose the thermograms of the study.')
            if tag != _WHOLE and tag not in _FLOATS:
                raise truncated(source)
            check_size(width, height, source)
            self._frames = _count(self._dataset, 'NumberOfFrames', 1)
            values = self._decoded(tag, memoryview(data)[begin:begin + length], '<' if little else '>',
                                   self._frames * height * width)
            self._values = values.reshape(self._frames, height, width)

    def __len__(self) -> int:
        return self._frames

    def read(self, number: int) -> DecodedImage:
        with _read_anyhow(self._source):
            values, notes = self._values[number - 1], ()  # type: np.ndarray, Tuple[str, ...]
            if _text(self._dataset, 'PatientOrientation').upper().startswith('R'):
                values, notes = values[:, ::-1], ('mirror image flipped back, as its orientation says',)
            values, meaning, more = _meant(values, self._mapping(number), self._dataset, self._source)
            return DecodedImage(np.ascontiguousarray(values), notes + more + _origin(self._dataset),
                                _taken(self._dataset), meaning)

    def _decoded(self, tag: int, data: memoryview, order: str, wanted: int) -> np.ndarray:
        """All values in one row, in the byte order of the machine, without bits that mean nothing.

        Args:
            tag: of the element that holds them.
            data: its value.
            order: as NumPy writes the order of its bytes.
            wanted: values of all frames.
        """
        dataset, source = self._dataset, self._source
        if _count(dataset, 'SamplesPerPixel', 1) != 1 or _text(dataset, 'PhotometricInterpretation') not in (
                'MONOCHROME1', 'MONOCHROME2'):
            raise colour_error(source)
        bits = _count(dataset, 'BitsAllocated')
        used = _count(dataset, 'BitsStored', bits) if tag == _WHOLE else bits
        signed = tag == _WHOLE and _count(dataset, 'PixelRepresentation', 0) == 1
        if not 0 < used <= bits or bits not in ((8, 16) if tag == _WHOLE else (_FLOATS[tag],)) or (
                signed and bits == 8) or (tag == _WHOLE and _count(dataset, 'HighBit', used - 1) != used - 1):
            raise InputError('format-unsupported', '%s holds pixels in a form that no thermogram has.' % source,
                             'Export it again from its source.', '%d of %d bits' % (used, bits))
        if not wanted or len(data) < wanted * bits // 8:
            raise truncated(source)
        values = np.frombuffer(data, order + _TYPES[bits], wanted)
        values = values.astype(values.dtype.newbyteorder('='), copy=False)
        values = values << (bits - used) if used < bits else values
        values = values.view(np.int16) if signed else values
        return values >> (bits - used) if used < bits else values

    def _mapping(self, number: int) -> 'Optional[Dataset]':
        """The real world value mapping of a frame: its own, that of all frames, or that of the object."""
        for groups in (_item(self._dataset, 'PerFrameFunctionalGroupsSequence', number - 1),
                       _item(self._dataset, 'SharedFunctionalGroupsSequence'), self._dataset):
            mapping = None if groups is None else _item(groups, 'RealWorldValueMappingSequence')
            if mapping is not None:
                return mapping
        return None


def _meant(values: np.ndarray, mapping: 'Optional[Dataset]', dataset: 'Dataset', source: str
           ) -> Tuple[np.ndarray, Optional[Meaning], Tuple[str, ...]]:
    """Stored values, what makes them temperatures, and what was decided on the way."""
    notes: Tuple[str, ...] = ()
    if mapping is not None:
        unit = _item(mapping, 'MeasurementUnitsCodeSequence')
        code = '' if unit is None else _text(unit, 'CodeValue')
        slope, intercept = (_number(mapping, 'RealWorldValue' + name) for name in ('Slope', 'Intercept'))
        if code not in _UNITS or slope is None or intercept is None:
            raise InputError('dicom-unit', '%s states its values in %s, and no temperatures that can be read.'
                             % (source, repr(code)[:40] if code else 'no unit'), 'Export its temperatures again.')
        degrees, zero_c = _UNITS[code]
        scale = degrees * slope, degrees * intercept + zero_c
        notes = _unmapped(values, mapping)
    elif _text(dataset, 'RescaleType').upper() in _CELSIUS_TYPES:
        scale = _number(dataset, 'RescaleSlope') or 1.0, _number(dataset, 'RescaleIntercept') or 0.0
    elif values.dtype == np.uint8:
        inverted = _text(dataset, 'PhotometricInterpretation') == 'MONOCHROME1'
        return 255 - values if inverted else values, None, ()
    elif values.dtype == np.uint16:
        return values, None, ()
    else:
        raise InputError('dicom-unit', '%s does not say which unit its values have.' % source,
                         'Export its temperatures again.')
    try:
        meaning = Temperatures(LinearScale(*scale), _stated(dataset))
    except InputError as error:
        raise with_source(error, source)
    if values.dtype == np.uint16:
        return values, meaning, notes
    return values * scale[0] + scale[1], replace(meaning, scale=None), notes


def _unmapped(values: np.ndarray, mapping: 'Dataset') -> Tuple[str, ...]:
    """A note on values beyond those that a mapping maps."""
    low, high = (_number(mapping, 'RealWorldValue%sValueMapped' % end) for end in ('First', 'Last'))
    if low is None or high is None:
        return ()
    beyond = int(((values < low) | (values > high)).sum())
    return ('%d pixels are beyond what the file maps to temperatures' % beyond,) if beyond else ()


def _stated(dataset: 'Dataset') -> Dict[str, float]:
    """The emissivity that the temperatures were computed with, as our own objects state it."""
    for item in dataset.get('AcquisitionContextSequence') or ():
        concept = _item(item, 'ConceptNameCodeSequence')
        if concept is not None and _text(concept, 'CodeValue') == 'emissivity':
            emissivity = _number(item, 'NumericValue')
            return {} if emissivity is None else {'emissivity': emissivity}
    return {}


def _origin(dataset: 'Dataset') -> Tuple[str, ...]:
    """A note on the exam of a station that an object is of, which has nothing of the patient."""
    with contextlib.suppress(KeyError):
        block = dataset.private_block(_PRIVATE_GROUP, _PRIVATE_CREATOR)
        return ('picture %s of the exam %s of a station' % tuple(
            str(block[place].value)[:16] for place in (0x02, 0x01)),)
    return ()


def _taken(dataset: 'Dataset') -> str:
    """When a picture was taken, UTC ISO-8601; empty where the file does not say, or in which zone."""
    text, offset = _text(dataset, 'AcquisitionDateTime'), _text(dataset, 'TimezoneOffsetFromUTC')
    for kind in ('Acquisition', 'Content'):
        text = text or _text(dataset, kind + 'Date') + _text(dataset, kind + 'Time')
    with contextlib.suppress(ValueError, OverflowError):
        digits, sign = text[:14], text[-5:-4]
        zone = text[-5:] if sign in ('+', '-') else offset
        hours, minutes = int(zone[:3]), int(zone[0] + zone[3:5])
        time = datetime.datetime.strptime(digits, '%Y%m%d%H%M%S') - datetime.timedelta(hours=hours, minutes=minutes)
        return time.isoformat() + '.000Z'
    return ''


def _transfer_syntax(data: bytes, source: str) -> Tuple[str, int]:
    """Transfer syntax of a file, and where its object begins: the first element that is not of group 2."""
    at, syntax = _PREAMBLE_BYTES + len(_MAGIC), ''
    while data[at:at + 2] == b'\x02\x00':
        tag, start, length = _element(data, at, False, True)
        if len(data) < start + length:
            raise truncated(source)
        if tag == _TRANSFER_SYNTAX:
            syntax = data[start:start + length].decode('ascii', 'replace').rstrip('\0 ')
        at = start + length
    return syntax, at


def _element(data: bytes, at: int, implicit: bool, little: bool) -> Tuple[int, int, int]:
    """An element of a file ([DICOM] PS3.5, 7.1).

    Args:
        at: where it begins.
        implicit, little: as of `_PLAIN`.

    Returns:
        Its tag, and where its value begins and how long it claims to be; the end of the file for one that is cut off.
    """
    order = '<' if little else '>'
    long = not implicit and data[at + 4:at + 6] in _LONG
    head = 12 if long else 8
    if len(data) < at + head:
        return 0, len(data), 1
    group, element = struct.unpack_from(order + 'HH', data, at)
    length, = struct.unpack_from(order + ('I' if implicit or long else 'H'), data,
                                 at + (8 if long else 4 if implicit else 6))
    return group << 16 | element, at + head, length


@contextlib.contextmanager
def _read_anyhow(source: str) -> Iterator[None]:
    """Whatever pydicom meets in hostile bytes ends in one sentence; what it warns of is not told twice."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            yield
        except InputError:
            raise
        except Exception as error:  # it raises many kinds, and names no base of them
            raise damaged(source, repr(error)[:200])


def _item(dataset: 'Dataset', keyword: str, number: int = 0) -> 'Optional[Dataset]':
    """An item of a sequence; None where there is none."""
    items = dataset.get(keyword)
    return items[number] if items and number < len(items) else None


def _value(dataset: 'Dataset', keyword: str) -> Any:
    """A number or text of an object, or several; None where it has none."""
    from pydicom.datadict import tag_for_keyword
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return None
    if (getattr(dataset.get_item(tag), 'length', 0) or 0) > _MAX_VALUE_BYTES:
        raise ValueError('%s is too long' % keyword)
    return dataset[tag].value


def _number(dataset: 'Dataset', keyword: str) -> Optional[float]:
    value = _value(dataset, keyword)
    return None if value is None else float(value)


def _count(dataset: 'Dataset', keyword: str, default: Optional[int] = None) -> int:
    """A whole number of an object, not below 0."""
    value = _value(dataset, keyword)
    if value is None and default is not None:
        return default
    if not 0 <= int(value) < 2 ** 31:
        raise ValueError('%s is %r' % (keyword, value))
    return int(value)


def _text(dataset: 'Dataset', keyword: str) -> str:
    """A text of an object, the first of several; empty where it has none."""
    value = _value(dataset, keyword)
    if value is None or isinstance(value, str):
        return (value or '').strip()
    return str(value[0]).strip() if len(value) else ''
