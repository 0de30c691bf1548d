"""systemd's side of the service: sd_notify(3) messages, the watchdog's ping, and more time to start."""
import logging
import os
import socket
import threading
from typing import Callable, Mapping, Optional

from .heartbeats import Heartbeats
from .threads import LastingThread

_log = logging.getLogger(__name__)

#: Longest wait for a supervisor that does not read its messages.
_SEND_TIMEOUT_S = 1.0


class Notifier:
    """Sends to the socket of ``$NOTIFY_SOCKET``. May be used by any thread of the main process.

    Nothing raises: the service goes on when its supervisor does not listen.

    Args:
        address: path of a datagram socket, or ``@`` and the name of an abstract one; ``''`` for none.
    """

    def __init__(self, address: str = '') -> None:
        self._address = '\0' + address[1:] if address.startswith('@') else address
        self._failed = False
        self._last_status: Optional[str] = None

    @classmethod
    def from_environment(cls, environ: Optional[Mapping[str, str]] = None) -> 'Notifier':
        """The notifier of ``$NOTIFY_SOCKET``; a silent one where that is absent or no Unix socket."""
        address = (os.environ if environ is None else environ).get('NOTIFY_SOCKET', '')
        return cls(address if address.startswith(('/', '@')) else '')

    @property
    def supervised(self) -> bool:
        """Whether there is a supervisor that listens."""
        return bool(self._address)

    def ready(self, status: str) -> bool:
        """The service works from now on; the watchdog counts from here."""
        self._last_status = status
        return self._send('READY=1', 'STATUS=' + _line(status))

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; sent when it has changed."""
        if text != self._last_status:
            self._last_status = text
            self._send('STATUS=' + _line(text))

    def alive(self) -> bool:
        """Ping the watchdog."""
        return self._send('WATCHDOG=1')

    def extend(self, seconds: float) -> bool:
        """Starting or stopping takes at least this much longer, counted from now (systemd 236)."""
        return self._send('EXTEND_TIMEOUT_USEC=%d' % round(seconds * 1e6))

    def stopping(self) -> bool:
        """The service is stopping as told."""
        return self._send('STOPPING=1')

    def _send(self, *lines: str) -> bool:
        """Whether the lines were delivered."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_SEND_TIMEOUT_S)
                channel.sendto('\n'.join(lines).encode('utf-8', 'backslashreplace'), self._address)
        except OSError as error:
            if not self._failed:
                _log.warning('The supervisor does not accept messages: %s', error)
            self._failed = True
            return False
        self._failed = False
        return True


def watchdog_interval_s(environ: Optional[Mapping[str, str]] = None) -> Optional[float]:
    """Seconds within which systemd expects a ping, from ``$WATCHDOG_USEC``.

    None where it expects none, or expects it from another process (``$WATCHDOG_PID``).
    """
    environ = os.environ if environ is None else environ
    text, pid = environ.get('WATCHDOG_USEC', ''), environ.get('WATCHDOG_PID', '')
    if pid and pid != str(os.getpid()):
        return None
    try:
        interval_s = int(text) / 1e6
    except ValueError:
        return None
    return interval_s if interval_s > 0 else None


class Watchdog:
    """Pings at half the supervisor's interval, and only while no part is stuck: the ping proves the pipeline.

    Before it falls silent it reports which part is stuck; it pings again when the part comes back in time. The thread
    belongs to the main process, whose pings are the only ones that ``NotifyAccess=main`` accepts.

    Args:
        notifier: takes the pings.
        heartbeats: decide.
        interval_s: within which the supervisor expects a ping.
        describe: one line for ``systemctl status``.
    """

    def __init__(self, notifier: Notifier, heartbeats: Heartbeats, interval_s: float,
                 describe: Callable[[], str]) -> None:
        self._notifier = notifier
        self._heartbeats = heartbeats
        self._interval_s = interval_s
        self._describe = describe
        self._stop = threading.Event()
        self._silent = False

    def start(self) -> None:
        """Ping at once and go on in a thread."""
        self._heartbeats.watched = True
        LastingThread('watchdog', self._run, self._stop).start()

    def stop(self) -> None:
        """End the thread; by then the supervisor knows that the service is stopping."""
        self._stop.set()

    def turn(self) -> bool:
        """Check the parts once. Returns whether it pinged."""
        stale = self._heartbeats.stale()
        if stale:
            parts = ' and '.join('%s for %.0f s' % (part, age_s) for part, age_s in sorted(stale.items()))
            # The reason first: after the silence it is too late.
            self._notifier.status('Stuck: %s. The watchdog gets no ping.' % parts)
            if not self._silent:
                _log.critical('The watchdog gets no ping; stuck: %s.', parts)
        else:
            self._notifier.alive()
            self._notifier.status(self._describe())
            if self._silent:
                _log.warning('Every part is back; the watchdog is pinged again.')
        self._silent = bool(stale)
        return not stale

    def _run(self) -> None:
        while True:
            self.turn()
            if self._stop.wait(self._interval_s / 2):
                return


class Extension:
    """Asks the supervisor for more time while a model or an engine loads. A context manager.

    Args:
        notifier: takes the requests.
        status: what is being done.
        step_s: how much time to ask for at once; the request is repeated after half of it.
        longest_s: no request after this, so that a load that never ends is killed.
    """

    def __init__(self, notifier: Notifier, status: str, step_s: float = 60.0, longest_s: float = 900.0) -> None:
        self._notifier = notifier
        self._status = status
        self._step_s = step_s
        self._requests_left = int(longest_s / (step_s / 2))
        self._done = threading.Event()

    def __enter__(self) -> 'Extension':
        self._notifier.status(self._status)
        self._notifier.extend(self._step_s)
        LastingThread('starting', self._run, self._done).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._done.set()

    def _run(self) -> None:
        while self._requests_left > 0 and not self._done.wait(self._step_s / 2):
            self._requests_left -= 1
            self._notifier.extend(self._step_s)


def _line(text: str) -> str:
    return ' '.join(text.split())
