"""The worklist of the hospital: who is scheduled at this station, asked now and then, and kept sealed for outages."""
import contextlib
import datetime
import hashlib
import json
import os
import threading
import time
from dataclasses import replace
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from ..durable import atomic_write, encode_json
from ..exams import ExamError, Exams, Order, Patient, checked_order, checked_patient, confusable, is_other, is_uid
from ..messages import INFO, OK, WARNING, Message, StorageError
from ..supervise import LastingThread
from .calls import WORKLIST, Answer, call, message_of
from .site import Peer, Site

#: Most rows that are taken; a worklist with more is asked for the wrong thing.
MAX_ROWS = 500
#: Seconds between two questions, and for the answers to one.
EVERY_S, DEADLINE_S = 300.0, 60.0
#: Seconds after which it is looked whether exams are still locked.
_LOCKED_S = 5.0
#: The list that is kept for outages, in the folder of the exams, and what it is sealed under.
CACHE = 'worklist'
#: Characters of a patient's number in DICOM.
_MAX_NUMBER = 64
_MAX_CACHE_BYTES = 8 << 20


class Row(NamedTuple):
    """A scheduled step.

    Attributes:
        patient: who is to come.
        order: what else the worklist says.
        key: names the row for as long as nothing of it changes.
    """

    patient: Patient
    order: Order
    key: str


class Listing(NamedTuple):
    """The worklist as it was read.

    Attributes:
        rows: by the time at which they are scheduled.
        read_s: when, in seconds since 1970 by the clock of the station; 0: never.
        left_out: rows that nobody could begin an exam with.
        more: whether the worklist had more than `MAX_ROWS` rows.
        similar: numbers of patients who may be taken for each other.
    """

    rows: Tuple[Row, ...] = ()
    read_s: float = 0.0
    left_out: int = 0
    more: bool = False
    similar: FrozenSet[str] = frozenset()

    def row(self, key: str) -> Optional[Row]:
        """The row of a key; None where there is none any more."""
        return next((row for row in self.rows if row.key == key), None)

    def of_day(self, day: str) -> List[Row]:
        """The rows of a day, such as ``2026-11-30``; those without a date belong to every day."""
        return [row for row in self.rows if row.order.scheduled[:10] in ('', day)]


