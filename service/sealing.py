"""Encryption of the bytes that exams consist of: files, and the texts that identify a patient.

It knows one data key and no PIN; who may have the key is for `service.operators` to say. A sealed file is

    8 bytes   `MAGIC`, of which the last byte is the version
    8 bytes   id of the data key
    40 bytes  the file's own random key, wrapped (AES-KW [Schaad2002])
    7 bytes   random start of the nonces
    chunks of 1 MiB, the last one shorter or empty, each followed by its tag of 16 bytes (AES-GCM [Dworkin2007])

The nonce of a chunk is that start, the chunk's number in 32 bits, and a byte that is 1 for the last one (STREAM
[Hoang2015]), so that chunks which were exchanged, cut off or joined are noticed. Everything before the chunks, and the
name under which the file was sealed, is authenticated with each of them.
"""
import abc
import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import unicodedata
import warnings
from typing import Any, Callable, Iterator, NamedTuple

from .messages import StorageError

MAGIC = b'TSSEAL\x00\x01'
DATA_KEY_BYTES = 32

_KEY_ID_BYTES, _WRAPPED_BYTES, _START_BYTES = 8, 40, 7
_HEADER_BYTES = len(MAGIC) + _KEY_ID_BYTES + _WRAPPED_BYTES + _START_BYTES
_CHUNK_BYTES, _TAG_BYTES = 1 << 20, 16

#: What a sealed text starts with; the digit is its version.
_TEXT = 'seal1.'
_NONCE_BYTES = 12
_TOKEN_BYTES = 16

_FROM_BACKUP = 'Restore it from a backup.'


class SealError(StorageError):
    """Sealed bytes that were changed, or that another key has sealed."""

    http_status = 500


def sealed_with(data: bytes) -> str:
    """The id of the data key (`Sealer.key_id`) that sealed a file; empty for a file that is not sealed."""
    start = len(MAGIC)
    return data[start:start + _KEY_ID_BYTES].hex() if data.startswith(MAGIC) else ''


class BaseSealer(abc.ABC):
    """Turns bytes and texts into what is kept on the disk, and back.

    Attributes:
        encrypts: whether what is kept can be read without a key.
    """

    encrypts: bool

    @abc.abstractmethod
    def seal(self, data: bytes, name: str) -> bytes:
        """The bytes as they are kept.

        Args:
            name: where they are kept, such as ``'EXAMID/0003.tscap'``. They open under this name only.

        Raises:
            SealError: ``seal-library``.
        """

    @abc.abstractmethod
    def open(self, sealed: bytes, name: str) -> bytes:
        """The bytes as they were before `seal`.

        Raises:
            SealError: ``seal-broken`` for bytes that were changed, cut or sealed under another name; ``seal-key`` for
                bytes that another data key has sealed; ``seal-library``.
        """

    @abc.abstractmethod
    def seal_text(self, text: str, name: str) -> str:
        """A text as it is kept; ASCII where it is encrypted.

        Args:
            name: where it is kept, such as ``'EXAMID/patient_name'``.

        Raises:
            SealError: ``seal-library``.
        """

    @abc.abstractmethod
    def open_text(self, sealed: str, name: str) -> str:
        """The text as it was before `seal_text`.

        Raises:
            SealError: as `open`; a text does not say which key sealed it, so another key is ``seal-broken`` too.
        """

    @abc.abstractmethod
    def token(self, text: str) -> str:
        """What stands for a text where an index is searched for exactly this text.

        Upper and lower case, the number of spaces, and compatible characters (form KC of [UAX15]) make no difference.
        """


class PlainSealer(BaseSealer):
    """Leaves everything as it is: for stores without encryption."""

    encrypts = False

    def seal(self, data: bytes, name: str) -> bytes:
        return data

    def open(self, sealed: bytes, name: str) -> bytes:
        return sealed

    def seal_text(self, text: str, name: str) -> str:
        return text

    def open_text(self, sealed: str, name: str) -> str:
        return sealed

    def token(self, text: str) -> str:
        return _normalised(text)


