"""The score of real labels is the one that counts, with an interval."""
import numpy as np
import pytest

from models.score_real import overlap, score
from tests.fakes import frames

LABELS = frames.labels()


def test_the_right_answer_scores_one():
    scored = score([overlap(LABELS, LABELS)] * 3)
    assert scored['miou'] == 1 and scored['miou_ci95'] == [1, 1] and scored['patients'] == 3


def test_it_is_intersection_over_union_over_all_patients_together():
    shifted = np.roll(LABELS, 7, axis=1)
    both = [((LABELS == k) & (shifted == k)).sum() for k in range(8)]
    either = [((LABELS == k) | (shifted == k)).sum() for k in range(8)]
    expected = [(b + (LABELS == k).sum()) / (e + (LABELS == k).sum())
                for k, (b, e) in enumerate(zip(both, either))]
    scored = score([overlap(shifted, LABELS), overlap(LABELS, LABELS)])
    assert list(scored['iou'].values()) == pytest.approx(expected, abs=1e-4)
    low, high = scored['miou_ci95']
    assert low < scored['miou'] < high <= 1
