"""A kept picture of an exam as it was measured, so that it can be drawn or analysed anew."""
import io
from typing import Any, Dict, Mapping

import cv2
import numpy as np

from .body import find_body
from .capture_file import CaptureFile
from .exams import Capture, Exam, Exams, ExamUnreadableError
from .messages import PROBLEM, Message
from .radiometry import Raw
from .regions import REGIONS, region_masks
from .result import Result, Spot
from .thermogram import Provenance, Thermogram


def kept_thermogram(exams: Exams, exam: Exam, capture: Capture) -> Thermogram:
    """The frame that the result of a capture is of.

    Raises:
        InputError: ``file-damaged`` or another code of `CaptureFile`.
        ExamError, ExamUnreadableError, SealError: as of `Exams.read_file`.
    """
    name = '%04d.tscap' % capture.number
    stream = io.BytesIO(exams.read_file(exam, name))
    frame = CaptureFile(stream, name).frame(stream, 1)
    return Raw(frame.values, frame.meaning, Provenance(name, frame.captured_at, frame.reader)).thermogram()


def kept_result(exams: Exams, exam: Exam, capture: Capture, values: Mapping[str, Any]) -> Result:
    """A capture with its regions and marked spots, for drawing; it has no numbers but these.

    Args:
        values: its ``result.json`` that counts.

    Raises:
        ExamUnreadableError: ``exam-damaged`` for labels of another size than the frame.
        InputError, ExamError, SealError: as of `kept_thermogram`.
    """
    thermogram = kept_thermogram(exams, exam, capture)
    fields: Dict[str, Any] = {}
    name = exam.counting(capture.number, 'labels.png')
    if name in exam.files:
        labels = cv2.imdecode(np.frombuffer(exams.read_file(exam, name), np.uint8), cv2.IMREAD_UNCHANGED)
        if labels is None or labels.dtype != np.uint8 or labels.shape != thermogram.pixels.shape:
            raise ExamUnreadableError('exam-damaged', 'The regions of a picture cannot be read.',
                                      'Restore the exam from a backup.', name)
        fields.update(labels=labels, boxes={region: box for region, (box, _) in region_masks(labels).items()})
    checks = tuple(Message(check['code'], check['sentence'], check.get('next_step', ''), check['severity'])
                   for check in values['checks'] if check['severity'] == PROBLEM)
    spots = tuple(Spot(REGIONS.index(region), spot['x_px'], spot['y_px'], spot['value'])
                  for region, spot in values['hottest'].items())
    return Result(thermogram=thermogram, body=find_body(thermogram), checks=checks, bundle=values['bundle'],
                  backend=values['backend'], view=values['view'], spots=spots, **fields)
