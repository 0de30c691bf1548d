"""Region figures of a run: refused frames count, empty truth does not."""
import numpy as np
import pytest

from models.evaluation import judge_regions
from service.regions import NECK, REGIONS
from tests.fakes import frames

from ..made_up import outcome, random_labels

LABELS = frames.labels()


def score_regions(pairs):
    """The formula of the shared scoring tool, on (found, truth) pairs; a frame without labels is all background."""
    inter, union = np.zeros(8), np.zeros(8)
    for found, truth in pairs:
        found = np.zeros_like(truth) if found is None else found
        for region in range(8):
            inter[region] += ((truth == region) & (found == region)).sum()
            union[region] += ((truth == region) | (found == region)).sum()
    return inter / np.maximum(union, 1)


def test_the_right_answer_scores_one():
    figures = judge_regions([outcome(key, LABELS, LABELS) for key in 'abc'], rounds=100)['all']
    assert figures['miou']['value'] == 1 and figures['miou']['ci95'] == [1, 1] and figures['patients'] == 3
    for name, region in list(figures['regions'].items())[1:]:
        assert region['hd95_px']['value'] == 0 and region['area']['bias']['value'] == 0, name


def test_the_scoring_tool_agrees_refused_frames_included():
    pairs = []
    for seed in range(6):
        truth, other = random_labels(seed), random_labels(seed + 50)
        pairs.append((np.where(other < 6, truth, other), truth))  # right in three of four blocks
    outcomes = [outcome(str(number), *pair, refused=number in (2, 5)) for number, pair in enumerate(pairs)]
    judged = judge_regions(outcomes, rounds=100)
    for part, counted in (('all', pairs[:2] + [(None, pairs[2][1])] + pairs[3:5] + [(None, pairs[5][1])]),
                          ('answered', pairs[:2] + pairs[3:5])):
        expected = score_regions(counted)
        found = [judged[part]['regions'][name]['iou']['value'] for name in REGIONS]
        assert found == pytest.approx(expected, abs=1e-4), part
        assert judged[part]['miou']['value'] == pytest.approx(expected.mean(), abs=1e-4), part
        assert judged[part]['n'] == len(counted)
    assert judged['all']['miou']['value'] < judged['answered']['miou']['value']


def test_interval_holds_the_figure_and_is_of_patients():
    outcomes = [outcome('%d-%d' % (patient, frame), random_labels(patient), np.where(
        random_labels(100 + patient) < 4, random_labels(patient), 0).astype(np.uint8), patient=str(patient))
        for patient in range(8) for frame in range(3)]
    figures = judge_regions(outcomes, rounds=300)['all']
    low, high = figures['miou']['ci95']
    assert low < figures['miou']['value'] < high
    assert figures['n'] == 24 and figures['patients'] == 8
    assert 'over 8 patients' in figures['miou']['interval']
    alone = judge_regions(outcomes[::3], rounds=300)['all']['miou']
    assert alone['ci95'] == pytest.approx([low, high])


def test_empty_truth_enters_no_mean():
    without = np.where(LABELS == NECK, 0, LABELS).astype(np.uint8)
    outcomes = [outcome('a', LABELS, LABELS), outcome('b', LABELS, without), outcome('c', without, without),
                outcome('d', without, LABELS)]
    neck = judge_regions(outcomes, rounds=100)['all']['regions']['neck']
    assert neck['dice']['n'] == 2 and neck['dice']['value'] == pytest.approx(0.5)
    assert neck['hd95_px'] == {'value': 0, 'n': 1, 'ci95': [0, 0],
                               'interval': 'bootstrap over 4 patients, 100 rounds, seed 0'}
    assert neck['missed'] == {'n': 2, 'frames': 1}
    assert neck['false']['n'] == 2 and neck['false']['frames'] == 1
    assert neck['false']['max_px'] == (LABELS == NECK).sum()
    assert neck['area']['n'] == 2


def test_areas_are_in_percent_of_the_picture():
    half = LABELS.copy()
    half[:11][half[:11] == NECK] = 0
    area = judge_regions([outcome('a', half, LABELS)], rounds=100)['all']['regions']['neck']['area']
    missing = (LABELS == NECK).sum() - (half == NECK).sum()
    assert missing > 0 and area['bias']['value'] == pytest.approx(-100 * missing / LABELS.size, abs=1e-4)


def test_every_frame_refused():
    judged = judge_regions([outcome(key, LABELS, LABELS, refused=True) for key in 'ab'], rounds=100)
    assert judged['answered']['n'] == 0 and judged['answered']['miou']['value'] is None
    assert judged['all']['regions']['neck']['dice']['value'] == 0


def test_nothing_labelled():
    assert judge_regions([outcome('a')]) is None
