"""Signed bundles for tests: two key pairs, made anew in every run.

`sign(folder)` signs any bundle folder with the key that `TRUST` trusts, so that
``open_bundle(sign(bundles.write(path)), trust=TRUST)`` opens; ``sign(folder, STRANGER)`` signs with a key that nobody
trusts. `write_public(folder)` makes a folder for the setting `trusted_keys`.
"""
import os

from service.bundle import Trust, load_key, sign_bundle
from service.bundle.signature import Signature, key_id, library

_ED25519, _SERIALIZATION, _ = library()

SIGNER = _ED25519.Ed25519PrivateKey.generate()
STRANGER = _ED25519.Ed25519PrivateKey.generate()


def raw(private):
    """The raw 32 bytes of a key's public half."""
    return private.public_key().public_bytes(_SERIALIZATION.Encoding.Raw, _SERIALIZATION.PublicFormat.Raw)


TRUST = Trust((raw(SIGNER),))
LENIENT = Trust((raw(SIGNER),), allow_unsigned=True)


def sign(folder, key=SIGNER):
    """Sign a whole bundle and return its folder."""
    sign_bundle(str(folder), key)
    return str(folder)


def sign_bytes(folder, key=SIGNER, name=None):
    """Sign whatever manifest lies in a folder, also that of a bundle which is not whole; return the folder."""
    with open(os.path.join(str(folder), 'manifest.json'), 'rb') as stream:
        value = key.sign(stream.read())
    with open(os.path.join(str(folder), 'signature.json'), 'wb') as stream:
        stream.write(Signature(name or key_id(raw(key)), value).to_bytes())
    return str(folder)


def write_public(folder, key=SIGNER, name='test.pub'):
    """Write a key's public half as PEM into a folder, and return the folder."""
    os.makedirs(str(folder), exist_ok=True)
    with open(os.path.join(str(folder), name), 'wb') as stream:
        stream.write(key.public_key().public_bytes(_SERIALIZATION.Encoding.PEM,
                                                   _SERIALIZATION.PublicFormat.SubjectPublicKeyInfo))
    return str(folder)


def write_private(path, key=SIGNER):
    """Write a key's private half as PEM, and return the path."""
    with open(str(path), 'wb') as stream:
        stream.write(key.private_bytes(_SERIALIZATION.Encoding.PEM, _SERIALIZATION.PrivateFormat.PKCS8,
                                       _SERIALIZATION.NoEncryption()))
    assert raw(load_key(str(path))) == raw(key)
    return str(path)
