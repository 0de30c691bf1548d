"""Objects without identity, by the Basic Application Level Confidentiality Profile of [DICOM315].

`ACTIONS` names every element that may stay, and how; whatever it does not name goes, at any depth. So an element that
somebody adds to an object later leaves with it only after somebody has decided that here.

Options of the profile: structured content is cleaned (113104), and so are descriptors, which are words of this program
(113105); pictures are drawn anew, with such words alone (113101); dates keep their distances (113107); the age stays
(113108). The printed report, which is text about one person, stays on the station.
"""
import datetime
import io
import json
import re
import uuid
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from ... import __version__
from ...exams import Exams
from ...exams.deidentified import Leaving
from ...kept_picture import kept_result
from ...overlay import draw_overlay
from ..site import OBJECTS, Site
from . import make_objects
from .codes import Code, code_sequence
from .files import encode
from .images import add_pixels
from .modules import SHORT, date_text, time_text

#: What becomes of an element, as the profile calls it: it stays; its distance to other dates stays; another identifier
#: takes its place, the same wherever it stands; it is emptied; a value that says nothing takes its place; it goes.
KEEP, MOVE, CHANGE, EMPTY, REPLACE, REMOVE = 'K', 'C', 'U', 'Z', 'D', 'X'


def _all(action: str, keywords: str) -> Dict[str, str]:
    return dict.fromkeys(keywords.split(), action)


#: By keyword. Sequences that stay are cleaned inside.
ACTIONS: Dict[str, str] = dict(
    # Patient, study, series and equipment.
    _all(REPLACE, 'PatientName PatientID StudyID StudyDescription PatientAge SoftwareVersions DeviceSerialNumber '
         'VerifyingObserverName VerifyingOrganization SegmentAlgorithmName AlgorithmName AlgorithmVersion '
         'AlgorithmParameters'),
    **_all(EMPTY, 'PatientBirthDate PatientSex AccessionNumber ReferringPhysicianName ContentCreatorName '
           'ReferencedPerformedProcedureStepSequence PerformedProcedureCodeSequence '
           'VerifyingObserverIdentificationCodeSequence'),
    **_all(REMOVE, 'InstitutionName InstitutionalDepartmentName StationName TimezoneOffsetFromUTC IssuerOfPatientID '
           'RequestAttributesSequence ReferencedRequestSequence ContributingEquipmentSequence '
           'PredecessorDocumentsSequence PersonName'),
    **_all(MOVE, 'StudyDate StudyTime ContentDate ContentTime AcquisitionDateTime FrameAcquisitionDateTime '
           'FrameReferenceDateTime VerificationDateTime'),
    **_all(CHANGE, 'SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID ReferencedSOPInstanceUID '
           'DimensionOrganizationUID UID'),
    **_all(KEEP, 'SpecificCharacterSet SOPClassUID Modality ConversionType Manufacturer ManufacturerModelName '
           'SeriesDescription SeriesNumber InstanceNumber BodyPartExamined ImageComments '
           # Codes and references.
           'CodingSchemeIdentificationSequence CodingSchemeName CodingSchemeResponsibleOrganization '
           'CodeValue CodingSchemeDesignator CodeMeaning MappingResource ReferencedSOPClassUID ReferencedSOPSequence '
           'ReferencedSeriesSequence ReferencedInstanceSequence SourceImageSequence DerivationImageSequence '
           'DerivationCodeSequence PurposeOfReferenceCodeSequence SpatialLocationsPreserved '
           # Pixels, how they lie and what they mean.
           'ImageType FrameType FrameTimeVector NumberOfFrames FrameIncrementPointer SamplesPerPixel '
           'PhotometricInterpretation PlanarConfiguration Rows Columns BitsAllocated BitsStored HighBit '
           'PixelRepresentation BurnedInAnnotation RecognizableVisualFeatures WindowCenter WindowWidth '
           'WindowCenterWidthExplanation RescaleIntercept RescaleSlope RescaleType LossyImageCompression '
           'PresentationLUTShape PixelData FloatPixelData RealWorldValueMappingSequence LUTExplanation LUTLabel '
           'RealWorldValueFirstValueMapped RealWorldValueLastValueMapped RealWorldValueIntercept RealWorldValueSlope '
           'DoubleFloatRealWorldValueFirstValueMapped DoubleFloatRealWorldValueLastValueMapped '
           'QuantityDefinitionSequence MeasurementUnitsCodeSequence PatientOrientation ImageLaterality '
           'AnatomicRegionSequence ViewCodeSequence AcquisitionContextSequence NumericValue ContentQualification '
           'ImagePositionPatient ImageOrientationPatient PositionReferenceIndicator '
           # Frames of parametric maps and segmentations.
           'SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence FrameContentSequence FrameAnatomySequence '
           'FrameLaterality FrameAcquisitionDuration StackID InStackPositionNumber DimensionIndexValues '
           'DimensionOrganizationSequence DimensionIndexSequence DimensionIndexPointer FunctionalGroupPointer '
           'DimensionDescriptionLabel PlanePositionSequence PlaneOrientationSequence PixelMeasuresSequence '
           'PixelSpacing SliceThickness SpacingBetweenSlices FrameVOILUTSequence PixelValueTransformationSequence '
           'ParametricMapFrameTypeSequence SegmentationType SegmentsOverlap SegmentSequence SegmentNumber '
           'SegmentLabel SegmentAlgorithmType '
           'SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence '
           'SegmentedPropertyTypeModifierCodeSequence SegmentationAlgorithmIdentificationSequence '
           'AlgorithmFamilyCodeSequence AlgorithmSource SegmentIdentificationSequence ReferencedSegmentNumber '
           'ContentLabel ContentDescription '
           # Structured reports; which of their items stay says `_stays`.
           'CompletionFlag VerificationFlag PreliminaryFlag VerifyingObserverSequence ContentSequence '
           'ContentTemplateSequence TemplateIdentifier RelationshipType ValueType ConceptNameCodeSequence '
           'ConceptCodeSequence ContinuityOfContent TextValue MeasuredValueSequence '
           'CurrentRequestedProcedureEvidenceSequence'))

