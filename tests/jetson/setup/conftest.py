"""The installer in a copy of the tree, with a fake Python where a test is about its steps."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: What an integrator copies to the board.
TREE = ('setup.py', 'setup.cfg', 'README.md', 'service', 'jetson', 'calibration', 'requirements', 'systemd')
#: An installation with pip takes a quarter of a minute on an idle PC, and other tests may run beside it.
_PATIENCE_S = 600


@pytest.fixture(scope='session')
def checkout(root, tmp_path_factory):
    """A copy of the tree: what is being edited meanwhile is no change of the installation."""
    if shutil.which('bash') is None or sys.platform != 'linux':
        pytest.skip('the installer is for Linux and bash')
    copy = tmp_path_factory.mktemp('checkout')
    for name in TREE:
        if (root / name).is_dir():
            shutil.copytree(str(root / name), str(copy / name), ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(str(root / name), str(copy / name))
    return copy


class Installer:
    """Runs ``install.sh`` of a checkout with an environment of its own."""

    def __init__(self, checkout, tmp, **environment):
        self.script = checkout / 'jetson' / 'setup' / 'install.sh'
        self.tmp = tmp
        self.environment = environment

    def __call__(self, *words, **environment):
        """The finished process, with standard output and error as text."""
        values = {name: value for name, value in os.environ.items() if not name.startswith(('PIP_', 'PYTHON'))}
        values.update(self.environment, TMPDIR=str(self.tmp), LC_ALL='C.UTF-8', PIP_NO_INDEX='1', **environment)
        # The number of the process that a pretended power cut ends.
        command = ['bash', '-c', 'export FAKE_INSTALLER=$$; exec bash "$@"', '-', str(self.script)]
        return subprocess.run(command + [str(word) for word in words], env=values, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                              timeout=_PATIENCE_S)


@pytest.fixture
def make_installer(checkout, tmp_path):
    """``make_installer(**environment)`` gives an `Installer` that keeps its temporary files to itself."""
    def make(**environment):
        (tmp_path / 'tmp').mkdir(exist_ok=True)
        return Installer(checkout, tmp_path / 'tmp', **environment)
    return make


@pytest.fixture
def fake(make_installer, tmp_path):
    """An `Installer` whose interpreter and program are pretended; `log` is what they were asked."""
    interpreter = tmp_path / 'fake-python'
    source = Path(__file__).with_name('fake_interpreter.py').read_text()
    interpreter.write_text('#!%s -IS\n%s' % (sys.executable, source))  # no site-packages: it is started often
    interpreter.chmod(0o755)
    installer = make_installer(FAKE_REAL=sys.executable, FAKE_LOG=str(tmp_path / 'fake.log'))
    installer.log = tmp_path / 'fake.log'
    installer.python = ('--python', interpreter)
    return installer


def listing(folder):
    """Every file and folder below one: mode and, for files, bytes and time of change."""
    found = {}
    for path in sorted(folder.rglob('*')):
        status = path.lstat()
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(str(path))
        elif path.is_file():
            found[name] = (oct(status.st_mode), status.st_mtime_ns, path.read_bytes())
        else:
            found[name] = oct(status.st_mode)
    return found
