"""Tells the hospital that an exam has begun, and how it ended: Modality Performed Procedure Step, [DICOM] PS3.4, F.7.

What is to be told follows from the exams themselves: a step begins with the first picture and ends with the signature
or when the exam is given up. Beside them it is kept what was told already, so that after a restart nothing is told
twice as something else and nothing is left out.
"""
import datetime
import json
import os
import threading
import time
from dataclasses import replace
from typing import Any, Callable, Dict, List, Tuple

from ..clock import Stamp
from ..durable import atomic_write_json
from ..exams import CAPTURED, DISCARDED, Exam, ExamMissingError, Exams, Order
from ..messages import OK, Message, StorageError, ThermoscreenError
from ..supervise import LastingThread
from .calls import MPPS, Answer, call, message_of
from .dicom import make_objects, uid_of
from .site import Peer, Site

#: What was told of an exam: nothing, that it has begun, how it ended, or that the server takes nothing of it.
NOTHING, BEGUN, ENDED, REFUSED = '', 'begun', 'ended', 'refused'
COMPLETED, DISCONTINUED = 'COMPLETED', 'DISCONTINUED'

#: What is kept, in the folder of the exams: no names, and nothing that anybody would miss in a backup.
FILE = 'steps.json'
#: The newest exams that are looked at after a start.
_NEWEST = 200
#: Minutes until the server is told again, after one failure, after two, and so on.
_RETRY_MIN = (1, 5, 15, 60)
#: Seconds between two looks at whether something is due.
_LOOK_S = 10.0
DEADLINE_S = 30.0

#: Of a status ([DICOM] PS3.7, C): the step is known already; it cannot be done now.
_DUPLICATE, _TROUBLED, _NO_RESOURCES = 0x0111, 0x0110, 0x0213
#: Warnings, with which it was done.
_DONE = (0x0000, 0x0001, 0x0107, 0x0116, _DUPLICATE)

_SUBJECT = 'procedure steps'
_ALL_TOLD = Message('mpps-ok', 'Everything was told to the server of procedure steps.', '', OK, _SUBJECT)

#: Objects that a step refers to by their images.
_IMAGES = ('temperature', 'series', 'picture')