#: Concepts whose texts are words of this program.
_OWN_WORDS = ('112039', 'notice')
#: Observer type, person: without a name after it, it would say nothing.
_PERSON = ('121005', '121006')

#: Kinds of objects that leave; the printed report does not.
_KINDS = tuple(kind for kind in OBJECTS if kind != 'report')

#: The day of the first exam of every patient.
_FIRST = datetime.datetime(1980, 1, 1)

_NOTHING = 'REMOVED'
_HASH = re.compile(r'SHA-256 [0-9a-f]{64}\Z')

_PROFILE = 'Basic Application Level Confidentiality Profile'
_METHODS = (
    Code('113100', 'DCM', 'Basic Application Confidentiality Profile'),
    Code('113101', 'DCM', 'Clean Pixel Data Option'), Code('113104', 'DCM', 'Clean Structured Content Option'),
    Code('113105', 'DCM', 'Clean Descriptors Option'), Code('113108', 'DCM', 'Retain Patient Characteristics Option'))
_DISTANCES = Code('113107', 'DCM', 'Retain Longitudinal Temporal Information Modified Dates Option')


def dicom_files(exams: Exams) -> Callable[[Leaving], Iterator[Tuple[str, bytes]]]:
    """What `export_deidentified` takes as its further files: the objects of an exam without identity.

    Args:
        exams: the store that the exams are of.

    Returns:
        Gives name and bytes of each file of an exam. It raises as `make_objects`.
    """
    def files(leaving: Leaving) -> Iterator[Tuple[str, bytes]]:
        for made in make_objects(exams, leaving.exam, Site(objects=_KINDS)):
            _, picture, kind, _ = made.name.split('/')
            dataset = pydicom.dcmread(io.BytesIO(made.data))
            if kind == 'picture':
                _draw_anew(dataset, exams, leaving, int(picture))
            remove_identity(dataset, leaving)
            yield '%s.%s.dcm' % (picture, kind), encode(dataset)
    return files


def remove_identity(dataset: Dataset, leaving: Leaving) -> None:
    """Remove everything that says of whom, by whom, when or with which device an object is, and state how."""
    begun = datetime.datetime.strptime(dataset.StudyDate + dataset.StudyTime[:6], '%Y%m%d%H%M%S')
    _Cleaner(leaving, begun).clean(dataset)
    codes: List[Code] = list(_METHODS)
    if leaving.day is not None:
        codes.append(_DISTANCES)
    dataset.PatientIdentityRemoved = 'YES'
    dataset.DeidentificationMethod = _PROFILE
    dataset.DeidentificationMethodCodeSequence = Sequence([code_sequence(code)[0] for code in codes])
    dataset.LongitudinalTemporalInformationModified = 'REMOVED' if leaving.day is None else 'MODIFIED'


