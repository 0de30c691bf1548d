"""Exams: what happened to each, kept in a folder of its own."""
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

__all__ = ['ACQUIRING', 'AMENDED', 'Anchor', 'Capture', 'DISCARDED', 'DRAFT', 'DYNAMIC', 'Event', 'Exam', 'ExamError',
           'ExamMissingError', 'ExamUnreadableError', 'Patient', 'REVIEW', 'ROLES', 'SIGNED', 'STATES', 'StoredFile',
           'transition']
