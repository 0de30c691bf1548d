"""The service's end of the process that reads files: started when it is needed, ended when it does not answer."""
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from dataclasses import replace
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

import numpy as np

from ..messages import InputError, Message, ThermoscreenError
from ..readers.files import shown_name
from ..thermogram import Provenance, Thermogram
from .child import PACKET
from .places import PlaceError

_LOGGER = logging.getLogger(__name__)

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PROGRAM = 'import sys; from service.opening.child import main; main(int(sys.argv[1]))'

#: Seconds between two looks at whether anybody still waits.
_POLL_S = 0.1
#: Seconds that a process is given to die. One that reads from a dead disk dies when the disk lets it.
_DYING_S = 0.5
#: So many processes may be dying at once; more are not started.
MAX_DYING = 2
#: The most that one answer may have: its JSON, and the pixels of the largest frame.
_MAX_HEAD_BYTES, _MAX_PIXEL_BYTES = 1 << 20, 64 << 20


class OpeningError(ThermoscreenError):
    """A file that cannot be opened now: its disk does not answer, or others are being opened."""

    exit_code = 1
    http_status = 503


def disk_stuck() -> OpeningError:
    """The error while disks hold all that reads."""
    return OpeningError('disk-stuck', 'A disk does not answer, so that no file can be opened.',
                        'Unplug the disk, and restart the station if it stays so.')


class AbandonedError(Exception):
    """Nobody waits for the answer any more."""


def reading_of(root: str, path: str, scale: Optional[str] = None, frame: int = 1, known: Iterable[str] = (),
               small: bool = False, hashed: bool = False) -> Dict[str, Any]:
    """A request of `child.answers`, which says what its parts are."""
    return {'root': root, 'path': path, 'scale': scale, 'frame': frame, 'known': list(known), 'small': small,
            'hashed': hashed}


def refusal_of(fields: Dict[str, Any]) -> InputError:
    """The error that an answer carries."""
    kind = PlaceError if fields['http_status'] == PlaceError.http_status else InputError
    error = kind(fields['code'], fields['sentence'], fields['next_step'], fields['detail'])
    error.message = replace(error.message, facts=fields.get('facts', {}))
    return error


def thermogram_of(head: Dict[str, Any], pixels: bytearray) -> Thermogram:
    """The thermogram that an answer carries."""
    told = head['provenance']
    provenance = Provenance(**dict(told, notes=tuple(told['notes']),
                                   warnings=tuple(Message(**fields) for fields in told['warnings'])))
    return Thermogram(np.frombuffer(pixels, np.float32).reshape(head['shape']), head['unit'], provenance)


class ReadingProcess:
    """A process that reads files, one request after another; use it from one thread.

    Args:
        program: Python code that it runs, with its descriptor in ``sys.argv[1]``.
    """

    def __init__(self, program: str = _PROGRAM) -> None:
        self._program = program
        self._process: Optional['subprocess.Popen[bytes]'] = None
        self._link: Optional[socket.socket] = None
        self._dying: List['subprocess.Popen[bytes]'] = []

    @property
    def pid(self) -> Optional[int]:
        """Of the running process; None where there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process ahead of the first file, which then need not wait for it; `ask` does it otherwise."""
        with contextlib.suppress(OpeningError):
            self._connected()

    def ask(self, request: Dict[str, Any], abandoned: Callable[[], bool]) -> Iterator[Tuple[Dict[str, Any], bytearray]]:
        """The answers of `child.answers`.

        Args:
            request: as for `child.answers`.
            abandoned: whether nobody waits any more.
        Raises:
            InputError: ``file-crashes``: the process ended while it read the file.
            OpeningError: ``disk-stuck``: too many processes wait for a disk already.
            AbandonedError: the process was ended because nobody waits.
        """
        done = False
        try:
            link = self._connected()
            link.sendall(json.dumps(request).encode('utf-8') + b'\n')
            while not done:
                sizes = PACKET.unpack(self._received(link, PACKET.size, abandoned))
                if sizes[0] > _MAX_HEAD_BYTES or sizes[1] > _MAX_PIXEL_BYTES:
                    raise EOFError('an answer of %d and %d bytes' % sizes)
                head = json.loads(self._received(link, sizes[0], abandoned).decode('utf-8'))
                pixels = self._received(link, sizes[1], abandoned)
                done = head['done']
                yield head, pixels
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            _LOGGER.warning('file-crashes: %r', error)
            raise InputError('file-crashes', 'The reader gave up on %s: it ended without an answer.'
                             % shown_name(request['path']), 'Export the thermogram in another format.', repr(error))
        finally:
            if not done:  # what it is at now is nobody's
                self.close()

    def close(self) -> None:
        """End the process, if there is one; it is not waited for longer than it takes a living disk."""
        process, self._process = self._process, None
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if process is not None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DYING_S)
            self._dying.append(process)
        self._dying = [process for process in self._dying if process.poll() is None]

    def _connected(self) -> socket.socket:
        if self._link is not None:
            return self._link
        self._dying = [process for process in self._dying if process.poll() is None]
        if len(self._dying) >= MAX_DYING:
            raise disk_stuck()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            paths = [_HOME] + [path for path in [os.environ.get('PYTHONPATH', '')] if path]
            # One thread, and one pool of memory: it decodes one file at a time.
            variables = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), OPENBLAS_NUM_THREADS='1',
                             OMP_NUM_THREADS='1', MALLOC_ARENA_MAX='1')
            try:
                self._process = subprocess.Popen(
                    [sys.executable, '-c', self._program, str(theirs.fileno())], pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=variables)
            except OSError as error:
                ours.close()
                raise OpeningError('reader-not-started', 'The program that reads files cannot be started.',
                                   'Restart the station between two patients.', repr(error))
        ours.settimeout(_POLL_S)
        self._link = ours
        return ours

    @staticmethod
    def _received(link: socket.socket, size: int, abandoned: Callable[[], bool]) -> bytearray:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            if abandoned():
                raise AbandonedError
            try:
                count = link.recv_into(rest)
            except socket.timeout:
                continue
            if not count:
                raise EOFError('it ended')
            rest = rest[count:]
        return data
