"""Outlines of a kept picture corrected by hand, and everything that is computed from them anew.

What the model gave stays as it is. A correction is an event of the exam, with files of the same form beside the
model's: the pipeline's own functions compute them, on the temperatures that were kept.
"""
import json
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Tuple

import cv2
import numpy as np

from .analysis import compare_sides, find_breasts, hottest_spots, region_statistics
from .body import find_body
from .decode import Prediction
from .durable import encode_json
from .exams import Exam, ExamError, Exams, check_outlines, picture_missing
from .kept_picture import kept_labels, kept_thermogram
from .messages import InputError
from .overlay import draw_overlay
from .reading import read_signs_again
from .record import encode_png
from .regions import (
    LEFT_BREAST,
    LEFT_NIPPLE,
    REGIONS,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
    region_label,
    region_masks,
)
from .result import Finding, Result
from .views import SIDE_VIEWS

#: Corners of one outline; the form of seven of them still fits into a request.
MAX_CORNERS = 2000

#: What stands in a corrected result after its other sentences.
BELONGS = 'The heat pattern belongs to the outlines of the model; the correction does not change it.'

#: A breast is drawn with its nipple, which lies on it.
_NIPPLE_OF = {RIGHT_BREAST: RIGHT_NIPPLE, LEFT_BREAST: LEFT_NIPPLE}
_LAST = tuple(_NIPPLE_OF.values())

#: Corners by the name of a region, (x, y) in pixels of the frame; the centre of the first pixel is (0, 0).
Outlines = Mapping[str, List[Tuple[float, float]]]

_AGAIN = 'Draw it again.'


@dataclass(frozen=True, eq=False)
class Corrected:
    """A picture with other outlines.

    Attributes:
        result: computed from them; its finding is the model's.
        document: the same as ``result.json`` has it.
        signs: as ``signs.json`` has them.
        regions: names of the regions whose outlines are not those of the model.
    """

    result: Result
    document: Dict[str, Any]
    signs: Dict[str, Any]
    regions: Tuple[str, ...]


