"""Parity figures against arithmetic by hand, and the gate."""
import json

import numpy as np
import pytest

from calibration.parity import PARITY_LIMITS, Parity, compare_answers, gate, mean_iou, summarise, with_labels
from service.messages import BundleError


def _answer(labels, confidence=0.9, finding=0.5):
    labels = np.array(labels, np.int32)[np.newaxis]
    return {'labels': labels, 'confidence': np.full(labels.shape, confidence, np.float32),
            'finding': np.array([[finding]], np.float32)}


def _fine(**changes):
    figures = dict(frames=3, max_abs_error=0.0, label_agreement=1.0, miou_reference=0.7, miou=0.7, miou_change=0.0,
                   finding_error=0.0, not_finite=0)
    return Parity(**dict(figures, **changes))


def test_equal_answers():
    answer = _answer([[0, 1], [2, 3]])
    frame = compare_answers(answer, answer, np.array([[0, 1], [2, 2]], np.uint8))
    parity = summarise([frame, frame])
    assert (parity.frames, parity.labelled, parity.label_agreement, parity.max_abs_error) == (2, 2, 1, 0)
    assert parity.miou_change == 0 and parity.miou_change_ci95 == (0, 0) and parity.not_finite == 0
    # IoU of the regions 0, 1, 2, 3: 1, 1, 1/2, 0.
    assert parity.miou == parity.miou_reference == pytest.approx(2.5 / 4)
    for precision in PARITY_LIMITS:
        gate(parity, precision)


def test_figures_by_hand():
    truth = np.array([[0, 0], [1, 1]], np.uint8)
    frames = [compare_answers(_answer([[0, 0], [1, 1]]), _answer([[0, 0], [1, 0]], 0.8, 0.46), truth),
              compare_answers(_answer([[0, 0], [1, 1]]), _answer([[0, 0], [1, 1]], 0.85, 0.51), truth)]
    parity = summarise(frames)
    assert parity.label_agreement == pytest.approx(7 / 8.0) and parity.worst_agreement == pytest.approx(3 / 4.0)
    assert parity.max_abs_error == pytest.approx(0.1, abs=1e-6)
    assert parity.finding_error == pytest.approx(0.04, abs=1e-6)
    # Pixels of both frames together: region 0 has 4 of 5, region 1 has 3 of 4.
    assert parity.miou_reference == 1 and parity.miou == pytest.approx((4 / 5.0 + 3 / 4.0) / 2)
    assert parity.miou_change == pytest.approx(parity.miou - 1)
    low, high = parity.miou_change_ci95
    # Draws hold the worse frame never, once or twice.
    assert low == pytest.approx((2 / 3.0 + 1 / 2.0) / 2 - 1) and high == 0


def test_the_view_is_compared_where_both_name_one():
    answer = _answer([[0, 1], [2, 3]])
    seen, other = (dict(answer, view=np.array([shares], np.float32)) for shares in ([0.9, 0.1], [0.87, 0.13]))
    parity = summarise([compare_answers(seen, seen), compare_answers(seen, other)])
    assert parity.view_error == pytest.approx(0.03, abs=1e-6) and parity.to_dict()['view_error'] == 0.03
    assert compare_answers(answer, seen).view_error is None


def test_logits_stand_for_labels_and_confidence():
    logits = np.random.RandomState(0).normal(0, 3, (1, 8, 4, 5)).astype(np.float32)
    powers = np.exp(logits.astype(np.float64))
    shares = powers / powers.sum(1, keepdims=True)
    answer = with_labels({'logits': logits})
    np.testing.assert_array_equal(answer['labels'], logits.argmax(1))
    np.testing.assert_allclose(answer['confidence'], shares.max(1), rtol=1e-12)
    frame = compare_answers({'labels': logits.argmax(1), 'confidence': shares.max(1)}, {'logits': logits + 1e-3})
    assert frame.label_agreement == 1 and frame.max_abs_error < 1e-6 and frame.logits_error is None
    assert compare_answers({'logits': logits}, {'logits': logits + 0.25}).logits_error == pytest.approx(0.25, rel=1e-3)


def test_without_truth_and_without_finding():
    answer = {'labels': np.zeros((1, 2, 2), np.int32), 'confidence': np.ones((1, 2, 2), np.float32)}
    parity = summarise([compare_answers(answer, answer)])
    assert parity.miou is parity.miou_change is parity.miou_change_ci95 is parity.finding_error is None
    assert 'miou' not in parity.to_dict() and json.dumps(parity.to_dict())
    gate(parity, 'fp32')


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_counted_and_refused(value):
    found = _answer([[0, 1], [2, 3]])
    found['confidence'][0, 0, 0] = value
    parity = summarise([compare_answers(_answer([[0, 1], [2, 3]]), found)])
    assert parity.not_finite == 1 and parity.max_abs_error == 0
    with pytest.raises(BundleError) as caught:
        gate(parity, 'int8')
    assert caught.value.code == 'parity-failed' and '1 values are NaN or infinite' in caught.value.message.text
    found['confidence'][:] = value
    assert compare_answers(_answer([[0, 1], [2, 3]]), found).max_abs_error == float('inf')


def test_logits_that_overflow_are_counted():
    logits = np.zeros((1, 8, 2, 2), np.float32)
    logits[0, :, 0, 0] = np.nan
    logits[0, 3, 1, 1] = np.inf
    frame = compare_answers(_answer([[0, 0], [0, 0]]), {'logits': logits})
    assert frame.not_finite == 9


@pytest.mark.parametrize('precision, changes, word', [
    ('fp32', {'max_abs_error': 0.0011}, 'confidence'), ('fp32', {'label_agreement': 0.9998}, 'labels'),
    ('fp32', {'miou_change': -0.0011}, 'mIoU'), ('fp16', {'finding_error': 0.021}, 'finding'),
    ('fp16', {'max_abs_error': float('nan')}, 'confidence'), ('int8', {'miou_change': -0.0101}, 'mIoU'),
    ('int8', {'label_agreement': 0.9}, 'labels'), ('int8', {'finding_error': 0.2}, 'finding'),
    ('fp16', {'view_error': 0.021}, 'view'),
    ('int8', {'miou_change': float('nan')}, 'mIoU')])
def test_gate_refuses(precision, changes, word):
    gate(_fine(), precision)
    with pytest.raises(BundleError) as caught:
        gate(_fine(**changes), precision)
    assert caught.value.code == 'parity-failed' and word in caught.value.message.text
    assert 'n = 3' in caught.value.message.text


def test_gate_names_everything_that_is_broken():
    with pytest.raises(BundleError) as caught:
        gate(_fine(label_agreement=0.5, miou_change=-0.2, not_finite=4), 'int8')
    assert caught.value.message.text.count(';') == 2


def test_gain_is_no_loss():
    gate(_fine(miou_change=0.2), 'int8')


def test_mean_iou_is_that_of_the_evaluation():
    overlap = pytest.importorskip('models.evaluation.overlap', reason='the workstation half is not here')
    pairs = np.random.RandomState(1).randint(0, 50, (6, 8, 8))
    pairs[:, 7] = pairs[:, :, 7] = 0  # a region that is nowhere
    np.testing.assert_allclose(mean_iou(pairs), overlap.mean_over_regions(overlap.iou(pairs)))


def test_nothing_to_compare():
    with pytest.raises(ValueError):
        summarise([])
