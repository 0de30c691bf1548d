"""Every backend and precision, and the accuracy that a manifest states of them."""
from types import SimpleNamespace

import pytest

from jetson.bench import variants as module
from jetson.bench.variants import measure_variants, miou_change, parity_problem, stated_parity
from tests.jetson.bench.stubs import settings

GOOD = {'frames': 24, 'max_abs_error': 0.001, 'label_agreement': 0.9999, 'not_finite': 0, 'miou_change': -0.0005,
        'finding_error': 0.001}


def test_the_worst_of_several_sets_counts():
    parity = {'reference': 'fp32', 'frames': {'phantoms': GOOD, 'volunteers': dict(GOOD, miou_change=-0.002)}}
    assert len(stated_parity(parity)) == 2 and miou_change(parity) == -0.002
    assert parity_problem(parity, 'fp16') == ''


@pytest.mark.parametrize('change', [{'not_finite': 3}, {'label_agreement': 0.4}, {'miou_change': -0.2},
                                    {'label_agreement': float('nan')}])
@pytest.mark.parametrize('precision', ['fp32', 'fp16', 'int8'])
def test_a_bad_stated_parity_excludes_a_variant(change, precision):
    said = parity_problem({'frames': {'phantoms': GOOD, 'more': dict(GOOD, **change)}}, precision)
    assert said.startswith('According to its manifest: The %s model' % precision) and 'not written' not in said


@pytest.mark.parametrize('parity', [{}, {'frames': 'many'}, {'frames': {'phantoms': 3}}, {'frames': {'phantoms': {}}},
                                    {'frames': {'phantoms': dict(GOOD, label_agreement='fine')}},
                                    {'frames': {'phantoms': dict(GOOD, not_finite=True)}}])
def test_other_figures_are_ignored(parity):
    assert stated_parity(parity) == [] and miou_change(parity) is None and parity_problem(parity, 'fp16') == ''


def test_variants_are_measured_as_for_a_choice_and_keep_every_time(monkeypatch):
    bundle, progress = SimpleNamespace(classifier=None), []
    rows = [{'name': 'a:fp32', 'variant': 'fp32', 'precision': 'fp32', 'excluded': ''},
            {'name': 'a:fp16', 'variant': 'fp16', 'precision': 'fp16', 'excluded': 'No.'},
            {'name': 'b:fp16', 'variant': 'fp16', 'precision': 'fp16', 'excluded': ''}]
    bad = {'frames': {'phantoms': {'frames': 24, 'max_abs_error': 0.001, 'label_agreement': 0.5, 'not_finite': 0}}}

    def measure(bundle, candidates, given, rounds, threads, progress, samples):
        assert (candidates, given, rounds) == (['offered'], ['feed'] * 10, 7)
        progress('a:fp32, round 1 of 7')
        samples.update({'a:fp32': [1.0, 2.0], 'a:fp16': [], 'b:fp16': [3.0]})
        return rows

    def offered(bundle, runtime):
        assert (runtime.backend, runtime.precision) == ('auto', 'auto'), 'every one, whatever the settings choose'
        bundle.variants = {'fp32': SimpleNamespace(parity={'of': 'fp32'}), 'fp16': SimpleNamespace(parity=bad)}
        return ['offered']

    monkeypatch.setattr(module, 'measure', measure)
    monkeypatch.setattr(module, 'every_candidate', offered)
    monkeypatch.setattr(module, 'feeds', lambda bundle, count: ['feed'] * (count + 1))
    found = measure_variants(bundle, settings(), 9, 7, progress.append)
    assert progress == ['a:fp32, round 1 of 7']
    assert found[0] == dict(rows[0], samples_ms=[1.0, 2.0], parity={'of': 'fp32'})
    assert found[1]['excluded'] == 'No.' and found[2]['samples_ms'] == [3.0]
    assert found[2]['excluded'].startswith('According to its manifest: The fp16 model does not give the answers')
