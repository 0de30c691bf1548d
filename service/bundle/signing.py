"""Creating keys and signatures, where bundles are released; a device never does this."""
import os
from typing import Any, Optional, Tuple

from ..durable import atomic_write, clear_parts, write_new
from ..messages import BundleError, InputError, StorageError
from .load import open_bundle
from .manifest import read_manifest_bytes
from .signature import (
    SIGNATURE_NAME,
    Signature,
    key_id,
    library,
    not_after_line,
    read_public_key,
    read_signature,
)

#: A private key has 120 bytes, an encrypted one 300.
_MAX_KEY_BYTES = 16384


def generate_key(path: str, passphrase: Optional[bytes] = None, not_after: str = '') -> Tuple[str, str]:
    """Create a key pair: the private key, readable by this user alone, and beside it the public one.

    Args:
        path: file of the private key (PEM, PKCS 8); neither it nor the public one may exist.
        passphrase: encrypts the private key; None leaves it unencrypted.
        not_after: last day (YYYY-MM-DD) on which bundles that it signed can be installed; ``''`` for none.
    Returns:
        Path of the public key and its `key_id`.
    Raises:
        InputError: ``key-name`` for a name that is the public key's; ``key-date``.
        StorageError: ``file-exists`` and the codes of `write_new`; nothing is left behind.
    """
    public_path = public_path_of(path)
    try:
        head = not_after_line(not_after) if not_after else b''
    except ValueError as error:
        raise InputError('key-date', '%s is not a day.' % not_after, 'Write it as YYYY-MM-DD.', detail=str(error))
    for taken in (path, public_path):
        if os.path.lexists(taken):
            raise StorageError('file-exists', '%s already exists and is not overwritten.' % taken,
                               'Choose another name.')
    ed25519, serialization, _ = library()
    key = ed25519.Ed25519PrivateKey.generate()
    encryption = (serialization.BestAvailableEncryption(passphrase) if passphrase is not None
                  else serialization.NoEncryption())
    write_new(path, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption), 0o600)
    try:
        write_new(public_path, head + key.public_key().public_bytes(serialization.Encoding.PEM,
                                                                    serialization.PublicFormat.SubjectPublicKeyInfo))
    except StorageError:
        os.unlink(path)
        raise
    return public_path, key_id(read_public_key(public_path).raw)


def public_path_of(path: str) -> str:
    """Path of the public key beside a private one: ``release.pem`` and ``release`` give ``release.pub``.

    Raises:
        InputError: ``key-name`` for a name that ends in ``.pub``.
    """
    stem, suffix = os.path.splitext(path)
    if suffix == '.pub':
        raise InputError('key-name', '%s is the name of a public key.' % path,
                         'Give the private key another name, such as %s.pem.' % stem)
    return (stem if suffix == '.pem' else path) + '.pub'


def load_key(path: str, passphrase: Optional[bytes] = None) -> Any:
    """Read a private key.

    Args:
        path: PEM as `generate_key` writes it.
        passphrase: of an encrypted key.
    Returns:
        An `Ed25519PrivateKey` of the library `cryptography`.
    Raises:
        InputError: ``key-unreadable``; ``key-passphrase`` where one is missing or wrong.
    """
    ed25519, serialization, _ = library()
    try:
        with open(path, 'rb') as stream:
            data = stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise InputError('key-unreadable', '%s cannot be read.' % path, 'Name the file of the private key.',
                         detail=str(error))
    encrypted = b'ENCRYPTED' in data
    if encrypted and passphrase is None:
        raise InputError('key-passphrase', '%s needs its passphrase.' % path, 'Give it with --passphrase-file.')
    try:
        key = serialization.load_pem_private_key(data, passphrase if encrypted else None)
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise ValueError('a key of another kind')
    # Also UnsupportedAlgorithm, whose module differs between releases of the library.
    except Exception as error:
        if encrypted:
            raise InputError('key-passphrase', '%s does not open with this passphrase.' % path, detail=repr(error))
        raise InputError('key-unreadable', '%s is not a private Ed25519 key (PEM).' % path,
                         'Create one with thermoscreen bundle keygen.', detail=repr(error))
    return key


def public_bytes(key: Any) -> bytes:
    """The raw 32 public bytes of a private key, as `load_key` gives it."""
    _, serialization, _ = library()
    return bytes(key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def sign_bundle(folder: str, key: Any) -> Tuple[str, bool]:
    """Check every file of a bundle and sign it; an existing signature is replaced.

    The same key gives the same bundle the same bytes, so signing twice changes nothing.

    Args:
        folder: the bundle; one that must not be deployed can be signed, and stays refused.
        key: as `load_key` gives it.
    Returns:
        `key_id` of the key, and whether the signature changed.
    Raises:
        BundleError: the bundle is not intact.
        StorageError: the signature cannot be written; the previous one is still there.
    """
    bundle = open_bundle(folder, study=True)
    data = read_manifest_bytes(folder)
    if not bundle.manifest.is_of(data):
        raise BundleError('bundle-changed', 'The bundle in %s changed while it was being signed.' % folder,
                          'Sign it again when nothing writes to it.')
    signature = Signature(key_id(public_bytes(key)), key.sign(data))
    try:
        if read_signature(folder) == signature:
            return signature.key, False
    except BundleError:  # whatever is there is replaced
        pass
    clear_parts(folder)
    atomic_write(os.path.join(folder, SIGNATURE_NAME), signature.to_bytes())
    return signature.key, True
