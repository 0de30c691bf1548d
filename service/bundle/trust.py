"""Whose bundles this machine takes."""
import glob
import os
from dataclasses import dataclass

from ..messages import BundleError, SettingsError
from .signature import key_id, library, read_signature, verifies

#: Public keys that come with the program.
SHIPPED_KEYS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'keys')

#: A public key has 113 bytes.
_MAX_KEY_BYTES = 4096


@dataclass(frozen=True)
class Trust:
    """The keys whose bundles are taken.

    Attributes:
        keys (tuple of bytes): raw public keys, 32 bytes each.
        allow_unsigned (bool): also take a bundle without a signature. One with a wrong signature, or with that of
            another key, is refused all the same.
    """

    keys: tuple
    allow_unsigned: bool = False

    @classmethod
    def from_settings(cls, settings):
        """The keys that the program came with and those of the folder that the settings name.

        Args:
            settings (Settings): `trusted_keys` and `allow_unsigned`.
        Raises:
            SettingsError: ``trusted-keys`` for a folder that is not there or holds no key; ``trusted-key-unreadable``.
        """
        keys = read_keys(SHIPPED_KEYS)
        if settings.trusted_keys:
            own = read_keys(settings.trusted_keys)
            if not own:
                raise SettingsError('trusted-keys', 'There is no public key (*.pub) in %s, which trusted_keys names; '
                                    'put one there or correct the setting.' % settings.trusted_keys)
            keys += own
        return cls(keys, settings.allow_unsigned)

    def check(self, folder, manifest):
        """Refuse a bundle that nobody trusted has signed.

        Args:
            folder (str): the bundle, for its signature and for messages.
            manifest (bytes): its manifest as read: exactly these bytes may be used afterwards.
        Returns:
            str: `key_id` of the key that signed; ``''`` where there is no signature and none is asked for.
        Raises:
            BundleError: ``bundle-unsigned``, ``bundle-key``, ``bundle-signature``, ``signature-unreadable`` or
                ``signature-library``.
        """
        signature = read_signature(folder)
        if signature is None:
            if self.allow_unsigned:
                return ''
            raise BundleError('bundle-unsigned', 'The bundle in %s is not signed; have it signed with thermoscreen '
                              'bundle sign, or for development set allow_unsigned in the settings.' % folder)
        candidates = [key for key in self.keys if key_id(key) == signature.key]
        if not candidates:
            raise BundleError('bundle-key', 'The bundle in %s is signed by key %s, which this machine does not trust; '
                              'take one from your supplier, or put that public key into the folder that the setting '
                              'trusted_keys names.' % (folder, signature.key))
        if not any(verifies(signature, manifest, key) for key in candidates):
            raise BundleError('bundle-signature', 'The signature of the bundle in %s is not that of its manifest; the '
                              'bundle was changed or damaged, copy it again.' % folder)
        return signature.key


def read_keys(folder):
    """The public keys of a folder's ``*.pub`` files, in the order of their names.

    Args:
        folder (str): the folder.
    Returns:
        tuple of bytes: raw keys; empty where there are none.
    Raises:
        SettingsError: ``trusted-key-unreadable`` for a file that is not an Ed25519 public key in PEM.
    """
    return tuple(read_public_key(path) for path in sorted(glob.glob(os.path.join(glob.escape(folder), '*.pub'))))


def read_public_key(path):
    """The raw 32 bytes of a public key in a PEM file.

    Raises:
        SettingsError: ``trusted-key-unreadable``.
    """
    ed25519, serialization, _ = library()
    try:
        with open(path, 'rb') as stream:
            key = serialization.load_pem_public_key(stream.read(_MAX_KEY_BYTES))
        if not isinstance(key, ed25519.Ed25519PublicKey):
            raise ValueError('a key of another kind')
    # Also UnsupportedAlgorithm, whose place moves between releases of the library.
    except Exception as error:
        raise SettingsError('trusted-key-unreadable', '%s is not a public Ed25519 key (PEM); make keys with '
                            'thermoscreen bundle keygen, or take the file away.' % path, detail=repr(error))
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
