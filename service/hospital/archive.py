"""The archive as a receiver of the outbox: what it gets of an exam, and how it is told and asked."""
import contextlib
from dataclasses import replace
from typing import Any, Iterator, NamedTuple, Optional, Sequence

from ..exams import SIGNED, Exam, Exams
from ..messages import Message
from .calls import Answer, Link, Listener, Take, message_of
from .dicom import make_objects
from .outbox_rows import Row
from .site import Site

#: Seconds that an archive gets to answer a commitment on our own association.
_SAME_ASSOCIATION_S = 1.0
#: Seconds that the archive gets for each answer.
_ANSWER_S = 30.0

#: Classes of the objects that `service.hospital.dicom` makes.
CLASSES = tuple('1.2.840.10008.5.1.4.1.1.' + end for end in ('7', '7.3', '30', '66.4', '88.33', '88.59', '104.1'))
#: That of a note which takes others back.
NOTE = '1.2.840.10008.5.1.4.1.1.88.59'


class _Left(NamedTuple):
    """What identifies an object that left, as of `Made`."""

    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str


class ArchiveReceiver:
    """The archive. Other receivers have the same methods.

    Args:
        exams: the store.
        site: what the settings say of the hospital, with an archive.
    Attributes:
        name: of the receiver, in the rows.
        keeps_all: whether what it has committed to keep makes up for the exam on the station.
    """

    name = 'archive'
    keeps_all = True

    def __init__(self, exams: Exams, site: Site) -> None:
        assert site.archive is not None
        self._exams, self._site, self._peer = exams, site, site.archive

    def objects(self, exam: Exam) -> Iterator[Any]:
        """The objects of an exam, each as `Made`; errors as of `make_objects`."""
        return make_objects(self._exams, exam, self._site)

    def note(self, exam: Exam, rows: Sequence[Row]) -> Iterator[Any]:
        """What takes back the objects of an exam that was moved to another patient, as `Made`; errors as of `objects`.

        Args:
            rows: of objects that may have left; those that the exam gives besides are taken back too.
        """
        from .dicom.modules import Case
        from .dicom.rejection import WRONG_WORKLIST_ENTRY, rejection_note
        moved = exam.moved
        assert moved is not None
        before = replace(exam, state=SIGNED, events=exam.events[:moved.number - 1])
        told = self._exams.private(exam, moved.number)
        objects = {row.uid: _Left(row.sop_class, row.uid, row.series_uid, row.study_uid) for row in rows}
        for made in self.objects(before):
            objects.setdefault(made.sop_uid, _Left(made.sop_class, made.sop_uid, made.series_uid, made.study_uid))
        yield rejection_note(Case(self._exams, before, self._site), [objects[uid] for uid in sorted(objects)],
                             WRONG_WORKLIST_ENTRY, moved, told.get('name') or moved.operator, told['reason'])

    @contextlib.contextmanager
    def call(self, take: Take) -> Iterator['Call']:
        """A call, which begins with the first question."""
        with Link(self._peer, CLASSES, take) as link:
            yield Call(link)

    def listener(self, take: Take) -> Optional[Listener]:
        """What hears the receiver when it calls; None where it does not."""
        return Listener(self._peer, self._site.listener_port, take) if self._site.listener_port else None

    def message(self, answer: Answer) -> Message:
        """What a person is told of an answer."""
        return message_of(answer, self._peer)


class Call:
    """A call to the archive: each method gives an answer as of `service.hospital.calls`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def stop(self) -> None:
        """Have the question end that another thread waits for."""
        self._link.stop()

    def has(self, rows: Sequence[Row]) -> Answer:
        """Which it has, as ``found``."""
        return self._link.ask('find-instances', {'series': sorted({(row.study_uid, row.series_uid) for row in rows})},
                              _ANSWER_S)

    def send(self, made: Any) -> Answer:
        """Send an object."""
        return self._link.ask('store', {}, _ANSWER_S, made.data)

    def commit(self, transaction: str, rows: Sequence[Row]) -> Answer:
        """Ask that it keeps objects; what it says goes to `Take`, now or later."""
        return self._link.ask('commit', {'transaction': transaction, 'wait_s': _SAME_ASSOCIATION_S,
                                         'objects': [(row.sop_class, row.uid) for row in rows]}, _ANSWER_S)
