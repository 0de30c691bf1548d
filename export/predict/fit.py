"""``python -m export.predict.fit``: the coefficients, with their error on figures that were left out.

Forms are compared within the fitted sources only, by families left out in turn; `coefficients.json` has the errors.
Fitted sources state the precision and the time of the GPU alone.
"""
import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence

import click
import numpy as np
from scipy.optimize import least_squares, nnls

from service.durable import atomic_write

from .kernel import count_layers
from .latency import COEFFICIENTS, build_features, ranges_of
from .published import Figure, figures, not_used, tables
from .roofline import (
    MEANINGS,
    Coefficients,
    Form,
    KernelArrays,
    LatencyModel,
    kernel_times,
    names_of,
    to_dict,
)

#: Name of a coefficient to (start of the search, lowest, highest). The limits are physical: no share above one, no
#: bandwidth above the 25.6 GB/s of the memory, no FP16 gain beyond two.
BOUNDS = {
    'efficiency': (0.7, 0.3, 1.0), 'fp16_gain': (1.7, 1.0, 2.0), 'fp16_gain_separable': (1.1, 1.0, 2.0),
    'winograd_channels': (60.0, 2.0, 600.0), 'bandwidth': (18.0, 8.0, 25.6), 'depthwise_bandwidth': (8.0, 1.0, 25.6),
    'launch': (6.0, 0.5, 40.0), 'resize': (1.5, 0.1, 10.0), 'nms': (2.0, 0.05, 20.0),
    'shallow_products': (20.0, 0.1, 500.0), 'strided_efficiency': (0.9, 0.3, 1.2),
    'depthwise_launch': (10.0, 0.5, 80.0), 'depthwise_efficiency': (0.1, 0.005, 1.0)}

_TILED = Form(128, True, False)
_POINTWISE = replace(_TILED, rows=32, narrow_pointwise=True)

#: Forms that were compared, the plainest first; the first of those that generalise best is used.
FORMS = {
    'plain': Form(1, False, True),
    'tiles of 128': Form(128, False, True),
    'tiles of 64, Winograd, depthwise in FP32': Form(64, True, False),
    'tiles of 128, Winograd, depthwise in FP32': _TILED,
    'with tiles of 32 pixels': replace(_TILED, rows=32),
    'with tiles of 32 pixels, 1x1': _POINTWISE,
    'with tiles of 32 pixels, 1x1, depthwise launch': replace(_POINTWISE, depthwise_launch=True),
    'with tiles of 32 pixels, 1x1, depthwise arithmetic': replace(_POINTWISE, depthwise_arithmetic=True),
    'with tiles of 32 pixels, 1x1, strided': replace(_POINTWISE, strided=True),
    'with tiles of 32 pixels, 1x1, shallow': replace(_POINTWISE, shallow=True),
    'with tiles of 32 pixels, 1x1, shallow, strided': replace(_POINTWISE, shallow=True, strided=True),
    'with all of these and depthwise launch': replace(_POINTWISE, shallow=True, strided=True, depthwise_launch=True),
    'with all of these and depthwise arithmetic': replace(_POINTWISE, shallow=True, strided=True,
                                                          depthwise_arithmetic=True),
}

#: Pull of every logarithm towards its start, so that what the data does not determine stays there.
_PULL = 0.03
#: Logarithmic error from which on a row counts less and less.
_SCALE = 0.1
#: Above this share of GPU time a run waits for its own layers, and its enqueue time says nothing.
_BLOCKING = 0.5


