"""Two benchmarks compared: regressions, noise, and differing conditions."""
import copy
import json

import numpy as np
import pytest
from click.testing import CliRunner

from jetson.bench.cli import bench
from jetson.bench.compare import WHOLE, compare_runs, differences, notes
from jetson.bench.record import write_document
from service.messages import InputError


def noisy(document, seed, **factors):
    """A copy with noise of 3 % on every stage, and stages longer by factors."""
    document = copy.deepcopy(document)
    random = np.random.RandomState(seed)
    for run in document['runs']:
        stages = run['samples']['stages_ms']
        for stage, values in stages.items():
            spread = random.normal(1, 0.03, len(values)) * factors.get(stage, 1.0)
            stages[stage] = [value * part for value, part in zip(values, spread)]
        run['samples']['end_to_end_ms'] = [sum(parts) for parts in zip(*stages.values())]
    return document


def found(before, after, threshold=0.1):
    return {(change.mode, change.stage): change for change in compare_runs(before, after, threshold)}


def test_a_slower_network_is_a_regression_of_itself_and_of_the_frame(sound):
    changes = found(noisy(sound, 1), noisy(sound, 2, infer=1.5))
    whole = changes['closed', WHOLE]
    assert whole.regression and whole.verdict == 'REGRESSION' and whole.share == pytest.approx(0.25, abs=0.03)
    assert whole.low_ms < whole.after_ms - whole.before_ms < whole.high_ms
    assert changes['closed', 'infer'].regression and not changes['closed', 'decode'].regression
    assert list(changes)[0] == ('closed', WHOLE)


def test_noise_is_no_regression(sound):
    changes = found(noisy(sound, 1), noisy(sound, 2), threshold=0.0001)
    assert not any(change.regression for change in changes.values() if change.stage == WHOLE)
    assert sum(change.verdict != 'no significant change' for change in changes.values()) <= 4


def test_threshold(sound):
    before, after = noisy(sound, 1), noisy(sound, 2, infer=1.1)
    assert not found(before, after, 0.1)['closed', WHOLE].regression
    assert found(before, after, 0.1)['closed', WHOLE].verdict == 'slower'
    assert found(before, after, 0.02)['closed', WHOLE].regression


def test_a_negligible_stage_is_no_regression(sound):
    for run in sound['runs']:
        run['samples']['stages_ms']['quality'] = [0.01] * run['n']
    assert not found(noisy(sound, 1), noisy(sound, 2, quality=5.0))['closed', 'quality'].regression


def test_faster(sound):
    assert found(noisy(sound, 1), noisy(sound, 2, infer=0.5))['closed', 'infer'].verdict == 'faster'


def test_a_stage_that_one_benchmark_lacks(sound):
    after = copy.deepcopy(sound)
    for run in after['runs']:
        del run['stages']['copy_in'], run['samples']['stages_ms']['copy_in']
    gone, new = found(sound, after)['closed', 'copy_in'], found(after, sound)['closed', 'copy_in']
    assert (gone.verdict, gone.share, new.verdict) == ('gone', None, 'new')


@pytest.mark.parametrize('section, key, value', [
    ('environment', 'board', 'another'), ('environment', 'power_mode', '5W'), ('environment', 'cores_allowed', 99),
    ('backend', 'name', 'onnxruntime'), ('backend', 'precision', 'fp32'), ('camera', 'width', 320)])
def test_differing_conditions_are_named(sound, section, key, value):
    after = copy.deepcopy(sound)
    assert differences(sound, after) == []
    after[section][key] = value
    assert len(differences(sound, after)) == 1 and str(value) in differences(sound, after)[0]


def test_notes(sound):
    after = copy.deepcopy(sound)
    assert notes(sound, after) == []
    after['bundle']['version'] = '2.0.0'
    after['environment']['versions']['opencv'] = '9'
    after['verdict'] = {'valid': False, 'reasons': [{'code': 'drift', 'sentence': 'x'}], 'remarks': []}
    said = notes(sound, after)
    assert len(said) == 3 and 'second measurement is not valid (drift)' in said[0] and 'stub 2.0.0' in said[1]


@pytest.fixture
def pair(sound, tmp_path):
    """Folders of a benchmark and of a slower one."""
    for name, document in (('a', noisy(sound, 1)), ('b', noisy(sound, 2, infer=1.5))):
        (tmp_path / name).mkdir()
        write_document(str(tmp_path / name), document)
    return str(tmp_path / 'a'), str(tmp_path / 'b')


def run(*arguments):
    return CliRunner().invoke(bench, ['compare'] + list(arguments))


def test_exit_codes(pair):
    slower, same = run(*pair), run(pair[0], pair[0])
    assert slower.exit_code == 1 and 'became slower by more than 10 %' in slower.output
    assert '| closed | infer      | REGRESSION' in slower.output
    assert same.exit_code == 0 and 'No regression above 10 %.' in same.output
    assert run(*(pair + ('--threshold', '60%'))).exit_code == 0


def test_json(pair):
    said = json.loads(run(*(pair + ('--json', '--threshold', '5'))).output)
    assert said['threshold'] == 0.05 and said['regressions'] >= 2 and said['changes'][0]['stage'] == WHOLE


def test_another_machine_is_refused_or_named_first(pair, sound, tmp_path):
    sound['environment']['board'] = 'another board'
    (tmp_path / 'c').mkdir()
    write_document(str(tmp_path / 'c'), sound)
    refused = run(pair[0], str(tmp_path / 'c'))
    assert isinstance(refused.exception, InputError) and refused.exception.code == 'compare-different'
    assert 'another board' in refused.exception.message.text and refused.output == ''
    anyway = run(pair[0], str(tmp_path / 'c'), '--anyway')
    assert anyway.output.startswith('NOT MEASURED UNDER THE SAME CONDITIONS') and 'another board' in anyway.output


def test_nothing_in_common(pair, sound, tmp_path):
    for only in sound['runs']:
        only['n'] = 0
    (tmp_path / 'c').mkdir()
    write_document(str(tmp_path / 'c'), sound)
    result = run(pair[0], str(tmp_path / 'c'))
    assert result.exception.code == 'compare-nothing'


@pytest.mark.parametrize('words', ['0', '-5', 'nan', 'much', '2000'])
def test_invalid_thresholds(pair, words):
    result = run(*(pair + ('--threshold', words)))
    assert result.exit_code == 2 and 'Error' in result.output
