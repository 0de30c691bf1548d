"""Which pictures repeat one another, and what their scatter says of the change that a station counts."""
import numpy as np
import pytest

pytest.importorskip('sklearn', reason='the training extra is not installed: this is the device half')

from models.validation.pictures import MEASURES, Picture, check_patients, gate_figures  # noqa: E402
from models.validation.repeats import BETWEEN, WITHIN, find_repeats, judge_repeats  # noqa: E402
from service.messages import InputError  # noqa: E402


def picture(patient, visit, value=0.0, **facts):
    """A frontal picture of a visit that is as many days after the first as its number says."""
    facts = dict({'visit': visit, 'day': visit, 'view': 'frontal', 'camera': 'A', 'distance_m': 1.0}, **facts)
    return Picture('%s-%s-%s' % (patient, visit, value), patient, facts, 320, True, 'front', True, 'frontal', (), False,
                   {} if value is None else dict.fromkeys(MEASURES[:1], value), repr((patient, visit, value)).encode())


def keys(repeats):
    return [[one.key for one in group] for group in repeats.groups]


def test_visits_close_to_each_other_repeat_and_others_do_not():
    found = find_repeats([picture('a', 1), picture('a', 20), picture('a', 200), picture('a', 210), picture('a', 212),
                          picture('b', 1), picture('b', 90), picture('c', 5)], 30)
    assert keys(found[BETWEEN]) == [['a-200-0.0', 'a-210-0.0', 'a-212-0.0']]
    assert found[BETWEEN].left_out['of a visit too far from others'] == 3 and not found[WITHIN].groups


def test_the_last_picture_of_a_visit_counts_and_all_of_them_repeat_within_it():
    found = find_repeats([picture('a', 1, 0.1), picture('a', 1, 0.2), picture('a', 3, 0.3)], 30)
    assert keys(found[WITHIN]) == [['a-1-0.1', 'a-1-0.2']]
    assert keys(found[BETWEEN]) == [['a-1-0.2', 'a-3-0.3']]


@pytest.mark.parametrize('other, why', [
    ({'camera': 'B'}, 'another camera took the earlier picture'),
    ({'distance_m': 1.3}, 'the distances are 1.30 and 1.00 m'),
    ({'distance_m': None}, 'the distance of one visit is not known'),
    ({'value': None}, 'without a left-right difference in °C'),
    ({'day': None}, 'of an unknown date'), ({'kind': 'dynamic'}, 'of a series, or of no known visit')])
def test_what_may_not_be_compared_is_counted(other, why):
    found = find_repeats([picture('a', 1), picture('a', 2, **other)], 30)[BETWEEN]
    assert not found.groups and found.left_out[why] == 1


def test_other_views_are_other_measurements():
    assert not find_repeats([picture('a', 1), picture('a', 2, view='raised-arms')], 30)[BETWEEN].groups


@pytest.mark.parametrize('planted_c, verdict', [(0.1, 'covered'), (0.3, 'open'), (0.6, 'exceeded')])
def test_the_change_that_counts_is_held_against_what_was_planted(planted_c, verdict):
    """2.77 times 0.1 °C lies below the 0.8 °C of the station, 2.77 times 0.6 °C above it; 0.83 °C is too close."""
    rng = np.random.default_rng(8)
    pictures = [picture('p%d' % number, visit, float(level + rng.normal(0, planted_c)))
                for number, level in enumerate(rng.normal(0, 0.5, 40)) for visit in (1, 8)]
    judged = judge_repeats(find_repeats(pictures, 30)[BETWEEN], 300)
    breast = judged['measures']['breast']
    assert (judged['patients'], judged['n'], breast['patients']) == (40, 80, 40)
    assert breast['sd']['ci95'][0] < planted_c < breast['sd']['ci95'][1] and breast['verdict'] == verdict
    assert breast['smallest_change'] >= breast['coefficient']['ci95'][1] and len(breast['pairs']) == 40
    assert judged['measures']['nipple']['patients'] == 0 and judged['measures']['nipple']['verdict'] is None


def test_one_picture_of_two_patients_is_refused():
    one = picture('a', 1)
    with pytest.raises(InputError, match='a-1-0.0 and b-1-0.0 are the same, but of the patients a and b') as caught:
        check_patients([one, picture('c', 1), picture('b', 1)._replace(digest=one.digest)])
    assert caught.value.code == 'patient-two-ids'


def test_the_gate_is_counted_by_what_the_data_call_a_picture():
    front = picture('a', 1)
    refused = picture('b', 1)._replace(answered=False, says=('in-frame', 'distance'), blocked=True)
    side = picture('c', 1)._replace(stated='side', view='left-oblique')
    passed = picture('d', 1)._replace(stated='side')
    unstated = picture('e', 1)._replace(stated=None, is_celsius=False)
    figures = gate_figures([front, refused, side, passed, unstated], 100)
    assert (figures['front']['n'], figures['front']['answered']['value']) == (2, 0.5)
    assert (figures['side']['n'], figures['side']['stopped']['value']) == (2, 0.5)
    assert (figures['unstated'], figures['relative'], figures['green'], figures['blocked']) == (1, 1, 4, 1)
    assert figures['says'] == [{'code': 'in-frame', 'n': 1}]
