"""What 100,000 exams cost: lists, searches, opening and keeping one more, beside a store with 100, in turns in one run.

The stores are filled without waiting for the disk, since that would take hours: folders and rows are those that `Exams`
writes, of signed exams with one small picture each, encrypted. What is measured is `Exams` as the station uses it.
The exit code is 1 if something takes more than 1.5 times as long with many exams as with few.

    python -m benchmarks.exams [--many 100000] [--few 100] [--rounds 40]
"""
import json
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

import click

from service.clock import Clock
from service.exams import Exam, Exams, Patient, Picture
from service.exams.exam import CAPTURED, CREATED, REVIEWED, SIGNED, STARTED, Event
from service.exams.folder import EXAM_NAME, encode_exam, path_of, stored
from service.exams.store import Store
from service.sealing import Sealer

from .conditions import conditions

#: Most that something may take with many exams, as a multiple of the same with few.
BAR = 1.5

_KEY = b'k' * 32
_NAMES = ('Anna', 'Berta', 'Clara', 'Dora', 'Emma', 'Frieda', 'Greta', 'Hanna')
_PICTURE = Picture(b'counts' * 50, {'outcome': 'result'}, b'picture' * 500)


#: Facts and files of the one picture of an exam, by the number of the exam.
Pictures = Callable[[int], Tuple[Dict[str, Any], Dict[str, bytes]]]


class Filled:
    """A store that was filled.

    Args:
        folder: of it, a new one.
        count: of its exams.
        pictures: what each has.
    Attributes:
        folder: of it.
        ids: of its exams.
        exams: it, open.
    """

    def __init__(self, folder: str, count: int, pictures: Pictures = lambda number: (
            {}, {'0001.overlay.png': _PICTURE.overlay})) -> None:
        self.folder, self.ids, self._pictures = folder, [], pictures  # type: str, List[str], Pictures
        self._sealer, self._clock = Sealer(_KEY), Clock(synchronised=lambda: True)
        os.makedirs(folder)
        store = Store(folder)
        store.fill(self._made(count))
        store.close()
        self.exams = Exams(folder, self._sealer, None, self._clock, room=lambda folder: None)

    def _made(self, count: int) -> Iterator[Exam]:
        stamp = self._clock.now()
        for number in range(1, count + 1):
            exam_id = '%016x' % random.getrandbits(64)
            name = '%s Berg-%d' % (_NAMES[number % len(_NAMES)], number % 997)
            patient = Patient('P-%d' % number, name, '1970-12-31')
            text = self._sealer.seal_text(json.dumps(patient._asdict()), exam_id + '/patient')
            words = {word for part in patient for word in part.split()}
            more, plain = self._pictures(number)
            sealed = {name: self._sealer.seal(data, '%s/%s' % (exam_id, name)) for name, data in plain.items()}
            files = {name: list(file) for name, file in stored(sealed).items()}
            facts: Dict[str, Any] = dict(more, role='frontal', frame=0, files=files)
            events = tuple(Event(step, 5 * number + step, kind, 'op', stamp, facts if kind == CAPTURED else {})
                           for step, kind in enumerate((CREATED, STARTED, CAPTURED, REVIEWED, SIGNED), 1))
            exam = Exam(exam_id, number, text, tuple(sorted(map(self._sealer.token, words))), True, SIGNED, events)
            folder = path_of(self.folder, exam_id)
            os.makedirs(folder)
            for name, data in dict(sealed, **{EXAM_NAME: encode_exam(exam)}).items():
                with open(os.path.join(folder, name), 'wb') as stream:
                    stream.write(data)
            self.ids.append(exam_id)
            yield exam


def _first_page(store: Filled, rng: random.Random) -> int:
    return len(store.exams.list())


def _a_page(store: Filled, rng: random.Random) -> int:
    return len(store.exams.list(after=rng.randrange(60, len(store.ids))))


def _by_state(store: Filled, rng: random.Random) -> int:
    return len(store.exams.list(state='signed', after=rng.randrange(60, len(store.ids))))


