"""SIGTERM at any moment of a start: the service is told to stop, which must never count as a crash.

Starts ``thermoscreen serve`` again and again with the simulated camera and a supervisor's socket, each in a state
folder of its own, and sends SIGTERM after another delay each time: from nothing to somewhat more than a whole start
takes on this machine now. The exit code is 1 if a start ended otherwise than systemd calls clean, was remembered as a
crash, or left something half-written behind.

    python -m benchmarks.attacks.sigterm_start [--starts 60] [--longest SECONDS]
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Counter as CounterType
from typing import List, NamedTuple, Optional

import click

import service
from service.supervise import StartRecord

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(service.__file__)))

#: What the service writes into its state folder; anything else was left half-written.
FILES = {'starts.json', 'alive.json'}

#: A start that is not ready by then never will be.
START_TIMEOUT_S = 60.0

#: The delays reach so much further than a start takes.
BEYOND = 1.2

#: systemd ends a service that has not stopped by then.
STOP_TIMEOUT_S = 15.0


class Start(NamedTuple):
    """One start.

    Attributes:
        delay_s: from the start of the process to SIGTERM.
        took_s: from SIGTERM to the end of the process.
        code: exit code; negative for a signal.
        reached: what the record of starts held at the end.
        counted: whether the next start takes this one for a crash.
        left: names that do not belong into the state folder.
        output: what it printed.
    """

    delay_s: float
    took_s: float
    code: int
    reached: str
    counted: bool
    left: List[str]
    output: str

    @property
    def clean(self) -> bool:
        """Whether systemd calls the end clean, and the next start as well."""
        return (self.code in (0, -signal.SIGTERM) and not self.counted and not self.left
                and 'Traceback' not in self.output)


def one_start(delay_s: Optional[float]) -> Start:
    """Start the service, tell it to stop after a delay, and see what it leaves behind.

    Args:
        delay_s: None for the moment at which it says that it is ready.
    """
    folder = tempfile.mkdtemp(prefix='sigterm-')
    try:
        return _one_start(delay_s, folder)
    finally:
        shutil.rmtree(folder)


def _one_start(delay_s: Optional[float], folder: str) -> Start:
    state, notify = os.path.join(folder, 'state'), os.path.join(folder, 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor, socket.socket() as probe:
        supervisor.bind(notify)
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [sys.executable, '-m', 'service', 'serve', '--camera', 'sim:1?width=160&height=120', '--port',
                   str(port), '--threads', '1', '--state', state]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=dict(os.environ, NOTIFY_SOCKET=notify, WATCHDOG_USEC='20000000',
                                            LC_ALL='C.UTF-8'))
        began_s = time.monotonic()
        if delay_s is None:
            supervisor.settimeout(START_TIMEOUT_S)
            while b'READY=1' not in supervisor.recv(4096):
                pass
        else:
            time.sleep(delay_s)
        process.send_signal(signal.SIGTERM)
        told_s = time.monotonic()
        try:
            output = process.communicate(timeout=STOP_TIMEOUT_S)[0].decode('utf-8', 'replace')
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()[0].decode('utf-8', 'replace')
        took_s = time.monotonic() - told_s
    left = sorted(set(os.listdir(state)) - FILES) if os.path.isdir(state) else []
    record = StartRecord(state)
    reached = (record._document['start'] or {}).get('reached', 'nothing')
    reason = record.begin()
    counted = reason is not None or bool(record.crashes)
    return Start(told_s - began_s, took_s, process.returncode, reached, counted, left, output)


@click.command()
@click.option('--starts', type=click.IntRange(2), default=60, show_default=True, help='How many starts.')
@click.option('--longest', type=float, metavar='SECONDS', help='Longest delay of SIGTERM. Default: as long as '
              'one start takes, and a fifth more.')
def main(starts: int, longest: Optional[float]) -> None:
    """Print what the starts ended with."""
    longest = longest or BEYOND * one_start(None).delay_s
    results = [one_start(longest * number / (starts - 1)) for number in range(starts)]
    codes: CounterType[int] = Counter(result.code for result in results)
    rows = [('starts', str(starts)),
            ('counted as crashes', str(sum(result.counted for result in results))),
            ('exit codes', ', '.join('%d: %d' % entry for entry in sorted(codes.items()))),
            ('aborted or killed by another signal', str(sum(code < 0 and code != -signal.SIGTERM
                                                            for code in (result.code for result in results)))),
            ('left something half-written', str(sum(bool(result.left) for result in results))),
            ('with a traceback', str(sum('Traceback' in result.output for result in results))),
            ('longest from SIGTERM to the end', '%.1f s' % max(result.took_s for result in results)),
            ('clean', str(sum(result.clean for result in results)))]
    click.echo('Python %s, SIGTERM after 0 to %.1f s' % (sys.version.split()[0], longest))
    for name, figure in rows:
        click.echo('%-36s %s' % (name, figure))
    for result in results:
        if not result.clean:
            click.echo('  after %.2f s: exit code %d, reached %s, %s, left %s; %s'
                       % (result.delay_s, result.code, result.reached, 'counted' if result.counted else 'not counted',
                          result.left or 'nothing', (result.output.strip().splitlines() or ['no output'])[-1]))
    if not all(result.clean for result in results):
        sys.exit(1)


if __name__ == '__main__':
    main()
