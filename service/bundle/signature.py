"""The signature of a bundle, and the keys that this machine trusts.

It is Ed25519 over the bytes of the manifest, which holds the hash of every other file.
"""
import base64
import binascii
import glob
import hashlib
import json
import os
import re
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Dict, FrozenSet, NamedTuple, Optional, Tuple

from ..messages import BundleError, SettingsError
from .manifest import read_plain

if TYPE_CHECKING:
    from ..settings import Settings

SIGNATURE_NAME = 'signature.json'

#: A signature file has 200 bytes.
MAX_SIGNATURE_BYTES = 4096

#: Public keys that come with the program.
SHIPPED_KEYS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'keys')

#: In a folder of public keys: the ids of keys that are not trusted any more, one a line; # begins a comment.
REVOKED_NAME = 'revoked.txt'

#: A public key has 113 bytes, with its last day 137.
_MAX_KEY_BYTES = 4096

_MAX_REVOKED_BYTES = 65536

#: Above the key in its file: the last day on which bundles that it signed can be installed.
_NOT_AFTER = 'Not-After:'

_ALGORITHM = 'ed25519'
_SIGNATURE_BYTES = 64
_KEY_ID = re.compile(r'[0-9a-f]{16}\Z')

_COPY_AGAIN = 'Copy the bundle again.'


@dataclass(frozen=True)
class Signature:
    """A signature as stored in the bundle.

    Attributes:
        key: `key_id` of the key that it claims to be made with.
        value: the 64 bytes of RFC 8032.
    """

    key: str
    value: bytes

    def to_bytes(self) -> bytes:
        """The file. It can be written in one way only, so that no byte of a bundle can change unnoticed."""
        document = {'schema': 1, 'algorithm': _ALGORITHM, 'key': self.key,
                    'signature': base64.b64encode(self.value).decode('ascii')}
        return (json.dumps(document, indent=1, sort_keys=True) + '\n').encode('ascii')


@dataclass(frozen=True)
class Trust:
    """The keys whose bundles are accepted.

    Attributes:
        keys: raw public keys, 32 bytes each.
        allow_unsigned: also accept a bundle without a signature. One with a wrong signature, or with that of another
            key, is refused all the same.
        revoked: ids of keys that are refused wherever else they are listed.
        not_after: by id, the last day (YYYY-MM-DD) of keys that have one.
    """

    keys: Tuple[bytes, ...]
    allow_unsigned: bool = False
    revoked: FrozenSet[str] = frozenset()
    not_after: Dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: 'Settings') -> 'Trust':
        """The keys that come with the program and those of the folder in the setting `trusted_keys`.

        Raises:
            SettingsError: ``trusted-keys`` for a folder that is missing or holds no key; ``trusted-key-unreadable``.
        """
        keys, revoked = read_keys(SHIPPED_KEYS), read_revoked(SHIPPED_KEYS)
        if settings.trusted_keys:
            own, refused = read_keys(settings.trusted_keys), read_revoked(settings.trusted_keys)
            if not own and not refused:
                raise SettingsError('trusted-keys', 'There is no public key (*.pub) in %s, which trusted_keys names.'
                                    % settings.trusted_keys, 'Put one there or correct the setting.')
            keys, revoked = keys + own, revoked | refused
        not_after: Dict[str, str] = {}
        for key in keys:
            if key.not_after:
                name = key_id(key.raw)
                not_after[name] = min(key.not_after, not_after.get(name, key.not_after))
        return cls(tuple(key.raw for key in keys), settings.allow_unsigned, revoked, not_after)

    def check(self, folder: str, manifest: bytes) -> str:
        """Refuse a bundle that no trusted key has signed.

        Args:
            folder: the bundle, for its signature and for messages.
            manifest: its manifest as read; only these bytes may be used afterwards.
        Returns:
            `key_id` of the key that signed; ``''`` for an unsigned bundle that is allowed.
        Raises:
            BundleError: ``bundle-unsigned``, ``bundle-key``, ``bundle-key-revoked``, ``bundle-signature``,
                ``signature-unreadable`` or ``signature-library``.
        """
        signature = read_signature(folder)
        if signature is None:
            if self.allow_unsigned:
                return ''
            raise BundleError('bundle-unsigned', 'The bundle in %s is not signed.' % folder,
                              'Have it signed with thermoscreen bundle sign, or for development set allow_unsigned in '
                              'the settings.')
        if signature.key in self.revoked:
            raise BundleError('bundle-key-revoked', 'The bundle in %s is signed by key %s, which was revoked.'
                              % (folder, signature.key), 'Use a bundle that its supplier has signed with another key.')
        candidates = [key for key in self.keys if key_id(key) == signature.key]
        if not candidates:
            raise BundleError('bundle-key', 'The bundle in %s is signed by key %s, which this machine does not trust.'
                              % (folder, signature.key),
                              'Use a bundle from your supplier, or put that public key into the folder that the '
                              'setting trusted_keys names.')
        if not any(verifies(signature, manifest, key) for key in candidates):
            raise BundleError('bundle-signature', 'The signature of the bundle in %s does not match its manifest; the '
                              'bundle was changed or damaged.' % folder, _COPY_AGAIN)
        return signature.key

    def check_date(self, name: str, today: str, history: str) -> None:
        """Refuse to install what a key signed that has expired. What is installed already goes on running.

        Args:
            name: `key_id` of the key.
            today: the latest date that is certain to have passed, YYYY-MM-DD.
            history: file that remembers it, for the message.
        Raises:
            BundleError: ``bundle-key-expired``.
        """
        last = self.not_after.get(name, today)
        if today > last:
            raise BundleError('bundle-key-expired', 'Key %s, which signed the bundle, expired on %s; it is %s.'
                              % (name, last, today), 'Use a bundle that is signed with a newer key. If the date is '
                              'wrong, set the clock and remove %s.' % history)


