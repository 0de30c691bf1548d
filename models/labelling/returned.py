"""A file that came back from a labelling tool, whichever tool: its content decides.

What is wrong with the file is said at once, and what is wrong with one frame when its shapes are asked for, so that the
others can go on.
"""
import json
import zipfile
import zlib
from dataclasses import dataclass
from typing import Tuple

from models.data.files import AnyPath
from service.messages import InputError
from service.readers.files import HeldFile, empty, opened, shown_name

from . import coco, cvat, label_studio
from .shapes import Answer

#: A thousand frames of 640x480 with their pictures inside; a larger file is split in the tool.
MAX_BYTES = 512 << 20
#: What is unpacked of a zip: ten thousand frames of 640x480. Pictures of the frames may be in it and are not read.
MAX_UNPACKED_BYTES, MAX_FILES = 128 << 20, 20000


@dataclass(frozen=True)
class Returned:
    """A file that came back.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        tool: and version or format, such as ``'CVAT for images 1.1'``.
        answers: in the order of the file.
    """

    name: str
    sha256: str
    tool: str
    answers: Tuple[Answer, ...]


def read_returned(path: AnyPath) -> Returned:
    """A file of Label Studio (JSON), CVAT (XML, or a zip with it or with a Segmentation mask 1.1), or COCO (JSON).

    Raises:
        InputError: ``labels-format`` for a file that is none of these, ``labels-damaged``, ``labels-zip``, or what is
            wrong with the file on its disk.
    """
    name = shown_name(path)
    with HeldFile(path) as held:
        sha256 = held.digest()
        with opened(held) as stream:
            data = stream.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise InputError('file-too-large', '%s is larger than 512 MiB.' % name, 'Export it in parts.')
            if data.startswith(b'PK'):
                stream.seek(0)
                return Returned(name, sha256, *_of_zip(stream, name))
    if data.lstrip(b'\xef\xbb\xbf \t\r\n').startswith(b'<'):
        return Returned(name, sha256, *cvat.read_xml(data, name))
    if not data:
        raise empty(path)
    if not data.lstrip(b'\xef\xbb\xbf \t\r\n').startswith((b'[', b'{')):
        raise _unknown(name)
    document = _json(data, name)
    if isinstance(document, list):
        return Returned(name, sha256, *label_studio.read_tasks(document, name))
    if isinstance(document, dict) and 'categories' in document:
        return Returned(name, sha256, *coco.read_document(document, name))
    raise _unknown(name)


def _of_zip(stream, name):
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if len(entries) > MAX_FILES or len(entries) < len(archive.infolist()):
                raise InputError('labels-zip', '%s has too many files, or two of one name.' % name, 'Export it again.')
            left = MAX_UNPACKED_BYTES

            def read(member: str) -> bytes:
                """Never more than the limit is unpacked, whatever the zip says of itself."""
                nonlocal left
                with archive.open(entries[member]) as part:
                    data = part.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise InputError('labels-zip', '%s unpacks to more than 128 MiB.' % name, 'Export it in parts.')
                return data
            if 'annotations.xml' in entries:
                return cvat.read_xml(read('annotations.xml'), name)
            if 'labelmap.txt' in entries:
                return cvat.read_masks(sorted(entries), read, name)
    # A zip that lies raises whatever its lie leads to: checksums, encryption, methods that are not known.
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError, OSError) as error:
        raise InputError('labels-zip', '%s cannot be unpacked.' % name, 'Export it again.', detail=repr(error))
    raise _unknown(name)


def _json(data, name):
    try:
        return json.loads(data.decode('utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise InputError('labels-damaged', '%s is cut off, or no JSON.' % name, 'Export it again.', detail=repr(error))


def _unknown(name):
    return InputError('labels-format', '%s is nothing that this program reads.' % name,
                      'Export "JSON" from Label Studio, or "CVAT for images 1.1" from CVAT.')
