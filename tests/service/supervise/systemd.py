"""Plays systemd to one service: takes its messages, kills what does not ping, starts it again."""
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LAUNCHER = Path(__file__).with_name('launcher.py')

#: Far beyond what anything here takes; a test that needs it has failed.
PATIENCE_S = 120.0


class Systemd:
    """A supervisor with the rules of ``Type=notify``, ``NotifyAccess=main``, ``WatchdogSec`` and ``Restart=always``.

    Args:
        arguments (list of str): of ``thermoscreen serve``.
        folder (Path): for the socket and the output.
        watchdog_s (float): WatchdogSec; generous, because the machine may be busy.
        environ (dict): more environment for the service.
    Attributes:
        events (list of tuple): ``('start', pid)``, ``('ready',)``, ``('status', text)``, ``('stopping',)``,
            ``('watchdog',)`` and ``('exit', code)``, in their order.
        pings (int): since the last start.
    """

    def __init__(self, arguments, folder, watchdog_s=5.0, environ=None):
        self._command = [sys.executable, str(LAUNCHER), 'serve'] + list(arguments)
        self._watchdog_s = watchdog_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(folder / 'notify'))
        self._socket.settimeout(0.1)
        self._environ = dict(os.environ, NOTIFY_SOCKET=str(folder / 'notify'), PYTHONPATH=str(ROOT),
                             WATCHDOG_USEC='%d' % (watchdog_s * 1e6), **(environ or {}))
        self._output = open(str(folder / 'output.txt'), 'wb')
        self._log = folder / 'output.txt'
        self._changed = threading.Condition()
        self._process = None
        self._deadline_s = None
        self._restart = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.events = []
        self.pings = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._restart = False
        self._process.kill()
        self._thread.join(PATIENCE_S)
        self._socket.close()
        self._output.close()

    @property
    def pid(self):
        """Of the service that runs now."""
        return self._process.pid

    @property
    def output(self):
        """Everything the service printed so far."""
        return self._log.read_text()

    def kill(self, number=signal.SIGKILL):
        """Send a signal to the service."""
        self._process.send_signal(number)

    def wait_for(self, wanted, what):
        """Wait until `wanted(events)` is true; returns a copy of the events."""
        with self._changed:
            done = self._changed.wait_for(lambda: wanted(self.events), PATIENCE_S)
            assert done, '%s did not happen: %s\n%s' % (what, self.events, self.output)
            return list(self.events)

    def count(self, *event):
        return self.events.count(event)

    def wait_ready(self, times):
        """Wait until the service was ready so many times."""
        return self.wait_for(lambda events: events.count(('ready',)) >= times, 'ready %d' % times)

    def wait_ping(self):
        """Wait for the next ping."""
        with self._changed:
            before = self.pings
            assert self._changed.wait_for(lambda: self.pings > before, PATIENCE_S), self.output

    def _note(self, *event):
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def _run(self):
        while self._restart:
            self._deadline_s = None
            self._process = subprocess.Popen(self._command, cwd=str(ROOT), env=self._environ, stdout=self._output,
                                             stderr=subprocess.STDOUT)
            self._note('start', self._process.pid)
            while self._process.poll() is None:
                self._listen()
                if self._deadline_s is not None and time.monotonic() > self._deadline_s:
                    self._deadline_s = None
                    self._note('watchdog')
                    self.kill(signal.SIGABRT)
            self._note('exit', self._process.returncode)

    def _listen(self):
        try:
            data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
        except socket.timeout:
            return
        (_, _, credentials), = ancillary
        assert struct.unpack('3i', credentials)[0] == self._process.pid, 'NotifyAccess=main'
        for line in data.decode('utf-8').split('\n'):
            name, _, value = line.partition('=')
            if name == 'READY':
                self._deadline_s = time.monotonic() + self._watchdog_s
                self._note('ready')
            elif name == 'WATCHDOG' and self._deadline_s is not None:
                self._deadline_s = time.monotonic() + self._watchdog_s
                with self._changed:
                    self.pings += 1
                    self._changed.notify_all()
            elif name == 'STATUS':
                self._note('status', value)
            elif name == 'STOPPING':
                self._note('stopping')
