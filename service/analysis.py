"""Numbers and sentences about the regions, from the unequalised temperatures."""
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from .body import Body
from .decode import Prediction
from .languages import N_
from .regions import (
    LEFT_BREAST,
    LEFT_NIPPLE,
    NECK,
    PAIRS,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
    Box,
    pair_name,
    region_masks,
    resize_labels,
)
from .result import Difference, Finding, RegionStatistics, Spot

BREASTS = (RIGHT_BREAST, LEFT_BREAST)

#: The absence of a judgement must not read as 'nothing found'.
NO_FINDING = 'This model gives regions and differences but no finding: it does not judge the heat pattern.'

#: Breast that a region id belongs to, 0 for none: a nipple is part of its breast.
_BREAST_OF = np.zeros(256, np.uint8)
_BREAST_OF[[RIGHT_BREAST, RIGHT_NIPPLE]] = RIGHT_BREAST
_BREAST_OF[[LEFT_BREAST, LEFT_NIPPLE]] = LEFT_BREAST

#: Erodes the rim of a breast in which the hottest spot is not looked for: 3 pixels at working size, about 1 cm on a
#: torso that fills the frame.
RIM = np.ones((7, 7), np.uint8)


def region_statistics(pixels: np.ndarray, prediction: Prediction, threshold: float) -> Tuple[RegionStatistics, ...]:
    """Statistics of every region that is present, in order of region id.

    Pixels below the body threshold are left out: a label edge that laps over the wall, a metal marker or jewellery
    would otherwise pull the mean down.

    Args:
        pixels: float32 HxW, Celsius or relative.
        prediction: of the same frame.
        threshold: the body threshold, in the unit of `pixels`.
    """
    values_of = {}
    for region, box in prediction.boxes.items():
        inside = pixels[box]
        values = inside[(prediction.labels[box] == region) & (inside > threshold)]
        if values.size:
            values_of[region] = values
    moments = {region: [float(part[0, 0]) for part in cv2.meanStdDev(values[np.newaxis])]  # in double precision
               for region, values in values_of.items()}
    return tuple(RegionStatistics(
        region=region,
        n=int(values.size),
        mean=moments[region][0],
        sd=moments[region][1],
        p95=_p95(values, sum(moments[region])),
        max=float(values.max()),
        neck_difference=None if region == NECK or NECK not in moments else moments[region][0] - moments[NECK][0],
        confidence=prediction.certainty.get(region),
    ) for region, values in sorted(values_of.items()))


def _p95(values: np.ndarray, guess: float) -> float:
    """95th percentile, looked for among the values above a guess where so many are: fewer are partitioned."""
    top = values[values > guess]
    others = values.size - top.size
    return percentile(values, 95) if others > 0.95 * (values.size - 1) else percentile(top, 95, others)


def percentile(values: np.ndarray, percent: float, others: int = 0) -> float:
    """Percentile by linear interpolation between order statistics, as `numpy.percentile` defines it.

    It partitions at the one rank that matters; NumPy 1.19 takes five times as long.

    Args:
        values: at least one.
        percent: 0 to 100.
        others: how many values there are besides, all lower than these; the percentile is not among them.
    """
    rank = (others + values.size - 1) * percent / 100.0 - others
    low = int(rank)
    ordered = np.partition(values, low)
    below = float(ordered[low])
    above = float(ordered[low + 1:].min()) if low + 1 < values.size else below
    return below + (above - below) * (rank - low)


def pair_differences(regions: Sequence[RegionStatistics], is_celsius: bool, threshold_c: float
                     ) -> Tuple[Difference, ...]:
    """Left minus right of every pair of which both sides are present, in the order breast, nipple, armpit.

    Args:
        regions: all regions of one frame.
        is_celsius: whether the statistics are degrees.
        threshold_c: descriptive threshold.
    """
    by_id = {entry.region: entry for entry in regions}
    return tuple(_difference(by_id[right], by_id[left], is_celsius, threshold_c)
                 for right, left in PAIRS if right in by_id and left in by_id)


def _difference(right: RegionStatistics, left: RegionStatistics, is_celsius: bool, threshold_c: float) -> Difference:
    mean = left.mean - right.mean
    return Difference(pair_name(right.region), mean, left.p95 - right.p95, left.max - right.max,
                      abs(mean) > threshold_c if is_celsius else None, threshold_c)


@dataclass(frozen=True, eq=False)
class Breasts:
    """The breasts at working size.

    Attributes:
        labels: uint8 hxw, the id of a breast including its nipple, 0 elsewhere.
        masks: as `region_masks` gives them, of each breast that is present.
    """

    labels: np.ndarray
    masks: Dict[int, Tuple[Box, np.ndarray]]


def find_breasts(labels: np.ndarray, body: Body) -> Breasts:
    """The breasts at working size, each with its nipple, skin only.

    A label that laps over the wall is not breast, however sure the network is.

    Args:
        labels: uint8 HxW region ids of the frame.
        body: of the same frame.
    """
    skin = (body.reduced > body.threshold).view(np.uint8)
    merged = cv2.LUT(resize_labels(labels, skin.shape), _BREAST_OF) * skin
    return Breasts(merged, region_masks(merged, BREASTS))


