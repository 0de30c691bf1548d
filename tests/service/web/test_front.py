"""The TLS front, with real sockets: what other machines get, and what keeps nobody away."""
import contextlib
import datetime
import socket
import ssl
import threading

import pytest

from service.certificate import make_certificate
from service.messages import SettingsError
from service.web import front
from service.web.front import Opening
from service.web.server import Server

from ...fakes.ports import free_port
from .conftest import PATIENCE_S

NAME = 'thermo3.example.org'
LARGE = 400000


def answering(environ, start_response):
    """What the application sees of a request; on /large more than all buffers hold."""
    body = '%s %s %s' % (environ['wsgi.url_scheme'], environ['REMOTE_ADDR'], environ.get('thermoscreen.opened'))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [body.encode('ascii').ljust(LARGE if environ['PATH_INFO'] == '/large' else 0)]


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tls')
    paths = str(folder / 'a.crt'), str(folder / 'a.key')
    make_certificate(*paths, names=[NAME], now=datetime.datetime.now())
    return paths


@pytest.fixture
def opened(pair):
    """A server that is opened at a free port of loopback."""
    server = Server(answering, '127.0.0.1', free_port(), opening=Opening('127.0.0.1', 0, *pair))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server
    server.stop()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


@contextlib.contextmanager
def raw(server):
    """A connection without TLS."""
    with contextlib.closing(socket.create_connection(('127.0.0.1', server.front.port), PATIENCE_S)) as wire:
        yield wire


@contextlib.contextmanager
def secured(server, pair, context=None):
    """A connection whose other end proved to have the key."""
    context = context or ssl.create_default_context(cafile=pair[0])
    with raw(server) as wire, contextlib.closing(context.wrap_socket(wire, server_hostname=NAME)) as secure:
        yield secure


def asked(wire, path='/', close=True):
    """The whole answer to one request."""
    wire.sendall(('GET %s HTTP/1.1\r\nHost: a\r\nConnection: %s\r\n\r\n'
                  % (path, 'close' if close else 'keep-alive')).encode('ascii'))
    received = b''
    while True:
        part = wire.recv(65536)
        received += part
        head, _, body = received.partition(b'\r\n\r\n')
        if not part or not close and body and len(body) >= int(head.lower().split(b'content-length: ')[1].split()[0]):
            return received


def until(condition):
    """Wait for what another thread does."""
    event = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        if condition():
            return True
        event.wait(0.02)
    return False


def test_other_machines_are_answered_over_tls_with_their_own_address(opened, pair):
    with secured(opened, pair) as wire:
        assert wire.version() in ('TLSv1.2', 'TLSv1.3')
        assert asked(wire, close=False).endswith(b'https 127.0.0.1 True')
        large = asked(wire, '/large')
        assert len(large.partition(b'\r\n\r\n')[2]) == LARGE
    assert until(lambda: not opened.front._connections and not opened._channels())
    with contextlib.closing(socket.create_connection(opened._address, PATIENCE_S)) as wire:
        assert asked(wire).endswith(b'http 127.0.0.1 None')


@pytest.mark.parametrize('sent', [
    b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', b'\x16\x03\x01\xff\xff' + b'\xff' * 200, b'\x80'])
def test_nothing_but_tls_is_answered(opened, sent):
    with raw(opened) as wire:
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            received = wire.recv(65536)
            assert b'HTTP' not in received
    assert until(lambda: not opened.front._connections)


def test_old_ciphers_are_refused(opened, pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pair[0])
    if hasattr(ssl, 'TLSVersion'):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    else:
        context.options |= ssl.OP_NO_TLSv1_3
    context.set_ciphers('AES128-SHA')  # of TLS 1.0 to 1.2, and without forward secrecy
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with secured(opened, pair, context):
            pass


def test_a_handshake_that_does_not_come_is_ended(opened, pair, monkeypatch):
    monkeypatch.setattr(front, 'HANDSHAKE_S', 0.05)
    with raw(opened) as wire:
        assert wire.recv(1) == b''


def test_one_address_cannot_take_all_places(opened, pair, monkeypatch):
    """Of its connections the one that has been silent longest goes; an honest one from the same place is served."""
    monkeypatch.setattr(front, 'PER_ADDRESS', 4)
    with contextlib.ExitStack() as attack:
        first = attack.enter_context(raw(opened))
        for _ in range(3):
            attack.enter_context(raw(opened))
        assert until(lambda: len(opened.front._connections) == 4)
        with secured(opened, pair) as wire:
            assert b' 200 ' in asked(wire)
        assert first.recv(1) == b''
        for _ in range(20):
            attack.enter_context(raw(opened))
        assert until(lambda: len(opened.front._connections) <= 4)
        # The kiosk is not asked to share.
        with contextlib.closing(socket.create_connection(opened._address, PATIENCE_S)) as wire:
            assert b' 200 ' in asked(wire)


def test_the_busiest_address_makes_room(pair, monkeypatch):
    monkeypatch.setattr(front, 'IN_ALL', 4)
    made = front.Front(Opening('127.0.0.1', 0, *pair), lambda *_: None)
    made.close()
    ended = []

    class Task:
        def __init__(self, name):
            self.cancel = lambda: ended.append(name)

    for age, place in enumerate(['a', 'b', 'b', 'b']):
        connection = front._Connection(place, float(age))
        connection.task = Task('%s%d' % (place, age))
        made._connections[id(connection)] = connection
    newest = front._Connection('c', 9.0)
    made._connections[id(newest)] = newest
    made._make_room(newest)
    assert ended == ['b1'] and len(made._connections) == 4


@pytest.mark.parametrize('address, place', [
    ('10.1.2.3', '10.1.2.3'), ('::ffff:10.1.2.3', '10.1.2.3'), ('fd00:1:2:3:4::5', 'fd00:1:2:3::/64'),
    ('fe80::1%eth0', 'fe80::/64')])
def test_what_counts_as_one_client(address, place):
    assert front._place(address) == place


def test_a_new_certificate_counts_without_a_restart(opened, pair, monkeypatch):
    before = ssl.get_server_certificate(('127.0.0.1', opened.front.port))
    make_certificate(*pair, names=[NAME], now=datetime.datetime.now())
    monkeypatch.setattr(front, '_LOOK_EVERY_S', 0.0)
    assert until(lambda: ssl.get_server_certificate(('127.0.0.1', opened.front.port)) != before)


def test_a_port_in_use_is_one_sentence(pair):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        with pytest.raises(SettingsError) as raised:
            Server(answering, '127.0.0.1', free_port(), opening=Opening('127.0.0.1', taken.getsockname()[1], *pair))
    assert raised.value.code == 'port-unavailable' and 'open_at' in raised.value.message.next_step
