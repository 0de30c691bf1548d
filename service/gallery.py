"""Similar exams of this station: those whose frontal pictures lie nearest by what the network makes of them.

Each picture keeps its features, which the network gave in the pass that analysed it (`Result.features`); here they are
compared by the cosine of their angle. Near ones have similar heat patterns as far as the network looks at them, which
says nothing about what a pattern means (docs/figures.md measures how far it goes). Only signed exams are compared, only
pictures that the same model judged, and never two of one patient.
"""
import collections
import itertools
import json
import threading
import time
from typing import Deque, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from .durable import encode_json
from .exams import AMENDED, DISCARDED, SIGNED, Exam, ExamMissingError, Exams, Reader, Row, guide
from .exams.folder import exam_damaged
from .exams.texts import unlocked
from .messages import InputError, StorageError
from .result import Result
from .sealing import PlainSealer
from .thermogram import CELSIUS

#: Of ``features.json``.
SCHEMA = 1

#: The longest vector of a network.
_MAX_FEATURES = 4096

#: Rows of the index that are read at first, where few exams are new, and then at once.
_FEW, _PAGE = 20, 500

_BY_FRONTAL = 'Similar exams are found by the frontal picture.'


#: Model and number of features.
_Kind = Tuple[str, int]


class Features(NamedTuple):
    """What stands for a picture.

    Attributes:
        picture: its number in the exam.
        model: hash of the bundle that judged it.
        values: float32 of unit length.
    """

    picture: int
    model: str
    values: np.ndarray

    @property
    def kind(self) -> _Kind:
        """What has to be the same where two are compared; an import may state a model that never ran here."""
        return self.model, self.values.size


class Neighbour(NamedTuple):
    """An exam that lies near.

    Attributes:
        exam_id, number: of the exam.
        picture: number of its frontal picture.
        distance: 1 - cosine: 0 for the same features, at most 2.
    """

    exam_id: str
    number: int
    picture: int
    distance: float


class Similar(NamedTuple):
    """What lies near an exam.

    Attributes:
        neighbours: the nearest first.
        compared: how many signed exams of other patients it was compared with.
        others: how many it was not compared with: another model judged them, or they have no features.
    """

    neighbours: Tuple[Neighbour, ...]
    compared: int
    others: int


class Known(NamedTuple):
    """How many signed exams the gallery has looked at, and of how many."""

    read: int
    total: int

    @property
    def percent(self) -> int:
        """Never more than was read."""
        return 100 * self.read // self.total if self.total else 100


class _Kept(NamedTuple):
    """A signed exam in memory; without features it has no model."""

    number: int
    whose: str
    features: Optional[Features]


