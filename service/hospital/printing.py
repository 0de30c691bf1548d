"""A report is printed in a process of its own: reportlab would keep memory, and hold up the live picture."""
import os
import pickle
import subprocess
import sys
import threading

from ..messages import ThermoscreenError
from .report import Report

#: Longest that a report may take; a dynamic exam takes 2 s on a PC.
DEADLINE_S = 120.0

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PROGRAM = ('import os, pickle, sys; os.nice(10); from service.hospital.pdf import report_pdf; '
            'sys.stdout.buffer.write(report_pdf(pickle.load(sys.stdin.buffer), sys.argv[1]))')

_one_at_a_time = threading.Lock()


class PrintingError(ThermoscreenError):
    """A report that could not be printed."""

    exit_code = 1
    http_status = 503


def print_report(report: Report, paper: str = 'a4', deadline_s: float = DEADLINE_S) -> bytes:
    """A report as PDF, as of `report_pdf`; one at a time is made.

    Args:
        report: with pictures.
        paper: of `service.hospital.site.PAPERS`.
        deadline_s: after which it is given up.

    Raises:
        PrintingError: ``report-not-made``.
    """
    paths = [_HOME] + [path for path in [os.environ.get('PYTHONPATH', '')] if path]
    try:
        with _one_at_a_time:
            made = subprocess.run([sys.executable, '-c', _PROGRAM, paper], input=pickle.dumps(report),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=deadline_s,
                                  env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths), OPENBLAS_NUM_THREADS='1',
                                           OMP_NUM_THREADS='1'))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_made(repr(error)[:200])
    if made.returncode != 0:
        raise _not_made(made.stderr.decode('utf-8', 'replace').strip()[-500:])
    return made.stdout


def _not_made(detail: str) -> PrintingError:
    return PrintingError('report-not-made', 'The report could not be printed.',
                         'Try again. If it happens again, restart the station.', detail)
