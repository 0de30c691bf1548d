"""What the hospital's worklist said of an exam: who scheduled what, and under which numbers the archive expects it."""
import re
from typing import Any, Mapping, NamedTuple

from .exam import ExamError
from .texts import is_line

#: Characters of a field.
MAX_FIELD = 1000

#: A unique identifier as [DICOM] PS3.5, 9.1 has it.
_UID = re.compile(r'(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+\Z', re.ASCII)


class Order(NamedTuple):
    """A row of the worklist. Every field is one line of text, and empty where the row had none.

    Attributes:
        study_uid: Study Instance UID; where it is empty the station makes one.
        accession: number of the order.
        name: of the patient as DICOM writes it, with ``^`` between its parts and ``=`` between its scripts.
        issuer: of the number of the patient.
        sex: ``M``, ``F`` or ``O``.
        weight_kg: a decimal number.
        referrer: name of who asked for the exam, as `name`.
        procedure_id, procedure: of the requested procedure: its number, and what it is.
        procedure_code, procedure_scheme, procedure_meaning: its code.
        step_id, step: of the scheduled procedure step.
        protocol_code, protocol_scheme, protocol_meaning: code of its protocol.
        location: where it is to be done.
        scheduled: when, as ``2026-11-30 08:15`` or without the time.
        modality: for which it is scheduled.
        allergies, alerts, pregnancy: what whoever takes the pictures should know.
    """

    study_uid: str = ''
    accession: str = ''
    name: str = ''
    issuer: str = ''
    sex: str = ''
    weight_kg: str = ''
    referrer: str = ''
    procedure_id: str = ''
    procedure: str = ''
    procedure_code: str = ''
    procedure_scheme: str = ''
    procedure_meaning: str = ''
    step_id: str = ''
    step: str = ''
    protocol_code: str = ''
    protocol_scheme: str = ''
    protocol_meaning: str = ''
    location: str = ''
    scheduled: str = ''
    modality: str = ''
    allergies: str = ''
    alerts: str = ''
    pregnancy: str = ''

    @property
    def purpose(self) -> str:
        """What the exam is for, as far as the row says it."""
        return self.procedure or self.procedure_meaning or self.step


def is_uid(text: str) -> bool:
    """Whether it is a unique identifier of DICOM."""
    return bool(_UID.match(text))


def checked_order(values: Mapping[str, Any]) -> Order:
    """An order of its fields by name.

    Raises:
        ExamError: ``exam-order``.
    """
    if not (set(values) <= set(Order._fields) and all(isinstance(text, str) and is_line(text, MAX_FIELD)
                                                      for text in values.values())):
        raise ExamError('exam-order', 'What the worklist says of this exam cannot be kept.',
                        'Begin the exam without the worklist.')
    order = Order(**values)
    if order.study_uid and not is_uid(order.study_uid):
        raise ExamError('exam-order', 'The worklist gives this exam a study that is none.',
                        'Begin the exam without the worklist.')
    return order
