"""Content of structured reports and of key object notes: items of a tree, and the objects that they refer to.

Forms are those of [DICOM] PS3.3, C.17.3, and names those of the templates of PS3.16.
"""
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from ...exams import AMENDED, SIGNED, Capture, Event
from ...thermogram import RELATIVE
from .codes import Code, code_sequence
from .identifiers import uid_of
from .images import SECONDARY_CAPTURE
from .modules import GREY, LONG, SHORT, Case, number_text, shown

CONTAINS, HAS_CONTEXT, HAS_MODIFIER, HAS_PROPERTIES, INFERRED_FROM = (
    'CONTAINS', 'HAS OBS CONTEXT', 'HAS CONCEPT MOD', 'HAS PROPERTIES', 'INFERRED FROM')


class Reference(NamedTuple):
    """An object that another one refers to; the attributes are those of `Made`."""

    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str

    def item(self) -> Dataset:
        """The object as an item of a sequence of references."""
        return _instance(self.sop_class, self.sop_uid)


def versions(case: Case) -> List[Event]:
    """The events that made what is said of an exam what it is: its signature and every amendment."""
    return [event for event in case.exam.events if event.kind in (SIGNED, AMENDED)]


def picture_reference(case: Case, capture: Capture) -> Optional[Reference]:
    """The object with the temperatures of a picture, or else the one that shows it; None where neither leaves."""
    event = case.taken(capture)
    if 'temperature' in case.site.objects:
        kind = GREY if capture.facts.get('unit') == RELATIVE else 'temperature'
    elif 'picture' in case.site.objects:
        kind, event = 'picture', case.exam.correction(capture.number) or event
    else:
        return None
    name = case.name(kind, capture.number, event.number)
    return Reference(SECONDARY_CAPTURE, uid_of(case.exam.id, name), case.series_uid(kind), case.study_uid)


def add_request(dataset: Dataset, case: Case) -> None:
    """State which requested procedure a report or a note answers, where one was scheduled."""
    order, item = case.order, Dataset()
    if not any(order):
        return
    item.StudyInstanceUID, item.ReferencedStudySequence = case.study_uid, Sequence()
    item.AccessionNumber = shown(order.accession, SHORT)
    item.PlacerOrderNumberImagingServiceRequest = item.FillerOrderNumberImagingServiceRequest = ''
    item.RequestedProcedureID = shown(order.procedure_id, SHORT)
    item.RequestedProcedureDescription = shown(order.procedure, LONG)
    item.RequestedProcedureCodeSequence = code_sequence(Code(
        order.procedure_code, order.procedure_scheme, order.procedure_meaning)) if order.procedure_code else Sequence()
    dataset.ReferencedRequestSequence = Sequence([item])


def evidence(references: Iterable[Any]) -> Sequence:
    """Objects by study and series, each once, in the order in which they are first named.

    Args:
        references: each a `Reference` or a `Made`.
    """
    studies: Dict[str, Dict[str, Dict[str, str]]] = {}
    for reference in references:
        series = studies.setdefault(reference.study_uid, {}).setdefault(reference.series_uid, {})
        series[reference.sop_uid] = reference.sop_class
    found = []
    for study_uid, by_series in studies.items():
        study = Dataset()
        study.ReferencedSeriesSequence, study.StudyInstanceUID = Sequence(), study_uid
        for series_uid, instances in by_series.items():
            series_item = Dataset()
            series_item.ReferencedSOPSequence = Sequence(
                [_instance(sop_class, sop_uid) for sop_uid, sop_class in instances.items()])
            series_item.SeriesInstanceUID = series_uid
            study.ReferencedSeriesSequence.append(series_item)
        found.append(study)
    return Sequence(found)


def container(concept: Code, content: List[Dataset], template: str = '') -> Dataset:
    """Items under a heading.

    Args:
        template: number of the template that they follow; empty for none of its own.
    """
    item = _item('CONTAINER', concept)
    item.ContinuityOfContent = 'SEPARATE'
    if template:
        identification = Dataset()
        identification.MappingResource, identification.TemplateIdentifier = 'DCMR', template
        item.ContentTemplateSequence = Sequence([identification])
    item.ContentSequence = Sequence(content)
    return item


def text(concept: Code, words: str, relation: str = CONTAINS) -> Dataset:
    """Words."""
    return _item('TEXT', concept, relation, TextValue=words)


def code(concept: Code, value: Code, relation: str = CONTAINS, modifiers: Iterable[Dataset] = ()) -> Dataset:
    """A code; modifiers say more of it."""
    return _with(_item('CODE', concept, relation, ConceptCodeSequence=code_sequence(value)), modifiers)


def number(concept: Code, value: float, unit: Code, more: Iterable[Dataset] = (), relation: str = CONTAINS) -> Dataset:
    """A measurement; `more` says what it is of, how it was derived and how exact it is."""
    measured = Dataset()
    measured.MeasurementUnitsCodeSequence, measured.NumericValue = code_sequence(unit), number_text(value)
    return _with(_item('NUM', concept, relation, MeasuredValueSequence=Sequence([measured])), more)


def person(concept: Code, name: str, relation: str = CONTAINS) -> Dataset:
    """The name of a person, as `person_name` gives it."""
    return _item('PNAME', concept, relation, PersonName=name)


def identifier(concept: Code, uid: str, relation: str = CONTAINS) -> Dataset:
    """A unique identifier."""
    return _item('UIDREF', concept, relation, UID=uid)


def image(reference: Reference, concept: Optional[Code] = None, relation: str = CONTAINS, segment: int = 0) -> Dataset:
    """A picture that is referred to.

    Args:
        segment: number of the segment of a Segmentation; 0 for anything else.
    """
    instance = reference.item()
    if segment:
        instance.ReferencedSegmentNumber = segment
    return _item('IMAGE', concept, relation, ReferencedSOPSequence=Sequence([instance]))


def composite(reference: Any) -> Dataset:
    """Any object that is referred to; a `Reference` or a `Made`."""
    return _item('COMPOSITE', None, ReferencedSOPSequence=Sequence([_instance(reference.sop_class, reference.sop_uid)]))


def _instance(sop_class: str, sop_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
    return item


def _item(kind: str, concept: Optional[Code], relation: str = CONTAINS, **values: Any) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, kind
    if concept is not None:
        item.ConceptNameCodeSequence = code_sequence(concept)
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _with(item: Dataset, more: Iterable[Dataset]) -> Dataset:
    """An item with what says more of it; without that it has no sequence, which must not be empty."""
    children = list(more)
    if children:
        item.ContentSequence = Sequence(children)
    return item
