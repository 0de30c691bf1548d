"""A note that takes objects back, for an archive that supports IHE Imaging Object Change Management [IHEIOCM].

It is a Key Object Selection ([DICOM] PS3.3, A.35.4) whose title says why; whoever gets it hides what it lists, or
deletes it, and refuses it from then on.
"""
from typing import Any
from typing import Sequence as Some

from pydicom.sequence import Sequence

from ...exams import Event
from . import content
from .codes import Code
from .content import HAS_CONTEXT, evidence
from .modules import REJECTION, Case, Made, finished, new_object, person_name, shown

KEY_OBJECTS = '1.2.840.10008.5.1.4.1.1.88.59'

#: Why objects are taken back. No version of the scheme stands with them: archives did not know them with one.
WRONG_WORKLIST_ENTRY, QUALITY, PATIENT_SAFETY, RETENTION = (
    Code('113038', 'DCM', 'Incorrect Modality Worklist Entry'), Code('113001', 'DCM', 'Rejected for Quality Reasons'),
    Code('113037', 'DCM', 'Rejected for Patient Safety Reasons'),
    Code('113039', 'DCM', 'Data Retention Policy Expired'))

_OBSERVER_TYPE, _PERSON = Code('121005', 'DCM', 'Observer Type'), Code('121006', 'DCM', 'Person')
_PERSON_NAME, _DESCRIPTION = (Code('121008', 'DCM', 'Person Observer Name'),
                              Code('113012', 'DCM', 'Key Object Description'))

#: Longest description, in characters.
_MOST = 1024


def rejection_note(case: Case, rejected: Some[Any], title: Code, event: Event, who: str, reason: str = '') -> Made:
    """A note that takes objects back.

    Args:
        case: the exam as it was when they were sent: patient and study are those of the objects.
        rejected: all of them; at least one. A `Made` will do, since only its identifiers are read.
        title: one of the four above.
        event: of the exam, which caused it.
        who: name of who decided it.
        reason: in their words.
    """
    name = case.name(REJECTION, 0, event.number)
    dataset = new_object(case, REJECTION, name, KEY_OBJECTS, 1, event.stamp, 'KO')
    dataset.SeriesDescription = title.meaning
    content.add_request(dataset, case)
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    items = [content.code(_OBSERVER_TYPE, _PERSON, HAS_CONTEXT),
             content.person(_PERSON_NAME, person_name(who), HAS_CONTEXT)]
    if reason:
        items.append(content.text(_DESCRIPTION, shown(reason, _MOST)))
    root = content.container(title, items + [content.composite(one) for one in rejected], '2010')
    del root.RelationshipType
    dataset.update(root)
    dataset.CurrentRequestedProcedureEvidenceSequence = evidence(rejected)
    return finished(case, name, dataset)
