"""The objects that a signed exam becomes in a hospital's archive.

Each is a pure function of the exam, the settings of the hospital and this program: dates are those of events, and
identifiers are computed, so that what is made once more is the same to the last byte, on every Python. One at a time is
made, and pydicom is not imported before the first.
"""
from typing import TYPE_CHECKING, Iterator

from ...exams import Exam, ExamError, Exams
from ..site import Site
from .identifiers import uid_of

if TYPE_CHECKING:
    from .modules import Made

__all__ = ['make_objects', 'uid_of']


def make_objects(exams: Exams, exam: Exam, site: Site) -> 'Iterator[Made]':
    """The objects of an exam, of the kinds that the settings name, one in memory at a time.

    Args:
        exams: the store.
        exam: one of its exams, which is signed.
        site: what the settings say of the hospital.

    Raises:
        ExamError: ``exam-state`` for one that is not signed; ``exams-locked``.
        InputError: what of it cannot be made into an object.
        ExamUnreadableError, SealError: as of `Exams.read_file`.
    """
    if not exam.locked:
        raise ExamError('exam-state', 'The exam is not signed, and nothing of it leaves.', 'Sign it first.')
    from .kinds import KINDS
    from .modules import Case
    case = Case(exams, exam, site)
    for kind in site.objects:
        for make in KINDS[kind]:
            yield from make(case)