class Worklist:
    """What this station knows of the worklist; any thread may use it.

    Args:
        site: with a worklist.
        exams: in whose folder, and sealed with whose key, the list is kept.
        ask: as `calls.call`.
        now_s: seconds since 1970.
    Attributes:
        asking: whether the worklist is being asked.
        message: how it was asked last; OK before that.
    """

    def __init__(self, site: Site, exams: Exams, ask: Callable[..., Answer] = call,
                 now_s: Callable[[], float] = time.time) -> None:
        assert site.worklist is not None
        self.peer: Peer = site.worklist
        self.asking = False
        self.message = Message('worklist-ok', 'The worklist was not asked yet.', '', OK, 'worklist')
        self._site, self._exams, self._ask, self._now_s = site, exams, ask, now_s
        self._path = os.path.join(exams.folder, CACHE)
        self._listing: Optional[Listing] = None
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._thread = LastingThread('worklist', self._run, self._ended)

    def start(self) -> 'Worklist':
        """Ask every `EVERY_S` seconds from now on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def refresh(self) -> None:
        """Ask as soon as possible, in the background."""
        self.asking = True
        self._wanted.set()

    @property
    def listing(self) -> Listing:
        """The newest list: of this run, or else the one that was kept; an empty one where there is none."""
        if self._listing is None:
            self._listing = self._kept()
        return self._listing or Listing()

    @property
    def today(self) -> str:
        """The day here, such as ``2026-11-30``."""
        return datetime.date.fromtimestamp(self._now_s()).isoformat()

    def age_minutes(self) -> Optional[int]:
        """How old the list is; None where nobody can tell, since there is none or the clock went back."""
        age_s = self._now_s() - self.listing.read_s
        return int(age_s // 60) if self.listing.read_s and age_s >= 0 else None

    def ask(self) -> Message:
        """Ask the worklist now, and keep what it says; what a person is told of it."""
        self.asking = True
        try:
            answer = self._ask(self.peer, 'find-worklist', {'queries': self._queries(), 'most': MAX_ROWS}, DEADLINE_S)
            if answer.get('status') == 0:
                self._listing = listing_of(answer, self._now_s())
                self._keep(answer)
                self.message = self._told(self._listing)
            else:
                self.message = replace(message_of(answer, self.peer, WORKLIST), subject='worklist')
        finally:
            self.asking = False
        return self.message

    def _run(self) -> None:
        while not self._ended.is_set():
            # What is read while exams are locked could not be kept for an outage.
            if self._exams.sealer is not None:
                self.ask()
            self.asking = False
            self._wanted.wait(EVERY_S if self._exams.sealer is not None else _LOCKED_S)
            self._wanted.clear()

    def _queries(self) -> List[Dict[str, str]]:
        """What is asked, one after the other until something is found.

        Many worklists cannot be told the modality of thermography, and some do not know which station it will be; the
        steps of a whole hospital are never asked for.
        """
        today, day = datetime.date.fromtimestamp(self._now_s()), datetime.timedelta(1)
        dates = '%s-%s' % ((today - day).strftime('%Y%m%d'), (today + day).strftime('%Y%m%d'))
        title, modality = self._site.title, self._site.worklist_modality
        asked = [(title, modality), (title, ''), ('', modality)]
        return [{'dates': dates, 'title': title, 'modality': modality} for title, modality in dict.fromkeys(asked)
                if title or modality]

    def _told(self, listing: Listing) -> Message:
        if listing.more:
            return Message('worklist-long', 'The worklist has more than %d steps for this station; the others are not '
                           'shown.' % MAX_ROWS, 'Have its administrator schedule them under the AE title of this '
                           'station.', WARNING, 'worklist')
        if listing.left_out:
            return Message('worklist-left-out', 'Rows of the worklist without a number of a patient, or that cannot '
                           'be read, are not shown: %d.' % listing.left_out, 'Have them mended where they were '
                           'scheduled.', WARNING, 'worklist')
        if not listing.rows:
            return Message('worklist-empty', 'The worklist answers and has nobody for this station.', 'If that is '
                           'wrong, compare AE title and modality with what is scheduled.', INFO, 'worklist')
        return Message('worklist-ok', 'Steps for this station on the worklist: %d.' % len(listing.rows), '', OK,
                       'worklist')

    def _keep(self, answer: Answer) -> None:
        """Keep the list; that it cannot be kept matters in an outage alone."""
        sealer = self._exams.sealer
        if sealer is not None:
            with contextlib.suppress(StorageError):
                atomic_write(self._path, sealer.seal(encode_json({'answer': answer, 'read_s': self._now_s()}), CACHE),
                             0o600)

    def _kept(self) -> Optional[Listing]:
        """The list of an earlier run; None while exams are locked, or where there is none that can be read."""
        sealer = self._exams.sealer
        if sealer is None:
            return None
        try:
            with open(self._path, 'rb') as stream:
                document = json.loads(sealer.open(stream.read(_MAX_CACHE_BYTES), CACHE).decode('utf-8'))
            return listing_of(document['answer'], float(document['read_s']))
        except (OSError, StorageError, ValueError, KeyError, TypeError):
            return Listing()


def listing_of(answer: Answer, read_s: float) -> Listing:
    """A list of what a worklist answered; whatever it says, only what can be kept is in it.

    Args:
        answer: with ``rows`` as of `rows.row_of`, how many were ``unreadable``, and whether there were ``more``.
        read_s: when it was read.
    """
    found = [_row(values) for values in answer['rows']]
    rows = sorted({row.key: row for row in found if row is not None}.values(),
                  key=lambda row: (row.order.scheduled, row.patient.name, row.patient.id, row.key))
    left_out = found.count(None) + int(answer.get('unreadable', 0))
    return Listing(tuple(rows), read_s, left_out, bool(answer.get('more')), _similar([row.patient for row in rows]))


def _row(values: Dict[str, Any]) -> Optional[Row]:
    try:
        if len(values['id']) > _MAX_NUMBER or '\\' in values['id']:
            return None
        order = {name: values[name] for name in Order._fields}
        if not is_uid(order['study_uid']):
            order['study_uid'] = ''
        patient = checked_patient(Patient(values['id'], values['patient'], values['birth_date']))
        key = hashlib.sha256(encode_json(values)).hexdigest()[:16]
        return Row(patient, checked_order(order), key)
    except (ExamError, KeyError, TypeError):
        return None


def _similar(patients: Sequence[Patient]) -> FrozenSet[str]:
    """Numbers of those with nearly the same name, and of those who share a number and are not the same."""
    first: Dict[str, Patient] = {}
    shared = {patient.id for patient in patients if is_other(first.setdefault(patient.id, patient), patient)}
    return frozenset(confusable(list(first.values())) | shared)
