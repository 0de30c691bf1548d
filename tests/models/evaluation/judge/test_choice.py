"""What is chosen on one half of the patients is judged on the other."""
import numpy as np
import pytest

from models.evaluation import judge_regions
from models.evaluation.judge import certainty_sweep, certainty_threshold, operating_points
from service.regions import LEFT_ARMPIT, NECK
from tests.fakes import frames

from ..made_up import outcome, torso_collection

LABELS = frames.labels()
TARGETS = {'sensitivity': 0.9, 'specificity': 0.9}


def ranked(count):
    """Outcomes of a collection whose probabilities rank the classes well, not perfectly."""
    rng = np.random.default_rng(2)
    return [outcome('t%02d' % number, patient='p%02d' % number, klass=number % 2,
                    probability=float(np.clip(0.3 + 0.35 * (number % 2) + rng.normal(0, 0.15), 0, 1)))
            for number in range(count)]


def test_halves_share_no_patient_and_hold_everybody():
    outcomes, collection = ranked(40), torso_collection(40)
    points = operating_points(outcomes, collection, (1,), TARGETS, rounds=100)
    assert points['halves']['chosen_on']['patients'] == points['halves']['judged_on']['patients'] == 20
    for point in points['points']:
        assert point['chosen'][point['reach']]['value'] >= point['target']
        called = sum(o.probability >= point['threshold'] for o in outcomes)
        both = [np.sum(point[part]['confusion'], 0)[1] for part in ('chosen', 'judged')]
        assert sum(both) == called, 'every frame is on one side and on one only'


def test_too_few_patients_are_said_to_be():
    points = operating_points(ranked(2), torso_collection(2), (1,), TARGETS)
    assert set(points) == {'reason'} and points['reason'].endswith('.')


def test_frames_without_a_result_choose_nothing():
    outcomes = ranked(12)
    outcomes[3] = outcome('t03', patient='p03', klass=1, truth=LABELS, refused=True)
    points = operating_points(outcomes, torso_collection(12), (1,), TARGETS, rounds=100)
    assert points['halves']['chosen_on']['n'] + points['halves']['judged_on']['n'] == 11


def labelled(count, wrong_certainty):
    """Frames whose neck is wrong and uncertain; everything else is right and certain."""
    found = LABELS.copy()
    found[200:, :40] = NECK
    found[found == NECK] = np.where(np.nonzero(found == NECK)[0] < 200, 0, NECK)
    certainties = {region: 0.9 for region in range(1, 8)}
    certainties[NECK] = wrong_certainty
    return [outcome('t%02d' % number, found, LABELS, patient='p%02d' % number, certainties=certainties)
            for number in range(count)]


def test_the_sweep_starts_from_the_figure_itself():
    outcomes = labelled(4, 0.4)
    sweep = certainty_sweep(outcomes)
    assert sweep.scores[0] == pytest.approx(judge_regions(outcomes, rounds=100)['all']['miou']['value'], abs=1e-4)
    assert sweep.scores[-1] == pytest.approx((LABELS == 0).mean() / 8), 'above every certainty all is background'


def test_a_wrong_uncertain_region_is_better_left_out():
    """Its false pixels become background, which they are: the threshold lies just above its certainty."""
    outcomes = labelled(8, 0.4)
    result = certainty_threshold(outcomes, torso_collection(8))
    assert result['best'] == pytest.approx(0.41)
    assert result['judged'] > result['judged_without']
    assert result['halves'] == {'chosen_on': {'n': 4, 'patients': 4}, 'judged_on': {'n': 4, 'patients': 4}}


def test_a_region_without_certainty_is_the_first_to_go():
    found = outcome('t00', LABELS, LABELS, certainties={region: 0.5 for region in range(1, 8) if region != LEFT_ARMPIT})
    scores = certainty_sweep([found]).scores
    assert scores[0] == 1 and scores[1] < 1 and scores[1] == scores[50] > scores[51]