@click.command()
@click.option('--out', required=True, type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Receives the coefficients, such as %s.' % COEFFICIENTS.name)
def main(out: Path) -> None:
    """Fit the roofline to published figures and test it on sources that are left out.

    The same figures and tables give the same file, byte for byte.

    \b
    Example:
      python -m export.predict.fit --out build/coefficients.json
    """
    document = fit_everything()
    atomic_write(out, (json.dumps(document, indent=1) + '\n').encode('utf-8'))
    click.echo(describe(document))


def fit_everything() -> Dict[str, Any]:
    """The coefficients file."""
    everything = figures()
    fitted = [figure for figure in everything if figure.source.role == 'fit']
    left_out = [figure for figure in everything if figure.source.role != 'fit']
    family_errors = {name: cross_validate(fitted, form) for name, form in FORMS.items()}
    name = min(FORMS, key=lambda entry: round(mean_family_error(family_errors[entry]), 3))
    form, enqueue = FORMS[name], fit_enqueue(fitted)
    names = names_of(form)
    coefficients = fit_coefficients(fitted, form)
    model = LatencyModel(coefficients, form, enqueue['us_per_layer'])
    rows = prediction_errors(model, left_out)
    fitted_rows = prediction_errors(model, fitted)
    return {
        'about': 'Jetson Nano 4 GB, MAXN, batch 1, TensorRT; made by python -m export.predict.fit',
        'form': {'name': name, **vars(form)},
        'coefficients': to_dict(coefficients, names),
        'meanings': {key: '%s: %s' % MEANINGS[key] for key in names},
        'at_their_bound': [key for key in names if _is_at_bound(key, getattr(coefficients, key))],
        'seen': ranges_of(table['kernels'] for name, table in tables().items()
                          if name in {figure.graph for figure in fitted}),
        'enqueue': enqueue,
        'copies': fit_copies(fitted),
        'build': fit_build([figure for figure in fitted if figure.source.name == 'nobuo'], coefficients, form),
        'sources': {source.name: vars(source) for source in dict.fromkeys(figure.source for figure in everything)},
        'not_used': not_used(),
        'forms': {entry: {'mean_error_of_families_left_out': round(mean_family_error(errors), 3),
                          'families': {family: round(error, 3) for family, error in errors.items()}}
                  for entry, errors in family_errors.items()},
        'fitted': dict(summarise(fitted_rows), by_source=by_source(fitted_rows)),
        # Some figures were published twice, for networks whose kernels are the same.
        'left_out': dict(summarise(rows), distinct=summarise(distinct(rows)), by_source=by_source(rows),
                         by_measure=by_measure(rows, left_out), rows=rows),
        'each_source_left_out': leave_each_out(everything, form),
    }


# -- the roofline


def fit_coefficients(figures: Sequence[Figure], form: Form) -> Coefficients:
    """Coefficients that fit GPU times best; deterministic.

    Every family of networks has the same weight, however many of its members were published.
    """
    names = names_of(form)
    start, low, high = np.log(np.array([BOUNDS[name] for name in names])).T
    families = [figure.family for figure in figures]
    weights = np.array([1 / np.sqrt(families.count(family)) for family in families])
    published = np.array([figure.ms for figure in figures])
    networks = [_arrays_of(figure.graph) for figure in figures]
    ends = np.cumsum([0] + [len(network.kinds) for network in networks])[:-1]
    joined = KernelArrays.joined(networks)
    precisions = np.concatenate([np.full(len(network.kinds), figure.precision)
                                 for network, figure in zip(networks, figures)])

    def named(values):
        return Coefficients(**{name: float(value) for name, value in zip(names, np.exp(values))})

    def residuals(values):
        times = kernel_times(joined, named(values), form, precisions)
        predicted = np.add.reduceat(times.each * times.count, ends)
        return np.concatenate([weights * np.log(predicted / published), _PULL * (values - start)])

    solution = least_squares(residuals, start, bounds=(low, high + 1e-12), loss='soft_l1', f_scale=_SCALE)
    return named(solution.x)


def cross_validate(figures: Sequence[Figure], form: Form) -> Dict[str, float]:
    """Error of a form on families that it was not fitted to.

    Returns:
        Mean logarithmic error by family; positive where predictions are too slow.
    """
    errors = {}
    for family in sorted({figure.family for figure in figures}):
        members = [figure for figure in figures if figure.family == family]
        coefficients = fit_coefficients([figure for figure in figures if figure.family != family], form)
        errors[family] = float(np.mean([np.log(_gpu_ms(coefficients, form, figure) / figure.ms)
                                        for figure in members]))
    return errors


def mean_family_error(errors: Dict[str, float]) -> float:
    """Mean absolute logarithmic error of the families of `cross_validate`."""
    return float(np.mean(np.abs(list(errors.values()))))


# -- enqueueing, copies and builds


def fit_enqueue(figures: Iterable[Figure]) -> Dict[str, float]:
    """Processor time to hand over one layer, from runs that do not wait for their own layers."""
    times_us = [1e3 * figure.more['enqueue_ms'] / figure.more['layers'] for figure in figures
                if 'enqueue_ms' in figure.more and figure.more['enqueue_ms'] < _BLOCKING * figure.ms]
    return {'us_per_layer': round(float(np.median(times_us)), 2), 'lowest': round(min(times_us), 2),
            'highest': round(max(times_us), 2), 'n': len(times_us)}


def fit_copies(figures: Sequence[Figure]) -> Dict[str, Any]:
    """Bandwidth of copies between processor and GPU through pinned memory, and the cost of the smallest one."""
    copies: Dict[str, Any] = {'floor_ms': 0.008}
    for way, size in (('h2d', 'in_bytes'), ('d2h', 'out_bytes')):
        rates = [figure.more[size] / figure.more['%s_ms' % way] / 1e6 for figure in figures
                 if figure.more.get(size, 0) > 100_000]
        copies[way] = {'gb_s': round(float(np.median(rates)), 2), 'lowest': round(min(rates), 2),
                       'highest': round(max(rates), 2), 'n': len(rates)}
    return copies


def fit_build(figures: Sequence[Figure], coefficients: Coefficients, form: Form) -> Dict[str, Dict[str, float]]:
    """Seconds per distinct kernel, and seconds per millisecond of one run of each, by precision.

    Args:
        figures: with ``build_s``.
        coefficients, form: of the roofline.

    Returns:
        ``{'s_per_kernel', 's_per_ms', 'n', 'faster', 'slower'}`` by precision. The last two are the smallest and the
        largest ratio of a published build to its prediction by a fit without its family.
    """
    return {precision: _fit_build([figure for figure in figures if figure.precision == precision], coefficients, form)
            for precision in ('fp32', 'fp16')}


def _fit_build(figures, coefficients, form):
    rows = np.array([build_features(tables()[figure.graph]['kernels'], coefficients, form, figure.precision)
                     for figure in figures])
    seconds = np.array([figure.more['build_s'] for figure in figures])
    families = np.array([figure.family for figure in figures])
    ratios = []
    for family in sorted(set(families)):
        inside = families == family
        solution = _solve_build(rows[~inside], seconds[~inside], families[~inside])
        ratios += list(seconds[inside] / (rows[inside] @ solution))
    per_kernel, per_ms = _solve_build(rows, seconds, families)
    return {'s_per_kernel': _short(per_kernel), 's_per_ms': _short(per_ms), 'n': len(figures),
            'faster': _short(min(ratios)), 'slower': _short(max(ratios))}


def _solve_build(rows, seconds, families):
    """Minimise relative errors; every family has the same weight."""
    weights = 1 / np.sqrt([np.sum(families == family) for family in families])
    return nnls(rows / seconds[:, None] * weights[:, None], weights)[0]


# -- errors of predictions


def prediction_errors(model: LatencyModel, figures: Iterable[Figure]) -> List[Dict[str, Any]]:
    """Predictions of published figures.

    Returns:
        Rows with ``source``, ``graph``, ``precision``, ``published_ms``, ``predicted_ms`` and ``error_percent`` (of the
        published figure; positive where the prediction is too slow).
    """
    rows = []
    for figure in figures:
        predicted = _gpu_ms(model.coefficients, model.form, figure)
        # What a caller waits for may be determined by the processor.
        if figure.source.measures != 'gpu':
            predicted = max(predicted, model.enqueue_us * 1e-3 * count_layers(tables()[figure.graph]['kernels']))
        rows.append({'source': figure.source.name, 'graph': figure.graph, 'precision': figure.precision,
                     'published_ms': round(figure.ms, 3), 'predicted_ms': round(predicted, 3),
                     'error_percent': round(100 * (predicted / figure.ms - 1), 2)})
    return rows


def summarise(rows: Sequence[Dict[str, Any]]) -> Dict[str, Any]:
    """Errors in a few numbers.

    Returns:
        ``n``; ``median_percent`` and ``worst_percent`` of the absolute errors; ``slower`` and ``faster``: the largest
        and the smallest ratio of a published time to its prediction, so that a prediction times each gives a range that
        contains every one of these figures.
    """
    errors = np.abs([row['error_percent'] for row in rows])
    ratios = [row['published_ms'] / row['predicted_ms'] for row in rows]
    return {'n': len(rows), 'median_percent': round(float(np.median(errors)), 1),
            'worst_percent': round(float(errors.max()), 1), 'faster': round(float(min(ratios)), 3),
            'slower': round(float(max(ratios)), 3)}


def by_source(rows: Sequence[Dict[str, Any]]) -> Dict[str, Dict[str, Any]]:
    """Summary by the name of the source, in the order of the rows."""
    names = dict.fromkeys(row['source'] for row in rows)
    return {name: summarise([row for row in rows if row['source'] == name]) for name in names}


def by_measure(rows: Sequence[Dict[str, Any]], figures: Iterable[Figure]) -> Dict[str, Dict[str, Any]]:
    """Summary by what the published times are of (`Source.measures`)."""
    measures = {figure.source.name: figure.source.measures for figure in figures}
    return {name: summarise([row for row in rows if measures[row['source']] == name])
            for name in dict.fromkeys(measures.values())}


def distinct(rows: Iterable[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """One row for each source, graph and precision."""
    return list({(row['source'], row['graph'], row['precision']): row for row in rows}.values())


def leave_each_out(everything: Sequence[Figure], form: Form) -> Dict[str, Dict[str, Any]]:
    """Summary of every source as predicted by a fit to all others, and ``'together'`` for all their figures.

    Times of whole programs are predicted, but never fitted.
    """
    summaries, rows = {}, []
    for name in dict.fromkeys(figure.source.name for figure in everything):
        rest = [figure for figure in everything
                if figure.source.name != name and figure.source.measures != 'program']
        enqueue_us = fit_enqueue(rest)['us_per_layer'] if name != 'nobuo' else 0.0
        source_rows = prediction_errors(LatencyModel(fit_coefficients(rest, form), form, enqueue_us),
                                        [figure for figure in everything if figure.source.name == name])
        summaries[name] = summarise(source_rows)
        rows += source_rows
    return dict(summaries, together=summarise(rows))


def describe(document: Dict[str, Any]) -> str:
    """The error table as text."""
    left = document['left_out']
    lines = ['Form: %s (mean error of families left out %.3f)' % (
        document['form']['name'], document['forms'][document['form']['name']]['mean_error_of_families_left_out'])]
    lines += ['  %-20s %10.4g  %s' % (key, value, document['meanings'][key])
              for key, value in document['coefficients'].items()]
    lines += ['%-22s %-26s %-10s %10s %10s %8s' % ('source', 'graph', 'precision', 'published', 'predicted', 'error')]
    lines += ['%(source)-22s %(graph)-26s %(precision)-10s %(published_ms)7.1f ms %(predicted_ms)7.1f ms '
              '%(error_percent)+6.1f %%' % row for row in left['rows']]
    lines += ['Left out: n %(n)d, median %(median_percent).1f %%, worst %(worst_percent).1f %%' % left,
              'Distinct among them: n %(n)d, median %(median_percent).1f %%' % left['distinct']]
    lines += _source_lines(left['by_source']) + ['By what was timed:'] + _source_lines(left['by_measure'])
    return '\n'.join(lines + ['Each source left out in turn:'] + _source_lines(document['each_source_left_out']))


def _source_lines(summaries):
    return ['  %s: n %d, median %.1f %%, worst %.1f %%' % (name, summary['n'], summary['median_percent'],
                                                           summary['worst_percent'])
            for name, summary in summaries.items()]


@functools.lru_cache(maxsize=None)
def _arrays_of(graph):
    return KernelArrays.of_kernels(tables()[graph]['kernels'])


def _gpu_ms(coefficients, form, figure):
    return kernel_times(_arrays_of(figure.graph), coefficients, form, figure.precision).total


def _is_at_bound(name, value):
    _, low, high = BOUNDS[name]
    return bool(np.isclose(value, low, rtol=1e-3) or np.isclose(value, high, rtol=1e-3))


def _short(value):
    return float('%.4g' % value)


if __name__ == '__main__':
    main()
