"""Two visits: what changed by more than can change by itself, and when nobody can tell."""
import copy

import pytest

from service.reading import CANNOT_TELL, CHANGED, NOT_CHANGED, RULES, Visit, compare_visits, read_signs

from .making import LENS, NIPPLES, bump, even_torso, result_of

TAKEN = Visit('lepton', 320, 'frontal', 1.0, (27.0, 35.0))


@pytest.fixture(scope='module')
def before():
    return read_signs(result_of(even_torso()), **LENS).to_dict()


def verdicts(now, before, now_taken=TAKEN, before_taken=TAKEN):
    return {change.name: change for change in compare_visits(now, before, now_taken, before_taken)}


def test_what_was_added_is_what_changed(before):
    x, y = NIPPLES['left']
    now = read_signs(result_of(even_torso() + bump(x - 30, y - 40, 3.0, 8.0)), **LENS).to_dict()
    found = verdicts(now, before)
    assert list(found) == list(RULES)
    patch = found['mirror-patch']
    values = [next(sign['value'] for sign in document['signs'] if sign['name'] == 'mirror-patch')
              for document in (now, before)]
    assert (patch.verdict, patch.change, patch.detectable) == (CHANGED, pytest.approx(values[0] - values[1]), 0.8)
    assert found['global-difference'].verdict == NOT_CHANGED and found['fold-difference'].verdict == NOT_CHANGED
    assert found['focal-spot'] == ('focal-spot', CANNOT_TELL, None, None, 'It was not found in both visits.')
    assert found['vessel-index'].verdict == CANNOT_TELL and 'by itself' in found['vessel-index'].reason


def test_quadrants_are_compared_each_with_itself(before):
    """The largest difference may lie elsewhere in the second visit: that is no change of it."""
    now, then = (copy.deepcopy(before) for _ in range(2))
    quadrants = [next(sign for sign in document['signs'] if sign['name'] == 'quadrant-difference')
                 for document in (now, then)]
    for sign, parts in zip(quadrants, ((1.2, 0.6, 0.0, 0.0), (0.5, 0.9, 0.0, 0.0))):
        sign['numbers'] = dict(zip(RULES['quadrant-difference'].parts, parts))
        sign['value'] = max(parts)
    found = verdicts(now, then)['quadrant-difference']
    assert (found.verdict, found.change) == (NOT_CHANGED, pytest.approx(0.7))
    quadrants[0]['numbers']['lower_inner'] = -0.9
    assert verdicts(now, then)['quadrant-difference'].verdict == CHANGED


@pytest.mark.parametrize('taken, reason', [
    (TAKEN._replace(camera='usb'), 'Another camera'), (TAKEN._replace(width_px=640), 'Another camera'),
    (TAKEN._replace(role='raised-arms'), 'another view'), (TAKEN._replace(distance_m=None), 'not known'),
    (TAKEN._replace(distance_m=1.12), '1.00 and 1.12 m'), (TAKEN._replace(span=(24.0, 34.0)), 'other spans')])
def test_other_conditions_are_refused(before, taken, reason):
    assert all(change.verdict == CANNOT_TELL and reason in change.reason
               for change in verdicts(before, before, before_taken=taken).values())
    assert verdicts(before, before, before_taken=TAKEN._replace(distance_m=1.05))['areola-ring'].verdict == NOT_CHANGED


def test_what_could_not_be_assessed_is_not_compared(before):
    grey = read_signs(result_of(even_torso(), unit='relative')).to_dict()
    assert {change.verdict for change in verdicts(before, grey).values()} == {CANNOT_TELL}
    assert {change.reason for change in verdicts(dict(before, schema=2), before).values()} == {
        'The signs of the earlier picture are of another version of the program.'}
