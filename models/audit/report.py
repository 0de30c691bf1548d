"""The report of an audit: lines for a terminal, a table in Markdown, and the files."""
import json
from pathlib import Path

from models.evaluation.report import whole_folder
from service.durable import atomic_write

from .plot import draw_plot
from .verdict import SHORT, figure

JSON_NAME, TABLE_NAME, PLOT_NAME = 'audit.json', 'audit.md', 'audit.svg'

_GROUPS = (('models', 'Models: torso only, skin-relative, marker left out'),
           ('controls', 'Controls: nothing of the skin pattern'),
           ('variants', 'The models with what they must not see'),
           ('checks', 'Check of the protocol: about 0.5'))


def to_json(report):
    """The report as text, with its keys in their order.

    Raises:
        ValueError: a NaN or infinity, which is not JSON.
    """
    return json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False) + '\n'


def terminal(report):
    """The report as a person reads it: several lines, the verdict first and last."""
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


def markdown(report):
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


def write_report(folder, report, force=False):
    """Write audit.json, audit.md and audit.svg; the folder appears whole, in the place of an earlier audit.

    Args:
        folder (Path): where to.
        report (dict): as `run_audit` gives it.
        force (bool): replace the folder whatever it holds.
    Raises:
        InputError: ``out-not-empty`` or ``out-is-file``.
        StorageError: the disk.
    """
    contents = {TABLE_NAME: markdown(report), PLOT_NAME: draw_plot(report), JSON_NAME: to_json(report)}
    with whole_folder(Path(folder), JSON_NAME, force) as place:
        for name, text in contents.items():
            atomic_write(place / name, text.encode('utf-8'))


def _regions_by(report):
    return 'Regions found by %(id)s %(version)s (%(hash).12s).' % report['bundle']


def _line(row):
    if row['auc'] is None:
        return row['note']
    point = row['sensitivity'], row['specificity']
    return 'AUC %s  sensitivity %s  specificity %s%s' % (
        (figure(row),) + tuple('%.2f (%d/%d)' % (one['value'], one['right'], one['n']) for one in point)
        + ('  ' + row['note'] if row['note'] else '',))


def _markdown_row(row, report):
    if row['auc'] is None:
        return '| %s | %d | %s | | | | %s |' % (row['name'], row['n'], row['note'], row['what'])
    first = next((model for model in report['models'] if 'minus' in model), {'minus': {}})
    gap = first['minus'].get(row['name'])
    cells = [row['name'], '%d' % row['n'], figure(row),
             '%+.3f (%+.3f to %+.3f)' % (gap['difference'], *gap['ci95']) if gap else '']
    cells += ['%d/%d: %.2f (%.2f to %.2f)' % (one['right'], one['n'], one['value'], *one['ci95'])
              for one in (row['sensitivity'], row['specificity'])]
    cells.append(row['what'] + (' (%s)' % row['note'] if row['note'] else ''))
    return '| %s |' % ' | '.join(cells)


def _first(report):
    return next((model['name'] for model in report['models'] if 'minus' in model), 'model')


def _added(added):
    return ('What the skin adds: %s and the picture controls in one table %.3f (%.3f to %.3f), the picture controls '
            'alone %.3f; difference %+.3f (%+.3f to %+.3f).'
            % (added['model'], added['both'], *added['both_ci95'], added['together'], added['difference'],
               *added['ci95']))
