"""Exams that a station exported, or keeps without encryption: one sample for each picture that counts.

A whole export has the layout of a store (``exams/3f/ID/exam.json``, docs/exams.md); one for research has
``captures.csv`` and a folder for each exam, with pseudonyms. Labels are the outlines that somebody corrected by hand.
Those of a model are its opinion: nothing learns from them or is judged by them unless they are asked for.
"""
import datetime
import functools
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

import numpy as np

from service.clock import UNSYNCHRONISED
from service.exams.deidentified import FORMAT, MANIFEST, TABLE
from service.exams.exam import AMENDED, CAPTURED, DISCARDED, DYNAMIC, SIGNED, Capture, Exam, Patient
from service.exams.folder import EXAM_NAME, exam_ids, path_of, read_exam
from service.exams.identity import is_other
from service.exams.texts import opened_patient, opened_private
from service.messages import InputError
from service.readers import read_thermogram
from service.readers.files import read_bytes
from service.regions import REGIONS
from service.sealing import PlainSealer, SealError
from service.thermogram import CELSIUS, RELATIVE, Provenance, Thermogram

from .files import AnyPath, read_label_image
from .sample import Collection, Sample

#: Whose outlines are labels: those corrected by hand, those that count (the model's among them), or the model's.
OUTLINES = HAND, COUNTING, MODEL = ('hand', 'counting', 'model')
_NONE = 'none'

_STORE = 'exams'
#: Of ``exam.json`` in an export for research, and of the values of a capture, which may hold two frames.
_MAX_DOCUMENT_BYTES, _MAX_VALUES_BYTES = 16 << 20, 256 << 20

#: What was left out, and how often.
_LeftOut = Dict[str, int]
_ReadLabels = Callable[[int, int], np.ndarray]


def is_exams(folder: Path) -> bool:
    """Whether a folder is an export, a store, or one exam of these."""
    return (folder / _STORE).is_dir() or (folder / TABLE).is_file() or _is_one(folder)


def open_exams(folder: AnyPath, outlines: str = HAND) -> Collection:
    """The collection of signed exams; of several pictures of one view the last.

    Args:
        folder: an export, a store that is not encrypted, or the folder of one exam in them.
        outlines: one of `OUTLINES`.

    Returns:
        Patients by the id that the site gave them, or by their pseudonym. Facts ``exam`` (its id), ``number`` (int,
        orders the exams), ``capture`` (int, from 1), ``role`` and ``view`` (the latter None in a series), ``kind``
        ('static' or 'dynamic'), ``frame`` (int, of a series), ``outlines`` ('hand', 'model' or 'none'); ``labeller``
        and ``labelled_at`` (UTC) of outlines by hand; ``camera`` (serial number or name), ``distance_m``, ``model``
        (the beginning of the hash of the bundle that judged it), ``date`` ('yyyy-mm-dd') and ``day`` (from the
        patient's first exam here). What is not known is None: in an export for research labeller, camera and date.

    Raises:
        InputError: ``outlines``, ``exams-none``, ``exams-encrypted``, ``exams-damaged``, or what is wrong with a file.
        ExamUnreadableError: an exam is not as it was written.
    """
    folder = Path(folder).resolve()
    if outlines not in OUTLINES:
        raise InputError('outlines', 'Outlines are taken by %s, not by %s.' % (' or '.join(OUTLINES), outlines))
    left_out: _LeftOut = Counter()
    read = _research if (folder / TABLE).is_file() else _store
    notes: List[str] = []
    samples = tuple(read(folder, outlines, left_out, notes))
    notes += ['%d %s were left out' % (count, what) for what, count in sorted(left_out.items()) if count]
    if not samples:
        raise InputError('exams-none', 'The folder %s holds no signed exam with a thermogram%s.'
                         % (folder, ' (%s)' % '; '.join(notes) if notes else ''), 'Name an export of signed exams.')
    return Collection(folder.name, samples, (), REGIONS, tuple(notes))


