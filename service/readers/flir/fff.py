"""FLIR's record container, FFF: what a radiometric JPEG carries inside, and what recordings are made of.

A header of 64 bytes, a directory of 32 bytes a record, the records. Source: ExifTool's tables of FLIR's tags.
"""
import struct
from dataclasses import dataclass

from ...messages import InputError
from ..picture import cut_off

MAGICS = (b'FFF\0', b'AFF\0')
HEADER_BYTES = 0x40
ENTRY_BYTES = 32
#: Kinds of record that matter here.
RAW_DATA, CAMERA_INFO = 0x01, 0x20
#: Files have 14 places or a few more; most stay empty.
_MAX_ENTRIES = 1024
#: The header's version; in which byte order it reads so is the byte order of header and directory.
_VERSIONS = range(100, 200)


@dataclass(frozen=True)
class Directory:
    """Where the records of one frame are.

    Attributes:
        order (str): byte order of header and directory, for `struct`.
        offset (int): of the directory, bytes from the header's first.
        entries (int): places in it.
    """

    order: str
    offset: int
    entries: int

    @classmethod
    def of(cls, header, source):
        """Read a header.

        Args:
            header (bytes): at least its first 64 bytes.
            source (str): the file's name for sentences.
        Raises:
            InputError: ``file-truncated`` or ``file-damaged``.
        """
        if len(header) < HEADER_BYTES:
            raise cut_off(source)
        if header[:4] in MAGICS:
            for order in '><':
                version, offset, entries = struct.unpack_from(order + 'III', header, 0x14)
                if version in _VERSIONS and offset >= HEADER_BYTES and 0 < entries <= _MAX_ENTRIES:
                    return cls(order, offset, entries)
        raise damaged(source, 'header')

    @property
    def end(self):
        """The first byte after the directory."""
        return self.offset + ENTRY_BYTES * self.entries

    def spans(self, data, at=0):
        """(kind, offset, length) of every record.

        Args:
            data (bytes): holds the whole directory.
            at (int): where in it the directory starts.
        """
        for entry in range(at, at + ENTRY_BYTES * self.entries, ENTRY_BYTES):
            kind, offset, length = struct.unpack_from(self.order + 'H10xII', data, entry)
            if kind and length:
                yield kind, offset, length


def record(data, wanted, source):
    """The first record of a kind.

    Args:
        data (bytes): one frame, from its header on.
        wanted (int): the kind.
        source (str): the file's name for sentences.
    Returns:
        bytes or None: where there is none.
    Raises:
        InputError: ``file-truncated`` or ``file-damaged``.
    """
    directory = Directory.of(data, source)
    if directory.end > len(data):
        raise cut_off(source)
    for kind, offset, length in directory.spans(data, directory.offset):
        if kind == wanted:
            if offset + length > len(data):
                raise cut_off(source)
            return data[offset:offset + length]
    return None


def record_order(body, source):
    """Byte order of a record for `struct`: each begins with the number 2 in its own.

    Raises:
        InputError: ``file-damaged``.
    """
    order = {b'\x02\x00': '<', b'\x00\x02': '>'}.get(body[:2])
    if order is None:
        raise damaged(source, 'byte order of a record')
    return order


def damaged(source, detail):
    """The error for a container that contradicts itself."""
    return InputError('file-damaged', '%s holds damaged FLIR data; copy it again from its source.' % source,
                      detail=detail)
