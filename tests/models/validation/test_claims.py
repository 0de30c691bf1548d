"""A claim needs the whole interval, enough patients, patients that are real and never seen; and some are never made."""
import copy

import pytest

pytest.importorskip('sklearn', reason='the training extra is not installed: this is the device half')

from models.validation.claims import MAY, MAY_NOT, NOT_ASSESSED, OPEN, judge_claims  # noqa: E402

OUTLINES, NIPPLES, ANSWERS, SIDES, CHANGES, FINDING = range(6)


def share(low, value, high):
    return {'value': value, 'n': 60, 'ci95': [low, high], 'interval': 'made'}


def breast(low, high, patients=20, verdict='covered'):
    return {'coefficient': share(low, (low + high) / 2, high), 'icc': share(0.7, 0.8, 0.9), 'coefficient_upper': high,
            'smallest_change': high, 'verdict': verdict, 'patients': patients, 'n': 2 * patients}


def document(**changes):
    """Of a site of which everything may be claimed."""
    everything = {
        'split': 'Patient-level: 60 patients.', 'simulated': False, 'corrected': 0, 'reference_miou': 0.72,
        'looks': {'n': 1}, 'conditions': {'repeat_days': 30}, 'pathology': True, 'no_audit': '', 'no_finding': '',
        'regions': {'all': {'miou': share(0.68, 0.7, 0.73), 'n': 60, 'patients': 60}},
        'landmarks': {'n': 110, 'patients': 60, 'source': 'boxes', 'median_px': 3.0, 'near': share(0.9, 0.95, 0.98),
                      'far': share(0.0, 0.01, 0.03)},
        'gate': {'front': {'n': 60, 'patients': 60, 'answered': share(0.92, 0.97, 0.99)},
                 'side': {'n': 60, 'patients': 60, 'stopped': share(0.96, 0.99, 1)}},
        'repeats': {'within a visit': {'measures': {'breast': breast(0.1, 0.2)}},
                    'between visits': {'measures': {'breast': breast(0.5, 0.7)}}},
        'finding': {'positive': ['Sick'], 'negative': ['Healthy'], 'patients': 60, 'fewest': 30,
                    'roc': {'auc': share(0.6, 0.7, 0.8), 'n_positive': 30, 'n_negative': 30}},
        'audit': {'patients': 60, 'code': 'beats', 'verdict': 'It beats every control.'}}
    return dict(everything, **changes)


def verdicts(made):
    return [claim['verdict'] for claim in judge_claims(made)]


def test_a_site_with_all_the_evidence():
    claims = judge_claims(document())
    assert [claim['verdict'] for claim in claims] == [MAY] * 6 + [MAY_NOT, MAY_NOT, NOT_ASSESSED]
    assert all(claim[part].endswith('.') for claim in claims for part in ('claim', 'needed', 'found', 'step'))
    assert 'mIoU 0.700 (0.680 to 0.730), 60 pictures of 60 patients' in claims[OUTLINES]['found']


def test_cancer_and_accuracy_are_claimed_by_nobody():
    claims = judge_claims(document())[6:]
    assert 'cancer' in claims[0]['claim'] and 'accurate' in claims[1]['claim']


def test_what_is_missing_is_not_assessed_and_says_what_to_collect():
    bare = document(regions=None, landmarks=None, finding=None, audit=None, no_finding='No picture has a class.')
    bare['gate'] = {'front': {'n': 0, 'patients': 0}, 'side': {'n': 0, 'patients': 0}}
    bare['repeats'] = {kind: {'measures': {'breast': {'patients': 0}}} for kind in document()['repeats']}
    claims = judge_claims(bare)
    assert {claim['verdict'] for claim in claims[:6]} == {NOT_ASSESSED}
    assert all(any(letter.isdigit() for letter in claim['step']) for claim in claims[:6])


@pytest.mark.parametrize('place, changes, expected', [
    (OUTLINES, {'regions': {'all': {'miou': share(0.66, 0.7, 0.73), 'n': 60, 'patients': 60}}}, OPEN),
    (OUTLINES, {'regions': {'all': {'miou': share(0.55, 0.6, 0.65), 'n': 60, 'patients': 60}}}, MAY_NOT),
    (OUTLINES, {'regions': {'all': {'miou': share(0.68, 0.7, 0.73), 'n': 60, 'patients': 19}}}, OPEN),
    (OUTLINES, {'corrected': 5}, NOT_ASSESSED), (OUTLINES, {'reference_miou': None}, NOT_ASSESSED),
    (FINDING, {'pathology': False}, MAY_NOT), (FINDING, {'audit': None, 'no_audit': 'No audit.'}, MAY_NOT),
    (FINDING, {'audit': {'patients': 60, 'code': 'explained', 'verdict': 'A control does as well.'}}, MAY_NOT),
    (FINDING, {'audit': {'patients': 59, 'code': 'beats', 'verdict': 'It beats every control.'}}, MAY_NOT)])
def test_a_claim_falls_with_any_part_of_its_evidence(place, changes, expected):
    others = [one for number, one in enumerate(verdicts(document(**changes))) if number not in (place, NIPPLES)]
    assert verdicts(document(**changes))[place] == expected
    assert others == [one for number, one in enumerate(verdicts(document())) if number not in (place, NIPPLES)]


@pytest.mark.parametrize('figures, expected', [
    (breast(0.5, 0.7, 9), OPEN), (breast(0.6, 0.9, verdict='open'), OPEN),
    (breast(0.9, 1.2, verdict='exceeded'), MAY_NOT)])
def test_a_change_between_visits(figures, expected):
    made = document()
    made['repeats'] = copy.deepcopy(made['repeats'])
    made['repeats']['between visits']['measures']['breast'] = figures
    assert verdicts(made)[CHANGES] == expected


@pytest.mark.parametrize('changes', [
    {'simulated': True}, {'split': 'RESUBSTITUTION: 3 of 60 patients were in the training.'},
    {'split': 'NOT PATIENT-LEVEL: drawn by image.'}])
def test_patients_that_are_none_or_known_prove_nothing(changes):
    assert MAY not in verdicts(document(**changes))


def test_a_second_look_is_said():
    assert all('look 3 at these pictures' in claim['step']
               for claim in judge_claims(document(looks={'n': 3})) if claim['verdict'] == MAY)
