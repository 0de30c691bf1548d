"""The signature of a bundle: Ed25519 over the bytes of its manifest, which holds the hash of every other file."""
import base64
import binascii
import hashlib
import json
import os
import re
import warnings
from dataclasses import dataclass

from ..messages import BundleError
from .plain_file import read_plain

SIGNATURE_NAME = 'signature.json'

#: A signature file has 200 bytes.
MAX_SIGNATURE_BYTES = 4096

_ALGORITHM = 'ed25519'
_SIGNATURE_BYTES = 64
_KEY_ID = re.compile(r'[0-9a-f]{16}\Z')


@dataclass(frozen=True)
class Signature:
    """A signature as it lies in the bundle.

    Attributes:
        key (str): `key_id` of the key that it claims to be made with.
        value (bytes): the 64 bytes of RFC 8032.
    """

    key: str
    value: bytes

    def to_bytes(self):
        """The file. There is one way to write it, so that no byte of a bundle can change unnoticed."""
        document = {'schema': 1, 'algorithm': _ALGORITHM, 'key': self.key,
                    'signature': base64.b64encode(self.value).decode('ascii')}
        return (json.dumps(document, indent=1, sort_keys=True) + '\n').encode('ascii')


def key_id(public):
    """How a key is called: the first 16 hex digits of the SHA-256 of its raw 32 public bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def read_signature(folder):
    """The signature of a bundle folder, or None where it has none.

    Raises:
        BundleError: ``signature-unreadable`` for a link, a file too large, or one that `Signature.to_bytes` did not
            write.
    """
    path = os.path.join(folder, SIGNATURE_NAME)
    try:
        data = read_plain(path, MAX_SIGNATURE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError('signature-unreadable', '%s cannot be read; copy the bundle again.' % path, detail=str(error))
    except BundleError as error:
        raise BundleError('signature-unreadable', error.message.text)
    try:
        document = json.loads(data.decode('ascii'))
        signature = Signature(document['key'], base64.b64decode(document['signature'], validate=True))
        if not _KEY_ID.match(signature.key) or len(signature.value) != _SIGNATURE_BYTES:
            raise ValueError('a key or signature of the wrong length')
        if signature.to_bytes() != data:
            raise ValueError('fields or spaces that no signature file has')
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise BundleError('signature-unreadable', '%s is not a signature; copy the bundle again.' % path,
                          detail=repr(error))
    return signature


def verifies(signature, data, public):
    """Whether a signature is that of `data` (bytes) by the key with these raw 32 public bytes."""
    ed25519, _, invalid = library()
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature.value, data)
    except invalid:
        return False
    return True


def library():
    """The parts of `cryptography` that signatures need, imported at the first use: it costs time and memory.

    Returns:
        tuple: (module ed25519, module serialization, class InvalidSignature).
    Raises:
        BundleError: ``signature-library`` where it is not installed or does not fit this machine.
    """
    try:
        with warnings.catch_warnings():
            # Its last release for Python 3.6 deplores Python 3.6 at every start.
            warnings.simplefilter('ignore')
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise BundleError('signature-library', 'The signature of the bundle cannot be checked, because the library '
                          'cryptography is not installed; install requirements again.', detail=str(error))
    return ed25519, serialization, InvalidSignature
