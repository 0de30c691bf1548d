"""What outside tools check: Python 3.6 grammar and library, and which package imports which."""
import subprocess
import sys
from pathlib import Path

import pytest

DEVICE_HALF = ['service', 'jetson', 'calibration']


def _check(root, tool, *words):
    # The tool installed beside this interpreter, not that of another one on PATH.
    program = Path(sys.executable).with_name(tool)
    if not program.exists():
        pytest.skip('%s is not installed here; `make lint` installs it' % tool)
    process = subprocess.run([str(program)] + list(words), cwd=str(root), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True)
    assert process.returncode == 0, process.stdout


def test_device_half_needs_no_more_than_python_36(root):
    _check(root, 'vermin', *DEVICE_HALF)


def test_imports_run_one_way(root):
    _check(root, 'lint-imports', '--no-cache')


@pytest.mark.parametrize('broken', ['if (n := 1): pass', 'import zoneinfo', "'a'.removeprefix('a')"])
def test_newer_python_is_noticed(root, tmp_path, broken):
    """The check itself: something newer than 3.6 does fail it."""
    (tmp_path / 'newer.py').write_text(broken + '\n')
    with pytest.raises(AssertionError):
        _check(root, 'vermin', str(tmp_path))
