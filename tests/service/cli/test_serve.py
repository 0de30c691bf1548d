"""``thermoscreen serve`` as a process of its own: it answers, it says why it cannot, it ends."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from service.cli.records import _here, open_records
from service.cli.station import _of_demonstration
from service.hospital.site import Peer, Site
from service.messages import InputError
from service.settings import Settings
from service.supervise.starts import hold_folder

from ...fakes.ports import free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_LIMIT_S = 60


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


@pytest.mark.parametrize('number', [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_it_serves_and_ends_when_told(number):
    port = free_port()
    process = start('--camera', 'sim:1', '--port', str(port))
    values = wait_for_result(process, port)
    assert values['unit'] == 'celsius' and values['bundle']['id'] and values['timings_ms']['infer'] > 0
    process.send_signal(number)
    out, err = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 0 and 'http://127.0.0.1:%d' % port in out and 'Traceback' not in err


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        process = start('--camera', 'sim:1', '--port', str(taken.getsockname()[1]))
        out, err = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 2 and '[port-unavailable]' in err and 'Traceback' not in err


#: ``thermoscreen serve`` whose start stands still at one place and says so; nothing heavy is imported.
STANDING = '''
import sys, threading, types
from service.supervise import starts

def stand(*_):
    print('standing', flush=True)
    try:
        threading.Event().wait()
    except BaseException:  # as a library may do
        threading.Event().wait()

def load(supervision, *_):
    with supervision.loading():
        stand()

def write(path, document):
    if document['start']:
        stand_once()
    real(path, document)

def stand_once():
    if not stood:
        stood.append(True)
        print('standing', flush=True)
        sys.stdin.read()

stood, real = [], starts.atomic_write_json
station = types.ModuleType('service.cli.station')
station.serve_station = {'importing': stand, 'loading': load, 'recording': stand}[sys.argv[1]]
sys.modules['service.cli.station'] = station
if sys.argv[1] == 'recording':
    starts.atomic_write_json = write
from service.cli import main
sys.argv[1:] = ['serve', '--state', sys.argv[2]]
main()
'''


@contextlib.contextmanager
def standing(place, state):
    """A start that stands still at a place."""
    process = subprocess.Popen([sys.executable, '-c', STANDING, place, str(state)], cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    with process:
        try:
            assert process.stdout.readline() == 'standing\n'
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize('place', ['recording', 'importing', 'loading'])
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_stop_at_any_moment_of_a_start_is_no_crash(tmp_path, place, number):
    with standing(place, tmp_path) as process:
        assert json.loads((tmp_path / 'starts.json').read_text())['start'] if place != 'recording' else True
        process.send_signal(number)
        out, err = process.communicate(timeout=_LIMIT_S)  # ends what is being recorded, too
        assert (process.returncode, out, err) == (0, '', '')
    assert json.loads((tmp_path / 'starts.json').read_text())['start'] is None
    assert os.listdir(str(tmp_path)) == ['starts.json']


def test_a_second_instance_on_the_same_state_is_refused(tmp_path):
    with standing('importing', tmp_path) as first:
        before = (tmp_path / 'starts.json').read_bytes()
        for arguments in ([], ['--safe']):
            second = start('--state', str(tmp_path), '--port', str(free_port()), *arguments)
            out, err = second.communicate(timeout=_LIMIT_S)
            assert second.returncode == 2 and out == '' and err.count('\n') == 1
            assert err.endswith('[state-in-use]\n') and '(process %d)' % first.pid in err and str(tmp_path) in err
        assert (tmp_path / 'starts.json').read_bytes() == before
        first.kill()
        first.wait()
        os.close(hold_folder(str(tmp_path)))  # the lock ended with the process


def test_a_demonstration_says_so_and_leaves_nothing(tmp_path):
    port = free_port()
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    process = subprocess.Popen([sys.executable, '-m', 'service', 'serve', '--demo', '--port', str(port)], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, env=environment)
    assert process.stdout.readline().startswith('thermoscreen is at http://127.0.0.1:%d ' % port)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def ask(path, **form):
        data = urllib.parse.urlencode(form).encode() if form else None
        with browser.open('http://127.0.0.1:%d%s' % (port, path), data, timeout=_LIMIT_S) as reply:
            return reply.read().decode()

    pad = ask('/')
    told, csrf, who = (re.search(pattern, pad).group(1) for pattern in
                       (r'The PIN is (\d+)\.', 'name="csrf" value="([^"]+)"', 'name="who" value="([^"]+)"'))
    assert 'Demonstration: simulated patients' in ask('/login', who=who, pin=told, csrf=csrf)
    assert 'phantom.tscap' in ask('/open')
    folders = list(tmp_path.glob('thermoscreen-*'))  # ONNX Runtime keeps something there too
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 0 and len(folders) == 1 and list(tmp_path.glob('thermoscreen-*')) == []


def test_a_demonstration_touches_no_station(tmp_path):
    (tmp_path / 'exams').mkdir()
    with contextlib.ExitStack() as running, pytest.raises(InputError, match='demo-folder'):
        open_records(Settings(exams_folder=str(tmp_path)), True, running)
    own = {name: 'x' for name in ('exams_folder', 'audit_signer', 'audit_anchor', 'api_tokens')}
    made = _of_demonstration(dict(own, camera=None, files_root=None), str(tmp_path))
    assert not [name for name in own if made[name] == 'x']
    # Simulated patients go to an archive of this machine alone.
    here, there = (Peer(host, 104, 'PACS', 'THERMO') for host in ('127.0.0.1', 'pacs.example.org'))
    site = _here(Site(archive=there, worklist=here, mpps=here, fhir_url='https://record.example.org', delete_days=1))
    assert site == Site(worklist=here) and _here(Site(archive=here)).archive == here


def test_a_demonstration_shows_no_real_patient():
    process = start('--demo', '--camera', 'usb', '--port', str(free_port()))
    _, err = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 2 and err.endswith('[demo-camera]\n')