class _Cleaner:
    """What becomes of the elements of an object.

    Args:
        leaving: the exam.
        begun: when it was, as the object says it.
    """

    def __init__(self, leaving: Leaving, begun: datetime.datetime) -> None:
        self._leaving, self._begun = leaving, begun
        self._instead: Dict[str, Any] = {
            'PatientName': leaving.patient, 'PatientID': leaving.patient, 'StudyID': leaving.name[-SHORT:],
            'StudyDescription': 'Breast thermography', 'SoftwareVersions': __version__,
            'SegmentAlgorithmName': 'network', 'AlgorithmName': 'network'}

    def clean(self, dataset: Dataset) -> None:
        """Change a dataset and everything in it."""
        for moment in ('Study', 'Content'):
            if moment + 'Date' in dataset:
                date, time = dataset[moment + 'Date'], dataset[moment + 'Time']
                moved = self._moved(date.value + time.value)
                date.value, time.value = date_text(moved), time_text(moved)
        for element in list(dataset):
            action = ACTIONS.get(element.keyword, REMOVE)
            if action == REMOVE or (element.keyword == 'PatientAge' and self._leaving.age_years is None):
                del dataset[element.tag]
            elif action == EMPTY:
                element.value = Sequence() if element.VR == 'SQ' else ''
            elif action == CHANGE:
                element.value = self._changed(element.value)
            elif action == REPLACE:
                element.value = self._replaced(element.keyword, element.value)
            elif element.VR == 'DT':
                moved = self._moved(element.value)
                element.value = date_text(moved) + time_text(moved)
            elif element.VR == 'SQ':
                if element.keyword == 'ContentSequence':
                    element.value = Sequence([item for item in element.value if _stays(item)])
                for item in element.value:
                    self.clean(item)
                if element.keyword == 'ContentSequence' and not element.value:
                    del dataset[element.tag]

    def _changed(self, uid: str) -> str:
        return '2.25.%d' % uuid.UUID(bytes=self._leaving.digest(uid)[:16], version=4).int

    def _replaced(self, keyword: str, value: Any) -> Any:
        if keyword == 'PatientAge':
            return '%03dY' % (self._leaving.age_years or 0)
        if keyword == 'AlgorithmParameters' and _HASH.match(str(value)):
            return value
        return self._instead.get(keyword, _NOTHING)

    def _moved(self, moment: str) -> datetime.datetime:
        """A date with its distance from the beginning of the exam; none where nobody stands for that date.

        A date from before the beginning is one of a clock that was wrong, and would tell by how much.
        """
        if self._leaving.day is None:
            return _FIRST
        then = datetime.datetime.strptime(moment[:14], '%Y%m%d%H%M%S')
        return _FIRST + datetime.timedelta(self._leaving.day) + max(datetime.timedelta(0), then - self._begun)


def _stays(item: Dataset) -> bool:
    """Whether an item of a structured report stays: numbers, codes and references do, and texts of this program."""
    concept = item.ConceptNameCodeSequence[0].CodeValue if 'ConceptNameCodeSequence' in item else ''
    if item.ValueType == 'TEXT':
        return concept in _OWN_WORDS
    if item.ValueType == 'CODE':
        return (concept, item.ConceptCodeSequence[0].CodeValue) != _PERSON
    return item.ValueType in ('CONTAINER', 'NUM', 'IMAGE', 'UIDREF')


def _draw_anew(dataset: Dataset, exams: Exams, leaving: Leaving, number: int) -> None:
    """Draw a picture with scale, sides and notice, in place of the one that was kept: no word in it is of the exam."""
    capture = leaving.exam.captures[number - 1]
    name = leaving.exam.counting(number, 'result.json')
    values = json.loads(exams.read_file(leaving.exam, name).decode('utf-8'))
    result = replace(kept_result(exams, leaving.exam, capture, values), checks=())
    add_pixels(dataset, draw_overlay(result)[:, :, ::-1])
