"""110 slow connections and viewers that never read, all at once: how long an honest visitor waits.

The slow ones send a header or a body byte by byte, say nothing at all, or keep a connection open after an answer. As
many viewers as the station allows watch pictures, as many watch values, and none of them reads. Meanwhile a visitor
asks for the page, the health, the first picture and the first values again and again, each time on a new connection.
The exit code is 1 if one of them takes longer than a second or is refused.

With --tls the station is opened to other machines, and one of them, 127.0.0.2, attacks: connections that never begin a
handshake, that drip one, and such as above inside TLS. The visitors are the kiosk, where somebody has logged in, and
another machine, 127.0.0.3, which asks for the login.

    python -m benchmarks.attacks.connections [--slow 110] [--viewers 20] [--seconds 20] [--tls]
"""
import contextlib
import functools
import http.client
import os
import socket
import ssl
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

import click

from .station import GIVEN_UP_S, STATION_NAME, ask, opened, served, table

#: Longest wait of the visitor.
BAR_S = 1.0

#: The slow ones send one byte this often.
DRIP_S = 0.5

_GET = 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n'


@click.command()
@click.option('--slow', default=110, help='Slow connections.')
@click.option('--viewers', default=20, help='Viewers of each stream that never read.')
@click.option('--seconds', default=20, help='How long the attack lasts.')
@click.option('--tls', is_flag=True, help='From another machine, over TLS.')
def main(slow: int, viewers: int, seconds: int, tls: bool) -> None:
    """Print how long the page, the health and the first picture took before and during the attack."""
    with contextlib.ExitStack() as running:
        if tls:
            port, other, context, cookie = running.enter_context(opened())
            asks = dict(_asks(port, cookie), **{'the login, elsewhere': lambda: _login(other, context)})
            attack: Callable[[], _Attackers] = functools.partial(_TlsAttackers, other, slow, context)
            viewers = 0
        else:
            port = running.enter_context(served())
            asks, attack = _asks(port, ''), functools.partial(_Attackers, port, slow, viewers)
        quiet = _visits(asks, 3.0)
        attackers = attack()
        try:
            attacked = _visits(asks, float(seconds))
        finally:
            attackers.stop()
    print('%d slow connections, %d viewers of each stream that never read, %d s; at most %.0f ms. Load %.1f, %d cores.'
          % (slow, viewers, seconds, 1e3 * BAR_S, os.getloadavg()[0], os.cpu_count() or 0))
    rows: List[Tuple[object, ...]] = []
    well = True
    for name in attacked:
        taken, failed = attacked[name]
        rows.append((name, '%.0f' % (1e3 * max(quiet[name][0], default=GIVEN_UP_S)), len(taken) + failed, failed,
                     '%.0f' % (1e3 * sorted(taken)[len(taken) // 2]) if taken else '-',
                     '%.0f' % (1e3 * max(taken)) if taken else '-'))
        well &= not failed and bool(taken) and max(taken) < BAR_S
    print(table(('asked for', 'quiet, longest ms', 'asked', 'failed', 'median ms', 'longest ms'), rows))
    sys.exit(0 if well else 1)


def _asks(port: int, cookie: str) -> Dict[str, Callable[[], Tuple[int, float]]]:
    return {'the page': lambda: ask(port, '/', cookie), 'the health': lambda: ask(port, '/healthz'),
            'the picture': lambda: _until(port, '/live.mjpg', b'\xff\xd9', cookie),
            'the values': lambda: _until(port, '/live/events', b'event: values', cookie)}


def _visits(asks: Dict[str, Callable[[], Tuple[int, float]]], seconds: float) -> Dict[str, Tuple[List[float], int]]:
    """Seconds of every answer by what was asked for, and how many never came or were refused."""
    found: Dict[str, Tuple[List[float], int]] = {}

    def visit(name: str) -> None:
        taken: List[float] = []
        failed = 0
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            try:
                status, took_s = asks[name]()
            except (OSError, http.client.HTTPException):
                status, took_s = 0, 0.0
            if status == 200:
                taken.append(took_s)
            else:
                failed += 1
            time.sleep(0.1)
        found[name] = taken, failed

    threads = [threading.Thread(target=visit, args=(name,)) for name in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: found[name] for name in asks}


def _login(port: int, context: ssl.SSLContext) -> Tuple[int, float]:
    """As `ask`, for the page of the login, from another machine."""
    began_s = time.monotonic()
    with contextlib.closing(_secured(port, '127.0.0.3', context)) as wire:
        wire.sendall(('GET /login HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n'
                      % (STATION_NAME, port)).encode('ascii'))
        received = part = wire.recv(65536)
        while part:
            part = wire.recv(65536)
            received += part
    return int(received.split(b' ', 2)[1]) if received else 0, time.monotonic() - began_s


def _secured(port: int, source: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    wire = socket.create_connection(('127.0.0.1', port), GIVEN_UP_S, (source, 0))
    try:
        return context.wrap_socket(wire, server_hostname=STATION_NAME)
    except OSError:
        wire.close()
        raise


def _until(port: int, path: str, sign: bytes, cookie: str) -> Tuple[int, float]:
    """Status of a stream, and the seconds until something was seen in it."""
    began_s = time.monotonic()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=GIVEN_UP_S)
    try:
        connection.request('GET', path, headers={'Cookie': cookie} if cookie else {})
        answer: Any = connection.getresponse()
        seen = b''
        while answer.status == 200 and sign not in seen:
            part = answer.read1(65536)
            if not part:
                return 0, 0.0
            seen += part
        return answer.status, time.monotonic() - began_s
    finally:
        connection.close()


class _Attackers:
    """All of them, each of which comes back when its connection was closed."""

    #: A connection of TLS cannot be looked at without being read.
    peeks = True

    def __init__(self, port: int, slow: int, viewers: int) -> None:
        self._port = port
        self._stopped = threading.Event()
        kinds = self._kinds()
        self._open: Dict[int, Tuple[socket.socket, bytes]] = {}
        self._makers: Dict[int, Callable[[], Tuple[socket.socket, bytes]]] = {
            number: kinds[number % len(kinds)] for number in range(slow)}
        for number in range(viewers):
            self._makers[slow + 2 * number] = lambda: self._viewer('/live.mjpg')
            self._makers[slow + 2 * number + 1] = lambda: self._viewer('/live/events')
        self._drip()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close every connection."""
        self._stopped.set()
        self._thread.join()
        for connection, _ in self._open.values():
            connection.close()

    def _kinds(self) -> Sequence[Callable[[], Tuple[socket.socket, bytes]]]:
        return self._header, self._body, self._silence, self._kept

    def _run(self) -> None:
        while not self._stopped.wait(DRIP_S):
            self._drip()

    def _drip(self) -> None:
        for number, make in self._makers.items():
            try:
                if number not in self._open:
                    self._open[number] = make()
                connection, drop = self._open[number]
                if drop:
                    connection.send(drop)
                elif self.peeks and number % 4 >= 2:  # the silent ones learn only by reading that they were closed
                    connection.recv(1, socket.MSG_PEEK)
            except (BlockingIOError, ssl.SSLWantReadError, socket.timeout):
                pass
            except OSError:
                with contextlib.suppress(KeyError):
                    self._open.pop(number)[0].close()

    def _connect(self, text: str) -> socket.socket:
        connection = socket.create_connection(('127.0.0.1', self._port), 0.5)
        connection.sendall(text.encode('ascii'))
        connection.setblocking(False)
        return connection

    def _header(self) -> Tuple[socket.socket, bytes]:
        return self._connect(_GET % ('/', self._port) + 'X-Slow: '), b'x'

    def _body(self) -> Tuple[socket.socket, bytes]:
        return self._connect(_GET % ('/', self._port) + 'Content-Length: 60000\r\n\r\n'), b'x'

    def _silence(self) -> Tuple[socket.socket, bytes]:
        return self._connect(''), b''

    def _kept(self) -> Tuple[socket.socket, bytes]:
        return self._connect(_GET % ('/healthz', self._port) + '\r\n'), b''

    def _viewer(self, path: str) -> Tuple[socket.socket, bytes]:
        return self._connect(_GET % (path, self._port) + '\r\n'), b''


class _TlsAttackers(_Attackers):
    """Another machine, which has no cookie and so watches no stream."""

    peeks = False

    def __init__(self, port: int, slow: int, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(port, slow, 0)

    def _kinds(self) -> Sequence[Callable[[], Tuple[socket.socket, bytes]]]:
        return self._header, self._body, self._silence, self._handshake, self._kept

    def _connect(self, text: str) -> socket.socket:
        wire = _secured(self._port, '127.0.0.2', self._context)
        wire.sendall(text.replace('127.0.0.1', STATION_NAME).encode('ascii'))
        wire.setblocking(False)
        return wire

    def _silence(self) -> Tuple[socket.socket, bytes]:
        wire = socket.create_connection(('127.0.0.1', self._port), 0.5, ('127.0.0.2', 0))
        wire.setblocking(False)
        return wire, b''

    def _handshake(self) -> Tuple[socket.socket, bytes]:
        wire, _ = self._silence()
        wire.send(b'\x16\x03\x01\x02\x00\x01')  # a greeting of 512 bytes begins
        return wire, b'\x00'


if __name__ == '__main__':
    main()
