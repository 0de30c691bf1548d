"""The coefficients file: made again from figures and tables, and its error table counted again."""
import json

import numpy as np
import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')
pytest.importorskip('scipy', reason='scipy is not installed: this is the device half')

from click.testing import CliRunner  # noqa: E402

from export.predict.fit import (  # noqa: E402
    BOUNDS,
    by_measure,
    by_source,
    cross_validate,
    fit_coefficients,
    fit_enqueue,
    main,
    mean_family_error,
    prediction_errors,
    summarise,
)
from export.predict.latency import fit_document, load_model  # noqa: E402
from export.predict.published import figures, not_used, tables  # noqa: E402

_OUTSIDE = [one for one in figures() if one.source.role == 'left out']


@pytest.fixture(scope='module')
def again(tmp_path_factory):
    """The file as the command writes it today, and what it prints."""
    path = tmp_path_factory.mktemp('fit') / 'coefficients.json'
    result = CliRunner().invoke(main, ['--out', str(path)])
    assert result.exit_code == 0, result.output
    return json.loads(path.read_text()), result.output


def test_refit_gives_the_same_numbers(again):
    found, stored = again[0], fit_document()
    assert found['form'] == stored['form']
    # Another BLAS may differ in late digits.
    assert found['coefficients'] == pytest.approx(stored['coefficients'], rel=1e-3)
    assert [row['predicted_ms'] for row in found['left_out']['rows']] == pytest.approx(
        [row['predicted_ms'] for row in stored['left_out']['rows']], rel=1e-3)
    for precision in ('fp32', 'fp16'):
        assert found['build'][precision] == pytest.approx(stored['build'][precision], rel=0.01)


def test_error_table_is_what_the_model_gives():
    rows = prediction_errors(load_model(), _OUTSIDE)
    stored = fit_document()['left_out']
    assert [row['error_percent'] for row in rows] == pytest.approx(
        [row['error_percent'] for row in stored['rows']], abs=0.02)
    errors = np.abs([100 * (row['predicted_ms'] / row['published_ms'] - 1) for row in rows])
    assert stored['median_percent'] == pytest.approx(np.median(errors), abs=0.06)
    assert stored['worst_percent'] == pytest.approx(errors.max(), abs=0.06)
    assert (stored['n'], stored['by_source'].keys()) == (len(_OUTSIDE), by_source(rows).keys())


def test_median_error_of_calls_on_sources_left_out_is_within_the_aim():
    left = fit_document()['left_out']
    assert left['by_measure']['caller']['median_percent'] <= 15
    assert left['by_measure'] == by_measure(left['rows'], _OUTSIDE)
    # Whole programs do more than the network.
    assert left['by_measure']['program']['faster'] > 1


def test_only_times_of_the_gpu_are_fitted():
    assert {one.source.measures for one in figures() if one.source.role == 'fit'} == {'gpu'}
    assert all(one.source.measures in ('gpu', 'caller', 'program') for one in _OUTSIDE)


def test_no_source_is_both_fitted_and_left_out():
    fitted, outside = fit_document()['fitted']['by_source'], fit_document()['left_out']['by_source']
    assert not set(fitted) & set(outside)
    assert {name: source['role'] for name, source in fit_document()['sources'].items()} == {
        **dict.fromkeys(fitted, 'fit'), **dict.fromkeys(outside, 'left out')}


def test_left_out_figures_do_not_move_the_fit():
    inside = [one for one in figures() if one.source.role == 'fit']
    assert vars(fit_coefficients(inside, load_model().form)) == pytest.approx(vars(load_model().coefficients), rel=1e-3)


def test_form_carries_over_best_of_those_compared():
    forms = {name: entry['mean_error_of_families_left_out'] for name, entry in fit_document()['forms'].items()}
    assert forms[fit_document()['form']['name']] == min(forms.values())
    inside = [one for one in figures() if one.source.role == 'fit']
    found = cross_validate(inside, load_model().form)
    assert mean_family_error(found) == pytest.approx(min(forms.values()), abs=0.002)
    assert set(found) == {one.family for one in inside}


def test_coefficients_keep_their_bounds():
    for name, value in fit_document()['coefficients'].items():
        _, low, high = BOUNDS[name]
        assert low <= value <= high
        assert (name in fit_document()['at_their_bound']) == (min(value / low, high / value) < 1.001)


def test_intervals_hold_every_figure_left_out():
    found = fit_document()['left_out']
    ratios = [row['published_ms'] / row['predicted_ms'] for row in found['rows']]
    assert found['faster'] == pytest.approx(min(ratios), abs=1e-3)
    assert found['slower'] == pytest.approx(max(ratios), abs=1e-3)


def test_page_prints_the_error(again):
    left = fit_document()['left_out']
    assert 'Left out: n %(n)d, median %(median_percent).1f %%, worst %(worst_percent).1f %%' % left in again[1]
    assert all(source in again[1] for source in fit_document()['sources'])


def test_every_figure_has_its_network_and_every_absence_a_reason():
    assert {one.graph for one in figures()} <= set(tables())
    assert set(tables()) == {one.graph for one in figures()}
    assert all(entry['why'] and entry['what'] and entry['source'] for entry in not_used())
    assert all(0 < one.ms < 1000 and one.precision in ('fp32', 'fp16') for one in figures())


def test_summary_by_hand():
    rows = [{'source': 'a', 'published_ms': 10.0, 'predicted_ms': predicted, 'error_percent': 10 * predicted - 100}
            for predicted in (8.0, 11.0, 20.0)]
    assert summarise(rows) == {'n': 3, 'median_percent': 20.0, 'worst_percent': 100.0, 'faster': 0.5, 'slower': 1.25}
    assert by_source(rows) == {'a': summarise(rows)}


def test_enqueue_leaves_runs_out_that_wait_for_themselves():
    inside = [one for one in figures() if one.source.role == 'fit']
    found = fit_enqueue(inside)
    quiet = [one for one in inside if 'enqueue_ms' in one.more and one.more['enqueue_ms'] < 0.5 * one.ms]
    assert found['n'] == len(quiet) < sum('enqueue_ms' in one.more for one in inside)
    assert found['lowest'] < found['us_per_layer'] < found['highest']
    assert fit_document()['copies']['h2d']['gb_s'] == pytest.approx(10.2, abs=0.3)
