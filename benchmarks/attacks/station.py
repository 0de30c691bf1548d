"""The station under attack: ``thermoscreen serve`` in a process of its own, on loopback, with the simulated camera."""
import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import time
from typing import Iterator, List, Sequence, Tuple

_START_LIMIT_S = 60.0

#: An answer that takes longer counts as one that never came.
GIVEN_UP_S = 10.0


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[int]:
    """A station whose live picture runs; gives its port.

    Args:
        arguments: further options of ``thermoscreen serve``.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, '-m', 'service', 'serve', '--camera', 'sim:1', '--threads', '1',
                                '--port', str(port)] + list(arguments), stdout=subprocess.DEVNULL)
    try:
        started_s = time.monotonic()
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(port, '/readiness')[0] == 200:
                    break
            if process.poll() is not None or time.monotonic() - started_s > _START_LIMIT_S:
                raise SystemExit('The station does not start.')
            time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GIVEN_UP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def ask(port: int, path: str) -> Tuple[int, float]:
    """Status of a GET on a new connection, and the seconds until its whole answer was there.

    Raises:
        OSError, http.client.HTTPException: there was none.
    """
    began_s = time.monotonic()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=GIVEN_UP_S)
    try:
        connection.request('GET', path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - began_s
    finally:
        connection.close()


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in plain text, the first column to the left and the others to the right."""
    texts: List[List[str]] = [[str(cell) for cell in row] for row in [heads] + list(rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(heads))]
    return '\n'.join('  '.join(cell.rjust(width) if column else cell.ljust(width)
                               for column, (cell, width) in enumerate(zip(row, widths))) for row in texts)
