"""The report of an audit: lines for a terminal, a table in Markdown, a plot, and the files."""
from pathlib import Path
from typing import Any, Dict

import matplotlib
from matplotlib.figure import Figure

from models.evaluation.plots import INK, STYLE, to_svg
from models.reports import to_json, whole_folder
from service.durable import atomic_write

from .comparison import SHORT, Row, figure

JSON_NAME, TABLE_NAME, PLOT_NAME = 'audit.json', 'audit.md', 'audit.svg'

_GROUPS = (('models', 'Models: torso only, skin-relative, marker left out'),
           ('controls', 'Controls: nothing of the skin pattern'),
           ('variants', 'The models with what they must not see'),
           ('checks', 'Check of the protocol: about 0.5'))

#: Colour and marker of each group in the plot, which differ without colour as well.
_MARKERS = {'models': ('#1f6fb4', 'o'), 'controls': ('#a4500a', 's'), 'variants': ('#66727d', 'D'),
            'checks': ('#66727d', 'x')}


def terminal(report: Dict[str, Any]) -> str:
    """The report as lines of a terminal, the verdict last."""
    lines = ['Warning: ' + warning for warning in report['warnings']] + [report['data'], _regions_by(report), '']
    width = max(len(row['name']) for group, _ in _GROUPS for row in report[group])
    for group, title in _GROUPS:
        lines += [title]
        lines += ['  %-*s  %s' % (width, row['name'], _line(row)) for row in report[group]]
    lines += ['', report['meaning']]
    if 'added' in report:
        lines += ['', _added(report['added'])]
    lines += ['', 'Verdict: ' + report['verdict']]
    lines += ['         %s: %s.' % (entry['model'], SHORT[entry['code']]) for entry in report['verdicts'][1:]]
    return '\n'.join(lines)


def markdown(report: Dict[str, Any]) -> str:
    """The report as a Markdown table with its verdict."""
    lines = ['# Confound audit', '', report['data'] + '. ' + _regions_by(report), '']
    lines += ['**Warning:** %s' % warning for warning in report['warnings']] + [''] * bool(report['warnings'])
    lines += ['**Verdict:** %s' % report['verdict'], '']
    lines += ['| input | n | AUC (95 %%) | %s | sensitivity (95 %%) | specificity (95 %%) | what |'
              % ('%s minus it (95 %%)' % _first(report)), '| --- | --- | --- | --- | --- | --- | --- |']
    for group, title in _GROUPS:
        lines += ['| **%s** | | | | | | |' % title.partition(':')[0]]
        lines += [_markdown_row(row, report) for row in report[group]]
    lines += ['', report['meaning'], '', 'Sensitivity and specificity: patients called by most repetitions, at the '
              'threshold that gives specificity %g within the training patients; Wilson intervals.'
              % report['protocol']['specificity']]
    if 'added' in report:
        lines += ['', _added(report['added'])]
    lines += [''] + ['- %s: %s.' % (entry['model'], SHORT[entry['code']]) for entry in report['verdicts'][1:]]
    return '\n'.join(lines) + '\n'


def draw_plot(report: Dict[str, Any]) -> str:
    """AUC and 95 % interval of every row that has one, on one axis, as SVG."""
    rows = [(row, *_MARKERS[group]) for group, _ in _GROUPS for row in report[group] if row['auc'] is not None]
    with matplotlib.rc_context(STYLE):
        plot = Figure(figsize=(7.2, 1.1 + 0.24 * len(rows)), layout='constrained')
        axes = plot.add_subplot()
        for place, (row, colour, shape) in enumerate(rows):
            axes.plot(row['auc_ci95'], [place, place], color=colour, linewidth=2)
            axes.plot(row['auc'], place, shape, color=colour, markersize=5)
        axes.axvline(0.5, color=INK, linewidth=0.8, linestyle=':')
        axes.set_yticks(range(len(rows)), [row['name'] for row, _, _ in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.02)  # room for half a marker
        axes.set_xlabel('AUC on held-out patients; bar: 95 %% over %d patients\ncircles: models, squares: controls'
                        % report['collection']['patients'])
        return to_svg(plot)


def write_report(folder: Path, report: Dict[str, Any], force: bool = False) -> None:
    """Write audit.json, audit.md and audit.svg; the folder appears whole, replacing an earlier audit.

    Args:
        folder: where to.
        report: as `run_audit` returns it.
        force: replace the folder whatever it holds.
    Raises:
        InputError: ``out-not-empty`` or ``out-is-file``.
        StorageError: the disk.
    """
    contents = {TABLE_NAME: markdown(report), PLOT_NAME: draw_plot(report), JSON_NAME: to_json(report)}
    with whole_folder(Path(folder), JSON_NAME, force) as place:
        for name, text in contents.items():
            atomic_write(place / name, text.encode('utf-8'))


def _regions_by(report: Dict[str, Any]) -> str:
    return 'Regions predicted by %(id)s %(version)s (%(hash).12s).' % report['bundle']


def _line(row: Row) -> str:
    if row['auc'] is None:
        return row['note']
    point = row['sensitivity'], row['specificity']
    return 'AUC %s  sensitivity %s  specificity %s%s' % (
        (figure(row),) + tuple('%.2f (%d/%d)' % (one['value'], one['right'], one['n']) for one in point)
        + ('  ' + row['note'] if row['note'] else '',))


def _markdown_row(row: Row, report: Dict[str, Any]) -> str:
    if row['auc'] is None:
        return '| %s | %d | %s | | | | %s |' % (row['name'], row['n'], row['note'], row['what'])
    gap = next((model['minus'] for model in report['models'] if 'minus' in model), {}).get(row['name'])
    cells = [row['name'], '%d' % row['n'], figure(row),
             '%+.3f (%+.3f to %+.3f)' % (gap['difference'], *gap['ci95']) if gap else '']
    cells += ['%d/%d: %.2f (%.2f to %.2f)' % (one['right'], one['n'], one['value'], *one['ci95'])
              for one in (row['sensitivity'], row['specificity'])]
    cells.append(row['what'] + (' (%s)' % row['note'] if row['note'] else ''))
    return '| %s |' % ' | '.join(cells)


def _first(report: Dict[str, Any]) -> str:
    return next((model['name'] for model in report['models'] if 'minus' in model), 'model')


def _added(added: Dict[str, Any]) -> str:
    return ('What the skin adds: %s and the picture controls in one table %.3f (%.3f to %.3f), the picture controls '
            'alone %.3f; difference %+.3f (%+.3f to %+.3f).'
            % (added['model'], added['both'], *added['both_ci95'], added['together'], added['difference'],
               *added['ci95']))
