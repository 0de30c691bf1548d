"""Exams: what happened to each, kept in a folder of its own, with a database as their index."""
from .exam import (
    ACQUIRING,
    AMENDED,
    CAPTURED,
    DISCARDED,
    DRAFT,
    DYNAMIC,
    IMPORTED,
    REVIEW,
    ROLES,
    SIGNED,
    STATES,
    Anchor,
    Capture,
    Event,
    Exam,
    ExamError,
    ExamMissingError,
    ExamUnreadableError,
    Patient,
    StoredFile,
    check_capture,
    check_outlines,
    picture_missing,
    transition,
)
from .exchange import export_exams, import_exams
from .found import gathered, note_found, read_found
from .identity import conflicts, confusable, earlier_exams, is_other
from .library import AUDITED, Entry, Exams, Picture
from .order import Order, checked_order, is_uid
from .retention import Plan, Policy, plan_retention
from .store import Reader, Row
from .texts import (
    CONDITIONS,
    DEVIATION,
    GRADE,
    IMPRESSION,
    MAMMOGRAM,
    NEVER,
    NOT_KNOWN,
    NOTES,
    ORDER,
    PURPOSE,
    TOLD,
    checked_patient,
    shown_patient,
)
from .verification import verify_store

__all__ = ['ACQUIRING', 'AMENDED', 'AUDITED', 'Anchor', 'CAPTURED', 'CONDITIONS', 'Capture', 'DEVIATION', 'DISCARDED',
           'DRAFT', 'DYNAMIC', 'Entry', 'Event', 'Exam', 'ExamError', 'ExamMissingError', 'ExamUnreadableError',
           'Exams', 'GRADE', 'IMPORTED', 'IMPRESSION', 'MAMMOGRAM', 'NEVER', 'NOTES', 'NOT_KNOWN', 'ORDER', 'Order',
           'PURPOSE', 'Patient', 'Picture', 'Plan', 'Policy', 'REVIEW', 'ROLES', 'Reader', 'Row', 'SIGNED', 'STATES',
           'StoredFile', 'TOLD', 'check_capture', 'check_outlines', 'checked_order', 'checked_patient', 'conflicts',
           'confusable', 'earlier_exams', 'export_exams', 'gathered', 'import_exams', 'is_other', 'is_uid',
           'note_found', 'picture_missing', 'plan_retention', 'read_found', 'shown_patient', 'transition',
           'verify_store']
