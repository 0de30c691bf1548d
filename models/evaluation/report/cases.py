"""The worst cases, as pictures a reviewer can judge for himself."""
import base64
import dataclasses

import cv2
import numpy as np

from service.overlay import draw_overlay
from service.regions import REGIONS

from ..judge.finding import with_class
from ..metrics import iou
from .words import region_name

#: As many as fit on a few screens.
WORST = 10

_JPEG_QUALITY = 88


def worst_cases(outcomes, positive=(), count=WORST):
    """Frames that came out worst: by mean IoU where there are labels, else by how wrong the finding is.

    Args:
        outcomes (list of Outcome): any.
        positive (tuple of int): classes that the finding ought to call.
        count (int): how many.

    Returns:
        list: (key, sentence on what is wrong) pairs, worst first.
    """
    labelled = sorted((outcome for outcome in outcomes if outcome.overlap is not None),
                      key=lambda outcome: outcome.overlap.miou)
    if labelled:
        return [(outcome.key, _overlap_sentence(outcome)) for outcome in labelled[:count]]
    known, truth = with_class([outcome for outcome in outcomes if outcome.probability is not None], positive)
    wrong = sorted(zip(known, truth), key=lambda pair: -abs(pair[1] - pair[0].probability))
    return [(outcome.key, 'The finding is %.3f where it should be %s.'
             % (outcome.probability, 'high' if true else 'low')) for outcome, true in wrong[:count]]


def draw_cases(pipeline, collection, cases):
    """Pictures of cases: what the device shows, and the same frame with the true contours.

    Args:
        pipeline (service.pipeline.Pipeline): started. The frames are analysed once more, so that a run over
            thousands of them need not keep them all.
        collection (Collection): with the samples.
        cases (list): as `worst_cases` gives them.

    Returns:
        list: dicts of ``key``, ``sentence``, ``shown`` and ``true`` (JPEG as data URIs; ``true`` is None
        without labels).
    """
    samples = {sample.key: sample for sample in collection}
    drawn = []
    for key, sentence in cases:
        thermogram = samples[key].thermogram()
        result = pipeline.analyse(thermogram)
        truth = samples[key].labels(thermogram.pixels.shape) if collection.regions == REGIONS else None
        true = None
        if truth is not None:
            known = dataclasses.replace(result, labels=truth, spots=(), checks=())
            true = _data_uri(draw_overlay(known))
        drawn.append({'key': key, 'sentence': sentence, 'shown': _data_uri(draw_overlay(result)), 'true': true})
    return drawn


def _overlap_sentence(outcome):
    if not outcome.answered:
        return 'No result: %s' % outcome.refusals[0][1]
    values = iou(outcome.overlap.pairs)
    lowest = [region for region in np.argsort(np.where(np.isfinite(values), values, 2))[:2]]
    return 'mIoU %.3f; worst: %s.' % (outcome.overlap.miou, ', '.join(
        '%s %.2f' % (region_name(REGIONS[region]), values[region]) for region in lowest))


def _data_uri(picture):
    data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return 'data:image/jpeg;base64,' + base64.b64encode(data).decode('ascii')
