"""Exams for research: temperatures and numbers, and nothing that says of whom, by whom, when or with which device.

What is written is named here one by one, each a number or a word of a list in this program. Whatever else an exam
holds stays here: texts that people typed, names of operators, files and devices, dates, and the pictures, which may
have text in them. Dates are left out and not moved (as the basic profile of [DICOM315] removes them): researchers
get intervals, and a date that was moved looks like one that was not.
"""
import csv
import datetime
import hashlib
import hmac
import io
import json
import math
import os
import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from .. import __version__
from ..capture_file import CaptureFile
from ..clock import UNSYNCHRONISED
from ..durable import encode_json, sync_moved, write_synced
from ..messages import ADJUNCT_NOTICE, PROBLEM, WARNING, InputError
from ..radiometry import Raw
from ..record import encode_png
from ..regions import PAIRS, REGIONS, pair_name
from ..sealing import BaseSealer, PlainSealer
from ..thermogram import CELSIUS, RELATIVE, Provenance, Thermogram
from ..views import TURNED, VIEWS
from .exam import AMENDED, CAPTURED, CREATED, NOTED, STARTED, Capture, Exam, corrected_prefix
from .exchange import Exported, Progress, Tell, Told, new_folder
from .folder import read_exam, read_file
from .forms import Keep
from .texts import CONDITIONS, DEVIATION, opened_patient, opened_private, sealed_name, sealer_for

MANIFEST, TABLE = 'export.json', 'captures.csv'
FORMAT, VERSION = 'thermoscreen de-identified export', 1

#: Codes of the checks that a result may name (docs/quality.md).
CHECKS = ('body', 'breast-absent', 'breasts', 'confidence', 'focus', 'in-frame', 'leaning', 'no-torso', 'saturation',
          'side-view', 'sides', 'signal', 'skin-range', 'turned', 'upright', 'view')
_OUTCOMES = ('result', 'no-result')
#: Signs, and what each may be (docs/reading.md).
SIGNS = ('global-difference', 'global-difference-ville-marie', 'quadrant-difference', 'areola-difference',
         'areola-ring', 'mirror-patch', 'mirror-patch-ville-marie', 'focal-spot', 'focal-spot-ville-marie',
         'hottest-difference', 'fold-difference', 'vessel-index')
_STATES = ('met', 'not-met', 'not-assessable')

#: Numbers of a result, by where they are.
_OF_REGION = ('n', 'mean', 'sd', 'p95', 'max', 'neck_difference', 'confidence')
_OF_DIFFERENCE = ('mean', 'p95', 'max', 'threshold_c')
_OF_SPOT = ('x_px', 'y_px', 'value')
_OF_FINDING = ('probability', 'threshold')
_OF_SIGN = ('value', 'threshold')

_COLUMNS = (
    'patient', 'exam', 'day', 'age_years') + tuple(CONDITIONS) + (
    'capture', 'role', 'frame', 'seconds', 'outcome', 'view_seen', 'checks', 'unit', 'emissivity', 'region', 'n_px',
    'mean_c', 'sd_c', 'p95_c', 'max_c', 'neck_difference_c', 'confidence', 'finding_probability', 'finding_threshold',
    'values_file', 'labels_file', 'outlines')

#: Above this an age alone may say who somebody is.
_MAX_AGE_YEARS = 90
#: What every file says of when it was written: the first moment that memory sticks can say.
_FILE_TIME_S = 315532800
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')
_SET = re.compile(r'[a-z0-9-]{1,40}\Z')


class Leaving(NamedTuple):
    """An exam on its way out.

    Attributes:
        opener: of its texts and files.
        patient, name: pseudonyms of patient and exam.
        digest: of a text, 32 bytes under the key and for the set, in which a further form makes pseudonyms of its own.
        date: when it was begun; None where nobody stands for that.
        age_years: of the patient, at most `_MAX_AGE_YEARS`; None where it is not known.
        day: from the first exam of that patient in this export; None where the date is.
    """

    exam: Exam
    opener: BaseSealer
    patient: str
    name: str
    digest: Callable[[str], bytes]
    date: Optional[datetime.date]
    age_years: Optional[int]
    day: Optional[int] = None


#: Gives further files of an exam, each by its name in the folder of that exam.
Further = Callable[[Leaving], Iterator[Tuple[str, bytes]]]


