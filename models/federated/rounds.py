"""The rounds of a federation: asked, decided, judged and kept, and gone on with after a kill.

A folder holds the weights of every kept round (``round-0003.npz``) and ``rounds.json``: the plan, and one record a
round, with the SHA-256 of the weights after it. The weights are written first and the record last, so that a record
always has its weights. A server that is killed asks again for the round that has no record. Clinics keep nothing from
round to round and draw by seed, clinic and number of the round, so that they answer what they would have answered.
"""
import contextlib
import fcntl
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Protocol

import numpy as np

from service.durable import atomic_write, atomic_write_json, storage_error
from service.messages import InputError

from .core import KEPT, VOID, WORSE, Answers, Plan, decide_round, digest, judge
from .guard import Arrays

RECORDS = 'rounds.json'
_VERSION = 1

#: Told what happened, for an audit log: a word, and facts as JSON.
AuditHook = Callable[[str, Dict[str, Any]], None]


class Clinics(Protocol):
    """The clinics, behind whatever carries the messages.

    Both return when all have answered or their time is up, and raise only where the whole must end.
    """

    def train(self, number: int, arrays: Arrays) -> Answers:
        """Have every clinic train from these weights, in round `number`."""

    def score(self, number: int, arrays: Arrays) -> Answers:
        """Have every clinic judge these weights on its own held-out patients; no arrays come back."""


class Federation(NamedTuple):
    """What rounds have led to.

    Attributes:
        arrays: the weights that were kept last.
        records: one of each round, from 0, the start.
    """

    arrays: Arrays
    records: List[Dict[str, Any]]

    @property
    def kept(self) -> int:
        """Rounds whose weights were kept."""
        return sum(record['outcome'] == KEPT for record in self.records[1:])


def run_rounds(plan: Plan, start: Arrays, clinics: Clinics, folder: Path,
               audit: AuditHook = lambda event, facts: None,
               say: Callable[[str], None] = lambda line: None) -> Federation:
    """Run the rounds of a plan, or the rest of them.

    Args:
        plan: what was agreed on.
        start: weights of the first round, floating point.
        clinics: who trains and judges.
        folder: of the weights and records; made where it is missing. One that holds rounds of the same plan is gone on
            with.
        audit: told ``'federation-begun'``, ``'federation-resumed'``, ``'federation-round'``, ``'federation-ended'``.
        say: told one line a round.
    Raises:
        InputError: ``federation-other``: the folder holds another plan or another start; ``federation-damaged``;
            ``federation-running``: another process is at it; ``federation-start``: weights that cannot be averaged.
        StorageError: the disk is full or not writable; the rounds before are kept.
    """
    for name, array in start.items():
        if array.dtype.kind != 'f' or not np.isfinite(array).all():
            raise InputError('federation-start', 'The weights to start from cannot be averaged: %s is no finite '
                             'floating-point array.' % name, 'Start from another network.')
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            return _run(plan, start, clinics, folder, audit, say)
    except OSError as error:
        raise storage_error(error, folder)


def read_rounds(folder: Path) -> Optional[Federation]:
    """The rounds in a folder with their last weights; None where there are none.

    Raises:
        InputError: ``federation-damaged``.
    """
    document = _read(Path(folder))
    return None if document is None else Federation(_last_weights(Path(folder), document), document['records'])


def _run(plan, start, clinics, folder, audit, say):
    document = _read(folder)
    if document is None:
        document = {'format': 'thermoscreen federation', 'version': _VERSION, 'plan': plan.to_dict(), 'records': []}
        audit('federation-begun', {'sites': plan.site_names, 'rounds': plan.rounds, 'weights': digest(start)})
        arrays = start
    else:
        if document['plan'] != plan.to_dict() or document['records'][0]['start'] != digest(start):
            raise InputError('federation-other', '%s holds rounds of another plan, or from other weights.' % folder,
                             'Name another folder, or give the plan and the start that it began with.')
        arrays = _last_weights(folder, document)
        audit('federation-resumed', {'after': document['records'][-1]['round'], 'weights': digest(arrays)})
    records = document['records']
    for number in range(len(records), plan.rounds + 1):
        after, record = _round(plan, number, arrays, records, clinics)
        if number == 0:
            record['start'] = digest(start)
        if after is not arrays or number == 0:
            atomic_write(_place(folder, number), _packed(after))
        arrays = after
        records.append(record)
        atomic_write_json(folder / RECORDS, document)
        audit('federation-round', {key: record[key] for key in ('round', 'outcome', 'weights')})
        say(describe(record))
    audit('federation-ended', {'rounds': plan.rounds, 'weights': digest(arrays),
                               'kept': Federation(arrays, records).kept})
    return Federation(arrays, records)


