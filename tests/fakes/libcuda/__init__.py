"""A stand-in for the driver's ``libcuda.so.1``, compiled when a test first wants it.

Every double gets a copy of the file of its own, so that the loader gives it books of its own. A process that is to find
the library by its name gets the folder in ``LD_LIBRARY_PATH``.
"""
import atexit
import functools
import itertools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .world import LibraryWorld

__all__ = ['LibraryWorld', 'copy_library', 'library_folder']

_SOURCE = Path(__file__).with_name('libcuda.c')
_number = itertools.count()


@functools.lru_cache(maxsize=None)
def library_folder():
    """Folder (Path) that holds ``libcuda.so.1``; skips the test where nothing compiles C."""
    compiler = shutil.which('gcc') or shutil.which('cc')
    if compiler is None:
        pytest.skip('no C compiler here: the stand-in for libcuda cannot be built')
    folder = Path(tempfile.mkdtemp(prefix='libcuda-'))
    atexit.register(shutil.rmtree, str(folder), ignore_errors=True)
    subprocess.check_call([compiler, '-std=gnu11', '-Wall', '-Werror', '-O1', '-shared', '-fPIC', '-pthread',
                           '-fvisibility=hidden', '-o', str(folder / 'libcuda.so.1'), str(_SOURCE)])
    return folder


def copy_library():
    """Path (str) of a copy that nobody has loaded."""
    folder = library_folder()
    return shutil.copy(str(folder / 'libcuda.so.1'), str(folder / ('copy-%d.so' % next(_number))))