def mirrored_difference(body: Body, breasts: Breasts) -> np.ndarray:
    """Each breast minus the mirrored other one.

    The other breast's box is mirrored and scaled to this one's, which aligns the two without landmarks: what is left
    is the heat pattern, not the difference in size.

    Args:
        body: of the frame.
        breasts: of the same frame, both present.

    Returns:
        float32 hxw, NaN outside the breasts and where the mirrored breast has no skin.
    """
    result = np.full(body.reduced.shape, np.nan, np.float32)
    for own, other in (BREASTS, BREASTS[::-1]):
        (box, mask), (twin, twin_mask) = breasts.masks[own], breasts.masks[other]
        size = mask.shape[::-1]
        mirrored = cv2.resize(np.ascontiguousarray(body.reduced[twin][:, ::-1]), size,
                              interpolation=cv2.INTER_LINEAR)
        valid = cv2.resize(np.ascontiguousarray(twin_mask[:, ::-1]), size, interpolation=cv2.INTER_NEAREST)
        inside = (mask > 0) & (valid > 0)
        result[box][inside] = (body.reduced[box] - mirrored)[inside]
    return result


def hottest_spots(body: Body, breasts: Breasts, frame_shape: Tuple[int, int]) -> Tuple[Spot, ...]:
    """The hottest spot of each breast, in frame coordinates.

    It is searched on the reduced frame, whose pixels are means over a neighbourhood, so that one noisy or dead pixel
    of the sensor is not taken for a spot; and a little inside the breast and the picture, since the fold beneath a
    breast is nearly always warmer and a label edge may lap over it.

    Args:
        body: of the frame.
        breasts: of the same frame.
        frame_shape: (height, width) of the frame.
    """
    scale_y = frame_shape[0] / float(body.reduced.shape[0])
    scale_x = frame_shape[1] / float(body.reduced.shape[1])
    spots = []
    for breast, ((rows, columns), mask) in breasts.masks.items():
        core = cv2.erode(mask, RIM, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
        _, value, _, (x, y) = cv2.minMaxLoc(body.reduced[rows, columns], core if cv2.countNonZero(core) else mask)
        spots.append(Spot(breast, int((columns.start + x + 0.5) * scale_x), int((rows.start + y + 0.5) * scale_y),
                          float(value)))
    return tuple(spots)


def compared(finding: Finding, differences: Sequence[Difference]) -> Finding:
    """A finding with its note, where the difference of the breasts stands on the other side of its own threshold."""
    breast = next((entry for entry in differences if entry.pair == pair_name(RIGHT_BREAST)), None)
    if breast is None or breast.exceeds is None or breast.exceeds == finding.above:
        return finding
    return replace(finding, note='The %.1f °C rule is another test. They differ.'
                   % breast.threshold_c)


def compare_sides(regions: Sequence[RegionStatistics], finding: Optional[Finding], is_celsius: bool, threshold_c: float
                  ) -> Dict[str, Any]:
    """What a result of a frontal view says beyond its regions: the fields ``differences``, ``finding``, ``sentences``.

    Args:
        regions: all regions of one frame.
        finding: without its note; None from a model that only marks regions.
        is_celsius: whether the statistics are degrees.
        threshold_c: descriptive threshold.
    """
    differences = pair_differences(regions, is_celsius, threshold_c)
    finding = finding and compared(finding, differences)
    return {'differences': differences, 'finding': finding, 'sentences': describe(differences, finding, is_celsius)}


def describe(differences: Sequence[Difference], finding: Optional[Finding], is_celsius: bool) -> Tuple[str, ...]:
    """The result in sentences: one per pair, the note of the finding, and last the finding or that there is none.

    Args:
        differences: of one frame.
        finding: None from a model that only marks regions.
        is_celsius: whether the differences are degrees.
    """
    sentences: List[str] = [_pair_sentence(entry, is_celsius) for entry in differences]
    if not is_celsius:
        sentences.append('The picture has no temperatures; differences are in grey levels and are not compared '
                         'with a threshold.')
    if finding is not None and finding.note:
        sentences.append(finding.note)
    sentences.append(NO_FINDING if finding is None else finding.sentence)
    return tuple(sentences)


def _pair_sentence(entry: Difference, is_celsius: bool) -> str:
    size = abs(entry.mean)
    # 1.04 against a threshold of 1.0 must not read '1.0 ... above the 1.0 °C threshold'.
    number = '%.1f' % size if round(size, 1) != round(entry.threshold_c, 1) else '%.2f' % size
    warmer, cooler = ('Left', 'right') if entry.mean > 0 else ('Right', 'left')
    if not is_celsius:
        if float(number) == 0:
            return 'Left and right %s have the same mean grey level.' % entry.pair
        return '%s %s %s grey levels brighter than %s.' % (warmer, entry.pair, number, cooler)
    verdict = '%s the %.1f °C threshold.' % (N_('Above') if entry.exceeds else N_('Not above'), entry.threshold_c)
    if float(number) == 0:
        return 'Left and right %s are equally warm to %.1f °C. %s' % (entry.pair, 0.1, verdict)
    return '%s %s %s °C warmer than %s. %s' % (warmer, entry.pair, number, cooler, verdict)
