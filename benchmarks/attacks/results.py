"""Kills, failing disks and two writers at once: a folder of results never holds parts of two patients.

The results of two phantoms are written into one folder by processes that are killed at every call of the system in
turn, killed at random while two of them write, met by an fsync that fails, or left without locks as on NFS; and by
``thermoscreen analyse`` as a whole, killed at random. Then it is looked whose picture, labels and numbers lie there,
and whether the next start clears away what was left. The exit code is 1 if a folder was mixed, incomplete or not
cleared, or if the result of another file was replaced unasked.

    python -m benchmarks.attacks.results [--kills 150]
"""
import errno
import fcntl
import inspect
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Sequence, Set, Tuple

import click
import cv2
import numpy as np

import service
from service import durable, record
from service.cli.options import load_settings, make_pipeline
from service.messages import ThermoscreenError
from service.result import Result
from service.simulator import make_phantom
from service.thermogram import Thermogram

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(service.__file__)))

#: What writers call; `shutil` calls the same functions of `os`.
CALLS = ((os, 'open'), (os, 'write'), (os, 'fsync'), (os, 'rename'), (os, 'replace'), (os, 'mkdir'), (os, 'close'),
         (os, 'unlink'), (os, 'rmdir'), (durable, '_exchange'))

#: Of the kills, so many are of the whole program, and half of the others at every call in turn.
PROGRAM_KILLS = 10
#: Rounds of two writers on a disk without locks, in each of which either writes so often.
LOCKLESS_ROUNDS, LOCKLESS_WRITES = 20, 5
#: Attempts to replace the result of another file without being told to.
UNASKED = 10

#: Whether this version knows whose a result is; earlier ones are attacked too, for the figures before.
KNOWS_INPUTS = 'force' in inspect.signature(record.write_record).parameters

BAD = ('mixed', 'incomplete', 'not cleared')

#: Writes one of the two results into a folder.
Write = Callable[[int, str], None]


class Judge:
    """Tells whose result lies in a folder.

    Args:
        target: the folder.
        references: a whole result of either file.
    """

    def __init__(self, target: str, references: Sequence[str]) -> None:
        self.target, self.parent = target, os.path.dirname(target)
        self._files = [{name: read(os.path.join(folder, name)) for name in os.listdir(folder)}
                       for folder in references]
        self._regions = [json.loads(files['result.json'].decode())['regions'] for files in self._files]

    def clear(self) -> None:
        """Begin with nothing."""
        shutil.rmtree(self.parent, ignore_errors=True)
        os.makedirs(self.parent)

    def look(self) -> List[str]:
        """What is wrong now or after the next start: some of `BAD`."""
        states = [self._state()]
        record.recover_records(self.parent)
        states.append(self._state())
        if [name for name in os.listdir(self.parent) if name.startswith('.')]:
            states.append('not cleared')
        return sorted(set(states).intersection(BAD))

    def _state(self) -> str:
        if not os.path.lexists(self.target):
            return 'nothing'
        owners: Set[int] = set()
        names = sorted(os.listdir(self.target))
        for name in names:
            data = read(os.path.join(self.target, name))
            owners.update(number for number in range(2) if self._is_of(number, name, data))
        return 'mixed' if len(owners) > 1 else 'whole' if owners and len(names) == 3 else 'incomplete'

    def _is_of(self, number: int, name: str, data: bytes) -> bool:
        if name != 'result.json':
            return self._files[number].get(name) == data
        try:
            return bool(json.loads(data.decode())['regions'] == self._regions[number])
        except ValueError:
            return False


def read(path: str) -> bytes:
    """The content of a file."""
    with open(path, 'rb') as stream:
        return stream.read()


def in_child(work: Callable[[], None]) -> int:
    """Start some work in a process of its own, and give its id; its exit code is 1 if the work fails."""
    process = os.fork()
    if process == 0:
        try:
            work()
        except (ThermoscreenError, OSError):
            os._exit(1)
        finally:
            os._exit(0)
    return process


def counting(calls: Sequence[Tuple[Any, str]], k: int, act: Callable[[], None]) -> None:
    """Do something before the k-th call of the system, counted from 0."""
    left = [k]

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == -1:
                act()
            return real(*args, **kwargs)
        return call
    for module, name in calls:
        setattr(module, name, wrap(getattr(module, name)))


def at_every_call(judge: Judge, write: Write, times: int, calls: Sequence[Tuple[Any, str]], act: Callable[[], None]
                  ) -> List[List[str]]:
    """One writer in which something happens at its calls in turn, over nothing and over the other result."""
    seen: List[List[str]] = []
    k, over = 0, False
    while len(seen) < times:
        judge.clear()
        if over:
            write(1, judge.target)

        def work(k: int = k) -> None:
            counting(calls, k, act)
            write(0, judge.target)
        k += 1
        if os.waitpid(in_child(work), 0)[1] == 0:  # there were fewer calls
            k, over = 0, not over
            continue
        seen.append(judge.look())
    return seen


