"""Who signs the checkpoints of the audit log, so that whoever can write the log cannot make up its past.

The key belongs to a process of its own (``thermoscreen audit signer``, thermoscreen-audit.service). It takes no
content from the service: asked for a checkpoint, it reads what was added to the log since the last one, and signs only
if that goes on where it stopped.
"""
import contextlib
import os
import socket
import threading
from typing import Any, Dict

from ..clock import Clock
from ..durable import atomic_write, make_folders, storage_error, write_new
from ..messages import StorageError
from ..sealing import importing_cryptography
from .chain import EMPTY, Anchor, ChainError, decode, encode, follow, head_of, read_lines, segments

#: In the signer's folder: the private key, the public one (64 hexadecimal digits) and what was signed last.
KEY, PUBLIC_KEY, STATE = 'audit.key', 'audit.pub', 'signed.json'
#: Folder of the signer that is a process of its own (thermoscreen-audit.service).
SYSTEM_FOLDER = '/var/lib/thermoscreen-audit'
_CONTEXT = b'thermoscreen audit checkpoint\n'
_MAX_BYTES = 4096
_TIMEOUT_S = 10.0

_VERIFY = 'Run thermoscreen audit verify. Exams go on meanwhile.'


class BaseSigner:
    """Signs the log as it is."""

    def checkpoint(self) -> Dict[str, Any]:
        """A checkpoint: ``count``, ``head``, the fields of a `service.clock.Stamp`, and ``signature``.

        Raises:
            StorageError: ``audit-broken`` where the log does not go on where it was last signed; ``audit-signer``
                where the signer does not answer; the codes of `service.durable`.
        """
        raise NotImplementedError


class Signer(BaseSigner):
    """The signer itself, in the process that has the key.

    Args:
        folder: of the key and of what was signed last; made where it is absent, with a new key.
        log: folder of the audit log; it is only read.
        clock: of the station.

    Raises:
        StorageError: the key cannot be read or made.
    """

    def __init__(self, folder: str, log: str, clock: Clock) -> None:
        self._folder, self._log, self._clock = folder, log, clock
        self._lock = threading.Lock()
        with importing_cryptography():
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric import ed25519
        path = os.path.join(folder, KEY)
        try:
            make_folders(folder)
            if not os.path.exists(path):
                write_new(path, os.urandom(32), 0o600)
            with open(path, 'rb') as stream:
                self._key = ed25519.Ed25519PrivateKey.from_private_bytes(stream.read(_MAX_BYTES))
            public = self._key.public_key()
            #: Raw public key, 32 bytes: all that verifying needs.
            self.public_key: bytes = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            atomic_write(os.path.join(folder, PUBLIC_KEY), self.public_key.hex().encode('ascii') + b'\n')
        except OSError as error:
            raise storage_error(error, path)
        except ValueError as error:
            raise StorageError('audit-key', '%s is not the key of the audit log.' % path,
                               'docs/protection.md says how a new log is begun.', detail=repr(error))

    def checkpoint(self) -> Dict[str, Any]:
        with self._lock:
            path = os.path.join(self._folder, STATE)
            try:
                anchor = self._grown(self._signed(path))
                checkpoint = dict(self._clock.now()._asdict(), count=anchor.count, head=anchor.head)
                checkpoint['signature'] = self._key.sign(_CONTEXT + encode(checkpoint)).hex()
                # Before anybody learns of it: what was signed is never signed otherwise.
                atomic_write(path, encode(checkpoint) + b'\n')
            except OSError as error:
                raise storage_error(error, self._folder)
            except ChainError as error:
                raise StorageError('audit-broken', 'The audit log does not go on where it was last signed: entry %d '
                                   'was %s.' % (error.seq, error.kind), _VERIFY)
            return checkpoint

    def _signed(self, path: str) -> Anchor:
        """What was signed last."""
        try:
            with open(path, 'rb') as stream:
                state = decode(stream.read(_MAX_BYTES).rstrip(b'\n'))
            return Anchor(int(state['count']), str(state['head']))
        except FileNotFoundError:
            return EMPTY
        except (ValueError, KeyError) as error:
            raise StorageError('audit-signer', '%s cannot be read, so nothing is signed.' % path, _VERIFY,
                               detail=repr(error))

    def _grown(self, signed: Anchor) -> Anchor:
        """How long the log is, if it is still the one that was signed."""
        lines = read_lines(self._log, max(signed.count, 1))
        if signed.count and head_of(next(lines, b'')) != signed.head:
            raise ChainError(signed.count, 'changed or cut off')
        anchors = [signed] + [anchor for _, anchor in follow(lines, signed)]
        # What was read might still be gone after a power cut, and the signature would stay.
        for _, path in segments(self._log)[-2:]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return anchors[-1]


class SocketSigner(BaseSigner):
    """The signer of another process.

    Args:
        path: of its Unix socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def checkpoint(self) -> Dict[str, Any]:
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
                connection.settimeout(_TIMEOUT_S)
                connection.connect(self._path)
                connection.sendall(b'checkpoint\n')
                answer = decode(_line(connection))
        except (OSError, ValueError) as error:
            raise StorageError('audit-signer', 'The signer of the audit log does not answer at %s.' % self._path,
                               'See: systemctl status thermoscreen-audit. Exams go on meanwhile.', detail=repr(error))
        if 'signature' not in answer:
            raise StorageError(str(answer.get('code', 'audit-signer')), str(answer.get('sentence', '')),
                               str(answer.get('next_step', '')))
        return answer


def serve_signer(signer: BaseSigner, listening: socket.socket, served: int = 0) -> None:
    """Answer on a socket; whoever may connect to it may ask for a checkpoint and for nothing else.

    Args:
        listening: a Unix stream socket that listens.
        served: end after so many connections; 0 for never.
    """
    done = 0
    while not served or done < served:
        connection, _ = listening.accept()
        done += 1
        with contextlib.closing(connection), contextlib.suppress(OSError, ValueError):
            connection.settimeout(_TIMEOUT_S)
            if _line(connection) != b'checkpoint':
                continue
            try:
                answer = signer.checkpoint()
            except StorageError as error:
                answer = error.to_dict()
            connection.sendall(encode(answer) + b'\n')


def signed_by(checkpoint: Dict[str, Any], public_key: bytes) -> bool:
    """Whether a checkpoint is signed with the key of these raw 32 public bytes."""
    with importing_cryptography():
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519
    body = {name: value for name, value in checkpoint.items() if name != 'signature'}
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(checkpoint['signature']), _CONTEXT + encode(body))
    except (InvalidSignature, ValueError, TypeError, KeyError):
        return False
    return True


def _line(connection: socket.socket) -> bytes:
    """One line from the other side.

    Raises:
        ValueError: there is none, or it is too long.
    """
    data = b''
    while not data.endswith(b'\n'):
        part = connection.recv(_MAX_BYTES)
        data += part
        if not part or len(data) > _MAX_BYTES:
            raise ValueError('no line')
    return data[:-1]
