"""A disk that fills up while exams are taken: refusals in words, nothing acknowledged lost, and on it goes with room.

The exams of a served station lie on a file system in memory. Something else fills it but for a random rest, exams are
taken until a step is refused, and some times the station is killed and started on the full disk. Then room is made: the
station has to take the same step, and to have everything that it acknowledged. The exit code is 1 if a refusal had no
code of a full disk, if something was lost, half visible or mixed, or if it did not go on. It takes the right to mount.

    python -m benchmarks.attacks.full_disk [--rounds 20]
"""
import contextlib
import ctypes
import http.client
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from typing import Dict, List

import click

from .killed_station import verified
from .ledger import KINDS, NOT_YET, Taker
from .station import table

_SIZE_MIB = 640

#: What may be left for exams: from nothing to some pictures.
_MOST_LEFT = 3 << 20

#: Refusals for want of room.
_FULL = ('disk-full', 'room-none')

_MNT_DETACH = 2


class Disk:
    """A file system in memory, and what else is on it.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: str) -> None:
        self._folder, self._other = folder, os.path.join(folder, 'other')
        self._library = ctypes.CDLL(None, use_errno=True)
        if self._library.mount(b'tmpfs', folder.encode(), b'tmpfs', 0, b'size=%dm' % _SIZE_MIB):
            raise SystemExit('This user may not mount a file system.')

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        with open(self._other, 'wb') as stream:
            os.posix_fallocate(stream.fileno(), 0, max(1, self._free() - left))

    def make_room(self) -> None:
        """Leave nothing else on it."""
        os.unlink(self._other)

    def unmount(self) -> None:
        """Have it gone."""
        self._library.umount2(self._folder.encode(), _MNT_DETACH)

    def _free(self) -> int:
        told = os.statvfs(self._folder)
        return told.f_bavail * told.f_frsize


class Rounds:
    """What was refused, and what was wrong.

    Attributes:
        refused: how often, by step and code.
        faults: what did not go on, or was refused for another reason.
    """

    def __init__(self, taker: Taker, disk: Disk) -> None:
        self.refused: Dict[str, int] = {}
        self.faults: List[str] = []
        self._taker, self._disk = taker, disk

    def round(self, number: int) -> None:
        """Fill the disk, take exams until one step is refused, make room, and take that step."""
        taker = self._taker
        if taker.rng.random() < 0.5:  # some refusals are to come within an exam, whose beginning asks for room
            self._go_on(number)
        self._disk.fill(taker.rng.choice((0, 0, 4096, taker.rng.randrange(_MOST_LEFT))))
        code = self._step()
        while not code:
            code = self._step()
        if code not in _FULL:
            self.faults.append('round %d: %s' % (number, code))
        if taker.rng.random() < 0.4:
            taker.end()
            taker.launch()
            name = 'start: it answers' if taker.answers() else 'start: it ends'
            self.refused[name] = self.refused.get(name, 0) + 1
            taker.end()
            self._disk.make_room()
            taker.start()
        else:
            self._disk.make_room()
        self._go_on(number)

    def _go_on(self, number: int) -> None:
        code = self._step()
        if code:
            self.faults.append('round %d, with room: %s' % (number, code))

    def _step(self) -> str:
        """Take the next step, with all the time that a picture needs; the code of the refusal."""
        step, exam = self._taker.next_step()
        while True:
            code = self._taker.take(step, exam)
            if code not in NOT_YET:
                break
            time.sleep(0.05)
        if code:
            name = '%s: %s' % (step, code)
            self.refused[name] = self.refused.get(name, 0) + 1
        return code


@click.command()
@click.option('--rounds', default=20, help='How often the disk fills up.')
@click.option('--seed', default=1, help='Of what happens.')
def main(rounds: int, seed: int) -> None:
    """Fill the disk of a station, and print what was refused, lost, half visible or mixed."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as mounted:
        folder = os.path.join(work, 'disk')
        os.mkdir(folder)
        disk = Disk(folder)
        mounted.callback(disk.unmount)
        taker = Taker(work, os.path.join(folder, 'exams'), random.Random(seed))
        done = Rounds(taker, disk)
        try:
            taker.begin()
            for number in range(1, rounds + 1):
                try:
                    done.round(number)
                except (OSError, http.client.HTTPException) as error:
                    raise SystemExit('round %d: the station stopped answering: %r' % (number, error))
            taker.end(signal.SIGTERM)
            taker.start(compared=False)
            taker.compare_all()
            taker.end(signal.SIGTERM)
            done.faults += verified(taker)
        finally:
            taker.end()
    print('%d times full in %.0f s, Python %d.%d, SQLite %s' % (
        rounds, time.monotonic() - began_s, sys.version_info[0], sys.version_info[1], sqlite3.sqlite_version))
    print(table(('refused', 'times'), sorted(done.refused.items())))
    print(table(('acknowledged', 'exams') + KINDS, [
        (taker.acknowledged, len(taker.ledger)) + tuple(len(taker.wrong[kind]) for kind in KINDS)]))
    print('\n'.join(done.faults))
    sys.exit(1 if done.faults or any(taker.wrong.values()) else 0)


if __name__ == '__main__':
    main()
