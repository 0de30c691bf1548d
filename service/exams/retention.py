"""How long exams are kept: for ever, unless the settings say otherwise and a person applies them.

The date decides here, as nowhere else, so it has to be one that somebody stands for: of today, and of the exam.
"""
import datetime
from typing import Callable, List, NamedTuple, Optional, Tuple

from ..clock import UNSYNCHRONISED, Stamp
from .exam import AMENDED, DISCARDED, MOVED, SIGNED, Exam, ExamError, ExamUnreadableError
from .exchange import Tell
from .folder import exam_ids, read_exam

#: Whether an archive has committed to keep an exam.
Arrived = Callable[[Exam], bool]

_FORMAT = '%Y-%m-%dT%H:%M:%S.%fZ'


class Policy(NamedTuple):
    """How long exams are kept; 0 keeps them for ever.

    Attributes:
        signed_years: those that are signed, after the signature or the last amendment.
        discarded_days: those that were discarded, after that.
    """

    signed_years: int
    discarded_days: int


class Due(NamedTuple):
    """An exam that a policy removes.

    Attributes:
        since: when it was signed, amended or discarded, UTC ISO-8601.
    """

    exam: Exam
    since: str


class Plan(NamedTuple):
    """What a policy does.

    Attributes:
        due: which exams it removes, the oldest first.
        held: ids of those that it would remove and that are on legal hold.
        uncertain: ids of those that have no date that anybody stands for; they stay.
        unreadable: ids of those that are not as they were written; they stay.
        unsent: ids of those that the archive has not committed to keep; they stay.
    """

    due: Tuple[Due, ...]
    held: Tuple[str, ...]
    uncertain: Tuple[str, ...]
    unreadable: Tuple[str, ...]
    unsent: Tuple[str, ...] = ()


def plan_retention(root: str, policy: Policy, now: Stamp, tell: Optional[Tell] = None,
                   arrived: Optional[Arrived] = None) -> Plan:
    """What a policy would remove from a store; nothing is changed. It reads every ``exam.json``.

    The newest exam always stays, since the next one would get its number.

    Args:
        root: folder of the store.
        now: of today.
        tell: see `Tell`; of exams.
        arrived: whether a signed exam is where it is sent; None where nothing is sent.

    Raises:
        ExamError: ``date-uncertain``: there is a policy, and nobody stands for the date of today.
        StorageError: ``folder-unreadable``.
    """
    if any(policy) and now.clock == UNSYNCHRONISED:
        raise ExamError('date-uncertain', 'Nothing has set the date since the start, so nothing is old.',
                        'Wait until the network has set the clock, or give the date of today (--today, or the page).')
    exams: List[Exam] = []
    unsent: List[str] = []
    due, held, uncertain, unreadable = [], [], [], []  # type: List[Due], List[str], List[str], List[str]
    ids = exam_ids(root)[0]
    for done, exam_id in enumerate(ids):
        if tell is not None:
            tell(done, len(ids))
        try:
            exams.append(read_exam(root, exam_id))
        except (ExamError, ExamUnreadableError):
            unreadable.append(exam_id)
    newest = max((exam.number for exam in exams), default=0)
    for exam in sorted(exams, key=lambda exam: exam.number):
        closing = [event.stamp for event in exam.events if event.kind in (SIGNED, AMENDED, MOVED, DISCARDED)]
        if not closing or exam.number == newest or not _keeps_for_a_time(exam, policy):
            continue
        if closing[-1].clock == UNSYNCHRONISED:
            uncertain.append(exam.id)
        elif _is_over(exam, closing[-1].utc, policy, now.utc):
            if exam.held:
                held.append(exam.id)
            elif exam.locked and arrived is not None and not arrived(exam):
                unsent.append(exam.id)
            else:
                due.append(Due(exam, closing[-1].utc))
    return Plan(tuple(due), tuple(held), tuple(uncertain), tuple(unreadable), tuple(unsent))


def _keeps_for_a_time(exam: Exam, policy: Policy) -> bool:
    return bool(policy.signed_years if exam.locked else policy.discarded_days)


def _is_over(exam: Exam, since: str, policy: Policy, now: str) -> bool:
    if exam.locked:
        # Dates in this form have the order of their texts; 29 February ends with the last day of a February.
        return '%04d%s' % (int(since[:4]) + policy.signed_years, since[4:]) < now
    return (datetime.datetime.strptime(since, _FORMAT) + datetime.timedelta(days=policy.discarded_days)
            < datetime.datetime.strptime(now, _FORMAT))
