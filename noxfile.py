"""Test sessions: the device half on every Python a Jetson has, the workstation half, the browser, the source.

`make test` runs all of them through `tests/run_all.py`; one alone is ``nox -s device-3.6``.
"""
import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import nox

nox.needs_version = '>=2024.3.2'
# An environment is made by the interpreter's own `venv`, since virtualenv leaves out Python 3.6, and is shared by all
# sessions of that interpreter, since to make one costs half a minute: see _environment.
nox.options.default_venv_backend = 'none'

#: JetPack 4.6, 5 and 6, and today; and the Python that runs this where it is newer still.
DEVICE_PYTHONS = ['3.6', '3.8', '3.10', '3.11']
if sys.version_info > (3, 12):
    DEVICE_PYTHONS.append('%d.%d' % sys.version_info[:2])

#: Tests marked `slow` (the installer, processes that are killed at every step, statistics) take half of a run. They run
#: on the Nano's Python alone, and so do most of hypothesis's examples; on today's where that one does not answer.
NANO_PYTHON, TODAYS_PYTHON = DEVICE_PYTHONS[0], '3.11'

#: What runs beside 3.6, which runs everything: of the tests, and of the cases of each, which differ in data and not in
#: what they ask of the interpreter or its libraries. JetPack 5 and 6 lie between the other two, so that each runs every
#: second test with a quarter of its cases, and today's every test with another quarter; one case at least.
SHARES = {'3.8': ('1/2', '1/4'), '3.10': ('2/2', '1/4'), TODAYS_PYTHON: ('1/1', '3/4')}

SERVICE_TESTS, BOARD_TESTS = ['tests/service'], ['tests/jetson', 'tests/calibration']
#: What an environment has beside the libraries of the device and `tests.txt`. On today's Python one serves for the
#: device half, to lint and to drive the browser; that the device half needs no more shows on the other Pythons.
FURTHER_TOOLS = {'today.txt': ['lint.txt', 'browser.txt'], 'workstation': ['workstation.txt'],
                 'federated': ['federated.txt']}
#: About the tree rather than the interpreter: with `lint` on today's Python, and on the Nano's.
HOUSE_TESTS = ['tests/house']
WORKSTATION_TESTS = ['tests/models', 'tests/export']


@nox.session
def lint(session):
    """Style, spelling, types, Python 3.6 grammar, import contracts and the other rules of the house."""
    _needs_today(session)
    _environment(session)
    _run(session, 'ruff', 'check', '--quiet', '.')
    _run(session, 'codespell')
    _run(session, 'mypy')
    _pytest(session, HOUSE_TESTS)


def device(session):
    """The device half, with the libraries that its Python can have; on the Nano's without what `board` runs."""
    _environment(session)
    folders = SERVICE_TESTS + ([] if session.python == NANO_PYTHON else BOARD_TESTS)
    words = ['-m', 'not browser and not emulated']
    if session.python != _slow_python():
        tests, cases = SHARES.get(session.python, ('1/1', '1/1'))
        words = ['-m', 'not browser and not emulated and not slow', '--hypothesis-profile', 'further',
                 '--tests', tests, '--cases', cases]
    if session.python in SHARES and session.python != TODAYS_PYTHON:
        words.append('--assert=plain')  # it costs ten seconds to take them apart, and 3.11 tells a failure in full
    _pytest(session, folders, *words)


for _python in DEVICE_PYTHONS:
    nox.session(device, name='device-' + _python, python=_python)


@nox.session(name='board-' + NANO_PYTHON, python=NANO_PYTHON)
def board(session):
    """The rest of the device half on the Nano's Python: the longest session would outlast all others."""
    _environment(session)
    _pytest(session, BOARD_TESTS + HOUSE_TESTS, '-m', 'not browser and not emulated')


@nox.session
def workstation(session):
    """Training and export, with PyTorch."""
    _needs_today(session)
    _environment(session, 'workstation')
    _pytest(session, WORKSTATION_TESTS)


@nox.session(default=False)
def federated(session):
    """NVFLARE, which costs 240 MB and a minute to install; only where it is asked for by its name."""
    _needs_today(session)
    _environment(session, 'federated')
    _pytest(session, ['tests/models/federated'])


