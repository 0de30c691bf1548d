"""What every test may use, and what no test may do."""
import collections
import functools
import glob
import importlib.util
import ipaddress
import math
import os
import shutil
import socket
import time
from pathlib import Path

import pytest

try:
    import hypothesis
except ImportError:  # the lint session checks the tree without it
    hypothesis = None

ROOT = Path(__file__).resolve().parent.parent

# What pages and reports say of times is the same on every machine.
os.environ['TZ'] = 'UTC'
time.tzset()

if hypothesis is not None:
    # A deadline fails on a busy machine and says nothing about the code. At a desk chance may look further;
    # in CI the same commit gives the same answer.
    hypothesis.settings.register_profile('house', deadline=None, derandomize=bool(os.environ.get('CI')),
                                         suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile('house')
    # For further Pythons (noxfile.py), after one has looked as far as that.
    hypothesis.settings.register_profile('further', hypothesis.settings.get_profile('house'), max_examples=25)


@pytest.fixture(scope='session')
def root():
    """Top folder of the checkout."""
    return ROOT


@pytest.fixture(scope='session')
def shared_data():
    """Folder of real thermograms and camera files, which are never part of the project."""
    folder = Path(os.environ.get('THERMOSCREEN_SHARED') or ROOT.parent / 'shared' / 'data')
    if not folder.is_dir():
        pytest.skip('no real thermograms here: %s is absent (THERMOSCREEN_SHARED names another folder)'
                    % folder)
    return folder


@pytest.fixture
def tensorrt_double(monkeypatch):
    """Installs a fake `tensorrt` and a fake CUDA until the test ends; see tests/fakes/tensorrt_double.

    ``double = tensorrt_double(version='8.2.1', sm=53, low_memory=True)``
    """
    from tests.fakes.tensorrt_double import install

    return functools.partial(install, monkeypatch)


def find_chromium():
    """Path of an installed Chromium or Chrome, or None; the one without windows first, which takes half the time."""
    for name in ('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'):
        path = shutil.which(name)
        if path:
            return path
    return None


@pytest.fixture(scope='session')
def chromium_path():
    """Path of the Chromium that browser tests start."""
    path = find_chromium()
    if path is None:
        pytest.skip('Chromium is not installed here')
    return path


def _lacking():
    """Marker name to the reason why its tests cannot run here."""
    lacking = {}
    if importlib.util.find_spec('playwright') is None:
        lacking['browser'] = 'playwright is not installed here'
    elif find_chromium() is None:
        lacking['browser'] = 'Chromium is not installed here'
    if not (glob.glob('/dev/nvidia[0-9]*') or os.path.exists('/dev/nvhost-gpu')):
        lacking['gpu'] = 'no NVIDIA GPU here'
    if not os.path.exists('/etc/nv_tegra_release'):
        lacking['jetson'] = 'this machine is no Jetson'
    return lacking


def pytest_addoption(parser):
    parser.addoption('--tests', metavar='K/N', default='1/1', help='every N-th test, beginning with the K-th')
    parser.addoption('--cases', metavar='K/N', default='1/1',
                     help='of the cases of one test every N-th, beginning with the K-th, and one at least')


def share_of(names, tests='1/1', cases='1/1'):
    """What a run with ``--tests`` and ``--cases`` takes.

    Args:
        names (list of str): of the cases, in order, such as ``tests/test_units.py::test_units[celsius]``.
        tests, cases (str): such as ``'3/4'``.
    Returns:
        set of str: names out of these.
    """
    found = collections.OrderedDict()
    for name in names:
        found.setdefault(name.split('[')[0], []).append(name)
    which, of = map(int, tests.split('/'))
    first, every = map(int, cases.split('/'))
    return {name for test in list(found.values())[which - 1::of]
            for name in test[min(math.ceil((first - 1) * min(every, len(test)) / every), len(test) - 1)::every]}


@pytest.hookimpl(trylast=True)  # after what -m and -k leave
def pytest_collection_modifyitems(config, items):
    taken = share_of([item.nodeid for item in items], config.getoption('--tests'), config.getoption('--cases'))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in taken])
    items[:] = [item for item in items if item.nodeid in taken]
    for marker, reason in _lacking().items():
        for item in items:
            if item.get_closest_marker(marker) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


def _is_local(host):
    if host in ('', 'localhost', None):
        return True
    if isinstance(host, bytes):
        host = host.decode('ascii', 'replace')
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # 0.0.0.0 and :: are what a server binds to; connecting to them reaches this machine.
    return address.is_loopback or address.is_unspecified


def _refuse_outside(host):
    if not _is_local(host):
        pytest.fail('a test tried to reach %r; tests talk to this machine only' % (host,))


@pytest.fixture(autouse=True, scope='session')
def no_wait_for_the_disk():
    """What is written survives every end of a process; that the disk has it too shows in a power cut alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, 'fsync', lambda descriptor: os.fstat(descriptor) and None)
        yield


@pytest.fixture(autouse=True, scope='session')
def no_network():
    """No test talks to anything but this machine."""
    real_lookup = socket.getaddrinfo

    def guarded(method):
        def call(self, *args):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _refuse_outside(args[-1][0])
            return method(self, *args)
        return call

    def lookup(host, *args, **kwargs):
        _refuse_outside(host)
        return real_lookup(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in ('connect', 'connect_ex', 'sendto'):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        patch.setattr(socket, 'getaddrinfo', lookup)
        yield
