"""One line from tegrastats, which may hang and does not stop when nobody reads it."""
import os
import select
import signal
import subprocess
import time

from service.messages import ThermoscreenError

#: A short interval, in milliseconds, because the first line comes after one.
COMMAND = ('tegrastats', '--interval', '200')
TIMEOUT_S = 3.0
_LONGEST_BYTES = 1 << 16
#: How long a killed process may take to go; one that hangs in the kernel never does.
_BURIAL_S = 1.0


class BoardError(ThermoscreenError):
    """A tool of the board that is missing, fails or does not answer."""


def read_line(command=COMMAND, timeout_s=TIMEOUT_S):
    """Start tegrastats, take its first whole line and kill it.

    It ignores SIGPIPE, so closing the pipe does not end it; and it can hang before its first line.

    Args:
        command (sequence of str): what to start.
        timeout_s (float): how long its first line may take.

    Returns:
        str: the line, without its end; what is no UTF-8 is replaced.

    Raises:
        BoardError: ``tegrastats-missing``, ``tegrastats-hung`` (no line in time) or ``tegrastats-failed`` (it ended
            without one).
    """
    try:
        process = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        raise BoardError('tegrastats-missing', '%s cannot be started (%s); it comes with JetPack.'
                         % (command[0], error.strerror), detail=str(error)) from error
    try:
        line = _first_line(process.stdout.fileno(), time.monotonic() + timeout_s)
    finally:
        _end(process)
    if line is None:
        raise BoardError('tegrastats-hung', '%s gave no line within %.1f s; restart the board if that stays so.'
                         % (command[0], timeout_s))
    if not line:
        raise BoardError('tegrastats-failed', '%s ended without a line (exit code %s); run it by hand to see why.'
                         % (command[0], process.returncode))
    return line.decode('utf-8', 'replace').strip()


def _first_line(descriptor, until_s):
    """Bytes up to the first line end; what came where the process ended; None where time is up."""
    data = b''
    while b'\n' not in data and len(data) < _LONGEST_BYTES:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
            return None
        part = os.read(descriptor, _LONGEST_BYTES)
        if not part:
            break
        data += part
    return data.split(b'\n')[0]


def _end(process):
    """Kill the process and whatever it started, and do not wait for what cannot be killed."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
    process.stdout.close()
    try:
        process.wait(_BURIAL_S)
    except subprocess.TimeoutExpired:
        pass
