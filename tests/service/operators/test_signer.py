"""The signer answers one request on a socket, keeps its key to itself, and says what keeps it from signing."""
import os
import socket
import stat
import threading

import pytest

from service.messages import StorageError
from service.operators import Audit, Signer, SocketSigner, serve_signer, verify
from service.operators.signer import signed_by

KEY = b'k' * 32


@pytest.fixture
def signer(tmp_path, time):
    return Signer(str(tmp_path / 'signer'), str(tmp_path / 'audit'), time.clock())


@pytest.fixture
def served(tmp_path, signer):
    """Serve so many connections; the path of the socket."""
    path, threads = str(tmp_path / 'socket'), []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(5)

        def serve(count, by=signer):
            threads.append(threading.Thread(target=serve_signer, args=(by, listening, count)))
            threads[-1].start()
            return path
        yield serve
        for thread in threads:
            thread.join()


def test_a_checkpoint_comes_through_the_socket(tmp_path, time, signer, served):
    with Audit(str(tmp_path / 'audit'), time.clock(), SocketSigner(served(1)), KEY) as audit:
        assert audit.checkpoint().count == 1
        assert verify(audit.folder, {}, signer.public_key).confirmed == 1


def test_what_keeps_it_from_signing_comes_through_too(tmp_path, time, signer, served):
    with Audit(str(tmp_path / 'audit'), time.clock(), signer, KEY) as audit:
        audit.checkpoint()
    os.truncate(str(tmp_path / 'audit' / '00000001.jsonl'), 0)
    with pytest.raises(StorageError) as caught:
        SocketSigner(served(1)).checkpoint()
    assert caught.value.code == 'audit-broken' and caught.value.message.next_step


@pytest.mark.parametrize('request_bytes', [b'', b'sign this\n', b'x' * 9000, b'check', b'\n'])
def test_nothing_else_is_answered(served, request_bytes):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(served(1))
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        try:
            assert client.recv(10) == b''
        except ConnectionResetError:
            pass  # it closed before it had read everything


def test_an_absent_or_silent_signer_is_told(tmp_path, served):
    with pytest.raises(StorageError) as caught:
        SocketSigner(str(tmp_path / 'none')).checkpoint()
    assert caught.value.code == 'audit-signer'

    class Broken:
        def checkpoint(self):
            raise ValueError('a fault')
    with pytest.raises(StorageError) as caught:
        SocketSigner(served(1, Broken())).checkpoint()
    assert caught.value.code == 'audit-signer'


def test_the_key_is_its_own_and_stays(tmp_path, time, signer):
    path = tmp_path / 'signer' / 'audit.key'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer(str(tmp_path / 'signer'), str(tmp_path / 'audit'), time.clock()).public_key == signer.public_key
    assert (tmp_path / 'signer' / 'audit.pub').read_text() == signer.public_key.hex() + '\n'
    path.write_bytes(b'short')
    with pytest.raises(StorageError) as caught:
        Signer(str(tmp_path / 'signer'), str(tmp_path / 'audit'), time.clock())
    assert caught.value.code == 'audit-key'


def test_what_it_signed_last_is_not_guessed(tmp_path, time, signer):
    with Audit(str(tmp_path / 'audit'), time.clock(), signer, KEY) as audit:
        audit.checkpoint()
        for junk in (b'', b'{}\n', b'\xff'):
            (tmp_path / 'signer' / 'signed.json').write_bytes(junk)
            with pytest.raises(StorageError) as caught:
                audit.checkpoint()
            assert caught.value.code == 'audit-signer'


def test_a_signature_is_of_one_key_and_one_content(signer):
    checkpoint = signer.checkpoint()
    assert signed_by(checkpoint, signer.public_key)
    assert not signed_by(dict(checkpoint, count=7), signer.public_key)
    assert not signed_by(checkpoint, b'\x07' * 32)
    assert not signed_by(dict(checkpoint, signature=5), signer.public_key)
    assert not signed_by({}, signer.public_key)