class Sealer(BaseSealer):
    """Encrypts with keys that come from one data key.

    Args:
        data_key: 32 random bytes.
        random: gives so many random bytes; another one is for tests alone.

    Raises:
        SealError: ``seal-library``: the library cryptography is not installed.
    """

    encrypts = True

    def __init__(self, data_key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(data_key) != DATA_KEY_BYTES:
            raise ValueError('a data key has %d bytes, not %d' % (DATA_KEY_BYTES, len(data_key)))
        self._random = random
        self._library = library()
        self._wrapping = self._derived(data_key, b'file keys', 32)
        self._texts = self._library.AESGCM(self._derived(data_key, b'texts', 32))
        self._tokens = self._derived(data_key, b'search tokens', 32)
        #: Names the data key without giving it away, 16 hex digits.
        self.key_id = self._derived(data_key, b'id', _KEY_ID_BYTES).hex()

    def seal(self, data: bytes, name: str) -> bytes:
        key, start = self._random(32), self._random(_START_BYTES)
        wrapped = self._library.aes_key_wrap(self._wrapping, key)
        header = MAGIC + bytes.fromhex(self.key_id) + wrapped + start
        cipher, context = self._library.AESGCM(key), header + name.encode('utf-8')
        parts, view = [header], memoryview(data)
        for number, first in enumerate(range(0, max(len(data), 1), _CHUNK_BYTES)):
            nonce = _nonce(start, number, first + _CHUNK_BYTES >= len(data))
            parts.append(cipher.encrypt(nonce, bytes(view[first:first + _CHUNK_BYTES]), context))
        return b''.join(parts)

    def open(self, sealed: bytes, name: str) -> bytes:
        header = sealed[:_HEADER_BYTES]
        if len(sealed) < _HEADER_BYTES + _TAG_BYTES or not header.startswith(MAGIC):
            raise _broken(name, 'it is no sealed file, or only the beginning of one')
        body = header[len(MAGIC):]
        key_id, wrapped, start = (body[:_KEY_ID_BYTES], body[_KEY_ID_BYTES:-_START_BYTES], body[-_START_BYTES:])
        if key_id.hex() != self.key_id:
            raise SealError('seal-key', '%s was encrypted with another key.' % name,
                            'It belongs to another station, or to this one before its key was made anew.',
                            detail='data key %s, not %s' % (key_id.hex(), self.key_id))
        context, parts = header + name.encode('utf-8'), []
        try:
            cipher = self._library.AESGCM(self._library.aes_key_unwrap(self._wrapping, wrapped))
            step, view = _CHUNK_BYTES + _TAG_BYTES, memoryview(sealed)
            for number, first in enumerate(range(_HEADER_BYTES, len(sealed), step)):
                nonce = _nonce(start, number, first + step >= len(sealed))
                parts.append(cipher.decrypt(nonce, bytes(view[first:first + step]), context))
        except self._library.failures as error:
            raise _broken(name, 'chunk %d: %r' % (len(parts), error))
        return b''.join(parts)

    def seal_text(self, text: str, name: str) -> str:
        nonce = self._random(_NONCE_BYTES)
        sealed = nonce + self._texts.encrypt(nonce, text.encode('utf-8'), name.encode('utf-8'))
        return _TEXT + base64.urlsafe_b64encode(sealed).decode('ascii')

    def open_text(self, sealed: str, name: str) -> str:
        try:
            if not sealed.startswith(_TEXT):
                raise ValueError('it is no sealed text')
            raw = base64.b64decode(sealed[len(_TEXT):].encode('ascii'), b'-_', validate=True)
            nonce, body = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            return bytes(self._texts.decrypt(nonce, body, name.encode('utf-8'))).decode('utf-8')
        except self._library.failures as error:
            raise _broken(name, repr(error))

    def token(self, text: str) -> str:
        digest = hmac.new(self._tokens, _normalised(text).encode('utf-8'), hashlib.sha256).digest()
        return digest[:_TOKEN_BYTES].hex()

    def _derived(self, data_key: bytes, purpose: bytes, length: int) -> bytes:
        """A key of its own for each purpose."""
        return self._library.hkdf(data_key, b'thermoscreen ' + purpose, length)


@contextlib.contextmanager
def importing_cryptography() -> Iterator[None]:
    """Around an import from `cryptography`, which waits for its first use: it costs time and memory.

    Raises:
        SealError: ``seal-library``.
    """
    try:
        with warnings.catch_warnings():
            # Its last release for Python 3.6 warns about Python 3.6 at every start.
            warnings.simplefilter('ignore')
            yield
    except ImportError as error:
        raise SealError('seal-library', 'Nothing can be encrypted or signed, because the library cryptography is not '
                        'installed.', 'Install the requirements again.', detail=str(error))


class Library(NamedTuple):
    """The parts of `cryptography` that encrypting needs.

    Attributes:
        hkdf: of a secret, a purpose and a length (HKDF [Krawczyk2010]).
        failures: what the others raise for bytes that were changed, or with a wrong key.
    """

    AESGCM: Any  # noqa: N815  it is a class
    aes_key_wrap: Callable[[bytes, bytes], bytes]
    aes_key_unwrap: Callable[[bytes, bytes], bytes]
    hkdf: Callable[[bytes, bytes, int], bytes]
    failures: Any


def library() -> Library:
    """The parts of `cryptography` that encrypting needs.

    Raises:
        SealError: ``seal-library``.
    """
    with importing_cryptography():
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

    def hkdf(secret: bytes, info: bytes, length: int) -> bytes:
        return HKDF(hashes.SHA256(), length, None, info).derive(secret)

    # A nonce or text that is too short is a ValueError.
    failures = (InvalidTag, InvalidUnwrap, ValueError, binascii.Error)
    return Library(AESGCM, aes_key_wrap, aes_key_unwrap, hkdf, failures)


def _nonce(start: bytes, number: int, last: bool) -> bytes:
    return start + number.to_bytes(4, 'big') + bytes([last])


def _broken(name: str, detail: str) -> SealError:
    return SealError('seal-broken', '%s was changed or damaged, or is another file.' % name, _FROM_BACKUP,
                     detail=detail)


def _normalised(text: str) -> str:
    return ' '.join(unicodedata.normalize('NFKC', unicodedata.normalize('NFKC', text).casefold()).split())
