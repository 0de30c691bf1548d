"""What every object states, whatever it holds: patient, order, study, series, equipment, and what it is itself.

Each function fills one or several of the modules of [DICOM] PS3.3, C.7 and C.12.
"""
import datetime
import re
import unicodedata
from typing import Any, Dict, NamedTuple, Optional, Tuple

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from ...clock import UNSYNCHRONISED, Stamp, corrected
from ...exams import CAPTURED, SIGNED, Capture, Event, Exam, Exams, Order, Patient
from ...messages import InputError
from ..site import OBJECTS, Site
from .codes import ACQUISITION, CONDITION_CODES, LOCAL, PROCESSING, Code, code_sequence
from .files import encode
from .identifiers import uid_of

MANUFACTURER, MODEL = 'thermoscreen', 'Breast thermography station'

#: Of every object with pixels: thermography.
MODALITY = 'TG'

#: Numbers of the series of an exam, by the kind of their objects; pictures without temperatures have one of their own.
#: A note that takes objects back has one too.
GREY, REJECTION = 'grey', 'rejection'
SERIES = {kind: number for number, kind in enumerate(OBJECTS + (GREY, REJECTION), 1)}

#: Longest texts of each kind, in characters ([DICOM] PS3.5, 6.2).
SHORT, LONG, NAME = 16, 64, 64

#: Private elements: their group and who made the block, by which it is found wherever an archive moved it.
PRIVATE_GROUP, PRIVATE_CREATOR = 0x0099, 'THERMOSCREEN 1'

_FORBIDDEN = ('Cc', 'Cs')


class Made(NamedTuple):
    """An object of an exam.

    Attributes:
        name: what it is, by which its UID was computed; one object of an exam has it.
        sop_class, sop_uid, series_uid, study_uid: of the object.
        data: a whole DICOM file.
    """

    name: str
    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str
    data: bytes


class Case:
    """A signed exam whose objects are made.

    Args:
        exams: the store.
        exam: one of its exams.
        site: what the settings say of the hospital.

    Attributes:
        exams, exam, site: the same.
        patient: who it is of.
        conditions: as of `Exams.conditions`.
        order: what the worklist said; empty where the exam was not scheduled.
        study_uid: of the order, or else of the exam.

    Raises:
        ExamError, SealError: as of `Exams.patient`.
    """

    def __init__(self, exams: Exams, exam: Exam, site: Site) -> None:
        self.exams, self.exam, self.site = exams, exam, site
        self.patient: Patient = exams.patient(exam)
        self.conditions: Dict[str, Any] = exams.conditions(exam)
        self._signed: Stamp = next(event.stamp for event in exam.events if event.kind == SIGNED)
        self.order = exams.order(exam) or Order()
        self.study_uid = self.order.study_uid or uid_of(exam.id, 'study')

    def series_uid(self, kind: str, picture: int = 0) -> str:
        """UID of the series of a kind of objects.

        Args:
            kind: one of `SERIES`.
            picture: number of the capture where each has a series of its own.
        """
        return uid_of(self.exam.id, 'series/%s/%04d' % (kind, picture) if picture else 'series/%s' % kind)

    def name(self, kind: str, picture: int, event: int) -> str:
        """What an object is, by which its UID is computed.

        Args:
            kind: one of `SERIES`.
            picture: number of the capture that it is of; 0 for one of the whole exam.
            event: number of the event that made it what it is.
        """
        return 'object/%04d/%s/%d' % (picture, kind, event)

    def time(self, stamp: Stamp) -> datetime.datetime:
        """When something happened, UTC; by the clock of the signature where an earlier date was not certain."""
        if stamp.clock == UNSYNCHRONISED and stamp.boot_id == self._signed.boot_id:
            utc = corrected(stamp, self._signed)
        else:
            utc = stamp.utc
        return datetime.datetime.strptime(utc, '%Y-%m-%dT%H:%M:%S.%fZ')

    def taken(self, capture: Capture) -> Event:
        """The event of a capture."""
        return [event for event in self.exam.events if event.kind == CAPTURED][capture.number - 1]