class Steps:
    """What this station tells of its exams; any thread may use it.

    Args:
        site: with a server of procedure steps.
        exams: the store.
        ask: as `calls.call`.
        now_s: seconds since 1970.
    Attributes:
        message: how it was told last.
    """

    def __init__(self, site: Site, exams: Exams, ask: Callable[..., Answer] = call,
                 now_s: Callable[[], float] = time.time) -> None:
        assert site.mpps is not None
        self.peer: Peer = site.mpps
        self.message = _ALL_TOLD
        self._site, self._exams, self._ask, self._now_s = site, exams, ask, now_s
        self._path = os.path.join(exams.folder, FILE)
        self._lock = threading.Lock()
        self._since, self._told = self._read()
        newest = {entry.row.id for entry in exams.list(limit=_NEWEST) if entry.row.number > self._since}
        self._told = {exam_id: told for exam_id, told in self._told.items()
                      if exam_id in newest or told['told'] not in (ENDED, REFUSED)}
        self._open: Dict[str, List[Callable[[], object]]] = {exam_id: [] for exam_id in newest | set(self._told)}
        self._write()
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._thread = LastingThread('steps', self._run, self._ended)

    def start(self) -> 'Steps':
        """Tell what is due from now on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Tell nothing more."""
        self._ended.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def changed(self, exam_id: str, done: Callable[[], object] = lambda: None) -> None:
        """Something happened to an exam.

        Args:
            done: called when it was looked at once, so that the exams are not locked before.
        """
        with self._lock:
            self._open.setdefault(exam_id, []).append(done)
            self._told.get(exam_id, {}).update(next_s=0.0)
        self._wanted.set()

    def tell(self) -> None:
        """Tell what is due now."""
        with self._lock:
            due = [(exam_id, self._open[exam_id][:]) for exam_id in self._open]
        for exam_id, waiting in due:
            try:
                is_over = self._tell(exam_id)
            finally:
                for done in waiting:
                    done()
            with self._lock:
                rest = self._open[exam_id][len(waiting):]
                self._open[exam_id] = rest
                if is_over and not rest:
                    del self._open[exam_id]

    def _run(self) -> None:
        while not self._ended.is_set():
            self.tell()
            self._wanted.wait(_LOOK_S)
            self._wanted.clear()

    def _tell(self, exam_id: str) -> bool:
        """Tell what is due of an exam; whether nothing of it will ever be again."""
        told = self._told.get(exam_id, {'told': NOTHING, 'unknown': False, 'attempts': 0, 'next_s': 0.0})
        if told['told'] in (ENDED, REFUSED):
            return True
        if self._exams.sealer is None or self._now_s() < told['next_s']:
            return False
        try:
            exam = self._exams.get(exam_id)
            ended = end_of(exam)
            if not exam.captures or told['told'] == BEGUN and not ended:
                return bool(ended) or exam.state == DISCARDED
            begins = told['told'] == NOTHING
            values = values_at_begin(self._exams, exam, self._site) if begins else values_at_end(
                self._exams, exam, self._site)
        except ExamMissingError:
            return True
        except ThermoscreenError as error:
            self.message = replace(error.message, subject=_SUBJECT)
            return False
        # Before it is told: whoever is killed meanwhile does not know what the server did.
        was_unknown = told['unknown']
        told = self._keep(exam_id, dict(told, unknown=True))
        answer = self._ask(self.peer, 'mpps-create' if begins else 'mpps-set',
                           {'uid': uid_of(exam_id, 'step'), 'values': values}, DEADLINE_S)
        status = answer.get('status')
        # A step that has ended is not changed again: the server took what nobody knew the outcome of.
        if status in _DONE or not begins and was_unknown and status == _TROUBLED:
            self._keep(exam_id, dict(told, told=BEGUN if begins else ENDED, unknown=False, attempts=0, next_s=0.0))
            self.message = _ALL_TOLD
            return self._tell(exam_id) if begins else True
        self.message = replace(message_of(answer, self.peer, MPPS), subject=_SUBJECT)
        later = status is None or status in (_TROUBLED, _NO_RESOURCES) or 0xA700 <= status < 0xA800
        attempts = told['attempts'] + 1
        wait_min = _RETRY_MIN[min(attempts, len(_RETRY_MIN)) - 1]
        unknown = bool(answer.get('unknown')) or was_unknown and status is None
        self._keep(exam_id, dict(told, told=told['told'] if later else REFUSED, unknown=unknown, attempts=attempts,
                                 next_s=self._now_s() + 60 * wait_min))
        return not later

    def _keep(self, exam_id: str, told: Dict[str, Any]) -> Dict[str, Any]:
        with self._lock:
            self._told[exam_id] = told
        self._write()
        return told

    def _write(self) -> None:
        with self._lock:
            document = {'since': self._since, 'exams': dict(self._told)}
        try:
            atomic_write_json(self._path, document)
        except StorageError as error:
            self.message = replace(error.message, subject=_SUBJECT)

    def _read(self) -> Tuple[int, Dict[str, Dict[str, Any]]]:
        """What was told; exams from before the first start are told of by nobody."""
        try:
            with open(self._path, encoding='utf-8') as stream:
                document = json.load(stream)
            return int(document['since']), dict(document['exams'])
        except (OSError, ValueError, KeyError, TypeError):
            newest = self._exams.list(limit=1)
            return newest[0].row.number if newest else 0, {}


def end_of(exam: Exam) -> str:
    """How the step of an exam ended; empty while it goes on."""
    return COMPLETED if exam.locked else DISCONTINUED if exam.state == DISCARDED else ''


