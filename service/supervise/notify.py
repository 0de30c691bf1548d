"""The lines that a service sends to systemd, as sd_notify(3) defines them; nothing where nobody listens."""
import logging
import os
import socket

_log = logging.getLogger(__name__)

#: Longest wait for a supervisor that does not take its messages.
_SEND_TIMEOUT_S = 1.0


class Notifier:
    """Sends to the socket of ``$NOTIFY_SOCKET``. May be used by any thread of the main process.

    Nothing raises: a service goes on where its supervisor does not listen.

    Args:
        address (str): path of a datagram socket, or ``@`` and the name of an abstract one; ``''`` for none.
    """

    def __init__(self, address=''):
        self._address = '\0' + address[1:] if address.startswith('@') else address
        self._failed = False
        self._last_status = None

    @classmethod
    def from_environment(cls, environ=None):
        """The notifier of ``$NOTIFY_SOCKET``; one that is silent where that is absent or no such socket."""
        address = (os.environ if environ is None else environ).get('NOTIFY_SOCKET', '')
        return cls(address if address.startswith(('/', '@')) else '')

    @property
    def supervised(self):
        """Whether somebody asked to be told."""
        return bool(self._address)

    def ready(self, status):
        """The service works from now on; the watchdog counts from here."""
        self._last_status = status
        return self._send('READY=1', 'STATUS=' + _line(status))

    def status(self, text):
        """One line for ``systemctl status``; sent where it changed."""
        if text != self._last_status:
            self._last_status = text
            self._send('STATUS=' + _line(text))

    def alive(self):
        """The ping of the watchdog."""
        return self._send('WATCHDOG=1')

    def extend(self, seconds):
        """Starting or stopping takes at least this much longer, counted from now (systemd 236)."""
        return self._send('EXTEND_TIMEOUT_USEC=%d' % round(seconds * 1e6))

    def stopping(self):
        """The service is about to end, as it was told."""
        return self._send('STOPPING=1')

    def _send(self, *lines):
        """Whether the lines were taken."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_SEND_TIMEOUT_S)
                channel.sendto('\n'.join(lines).encode('utf-8'), self._address)
        except OSError as error:
            if not self._failed:
                _log.warning('The supervisor does not take messages: %s', error)
            self._failed = True
            return False
        self._failed = False
        return True


def watchdog_interval_s(environ=None):
    """Seconds within which the supervisor wants a ping, from ``$WATCHDOG_USEC``.

    Returns:
        float: or None where it wants none, or wants it of another process (``$WATCHDOG_PID``).
    """
    environ = os.environ if environ is None else environ
    text, wanted = environ.get('WATCHDOG_USEC', ''), environ.get('WATCHDOG_PID', '')
    if wanted and wanted != str(os.getpid()):
        return None
    try:
        interval_s = int(text) / 1e6
    except ValueError:
        return None
    return interval_s if interval_s > 0 else None


def _line(text):
    return ' '.join(text.split())
