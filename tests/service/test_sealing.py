"""What is sealed opens again, under its name and with its key, and not after any change."""
import hashlib
import struct
import sys
from types import SimpleNamespace

import pytest

from service.sealing import MAGIC, PlainSealer, Sealer, SealError

KEY = bytes(range(32))
NAME = 'e3f1/0003.tscap'
MIB = 1 << 20
HEADER = 8 + 8 + 40 + 7

#: Sealed by this module when its version 1 was made; what was sealed once must open forever.
KEPT = ('54535345414c0001'
        '24e73e836a446b8602cfb9794d7475538709aa898ae48af95b4bc4cee1b187874256e552005a614529a292151b'
        'a4b22720212223242526c4147597baf06aa58559a31318ddff361929ed0258901d9e315d96cfbec44b36cd')
KEPT_TEXT = 'seal1.AAECAwQFBgcICQoLUGXjsq127fejSJMm_JKiL7A4wmybVmwNLQ=='


@pytest.fixture
def sealer():
    return Sealer(KEY)


def counting():
    """Random bytes for known answers: 00 01 02 ..."""
    state = SimpleNamespace(next=0)

    def random(count):
        state.next += count
        return bytes(number % 256 for number in range(state.next - count, state.next))
    return random


def chunks(sealed):
    return sealed[:HEADER], [sealed[first:first + MIB + 16] for first in range(HEADER, len(sealed), MIB + 16)]


def code(call, *words):
    with pytest.raises(SealError) as caught:
        call(*words)
    return caught.value.code