def values_at_begin(exams: Exams, exam: Exam, site: Site) -> Dict[str, Any]:
    """Elements of N-CREATE by keyword, as JSON values ([DICOM] PS3.4, table F.7.2-1).

    Args:
        exam: with a picture.

    Raises:
        ExamError, SealError: as of `Exams.patient`.
    """
    from .dicom.modules import person_name
    patient, order = exams.patient(exam), exams.order(exam) or Order()
    begun = next(event.stamp for event in exam.events if event.kind == CAPTURED)
    date, hour = _moment(begun)
    procedure = _code(order.procedure_code, order.procedure_scheme, order.procedure_meaning)
    protocol = _code(order.protocol_code, order.protocol_scheme, order.protocol_meaning)
    return {
        'SpecificCharacterSet': 'ISO_IR 192', 'PatientName': order.name or person_name(patient.name),
        'PatientID': patient.id, 'PatientBirthDate': patient.birth_date.replace('-', ''), 'PatientSex': order.sex,
        'ReferencedPatientSequence': [], 'PerformedProcedureStepID': exam.id[:16],
        'PerformedStationAETitle': site.title, 'PerformedStationName': site.station_name, 'PerformedLocation': '',
        'PerformedProcedureStepStartDate': date, 'PerformedProcedureStepStartTime': hour,
        'PerformedProcedureStepStatus': 'IN PROGRESS', 'PerformedProcedureStepDescription': order.step[:64],
        'PerformedProcedureTypeDescription': '', 'ProcedureCodeSequence': procedure,
        'PerformedProcedureStepEndDate': '', 'PerformedProcedureStepEndTime': '', 'Modality': 'TG',
        'StudyID': str(exam.number), 'PerformedProtocolCodeSequence': protocol, 'PerformedSeriesSequence': [],
        'ScheduledStepAttributesSequence': [{
            'StudyInstanceUID': order.study_uid or uid_of(exam.id, 'study'), 'ReferencedStudySequence': [],
            'AccessionNumber': order.accession[:16], 'RequestedProcedureID': order.procedure_id[:16],
            'RequestedProcedureDescription': order.procedure[:64], 'ScheduledProcedureStepID': order.step_id[:16],
            'ScheduledProcedureStepDescription': order.step[:64], 'ScheduledProtocolCodeSequence': protocol}]}


def values_at_end(exams: Exams, exam: Exam, site: Site) -> Dict[str, Any]:
    """Elements of N-SET by keyword: how the step ended, and the images that there are.

    Raises:
        ExamError, SealError, InputError: as of `make_objects`.
    """
    ended = end_of(exam)
    last = exam.events[-1].stamp if ended == DISCONTINUED else [
        event.stamp for event in exam.events if event.kind == CAPTURED][-1]
    date, hour = _moment(last)
    series: Dict[str, List[Dict[str, str]]] = {}
    if ended == COMPLETED:
        wanted = tuple(name for name in site.objects if name in _IMAGES)
        for made in make_objects(exams, exam, replace(site, objects=wanted)):
            series.setdefault(made.series_uid, []).append({'ReferencedSOPClassUID': made.sop_class,
                                                           'ReferencedSOPInstanceUID': made.sop_uid})
    return {
        'SpecificCharacterSet': 'ISO_IR 192', 'PerformedProcedureStepStatus': ended,
        'PerformedProcedureStepEndDate': date, 'PerformedProcedureStepEndTime': hour,
        'PerformedSeriesSequence': [{
            'PerformingPhysicianName': '', 'OperatorsName': '', 'ProtocolName': 'Breast thermography',
            'SeriesInstanceUID': uid, 'SeriesDescription': '', 'RetrieveAETitle': '', 'ReferencedImageSequence': images,
            'ReferencedNonImageCompositeSOPInstanceSequence': []} for uid, images in series.items()]}


def _moment(stamp: Stamp) -> Tuple[str, str]:
    """Date and time as worklists have them, by the clock of the place."""
    utc = datetime.datetime.strptime(stamp.utc, '%Y-%m-%dT%H:%M:%S.%fZ').replace(tzinfo=datetime.timezone.utc)
    here = utc.astimezone()
    return here.strftime('%Y%m%d'), here.strftime('%H%M%S')


def _code(value: str, scheme: str, meaning: str) -> List[Dict[str, str]]:
    return [{'CodeValue': value[:16], 'CodingSchemeDesignator': scheme[:16], 'CodeMeaning': meaning[:64]}
            ] if value and scheme and meaning else []