def export_deidentified(root: str, exam_ids: Sequence[str], out: str, sealer: Optional[BaseSealer], key: bytes,
                        set_name: str = '', told: Optional[Told] = None, tell: Optional[Tell] = None,
                        further: Optional[Further] = None, features: bool = False) -> List[Exported]:
    """Write exams for research into a new folder, which is there whole or not at all.

    Args:
        root: folder of the store.
        out: the new folder, in an existing one.
        sealer: opens what is encrypted.
        key: of the station. With it and the name of the set the pseudonym of a patient can be made again, and without
            it nobody can tell whose it is.
        set_name: exports with one name and one key have the same pseudonyms; empty for a name at random.
        told, tell: as for `export_exams`.
        further: gives more files of each exam; None for none.
        features: whether what the network makes of each picture (`service.gallery`) leaves too.

    Raises:
        InputError: ``export-exists``; ``export-set``; a capture that cannot be read.
        ExamError, ExamUnreadableError, SealError, StorageError: as `export_exams`.
    """
    set_name = set_name or os.urandom(8).hex()
    if not _SET.match(set_name):
        raise InputError('export-set', 'The name of a set is 1 to 40 of a to z, 0 to 9 and hyphens.', 'Choose another.')
    cases = sorted((_case(read_exam(root, exam_id), sealer, key, set_name) for exam_id in set(exam_ids)),
                   key=lambda case: (case.patient, case.name))
    first: Dict[str, datetime.date] = {}
    for case in cases:
        if case.date is not None:
            first[case.patient] = min(case.date, first.get(case.patient, case.date))
    cases = [case._replace(day=(case.date - first[case.patient]).days) if case.date else case for case in cases]
    hashes: Dict[str, str] = {}
    progress = Progress([case.exam for case in cases], tell)
    exported: List[Exported] = []
    with new_folder(out) as folder:
        def keep(name: str, data: bytes) -> None:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            write_synced(os.path.join(folder, name), data)
            hashes[name] = hashlib.sha256(data).hexdigest()
        table = io.StringIO()
        rows = csv.DictWriter(table, _COLUMNS, lineterminator='\n')
        rows.writeheader()
        for case in cases:
            document = _written(root, case, keep, features)
            data = encode_json(document)
            keep('%s/exam.json' % case.name, data)
            rows.writerows(_rows(document))
            for name, content in further(case) if further is not None else ():
                keep('%s/%s' % (case.name, name), content)
            progress.add(sum(file.size for file in case.exam.files.values()))
            exported.append(Exported(case.exam, hashlib.sha256(data).hexdigest()))
        keep(TABLE, table.getvalue().encode('ascii'))
        write_synced(os.path.join(folder, MANIFEST), encode_json({
            'format': FORMAT, 'version': VERSION, 'software': __version__, 'set': set_name, 'exams': len(cases),
            'patients': len({case.patient for case in cases}), 'files': hashes, 'notice': ADJUNCT_NOTICE}))
        for path in _below(folder):
            os.utime(path, (_FILE_TIME_S, _FILE_TIME_S))
            sync_moved(path)
        if told is not None:
            for entry in exported:
                told(entry)
    return exported


def check_deidentified(folder: str) -> None:
    """Read every byte of an export for research from its medium.

    Raises:
        InputError: ``export-damaged``: it is not what was written.
        OSError: it cannot be read.
    """
    with open(os.path.join(folder, MANIFEST), 'rb') as stream:
        hashes = json.loads(stream.read().decode('utf-8'))['files']
    for name, sha256 in sorted(hashes.items()):
        descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
        with os.fdopen(descriptor, 'rb') as stream:
            # From the medium, and not from what this machine still has of it in memory.
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            if hashlib.sha256(stream.read()).hexdigest() != sha256:
                raise InputError('export-damaged', 'The medium gives back something else than was written to it (%s).'
                                 % name, 'Take another medium.')


def _case(exam: Exam, sealer: Optional[BaseSealer], key: bytes, set_name: str) -> Leaving:
    opener = sealer_for(sealer, exam.encrypted)
    patient, date = opened_patient(opener, exam.id, exam.patient), _date(exam)

    def digest(kind: str, text: str) -> bytes:
        return hmac.new(key, '\0'.join((set_name, kind, text)).encode('utf-8'), hashlib.sha256).digest()

    def pseudonym(kind: str, text: str) -> str:
        return '%s-%s' % (kind, digest(kind, text).hex()[:16])
    # Upper and lower case, spaces and compatible letters make no other patient.
    return Leaving(exam, opener, pseudonym('patient', PlainSealer().token(patient.id)), pseudonym('exam', exam.id),
                   lambda text: digest('further', text), date, _age(patient.birth_date, date))