def new_object(case: Case, kind: str, name: str, sop_class: str, number: int, made: Stamp, modality: str = MODALITY,
               picture: int = 0) -> Dataset:
    """A dataset with what every object states.

    Args:
        case: the exam.
        kind: one of `SERIES`.
        name: as `Case.name` gives it.
        sop_class: UID.
        number: of the object in its series, counted from 1.
        made: when what it holds came to be.
        modality: of the series.
        picture: as of `Case.series_uid`.

    Raises:
        InputError: ``dicom-patient-id``.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = 'ISO_IR 192'
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid_of(case.exam.id, name)
    dataset.TimezoneOffsetFromUTC = '+0000'
    _add_patient(dataset, case)
    _add_study(dataset, case)
    _add_order(dataset, case.order)
    dataset.Modality = modality
    dataset.SeriesInstanceUID = case.series_uid(kind, picture)
    dataset.SeriesNumber = str(100 * SERIES[kind] + picture if picture else SERIES[kind])
    dataset.InstanceNumber = str(number)
    _add_equipment(dataset, case)
    time = case.time(made)
    dataset.ContentDate, dataset.ContentTime = date_text(time), time_text(time)
    return dataset


def finished(case: Case, name: str, dataset: Dataset) -> Made:
    """An object with its file, which says whose codes are in it where some of ours are."""
    if any(element.keyword == 'CodingSchemeDesignator' and element.value == LOCAL for element in dataset.iterall()):
        scheme = Dataset()
        scheme.CodingSchemeDesignator, scheme.CodingSchemeName = LOCAL, 'Local codes of %s' % MANUFACTURER
        scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
        dataset.CodingSchemeIdentificationSequence = Sequence([scheme])
    return Made(name, str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), str(dataset.SeriesInstanceUID),
                case.study_uid, encode(dataset))


def _add_patient(dataset: Dataset, case: Case) -> None:
    patient, order = case.patient, case.order
    if len(patient.id) > LONG or shown(patient.id, LONG) != patient.id:
        raise InputError('dicom-patient-id', 'The id of the patient cannot stand in a DICOM object: it has %d '
                         'characters or a backslash, and 64 without one are the most.' % len(patient.id),
                         'Move the exam to the patient with the right id.')
    dataset.PatientName = person_name(order.name or patient.name)
    dataset.PatientID = patient.id
    dataset.PatientBirthDate = patient.birth_date.replace('-', '')
    dataset.PatientSex = order.sex if order.sex in ('M', 'F', 'O') else ''
    if order.issuer:
        dataset.IssuerOfPatientID = shown(order.issuer, LONG)


def _add_study(dataset: Dataset, case: Case) -> None:
    begun = case.time(case.exam.events[0].stamp)
    dataset.StudyInstanceUID = case.study_uid
    dataset.StudyDate, dataset.StudyTime = date_text(begun), time_text(begun)
    dataset.StudyID = str(case.exam.number)
    _add_number(dataset, 'AccessionNumber', case.order.accession)
    dataset.ReferringPhysicianName = person_name(case.order.referrer)
    dataset.StudyDescription = 'Breast thermography'
    if case.patient.birth_date:
        dataset.PatientAge = '%03dY' % _years(case.patient.birth_date, begun)


def _add_order(dataset: Dataset, order: Order) -> None:
    """State which step of which requested procedure an object answers, where one was scheduled."""
    item = Dataset()
    for keyword, text in (('RequestedProcedureID', order.procedure_id), ('ScheduledProcedureStepID', order.step_id)):
        if text:
            _add_number(item, keyword, text)
    for keyword, text in (('RequestedProcedureDescription', order.procedure),
                          ('ScheduledProcedureStepDescription', order.step)):
        if text:
            setattr(item, keyword, shown(text, LONG))
    if order.procedure_code:
        item.RequestedProcedureCodeSequence = code_sequence(Code(
            order.procedure_code, order.procedure_scheme, order.procedure_meaning))
    if order.protocol_code:
        item.ScheduledProtocolCodeSequence = code_sequence(Code(
            order.protocol_code, order.protocol_scheme, order.protocol_meaning))
    if len(item):
        dataset.RequestAttributesSequence = Sequence([item])


def _add_number(dataset: Dataset, keyword: str, text: str) -> None:
    """A number that the hospital gave, whole: some give longer ones than the standard allows, and expect them back."""
    dataset.add(DataElement(Tag(keyword), 'SH', shown(text, LONG), validation_mode=config.IGNORE))


def _add_equipment(dataset: Dataset, case: Case) -> None:
    site, signed = case.site, next(event for event in case.exam.events if event.kind == SIGNED)
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MODEL
    dataset.SoftwareVersions = shown(str(signed.facts.get('software', '')), LONG)
    for keyword, text, most in (('InstitutionName', site.institution, LONG), ('StationName', site.station_name, SHORT),
                                ('InstitutionalDepartmentName', site.department, LONG)):
        if text:
            setattr(dataset, keyword, shown(text, most))


def add_devices(dataset: Dataset, capture: Capture) -> None:
    """State with which camera a picture was taken and which network judged it, as contributing equipment."""
    camera, bundle = capture.facts.get('camera') or {}, capture.facts.get('bundle') or {}
    dataset.ContributingEquipmentSequence = Sequence([
        _device(ACQUISITION, 'Thermal camera', camera.get('name') or camera.get('kind'), (), camera.get('serial')),
        _device(PROCESSING, 'Neural network that marks regions', bundle.get('id'),
                (bundle.get('version'), bundle.get('hash')), None)])


def _device(purpose: Code, description: str, model: Any, versions: Tuple[Any, ...], serial: Any) -> Dataset:
    item = Dataset()
    item.Manufacturer, item.ContributionDescription = MANUFACTURER if versions else 'not stated', description
    item.ManufacturerModelName = shown(str(model or ''), LONG)
    if any(versions):
        item.SoftwareVersions = [shown(str(version), LONG) for version in versions if version]
    if serial:
        item.DeviceSerialNumber = shown(str(serial), LONG)
    item.PurposeOfReferenceCodeSequence = code_sequence(purpose)
    return item


def add_conditions(dataset: Dataset, case: Case, capture: Capture, emissivity: Optional[float]) -> None:
    """State the conditions that a picture was taken under, as the context of its acquisition; without any it is empty.

    Args:
        emissivity: that the camera computed with; None where it is not known.
    """
    values = dict(case.conditions, **case.exams.private(case.exam, case.taken(capture).number))
    if emissivity is not None:
        values['emissivity'] = emissivity
    dataset.AcquisitionContextSequence = Sequence([
        _numeric(*CONDITION_CODES[name], value) for name, value in sorted(values.items()) if name in CONDITION_CODES])


def _numeric(concept: Code, unit: Code, value: float) -> Dataset:
    item = Dataset()
    item.ValueType = 'NUMERIC'
    item.ConceptNameCodeSequence = code_sequence(concept)
    item.NumericValue = number_text(value)
    item.MeasurementUnitsCodeSequence = code_sequence(unit)
    return item


def person_name(text: str) -> str:
    """A name of a person ([DICOM] PS3.5, 6.2.1).

    One that already has components or groups stays; one with a comma has the family name before it; everything else
    is one component, for nobody can tell which word is which.
    """
    if '^' not in text and '=' not in text and text.count(',') == 1:
        text = '^'.join(part.strip() for part in text.split(','))
    return '='.join(shown(group, NAME) for group in text.split('=')[:3])


def shown(text: str, most: int) -> str:
    """A text as one value of an element: one line, without backslashes, which separate values, and not too long."""
    text = ''.join(' ' if unicodedata.category(letter) in _FORBIDDEN else letter for letter in text)
    return re.sub('  +', ' ', text.replace('\\', '/')).strip()[:most].strip()


def date_text(time: datetime.datetime) -> str:
    """A date as the standard writes it."""
    return time.strftime('%Y%m%d')


def time_text(time: datetime.datetime) -> str:
    """A time of the day as the standard writes it, to the millisecond."""
    return time.strftime('%H%M%S.') + '%03d' % (time.microsecond // 1000)


def date_time_text(time: datetime.datetime) -> str:
    """A moment as the standard writes it, with its offset from UTC."""
    return date_text(time) + time_text(time) + '+0000'


def number_text(value: float) -> str:
    """A number as a decimal string of at most 16 characters."""
    return '%.10g' % value


def _years(born: str, begun: datetime.datetime) -> int:
    birth = datetime.datetime.strptime(born, '%Y-%m-%d')
    return max(0, begun.year - birth.year - ((begun.month, begun.day) < (birth.month, birth.day)))
