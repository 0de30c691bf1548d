"""What breaks is noticed, said, killed and started again; what keeps breaking ends in safe mode; nothing is deleted."""
import contextlib
import json
import os
import resource
import signal
import subprocess
import urllib.error
import urllib.request
from concurrent import futures

import pytest

from ...fakes.ports import free_port
from .systemd import PATIENCE_S, Systemd

pytestmark = pytest.mark.slow

#: A small and slow camera: the machine that runs the tests has other work.
CAMERA = 'sim:1?rate=2&width=96&height=72'

#: Each is a few processes, and a wait of some seconds for each that hangs.
AT_ONCE = 4


class Device:
    """A state folder, a port, and a supervisor that starts the service with both."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / 'state'
        self.fault = folder / 'fault'
        self.port = free_port()

    def systemd(self, camera=CAMERA, state=None):
        return Systemd(['--camera', camera, '--port', str(self.port), '--threads', '1', '--state',
                        str(state or self.state)], self.folder, environ={'FAULT_FILE': str(self.fault)})

    def break_(self, word, pid):
        part = self.folder / 'fault.part'
        part.write_text('%s %s' % (word, pid))
        part.rename(self.fault)

    def get(self, path='/', post=False):
        request = urllib.request.Request('http://127.0.0.1:%d%s' % (self.port, path), method='POST' if post else 'GET')
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                return error.read().decode()

    def live(self, supervisor, starts):
        """Wait until start number `starts` has its first result."""
        supervisor.wait_for(lambda events: _since(events, starts, ('status', 'Live.')), 'live picture')

    def starts(self):
        return json.loads((self.state / 'starts.json').read_text())


def _since(events, starts, event):
    """Whether an event came after start number `starts`."""
    places = [index for index, known in enumerate(events) if known[0] == 'start']
    return len(places) >= starts and event in events[places[starts - 1]:]


def _said_then_killed(events, part):
    """Before every kill of the watchdog a status named the part, and nothing was said in between."""
    said = [events[index - 1] for index, event in enumerate(events) if event == ('watchdog',)]
    return said and all(kind == 'status' and text.startswith('Stuck: %s for ' % part) and text.endswith('gets no ping.')
                        for kind, text in said)


def inference_that_hangs_and_inference_that_died(device):
    with device.systemd() as systemd:
        for times, word in enumerate(('hang', 'die'), 1):
            device.live(systemd, times)
            while device.starts()['start']['reached'] != 'result':
                systemd.wait_ping()
            device.break_(word, systemd.pid)
            device.live(systemd, times + 1)
            assert _said_then_killed(systemd.events, 'inference'), systemd.events
            assert systemd.count('exit', -signal.SIGABRT) == times
        assert 'Thread 0x' in systemd.output, 'the journal says where the threads stood'
    assert [crash['reached'] for crash in device.starts()['crashes'][:2]] == ['result', 'result']


def camera_frozen_in_a_read_that_never_returns(device):
    with device.systemd(CAMERA + '&fault=freeze&after=2&for=1e6') as systemd:
        systemd.wait_ready(2)
        assert _said_then_killed(systemd.events, 'capture'), systemd.events


def camera_that_is_unplugged_is_no_hang(device):
    with device.systemd('replay:/nowhere') as systemd:
        systemd.wait_ready(1)
        for _ in range(4):  # at half the watchdog's interval each: twice the limit
            systemd.wait_ping()
        assert systemd.count('watchdog') == 0
        assert any('The folder of the recording' in event[1] for event in systemd.events if event[0] == 'status')


def disk_that_takes_nothing_any_more(device):
    with device.systemd() as systemd:
        device.live(systemd, 1)
        systemd.wait_ping()
        resource.prlimit(systemd.pid, resource.RLIMIT_FSIZE, (0, 0))
        device.live(systemd, 2)
        assert _said_then_killed(systemd.events, 'storage'), systemd.events


def disk_that_turned_read_only_ends_in_a_page_that_says_so(device):
    disk = device.folder / 'disk'
    disk.mkdir()
    mount = ['mount', '-t', 'tmpfs', 'none', str(disk)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL) != 0:
        pytest.skip('mounting a file system takes root and the right to')
    try:
        with device.systemd(state=disk / 'state') as systemd:
            device.live(systemd, 1)
            # Busy while the service has a file open for writing, which it has for moments.
            while subprocess.call(['mount', '-o', 'remount,ro', str(disk)], stderr=subprocess.DEVNULL) != 0:
                systemd.wait_ping()
            systemd.wait_ready(2)
            assert _said_then_killed(systemd.events, 'storage'), systemd.events
            page = device.get()
            assert 'the disk is read-only.' in page and 'Check the card' in page
            assert 'disk-read-only' in page
    finally:
        subprocess.check_call(['umount', '-l', str(disk)])


def five_crashes_end_in_safe_mode_and_its_button_leaves_it(device):
    with device.systemd() as systemd:
        for times in range(1, 6):
            systemd.wait_ready(times)
            systemd.kill()
        events = systemd.wait_ready(6)
        assert events.count(('exit', -signal.SIGKILL)) == 5
        assert ('status', 'Safe mode: The station stopped by itself several times in a row.') in events
        page = device.get()
        assert 'Safe mode' in page and 'crash-loop' in page and 'Nothing was deleted.' in page
        assert json.loads(device.get('/healthz'))['status'] == 'safe'
        systemd.wait_ping()  # the page of safe mode is watched as well
        device.get(page.split('action="')[1].split('"')[0], post=True)
        device.live(systemd, 7)
        assert systemd.count('exit', 80) == 1 and systemd.count('watchdog') == 0
    assert device.starts()['safe'] is None


def a_start_that_does_not_come_up_ends_in_safe_mode(device):
    with device.systemd() as systemd:
        device.break_('refuse', 'all')
        systemd.wait_for(lambda events: ('status', 'The model is loading.') in events, 'loading')
        systemd.kill()
        systemd.wait_ready(1)
        assert 'start-unfinished' in device.get()
        systemd.kill()  # nobody pressed Try again
        systemd.wait_ready(2)
        assert 'start-unfinished' in device.get()


def a_stop_is_no_crash_even_while_the_model_loads(device):
    with device.systemd() as systemd:
        device.break_('refuse', 'all')
        systemd.wait_for(lambda events: ('status', 'The model is loading.') in events, 'loading')
        device.fault.unlink()
        systemd.kill(signal.SIGTERM)
        device.live(systemd, 2)
        systemd.kill(signal.SIGTERM)
        systemd.wait_ready(2)
        assert systemd.count('exit', 0) == systemd.count('stopping') == 2
    assert device.starts()['crashes'] == []


def a_bundle_that_is_refused_is_said_on_the_page_at_once(device):
    with Systemd(['--bundle', '/nowhere', '--port', str(device.port), '--state', str(device.state)],
                 device.folder) as systemd:
        systemd.wait_ready(1)
        assert 'bundle-missing' in device.get() and systemd.count('exit', 3) == 0


SCENARIOS = (inference_that_hangs_and_inference_that_died,
             camera_frozen_in_a_read_that_never_returns,
             camera_that_is_unplugged_is_no_hang,
             disk_that_takes_nothing_any_more,
             disk_that_turned_read_only_ends_in_a_page_that_says_so,
             five_crashes_end_in_safe_mode_and_its_button_leaves_it,
             a_start_that_does_not_come_up_ends_in_safe_mode,
             a_stop_is_no_crash_even_while_the_model_loads,
             a_bundle_that_is_refused_is_said_on_the_page_at_once)


@pytest.fixture(scope='module')
def running(request, tmp_path_factory):
    """The scenarios that are asked for, side by side: most of their time they wait."""
    asked = [item.callspec.params['scenario'] for item in request.session.items
             if item.module is request.module and hasattr(item, 'callspec')]
    with futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {scenario: pool.submit(_play, scenario, tmp_path_factory.mktemp('device')) for scenario in asked}


def _play(scenario, folder):
    """Play one on a device with an exam on its disk; the exam is still there when it is over."""
    kept = {'state/exams/0001/frontal.npy': b'thermogram', 'state/exams/0001/run.json': b'{}', 'state/notes': b'x'}
    for name, data in kept.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    scenario(Device(folder))
    assert {name: (folder / name).read_bytes() for name in kept} == kept, 'something was deleted'


@pytest.mark.parametrize('scenario', SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(running, scenario):
    running[scenario].result()