class Gallery:
    """The features of the signed exams, in memory; any thread may use it.

    It is filled when somebody asks, writes nothing, and forgets when the station locks.

    Args:
        exams: of the station.
    """

    def __init__(self, exams: Exams) -> None:
        self._exams = exams
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept: Dict[str, _Kept] = {}
            self._waiting: Deque[str] = collections.deque()
            self._unsigned: List[str] = []
            self._newest = 0
            self._shelves: Dict[_Kind, Tuple[List[str], np.ndarray]] = {}  # each made when it is asked for

    def read(self, seconds: float = float('inf')) -> Known:
        """Read the signed exams that are not known yet, for so long at most, and forget those that are gone.

        Raises:
            ExamError: ``exams-locked``.
            StorageError: as of `Reader.rows`.
        """
        until = time.monotonic() + seconds
        unlocked(self._exams.sealer)
        with self._lock:
            rows = self._rows(self._newest)
            self._newest = max([self._newest] + [row.number for row in rows])
            # The newest first: whoever waits no longer than this asks about those of these days.
            self._waiting.extendleft(row.id for row in reversed(rows) if row.state != DISCARDED)
            self._waiting.extendleft(self._unsigned)
            self._unsigned = []
            while self._waiting and time.monotonic() < until:
                self._look(self._waiting.popleft())
            counts = Reader(self._exams.folder).counts()
            total = sum(counts.get(state, 0) for state in (SIGNED, AMENDED))
            if not self._waiting and len(self._kept) != total:
                there = {row.id for row in self._rows(0) if row.state in (SIGNED, AMENDED)}
                for exam_id in set(self._kept) - there:
                    self._put(exam_id, None)
            return Known(len(self._kept), max(total, len(self._kept) + bool(self._waiting)))

    def similar(self, exam: Exam, count: int = 5) -> Similar:
        """The nearest exams of other patients among those that were read.

        Raises:
            InputError: as of `features_of`.
            ExamError, ExamUnreadableError, SealError: as of `Exams.read_file`.
        """
        own, whose = features_of(self._exams, exam), _whose(self._exams, exam)
        with self._lock:
            theirs = [kept.features for kept in self._kept.values() if kept.whose != whose]
            compared = sum(features is not None and features.kind == own.kind for features in theirs)
            near = (found for found in self._in_order(own) if self._kept[found.exam_id].whose != whose)
            return Similar(tuple(itertools.islice(near, count)), compared, len(theirs) - compared)

    def nearest(self, features: Features, count: int = 5) -> List[Neighbour]:
        """The exams that are nearest to some features, whoever they are of."""
        with self._lock:
            return list(itertools.islice(self._in_order(features), count))

    def _in_order(self, features: Features) -> Iterator[Neighbour]:
        """Every exam that the same model judged, the nearest first."""
        ids, matrix = self._shelf(features.kind)
        values = features.values.astype(np.float64)
        for place in np.argsort(-(matrix @ features.values), kind='stable') if ids else ():
            kept = self._kept[ids[place]]
            assert kept.features is not None
            yield Neighbour(ids[place], kept.number, kept.features.picture,
                            max(0.0, 1.0 - float(kept.features.values.astype(np.float64) @ values)))

    def _shelf(self, kind: _Kind) -> Tuple[List[str], np.ndarray]:
        """The exams with features of a kind, and these as rows."""
        if kind not in self._shelves:
            found = [(exam_id, kept.features.values) for exam_id, kept in self._kept.items()
                     if kept.features is not None and kept.features.kind == kind]
            self._shelves[kind] = [exam_id for exam_id, _ in found], np.array([values for _, values in found])
        return self._shelves[kind]

    def _rows(self, newest: int) -> List[Row]:
        """Rows of the exams with higher numbers, the newest first."""
        reader, found, limit = Reader(self._exams.folder), [], _FEW  # type: Reader, List[Row], int
        while True:
            page = [row for row, _ in reader.rows(after=found[-1].number if found else 0, limit=limit)]
            found += [row for row in page if row.number > newest]
            if len(page) < limit or page[-1].number <= newest:
                return found
            limit = _PAGE

    def _look(self, exam_id: str) -> None:
        """Take one exam in, if it is signed."""
        try:
            exam = self._exams.get(exam_id)
        except ExamMissingError:  # removed meanwhile
            return
        except StorageError:  # damaged, as the pages of the exam say
            self._put(exam_id, _Kept(0, '', None))
            return
        if not exam.locked:
            if exam.state != DISCARDED:
                self._unsigned.append(exam_id)
            return
        try:
            whose, features = _whose(self._exams, exam), features_of(self._exams, exam)  # type: str, Optional[Features]
        except (InputError, StorageError) as error:
            if error.code == 'exams-locked':
                raise
            whose, features = '', None
        self._put(exam_id, _Kept(exam.number, whose, features))

    def _put(self, exam_id: str, kept: Optional[_Kept]) -> None:
        """Know an exam, or know it no more."""
        before = self._kept.pop(exam_id, None)
        if kept is not None:
            self._kept[exam_id] = kept
        for one in (before, kept):
            if one is not None and one.features is not None:
                self._shelves.pop(one.features.kind, None)


def kept_features(result: Result, role: str) -> bytes:
    """The features of a picture as an exam keeps them; empty for one by which no exam is found.

    That is any but the frontal one that decides: the network compares both breasts, and equal views can be compared.

    Args:
        role: of the picture in the exam.
    """
    if role != guide.NEEDED or result.features is None or result.refusals or not result.thermogram.is_celsius:
        return b''
    return encode_json({'schema': SCHEMA, 'features': [round(float(value), 6) for value in result.features]})


def features_of(exams: Exams, exam: Exam) -> Features:
    """What stands for an exam: the features of the frontal picture that counts.

    Raises:
        InputError: ``similar-view``, ``similar-relative`` or ``similar-none``.
        ExamUnreadableError: ``exam-damaged``, also for a file that holds no features.
        ExamError, SealError: as of `Exams.read_file`.
    """
    capture = next((one for one in guide.pictures_of(exam) if one.role == guide.NEEDED), None)
    if capture is None or capture.facts['outcome'] != 'result':
        raise InputError('similar-view', 'The exam has no frontal picture with a result.', _BY_FRONTAL)
    if capture.facts['unit'] != CELSIUS:
        raise InputError('similar-relative', 'The frontal picture has no temperatures.',
                         'Only pictures with temperatures are compared.')
    name = '%04d.features.json' % capture.number
    if name not in exam.files:
        raise InputError('similar-none', 'The model that judged this exam gives nothing to compare pictures by.',
                         'Exams that are taken with a newer model can be compared.')
    data = exams.read_file(exam, name)
    try:
        return Features(capture.number, str(capture.facts['bundle']['hash']), _decoded(data))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise exam_damaged(exam.id, repr(error), name)


def _decoded(data: bytes) -> np.ndarray:
    """The features of a file.

    Raises:
        ValueError, TypeError, KeyError, RecursionError: it holds none.
    """
    document = json.loads(data.decode('utf-8'))
    values = np.array(document['features'], np.float64)
    length = float(np.linalg.norm(values))
    if document['schema'] != SCHEMA or values.ndim != 1 or values.size > _MAX_FEATURES or not 0.99 < length < 1.01:
        raise ValueError('schema %r, shape %s, length %g' % (document['schema'], values.shape, length))
    return (values / length).astype(np.float32)


def _whose(exams: Exams, exam: Exam) -> str:
    """What two exams of one patient have in common: upper and lower case and spaces make no other patient."""
    return PlainSealer().token(exams.patient(exam).id)