def die() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    """Be told by the disk that it failed."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def kill_two(judge: Judge, write: Write, times: int, dice: random.Random) -> List[List[str]]:
    """Two writers at once, killed one after the other at random; looked at when both are dead."""
    def work(number: int) -> Callable[[], None]:
        def repeat() -> None:
            while True:
                write(number, judge.target)
        return repeat
    seen: List[List[str]] = []
    while len(seen) < times:
        judge.clear()
        for process in [in_child(work(number)) for number in range(2)]:
            time.sleep(dice.uniform(0.0, 0.2))
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        seen.append(judge.look())
    return seen


def without_locks(judge: Judge, write: Write) -> Tuple[List[List[str]], int]:
    """Two writers at once where no folder can be locked: what was seen, and how many writes were refused."""
    def unlocked(descriptor: int, operation: int) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # as NFS says of a folder

    def work(number: int) -> None:
        fcntl.flock = unlocked  # type: ignore[assignment]
        failed = 0
        for _ in range(LOCKLESS_WRITES):
            try:
                write(number, judge.target)
            except (ThermoscreenError, OSError):
                failed += 1
        os._exit(failed)
    seen: List[List[str]] = []
    refused = 0
    for _ in range(LOCKLESS_ROUNDS):
        judge.clear()
        writers = [in_child(lambda number=number: work(number)) for number in range(2)]  # type: ignore[misc]
        refused += sum(os.waitpid(process, 0)[1] >> 8 for process in writers)
        seen.append(judge.look())
    return seen, refused


def kill_program(folder: str, pixels: Sequence[np.ndarray], times: int, dice: random.Random) -> List[List[str]]:
    """``thermoscreen analyse``, which writes the result of one file over that of another, killed at random."""
    out = os.path.join(folder, 'out')

    def start(number: int, out: str) -> 'subprocess.Popen[bytes]':
        path = os.path.join(folder, str(number), 'visit.csv')
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path))
            np.savetxt(path, pixels[number], '%.2f', ',')
        return subprocess.Popen([sys.executable, '-m', 'service', 'analyse', path, '--out', out]
                                + (['--force'] if KNOWS_INPUTS else []), cwd=ROOT, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env=dict(os.environ, LC_ALL='C.UTF-8'))
    references = [os.path.join(folder, 'reference%d' % number) for number in range(2)]
    for number, reference in enumerate(references):
        began_s = time.monotonic()
        start(number, reference).wait()
        took_s = time.monotonic() - began_s
    judge = Judge(os.path.join(out, 'visit'), [os.path.join(reference, 'visit') for reference in references])
    judge.clear()
    seen = []
    for number in range(times):
        process = start(number % 2, out)
        # Most of the time goes into the start, where there is nothing to break.
        time.sleep(dice.uniform(0.5, 1.05) * took_s)
        process.kill()
        process.wait()
        seen.append(judge.look())
    return seen


def replaced_unasked(judge: Judge, results: Sequence[Result]) -> int:
    """How many results of another file are replaced by a writer that was not told to."""
    replaced = 0
    for number in range(UNASKED):
        judge.clear()
        writer(results, force=False)(number % 2, judge.target)
        try:
            writer(results, force=False)(1 - number % 2, judge.target)
            replaced += 1
        except ThermoscreenError:
            pass
    return replaced


def writer(results: Sequence[Result], force: bool = True) -> Write:
    """What writes the results, also where write_record knew no input yet."""
    def write(number: int, folder: str) -> None:
        more: Dict[str, Any] = {}
        if KNOWS_INPUTS:
            more = {'source': record.Input('%d.csv' % number, '%064x' % number), 'force': force}
        record.write_record(folder, results[number], **more)
    return write


def analysed(pixels: Sequence[np.ndarray]) -> List[Result]:
    """The results of some frames, from the shipped bundle."""
    with make_pipeline(load_settings(None)) as pipeline:
        return [pipeline.analyse(Thermogram.from_celsius(frame, 'phantom')) for frame in pixels]


@click.command()
@click.option('--kills', type=click.IntRange(20), default=150, show_default=True, help='How many kills.')
@click.option('--seed', type=int, default=1, show_default=True, help='Of the random moments.')
def main(kills: int, seed: int) -> None:
    """Print what lay in the folder after every attack."""
    cv2.setNumThreads(1)  # the children are forks
    dice, folder = random.Random(seed), tempfile.mkdtemp(prefix='results-')
    try:
        pixels = [make_phantom(number, 120, 160).celsius for number in (2, 3)]
        results = analysed(pixels)
        write = writer(results)
        references = [os.path.join(folder, 'reference', str(number)) for number in range(2)]
        for number, reference in enumerate(references):
            write(number, reference)
        judge = Judge(os.path.join(folder, 'out', 'visit'), references)
        rounds = (kills - PROGRAM_KILLS) // 4
        lockless, refused = without_locks(judge, write)
        rows = [('killed at every call in turn', at_every_call(judge, write, kills - PROGRAM_KILLS - 2 * rounds, CALLS,
                                                               die)),
                ('two writers, both killed', kill_two(judge, write, rounds, dice)),
                ('thermoscreen analyse killed', kill_program(os.path.join(folder, 'program'), pixels, PROGRAM_KILLS,
                                                             dice)),
                ('an fsync that fails', at_every_call(judge, write, 20, ((os, 'fsync'),), fail)),
                ('two writers without locks', lockless)]
        unasked = replaced_unasked(judge, results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo('Python %s, seed %d' % (sys.version.split()[0], seed))
    click.echo('%-30s %6s %6s %11s %12s' % ('', 'looks', *BAD))
    for name, seen in rows:
        mixed, incomplete, left = (sum(bad in states for states in seen) for bad in BAD)
        click.echo('%-30s %6d %6d %11d %12d' % (name, len(seen), mixed, incomplete, left))
    click.echo('%-30s %6d of %d' % ('writes refused without locks', refused, 2 * LOCKLESS_ROUNDS * LOCKLESS_WRITES))
    click.echo('%-30s %6d of %d' % ('replaced unasked', unasked, UNASKED))
    if unasked or any(states for _, seen in rows for states in seen):
        sys.exit(1)


if __name__ == '__main__':
    main()