def _written(root: str, case: Leaving, keep: Keep, features: bool) -> Dict[str, Any]:
    """Write the files of an exam; what its ``exam.json`` says."""
    exam = case.exam
    conditions: Dict[str, Any] = dict.fromkeys(CONDITIONS)
    deviations = 0
    for event in exam.events:
        private = opened_private(case.opener, exam, event.number)
        deviations += DEVIATION in private
        if event.kind in (CREATED, STARTED, NOTED):
            conditions.update(_conditions(private))
    kinds = [event.kind for event in exam.events]
    return {
        'patient': case.patient, 'exam': case.name, 'state': exam.state,
        'day': case.day, 'age_years': case.age_years,
        'conditions': conditions, 'deviations': deviations, 'amendments': kinds.count(AMENDED),
        'captures': [_capture(root, case, capture, keep, features) for capture in exam.captures]}


def _capture(root: str, case: Leaving, capture: Capture, keep: Keep, features: bool) -> Dict[str, Any]:
    exam, prefix = case.exam, '%04d.' % capture.number
    taken = [event for event in exam.events if event.kind == CAPTURED][capture.number - 1]

    def opened(name: str) -> bytes:
        return case.opener.open(read_file(root, exam, name), sealed_name(exam.id, name))
    frames = _frames(opened(prefix + 'tscap'), '%stscap of the exam %s' % (prefix, exam.id))
    values = np.stack([frame.pixels for frame in frames]) if len(frames) > 1 else frames[0].pixels
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    keep('%s/%snpy' % (case.name, prefix), stream.getvalue())
    begun = exam.events[0].stamp
    model = _judged(exam, prefix, '%s/%s' % (case.name, prefix), values.shape[-2:], opened, keep)
    correction = exam.correction(capture.number)
    counting, outlines = model, 'model'
    if correction is not None:
        counting, outlines = _judged(exam, corrected_prefix(capture.number, correction.number),
                                     '%s/%scorrected.' % (case.name, prefix), values.shape[-2:], opened, keep), 'hand'
    asked: Dict[str, Any] = {}
    if features and prefix + 'features.json' in exam.files:
        found = _document(opened(prefix + 'features.json')).get('features')
        asked['features'] = [_number(value) for value in found] if isinstance(found, list) else None
    return {
        'capture': capture.number, 'role': capture.role, 'frame': capture.frame,
        'seconds': (round((taken.stamp.boottime_ns - begun.boottime_ns) / 1e9, 1)
                    if taken.stamp.boot_id == begun.boot_id else None),
        'values_file': '%s/%snpy' % (case.name, prefix),
        'unit': frames[0].unit, 'emissivity': frames[0].provenance.emissivity,
        'conditions': _conditions(opened_private(case.opener, exam, taken.number)),
        'outlines': outlines, 'model': None if correction is None else model,
        'model_sha256': _hash(_part(_document(opened(prefix + 'result.json')), 'bundle').get('hash')),
        **counting, **asked}


def _judged(exam: Exam, prefix: str, out: str, shape: Tuple[int, ...], opened: Callable[[str], bytes], keep: Keep
            ) -> Dict[str, Any]:
    """What a model or a correction says of a capture, by the beginning of its files in the exam and in the export."""
    labels = _labels(opened(prefix + 'labels.png'), shape) if prefix + 'labels.png' in exam.files else None
    if labels is not None:
        keep(out + 'labels.png', labels)
    signs = _document(opened(prefix + 'signs.json')) if prefix + 'signs.json' in exam.files else {}
    return {'labels_file': out + 'labels.png' if labels is not None else None,
            'result': _result(_document(opened(prefix + 'result.json'))), 'signs': _signs(signs)}


def _frames(data: bytes, source: str) -> List[Thermogram]:
    """The frames of a capture as they were analysed, without where they came from."""
    stream = io.BytesIO(data)
    file = CaptureFile(stream, source)
    stored = (file.frame(stream, number) for number in range(1, len(file) + 1))
    return [Raw(frame.values, frame.meaning, Provenance(source)).thermogram() for frame in stored]


def _labels(data: bytes, shape: Tuple[int, ...]) -> Optional[bytes]:
    """The labels drawn anew, so that nothing else is in the file; None for what are none."""
    labels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.dtype != np.uint8 or labels.shape != shape or labels.max() >= len(REGIONS):
        return None
    return encode_png(labels)