def _is_one(folder: Path) -> bool:
    return (folder / EXAM_NAME).is_file() and folder.parent.parent.name == _STORE


# -- a store, or a whole export


def _store(folder: Path, wanted: str, left_out: _LeftOut, notes: List[str]) -> Iterator[Sample]:
    one = _is_one(folder)
    root, ids = (folder.parents[2], [folder.name]) if one else (folder, exam_ids(str(folder))[0])
    exams = sorted((read_exam(str(root), exam_id) for exam_id in ids), key=lambda exam: exam.number)
    first: Dict[str, datetime.date] = {}
    people: Dict[str, Patient] = {}
    for exam in exams:
        if not exam.locked:
            left_out['discarded exams' if exam.state == DISCARDED else 'exams that are not signed'] += 1
            continue
        if exam.encrypted:
            raise InputError('exams-encrypted', 'The exams in %s are encrypted.' % root,
                             'Export them where they were taken: thermoscreen exams export ID --out DIR.')
        try:
            person = opened_patient(PlainSealer(), exam.id, exam.patient)
            conditions = [opened_private(PlainSealer(), exam, event.number) for event in exam.events]
        except (SealError, ValueError, TypeError) as error:
            raise _damaged(root, exam.id, error)
        patient = person.id
        if patient not in people:
            notes += _alike(person, people.values())
            people[patient] = person
        date = _date(exam)
        if date is not None:
            first.setdefault(patient, date)
        day = None if date is None else (date - first[patient]).days
        taken = [event for event in exam.events if event.kind == CAPTURED]
        last = {(capture.role, capture.frame): capture for capture in exam.captures}
        left_out['pictures that were taken again'] += len(exam.captures) - len(last)
        for capture in last.values():
            event = taken[capture.number - 1]
            facts = {'camera': _camera(capture), 'distance_m': _distance(conditions[:event.number]),
                     'date': date and date.isoformat(), 'day': day,
                     'model': _model((capture.facts.get('bundle') or {}).get('hash'))}
            yield _of_exam(Path(path_of(str(root), exam.id)), exam, capture, patient, facts, wanted)


def _of_exam(folder: Path, exam: Exam, capture: Capture, patient: str, facts: Dict[str, Any],
             wanted: str) -> Sample:
    correction = exam.correction(capture.number)
    name = '%04d.labels.png' % capture.number if wanted == MODEL else exam.counting(capture.number, 'labels.png')
    labels = None
    if name in exam.files:
        labels = functools.partial(_labels, str(folder / name))
    facts.update(outlines=_NONE if labels is None else MODEL if correction is None else HAND,
                 labeller=correction and correction.operator, labelled_at=correction and correction.stamp.utc)
    return _sample(exam.id, patient, exam.number, capture.number, capture.role, capture.frame, facts,
                   functools.partial(read_thermogram, str(folder / ('%04d.tscap' % capture.number))), labels, wanted)


def _alike(person: Patient, others: Iterable[Patient]) -> List[str]:
    """That two ids may be one person, who would then be on both sides of a split."""
    if not (person.name and person.birth_date):
        return []
    return ['the patients %s and %s have the same name and birth date: if they are one person, her exams belong under '
            'one id' % (other.id, person.id) for other in others
            if other.name and other.birth_date and not is_other(person, other)]


def _date(exam: Exam) -> Optional[datetime.date]:
    stamp = exam.events[0].stamp
    if stamp.clock == UNSYNCHRONISED:
        return None
    return datetime.datetime.strptime(stamp.utc[:10], '%Y-%m-%d').date()


def _model(sha256: Optional[str]) -> Optional[str]:
    """As much of the hash of the model that judged a picture as tells it from others."""
    return sha256[:12] if isinstance(sha256, str) else None


def _camera(capture: Capture) -> Optional[str]:
    stated = capture.facts.get('camera') or {}
    return stated.get('serial') or stated.get('name') or None