def _one_patient(store: Filled, rng: random.Random) -> int:
    return len(store.exams.list('P-%d' % rng.randrange(1, len(store.ids))))


def _common_name(store: Filled, rng: random.Random) -> int:
    return len(store.exams.list('emma', limit=10))


def _two_words(store: Filled, rng: random.Random) -> int:
    number = rng.randrange(1, len(store.ids))
    return len(store.exams.list('%s P-%d' % (_NAMES[number % len(_NAMES)], number)))


def _open(store: Filled, rng: random.Random) -> int:
    exam = store.exams.get(rng.choice(store.ids))
    store.exams.patient(exam)
    return len(store.exams.read_file(exam, '0001.overlay.png')) and 1


def _keep(store: Filled, rng: random.Random) -> int:
    exam = store.exams.create(Patient('P-0', 'New'), 'op')
    store.exams.start(exam.id, 'op')
    store.exams.add_capture(exam.id, 'op', 'frontal', _PICTURE)
    return 1


#: What is measured, by its name, and whether `BAR` holds for it.
MEASURED: Dict[str, Tuple[Callable[[Filled, random.Random], int], bool]] = {
    'first page of the list': (_first_page, True), 'any page of the list': (_a_page, True),
    'page of signed exams': (_by_state, True), 'search: one patient': (_one_patient, True),
    'search: a common name': (_common_name, True), 'search: two words': (_two_words, True),
    'open an exam and a picture': (_open, True), 'make one, start, capture': (_keep, True)}


@click.command()
@click.option('--many', default=100000, help='Exams of the large store.')
@click.option('--few', default=100, help='Exams of the small store.')
@click.option('--rounds', default=40, help='How often each thing is done with either.')
@click.option('--folder', type=click.Path(), default=None, help='Where the stores are made. Default: a temporary one.')
def main(many: int, few: int, rounds: int, folder: str) -> None:
    """Print how long lists, searches and opening take with many exams and with few."""
    work = tempfile.mkdtemp(prefix='thermoscreen-exams-', dir=folder)
    try:
        began = time.monotonic()
        stores = [Filled(os.path.join(work, str(count)), count) for count in (few, many)]
        print('%s, SQLite %s, filled in %.0f s without waiting for the disk; load %.1f; median of %d in turns'
              % (conditions(1), sqlite3.sqlite_version, time.monotonic() - began, os.getloadavg()[0], rounds))
        print('%-28s %10s %10s %7s' % ('milliseconds', '%d exams' % few, '%d' % many, 'ratio'))
        well = True
        for name, (work_of, counts) in MEASURED.items():
            taken = _in_turns(stores, work_of, rounds)
            few_ms, many_ms = (1e3 * statistics.median(times) for times in taken)
            well &= not counts or many_ms <= BAR * few_ms
            print('%-28s %10.2f %10.2f %7.2f' % (name, few_ms, many_ms, many_ms / few_ms))
        for store in stores:
            store.exams.close()
        size = os.path.getsize(os.path.join(work, str(many), 'exams.db')) / 1e6
        print('Index of %d exams: %.0f MB; opening the store and closing it: %.2f s' % (many, size, _reopened_s(
            os.path.join(work, str(many)))))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(0 if well else 1)


def _in_turns(stores: List[Filled], work_of: Callable[[Filled, random.Random], int], rounds: int) -> List[List[float]]:
    """Seconds of each round with each store; what both give is of one size."""
    rng = random.Random(1)
    taken: List[List[float]] = [[] for _ in stores]
    for number in range(rounds + 1):
        for store, times in zip(stores, taken):
            began = time.perf_counter()
            found = work_of(store, rng)
            if number:  # the first round warms up
                times.append(time.perf_counter() - began)
            if not found:
                raise SystemExit('%s found nothing' % work_of.__name__)
    return taken


def _reopened_s(folder: str) -> float:
    began = time.perf_counter()
    Exams(folder, Sealer(_KEY), None, Clock(), room=lambda folder: None).close()
    return time.perf_counter() - began


if __name__ == '__main__':
    main()