def _round(plan, number, arrays, records, clinics):
    """Weights after a round, the same object where they are those before it; and its record."""
    record: Dict[str, Any] = {'round': number, 'outcome': KEPT, 'sites': {}, 'used': 0, 'strangers': 0}
    after: Optional[Arrays] = arrays
    if number:
        decision = decide_round(plan, arrays, clinics.train(number, _copied(arrays)))
        record.update(decision.record)
        after = decision.arrays
    if after is None:
        record['outcome'] = VOID
        after = arrays
    else:
        verdict = judge(plan, _best(records), clinics.score(number, _copied(after)))
        record.update(scores=verdict.scores, below=verdict.below, unjudged=verdict.missing)
        # There is nothing before the start to go back to; who did not judge it has no floor yet.
        if number and not verdict.kept:
            record['outcome'] = WORSE if verdict.below else VOID
            after = arrays
    record['weights'] = digest(after)
    return after, record


def _best(records):
    """Best score of every clinic over the rounds that were kept."""
    best: Dict[str, float] = {}
    for record in records:
        if record['outcome'] == KEPT:
            for site, score in record['scores'].items():
                best[site] = max(score, best.get(site, score))
    return best


def _copied(arrays: Arrays) -> Arrays:
    """Of its own for every question, so that no clinic of the same process can change the server's."""
    return {name: array.copy() for name, array in arrays.items()}


def describe(record: Dict[str, Any]) -> str:
    """A round in one line: what became of it, who is missing or was refused, and who would be worse off."""
    words = {KEPT: 'kept', VOID: 'void, the weights before it stay', WORSE: 'not kept, the weights before it stay'}
    parts = ['round %d: %s' % (record['round'], words[record['outcome']])]
    parts += ['%s %s (%s)' % (site, row['state'], row['code']) for site, row in record['sites'].items()
              if row['state'] != 'used']
    parts += ['%s has no score (%s)' % item for item in record.get('unjudged', {}).items()]
    if record.get('below'):
        parts.append('%s would be below the floor' % ', '.join(record['below']))
    scores = record.get('scores')
    if scores:
        parts.append('mIoU %s' % ', '.join('%s %.3f' % item for item in sorted(scores.items())))
    return '; '.join(parts)


# -- the folder


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second server from the same folder; the lock ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError('federation-running', 'Another process is running the rounds in %s.' % folder,
                             'Wait for it, or stop it.')
        yield
    finally:
        os.close(descriptor)


def _place(folder: Path, number: int) -> Path:
    return folder / ('round-%04d.npz' % number)


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # the stub knows one more keyword
    return buffer.getvalue()


def _read(folder: Path) -> Optional[Dict[str, Any]]:
    try:
        document = json.loads((folder / RECORDS).read_text(encoding='utf-8'))
        numbers = [record['round'] for record in document['records']]
        if document['version'] != _VERSION or numbers != list(range(len(numbers))) or not numbers:
            raise ValueError('version %r, rounds %r' % (document['version'], numbers))
        return document
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder / RECORDS, error)


def _last_weights(folder: Path, document: Dict[str, Any]) -> Arrays:
    last = max(record['round'] for record in document['records'] if record['outcome'] == KEPT)
    path = _place(folder, last)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error)
    if digest(arrays) != document['records'][last]['weights']:
        raise _damaged(path, ValueError('the SHA-256 of its weights is another'))
    return arrays


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError('federation-damaged', '%s is not what the rounds wrote.' % path,
                      'Begin again in another folder, from the weights of an earlier round.', detail=repr(error))
