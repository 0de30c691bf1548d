"""Exams under kill -9: what was acknowledged stays, whole and of one patient; the rest is there whole or not at all.

A process makes exams, takes pictures, signs and corrects outlines, and writes a line for each change that was
acknowledged into a ledger outside the store. It is killed at random, and started again, which compares the last exams
with their folders. Then every line of the ledger, every file, the index and the audit log are compared. The exit code
is 1 if an exam was lost, half visible or mixed with another.

    python -m benchmarks.attacks.exams [--kills 200]

`write` and `check` are the same program for tools that fail system calls or cut the power:

    python -m benchmarks.attacks.exams write FOLDER LEDGER --exams 2
    python -m benchmarks.attacks.exams check FOLDER LEDGER
"""
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

import click

from service.cli.exams import told_of_exams
from service.clock import Clock
from service.exams import Entry, Exam, Exams, Patient, Picture
from service.exams.exam import CORRECTED_FILES
from service.exams.folder import content_sha256
from service.messages import ThermoscreenError
from service.operators import Anchor, Audit, verify
from service.operators.chain import FOLDER
from service.operators.verification import BROKEN
from service.sealing import PlainSealer, Sealer

from .station import table

_ROLES = ('frontal', 'left-oblique')
_KEY = b'k' * 32
#: A kill comes within so many milliseconds after some acknowledged change.
_MOMENT_MS = 8.0


class Station:
    """The exams and the audit log of a folder, as the service has them open."""

    def __init__(self, folder: str, encrypted: bool) -> None:
        clock = Clock(synchronised=lambda: True)
        self.audit = Audit(os.path.join(folder, FOLDER), clock, None, _KEY)
        try:
            self.exams = Exams(folder, Sealer(_KEY) if encrypted else PlainSealer(), self.audit.append, clock,
                               room=lambda folder: None)
        except BaseException:
            self.audit.close()
            raise

    def close(self) -> None:
        """Close both."""
        try:
            self.exams.close()
        finally:
            self.audit.close()


def changes(exams: Exams) -> Iterator[Exam]:
    """One exam from the patient to outlines corrected after the signature; each step is acknowledged when it comes."""
    exam = exams.create(Patient(os.urandom(4).hex(), 'Anna Berg'), 'op', {'room_c': 21})
    yield exam
    yield exams.start(exam.id, 'op')
    for number, role in enumerate(_ROLES, 1):
        mark = mark_of(exam.id, number)
        yield exams.add_capture(exam.id, 'op', role, Picture(b'capture ' + mark, {'mark': mark.decode()},
                                                             b'overlay ' + mark, b'labels ' + mark))
    yield exams.review(exam.id, 'op')
    yield exams.sign(exam.id, 'op')
    mark = mark_of(exam.id, 1)
    yield exams.correct(exam.id, 'op', 1, 0, {kind: b'corrected ' + mark for kind in CORRECTED_FILES}, 'reason', 'text')


def mark_of(exam_id: str, number: int) -> bytes:
    """Two sectors that no other picture of any exam has."""
    return (hashlib.sha256(('%s %d' % (exam_id, number)).encode()).hexdigest() * 16).encode()


