"""Feeds one target, and checks how every damaged input ends."""
import contextlib
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field

from .mutate import Mutator

#: Longer than this for one small file is a hang.
LIMIT_S = 20


class HangError(Exception):
    """An input took longer than `LIMIT_S`."""


@dataclass
class Report:
    """How the inputs of a target ended.

    Attributes:
        target (str): its name.
        cases (int): inputs fed.
        answered (int): those that still were a frame.
        refused (dict): code of the refusal to how many.
        faults (list of str): what should not have happened; empty is good.
        slowest_ms (float): the slowest of them.
        peak_mib (float): growth of the process' largest resident memory while they were fed.
    """

    target: str
    cases: int = 0
    answered: int = 0
    refused: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)
    slowest_ms: float = 0.0
    peak_mib: float = 0.0

    def to_dict(self):
        """As JSON."""
        return asdict(self)


def run(target, cases, seed=1, keep=None):
    """Feed a target.

    Args:
        target (FileTarget or WireTarget)
        cases (int): how many inputs.
        seed (int): the same seed makes the same inputs.
        keep (str): folder for inputs that did not end well; None keeps none.
    Returns:
        Report
    """
    seeds, report, refused = target.seeds, Report(target.name), Counter()
    mutator = Mutator('%s/%d' % (target.name, seed), seeds, target.keeps_size)
    before_mib = _resident_mib()
    with tempfile.TemporaryDirectory(dir='/dev/shm' if os.path.isdir('/dev/shm') else None) as folder, \
            _Listening() as listening, _Alarm() as alarm:
        for number in range(cases):
            data = mutator.damage(mutator.choose(seeds))
            if target.repair and number % 2:
                data = target.repair(data)
            started, fault = time.monotonic(), None
            try:
                with alarm.limit():
                    target.feed(data, folder)
                report.answered += 1
            except target.refusals as error:
                refused[error.code] += 1
                if '\n' in error.message.text or not error.message.text.endswith('.') or len(error.message.text) > 500:
                    fault = 'not one sentence: %r' % error.message.text
            except Exception:
                fault = traceback.format_exc()
            report.slowest_ms = max(report.slowest_ms, 1000 * (time.monotonic() - started))
            said = listening.said()
            if fault or said:
                report.faults.append('case %d: %s' % (number, fault or 'wrote %r' % said[:200]))
                _keep(keep, target, number, data)
            report.cases += 1
    report.refused = dict(refused)
    report.peak_mib = _resident_mib() - before_mib
    return report


def _keep(folder, target, number, data):
    if folder:
        os.makedirs(folder, exist_ok=True)
        name = '%s-%d%s' % (target.name.replace(' ', '-'), number, getattr(target, 'suffix', '.frame'))
        with open(os.path.join(folder, name), 'wb') as stream:
            stream.write(data)


def _resident_mib():
    """The largest resident memory so far; Linux gives KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


class _Listening:
    """Catches standard error, to which a library may write."""

    def __enter__(self):
        sys.stderr.flush()
        self._kept, self._caught = os.dup(2), tempfile.TemporaryFile()
        os.dup2(self._caught.fileno(), 2)
        return self

    def said(self):
        """What was written since the last call, bytes."""
        if not os.fstat(self._caught.fileno()).st_size:
            return b''
        self._caught.seek(0)
        text = self._caught.read()
        self._caught.truncate(0)
        self._caught.seek(0)
        return text

    def __exit__(self, *_):
        os.dup2(self._kept, 2)
        os.close(self._kept)
        self._caught.close()


class _Alarm:
    """Interrupts an input that takes too long; entered once for all of them."""

    def __enter__(self):
        self._before = signal.signal(signal.SIGALRM, _ring)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGALRM, self._before)

    @contextlib.contextmanager
    def limit(self):
        """The time that one input has."""
        signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(*_):
    raise HangError('longer than %d s' % LIMIT_S)