@nox.session
def browser(session):
    """The kiosk page in a real Chromium."""
    _needs_today(session)
    if not any(map(shutil.which, ('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'))):
        session.skip('Chromium is not installed here')
    _environment(session)
    _pytest(session, ['tests/service/web'], '-m', 'browser')


@nox.session(name='board-emulated')
def board_emulated(session):
    """The device half on an emulated Cortex-A57 with wheels for aarch64."""
    _needs_today(session)
    missing = [name for name in ('qemu-aarch64-static', 'mmdebstrap') if not shutil.which(name)]
    if missing:
        session.skip('%s is not installed here' % ' and '.join(missing))
    _environment(session)
    _pytest(session, ['tests/jetson'], '-m', 'emulated')


def _slow_python():
    # pyenv's shim may be there and answer only for other versions.
    answers = shutil.which('python' + NANO_PYTHON) and subprocess.call(['python' + NANO_PYTHON, '-c', '']) == 0
    return NANO_PYTHON if answers else TODAYS_PYTHON


def _needs_today(session):
    if sys.version_info < (3, 11):
        session.skip('needs Python 3.11 or newer as PYTHON, and this is %d.%d' % sys.version_info[:2])


def _environment(session, name=''):
    """Run the session in the environment `name`, or in that of its Python; it is made once for what the files say."""
    version = session.python or '%d.%d' % sys.version_info[:2]
    python = 'python' + session.python if session.python else sys.executable
    folder = Path('.nox', name or 'python-' + version).resolve()
    pins = Path(session.run_install(python, 'requirements/choose.py', silent=True, external=True).strip()).name
    files = [os.path.join('requirements', file) for file in [pins, 'tests.txt'] + FURTHER_TOOLS.get(name or pins, [])]
    session.env['VIRTUAL_ENV'] = str(folder)
    session.env['PATH'] = '%s:%s' % (folder / 'bin', os.environ['PATH'])
    inside = str(folder / 'bin' / 'python')
    wanted = ''.join(Path(file).read_text() for file in files + ['setup.cfg'])
    stamp = folder / 'made.txt'
    with _alone(folder.name):
        if stamp.exists() and stamp.read_text() == wanted:
            return
        session.run_install(python, '-m', 'venv', str(folder), external=True)
        if version == '3.6':
            session.run_install(inside, 'requirements/install.py', 'requirements/pip.txt', external=True)
        # uv lies beside what runs this.
        tools = '%s:%s' % (os.path.dirname(sys.executable), session.env['PATH'])
        session.run_install(inside, 'requirements/install.py', *files, env={'PATH': tools}, external=True)
        with _alone('project'):  # the environments share its .egg-info
            # tests.txt has what builds it; pip would fetch that once more.
            session.run_install(inside, '-m', 'pip', 'install', '--quiet', '--no-deps', '--no-build-isolation',
                                '--editable', '.', external=True)
        stamp.write_text(wanted)


@contextmanager
def _alone(name):
    """Wait until no other session is in here."""
    os.makedirs('.nox', exist_ok=True)
    with open('.nox/%s.lock' % name, 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(session, program, *words):
    """Run a program of the session's environment."""
    session.run(os.path.join(session.env['VIRTUAL_ENV'], 'bin', program), *words, external=True)


def _pytest(session, folders, *words):
    # Python 3.6 without a locale is ASCII, and click refuses to run in that.
    session.env.setdefault('LC_ALL', 'C.UTF-8')
    # Sessions share the cores: threads of OpenBLAS and PyTorch would wait for each other, at twice the processor time.
    # OMP_THREAD_LIMIT is none of these: oneDNN would wait for ever for the threads that a verb asks for.
    for name in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS'):
        session.env.setdefault(name, '1')
    # NumPy's large arrays come from memory that the process has already: without it, two fifths of the time of a
    # phantom on Python 3.11 go into new pages.
    session.env.setdefault('MALLOC_MMAP_THRESHOLD_', str(32 << 20))
    session.env.setdefault('MALLOC_TRIM_THRESHOLD_', str(256 << 20))
    there = [folder for folder in folders if Path(folder).is_dir()]
    _run(session, 'python', '-m', 'pytest', *(there + list(words) + session.posargs))