@pytest.mark.parametrize('size', [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 100])
def test_what_is_sealed_opens(sealer, size):
    data = (b'0123456789abcdef' * (size // 16 + 1))[:size]
    sealed = sealer.seal(data, NAME)
    assert sealer.open(sealed, NAME) == data
    assert len(chunks(sealed)[1]) == max(1, -(-size // MIB))
    assert len(sealed) == HEADER + size + 16 * len(chunks(sealed)[1])
    assert size < 16 or data[:16] not in sealed


def test_the_same_bytes_are_never_sealed_alike(sealer):
    assert sealer.seal(b'x', NAME) != sealer.seal(b'x', NAME)
    assert sealer.seal_text('x', NAME) != sealer.seal_text('x', NAME)


def test_known_answers():
    assert Sealer(KEY, counting()).seal(b'counts of a frame', NAME).hex() == KEPT
    assert Sealer(KEY, counting()).seal_text('Åsa Lind', 'e3f1/patient_name') == KEPT_TEXT
    assert Sealer(KEY).open(bytes.fromhex(KEPT), NAME) == b'counts of a frame'
    assert Sealer(KEY).open_text(KEPT_TEXT, 'e3f1/patient_name') == 'Åsa Lind'


def test_the_format_is_as_described(sealer):
    """A second reader, written from the description alone."""
    # After the sealer has imported the library, which warns about Python 3.6.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    data = bytes(2 * MIB + 5)
    sealed = sealer.seal(data, NAME)
    magic, key_id, wrapped, start = struct.unpack_from('8s8s40s7s', sealed)
    wrapping = HKDF(hashes.SHA256(), 32, None, b'thermoscreen file keys').derive(KEY)
    cipher = AESGCM(aes_key_unwrap(wrapping, wrapped))
    head, parts = chunks(sealed)
    opened = [cipher.decrypt(start + struct.pack('>IB', number, number == len(parts) - 1), part, head + NAME.encode())
              for number, part in enumerate(parts)]
    assert b''.join(opened) == data and magic == MAGIC and key_id.hex() == sealer.key_id


def test_every_flipped_byte_is_noticed(sealer):
    sealed = sealer.seal(b'counts', NAME)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert code(sealer.open, bytes(changed), NAME) == ('seal-key' if 8 <= place < 16 else 'seal-broken')


def test_every_cut_is_noticed(sealer):
    sealed = sealer.seal(b'counts', NAME)
    for length in range(len(sealed)):
        assert code(sealer.open, sealed[:length], NAME) == 'seal-broken'
    assert code(sealer.open, sealed + b'\0', NAME) == 'seal-broken'


def test_chunks_that_moved_are_noticed(sealer):
    head, (one, two, last) = chunks(sealer.seal(bytes(2 * MIB + 100), NAME))
    other = chunks(sealer.seal(bytes(2 * MIB + 100), NAME))
    for parts in ([two, one, last], [one, two], [one, last], [one], [two, last], [one, one, two, last],
                  [one, two, last, last], [one, two, last[:-1]], [one, other[1][1], last], [last],
                  [one, two, other[1][2]]):
        assert code(sealer.open, head + b''.join(parts), NAME) == 'seal-broken'
    assert code(sealer.open, other[0] + one + two + last, NAME) == 'seal-broken'
    assert sealer.open(head + one + two + last, NAME) == bytes(2 * MIB + 100)


def test_a_file_of_whole_chunks_cannot_be_cut_between_them(sealer):
    head, parts = chunks(sealer.seal(bytes(2 * MIB), NAME))
    assert len(parts) == 2 and code(sealer.open, head + parts[0], NAME) == 'seal-broken'


def test_the_name_belongs_to_it(sealer):
    assert code(sealer.open, sealer.seal(b'x', NAME), 'e3f1/0004.tscap') == 'seal-broken'
    assert code(sealer.open_text, sealer.seal_text('x', 'a/name'), 'b/name') == 'seal-broken'


def test_another_key_is_named(sealer):
    other = Sealer(bytes(32))
    assert code(other.open, sealer.seal(b'x', NAME), NAME) == 'seal-key'
    assert code(other.open_text, sealer.seal_text('x', NAME), NAME) == 'seal-broken'
    assert other.token('x') != sealer.token('x') and other.key_id != sealer.key_id


@pytest.mark.parametrize('size', [0, 31, 33])
def test_a_key_of_another_length_is_refused(size):
    with pytest.raises(ValueError):
        Sealer(bytes(size))


@pytest.mark.parametrize('text', ['', 'Ann', 'Ærøskøbing', '山田 花子', '<b>', "'; DROP TABLE exams; --", 'a\0b'])
def test_texts_open_and_are_ascii(sealer, text):
    sealed = sealer.seal_text(text, NAME)
    assert sealer.open_text(sealed, NAME) == text
    sealed.encode('ascii')
    assert not text or text not in sealed


def test_a_changed_text_is_noticed(sealer):
    sealed = sealer.seal_text('Ann', NAME)
    for changed in ('', 'Ann', 'seal1.', sealed[:-4], sealed[:20], sealed + 'AAAA', sealed[:30] + 'é' + sealed[31:],
                    sealed[:10] + ('A' if sealed[10] != 'A' else 'B') + sealed[11:]):
        assert code(sealer.open_text, changed, NAME) == 'seal-broken'


def test_tokens_find_a_text_however_it_is_typed(sealer):
    for one in (sealer, PlainSealer()):
        assert one.token(' Ann  LIND ') == one.token('ann lind') == one.token('Ａnn Lind') != one.token('ann lynd')
    assert sealer.token('Ann') not in (hashlib.sha256(b'ann').hexdigest()[:32], 'ann')
    assert len(sealer.token('')) == 32


def test_the_plain_one_leaves_everything_as_it_is(sealer):
    plain = PlainSealer()
    assert not plain.encrypts and sealer.encrypts
    assert plain.seal(b'x', NAME) == plain.open(b'x', 'other') == b'x'
    assert plain.seal_text('x', NAME) == plain.open_text('x', 'other') == 'x'


def test_an_absent_library_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, 'cryptography.hazmat.primitives.keywrap', None)
    assert code(Sealer, KEY) == 'seal-library'


def test_an_error_names_the_file_and_not_the_key(sealer):
    with pytest.raises(SealError) as caught:
        sealer.open(b'nothing', NAME)
    assert NAME in str(caught.value) and KEY.hex() not in caught.value.detail
    assert caught.value.exit_code == 6 and caught.value.http_status == 500
