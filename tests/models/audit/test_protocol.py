"""No patient is judged by a fit on their own data, and an input without information scores about 0.5."""
import numpy as np
import pytest

from models.audit.protocol import Protocol, make_plan
from models.data import Collection
from models.statistics import FoldwiseAuc, percentile_interval
from service.messages import InputError
from service.regions import REGIONS

from . import worlds

QUICK = Protocol(folds=3, repeats=2, inner_folds=2, draws=300)


def collection(classes, per_patient=1, names=('Healthy', 'Sick')):
    samples = [worlds.sample('k%d-%d' % (i, j), 'p%02d' % i, klass) for i, klass in enumerate(classes)
               for j in range(per_patient)]
    return Collection('made', samples, names, REGIONS)


def outcome(column, classes, per_patient=1, protocol=QUICK):
    plan = make_plan(collection(classes, per_patient), protocol.folds, protocol.repeats, protocol.seed)
    return protocol.run_table(plan, np.asarray(column, np.float64).reshape(len(plan.rows), -1))


def pairs(made):
    return FoldwiseAuc(made.scores, made.plan.classes, made.plan.folds)


CLASSES = np.arange(40) % 2


def test_a_column_with_the_class_is_learned_and_noise_is_not():
    rng = np.random.default_rng(0)
    clean = pairs(outcome(CLASSES + rng.normal(0, 0.2, 40), CLASSES))
    assert clean.auc > 0.97 and percentile_interval(clean.drawn(300, 0))[0] > 0.9
    aucs = [pairs(outcome(np.random.default_rng(seed).normal(size=40), CLASSES)).auc for seed in range(6)]
    assert 0.35 < np.mean(aucs) < 0.62


def test_a_nonlinear_border_is_learned():
    rng = np.random.default_rng(0)
    column = np.where(CLASSES, rng.choice([-2.0, 2.0], 40), 0) + rng.normal(0, 0.3, 40)
    assert pairs(outcome(column, CLASSES)).auc > 0.9


def test_a_gap_is_information():
    assert pairs(outcome(np.where(CLASSES, np.nan, 1.0), CLASSES)).auc == 1


def test_patients_are_never_on_both_sides_and_their_pictures_count_once():
    plan = make_plan(collection(CLASSES, 3), 4, 2)
    seen = []

    def fit(train, held, seed):
        assert not set(plan.rows[train]) & set(plan.rows[held])
        assert len(train) + len(held) == 120
        seen.extend(held)
        return plan.rows[held] / 100, 0.105, 'spy'

    made = QUICK.run(plan, fit)
    assert sorted(seen) == sorted(list(range(120)) * 2)
    assert made.scores.shape == (2, 40) and made.chosen == {'spy': 8}
    assert np.allclose(made.scores, np.arange(40) / 100)
    assert made.majority.tolist() == (np.arange(40) > 10).tolist()


def test_copies_of_a_patient_gain_nothing():
    rng = np.random.default_rng(3)
    column = rng.normal(size=40)
    single = pairs(outcome(column, CLASSES))
    copied = outcome(np.repeat(column, 4), CLASSES, 4)
    assert abs(pairs(copied).auc - single.auc) < 0.2
    assert copied.scores.shape[1] == 40


def test_a_held_out_label_changes_no_score_of_its_fold():
    rng = np.random.default_rng(1)
    column = rng.normal(size=(40, 3))
    plan = make_plan(collection(CLASSES), 4, 1)
    fold = plan.folds[0] == 0
    flipped = type(plan)(plan.patients, np.where(fold, ~plan.classes, plan.classes), plan.rows, plan.folds,
                         plan.names)
    first, second = (QUICK.run_table(one, column) for one in (plan, flipped))
    assert np.array_equal(first.scores[0, fold], second.scores[0, fold])
    assert not np.array_equal(first.scores[0, ~fold], second.scores[0, ~fold])


def test_the_same_seed_gives_the_same_answer():
    column = np.random.default_rng(2).normal(size=40)
    assert np.array_equal(outcome(column, CLASSES).scores, outcome(column, CLASSES).scores)


@pytest.mark.parametrize('classes, code', [([0] * 9, 'one-class'), ([None] * 9, 'one-class'),
                                           ([0, 1, 0, 1], 'fold-without-class'), ([0, 1], 'too-few-patients'),
                                           ([0, 0, 0, 1, 1, 1, 2, 2, 2], 'class-unknown')])
def test_data_that_cannot_be_audited_is_refused_in_one_line(classes, code):
    with pytest.raises(InputError) as error:
        make_plan(collection(classes, names=('normal', 'benign', 'malignant')), 3, 1)
    assert error.value.code == code and '\n' not in error.value.message.text


def test_one_of_three_classes_against_the_others():
    plan = make_plan(collection([0, 1, 2] * 4, names=('normal', 'benign', 'malignant')), 3, 1, positive='benign')
    assert plan.names == ('normal/malignant', 'benign') and plan.classes.sum() == 4


def test_an_unknown_positive_class():
    with pytest.raises(InputError, match='no class ill'):
        make_plan(collection(CLASSES), 3, 1, positive='ill')


def test_a_patient_of_two_classes_is_refused():
    samples = [worlds.sample('k%d' % i, 'p%d' % (i // 2), int(i in (0, 3, 4, 5))) for i in range(8)]
    with pytest.raises(InputError, match='Patient p0 has pictures of both classes'):
        make_plan(Collection('made', samples, ('Healthy', 'Sick'), REGIONS), 2, 1)
