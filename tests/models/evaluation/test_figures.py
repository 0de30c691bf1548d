"""The figures of a run: regions, finding, thresholds chosen on one half of the patients, composition."""
import numpy as np
import pytest

from models.evaluation.figures import (
    certainty_sweep,
    certainty_threshold,
    composition,
    giveaways,
    judge_finding,
    judge_regions,
    operating_points,
    positive_classes,
)
from service.messages import InputError
from service.regions import LEFT_ARMPIT, NECK, REGIONS
from tests.fakes import frames

from .made_up import CLASSES, outcome, random_labels, torso_collection

# Region figures of a run: refused frames count, empty truth does not.
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


# The finding's figures: which class is positive, and what a refused frame costs.
def classified(probability, klass, refused=False):
    name = '%s-%s-%s' % (probability, klass, refused)
    found = outcome(name, probability=None if refused else probability, klass=klass)
    return found if not refused else outcome(name, klass=klass, truth=np.zeros((4, 4), np.uint8), refused=True)


OUTCOMES = [classified(p, 1) for p in (0.9, 0.8, 0.3)] + [classified(p, 0) for p in (0.1, 0.2, 0.4, 0.7)]


def test_by_hand():
    figures = judge_finding(OUTCOMES, (1,), 0.5, rounds=100)
    assert figures['answered']['confusion'] == [[3, 1], [1, 2]]
    assert figures['answered']['sensitivity']['value'] == pytest.approx(2 / 3, abs=1e-4)
    assert figures['roc']['auc']['value'] == pytest.approx(10 / 12, abs=1e-4)
    assert figures['n'] == 7 and figures['n_positive'] == 3


def test_a_refused_frame_counts_as_called_wrongly():
    outcomes = OUTCOMES + [classified(0, 1, refused=True), classified(0, 0, refused=True)]
    figures = judge_finding(outcomes, (1,), 0.5, rounds=100)
    assert figures['refused'] == {'positive': 1, 'negative': 1}
    assert figures['answered'] == judge_finding(OUTCOMES, (1,), 0.5, rounds=100)['answered']
    assert figures['all']['sensitivity']['value'] == 0.5 and figures['all']['sensitivity']['n'] == 4
    assert figures['all']['specificity']['value'] == pytest.approx(3 / 5)


def test_frames_of_unknown_class_are_left_out():
    assert judge_finding(OUTCOMES + [outcome('x', probability=0.9)], (1,), 0.5, rounds=100)['n'] == 7
    assert judge_finding([outcome('x', probability=0.9)], (1,), 0.5) is None
    assert judge_finding([outcome('x', klass=1)], (1,), 0.5) is None


def test_positive_classes():
    assert positive_classes(('Healthy', 'Sick')) == (1,)
    assert positive_classes(('Healthy', 'Sick'), ('Healthy',)) == (0,)
    three = ('normal', 'benign', 'malignant')
    assert positive_classes(three, ('malignant', 'benign')) == (1, 2)
    for classes, names, code in ((three, (), 'class-positive'), (three, three, 'class-positive'),
                                 (three, ('sick',), 'class-unknown')):
        with pytest.raises(InputError) as caught:
            positive_classes(classes, names)
        assert caught.value.code == code


# What is chosen on one half of the patients is judged on the other.
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


def test_too_few_patients_give_a_reason():
    points = operating_points(ranked(2), torso_collection(2), (1,), TARGETS)
    assert set(points) == {'reason'} and points['reason'].endswith('.')


def test_frames_without_a_result_choose_no_threshold():
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


# What gives the class away is said before anybody reads the AUC.
FACTS = ([outcome('a%d' % n, klass=n % 2, facts={'dialect': 'space', 'number': n}) for n in range(20)]
            + [outcome('b%d' % n, klass=1, facts={'dialect': 'semicolon', 'number': 100 + n}) for n in range(6)])


def test_facts_are_counted_by_class():
    rows = composition(FACTS, CLASSES)
    assert rows == [{'fact': 'dialect', 'value': 'semicolon', 'n': 6, 'classes': {'Healthy': 0, 'Sick': 6}},
                    {'fact': 'dialect', 'value': 'space', 'n': 20, 'classes': {'Healthy': 10, 'Sick': 10}}]


def test_a_value_of_one_class_is_named_with_a_remedy():
    sentence, = giveaways(composition(FACTS, CLASSES))
    assert 'All 6 frames' in sentence and 'dialect = semicolon are Sick' in sentence
    assert sentence.endswith('--where dialect=space.')


def test_one_value_or_one_class_gives_nothing_away():
    assert composition(FACTS[:20], CLASSES) == []
    assert giveaways(composition(FACTS, ('Sick', 'Sick'))) == []
