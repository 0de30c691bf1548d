"""A folder that appears whole or not at all."""
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from service.durable import storage_error
from service.messages import InputError


def check_folder(path, mark, force=False):
    """Refuse a folder that holds something else than an earlier report.

    Args:
        path (Path): where a report is to go.
        mark (str): name of the file by which an earlier report is known.
        force (bool): replace it whatever it holds.

    Raises:
        InputError: ``out-is-file`` or ``out-not-empty``.
    """
    if path.exists() and not path.is_dir():
        raise InputError('out-is-file', '%s is a file; name a folder.' % path)
    if path.is_dir() and any(path.iterdir()) and not (path / mark).is_file() and not force:
        raise InputError('out-not-empty', '%s holds something that is not a report; choose another folder, or replace '
                         'it with --force.' % path)


@contextlib.contextmanager
def whole_folder(path, mark, force=False):
    """Fill a folder beside `path` and put it in its place at the end; an earlier report goes then.

    Args:
        path (Path): where the folder is to be.
        mark, force: as for `check_folder`.

    Yields:
        Path: the folder to fill; gone if anything goes wrong, and `path` is then as it was.

    Raises:
        InputError: as `check_folder`.
        StorageError: a full or read-only disk, or a folder that cannot be made.
    """
    path = Path(os.path.abspath(path))
    check_folder(path, mark, force)
    staging = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix='.%s-' % path.name, dir=path.parent))
        filled = staging / 'new'
        filled.mkdir()
        yield filled
        _put(filled, path, staging / 'old')
    except OSError as error:
        raise storage_error(error, path)
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _put(filled, path, old):
    """Rename the new folder into place, the old one out of the way; or the old one back where that fails."""
    if not path.is_dir():
        os.rename(filled, path)
        return
    os.rename(path, old)
    try:
        os.rename(filled, path)
    except OSError:
        os.rename(old, path)
        raise
