"""Exams: what happened to each, kept in a folder of its own, with a database as their index."""
from .exam import (
    ACQUIRING,
    AMENDED,
    DISCARDED,
    DRAFT,
    DYNAMIC,
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
    transition,
)
from .library import Entry, Exams, Picture
from .store import Reader, Row
from .texts import CONDITIONS, NOTES, shown_patient
from .verification import verify_store

__all__ = ['ACQUIRING', 'AMENDED', 'Anchor', 'CONDITIONS', 'Capture', 'DISCARDED', 'DRAFT', 'DYNAMIC', 'Entry',
           'Event', 'Exam', 'ExamError', 'ExamMissingError', 'ExamUnreadableError', 'Exams', 'NOTES', 'Patient',
           'Picture', 'REVIEW', 'ROLES', 'Reader', 'Row', 'SIGNED', 'STATES', 'StoredFile', 'shown_patient',
           'transition', 'verify_store']
