"""Keys are created once and kept private; signing twice gives the same signature."""
import os
import stat

import pytest

from service.bundle import Trust, generate_key, key_id, load_key, open_bundle, sign_bundle
from service.bundle.signature import read_public_key
from service.bundle.signing import public_path_of
from service.messages import BundleError, InputError, StorageError
from tests.fakes import bundles, signing


def signature_of(folder):
    with open(os.path.join(folder, 'signature.json'), 'rb') as stream:
        return stream.read()


def test_a_pair_is_made_and_signs(tmp_path):
    path = str(tmp_path / 'release.pem')
    public, name = generate_key(path)
    assert public == str(tmp_path / 'release.pub') and name == key_id(read_public_key(public).raw)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert b'PRIVATE' not in (tmp_path / 'release.pub').read_bytes()
    folder = bundles.write(tmp_path / 'b')
    assert sign_bundle(folder, load_key(path)) == (name, True)
    assert open_bundle(folder, trust=Trust((read_public_key(public).raw,))).signed_by == name


def test_two_pairs_differ(tmp_path):
    assert generate_key(str(tmp_path / 'a'))[1] != generate_key(str(tmp_path / 'b'))[1]


@pytest.mark.parametrize('there', ['release.pem', 'release.pub'])
def test_nothing_is_overwritten(tmp_path, there):
    (tmp_path / there).write_text('mine')
    with pytest.raises(StorageError) as caught:
        generate_key(str(tmp_path / 'release.pem'))
    assert caught.value.code == 'file-exists' and there in caught.value.message.text
    assert os.listdir(str(tmp_path)) == [there] and (tmp_path / there).read_text() == 'mine'


def test_a_private_key_without_its_public_one_is_not_left(tmp_path, monkeypatch):
    from service import durable
    from service.bundle import signing as module

    def full(path, data, mode=0o666):
        if path.endswith('.pub'):
            raise StorageError('disk-full', 'No room.')
        durable.write_new(path, data, mode)

    monkeypatch.setattr(module, 'write_new', full)
    with pytest.raises(StorageError):
        generate_key(str(tmp_path / 'release.pem'))
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize('path, public', [('k.pem', 'k.pub'), ('k', 'k.pub'), ('a.b/k.key', 'a.b/k.key.pub')])
def test_where_the_public_key_lies(path, public):
    assert public_path_of(path) == public


def test_a_private_key_is_not_named_as_a_public_one():
    with pytest.raises(InputError) as caught:
        public_path_of('keys/k.pub')
    assert caught.value.code == 'key-name'


def test_a_passphrase_locks_and_opens(tmp_path):
    path = str(tmp_path / 'k.pem')
    generate_key(path, b'open sesame')
    assert load_key(path, b'open sesame')
    for wrong in (None, b'', b'open simsim'):
        with pytest.raises(InputError) as caught:
            load_key(path, wrong)
        assert caught.value.code == 'key-passphrase'


def test_a_passphrase_for_a_key_without_one_is_ignored(tmp_path):
    generate_key(str(tmp_path / 'k.pem'))
    assert load_key(str(tmp_path / 'k.pem'), b'open sesame')


@pytest.mark.parametrize('content', [b'', b'\x00\xff',
                                     b'-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----\n'])
def test_an_invalid_private_key(tmp_path, content):
    (tmp_path / 'k.pem').write_bytes(content)
    for path in (tmp_path / 'k.pem', tmp_path / 'none.pem', tmp_path):
        with pytest.raises(InputError) as caught:
            load_key(str(path))
        assert caught.value.code == 'key-unreadable' and '\n' not in caught.value.message.text


def test_the_public_key_does_not_sign(tmp_path):
    folder = signing.write_public(tmp_path)
    with pytest.raises(InputError) as caught:
        load_key(os.path.join(folder, 'test.pub'))
    assert caught.value.code == 'key-unreadable'


def test_signing_again_changes_nothing(tmp_path):
    folder = bundles.write(tmp_path / 'b')
    name, changed = sign_bundle(folder, signing.SIGNER)
    before = signature_of(folder), os.stat(os.path.join(folder, 'signature.json')).st_ino
    assert changed and sign_bundle(folder, signing.SIGNER) == (name, False)
    assert (signature_of(folder), os.stat(os.path.join(folder, 'signature.json')).st_ino) == before


@pytest.mark.parametrize('spoil', [b'rubbish', None])
def test_another_signature_is_replaced(tmp_path, spoil):
    folder = signing.sign(bundles.write(tmp_path / 'b'), signing.STRANGER)
    if spoil:
        (tmp_path / 'b' / 'signature.json').write_bytes(spoil)
    assert sign_bundle(folder, signing.SIGNER)[1]
    assert open_bundle(folder, trust=signing.TRUST).signed_by


def test_a_linked_signature_is_replaced_and_not_followed(tmp_path):
    folder = bundles.write(tmp_path / 'b')
    (tmp_path / 'mine.txt').write_text('keep')
    os.symlink(str(tmp_path / 'mine.txt'), os.path.join(folder, 'signature.json'))
    assert sign_bundle(folder, signing.SIGNER)[1]
    assert (tmp_path / 'mine.txt').read_text() == 'keep' and open_bundle(folder, trust=signing.TRUST)


def test_an_incomplete_bundle_is_not_signed(tmp_path):
    folder = bundles.write(tmp_path / 'b')
    with open(os.path.join(folder, 'model.onnx'), 'ab') as stream:
        stream.write(b'\0')
    with pytest.raises(BundleError) as caught:
        sign_bundle(folder, signing.SIGNER)
    assert caught.value.code == 'bundle-hash' and 'signature.json' not in os.listdir(folder)


def test_a_manifest_that_changes_meanwhile_is_not_signed(tmp_path, monkeypatch):
    from service.bundle import signing as module
    folder = bundles.write(tmp_path / 'b')
    monkeypatch.setattr(module, 'read_manifest_bytes', lambda folder: b'{}')
    with pytest.raises(BundleError) as caught:
        sign_bundle(folder, signing.SIGNER)
    assert caught.value.code == 'bundle-changed' and 'signature.json' not in os.listdir(folder)
