"""What a manifest states of a variant's answers."""
import pytest

from jetson.bench.accuracy import miou_change, parity_problem, stated_parity

GOOD = {'frames': 24, 'max_abs_error': 0.001, 'label_agreement': 0.9999, 'not_finite': 0, 'miou_change': -0.0005,
        'finding_error': 0.001}


def test_the_worst_of_several_sets_counts():
    parity = {'reference': 'fp32', 'frames': {'phantoms': GOOD, 'volunteers': dict(GOOD, miou_change=-0.002)}}
    assert len(stated_parity(parity)) == 2 and miou_change(parity) == -0.002
    assert parity_problem(parity, 'fp16') == ''


@pytest.mark.parametrize('change', [{'not_finite': 3}, {'label_agreement': 0.4}, {'miou_change': -0.2},
                                    {'label_agreement': float('nan')}])
@pytest.mark.parametrize('precision', ['fp32', 'fp16', 'int8'])
def test_what_its_own_manifest_speaks_against_is_not_used(change, precision):
    said = parity_problem({'frames': {'phantoms': GOOD, 'more': dict(GOOD, **change)}}, precision)
    assert said.startswith('By its own manifest: The %s model' % precision) and 'not written' not in said


@pytest.mark.parametrize('parity', [{}, {'frames': 'many'}, {'frames': {'phantoms': 3}}, {'frames': {'phantoms': {}}},
                                    {'frames': {'phantoms': dict(GOOD, label_agreement='fine')}},
                                    {'frames': {'phantoms': dict(GOOD, not_finite=True)}}])
def test_figures_of_another_kind_are_left_alone(parity):
    assert stated_parity(parity) == [] and miou_change(parity) is None and parity_problem(parity, 'fp16') == ''