class Kept:
    """A kept picture whose outlines may be corrected.

    Args:
        exams: the store.
        exam: one of its exams.
        number: of the picture, counted from 1.

    Attributes:
        version: as `Exam.outlines` says it.
        labels: uint8 HxW, those that count now.

    Raises:
        ExamMissingError: ``exam-picture``.
        ExamError: ``outlines-none`` for a picture without a result or without regions; as of `Exams.read_file`.
        ExamUnreadableError, SealError: as of `Exams.read_file`; ``exam-damaged`` for files that are not what their
            names say.
    """

    def __init__(self, exams: Exams, exam: Exam, number: int) -> None:
        if not 1 <= number <= len(exam.captures):
            raise picture_missing(number)
        self._exams, self.exam, self._number = exams, exam, number
        self.version = exam.outlines(number)
        self.document = self._json('%04d.result.json' % number)
        name = '%04d.labels.png' % number
        if self.document['outcome'] != 'result' or name not in exam.files:
            raise ExamError('outlines-none', 'This picture has no result whose outlines could be corrected.',
                            'Take it again.')
        self.model_labels, self.labels = self._labels(name), self._labels(exam.counting(number, 'labels.png'))

    def recompute(self, labels: np.ndarray) -> Corrected:
        """Everything that follows from outlines, by the functions of the pipeline.

        Args:
            labels: uint8 HxW region ids, of the size of the frame.
        """
        document = self.document
        thermogram = kept_thermogram(self._exams, self.exam, self.exam.captures[self._number - 1])
        body, masks = find_body(thermogram), region_masks(labels)
        same = {region for region in masks
                if np.array_equal(labels == region, self.model_labels == region)}
        # How sure the network was of an outline that it did not draw, nobody knows.
        certainty = {region: document['regions'][REGIONS[region]]['confidence'] for region in same
                     if REGIONS[region] in document['regions']}
        prediction = Prediction(labels, {region: box for region, (box, _) in masks.items()}, certainty, 0.0, None)
        regions = region_statistics(thermogram.pixels, prediction, body.threshold)
        breasts = find_breasts(labels, body)
        result = Result(thermogram, body, (), document['bundle'], document['backend'], labels, prediction.boxes,
                        document['confidence'], document['view'], regions,
                        spots=hottest_spots(body, breasts, thermogram.pixels.shape))
        if document['view'] not in SIDE_VIEWS:
            stated = document['finding']
            finding = stated and Finding(*(stated[name] for name in ('name', 'probability', 'threshold', 'meaning')))
            threshold_c = next((entry['threshold_c'] for entry in document['differences'].values()), 1.0)
            result = replace(result, breasts=breasts,
                             **compare_sides(regions, finding, thermogram.is_celsius, threshold_c))
        if document['finding']:
            result = replace(result, sentences=result.sentences + (BELONGS,))
        new = result.to_dict()
        changed = {name: new[name] for name in ('sentences', 'finding', 'regions', 'differences', 'hottest')}
        return Corrected(result, dict(document, **changed), read_signs_again(result, self._signs()).to_dict(),
                         tuple(name for region, name in enumerate(REGIONS) if region and (
                             (labels == region) != (self.model_labels == region)).any()))

    def words(self, before: Mapping[str, Any], after: Corrected) -> str:
        """What a correction changes, in words.

        Args:
            before: the ``result.json`` that counted until now.
        """
        unit = ' °C' if before['unit'] == 'celsius' else ''
        parts = ['Outlines of picture %d: %s.' % (self._number, ', '.join(
            name.replace('_', ' ') for name in after.regions) or 'as the model has them')]
        for what, key, form in (('mean of the %s', 'regions', '%.2f'), ('left minus right %s', 'differences', '%+.2f')):
            for name in sorted(set(before[key]) | set(after.document[key])):
                old, new = (document[key].get(name) for document in (before, after.document))
                if old is None or new is None or old['mean'] != new['mean']:
                    told = tuple('none' if entry is None else form % entry['mean'] + unit for entry in (old, new))
                    parts.append(('%s before %%s, after %%s.' % (what % name.replace('_', ' ')).capitalize()) % told)
        return ' '.join(parts)

    def counting(self, kind: str) -> Dict[str, Any]:
        """The ``'result'`` or the ``'signs'`` that count now; empty for signs that were never computed."""
        name = self.exam.counting(self._number, kind + '.json')
        return self._json(name) if name in self.exam.files else {}

    def _signs(self) -> Dict[str, Any]:
        """The model's ``signs.json``; empty for a picture from before signs were computed."""
        name = '%04d.signs.json' % self._number
        return self._json(name) if name in self.exam.files else {}

    def _json(self, name: str) -> Dict[str, Any]:
        document: Dict[str, Any] = json.loads(self._exams.read_file(self.exam, name).decode('utf-8'))
        return document

    def _labels(self, name: str) -> np.ndarray:
        size = self.document['size']
        return kept_labels(self._exams, self.exam, name, (size['height_px'], size['width_px']))


def correct(exams: Exams, exam_id: str, operator: str, number: int, version: int, outlines: Outlines, reason: str,
            palette_name: str = 'iron', layer: str = 'original') -> Exam:
    """Keep corrected outlines of a picture.

    Args:
        number: of the picture, counted from 1.
        version: of the outlines that were corrected, as `Exam.outlines` said it then.
        outlines: of the regions that are changed; the others stay as they count now.
        palette_name, layer: of the picture that is kept, as for `draw_overlay`.

    Returns:
        The exam with the correction.

    Raises:
        InputError: ``outline-refused``.
        ExamError: ``outlines-same`` where nothing changes; as of `Kept` and `Exams.correct`.
        StorageError, ExamUnreadableError: as of `Exams.correct`.
    """
    exam = exams.get(exam_id)
    check_outlines(exam, number, version)
    kept = Kept(exams, exam, number)
    labels = drawn(kept.labels, outlines)
    if np.array_equal(labels, kept.labels):
        raise ExamError('outlines-same', 'No outline was changed.', 'Correct one, or go back.')
    corrected = kept.recompute(labels)
    contents = {'result.json': encode_json(corrected.document), 'signs.json': encode_json(corrected.signs),
                'labels.png': encode_png(labels),
                'overlay.png': encode_png(draw_overlay(corrected.result, palette_name,
                                                       'original' if layer == 'equalised' else layer))}
    return exams.correct(exam_id, operator, number, version, contents, reason,
                         kept.words(kept.counting('result'), corrected))


def take_back(exams: Exams, exam_id: str, operator: str, number: int, version: int, reason: str) -> Exam:
    """Have the outlines of the model count again; the correction stays among the events.

    Args:
        number, version: as for `correct`.

    Raises:
        ExamError: ``outlines-same`` where they count already; as of `Kept` and `Exams.correct`.
        StorageError, ExamUnreadableError: as of `Exams.correct`.
    """
    exam = exams.get(exam_id)
    check_outlines(exam, number, version)
    kept = Kept(exams, exam, number)
    if exam.correction(number) is None:
        raise ExamError('outlines-same', 'The outlines of the model count already.', 'Go back to the exam.')
    return exams.correct(exam_id, operator, number, version, {}, reason,
                         kept.words(kept.counting('result'), kept.recompute(kept.model_labels)))


