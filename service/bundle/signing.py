"""Making keys and signatures: what happens where bundles are released, not on the device."""
import os

from ..durable import atomic_write, write_new
from ..messages import BundleError, InputError, StorageError
from .load import open_bundle
from .manifest import read_manifest_bytes
from .signature import SIGNATURE_NAME, Signature, key_id, library, read_signature
from .trust import read_public_key

#: A private key has 120 bytes, an encrypted one 300.
_MAX_KEY_BYTES = 16384


def generate_key(path, passphrase=None):
    """Make a key pair: the private key, readable by this user alone, and beside it the public one.

    Args:
        path (str): the private key's file (PEM, PKCS 8); neither it nor the public one may exist.
        passphrase (bytes): encrypts it; None leaves it readable to who has the file.
    Returns:
        tuple: (path of the public key, its `key_id`).
    Raises:
        InputError: ``key-name`` for a name that is the public key's.
        StorageError: ``file-exists`` and what else `write_new` raises; nothing is left behind.
    """
    public_path = public_path_of(path)
    for taken in (path, public_path):
        if os.path.lexists(taken):
            raise StorageError('file-exists', '%s is there already and is not overwritten; choose another name.'
                               % taken)
    ed25519, serialization, _ = library()
    key = ed25519.Ed25519PrivateKey.generate()
    encryption = (serialization.BestAvailableEncryption(passphrase) if passphrase is not None
                  else serialization.NoEncryption())
    write_new(path, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption), 0o600)
    try:
        write_new(public_path, key.public_key().public_bytes(serialization.Encoding.PEM,
                                                             serialization.PublicFormat.SubjectPublicKeyInfo))
    except StorageError:
        os.unlink(path)
        raise
    return public_path, key_id(read_public_key(public_path))


def public_path_of(path):
    """Where the public key of a private key's file lies: ``release.pem`` and ``release`` give ``release.pub``.

    Raises:
        InputError: ``key-name`` for a name that ends in ``.pub``.
    """
    stem, suffix = os.path.splitext(path)
    if suffix == '.pub':
        raise InputError('key-name', '%s is the name of a public key; give the private one another, such as %s.pem.'
                         % (path, stem))
    return (stem if suffix == '.pem' else path) + '.pub'


def load_key(path, passphrase=None):
    """A private key from its file.

    Args:
        path (str): PEM as `generate_key` writes it.
        passphrase (bytes): of an encrypted one.
    Returns:
        Ed25519PrivateKey: of the library `cryptography`.
    Raises:
        InputError: ``key-unreadable``; ``key-passphrase`` where one is lacking or wrong.
    """
    ed25519, serialization, _ = library()
    try:
        with open(path, 'rb') as stream:
            data = stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise InputError('key-unreadable', '%s cannot be read; give the private key\'s file.' % path, detail=str(error))
    encrypted = b'ENCRYPTED' in data
    if encrypted and passphrase is None:
        raise InputError('key-passphrase', '%s needs its passphrase; give it with --passphrase-file.' % path)
    try:
        key = serialization.load_pem_private_key(data, passphrase if encrypted else None)
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise ValueError('a key of another kind')
    # Also UnsupportedAlgorithm, whose place moves between releases of the library.
    except Exception as error:
        if encrypted:
            raise InputError('key-passphrase', '%s does not open with this passphrase.' % path, detail=repr(error))
        raise InputError('key-unreadable', '%s is not a private Ed25519 key (PEM); make one with thermoscreen bundle '
                         'keygen.' % path, detail=repr(error))
    return key


def sign_bundle(folder, key):
    """Sign a bundle after a look at every file of it; a signature that is there is replaced.

    The same key gives the same bundle the same bytes, so that signing twice changes nothing.

    Args:
        folder (str): the bundle; one that must not be deployed can be signed, and stays refused.
        key (Ed25519PrivateKey): as `load_key` gives it.
    Returns:
        tuple: (`key_id` of the key, whether the signature is another one than before).
    Raises:
        BundleError: the bundle is not whole.
        StorageError: the signature cannot be written; the one before is still there.
    """
    _, serialization, _ = library()
    bundle = open_bundle(folder, study=True)
    data = read_manifest_bytes(folder)
    if not bundle.manifest.is_of(data):
        raise BundleError('bundle-changed', 'The bundle in %s changed while it was being signed; sign it again when '
                          'nobody writes to it.' % folder)
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signature = Signature(key_id(public), key.sign(data))
    try:
        if read_signature(folder) == signature:
            return signature.key, False
    except BundleError:  # whatever lies there is replaced
        pass
    atomic_write(os.path.join(folder, SIGNATURE_NAME), signature.to_bytes())
    return signature.key, True
