"""What a backup says about itself: one signed manifest, and an index beside each volume.

    thermo-backup-ID/begun.json          who began it; without a manifest it is unfinished
                     vol-0001.tsb        files of exams, one after the other: a tar archive
                     vol-0001.json       what the volume holds, and the hash of every file
                     manifest-a.json     the volumes and their hashes, signed; written last
                     manifest-b.json     the same once more

docs/backup.md describes them.
"""
import contextlib
import hashlib
import io
import json
import os
import re
import tarfile
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

from ..bundle import key_id, public_bytes
from ..bundle.signature import library
from ..durable import encode_json
from ..messages import StorageError
from .medium import Source, hash_of, on_medium, read_small

BEGUN = 'begun.json'
MANIFESTS = ('manifest-a.json', 'manifest-b.json')
FORMAT, VERSION = 'thermoscreen backup', 1

#: The manifest has a line a volume, the index of a volume five lines a file.
_MAX_MANIFEST_BYTES, _MAX_INDEX_BYTES = 8 << 20, 128 << 20
_CONTEXT = b'thermoscreen backup manifest\n'
#: Paths of files below the folder of exams, as they may come from a medium.
_PATH = re.compile(r'(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\Z')


class Entry(NamedTuple):
    """A file in a volume.

    Attributes:
        path: below the folder of exams.
        offset: of its first byte in the volume.
        size: bytes.
        sha256: in hexadecimal.
    """

    path: str
    offset: int
    size: int
    sha256: str


class Volume(NamedTuple):
    """A volume as the manifest lists it.

    Attributes:
        name: of its file, such as ``'vol-0001.tsb'``.
        size: bytes.
        sha256: of the volume.
        index_sha256: of its index.
        files: how many it holds.
    """

    name: str
    size: int
    sha256: str
    index_sha256: str
    files: int


@dataclass(frozen=True)
class Manifest:
    """A manifest whose signature holds.

    Attributes:
        key: `key_id` of the key that signed it.
        volumes: of which each exam is in one.
        document: all that it says.
    """

    key: str
    volumes: Tuple[Volume, ...]
    document: Mapping[str, Any]


def volume_name(number: int) -> str:
    """Name of a volume, counted from 1."""
    return 'vol-%04d.tsb' % number


def index_name(volume: str) -> str:
    """Name of the index beside a volume."""
    return os.path.splitext(volume)[0] + '.json'


def encode_index(volume: str, size: int, sha256: str, entries: List[Entry]) -> bytes:
    """The index of a volume."""
    return encode_json({'volume': volume, 'bytes': size, 'sha256': sha256, 'files': [list(entry) for entry in entries]})


def decode_index(data: bytes, name: str) -> Tuple[Volume, List[Entry]]:
    """A volume and its files by its index.

    Args:
        name: of the volume.

    Raises:
        ValueError: it is none.
    """
    try:
        document = json.loads(data.decode('utf-8'))
        entries = [Entry(str(path), int(offset), int(size), str(sha256))
                   for path, offset, size, sha256 in document['files']]
        volume = Volume(name, int(document['bytes']), str(document['sha256']), hashlib.sha256(data).hexdigest(),
                        len(entries))
        if encode_index(name, volume.size, volume.sha256, entries) != data:
            raise ValueError('it is not the index of %s' % name)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(repr(error))
    return volume, [checked(entry) for entry in entries]


def checked(entry: Entry) -> Entry:
    """An entry whose path leads nowhere else.

    Raises:
        ValueError: it may.
    """
    if not _PATH.match(entry.path) or entry.offset < 0 or entry.size < 0:
        raise ValueError('%r is not a file of the exams' % entry.path)
    return entry


def read_index(folder: str, name: str) -> Tuple[Volume, List[Entry]]:
    """A volume and its files by the index beside it.

    Raises:
        OSError, ValueError: there is none that can be read.
    """
    return decode_index(read_small(os.path.join(folder, index_name(name)), _MAX_INDEX_BYTES), name)


def entries_of(folder: str, volume: Volume) -> Tuple[List[Entry], bool]:
    """The files of a volume, and whether its index is the one that was signed.

    Where the index is damaged they are read from the volume itself, if that is whole; they have no hashes then.

    Raises:
        OSError, ValueError: neither can be read.
    """
    with contextlib.suppress(OSError, ValueError):
        found, entries = read_index(folder, volume.name)
        if found == volume:
            return entries, True
    path = os.path.join(folder, volume.name)
    if hash_of(path) != volume.sha256:
        raise ValueError('neither %s nor its index is whole' % volume.name)
    with Source(path) as source, tarfile.open(fileobj=_Seekable(source), mode='r:') as archive:
        return [checked(Entry(member.name, member.offset_data, member.size, '')) for member in archive], False


class _Seekable(io.RawIOBase):
    """A `Source` as `tarfile` reads it."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset if whence == os.SEEK_SET else self._at + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        data = b''.join(self._source.chunks(self._at, None if size < 0 else size))
        self._at += len(data)
        return data


def encode_manifest(document: Dict[str, Any], key: Any) -> bytes:
    """A manifest as it is written, signed."""
    return encode_json({'manifest': document, 'public_key': public_bytes(key).hex(),
                        'signature': key.sign(_CONTEXT + encode_json(document)).hex()})


def decode_manifest(data: bytes) -> Manifest:
    """A manifest whose signature holds.

    Raises:
        ValueError: it is none, or its signature does not hold.
        StorageError: ``backup-version`` for one that a newer version wrote.
    """
    ed25519, _, invalid = library()
    try:
        whole = json.loads(data.decode('utf-8'))
        document, public = whole['manifest'], bytes.fromhex(whole['public_key'])
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(
            bytes.fromhex(whole['signature']), _CONTEXT + encode_json(document))
        if encode_json(whole) != data:
            raise ValueError('fields or spaces that no manifest has')
        if document['format'] == FORMAT and document['version'] > VERSION:
            raise StorageError('backup-version', 'The backup is of format %d, and this program reads format %d.'
                               % (document['version'], VERSION), 'Update the program.')
        volumes = tuple(Volume(*[row[name] for name in Volume._fields]) for row in document['volumes'])
        if document['format'] != FORMAT or not all(re.match(r'vol-\d{4,}\.tsb\Z', volume.name) for volume in volumes):
            raise ValueError('it is not the manifest of a backup')
    except (KeyError, TypeError, RecursionError, invalid) as error:
        raise ValueError(repr(error))
    return Manifest(key_id(public), volumes, document)


def read_manifest(folder: str) -> Tuple[Manifest, List[str]]:
    """The manifest of a backup, and the names of its copies that are missing or damaged.

    Raises:
        StorageError: ``backup-unfinished`` where there is none, ``backup-damaged`` where none can be read,
            ``backup-version``; as `on_medium`.
    """
    found, damaged, details, written = [], [], [], False
    for name in MANIFESTS:
        path = os.path.join(folder, name)
        try:
            with on_medium(path):
                data = read_small(path, _MAX_MANIFEST_BYTES) if os.path.lexists(path) else b''
            written = written or bool(data)
            found.append(decode_manifest(data))
        except ValueError as error:
            damaged.append(name)
            details.append('%s: %s' % (name, error))
    if found:
        return found[0], damaged
    if not written:
        raise StorageError('backup-unfinished', 'The backup in %s was not finished.' % folder,
                           'Make a backup again with this medium; what is whole on it counts.')
    raise StorageError('backup-damaged', 'Both manifests of the backup in %s are damaged or were changed.' % folder,
                       'Use another backup.', '; '.join(details))