def outlines_of(labels: np.ndarray) -> Dict[str, List[List[int]]]:
    """The outer edge of every region: corners by name, which `drawn` makes the same region of.

    Args:
        labels: uint8 HxW region ids.
    """
    found = {}
    for region in range(1, len(REGIONS)):
        # OpenCV 3 gives the picture first.
        contours = cv2.findContours(_area(labels, region).astype(np.uint8), cv2.RETR_EXTERNAL,
                                    cv2.CHAIN_APPROX_SIMPLE)[-2]
        if contours:
            found[REGIONS[region]] = max(contours, key=cv2.contourArea)[:, 0].tolist()
    return found


def drawn(labels: np.ndarray, outlines: Outlines) -> np.ndarray:
    """Labels with other outlines: uint8 HxW.

    A region that was drawn lies over its neighbours, and a nipple over every breast. What a region leaves becomes
    background; what a nipple leaves stays of its breast.

    Args:
        labels: uint8 HxW region ids; those of regions that are not in `outlines` stay.

    Raises:
        InputError: ``outline-refused``: no region of that name, too many corners or fewer than three, no number,
            outside of the picture, an edge that crosses another, or nothing inside.
    """
    shape = labels.shape
    masks = {REGIONS.index(name): _filled(name, corners, shape) for name, corners in outlines.items()
             if name in REGIONS[1:]}
    if len(masks) != len(outlines):
        raise InputError('outline-refused', 'There is no such region.', 'Choose one of %s.' % ', '.join(REGIONS[1:]))
    result = np.zeros_like(labels)
    regions = [region for region in range(1, len(REGIONS)) if region not in _LAST] + list(_LAST)
    for region in sorted(regions, key=lambda region: (region in _LAST, region in masks)):
        result[masks[region] if region in masks else _area(labels, region)] = region
    for region in masks:
        if not (result == region).any():
            raise _refused(region, 'is covered by another one')
    return result


def _area(labels: np.ndarray, region: int) -> np.ndarray:
    """Bool HxW: a region, a breast with its nipple."""
    return np.isin(labels, (region, _NIPPLE_OF.get(region, region)))


def _filled(name: str, corners: List[Tuple[float, float]], shape: Tuple[int, ...]) -> np.ndarray:
    region = REGIONS.index(name)
    if not 3 <= len(corners) <= MAX_CORNERS:
        raise _refused(region, 'has %d corners, and 3 to %d can be drawn' % (len(corners), MAX_CORNERS))
    points = np.array(corners, np.float64)
    if points.shape != (len(corners), 2) or not np.isfinite(points).all():
        raise _refused(region, 'has a corner that is no pair of numbers')
    if (points < -0.5).any() or (points > np.array(shape[::-1]) - 0.5).any():
        raise _refused(region, 'leaves the picture')
    whole = np.clip(np.rint(points), 0, np.array(shape[::-1]) - 1).astype(np.int32)
    if _crosses(whole.astype(np.float64)):
        raise _refused(region, 'crosses itself')
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [whole], 1)
    if abs(cv2.contourArea(whole)) < 1:
        raise _refused(region, 'has nothing inside')
    return mask.view(bool)


def _crosses(points: np.ndarray) -> bool:
    """Whether two edges of a closed polygon cross; edges that only touch do not.

    Args:
        points: float64 Nx2.
    """
    ends = np.roll(points, -1, axis=0)

    def side(start: np.ndarray, end: np.ndarray, of: np.ndarray) -> np.ndarray:
        """On which side of a line points are; positive, negative, or 0 on it."""
        return (end[..., 0] - start[..., 0]) * (of[..., 1] - start[..., 1]) - (
            end[..., 1] - start[..., 1]) * (of[..., 0] - start[..., 0])
    for number in range(len(points) - 1):
        start, end, others, other_ends = points[number], ends[number], points[number + 1:], ends[number + 1:]
        if ((side(start, end, others) * side(start, end, other_ends) < 0) &
                (side(others, other_ends, start) * side(others, other_ends, end) < 0)).any():
            return True
    return False


def _refused(region: int, what: str) -> InputError:
    return InputError('outline-refused', 'The outline of the %s %s.' % (region_label(region), what), _AGAIN)
