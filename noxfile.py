"""Test sessions: the device half on every Python a Jetson has, the workstation half, the browser, the source.

`make test` runs all of them through `tests/run_all.py`; one alone is ``nox -s device-3.6``.
"""
import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = '>=2023.4.22'
# virtualenv's own environments no longer come for Python 3.6; the interpreter's `venv` always does.
nox.options.default_venv_backend = 'venv'

#: JetPack 4.6, 5 and 6, and today; and the Python that runs this where it is newer still.
DEVICE_PYTHONS = ['3.6', '3.8', '3.10', '3.11']
if sys.version_info > (3, 12):
    DEVICE_PYTHONS.append('%d.%d' % sys.version_info[:2])

#: Tests marked `slow` (the installer, processes that are killed at every step, statistics) take half of a run. They run
#: on the Nano's Python alone, and so do most of hypothesis's examples; on today's where that one does not answer.
NANO_PYTHON, TODAYS_PYTHON = DEVICE_PYTHONS[0], '3.11'

#: JetPack 5 and 6, between these two. The cases of one test differ in data and not in what they ask of the interpreter
#: or its libraries, so that every test runs there with a quarter of its cases, and with another quarter on each.
SHARES = {'3.8': '1/4', '3.10': '3/4'}

SERVICE_TESTS, BOARD_TESTS = ['tests/service'], ['tests/jetson', 'tests/calibration']
#: About the tree rather than the interpreter: with `lint` on today's Python, and on the Nano's.
HOUSE_TESTS = ['tests/house']
WORKSTATION_TESTS = ['tests/models', 'tests/export']


@nox.session(reuse_venv=True)
def lint(session):
    """Style, spelling, types, Python 3.6 grammar, import contracts and the other rules of the house."""
    _needs_today(session)
    _libraries(session, 'today.txt', 'tests.txt', 'lint.txt')
    # The house tests ask for verbs that only an installation offers.
    _project(session)
    session.run('ruff', 'check', '--quiet', '.')
    session.run('codespell')
    session.run('mypy')
    _pytest(session, HOUSE_TESTS)


@nox.session(python=DEVICE_PYTHONS, reuse_venv=True)
def device(session):
    """The device half, with the libraries that its Python can have; on the Nano's without what `board` runs."""
    _libraries(session, _pins(session), 'tests.txt')
    _project(session)
    folders = SERVICE_TESTS + ([] if session.python == NANO_PYTHON else BOARD_TESTS)
    words = ['-m', 'not browser and not emulated']
    if session.python != _slow_python():
        words = ['-m', 'not browser and not emulated and not slow', '--hypothesis-profile', 'further',
                 '--cases', SHARES.get(session.python, '1/1')]
    if session.python in SHARES:
        words.append('--assert=plain')  # it costs ten seconds to take them apart, and 3.11 tells a failure in full
    _pytest(session, folders, *words)


@nox.session(python=[NANO_PYTHON], reuse_venv=True)
def board(session):
    """The rest of the device half on the Nano's Python: the longest session would outlast all others."""
    _libraries(session, _pins(session), 'tests.txt')
    _project(session)
    _pytest(session, BOARD_TESTS + HOUSE_TESTS, '-m', 'not browser and not emulated')


@nox.session(reuse_venv=True)
def workstation(session):
    """Training and export, with PyTorch."""
    _needs_today(session)
    _libraries(session, 'today.txt', 'workstation.txt', 'tests.txt')
    _project(session)
    _pytest(session, WORKSTATION_TESTS)


@nox.session(reuse_venv=True)
def browser(session):
    """The kiosk page in a real Chromium."""
    _needs_today(session)
    if not any(shutil.which(name) for name in ('chromium', 'chromium-browser', 'google-chrome')):
        session.skip('Chromium is not installed here')
    _libraries(session, 'today.txt', 'tests.txt', 'browser.txt')
    _project(session)
    _pytest(session, ['tests/service/web'], '-m', 'browser')


@nox.session(name='board-emulated', reuse_venv=True)
def board_emulated(session):
    """The device half on an emulated Cortex-A57 with wheels for aarch64."""
    _needs_today(session)
    missing = [name for name in ('qemu-aarch64-static', 'mmdebstrap') if not shutil.which(name)]
    if missing:
        session.skip('%s is not installed here' % ' and '.join(missing))
    _libraries(session, 'today.txt', 'tests.txt')
    _project(session)
    _pytest(session, ['tests/jetson'], '-m', 'emulated')


def _slow_python():
    # pyenv's shim may be there and answer only for other versions.
    answers = shutil.which('python' + NANO_PYTHON) and subprocess.call(['python' + NANO_PYTHON, '-c', '']) == 0
    return NANO_PYTHON if answers else TODAYS_PYTHON


def _needs_today(session):
    if sys.version_info < (3, 11):
        session.skip('needs Python 3.11 or newer as PYTHON, and this is %d.%d' % sys.version_info[:2])


def _pins(session):
    """The device requirements of the session's interpreter, as it says itself."""
    return Path(session.run_install('python', 'requirements/choose.py', silent=True).strip()).name


def _libraries(session, *names):
    """Install pinned requirements, once for what the files say."""
    files = [Path('requirements', name) for name in names]
    stamp = Path(session.virtualenv.location, 'libraries.txt')
    wanted = ''.join(path.read_text() for path in files)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if session.python == '3.6':
        session.run_install('python', 'requirements/install.py', 'requirements/pip.txt')
    session.run_install('python', 'requirements/install.py', *map(str, files))
    stamp.write_text(wanted)


def _project(session):
    """Install the checkout itself; one session at a time, for they share its .egg-info."""
    stamp = Path(session.virtualenv.location, 'project.txt')
    wanted = Path('setup.cfg').read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with open('.nox/project.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # With --install-only nothing runs, and the answer is None.
        if session.run('python', '-m', 'pip', 'install', '--quiet', '--no-deps', '--editable', '.'):
            stamp.write_text(wanted)


def _pytest(session, folders, *words):
    # Python 3.6 without a locale is ASCII, and click refuses to run in that.
    session.env.setdefault('LC_ALL', 'C.UTF-8')
    # Sessions share the cores: threads of OpenBLAS and PyTorch would wait for each other, at twice the processor time.
    session.env.setdefault('OPENBLAS_NUM_THREADS', '1')
    session.env.setdefault('OMP_NUM_THREADS', '1')
    there = [folder for folder in folders if Path(folder).is_dir()]
    session.run('python', '-m', 'pytest', *(there + list(words) + session.posargs))