def _result(document: Mapping[str, Any]) -> Dict[str, Any]:
    """The numbers of a result, and its words that are of a list."""
    finding, checks = _part(document, 'finding'), document.get('checks')
    regions, differences, hottest = (_part(document, name) for name in ('regions', 'differences', 'hottest'))
    pairs = [pair_name(right) for right, _ in PAIRS]
    return {
        'outcome': _word(document.get('outcome'), _OUTCOMES),
        'view_seen': _word(document.get('view'), VIEWS + (TURNED,)),
        'unit': _word(document.get('unit'), (CELSIUS, RELATIVE)), 'confidence': _number(document.get('confidence')),
        'checks': sorted({check['code'] for check in (checks if isinstance(checks, list) else ())
                          if isinstance(check, dict) and check.get('severity') in (WARNING, PROBLEM)
                          and check.get('code') in CHECKS}),
        'finding': _numbers(finding, _OF_FINDING) if finding else None,
        'regions': {name: _numbers(regions[name], _OF_REGION) for name in REGIONS if name in regions},
        'differences': {name: _numbers(differences[name], _OF_DIFFERENCE) for name in pairs if name in differences},
        'hottest': {name: _numbers(hottest[name], _OF_SPOT) for name in REGIONS if name in hottest}}


def _signs(document: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """The numbers of signs; None where none were computed."""
    signs = document.get('signs')
    if not isinstance(signs, list):
        return None
    by_name = {sign['name']: sign for sign in signs if isinstance(sign, dict) and isinstance(sign.get('name'), str)}
    found = {name: dict(_numbers(by_name[name], _OF_SIGN), state=_word(by_name[name].get('state'), _STATES))
             for name in SIGNS if name in by_name}
    return dict(found, mm_per_px=_number(_part(document, 'scale').get('mm_per_px')))


def _rows(document: Mapping[str, Any]) -> Iterator[Dict[str, Any]]:
    """The rows of an exam: one for each region of each capture, and one for a capture without regions."""
    for capture in document['captures']:
        result = capture['result']
        conditions = dict(document['conditions'], **capture['conditions'])
        row = dict(conditions, **{name: document[name] for name in ('patient', 'exam', 'day', 'age_years')})
        row.update({name: capture[name] for name in ('capture', 'role', 'frame', 'seconds', 'unit', 'emissivity',
                                                     'values_file', 'labels_file', 'outlines')})
        row.update({name: result[name] for name in ('outcome', 'view_seen')}, checks=' '.join(result['checks']))
        row.update({'finding_' + name: value for name, value in (result['finding'] or {}).items()})
        is_celsius = capture['unit'] == result['unit'] == CELSIUS
        for region, numbers in result['regions'].items() or [('', {})]:
            in_c = {name + '_c': numbers.get(name) for name in ('mean', 'sd', 'p95', 'max', 'neck_difference')}
            yield dict(row, region=region, n_px=numbers.get('n'), confidence=numbers.get('confidence'),
                       **(in_c if is_celsius else {}))


def _document(data: bytes) -> Dict[str, Any]:
    try:
        return dict(json.loads(data.decode('utf-8')))
    except (ValueError, TypeError, RecursionError):
        return {}


def _conditions(private: Mapping[str, Any]) -> Dict[str, float]:
    return {name: private[name] for name in CONDITIONS if _number(private.get(name)) is not None}


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _numbers(values: Any, names: Sequence[str]) -> Dict[str, Any]:
    return {name: _number(values.get(name)) if isinstance(values, dict) else None for name in names}


def _number(value: Any) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def _word(value: Any, words: Sequence[str]) -> Optional[str]:
    return value if value in words else None


def _hash(value: Any) -> Optional[str]:
    return value if isinstance(value, str) and _SHA256.match(value) else None


def _date(exam: Exam) -> Optional[datetime.date]:
    """When an exam was begun; None where nobody stands for the date."""
    stamp = exam.events[0].stamp
    if stamp.clock == UNSYNCHRONISED:
        return None
    return datetime.datetime.strptime(stamp.utc[:10], '%Y-%m-%d').date()


def _age(born: str, date: Optional[datetime.date]) -> Optional[int]:
    """Years of a patient, at most `_MAX_AGE_YEARS`."""
    if not born or date is None:
        return None
    year, month, day = map(int, born.split('-'))
    return max(0, min(date.year - year - ((date.month, date.day) < (month, day)), _MAX_AGE_YEARS))


def _below(folder: str) -> Iterator[str]:
    """Everything in a folder, and the folder last."""
    for inner, _, names in os.walk(folder, topdown=False):
        for name in names:
            yield os.path.join(inner, name)
        yield inner
