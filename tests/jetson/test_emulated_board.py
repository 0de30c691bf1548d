"""The device half on an emulated board: a Cortex-A57 under QEMU, Debian's Python for arm64, wheels for aarch64.

QEMU computes what the processor would compute, some thirty times slower, and has no GPU. What the board has is made
once and kept under ``.nox/board-emulated``; remove that folder to make it again. Nothing of it needs root.
"""
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from service.simulator import make_phantom

pytestmark = pytest.mark.emulated

#: Its Python takes requirements/today.txt.
SUITE, PYTHON, PINS = 'bookworm', '3.11', 'today.txt'
PACKAGES = 'python3-minimal,libpython3-stdlib,libgomp1,libstdc++6'
TAGS = ['manylinux_2_%d_aarch64' % minor for minor in range(17, 37)] + ['manylinux2014_aarch64']
SEEDS = range(2)
PORT = 18461
#: `thermoscreen` with limits for a processor that takes half a minute for a frame; a word ``--`` ends one verb and
#: begins another, since the libraries take a third of its time to load.
THERMOSCREEN = '''
import sys
import service.backends.worker
from service.supervise.heartbeats import LIMITS_S
service.backends.worker.ANSWER_TIMEOUT_S = 300
LIMITS_S.update(dict.fromkeys(LIMITS_S, 300))
from service.cli import main
words = sys.argv[1:]
while words:
    end = words.index('--') if '--' in words else len(words)
    sys.argv[1:], words = words[:end], words[end + 1:]
    try:
        main()
    except SystemExit as error:
        if error.code:
            raise
'''


class Board:
    """Files of another processor, and QEMU to run them.

    Args:
        folder: its top folder; libraries lie under ``opt/libraries``, the project under ``opt/thermoscreen``.
    """

    def __init__(self, folder):
        self.folder = folder
        self.project = folder / 'opt' / 'thermoscreen'

    def start(self, *words):
        """Python on the board, started in the project's folder."""
        environment = {'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8', 'HOME': str(self.folder),
                       'OPENBLAS_CORETYPE': 'ARMV8', 'PYTHONDONTWRITEBYTECODE': '1',
                       'PYTHONPATH': os.pathsep.join([str(self.project), str(self.folder / 'opt' / 'libraries')])}
        command = ['qemu-aarch64-static', '-cpu', 'cortex-a57', '-L', str(self.folder),
                   str(self.folder / 'usr' / 'bin' / 'python3')]
        return subprocess.Popen(command + list(words), cwd=str(self.project), env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)

    def run(self, *words):
        """What a program on the board prints; where it fails, the test does."""
        process = self.start(*words)
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output
        return output


@pytest.fixture(scope='module')
def board(root):
    for program in ('qemu-aarch64-static', 'mmdebstrap'):
        if shutil.which(program) is None:
            pytest.skip('%s is not installed here' % program)
    folder = root / '.nox' / 'board-emulated' / SUITE
    if not (folder / 'made').exists():
        _make(folder, root)
    _copy_project(root, folder / 'opt' / 'thermoscreen')
    # Here it takes a thirtieth of the time. Where this is another Python, the board compiles what it loads.
    subprocess.check_call([sys.executable, '-m', 'compileall', '-q', str(folder / 'usr' / 'lib' / ('python' + PYTHON)),
                           str(folder / 'opt' / 'thermoscreen')])
    return Board(folder)


def _make(folder, root):
    shutil.rmtree(str(folder), ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Unpacked and not configured: nothing of the board has to run for that.
    subprocess.check_call(['mmdebstrap', '--quiet', '--arch=arm64', '--variant=extract', '--include=' + PACKAGES,
                           SUITE, str(folder)], stdin=subprocess.DEVNULL)
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--target',
               str(folder / 'opt' / 'libraries'), '--python-version', PYTHON, '-r', str(root / 'requirements' / PINS)]
    subprocess.check_call(command + [word for tag in TAGS for word in ('--platform', tag)])
    # A Nano's four cores, and not this machine's, of which an arm64 library understands nothing.
    processors = folder / 'sys' / 'devices' / 'system' / 'cpu'
    processors.mkdir(parents=True)
    for name in ('possible', 'present', 'online'):
        (processors / name).write_text('0-3\n')
    (folder / 'made').touch()


def _copy_project(root, target):
    shutil.rmtree(str(target), ignore_errors=True)
    listed = subprocess.check_output(['git', 'ls-files', '-z', 'service', 'jetson', 'calibration'], cwd=str(root))
    for name in listed.decode().split('\0'):
        if name and (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(root / name), str(target / name))
    # One thread: QEMU gains nothing from more.
    (target / 'station.toml').write_text('[model]\nthreads = 1\n')


def test_it_is_another_processor(board):
    assert board.run('-c', 'import platform; print(platform.machine())').splitlines()[-1] == 'aarch64'


@pytest.fixture(scope='module')
def names(board):
    """Files of pictures in the board's project."""
    names = ['%d.npy' % seed for seed in SEEDS]
    for seed, name in zip(SEEDS, names):
        np.save(str(board.project / name), make_phantom(seed, 240, 320).celsius)
    return names


@pytest.fixture(scope='module')
def printed(board, names):
    """What the board prints while it analyses the files and looks at itself."""
    process = board.start('-c', THERMOSCREEN, 'analyse', '--settings', 'station.toml', *names, '--out', 'results', '--',
                          'doctor', '--settings', 'station.toml', '--camera', 'sim', '--json')
    return process.communicate(timeout=900)[0]  # the doctor finds things wrong with this board


def test_labels_are_those_of_this_machine(board, names, printed, tmp_path):
    subprocess.check_call([sys.executable, '-m', 'service', 'analyse', '--out', str(tmp_path)]
                          + [str(board.project / name) for name in names], stdout=subprocess.DEVNULL)
    for seed in SEEDS:
        label = Path(str(seed), 'labels.png')
        assert (board.project / 'results' / label).read_bytes() == (tmp_path / label).read_bytes(), seed


def test_doctor_proves_the_model(printed):
    reports = {report['subject']: report for report in json.loads(printed[printed.index('[\n'):])}
    assert reports['model']['severity'] == 'ok' and reports['camera']['severity'] == 'ok', printed


def test_the_page_answers(board):
    process = board.start('-c', THERMOSCREEN, 'serve', '--settings', 'station.toml', '--camera', 'sim',
                          '--port', str(PORT))
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if 'http://127.0.0.1:%d' % PORT in line:
                break
        else:
            pytest.fail(''.join(printed))
        for path in ('/', '/healthz'):
            with urllib.request.urlopen('http://127.0.0.1:%d%s' % (PORT, path), timeout=120) as answer:
                assert answer.status == 200, path
    finally:
        process.terminate()
        process.communicate(timeout=300)
