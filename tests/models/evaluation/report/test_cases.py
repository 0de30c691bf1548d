"""The worst cases are the worst, and are drawn beside the truth."""
import base64

import cv2
import numpy as np

from models.evaluation.report import draw_cases, worst_cases
from tests.fakes import frames
from tests.fakes.pipelines import stub_pipeline

from ..made_up import outcome, torso_collection

LABELS = frames.labels()


def test_by_overlap():
    shifted = {'good': 2, 'bad': 40, 'fair': 12}
    outcomes = [outcome(key, np.roll(LABELS, shift, 1), LABELS) for key, shift in shifted.items()]
    outcomes.append(outcome('refused', None, LABELS, refused=True))
    cases = worst_cases(outcomes, count=3)
    assert [key for key, _ in cases] == ['refused', 'bad', 'fair']
    assert cases[0][1].startswith('No result: The patient is cut off.') and 'nipple' in cases[1][1]


def test_by_finding_where_nothing_is_labelled():
    outcomes = [outcome('right', klass=1, probability=0.9), outcome('wrong', klass=0, probability=0.8),
                outcome('unknown', probability=0.1)]
    cases = worst_cases(outcomes, (1,))
    assert cases == [('wrong', 'The finding is 0.800 where it should be low.'),
                     ('right', 'The finding is 0.900 where it should be high.')]


def picture(uri):
    data = np.frombuffer(base64.b64decode(uri.partition(',')[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(float)


def test_truth_is_drawn_like_the_answer():
    """Where the device is right, the two pictures differ by its crosses at the hottest spots alone."""
    collection = torso_collection(1)
    with stub_pipeline() as pipeline:
        case, = draw_cases(pipeline, collection, [('t00', 'A case.')])
    with stub_pipeline(labels=np.roll(LABELS, 25, 1)) as pipeline:
        moved, = draw_cases(pipeline, collection, [('t00', 'A case.')])
    shown, true = picture(case['shown']), picture(case['true'])
    assert shown.shape == true.shape
    differing = (np.abs(shown - true).max(2) > 60).mean()
    assert differing < 0.01 < (np.abs(picture(moved['shown']) - true).max(2) > 60).mean()