def key_id(public: bytes) -> str:
    """The name of a key: the first 16 hex digits of the SHA-256 of its raw 32 public bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def read_signature(folder: str) -> Optional[Signature]:
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
        raise BundleError('signature-unreadable', '%s cannot be read.' % path, _COPY_AGAIN, detail=str(error))
    except BundleError as error:
        raise BundleError('signature-unreadable', error.message.sentence, error.message.next_step)
    try:
        document = json.loads(data.decode('ascii'))
        signature = Signature(document['key'], base64.b64decode(document['signature'], validate=True))
        if not _KEY_ID.match(signature.key) or len(signature.value) != _SIGNATURE_BYTES:
            raise ValueError('a key or signature of the wrong length')
        if signature.to_bytes() != data:
            raise ValueError('fields or spaces that no signature file has')
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise BundleError('signature-unreadable', '%s is not a signature.' % path, _COPY_AGAIN, detail=repr(error))
    return signature


def verifies(signature: Signature, data: bytes, public: bytes) -> bool:
    """Whether a signature of `data` was made with the key of these raw 32 public bytes."""
    ed25519, _, invalid = library()
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature.value, data)
    except invalid:
        return False
    return True


class PublicKey(NamedTuple):
    """A key of a file.

    Attributes:
        raw: the 32 bytes.
        not_after: its last day, YYYY-MM-DD; ``''`` where it has none.
    """

    raw: bytes
    not_after: str


def read_keys(folder: str) -> Tuple[PublicKey, ...]:
    """The public keys of a folder's ``*.pub`` files, in the order of their names.

    Raises:
        SettingsError: ``trusted-key-unreadable`` for a file that is not an Ed25519 public key in PEM.
    """
    return tuple(read_public_key(path) for path in sorted(glob.glob(os.path.join(glob.escape(folder), '*.pub'))))


def read_revoked(folder: str) -> FrozenSet[str]:
    """The ids in a folder's list of revoked keys; none where it has no list.

    Raises:
        SettingsError: ``trusted-key-unreadable`` for a list that cannot be read or holds anything else.
    """
    path = os.path.join(folder, REVOKED_NAME)
    try:
        text = read_plain(path, _MAX_REVOKED_BYTES).decode('utf-8')
        lines = [line.partition('#')[0].strip() for line in text.splitlines()]
        wrong = [number for number, line in enumerate(lines, 1) if line and not _KEY_ID.match(line)]
        if wrong:
            raise ValueError('line %d is not the id of a key' % wrong[0])
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, BundleError) as error:
        raise SettingsError('trusted-key-unreadable', '%s is not a list of revoked keys.' % path, 'Write one id of a '
                            'key (16 hexadecimal digits) a line.', detail=str(error))
    return frozenset(filter(None, lines))


def read_public_key(path: str) -> PublicKey:
    """A public key in a PEM file.

    Raises:
        SettingsError: ``trusted-key-unreadable``.
    """
    ed25519, serialization, _ = library()
    try:
        with open(path, 'rb') as stream:
            head, begin, body = stream.read(_MAX_KEY_BYTES).partition(b'-----BEGIN')
        key = serialization.load_pem_public_key(begin + body)
        if not isinstance(key, ed25519.Ed25519PublicKey):
            raise ValueError('a key of another kind')
        raw = bytes(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
        return PublicKey(raw, _last_day(head.decode('utf-8')))
    # Also UnsupportedAlgorithm, whose module differs between releases of the library.
    except Exception as error:
        raise SettingsError('trusted-key-unreadable', '%s is not a public Ed25519 key (PEM).' % path,
                            'Create keys with thermoscreen bundle keygen, or remove the file.', detail=repr(error))


def not_after_line(day: str) -> bytes:
    """The line that gives the public key below it a last day, YYYY-MM-DD.

    Raises:
        ValueError: there is no such day.
    """
    datetime.strptime(day, '%Y-%m-%d')
    if len(day) != len('YYYY-MM-DD'):  # strptime takes 2027-1-1, which does not compare
        raise ValueError(day)
    return ('%s %s\n' % (_NOT_AFTER, day)).encode('ascii')


def _last_day(head: str) -> str:
    """The earliest day in the lines above a key; ``''`` for none."""
    days = [line[len(_NOT_AFTER):].strip() for line in head.splitlines()
            if line.lower().startswith(_NOT_AFTER.lower())]
    for day in days:
        not_after_line(day)
    return min(days, default='')


def library() -> Tuple[Any, Any, Any]:
    """The parts of `cryptography` that signatures need, imported at the first use: it costs time and memory.

    Returns:
        Module ed25519, module serialization and class InvalidSignature.
    Raises:
        BundleError: ``signature-library`` where it is not installed or does not fit this machine.
    """
    try:
        with warnings.catch_warnings():
            # Its last release for Python 3.6 warns about Python 3.6 at every start.
            warnings.simplefilter('ignore')
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise BundleError('signature-library', 'The signature of the bundle cannot be checked, because the library '
                          'cryptography is not installed.', 'Install the requirements again.', detail=str(error))
    return ed25519, serialization, InvalidSignature
