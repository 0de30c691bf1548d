"""110 slow connections and viewers that never read, all at once: how long an honest visitor waits.

The slow ones send a header or a body byte by byte, say nothing at all, or keep a connection open after an answer. As
many viewers as the station allows watch pictures, as many watch values, and none of them reads. Meanwhile a visitor
asks for the page, the health, the first picture and the first values again and again, each time on a new connection.
The exit code is 1 if one of them takes longer than a second or is refused.

    python -m benchmarks.attacks.connections [--slow 110] [--viewers 20] [--seconds 20]
"""
import contextlib
import http.client
import os
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Tuple

import click

from .station import GIVEN_UP_S, ask, served, table

#: Longest wait of the visitor.
BAR_S = 1.0

#: The slow ones send one byte this often.
DRIP_S = 0.5

_GET = 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n'


@click.command()
@click.option('--slow', default=110, help='Slow connections.')
@click.option('--viewers', default=20, help='Viewers of each stream that never read.')
@click.option('--seconds', default=20, help='How long the attack lasts.')
def main(slow: int, viewers: int, seconds: int) -> None:
    """Print how long the page, the health and the first picture took before and during the attack."""
    with served() as port:
        quiet = _visits(port, 3.0)
        attackers = _Attackers(port, slow, viewers)
        try:
            attacked = _visits(port, float(seconds))
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


def _visits(port: int, seconds: float) -> Dict[str, Tuple[List[float], int]]:
    """Seconds of every answer by what was asked for, and how many never came or were refused."""
    asks: Dict[str, Callable[[], Tuple[int, float]]] = {
        'the page': lambda: ask(port, '/'), 'the health': lambda: ask(port, '/healthz'),
        'the picture': lambda: _first_picture(port), 'the values': lambda: _first_event(port)}
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


def _first_picture(port: int) -> Tuple[int, float]:
    return _until(port, '/live.mjpg', b'\xff\xd9')


def _first_event(port: int) -> Tuple[int, float]:
    return _until(port, '/live/events', b'event: values')


def _until(port: int, path: str, sign: bytes) -> Tuple[int, float]:
    """Status of a stream, and the seconds until something was seen in it."""
    began_s = time.monotonic()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=GIVEN_UP_S)
    try:
        connection.request('GET', path)
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

    def __init__(self, port: int, slow: int, viewers: int) -> None:
        self._port = port
        self._stopped = threading.Event()
        kinds = (self._header, self._body, self._silence, self._kept)
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
                elif number % 4 >= 2:  # the silent ones learn only by reading that they were closed
                    connection.recv(1, socket.MSG_PEEK)
            except (BlockingIOError, socket.timeout):
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


if __name__ == '__main__':
    main()
