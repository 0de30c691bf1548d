"""The station under kill -9 while exams are taken at it: what a browser had an answer for is there after a start.

``thermoscreen serve`` runs on the simulated camera, with operators and encryption. A browser logs in and takes exams
over HTTP: patient, pictures, review, signature, amendment. Every whole answer goes into a ledger outside the station.
The process is killed at a random moment: in a start, or within some step of an exam. The next browser holds the ledger
against the station, and goes on with the exam that is under way. In the end the station is compared with its folders,
its audit log, and an index that is made anew. The exit code is 1 if an exam was lost, half visible or mixed with
another.

    python -m benchmarks.attacks.killed_station [--kills 200]
"""
import http.client
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from typing import Dict, List, Optional

import click

from service.exams.library import RECONCILED
from service.operators.chain import FOLDER, decode, read_lines

from .ledger import KINDS, NOT_YET, Taker
from .station import table

#: Each so many-th kill comes while the station starts.
_STARTS = 8

#: A step takes so long, until one was seen; and writes for so long, if the machine is not busy.
_STEP_S, _WRITING_S = 0.5, 0.06

#: Steps that are taken before the one with the kill.
_MOST_STEPS = 8


class Killer:
    """Kills a station at random moments.

    Args:
        taker: takes the exams.
    Attributes:
        moments: how many kills came in a step, by its name.
    """

    def __init__(self, taker: Taker) -> None:
        self.moments: Dict[str, int] = {'start': 0}
        self._taker, self._start_s = taker, _STEP_S
        self._took_s: Dict[str, float] = {}

    def in_start(self) -> None:
        """Kill it while it starts."""
        self._taker.launch()
        time.sleep(self._taker.rng.uniform(0, self._start_s))
        self.moments['start'] += 1
        self._taker.end()

    def in_step(self) -> None:
        """Start it, compare, take some steps, and kill it in the next one.

        Raises:
            SystemExit: it refuses a step, or ends by itself.
        """
        began_s = time.monotonic()
        self._taker.start()
        self._start_s = time.monotonic() - began_s
        left = self._taker.rng.randrange(_MOST_STEPS)
        striking: Optional[threading.Thread] = None
        try:
            while True:
                step, exam = self._taker.next_step()
                if left == 0:
                    striking = threading.Thread(target=self._strike, args=(self._took_s.get(step, _STEP_S),))
                    self.moments[step] = self.moments.get(step, 0) + 1
                    striking.start()
                left -= 1
                began_s = time.monotonic()
                code = self._taker.take(step, exam)
                if code and code not in NOT_YET:
                    raise SystemExit('%s: %s' % (step, code))
                self._took_s[step] = time.monotonic() - began_s
        except (OSError, http.client.HTTPException) as error:
            if striking is None:
                raise SystemExit('The station stopped answering by itself: %r' % error)
            striking.join()

    def _strike(self, step_s: float) -> None:
        """Kill it somewhere in the step that begins now; every other time while that writes, which takes the least."""
        until_s = time.monotonic() + 2 * step_s
        if self._taker.rng.random() < 0.5:
            time.sleep(self._taker.rng.uniform(0, 1.1 * step_s))
        else:
            before = self._written()
            while self._written() == before and time.monotonic() < until_s:
                time.sleep(0.0005)
            time.sleep(self._taker.rng.uniform(0, _WRITING_S))
        self._taker.end()

    def _written(self) -> int:
        """When the index last noted that an exam is about to change, or how one did."""
        return os.stat(os.path.join(self._taker.folder, 'exams.db-wal')).st_mtime_ns


def verified(taker: Taker) -> List[str]:
    """What the command line says of a stopped station that is not as it should be; its index is made anew."""
    def run(*words: str) -> 'subprocess.CompletedProcess[str]':
        return subprocess.run([sys.executable, '-m', 'service'] + list(words) + ['--settings', taker.settings],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)

    def listed() -> str:
        return run('exams', 'list', '--limit', '1000', '--json').stdout
    told = []
    for verb in ('exams', 'audit'):
        done = run(verb, 'verify')
        print(done.stdout.strip())
        if done.returncode:
            told.append('%s verify: %d' % (verb, done.returncode))
    before = listed()
    index = os.path.join(taker.folder, 'exams.db')
    os.rename(index, index + '.old')
    if run('exams', 'rebuild').returncode or listed() != before or before.count('"id"') < len(taker.ledger):
        told.append('exams rebuild gives another list')
    return told


@click.command()
@click.option('--kills', default=200, help='How often the process is killed.')
@click.option('--seed', default=1, help='Of the moments.')
@click.option('--anew', is_flag=True, help='Load the program anew for each start, which takes longer.')
@click.option('--limit', 'limit_s', default=1e9, help='Seconds after which no further kill comes.')
def main(kills: int, seed: int, anew: bool, limit_s: float) -> None:
    """Kill a station at which exams are taken, and print what was lost, half visible or mixed."""
    began_s, work, number = time.monotonic(), tempfile.mkdtemp(prefix='thermoscreen-killed-'), 0
    taker = Taker(work, os.path.join(work, 'exams'), random.Random(seed), anew)
    killer = Killer(taker)
    try:
        taker.begin()
        taker.end()
        while number < kills and time.monotonic() - began_s < limit_s:
            number += 1
            if number % _STARTS:
                killer.in_step()
            else:
                killer.in_start()
            if number % 10 == 0:
                print('%d kills, %.0f s, %d acknowledged' % (number, time.monotonic() - began_s, taker.acknowledged),
                      flush=True)
        taker.start()
        taker.compare_all()
        taker.end(signal.SIGTERM)
        told = verified(taker)
    except BaseException:
        print('The folders stay in %s.' % work)
        raise
    finally:
        taker.end()
    events = [decode(line)['event'] for line in read_lines(os.path.join(taker.folder, FOLDER))]
    print('%d kills -9 in %.0f s, Python %d.%d, SQLite %s; in %s; %d times the next start compared an exam with its '
          'folder' % (number, time.monotonic() - began_s, sys.version_info[0], sys.version_info[1],
                      sqlite3.sqlite_version, ', '.join('%s %d' % moment for moment in sorted(killer.moments.items())),
                      events.count(RECONCILED)))
    print(table(('acknowledged', 'exams') + KINDS, [
        (taker.acknowledged, len(taker.ledger)) + tuple(len(taker.wrong[kind]) for kind in KINDS)]))
    if told or any(taker.wrong.values()):
        print('\n'.join(told + ['The folders stay in %s.' % work]))
        sys.exit(1)
    shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    main()
