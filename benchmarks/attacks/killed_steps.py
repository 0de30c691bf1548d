"""The station under kill -9 while it tells of procedure steps (MPPS): each step begins once and ends once.

A station takes exams, signs most and gives some up, and tells a server of procedure steps of them. It is killed at a
random moment, or just before or just after the server takes what it is told, and started again; the server answers
late. In the end the station is left alone until everything is told. Then the server must have begun and ended one step
for each exam with a picture, each once and as the exam ended. The exit code is 1 if it has not.

    python -m benchmarks.attacks.killed_steps [--kills 50]

The pauses between two tries are seconds here instead of minutes. Ctrl-C ends the killing early.
"""
import collections
import contextlib
import json
import os
import random
import shutil
import tempfile
import threading
import time
from typing import Any, Callable, Dict, List, Optional

import click

from service.exams import Exams, Patient, Picture
from service.exams.exam import ACQUIRING, DRAFT, REVIEW
from service.hospital import calls
from service.hospital import steps as telling
from service.hospital.dicom import uid_of
from service.hospital.site import Peer, Site
from tests.service.hospital.peers import StepServer

from .killed_sending import Station, kept_picture, opened, write_picture
from .station import table

#: The station is left alone for so long at most, until all is told.
_PATIENCE_S = 600.0
#: One of so many exams is given up.
_GIVEN_UP = 5
#: When the station is killed: at any moment, or while the server takes what it is told.
_MOMENTS = ('any', 'create before', 'create after', 'set before', 'set after')


def run_station(folder: str, port: int, most: int) -> None:
    """Take exams and tell of them until killed: a line for each signature, and for how much is told."""
    telling._RETRY_MIN, telling._LOOK_S = (0.02, 0.05), 0.3  # type: ignore[assignment]
    calls._STARTING_S = _PATIENCE_S  # a busy machine is not what this is about
    picture, exams = kept_picture(folder), opened(folder)
    site = Site('THERMO', mpps=Peer('127.0.0.1', port, 'RIS', 'THERMO'))
    steps = telling.Steps(site, exams).start()
    while True:
        for state in (DRAFT, ACQUIRING, REVIEW):  # what a kill left open
            for entry in exams.list('', state):
                _finish(exams, steps, entry.row.id, entry.row.number, picture)
        if sum(exams.counts().values()) < most:
            exams.create(Patient('P-1', 'Änna^Ö', '1970-12-31'), 'op')
            continue
        with open(os.path.join(folder, 'exams', telling.FILE), encoding='utf-8') as stream:
            told = json.load(stream)['exams']
        open_steps = sum(one['told'] != telling.ENDED for one in told.values())
        print('counts', json.dumps({'exams': most, 'told': len(told), 'open': open_steps,
                                    'message': steps.message.code}), flush=True)
        time.sleep(0.2)


def _finish(exams: Exams, steps: telling.Steps, exam_id: str, number: int, picture: Picture) -> None:
    """Bring an exam to its end, and tell of each change."""
    if exams.get(exam_id).state == DRAFT:
        exams.start(exam_id, 'op')
    if exams.get(exam_id).state == ACQUIRING:
        if not exams.get(exam_id).captures:
            exams.add_capture(exam_id, 'op', 'frontal', picture)
        steps.changed(exam_id)
        time.sleep(random.uniform(0.0, 1.0))
        exams.review(exam_id, 'op')
    if number % _GIVEN_UP == 0:
        exams.discard(exam_id, 'op', 'she left')
    else:
        exams.sign(exam_id, 'op')
        print('signed', exam_id, flush=True)
    steps.changed(exam_id)


class Server(StepServer):
    """Takes steps, late, and has the station killed where that is wanted.

    Attributes:
        moment: of `_MOMENTS`, at which the next kill comes; empty for none.
    """

    def __init__(self, kill: Callable[[], None], rng: random.Random) -> None:
        self.moment = ''
        self.killed = threading.Event()
        self._kill, self._rng = kill, rng
        super().__init__()

    def _created(self, event: Any) -> Any:
        return self._late('create', super()._created, event)

    def _set(self, event: Any) -> Any:
        return self._late('set', super()._set, event)

    def _late(self, verb: str, take: Callable[[Any], Any], event: Any) -> Any:
        time.sleep(self._rng.uniform(0.0, 0.2))
        self._strike(verb + ' before')
        answer = take(event)
        self._strike(verb + ' after')
        return answer

    def _strike(self, moment: str) -> None:
        if self.moment == moment:
            self.moment = ''
            self._kill()
            self.killed.set()


def _check(folder: str, signed: List[str], server: StepServer) -> Dict[str, int]:
    """What is wrong in the end."""
    exams = opened(folder)
    ended = {exam.id: telling.end_of(exam) for exam in (exams.get(entry.row.id) for entry in exams.list(limit=1000))
             if exam.captures}
    exams.close()
    uids = {uid_of(exam_id, 'step'): end for exam_id, end in ended.items()}
    taken = collections.Counter(server.taken)
    return {'exams of the ledger that are gone': len(set(signed) - set(ended)),
            'steps that nobody took': len(set(server.steps) - set(uids)),
            'exams whose step did not begin once': sum(taken['create', uid] != 1 for uid in uids),
            'exams whose step did not end once': sum(taken['set', uid] != 1 for uid in uids),
            'exams whose step ended otherwise': sum(
                uid not in server.steps or server.steps[uid].PerformedProcedureStepStatus != end
                for uid, end in uids.items()),
            'exams': len(ended), 'given up': sum(end == telling.DISCONTINUED for end in ended.values()),
            'requests': len(server.asked)}


@click.command()
@click.option('--kills', default=50, show_default=True)
@click.option('--seed', default=1, show_default=True)
@click.option('--station', nargs=3, type=str, hidden=True)
def main(kills: int, seed: int, station: Optional[List[str]]) -> None:
    """Kill a station while it tells of procedure steps."""
    if station:
        return run_station(station[0], int(station[1]), int(station[2]))
    rng, folder = random.Random(seed), tempfile.mkdtemp('', 'killed-steps-')
    write_picture(folder)
    killed = dict.fromkeys(_MOMENTS, 0)
    server = Server(lambda: sender.kill(), rng)
    sender = Station('benchmarks.attacks.killed_steps', folder, server.port)
    exams = 0
    try:
        with contextlib.suppress(KeyboardInterrupt):
            for _ in range(kills):
                moment = rng.choice(_MOMENTS)
                exams += 1
                server.killed.clear()
                server.moment = '' if moment == _MOMENTS[0] else moment
                sender.start(exams)
                if moment == _MOMENTS[0]:
                    time.sleep(rng.uniform(0.0, 5.0))
                    sender.kill()
                elif not server.killed.wait(_PATIENCE_S):
                    raise SystemExit('not killed %s: %s' % (moment, sender.counts))
                killed[moment] += 1
        server.moment = ''
        if not sender.ended:
            sender.kill()
        sender.start(exams)
        until_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s and not (sender.counts.get('told') == exams and not sender.counts['open']):
            time.sleep(0.2)
        sender.kill()
        found = _check(folder, sender.signed, server)
    finally:
        if not sender.ended:
            sender.kill()
        server.close()
    print(table(('what', 'count'), [('killed: %s' % moment, count) for moment, count in killed.items()]
                + list(found.items())))
    shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(any(value for name, value in found.items() if name not in ('exams', 'given up', 'requests')))


if __name__ == '__main__':
    main()
