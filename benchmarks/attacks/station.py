"""The station under attack: ``thermoscreen serve`` in a process of its own, on loopback, with the simulated camera."""
import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from typing import Dict, Iterator, List, Sequence, Tuple

_START_LIMIT_S = 300.0

#: An answer that takes longer counts as one that never came.
GIVEN_UP_S = 10.0

#: Under which other machines know it, where it is opened to them.
STATION_NAME = 'thermo3.example.org'
_PIN = '274911'


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[int]:
    """A station whose live picture runs; gives its port.

    Args:
        arguments: further options of ``thermoscreen serve``.
    """
    with started(*arguments) as (port, _):
        yield port


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[Tuple[int, int]]:
    """As `served`; gives its port and the id of its process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, '-m', 'service'] + options(port, *arguments), stdout=subprocess.DEVNULL)
    try:
        started_s = time.monotonic()
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(port, '/readiness')[0] == 200:
                    break
            if process.poll() is not None or time.monotonic() - started_s > _START_LIMIT_S:
                raise SystemExit('The station does not start.')
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GIVEN_UP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    """A port of this machine at which nothing answers."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def options(port: int, *arguments: str) -> List[str]:
    """The command line of the station under attack, after the name of the program."""
    return ['serve', '--camera', 'sim:1', '--threads', '1', '--port', str(port)] + list(arguments)


@contextlib.contextmanager
def opened() -> Iterator[Tuple[int, int, ssl.SSLContext, str]]:
    """A station with operators that is opened to other machines.

    Yields:
        Its port on this machine, that for others, how a client of theirs checks its certificate, and the value of
        Cookie of somebody who is logged in on this machine.
    """
    from service.certificate import make_certificate, utc_now
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        other = int(probe.getsockname()[1])
        pair = os.path.join(folder, 'a.crt'), os.path.join(folder, 'a.key')
        make_certificate(pair[0], pair[1], [STATION_NAME], utc_now())
        with open(os.path.join(folder, 'settings.toml'), 'w') as stream:
            stream.write('[web]\nopen_at = "0.0.0.0:%d"\nstation_names = "%s"\ncertificate = "%s"\ncertificate_key = '
                         '"%s"\n[exams]\nexams_folder = "%s"\n' % ((other, STATION_NAME) + pair
                                                                    + (os.path.join(folder, 'exams'),)))
        probe.close()
        with served('--settings', os.path.join(folder, 'settings.toml')) as port:
            operator = Operator(port)
            if not operator.first('Ann Lind', _PIN):
                raise SystemExit('The first supervisor was not made.')
            yield port, other, ssl.create_default_context(cafile=pair[0]), operator.cookie


class Operator:
    """A browser at the station, and who is logged in with it.

    Attributes:
        cookie: what the station knows the browser by.
        csrf: what the newest page has in its forms.
        body: of the newest answer.
    """

    def __init__(self, port: int) -> None:
        self._port, self.cookie, self.csrf, self.body = port, '', '', b''

    def log_in(self, pin: str) -> bool:
        """Log in the only operator of the station; whether it did."""
        self.ask('GET', '/login')
        self.ask('POST', '/login', who=self._field('who'), pin=pin)
        return self.ask('GET', '/exams/new')[0] == 200  # a login makes the value of the forms anew

    def first(self, name: str, pin: str) -> bool:
        """Make the first supervisor, who is logged in then; whether there is one."""
        self.ask('GET', '/setup')
        return self.ask('POST', '/setup', name=name, pin=pin, again=pin)[0] == 200

    def ask(self, method: str, address: str, **form: str) -> Tuple[int, bytes]:
        """Status and body; what a page has in its forms is kept for the next one.

        Raises:
            OSError, http.client.HTTPException: there was no whole answer.
        """
        connection = http.client.HTTPConnection('127.0.0.1', self._port, timeout=3 * GIVEN_UP_S)
        with contextlib.closing(connection):
            body = urllib.parse.urlencode(dict(form, csrf=self.csrf)) if method == 'POST' else None
            connection.request(method, address, body, {
                'Content-Type': 'application/x-www-form-urlencoded', 'Cookie': self.cookie})
            answer = connection.getresponse()
            self.body = answer.read()
            self.cookie = (answer.getheader('Set-Cookie') or self.cookie).partition(';')[0]
        if b'name="csrf"' in self.body:
            self.csrf = self._field('csrf')
        return answer.status, self.body

    def _field(self, name: str) -> str:
        found = re.search('name="%s" (?:value|content)="([^"]+)"' % name, self.body.decode('utf-8'))
        return found.group(1) if found else ''


def ask(port: int, path: str, cookie: str = '') -> Tuple[int, float]:
    """Status of a GET on a new connection, and the seconds until its whole answer was there.

    Raises:
        OSError, http.client.HTTPException: there was none.
    """
    status, _, took_s = fetch(port, path, cookie=cookie)
    return status, took_s


def fetch(port: int, path: str, limit_s: float = GIVEN_UP_S, cookie: str = '') -> Tuple[int, bytes, float]:
    """As `ask`, with the body in between."""
    began_s = time.monotonic()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=limit_s)
    try:
        connection.request('GET', path, headers={'Cookie': cookie} if cookie else {})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, body, time.monotonic() - began_s
    finally:
        connection.close()


def ask_with_token(port: int, path: str, token: str) -> bytes:
    """What the API answers to a program, whatever its status; errors as of `ask`."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=3 * GIVEN_UP_S)
    with contextlib.closing(connection):
        connection.request('GET', path, headers={'Authorization': 'Bearer ' + token})
        return connection.getresponse().read()


class Watch:
    """Looks at the front page, ``/healthz`` and the live picture until it is told to stop.

    Attributes:
        longest_s: by what was looked at: the longest answer, or the longest time between two parts of the picture.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.longest_s: Dict[str, float] = {'/': 0.0, '/healthz': 0.0, 'live picture': 0.0}
        self._threads = [threading.Thread(target=self._ask, args=(path,), daemon=True) for path in ('/', '/healthz')]
        self._threads.append(threading.Thread(target=self._follow, daemon=True))

    def __enter__(self) -> 'Watch':
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * GIVEN_UP_S)

    def _ask(self, path: str) -> None:
        while not self._stop.wait(0.2):
            began_s = time.monotonic()
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(self._port, path)
            self._took(path, time.monotonic() - began_s)

    def _follow(self) -> None:
        while not self._stop.is_set():
            last_s = time.monotonic()
            try:
                connection = http.client.HTTPConnection('127.0.0.1', self._port, timeout=GIVEN_UP_S)
                connection.request('GET', '/live.mjpg')
                answer = connection.getresponse()
                while not self._stop.is_set() and answer.read(4096):
                    self._took('live picture', time.monotonic() - last_s)
                    last_s = time.monotonic()
            except (OSError, http.client.HTTPException):
                pass
            self._took('live picture', time.monotonic() - last_s)
            connection.close()

    def _took(self, what: str, took_s: float) -> None:
        self.longest_s[what] = max(self.longest_s[what], took_s)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in plain text, the first column to the left and the others to the right."""
    texts: List[List[str]] = [[str(cell) for cell in row] for row in [heads] + list(rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(heads))]
    return '\n'.join('  '.join(cell.rjust(width) if column else cell.ljust(width)
                               for column, (cell, width) in enumerate(zip(row, widths))) for row in texts)
