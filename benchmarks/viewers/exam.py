"""The exam whose objects viewers show: phantoms, some of which certain viewers spoil."""
import json
from typing import Any, Dict, Iterator, NamedTuple, Tuple

import numpy as np

from service.capture_file import pack_capture
from service.clock import Clock
from service.exams import DYNAMIC, Exams, Patient, Picture
from service.hospital.dicom import make_objects
from service.hospital.printing import print_report
from service.hospital.report import report_of
from service.hospital.site import CELSIUS, OBJECTS, Site
from service.overlay import draw_overlay
from service.pipeline import Pipeline
from service.radiometry import Raw
from service.reading import read_signs
from service.record import encode_png
from service.sealing import PlainSealer
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.thermogram import Thermogram

_HEIGHT, _WIDTH = 240, 320


class Sent(NamedTuple):
    """What a station sends of an exam, and what it was made from.

    Attributes:
        files: DICOM files by their names.
        results: ``result.json`` of each picture that has regions and is not of a series, by its role.
        report: the printed report.
    """

    files: Dict[str, bytes]
    results: Dict[str, Dict[str, Any]]
    report: bytes


def frames() -> Iterator[Tuple[str, Thermogram]]:
    """Role and picture of each capture."""
    body = make_phantom(3, _HEIGHT, _WIDTH).celsius
    yield 'frontal', Thermogram.from_celsius(body, 'phantom')
    yield 'right-oblique', Thermogram.from_celsius(_between(body, 20, 36), 'whole degrees')
    yield 'left-oblique', Thermogram.from_celsius(_between(body, -5, 60), 'whole degrees, below zero and hot')
    yield 'right-lateral', Thermogram.from_celsius(_between(body, -17, 240), 'whole degrees, very hot')
    yield 'left-lateral', Thermogram.from_relative(np.rint((body - 18) * 14), 'a grey picture')
    for drop in (0, 3, 2, 1):
        yield DYNAMIC, Thermogram.from_celsius(body - drop, 'series')


def _between(celsius: np.ndarray, low: float, high: float) -> np.ndarray:
    """Temperatures in hundredths, of which the coldest and the warmest are these."""
    changed = np.round(celsius, 2)
    changed[0, 0], changed[-1, -1] = low, high
    return changed


def send(folder: str) -> Sent:
    """Sign an exam of `frames` and make its objects: one of each kind, and every picture that is unlike the others.

    Args:
        folder: where the exam may be kept.
    """
    exams = Exams(folder, PlainSealer(), None, Clock(synchronised=lambda: True), lambda folder: None)
    exam_id = exams.create(Patient('P-1', 'Παπαδοπούλου^Ελένη', '1970-12-31'), 'op', {'room_c': 21.5}).id
    exams.start(exam_id, 'op')
    frame, results = 0, {}
    with Pipeline.from_folder(SHIPPED_BUNDLE, 1) as pipeline:
        for role, thermogram in frames():
            frame = frame + 1 if role == DYNAMIC else 0
            result = pipeline.analyse(thermogram)
            labels = b'' if result.labels is None else encode_png(result.labels)
            exams.add_capture(exam_id, 'op', role, Picture(
                pack_capture([Raw.of(thermogram)]), result.to_dict(), encode_png(draw_overlay(result)), labels,
                signs=read_signs(result).to_dict()), frame)
            if result.outcome == 'result' and not frame:
                results[role] = json.loads(json.dumps(result.to_dict()))
    exams.review(exam_id, 'op')
    exams.sign(exam_id, 'chief')
    exam, site, made = exams.get(exam_id), Site(objects=OBJECTS), {}
    for one in make_objects(exams, exam, site):
        number, kind = one.name.split('/')[1:3]
        if number <= '0006' and (kind != 'picture' or number == '0001'):
            made['%s-%s' % (number, kind)] = one.data
    for one in make_objects(exams, exam, Site(objects=('temperature',), unit=CELSIUS)):
        number, kind = one.name.split('/')[1:3]
        if number <= '0006' and kind == 'temperature':
            made['%s-%s-celsius' % (number, kind)] = one.data
    report = print_report(report_of(exams, exam, site), site.paper)
    exams.close()
    return Sent(made, results, report)
