"""``python -m export.predict.fit``: the coefficients, with their own error on figures that were left out."""
import json
from pathlib import Path

import click
import numpy as np

from service.durable import atomic_write

from .coefficients import FILE
from .fit_build import fit_build
from .judge import Model, by_source, judge, summarise
from .published import figures, not_used
from .roofline import MEANINGS, NAMES, to_dict
from .solve import BOUNDS, FORMS, carried_error, cross_validate, solve

#: Above this share of GPU time a run waits for its own layers, and its enqueue time tells nothing.
_BLOCKING = 0.5


@click.command()
@click.option('--out', required=True, type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Receives the coefficients, such as %s.' % FILE.name)
def main(out):
    """Fit the roofline to published figures and judge it on sources that are left out.

    The same figures and tables give the same file, byte for byte.

    \b
    Example:
      python -m export.predict.fit --out build/coefficients.json
    """
    document = make()
    atomic_write(out, (json.dumps(document, indent=1) + '\n').encode('utf-8'))
    click.echo(describe(document))


def make():
    """The coefficients file (dict)."""
    everything = figures()
    inside = [figure for figure in everything if figure.source.role == 'fit']
    outside = [figure for figure in everything if figure.source.role != 'fit']
    carried = {name: cross_validate(inside, form) for name, form in FORMS.items()}
    name = min(FORMS, key=lambda entry: round(carried_error(carried[entry]), 3))
    form, enqueue = FORMS[name], fit_enqueue(inside)
    coefficients = solve(inside, form)
    model = Model(coefficients, form, enqueue['us_per_layer'])
    rows = judge(model, outside)
    return {
        'about': 'Jetson Nano 4 GB, MAXN, batch 1, TensorRT; made by python -m export.predict.fit',
        'form': {'name': name, **vars(form)},
        'coefficients': to_dict(coefficients),
        'meanings': {key: '%s: %s' % MEANINGS[key] for key in NAMES},
        'at_their_bound': [key for key in NAMES if _is_at_bound(key, getattr(coefficients, key))],
        'enqueue': enqueue,
        'copies': fit_copies(inside),
        'build': fit_build([figure for figure in inside if figure.source.name == 'nobuo'], coefficients, form),
        'sources': {source.name: vars(source) for source in dict.fromkeys(figure.source for figure in everything)},
        'not_used': not_used(),
        'forms': {entry: {'mean_error_of_families_left_out': round(carried_error(errors), 3),
                          'families': {family: round(error, 3) for family, error in errors.items()}}
                  for entry, errors in carried.items()},
        'fitted': dict(summarise(judge(model, inside)), by_source=by_source(judge(model, inside))),
        # Some were published twice, for a network whose kernels are the same.
        'left_out': dict(summarise(rows), distinct=summarise(distinct(rows)), by_source=by_source(rows), rows=rows),
        'each_source_left_out': leave_each_out(everything, form),
    }


def fit_enqueue(inside):
    """Processor time to hand over one layer, from runs that do not wait for themselves."""
    found = [1e3 * figure.more['enqueue_ms'] / figure.more['layers'] for figure in inside
             if 'enqueue_ms' in figure.more and figure.more['enqueue_ms'] < _BLOCKING * figure.ms]
    return {'us_per_layer': round(float(np.median(found)), 2), 'lowest': round(min(found), 2),
            'highest': round(max(found), 2), 'n': len(found)}


def fit_copies(inside):
    """Bandwidth of copies between processor and GPU through pinned memory, and what the smallest one costs."""
    found = {'floor_ms': 0.008}
    for way, size in (('h2d', 'in_bytes'), ('d2h', 'out_bytes')):
        rates = [figure.more[size] / figure.more['%s_ms' % way] / 1e6 for figure in inside
                 if figure.more.get(size, 0) > 100_000]
        found[way] = {'gb_s': round(float(np.median(rates)), 2), 'lowest': round(min(rates), 2),
                      'highest': round(max(rates), 2), 'n': len(rates)}
    return found


def distinct(rows):
    """One row for each source, graph and precision."""
    return list({(row['source'], row['graph'], row['precision']): row for row in rows}.values())


def leave_each_out(everything, form):
    """Every source judged by a fit to all others: name to summary, and ``'together'`` for all their figures."""
    found, rows = {}, []
    for name in dict.fromkeys(figure.source.name for figure in everything):
        rest = [figure for figure in everything if figure.source.name != name]
        enqueue = fit_enqueue(rest)['us_per_layer'] if name != 'nobuo' else 0.0
        judged = judge(Model(solve(rest, form), form, enqueue),
                       [figure for figure in everything if figure.source.name == name])
        found[name] = summarise(judged)
        rows += judged
    return dict(found, together=summarise(rows))


def describe(document):
    """The error table as text."""
    left = document['left_out']
    lines = ['Form: %s (mean error of families left out %.3f)' % (
        document['form']['name'], document['forms'][document['form']['name']]['mean_error_of_families_left_out'])]
    lines += ['  %-20s %10.4g  %s' % (key, value, document['meanings'][key])
              for key, value in document['coefficients'].items()]
    lines += ['%-14s %-22s %-10s %10s %10s %8s' % ('source', 'graph', 'precision', 'published', 'predicted', 'error')]
    lines += ['%(source)-14s %(graph)-22s %(precision)-10s %(published_ms)7.1f ms %(predicted_ms)7.1f ms '
              '%(error_percent)+6.1f %%' % row for row in left['rows']]
    lines += ['Left out: n %(n)d, median %(median_percent).1f %%, worst %(worst_percent).1f %%' % left,
              'Distinct among them: n %(n)d, median %(median_percent).1f %%' % left['distinct']]
    lines += ['  %s: n %d, median %.1f %%, worst %.1f %%' % (name, found['n'], found['median_percent'],
                                                             found['worst_percent'])
              for name, found in left['by_source'].items()]
    lines += ['Each source left out in turn:'] + [
        '  %s: n %d, median %.1f %%, worst %.1f %%' % (name, found['n'], found['median_percent'],
                                                       found['worst_percent'])
        for name, found in document['each_source_left_out'].items()]
    return '\n'.join(lines)


def _is_at_bound(name, value):
    _, low, high = BOUNDS[name]
    return bool(np.isclose(value, low, rtol=1e-3) or np.isclose(value, high, rtol=1e-3))


if __name__ == '__main__':
    main()
