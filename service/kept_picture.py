"""A kept picture of an exam as it was measured, so that it can be drawn or analysed anew."""
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple

import cv2
import numpy as np

from .analysis import find_breasts
from .body import find_body
from .capture_file import CaptureFile
from .exams import Capture, Exam, Exams
from .exams.folder import exam_damaged
from .messages import Message
from .radiometry import Raw
from .regions import REGIONS, region_masks
from .result import RegionStatistics, Result, Spot
from .thermogram import Provenance, Thermogram
from .views import SIDE_VIEWS

if TYPE_CHECKING:
    from .pipeline import Pipeline


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


def kept_labels(exams: Exams, exam: Exam, name: str, shape: Tuple[int, ...]) -> np.ndarray:
    """The outlines in a file of an exam: uint8 HxW region ids.

    Args:
        name: such as ``0001.labels.png``.
        shape: (height, width) of the frame that they are of.

    Raises:
        ExamUnreadableError: ``exam-damaged``.
        ExamError, SealError: as of `Exams.read_file`.
    """
    labels = cv2.imdecode(np.frombuffer(exams.read_file(exam, name), np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.dtype != np.uint8 or labels.shape != shape or labels.max() >= len(REGIONS):
        raise exam_damaged(exam.id, 'no labels', name)
    return labels


def kept_result(exams: Exams, exam: Exam, capture: Capture, values: Mapping[str, Any],
                pipeline: 'Optional[Pipeline]' = None) -> Result:
    """A capture as it was analysed, as far as it is needed to draw and to measure; the network does not run.

    Args:
        values: its ``result.json`` that counts.
        pipeline: of the station, whose chain makes what the network saw, where its bundle is the one that ran; None
            where that is not needed.

    Raises:
        ExamUnreadableError: ``exam-damaged`` for values or labels that cannot be those of the frame.
        InputError, ExamError, SealError: as of `kept_thermogram`.
    """
    thermogram = kept_thermogram(exams, exam, capture)
    body = find_body(thermogram)
    try:
        result = Result(
            thermogram, body, tuple(Message(**check) for check in values['checks']), values['bundle'],
            values['backend'], view=values['view'],
            regions=tuple(RegionStatistics(region=REGIONS.index(region), **entry)
                          for region, entry in values['regions'].items()),
            spots=tuple(Spot(region=REGIONS.index(region), **spot) for region, spot in values['hottest'].items()))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise exam_damaged(exam.id, repr(error), exam.counting(capture.number, 'result.json'))
    name = exam.counting(capture.number, 'labels.png')
    if name not in exam.files:
        return result
    labels = kept_labels(exams, exam, name, thermogram.pixels.shape)
    fields: Dict[str, Any] = {'labels': labels,
                              'boxes': {region: box for region, (box, _) in region_masks(labels).items()}}
    if not result.refusals and result.view not in SIDE_VIEWS:
        fields['breasts'] = find_breasts(labels, body)
    if pipeline is not None and values['bundle'] == pipeline.bundle.manifest.identity:
        fields['prepared'] = pipeline.bundle.chain.apply(thermogram, body)
    return replace(result, **fields)
