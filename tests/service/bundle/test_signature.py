"""A bundle that no trusted key has signed, or that was changed, is refused before anything in it is used."""
import json
import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import Trust, key_id, load, open_bundle, read_signature, signature
from service.messages import BundleError, SettingsError
from service.settings import SHIPPED_BUNDLE, Settings
from tests.fakes import bundles, signing, variants


def refusal(folder, trust=signing.TRUST):
    with pytest.raises(BundleError) as caught:
        open_bundle(str(folder), trust=trust)
    assert '\n' not in caught.value.message.text
    return caught.value.code


@pytest.fixture
def signed(tmp_path):
    return signing.sign(bundles.write(tmp_path / 'signed'))


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A signed bundle with every variant; tests that change a byte put it back."""
    return signing.sign(variants.write_variants(tmp_path_factory.mktemp('whole') / 'b'))


def flip(folder, name, position=0, change=1):
    path = os.path.join(folder, name)
    with open(path, 'rb') as stream:
        data = bytearray(stream.read())
    data[position] ^= change
    with open(path, 'wb') as stream:
        stream.write(data)


def test_a_signed_bundle_opens_and_names_its_key(signed):
    bundle = open_bundle(signed, trust=signing.TRUST)
    assert bundle.signed_by == key_id(signing.raw(signing.SIGNER))
    assert open_bundle(signed).signed_by is None


def test_the_shipped_bundle_is_signed_by_a_key_that_ships():
    bundle = open_bundle(SHIPPED_BUNDLE, trust=Trust.from_settings(Settings()))
    assert bundle.signed_by in {key_id(key) for key in Trust.from_settings(Settings()).keys}


def test_unsigned_is_refused_unless_allowed(tmp_path):
    folder = bundles.write(tmp_path / 'b')
    assert refusal(folder) == 'bundle-unsigned'
    assert open_bundle(folder, trust=signing.LENIENT).signed_by == ''


@pytest.mark.parametrize('trust', [signing.TRUST, signing.LENIENT])
def test_an_untrusted_signature_is_refused_even_where_none_is_required(tmp_path, trust):
    folder = signing.sign(bundles.write(tmp_path / 'b'), signing.STRANGER)
    assert refusal(folder, trust) == 'bundle-key'


@pytest.mark.parametrize('trust', [signing.TRUST, signing.LENIENT])
def test_an_untrusted_signature_under_a_trusted_name_is_refused(tmp_path, trust):
    folder = signing.sign_bytes(bundles.write(tmp_path / 'b'), signing.STRANGER, key_id(signing.raw(signing.SIGNER)))
    assert refusal(folder, trust) == 'bundle-signature'


def test_two_keys_of_which_one_signed(signed):
    both = Trust((signing.raw(signing.STRANGER), signing.raw(signing.SIGNER)))
    assert open_bundle(signed, trust=both).signed_by == key_id(signing.raw(signing.SIGNER))
    assert refusal(signed, Trust(())) == 'bundle-key'


def test_the_signature_of_another_bundle(tmp_path, signed):
    other = bundles.write(tmp_path / 'other', bundles.document(version='1.0.1'))
    shutil.copy(os.path.join(signed, 'signature.json'), other)
    assert refusal(other) == 'bundle-signature'


@pytest.mark.parametrize('name, code', [('manifest.json', 'bundle-signature'), ('model.onnx', 'bundle-hash'),
                                        ('golden.npz', 'bundle-hash')])
def test_a_flipped_bit(signed, name, code):
    flip(signed, name, 40)
    assert refusal(signed) == code


def test_a_flipped_bit_of_the_signature(signed):
    with open(os.path.join(signed, 'signature.json')) as stream:
        text = stream.read()
    flip(signed, 'signature.json', text.index(json.loads(text)['signature']))
    assert refusal(signed) in ('bundle-signature', 'signature-unreadable')


@settings(max_examples=100)
@given(st.data())
def test_no_byte_of_any_file_can_change(whole, data):
    name = data.draw(st.sampled_from(sorted(os.listdir(whole))))
    position = data.draw(st.integers(0, os.path.getsize(os.path.join(whole, name)) - 1))
    change = data.draw(st.integers(1, 255))
    flip(whole, name, position, change)
    try:
        refusal(whole, data.draw(st.sampled_from([signing.TRUST, signing.LENIENT])))
    finally:
        flip(whole, name, position, change)


def test_and_unchanged_it_opens(whole):
    assert open_bundle(whole, trust=signing.TRUST).signed_by


@settings(max_examples=60)
@given(st.data())
def test_no_file_can_end_early(whole, data):
    name = data.draw(st.sampled_from(sorted(os.listdir(whole))))
    path = os.path.join(whole, name)
    with open(path, 'rb') as stream:
        kept = stream.read()
    with open(path, 'wb') as stream:
        stream.write(kept[:data.draw(st.integers(0, len(kept) - 1))])
    try:
        refusal(whole)
    finally:
        with open(path, 'wb') as stream:
            stream.write(kept)


def test_a_linked_signature(tmp_path, signed):
    shutil.move(os.path.join(signed, 'signature.json'), str(tmp_path / 'elsewhere.json'))
    os.symlink(str(tmp_path / 'elsewhere.json'), os.path.join(signed, 'signature.json'))
    for trust in (signing.TRUST, signing.LENIENT):
        assert refusal(signed, trust) == 'signature-unreadable'
    os.unlink(str(tmp_path / 'elsewhere.json'))
    assert refusal(signed, signing.LENIENT) == 'signature-unreadable'


@pytest.mark.parametrize('name', ['manifest.json', 'model.onnx', 'signature.json'])
def test_a_pipe_is_not_waited_for(signed, name):
    os.unlink(os.path.join(signed, name))
    os.mkfifo(os.path.join(signed, name))
    assert refusal(signed) in ('bundle-file-link', 'signature-unreadable')


def text_of(**changes):
    document = {'schema': 1, 'algorithm': 'ed25519', 'key': 'a' * 16, 'signature': 'A' * 86 + '=='}
    document.update(changes)
    return json.dumps({key: value for key, value in document.items() if value is not None}, indent=1,
                      sort_keys=True) + '\n'


def test_the_text_that_the_next_test_spoils_is_a_signature(signed):
    with open(os.path.join(signed, 'signature.json'), 'w') as stream:
        stream.write(text_of())
    assert read_signature(signed) == signature.Signature('a' * 16, bytes(64))


@pytest.mark.parametrize('text', [
    '', '{', '[]', 'null', '[' * 4000, 'A' * 5000, '\xff', text_of(schema=2), text_of(schema='1'),
    text_of(algorithm='none'), text_of(algorithm=None), text_of(key='A' * 16), text_of(key='a' * 15), text_of(key=1),
    text_of(key='a' * 16 + '\n'), text_of(signature='A' * 84), text_of(signature='A' * 85 + 'B=='),
    text_of(signature=None), text_of(signature=1), text_of(more=1), text_of() + ' ', text_of().replace('\n', '\r\n'),
])
def test_an_invalid_signature(signed, text):
    with open(os.path.join(signed, 'signature.json'), 'wb') as stream:
        stream.write(text.encode('latin-1'))
    for trust in (signing.TRUST, signing.LENIENT):
        assert refusal(signed, trust) == 'signature-unreadable'


def test_nothing_is_parsed_before_the_signature_is_right(tmp_path, monkeypatch):
    monkeypatch.setattr(load, 'check_manifest', lambda data, folder: pytest.fail('the manifest was parsed'))
    folder = bundles.write(tmp_path / 'b')
    assert refusal(folder) == 'bundle-unsigned'
    assert refusal(signing.sign_bytes(folder, signing.STRANGER)) == 'bundle-key'


def test_what_is_verified_is_what_is_parsed(signed, monkeypatch):
    """The manifest is read once; a later version of the file is ignored."""
    verified, seen = [], []
    check, parse = Trust.check, load.check_manifest
    monkeypatch.setattr(Trust, 'check', lambda self, folder, data: verified.append(data) or check(self, folder, data))
    monkeypatch.setattr(load, 'check_manifest', lambda data, folder: seen.append(data) or parse(data, folder))
    open_bundle(signed, trust=signing.TRUST)
    assert len(verified) == len(seen) == 1 and verified[0] is seen[0]


def test_a_bundle_that_is_signed_and_wrong_is_still_refused(tmp_path):
    folder = bundles.write(tmp_path / 'b', bundles.document(regions={'names': [], 'sides': 'image'}))
    assert refusal(signing.sign_bytes(folder)) == 'manifest-invalid'
    folder = bundles.write(tmp_path / 'c', bundles.document(deployment={'refused': 'A reason'}))
    assert refusal(signing.sign(folder)) == 'bundle-not-for-deployment'


def test_keys_come_from_the_program_and_from_the_settings(tmp_path, signed):
    shipped = Trust.from_settings(Settings())
    assert len(shipped.keys) >= 1 and not shipped.allow_unsigned
    assert refusal(signed, shipped) == 'bundle-key'
    folder = signing.write_public(tmp_path / 'keys')
    (tmp_path / 'keys' / 'README').write_text('not a key')
    trust = Trust.from_settings(Settings(trusted_keys=folder, allow_unsigned=True))
    assert trust.keys == shipped.keys + (signing.raw(signing.SIGNER),) and trust.allow_unsigned
    assert open_bundle(signed, trust=trust).signed_by


def test_a_folder_of_keys_that_holds_none(tmp_path):
    for folder in (tmp_path, tmp_path / 'nowhere'):
        with pytest.raises(SettingsError) as caught:
            Trust.from_settings(Settings(trusted_keys=str(folder)))
        assert caught.value.code == 'trusted-keys'


@pytest.mark.parametrize('content', [b'', b'-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n', None])
def test_an_invalid_key_is_named(tmp_path, content):
    if content is None:
        signing.write_private(tmp_path / 'bad.pub')
    else:
        (tmp_path / 'bad.pub').write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        Trust.from_settings(Settings(trusted_keys=str(tmp_path)))
    assert caught.value.code == 'trusted-key-unreadable' and 'bad.pub' in caught.value.message.text


def test_without_its_library_a_signature_is_not_accepted(signed, monkeypatch):
    def lacking():
        raise BundleError('signature-library', 'It is not installed.')

    monkeypatch.setattr(signature, 'library', lacking)
    for trust in (signing.TRUST, signing.LENIENT):
        assert refusal(signed, trust) == 'signature-library'


def test_a_revoked_key_opens_nothing_even_where_it_is_trusted(tmp_path, signed):
    keys, name = signing.write_public(tmp_path / 'keys'), key_id(signing.raw(signing.SIGNER))
    assert open_bundle(signed, trust=Trust.from_settings(Settings(trusted_keys=keys))).signed_by == name
    (tmp_path / 'keys' / 'revoked.txt').write_text('# lost in March\n\n%s  # release.pem\n' % name)
    for allow_unsigned in (False, True):
        assert refusal(signed, Trust.from_settings(Settings(trusted_keys=keys, allow_unsigned=allow_unsigned))) == (
            'bundle-key-revoked')


def test_a_list_of_revoked_keys_alone_is_enough_and_reaches_the_shipped_ones(tmp_path):
    name = open_bundle(SHIPPED_BUNDLE, trust=Trust.from_settings(Settings())).signed_by
    (tmp_path / 'revoked.txt').write_text(name)
    assert refusal(SHIPPED_BUNDLE, Trust.from_settings(Settings(trusted_keys=str(tmp_path)))) == 'bundle-key-revoked'


@pytest.mark.parametrize('text', ['release.pem', '0123456789ABCDEF', '0123456789abcdef0', '\xff'])
def test_a_list_that_revokes_nothing_it_names_is_a_mistake(tmp_path, text):
    (tmp_path / 'revoked.txt').write_bytes(text.encode('latin-1'))
    with pytest.raises(SettingsError) as caught:
        Trust.from_settings(Settings(trusted_keys=str(tmp_path)))
    assert caught.value.code == 'trusted-key-unreadable'


def with_head(folder, head):
    """A folder of one key with lines above it."""
    folder = signing.write_public(folder)
    path = os.path.join(folder, 'test.pub')
    with open(path, 'rb') as stream:
        key = stream.read()
    with open(path, 'wb') as stream:
        stream.write(head.encode() + key)
    return folder


def test_a_last_day_above_a_key(tmp_path):
    name = key_id(signing.raw(signing.SIGNER))
    keys = with_head(tmp_path / 'keys', 'The key of 2026\nnot-after: 2028-12-31\nNot-After: 2029-01-01\n')
    trust = Trust.from_settings(Settings(trusted_keys=keys))
    assert trust.not_after == {name: '2028-12-31'}
    trust.check_date(name, '2028-12-31', 'history')
    trust.check_date('another', '2999-12-31', 'history')
    with pytest.raises(BundleError) as caught:
        trust.check_date(name, '2029-01-01', 'history')
    assert caught.value.code == 'bundle-key-expired' and 'remove history' in caught.value.message.next_step


@pytest.mark.parametrize('day', ['', 'soon', '2028-02-30', '2028-1-1', '31.12.2028'])
def test_a_last_day_that_is_none_is_a_mistake(tmp_path, day):
    with pytest.raises(SettingsError) as caught:
        Trust.from_settings(Settings(trusted_keys=with_head(tmp_path / 'keys', 'Not-After: %s\n' % day)))
    assert caught.value.code == 'trusted-key-unreadable'
