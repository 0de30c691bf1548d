"""The process that reads files for the page.

A disk that does not answer, a file that takes long or a decoder that crashes costs this process and not the service,
and ending it gives its memory back. `process.ReadingProcess` starts a Python of its own that calls `main`; never a
fork, which neither CUDA nor threads survive.

Protocol: the service sends one JSON object a line, a request. Each is answered by one or more packets: `PACKET`, a JSON
object of the first length, and bytes of the second. The last has ``"done": true``. Bytes are float32 pixels. Nothing is
pickled: this process may have been taken over by the file that it read.

The process ends with its parent, however that ends: the socket then ends too.
"""
import contextlib
import hashlib
import json
import os
import resource
import signal
import socket
import struct
from dataclasses import asdict, replace
from typing import Any, Dict, Iterator, Optional, Tuple

from ..body import reduce_frame
from ..messages import InputError, ThermoscreenError
from ..readers import HeldFile, Reader, ReadOptions, reader_and_options
from ..readers.files import shown_name
from ..thermogram import Thermogram
from .places import resolve

#: Before each answer: bytes of its JSON, bytes of its pixels.
PACKET = struct.Struct('>II')

#: Address space of this process. The largest file and frame take a quarter of it.
_MAX_BYTES = 1 << 30
#: Added to the score by which the kernel chooses what to kill when memory runs out (proc(5)).
_OOM_SCORE = 500

Answer = Tuple[Dict[str, Any], bytes]


def main(descriptor: int) -> None:
    """Answer requests until the parent is gone.

    Args:
        descriptor: of a connected UNIX socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches this process too
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    with contextlib.suppress(OSError), open('/proc/self/oom_score_adj', 'w', encoding='ascii') as stream:
        stream.write(str(_OOM_SCORE))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor) as link:
        for line in link.makefile('rb'):
            for head, pixels in answers(json.loads(line.decode('utf-8'))):
                text = json.dumps(head).encode('utf-8')
                link.sendall(PACKET.pack(len(text), len(pixels)) + text)
                link.sendall(pixels)


def answers(request: Dict[str, Any]) -> Iterator[Answer]:
    """The answers to one request.

    Args:
        request: ``root`` and ``path`` as for `resolve`; ``scale`` and ``frame`` as for `read_thermogram`; ``known``,
            keys whose files need not be decoded again; ``small``, whether a thumbnail is wanted; ``hashed``, whether
            the hash of a file is wanted that is not read whole, which takes as long as to read it.
    Returns:
        First ``key``, which stands for all that was read and all that was asked; then ``refusal``, or ``frames`` and
        the ``unit``, ``shape`` and ``provenance`` of a thermogram; ``sha256`` of the file as soon as it is known. What
        is refused before that has no key; the facts of a refusal have ``frames`` where there are several. A thumbnail
        of counts that nothing explains is of no unit.
    """
    try:
        yield from _read(request)
    except ThermoscreenError as error:
        yield _refusal(error), b''
    except MemoryError:
        yield _refusal(InputError('file-too-large', '%s takes more memory than a thermogram may.'
                                  % shown_name(request['path']), 'Check that it is the right file.')), b''


def _refusal(error: ThermoscreenError) -> Dict[str, Any]:
    return {'refusal': dict(error.to_dict(), http_status=error.http_status), 'done': True}


def _read(request: Dict[str, Any]) -> Iterator[Answer]:
    path = resolve(request['root'], request['path'])
    if os.path.isdir(path):
        raise InputError('path-folder', 'This is a folder.', 'Choose a thermogram in it.')
    frame = request['frame']
    with HeldFile(path) as file:
        reader, options = reader_and_options(file, request['scale'])
        asked = [shown_name(path), reader.name, frame, asdict(options), request['small']]
        if file.sha256 is not None:
            key = _hash(asked, file.sha256.encode('ascii'))
            yield {'key': key, 'sha256': file.sha256, 'done': key in request['known']}, b''
            if key in request['known']:
                return
        frames = len(reader.open(file))
        sha256 = file.digest() if request['hashed'] else file.sha256
        try:
            thermogram, unit = _thermogram(reader, file, frame, options, request['small'])
        except InputError as error:
            if frames > 1:
                error.message = replace(error.message, facts=dict(error.message.facts, frames=frames))
            raise
    values = reduce_frame(thermogram.pixels) if request['small'] else thermogram.pixels
    pixels = values.tobytes()
    head = {'frames': frames, 'unit': unit, 'shape': values.shape, 'provenance': asdict(thermogram.provenance),
            'sha256': sha256, 'done': True}
    if file.sha256 is None:  # a recording that is read in parts: what was decoded stands for what was read
        head['key'] = _hash([asked, head], pixels)
    yield head, pixels


def _thermogram(reader: Reader, file: HeldFile, frame: int, options: ReadOptions, small: bool
                ) -> Tuple[Thermogram, Optional[str]]:
    """A frame, and its unit; for a thumbnail also of counts that nothing explains, which have none."""
    try:
        thermogram = next(reader.read_each(file, (frame,), options)).thermogram()
        return thermogram, thermogram.unit
    except InputError as error:
        if not small or error.code != 'scale-unknown':
            raise
    # Counts of any straight scale make the same picture, and this one refuses none.
    return next(reader.read_each(file, (frame,), replace(options, scale='centicelsius'))).thermogram(), None


def _hash(asked: Any, content: bytes) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode('ascii') + b'\n' + content).hexdigest()
