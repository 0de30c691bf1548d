"""Rows of a worklist: what is asked for, and one row as plain texts in UTF-8. For the process that talks DICOM.

Whatever character set a worklist uses is converted here, once, so that nothing behind this module knows of it.
"""
import datetime
import re
import unicodedata
import warnings
from typing import Any, Dict, Optional

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

#: What is asked to be returned, of the patient and of the procedure ([DICOM] PS3.4, table K.6-1).
_RETURNED = (
    'SpecificCharacterSet', 'PatientName', 'PatientID', 'IssuerOfPatientID', 'PatientBirthDate', 'PatientSex',
    'PatientWeight', 'MedicalAlerts', 'Allergies', 'PregnancyStatus', 'AccessionNumber', 'ReferringPhysicianName',
    'StudyInstanceUID', 'RequestedProcedureID', 'RequestedProcedureDescription')
#: The same of the scheduled step.
_OF_STEP = ('ScheduledProcedureStepStartTime', 'ScheduledProcedureStepID', 'ScheduledProcedureStepDescription',
            'ScheduledProcedureStepLocation')
#: Numbers of the status of pregnancy, as PS3.3, C.2.5 has them.
_PREGNANCY = {'1': 'not pregnant', '2': 'possibly pregnant', '3': 'definitely pregnant', '4': 'unknown'}

_DECIMAL = re.compile(r'[0-9]{1,3}(\.[0-9]{1,4})?\Z', re.ASCII)


def query_of(payload: Dict[str, str]) -> Dataset:
    """The query of a worklist.

    Args:
        payload: ``dates``, a range such as ``20261129-20261201``; ``title``, AE title that a step is scheduled for, and
            ``modality``, each empty for any.
    """
    query = Dataset()
    for name in _RETURNED:
        setattr(query, name, None)
    query.SpecificCharacterSet = 'ISO_IR 192'
    step, code = Dataset(), Dataset()
    for name in _OF_STEP:
        setattr(step, name, None)
    step.ScheduledStationAETitle, step.Modality = payload['title'], payload['modality']
    step.ScheduledProcedureStepStartDate = payload['dates']
    for name in ('CodeValue', 'CodingSchemeDesignator', 'CodeMeaning'):
        setattr(code, name, None)
    step.ScheduledProtocolCodeSequence = [code]
    query.RequestedProcedureCodeSequence, query.ScheduledProcedureStepSequence = [code], [step]
    return query


def row_of(found: Dataset) -> Dict[str, str]:
    """A row as texts by the names of `service.exams.Order`, with ``id``, ``patient`` and ``birth_date``.

    ``name`` is as DICOM writes it, and ``patient`` as people do. A text that cannot be decoded is empty, and so is a
    date or number that is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return _row_of(found)


def _row_of(found: Dataset) -> Dict[str, str]:
    # A worklist that names no character set means ASCII. Many send UTF-8 all the same, which reads as Latin-1.
    declared = bool(found.get('SpecificCharacterSet'))

    def text(dataset: Dataset, keyword: str) -> str:
        value = dataset.get(keyword)
        values = list(value) if isinstance(value, MultiValue) else [value]
        if len(values) > 1 and keyword not in ('Allergies', 'MedicalAlerts'):
            return ''  # nobody knows which of them is meant
        return '; '.join(filter(None, (_line('' if one is None else str(one), declared) for one in values)))

    def of_code(dataset: Dataset, keyword: str, prefix: str) -> Dict[str, str]:
        code = _first(dataset, keyword)
        return {prefix + '_code': text(code, 'CodeValue'), prefix + '_scheme': text(code, 'CodingSchemeDesignator'),
                prefix + '_meaning': text(code, 'CodeMeaning')}
    step = _first(found, 'ScheduledProcedureStepSequence')
    name, weight, sex = text(found, 'PatientName'), text(found, 'PatientWeight'), text(found, 'PatientSex')
    date, time = (text(step, 'ScheduledProcedureStepStart' + part) for part in ('Date', 'Time'))
    hour = re.match(r'([01][0-9]|2[0-3]):?([0-5][0-9])', time)
    day = _date(date)
    return dict(
        of_code(found, 'RequestedProcedureCodeSequence', 'procedure'),
        **of_code(step, 'ScheduledProtocolCodeSequence', 'protocol'),
        id=text(found, 'PatientID'), patient=spoken_name(name), birth_date=_date(text(found, 'PatientBirthDate')),
        name=name, issuer=text(found, 'IssuerOfPatientID'), sex=sex if sex in ('M', 'F', 'O') else '',
        weight_kg=weight if _DECIMAL.match(weight) else '', alerts=text(found, 'MedicalAlerts'),
        allergies=text(found, 'Allergies'), pregnancy=_PREGNANCY.get(text(found, 'PregnancyStatus'), ''),
        accession=text(found, 'AccessionNumber'), referrer=text(found, 'ReferringPhysicianName'),
        study_uid=text(found, 'StudyInstanceUID'), procedure_id=text(found, 'RequestedProcedureID'),
        procedure=text(found, 'RequestedProcedureDescription'), step_id=text(step, 'ScheduledProcedureStepID'),
        step=text(step, 'ScheduledProcedureStepDescription'), location=text(step, 'ScheduledProcedureStepLocation'),
        modality=text(step, 'Modality'),
        scheduled=('%s %s:%s' % (day, hour.group(1), hour.group(2)) if hour else day) if day else '')


def spoken_name(name: str) -> str:
    """A name of DICOM as people write it: its parts in their order, and behind them those in the script of the country.

    ``Wang^XiaoDong=王^小东`` is ``Wang XiaoDong 王小东``. How it is pronounced, the third group, is left out.
    """
    groups = (name.split('=') + [''])[:2]
    return ' '.join(filter(None, (' '.join(groups[0].replace('^', ' ').split()),
                                  ''.join(groups[1].split('^')).strip())))


def _first(dataset: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence; an empty one where there is none."""
    items: Optional[Any] = dataset.get(keyword)
    return items[0] if items else Dataset()


def _line(value: str, declared: bool) -> str:
    """A text as one line; empty where it was in another character set than it said."""
    if not declared:
        try:
            value = value.encode('latin-1').decode('utf-8')
        except UnicodeError:
            pass  # Latin-1 indeed
    if '\ufffd' in value or '\x1b' in value:
        return ''
    value = ''.join(' ' if unicodedata.category(letter) in ('Cc', 'Zl', 'Zp', 'Cs') else letter for letter in value)
    return unicodedata.normalize('NFC', ' '.join(value.split()).rstrip('^= '))


def _date(text: str) -> str:
    """A date of DICOM as ``2026-11-30``; empty for what is none."""
    try:
        return datetime.datetime.strptime(text.replace('.', ''), '%Y%m%d').date().isoformat()
    except ValueError:
        return ''
