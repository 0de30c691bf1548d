"""The real installer into a staging root: a board without pycuda whose CUDA fails, run twice, started, uninstalled."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.fakes.libcuda import library_folder
from tests.fakes.ports import free_port

from .conftest import Installer, listing
from .repack import pinned, repack

pytestmark = pytest.mark.slow

_READY_S = 300.0
_STATE = 'var/lib/thermoscreen'
#: The doctor writes a byte into the first and takes it away again, which is what it is for.
_TOUCHED = (_STATE, _STATE + '/engines')
#: An engine that could not be built is tried again in every run, and the log says so.
_OF_EVERY_ATTEMPT = {_STATE + '/engines/.lock', _STATE + '/engines/abilities.log'}

#: An interpreter whose system has TensorRT, as JetPack's has: also in the environments that it makes.
INTERPRETER = '''#!/bin/sh
PYTHONPATH=%(folder)s %(python)s "$@" || exit
case "$*" in *"-m venv"*)
    for last; do :; done
    cp -r %(folder)s/tensorrt "$last"/lib/python*/site-packages/ ;;
esac
'''


@pytest.fixture(scope='module')
def wheels(root, tmp_path_factory):
    """Folder for --offline, from the libraries that this environment has."""
    folder = tmp_path_factory.mktemp('wheels')
    pins = subprocess.check_output([sys.executable, 'requirements/choose.py'], cwd=str(root),
                                   universal_newlines=True).strip()
    lacking = repack(pinned(root / 'requirements' / 'pip.txt') + pinned(root / pins), folder)
    if lacking:
        pytest.skip('this environment has not what is pinned: ' + ', '.join(lacking))
    return folder


@pytest.fixture(scope='module')
def failing():
    """Variables of a board whose CUDA fails."""
    return {'LD_LIBRARY_PATH': str(library_folder()), 'LIBCUDA_FAULT': 'cuInit=100'}


@pytest.fixture(scope='module')
def station(checkout, wheels, failing, tmp_path_factory):
    """(installer, its words, root, the first run), which takes half a minute of a processor."""
    folder = tmp_path_factory.mktemp('station')
    (folder / 'tmp').mkdir()
    (folder / 'packages' / 'tensorrt').mkdir(parents=True)
    (folder / 'packages' / 'tensorrt' / '__init__.py').write_text('__version__ = "8.2.1.8"\n')
    interpreter = folder / 'python'
    interpreter.write_text(INTERPRETER % {'folder': folder / 'packages', 'python': sys.executable})
    interpreter.chmod(0o755)
    installer = Installer(checkout, folder / 'tmp')
    words = ('--root', folder / 'root', '--offline', wheels, '--python', interpreter, '--kiosk')
    return installer, words, folder / 'root', installer(*words, **failing)


def _is_well_without_an_engine(process, reason):
    """It is installed all the same, with exit code 0; installer and doctor say why there is no engine."""
    assert process.returncode == 0 and process.stderr == '', process.stdout + process.stderr
    note, = re.findall(r'^Note: No engine could be built, .*$', process.stdout, re.MULTILINE)
    assert reason in note and 'ONNX Runtime runs the model' in note
    assert re.search(r'warning +GPU +TensorRT 8\.2\.1\.8 is installed, but CUDA cannot be reached', process.stdout)
    assert re.search(r'^19  self-test +fine +golden thermogram: \w[^/]*$', process.stdout, re.MULTILINE)
    assert re.search(r'^ +(ok|warning) +model ', process.stdout, re.MULTILINE)


def test_a_board_without_pycuda_whose_cuda_fails(station):
    _is_well_without_an_engine(station[-1], 'no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE)')


def test_second_run_changes_nothing(station):
    installer, words, root, _ = station
    before, folders = listing(root), _folder_times(root)
    second = installer(*words)
    _is_well_without_an_engine(second, 'There is no NVIDIA driver: the loader does not find libcuda.so.1.')
    assert 'Everything is up to date; nothing was changed.' in second.stdout
    assert not re.findall(r'^ ?\d+  \S+ +done ', second.stdout, re.MULTILINE)
    # Names only: pytest would take the bytes of a whole installation apart to show what differs.
    after = listing(root)
    changed = {name for name in set(before) | set(after) if before.get(name) != after.get(name)}
    assert sorted(changed - _OF_EVERY_ATTEMPT) == []
    assert _folder_times(root) == folders
    assert not list((root.parent / 'tmp').glob('thermoscreen*')), 'temporary files are left'


def _folder_times(root):
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob('*')
            if path.is_dir() and str(path.relative_to(root)) not in _TOUCHED}


def test_installed_files_refer_to_the_root_only(station):
    """So that it runs from there and touches no installation of the machine."""
    _, _, root, _ = station
    ours = re.compile(r'\S*/(?:opt|etc|var/lib|usr/local/lib)/thermoscreen\b')
    texts = [path.read_text() for folder in ('etc', 'usr') for path in (root / folder).rglob('*')
             if path.is_file() and path.name != 'installed.txt']
    named = {word for text in texts for word in ours.findall(text)}
    assert len(named) > 5
    assert not [word for word in named if not re.search('(^|[^A-Za-z0-9_./])%s/' % re.escape(str(root)), word)]
    unit = (root / 'etc/systemd/system/thermoscreen.service').read_text()
    program, = re.findall(r'^ExecStart=(\S+)', unit, re.MULTILINE)
    assert os.access(program, os.X_OK) and program.startswith(str(root))


def test_installed_service_answers(station, failing):
    """The command and the environment of the installed unit, on a free port; the page says what is wrong with CUDA."""
    _, _, root, _ = station
    with _service(root, **failing) as (address, environment):
        assert environment['OPENBLAS_CORETYPE'] == 'ARMV8'
        for page, part in (('', b'thermoscreen'), ('status', b'cuda-missing'),
                           ('about/software', b'no CUDA-capable device is detected')):
            with urllib.request.urlopen(address + page, timeout=10) as answer:
                assert part in answer.read(), page


@contextlib.contextmanager
def _service(root, **variables):
    """(address, environment of the unit) of the installed service while it runs; afterwards it must end well."""
    unit = (root / 'etc/systemd/system/thermoscreen.service').read_text()
    command = re.search(r'^ExecStart=(.*)$', unit, re.MULTILINE).group(1).split()
    environment = dict(line.split('=', 1) for line in re.findall(r'^Environment=(.*)$', unit, re.MULTILINE))
    port = free_port()
    process = subprocess.Popen(command + ['--port', str(port)], cwd=str(root / 'var/lib/thermoscreen'),
                               env=dict(environment, PATH=os.environ['PATH'], PYTHONDONTWRITEBYTECODE='1', **variables),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    try:
        _wait_until_ready(process, 'http://127.0.0.1:%d/readiness' % port)
        yield 'http://127.0.0.1:%d/' % port, environment
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert 'phantom-fpn' in said


def _wait_until_ready(process, url):
    until = time.monotonic() + _READY_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            assert process.poll() is None and time.monotonic() < until, 'no answer: %s' % error
            time.sleep(0.1)


def test_uninstall_leaves_exam_data_only(station, tmp_path):
    installer, _, root, _ = station
    copy = tmp_path / 'copy'
    shutil.copytree(str(root), str(copy), symlinks=True, copy_function=os.link)
    exam = copy / 'var/lib/thermoscreen/exams/2026-11-21/frame.npy'
    exam.parent.mkdir(parents=True)
    exam.write_bytes(b'a patient')
    process = installer('--root', copy, '--uninstall')
    assert process.returncode == 0, process.stderr
    assert '%s: exam data, 1 files' % (copy / 'var/lib/thermoscreen') in process.stdout
    assert [path for path in copy.rglob('*') if not path.is_dir()] == [exam]
    assert exam.read_bytes() == b'a patient'

    # Without exam data nothing at all is left.
    shutil.rmtree(str(copy))
    shutil.copytree(str(root), str(copy), symlinks=True, copy_function=os.link)
    process = installer('--root', copy, '--uninstall')
    assert process.returncode == 0 and 'Nothing of thermoscreen is left' in process.stdout
    assert not list(copy.iterdir())
