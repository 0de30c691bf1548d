"""Reports as JSON, and report folders that appear whole or not at all."""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator

from service.durable import replace_folder, storage_error
from service.messages import InputError


def to_json(report: Dict[str, Any]) -> str:
    """A report as text, its keys in their order.

    Raises:
        ValueError: a NaN or infinity, which is not JSON.
    """
    return json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False) + '\n'


#: Programs that print a page as PDF, and how long they may take.
_BROWSERS, _PRINT_S = ('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'), 120


def print_page(page: Path, pdf: Path) -> bool:
    """Print an HTML file as PDF with the system's Chromium; False where there is none, or where it does not do it."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        return False
    with tempfile.TemporaryDirectory() as profile, contextlib.suppress(OSError, subprocess.TimeoutExpired):
        # Chromium has no sandbox for root; the page is our own and loads nothing.
        words = [browser, '--headless', '--disable-gpu', '--no-pdf-header-footer', '--user-data-dir=' + profile,
                 '--print-to-pdf=%s' % pdf] + ['--no-sandbox'] * (os.geteuid() == 0) + [page.resolve().as_uri()]
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_PRINT_S, check=False)
    return pdf.is_file() and pdf.stat().st_size > 0


def failure_line(failure: Dict[str, Any], outcome: str) -> str:
    """A sample that could not be used, in a line.

    Args:
        failure: its ``key`` and the JSON of a message.
        outcome: what became of it, such as ``'left out'``.
    """
    reason = ' '.join(part for part in (failure['sentence'], failure['next_step']) if part)
    return '%s: %s. %s [%s]' % (failure['key'], outcome, reason, failure['code'])


def check_folder(path: Path, mark: str, force: bool = False) -> None:
    """Refuse a folder that holds anything other than an earlier report.

    Args:
        path: where a report is to go.
        mark: name of the file by which an earlier report is recognised.
        force: replace the folder whatever it holds.
    Raises:
        InputError: ``out-is-file`` or ``out-not-empty``.
    """
    if path.exists() and not path.is_dir():
        raise InputError('out-is-file', '%s is a file.' % path, 'Name a folder.')
    if path.is_dir() and any(path.iterdir()) and not (path / mark).is_file() and not force:
        raise InputError('out-not-empty', '%s holds something other than a report.' % path,
                         'Choose another folder, or replace it with --force.')


@contextlib.contextmanager
def whole_folder(path: Path, mark: str, force: bool = False) -> Iterator[Path]:
    """Fill a folder beside `path` and move it into place at the end, replacing an earlier report.

    Args:
        path: where the folder is to be.
        mark, force: as for `check_folder`.
    Yields:
        The folder to fill. If anything goes wrong it is removed, and `path` is as it was.
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
        replace_folder(str(filled), str(path))
    except OSError as error:
        raise storage_error(error, path)
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
