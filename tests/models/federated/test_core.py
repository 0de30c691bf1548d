"""Checks, average, quorum and gate: one round, without a network."""
import numpy as np
import pytest

from models.federated import core
from models.federated.core import Answers, Plan, Update, UpdateError, aggregate, check_update, decide_round, judge
from service.messages import InputError

from .clinics import BOTTOMS, START, Parabolas, descend, plan

NAN, BIG = float('nan'), np.float32(1e30)


def _update(values=(1, 2, 3), count=10, **arrays):
    return Update(dict(START, w=np.array(values, np.float32), **arrays), {'count': count})


def _same(one, other):
    return core.digest(one) == core.digest(other)


def test_more_pull_means_less_drift():
    """P23: the proximal term holds a clinic near the weights of the round."""
    moved = [[core.change(descend(site, START, mu), START) for site in sorted(BOTTOMS)] for mu in (0, 0.1, 1, 10)]
    assert (np.diff(moved, axis=0) < 0).all()


def test_the_term_is_half_of_mu_times_the_squared_distance_over_all_arrays():
    weights = {'a': np.array([3.0, 0.0]), 'b': np.array([[4.0]])}
    start = {'a': np.zeros(2), 'b': np.zeros((1, 1))}
    assert core.proximal_term(weights, start, 0.1) == pytest.approx(0.5 * 0.1 * 25)


def test_the_mean_is_weighted_by_counts_and_does_not_depend_on_the_order_of_arrival():
    rng = np.random.default_rng(1)
    updates = {site: _update(rng.normal(0, 1, 3), count) for site, count in (('b', 3), ('a', 1), ('c', 7))}
    mean = aggregate(updates)
    assert _same(mean, aggregate(dict(reversed(list(updates.items())))))
    assert mean['w'].dtype == np.float32
    expected = sum(update.scalars['count'] * update.arrays['w'].astype(float) for update in updates.values()) / 11
    assert np.allclose(mean['w'], expected, atol=1e-7)


def test_the_median_forgets_one_that_is_far_away_whatever_count_it_claims():
    updates = {'a': _update((1, 1, 1)), 'b': _update((2, 2, 2)), 'c': _update((1e6, -1e6, 1e6), 10 ** 6)}
    assert aggregate(updates, 'median')['w'].tolist() == [2, 1, 2]


@pytest.mark.parametrize('code, update', [
    ('names', Update({'w': START['w']}, {'count': 1})),
    ('names', _update(picture=np.zeros((480, 640), np.float32))),
    ('type', Update(dict(START, w=np.zeros(3)), {'count': 1})),
    ('type', Update(dict(START, w=[0, 0, 0]), {'count': 1})),
    ('shape', _update((1,))),
    ('shape', Update(dict(START, w=np.array(1, np.float32)), {'count': 1})),
    ('not-finite', _update((1, NAN, 3))),
    ('not-finite', _update((1, np.inf, 3))),
    ('change', _update((BIG, BIG, BIG))),
    ('count', _update(count=NAN)),
    ('count', _update(count=-4)),
    ('count', _update(count=0)),
    ('count', _update(count='many')),
    ('count', _update(count=True)),
    ('scalars', Update(START, {'count': 1, 'note': 'patient 4711'})),
    ('scalars', Update(START, {'count': 1, 'score': NAN})),
])
def test_what_is_not_in_order_is_refused_and_named(code, update):
    with pytest.raises(UpdateError) as caught:
        check_update(update, 'north', START, plan())
    assert caught.value.code == 'update-' + code
    assert 'north' in str(caught.value) and '4711' not in str(caught.value)


def test_who_is_not_in_the_plan_is_not_counted():
    decision = decide_round(plan(), START, Answers({'stranger': _update(), 'north': _update((5, 5, 5)),
                                                    'east': _update((3, 3, 3))}, {}))
    assert decision.arrays['w'].tolist() == [4, 4, 4]
    assert decision.record['strangers'] == 1 and decision.record['sites']['south']['code'] == 'no-answer'


def test_a_count_that_lies_is_capped():
    answers = Answers({'north': _update((1, 1, 1), 1e9), 'east': _update((0, 0, 0), 100)}, {})
    decision = decide_round(plan(), START, answers)
    assert decision.arrays['w'].tolist() == [0.5, 0.5, 0.5]
    assert decision.record['sites']['north']['count'] == 10 ** 9
    assert decision.record['sites']['north']['counted'] == 100


@pytest.mark.parametrize('bad', [_update((NAN, 0, 0)), _update((1,)), _update((40, 0, 0))])
@pytest.mark.parametrize('order', [1, -1])
def test_one_bad_update_leaves_the_average_of_the_others(bad, order):
    good = {'east': _update((1, 0, 0), 30), 'south': _update((0, 1, 0), 20)}
    answers = Answers(dict(list(dict(good, north=bad).items())[::order]), {})
    decision = decide_round(plan(), START, answers)
    assert _same(decision.arrays, aggregate(good))
    assert decision.record['sites']['north']['state'] == 'refused'
    assert decision.record['used'] == 2


def test_too_few_usable_updates_make_no_weights():
    decision = decide_round(plan(), START, Answers({'north': _update(), 'east': _update((NAN,) * 3)},
                                                   {'south': 'patient 4711 is unreadable'}))
    assert decision.arrays is None
    # A reason of the transport's own words is not repeated either.
    assert decision.record['sites']['south'] == {'state': 'absent', 'code': 'failed'}


def test_one_clinic_below_its_floor_is_enough():
    def answers(**scores):
        return Answers({site: Update({}, {'score': score}) for site, score in scores.items()}, {})

    best = {'north': 0.7, 'east': 0.5}
    assert judge(plan(), best, answers(north=0.9, east=0.481, south=0.1)).kept
    verdict = judge(plan(), best, answers(north=0.9, east=0.479, south=0.9))
    assert not verdict.kept and verdict.below == ['east']
    verdict = judge(plan(), best, Answers({'north': Update({}, {'score': 0.9})}, {'east': 'failed'}))
    assert not verdict.kept and not verdict.below and verdict.missing == {'east': 'failed', 'south': 'no-answer'}
    assert judge(plan(), best, answers(north=NAN, east=0.5, south=0.5)).missing == {'north': 'update-scalars'}


def test_a_plan_survives_json_and_contradictions_are_refused():
    assert Plan.from_dict(plan().to_dict()) == plan()
    for changes in ({'quorum': 4}, {'sites': {'one': 1}}, {'rounds': 0}, {'mu': NAN}, {'combine': 'best'},
                    {'combine': 'median', 'quorum': 2}, {'sites': dict.fromkeys(BOTTOMS, 0)}):
        with pytest.raises(InputError, match='plan-invalid'):
            plan(**changes)
    with pytest.raises(InputError, match='plan-invalid'):
        Plan.from_dict({'sites': 3})


def test_mu_0_is_federated_averaging_in_every_byte():
    averaged = {site: Update(descend(site, START, None, 1), {'count': 10 * len(site)}) for site in BOTTOMS}
    assert _same(decide_round(plan(), START, Parabolas(mu=0.0).train(1, START)).arrays, aggregate(averaged))