def _distance(conditions: List[Dict[str, Any]]) -> Optional[float]:
    """The last one stated up to the capture."""
    stated = [private['distance_m'] for private in conditions if isinstance(private.get('distance_m'), (int, float))]
    return float(stated[-1]) if stated else None


# -- an export for research


def _research(folder: Path, wanted: str, left_out: _LeftOut, notes: List[str]) -> Iterator[Sample]:
    if _document(folder, MANIFEST).get('format') != FORMAT:
        raise _damaged(folder, MANIFEST, 'format')
    for number, path in enumerate(sorted(folder.glob('*/' + EXAM_NAME)), 1):
        document = _document(folder, str(path.relative_to(folder)))
        try:
            if document['state'] not in (SIGNED, AMENDED):
                left_out['exams that are not signed'] += 1
                continue
            last = {(entry['role'], entry['frame']): entry for entry in document['captures']}
            left_out['pictures that were taken again'] += len(document['captures']) - len(last)
            for entry in last.values():
                yield _of_research(folder, document, number, entry, wanted)
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(folder, path.parent.name, error)


def _of_research(folder: Path, document: Dict[str, Any], number: int, entry: Dict[str, Any],
                 wanted: str) -> Sample:
    labels, drawn = None, entry['model'] if wanted == MODEL and entry['model'] else entry
    if drawn['labels_file'] is not None:
        labels = functools.partial(_labels, _inside(folder, drawn['labels_file']))
    distance = dict(document['conditions'], **entry['conditions']).get('distance_m')
    facts = {'camera': None, 'distance_m': distance, 'date': None, 'day': document['day'], 'labeller': None,
             'labelled_at': None, 'outlines': _NONE if labels is None else entry['outlines'],
             'model': _model(entry['model_sha256'])}
    read = functools.partial(_values, _inside(folder, entry['values_file']), entry['unit'])
    return _sample(document['exam'], document['patient'], number, int(entry['capture']), entry['role'],
                   int(entry['frame']), facts, read, labels, wanted)


def _values(path: str, unit: str) -> Thermogram:
    """The frame that was analysed: the first where a capture has two."""
    try:
        stack = np.lib.format.read_array(io.BytesIO(read_bytes(path, _MAX_VALUES_BYTES)), allow_pickle=False)
        if unit not in (CELSIUS, RELATIVE) or stack.ndim not in (2, 3) or not len(stack):
            raise ValueError('%s of shape %s' % (unit, stack.shape))
    except ValueError as error:
        raise InputError('exams-damaged', '%s holds no thermogram.' % path, 'Export the exams again.', repr(error))
    return Thermogram(np.asarray(stack[0] if stack.ndim == 3 else stack, np.float32), unit, Provenance(source=path))


def _inside(folder: Path, name: str) -> str:
    """Path of a file of an export, which names no other."""
    path = (folder / name).resolve()
    if folder not in path.parents:
        raise ValueError(name)
    return str(path)


def _document(folder: Path, name: str) -> Dict[str, Any]:
    try:
        return dict(json.loads(read_bytes(str(folder / name), _MAX_DOCUMENT_BYTES).decode('utf-8')))
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(folder, name, error)


# -- both


def _sample(exam: str, patient: str, number: int, capture: int, role: str, frame: int, facts: Dict[str, Any],
            read: Callable[[], Thermogram], labels: Optional[_ReadLabels], wanted: str) -> Sample:
    in_series = role == DYNAMIC
    facts = dict(facts, exam=exam, number=number, capture=capture, role=role, view=None if in_series else role,
                 frame=frame, kind='dynamic' if in_series else 'static')
    return Sample('%s-%04d' % (exam, capture), patient, facts, None, read,
                  labels if wanted != HAND or facts['outlines'] == HAND else None)


def _labels(path: str, height: int, width: int) -> np.ndarray:
    return read_label_image(path, len(REGIONS))


def _damaged(folder: Path, name: str, error: Any) -> InputError:
    return InputError('exams-damaged', '%s of the exams in %s is not what a station wrote.' % (name, folder),
                      'Export them again.', detail=repr(error))
