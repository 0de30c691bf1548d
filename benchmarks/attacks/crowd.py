"""Twenty pages watch the live picture while an exam is taken: the pictures are kept, and nobody's picture stops.

Run it as ``python -m benchmarks.attacks.crowd``.
"""
import argparse
import contextlib
import http.client
import json
import sys
import threading
import time
from typing import List, Tuple

from service.web.login import DEMO_PIN

from .station import GIVEN_UP_S, Operator, served, table

_ROLES = ('frontal', 'raised-arms', 'left-oblique', 'right-oblique', 'left-lateral', 'right-lateral')

_MADE = 201

#: The longest time between two pictures of a viewer that is no standstill.
_LONGEST_GAP_S = 2.0
_ALONE_S, _AFTER_S = 5.0, 3.0


class Watcher(threading.Thread):
    """One page that watches.

    Attributes:
        seen_s: when each picture was there, by `time.monotonic`.
    """

    def __init__(self, port: int, cookie: str) -> None:
        super().__init__(daemon=True)
        self._port, self._cookie = port, cookie
        self.seen_s: List[float] = []
        self.stop = threading.Event()

    def run(self) -> None:
        """Watch until told to stop, or until the station ends the stream."""
        connection = http.client.HTTPConnection('127.0.0.1', self._port, timeout=GIVEN_UP_S)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request('GET', '/live.mjpg', headers={'Cookie': self._cookie})
            answer = connection.getresponse()
            while not self.stop.is_set():
                line = answer.readline()
                if not line:
                    return
                if line.lower().startswith(b'content-length:'):
                    length = int(line.partition(b':')[2])
                    answer.readline()
                    if len(answer.read(length)) == length:
                        self.seen_s.append(time.monotonic())

    def longest_s(self, began_s: float, ended_s: float) -> float:
        """The longest time without a new picture in a span of time."""
        marks = [began_s] + [seen_s for seen_s in self.seen_s if began_s < seen_s < ended_s] + [ended_s]
        return max(later - earlier for earlier, later in zip(marks, marks[1:]))

    def count(self, began_s: float, ended_s: float) -> int:
        """How many pictures came in a span of time."""
        return sum(began_s < seen_s < ended_s for seen_s in self.seen_s)


def main() -> int:
    """Attack a demonstration; 0 where everything was kept and nobody's picture stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--viewers', type=int, default=20)
    parser.add_argument('--captures', type=int, default=len(_ROLES))
    given = parser.parse_args()
    with served('--demo') as port:
        operator = Operator(port)
        operator.log_in(DEMO_PIN)
        watchers = [Watcher(port, operator.cookie) for _ in range(given.viewers)]
        for watcher in watchers:
            watcher.start()
        while not all(watcher.seen_s for watcher in watchers):
            time.sleep(0.1)
        alone_s = time.monotonic()
        time.sleep(_ALONE_S)
        began_s = time.monotonic()
        pictures, took_s, whole = _exam(operator, given.captures)
        ended_s = time.monotonic()
        time.sleep(_AFTER_S)
        after_s = time.monotonic()
        for watcher in watchers:
            watcher.stop.set()
    spans = [('before', alone_s, began_s), ('during the exam', began_s, ended_s), ('after', ended_s, after_s)]
    print(table(['%d viewers' % given.viewers, 'pictures/s, slowest viewer', 'longest gap, s'], [
        [name, '%.1f' % min(watcher.count(first_s, last_s) / (last_s - first_s) for watcher in watchers),
         '%.2f' % max(watcher.longest_s(first_s, last_s) for watcher in watchers)]
        for name, first_s, last_s in spans]))
    print('%d of %d pictures kept, %d files whole; longest %.1f s from the tap to the answer'
          % (pictures, given.captures, whole, max(took_s, default=0.0)))
    kept = pictures == given.captures and whole >= 3 * given.captures
    goes_on = all(watcher.longest_s(first_s, last_s) <= _LONGEST_GAP_S for watcher in watchers
                  for _, first_s, last_s in spans)
    print('holds' if kept and goes_on else 'DOES NOT HOLD')
    return 0 if kept and goes_on else 1


def _exam(operator: Operator, captures: int) -> Tuple[int, List[float], int]:
    """An exam with so many pictures: how many it has then, seconds of each, and how many of their files can be read."""
    status, body = operator.ask('POST', '/api/v1/exams', patient_id='crowd')
    exam = json.loads(body.decode('utf-8'))
    took_s: List[float] = []
    for number in range(1, captures + 1 if status == _MADE else 0):
        began_s = time.monotonic()
        status, body = operator.ask('POST', '/api/v1/exams/%s/captures' % exam['id'],
                                    role=_ROLES[(number - 1) % len(_ROLES)], number=str(number))
        took_s.append(time.monotonic() - began_s)
        if status == _MADE:
            exam = json.loads(body.decode('utf-8'))
        else:
            print('picture %d: %s' % (number, body.decode('utf-8', 'replace')))
    kept = exam.get('captures', ())
    whole = sum(operator.ask('GET', '/exams/%s/files/%s' % (exam['id'], name))[0] == 200
                for capture in kept for name in capture['files'])
    return len(kept), took_s, whole


if __name__ == '__main__':
    sys.exit(main())
