"""``thermoscreen serve`` as a process of its own: it answers, it says why it cannot, it ends."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_LIMIT_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def start(*arguments):
    return subprocess.Popen([sys.executable, '-m', 'service', 'serve'] + list(arguments), cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def wait_for_result(process, port):
    """Ask for the live values until there is a result: the process is given a minute."""
    tick = threading.Event()
    deadline_s = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            with urllib.request.urlopen('http://127.0.0.1:%d/live/values' % port, timeout=10) as reply:
                values = json.loads(reply.read().decode())
            if values.get('outcome'):
                return values
        except (urllib.error.URLError, socket.timeout):
            pass
        tick.wait(0.05)
    process.kill()
    pytest.fail('no result: %s' % (process.communicate(),))


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_when_told(number):
    port = free_port()
    process = start('--camera', 'sim:1', '--port', str(port))
    values = wait_for_result(process, port)
    assert values['unit'] == 'celsius' and values['bundle']['id'] and values['timings_ms']['infer'] > 0
    process.send_signal(number)
    out, err = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 0 and 'http://127.0.0.1:%d' % port in out and 'Traceback' not in err


@pytest.mark.parametrize('arguments, code, exit_code', [
    (['--bundle', '/nowhere'], 'bundle-missing', 3),
    (['--camera', 'hologram'], 'camera-spec', 5),
    (['--host', '0.0.0.0'], 'setting-choice', 2),
    (['--settings', '/nowhere.toml'], 'settings-unreadable', 2),
])
def test_it_says_in_one_line_why_it_cannot_start(arguments, code, exit_code):
    process = start('--port', str(free_port()), *arguments)
    out, err = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == exit_code and out == ''
    assert err.startswith('thermoscreen: ') and err.endswith('[%s]\n' % code) and err.count('\n') == 1


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        process = start('--camera', 'sim:1', '--port', str(taken.getsockname()[1]))
        out, err = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 2 and '[port-unavailable]' in err and 'Traceback' not in err