def write(folder: str, ledger: str, count: int, encrypted: bool) -> None:
    """Make so many exams, and write down what was acknowledged."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    station = Station(folder, encrypted)
    try:
        for _ in range(count):
            for exam in changes(station.exams):
                line = {'exam': exam.id, 'events': len(exam.events), 'sha256': content_sha256(exam, len(exam.events))}
                os.write(descriptor, (json.dumps(line) + '\n').encode())
    finally:
        station.close()
        os.close(descriptor)


def check(folder: str, lines: List[Dict[str, Any]], encrypted: bool) -> Tuple[Dict[str, List[str]], int]:
    """What is wrong after the next start, by kind, and how many exams there are."""
    wrong: Dict[str, List[str]] = {'lost': [], 'half visible': [], 'mixed': []}
    station = Station(folder, encrypted)
    try:
        exams = station.exams
        listed: Dict[str, Entry] = {}
        after = 0
        while True:
            page = exams.list(after=after, limit=1000)
            if not page:
                break
            listed.update((entry.row.id, entry) for entry in page)
            after = page[-1].row.number
        told = told_of_exams(folder)
        for line in lines:
            _check_line(exams, listed, told, line, wrong)
        wrong['half visible'] += [problem.text for problem in exams.verify(told=told)]
        wrong['half visible'] += [message.text for message in exams.messages if message.code != 'exam-quarantined']
        for exam_id, entry in listed.items():
            _check_exam(exams, exams.get(exam_id), entry.patient, wrong)
        anchors = {exam_id: Anchor(anchor.count, anchor.head) for exam_id in listed
                   for anchor in exams.get(exam_id).anchors[-1:]}
    finally:
        station.close()
    verdict = verify(os.path.join(folder, FOLDER), anchors, mac_key=_KEY)
    if verdict.answer == BROKEN:
        wrong['lost'].append(verdict.sentence)
    return wrong, len(listed)


def _check_line(exams: Exams, listed: Dict[str, Entry], told: Dict[str, Tuple[int, str]], line: Dict[str, Any],
                wrong: Dict[str, List[str]]) -> None:
    """Hold an acknowledged change against the exam, the list and the log."""
    name = '%s, event %d' % (line['exam'], line['events'])
    try:
        exam = exams.get(line['exam'])
    except ThermoscreenError as error:
        wrong['lost'].append('%s: %s' % (name, error))
        return
    if len(exam.events) < line['events'] or content_sha256(exam, line['events']) != line['sha256']:
        wrong['lost'].append(name)
    if exam.id not in listed or listed[exam.id].row.state != exam.state:
        wrong['lost'].append('%s in the list' % name)
    if told.get(exam.id, (0, ''))[0] < line['events']:
        wrong['lost'].append('%s in the log' % name)


def _check_exam(exams: Exams, exam: Exam, patient: Optional[Patient], wrong: Dict[str, List[str]]) -> None:
    """Every picture is complete and of this exam."""
    if patient is None or patient.name != 'Anna Berg':
        wrong['half visible'].append('%s without its patient' % exam.id)
    for capture in exam.captures:
        mark = mark_of(exam.id, capture.number)
        found = {name.split('.', 1)[1]: exams.read_file(exam, name) for name in capture.files}
        if set(found) != {'tscap', 'result.json', 'overlay.png', 'labels.png'}:
            wrong['half visible'].append('%s, picture %d' % (exam.id, capture.number))
        elif not all(mark in data for data in found.values()):
            wrong['mixed'].append('%s, picture %d' % (exam.id, capture.number))
        if exam.correction(capture.number) is not None and not all(
                exams.read_file(exam, exam.counting(capture.number, kind)) == b'corrected ' + mark
                for kind in CORRECTED_FILES):
            wrong['mixed'].append('%s, correction of picture %d' % (exam.id, capture.number))


def read_ledger(ledger: str) -> List[Dict[str, Any]]:
    """What was acknowledged."""
    with open(ledger) as stream:
        return [json.loads(line) for line in stream]


def kill_once(folder: str, ledger: str, rng: random.Random, encrypted: bool) -> None:
    """Have a process make exams, and kill it at a random moment after a random number of changes."""
    size = os.path.getsize(ledger)
    process = os.fork()
    if process == 0:
        try:
            write(folder, ledger, 1000, encrypted)
        finally:
            os._exit(1)
    enough = size + rng.randrange(1, 1200)
    while os.path.getsize(ledger) < enough and os.waitpid(process, os.WNOHANG)[0] == 0:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, _MOMENT_MS / 1e3))
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def kill_often(work: str, kills: int, seed: int, encrypted: bool, apart: int = 5) -> Dict[str, int]:
    """Kill so often; the number of things that were wrong, by kind, and of what was looked at.

    Args:
        work: an empty folder.
        apart: everything is compared after so many kills each; after the others the next process starts without.
    """
    folder, ledger = os.path.join(work, 'exams'), os.path.join(work, 'ledger')
    open(ledger, 'w').close()
    rng = random.Random(seed)
    seen: Dict[str, int] = {}
    for number in range(1, kills + 1):
        kill_once(folder, ledger, rng, encrypted)
        if number % apart == 0 or number == kills:
            lines = read_ledger(ledger)
            wrong, exams = check(folder, lines, encrypted)
            seen.update(acknowledged=len(lines), exams=exams)
            for kind, things in wrong.items():
                seen[kind] = seen.get(kind, 0) + len(things)
                for thing in things[:5]:
                    print('%s after %d kills: %s' % (kind, number, thing))
    return seen


@click.group(invoke_without_command=True)
@click.option('--kills', default=200, help='How often the process is killed.')
@click.option('--seed', default=1, help='Of the moments.')
@click.option('--plain', is_flag=True, help='Without encryption.')
@click.pass_context
def main(ctx: click.Context, kills: int, seed: int, plain: bool) -> None:
    """Kill a process that keeps exams, and print what was lost, half visible or mixed."""
    if ctx.invoked_subcommand:
        return
    began, work = time.monotonic(), tempfile.mkdtemp(prefix='thermoscreen-exams-')
    try:
        seen = kill_often(work, kills, seed, not plain)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print('%d kills -9 in %.0f s, %s, Python %d.%d' % (kills, time.monotonic() - began, 'plain' if plain else
                                                       'encrypted', sys.version_info[0], sys.version_info[1]))
    print(table(('acknowledged', 'exams', 'lost', 'half visible', 'mixed'),
                [tuple(seen[kind] for kind in ('acknowledged', 'exams', 'lost', 'half visible', 'mixed'))]))
    sys.exit(1 if seen['lost'] or seen['half visible'] or seen['mixed'] else 0)


@main.command('write')
@click.argument('folder')
@click.argument('ledger')
@click.option('--exams', default=1, help='How many.')
@click.option('--encrypted', is_flag=True, help='With encryption.')
def write_command(folder: str, ledger: str, exams: int, encrypted: bool) -> None:
    """Make exams, and write down what was acknowledged."""
    try:
        write(folder, ledger, exams, encrypted)
    except ThermoscreenError as error:
        print(error)
        sys.exit(error.exit_code)


@main.command('check')
@click.argument('folder')
@click.argument('ledger')
@click.option('--encrypted', is_flag=True, help='With encryption.')
def check_command(folder: str, ledger: str, encrypted: bool) -> None:
    """Hold what was acknowledged against what is there after the next start."""
    wrong, _ = check(folder, read_ledger(ledger), encrypted)
    for kind, things in wrong.items():
        if things:
            print('%s: %d, first %s' % (kind, len(things), things[0]))
    sys.exit(1 if any(wrong.values()) else 0)


if __name__ == '__main__':
    main()
