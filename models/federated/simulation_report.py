"""A simulated federation as a table and as a picture, from its own figures."""
import io
from typing import Any, Dict, List

import matplotlib
from matplotlib.figure import Figure

from ..evaluation.plots import FAINT, INK, STYLE

#: One colour a way; they differ in brightness too.
_COLOURS = ('#66727d', '#12171c', '#7fb7e6', '#2f7fc1', '#124a7d', '#1d8a54', '#e0a24f', '#c0561a', '#7a2d0c')


def table(report: Dict[str, Any]) -> str:
    """Every way by clinic as a Markdown table, with what it stands for before and after it."""
    sites = report['sites']
    head = ['way', *(site['name'] for site in sites), 'mean', 'lowest', 'against FedAvg', 'drift', 'rounds kept']
    rows = [[way['title'], *(_figure(way['scores'][site['name']]) for site in sites), _figure(way['mean']),
             _figure(way['lowest']), _figure(way['difference'], '%+.3f'),
             '%.3f' % (sum(way['drift']) / len(way['drift'])) if way['drift'] else '',
             '%d of %d' % (way['kept'], report['setting']['rounds'])] for way in report['ways'].values()]
    lines = ['| %s |' % ' | '.join(cells) for cells in [head, ['---'] * len(head), *rows]]
    return '\n'.join([*lines, '', _conditions(report), '', *map(_site, sites), *_faults(report)]) + '\n'


def _site(site: Dict[str, Any]) -> str:
    camera = site['camera']
    return '- %s: %d to train on, noise %.2f °C, offset %+.1f °C, gain %.2f, focus %.1f %%, resolution %.0f %%; %s' % (
        site['name'], site['train'], camera['netd_c'], camera['offset_c'], camera['gain'], 100 * camera['focus'],
        100 * camera['resolution'], ', '.join(site['bodies']))


def _conditions(report: Dict[str, Any]) -> str:
    tests = {site['test'] for site in report['sites']}
    return ('mIoU of %s test phantoms of every clinic, 95 %% intervals by bootstrap over phantoms; "against FedAvg" is '
            'the mean paired difference. Drift: how far a clinic moves in a round, share of the length of the first '
            'weights. Recipe %s, seed %d, start: %s. Simulated thermograms only.'
            % (' or '.join(map(str, sorted(tests))), report['setting']['recipe'], report['setting']['seed'],
               report['source']))


def _faults(report: Dict[str, Any]) -> List[str]:
    lines = []
    for way in report['ways'].values():
        for site, reasons in way['refused'].items():
            lines.append('- %s: %s was left out in %d rounds (%s)' % (
                way['title'], site, sum(reasons.values()), ', '.join(sorted(reasons))))
        lines += ['- %s: %s claimed %d samples and counted for %d' % (way['title'], site, claimed, counted)
                  for site, (claimed, counted) in way['capped'].items()]
        if way.get('below'):
            lines.append('- %s: %d rounds were not kept, since a clinic would have been worse off'
                         % (way['title'], way['below']))
    return lines


def _figure(estimate: Any, form: str = '%.3f') -> str:
    if estimate is None:
        return ''
    text = form % estimate['value']
    return text + (' (%s to %s)' % tuple(form % end for end in estimate['ci95']) if estimate['ci95'] else '')


def draw(report: Dict[str, Any]) -> bytes:
    """Curves over rounds on the left, every clinic's mIoU with its interval on the right; a PNG."""
    ways, sites = list(report['ways'].values()), report['sites']
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 4.2), layout='constrained')
        curves, clinics = figure.subplots(1, 2)
        for number, way in enumerate(ways):
            style = {'color': _COLOURS[number % len(_COLOURS)],
                     'linestyle': ('-', (0, (4, 2)))[bool(way['refused']) or 'lies' in way['title']]}
            curves.plot(range(len(way['curve'])), way['curve'], linewidth=1.6, label=way['title'], **style)
            offset = (number - (len(ways) - 1) / 2) * 0.8 / len(ways)
            for place, site in enumerate(sites):
                score = way['scores'][site['name']]
                clinics.plot([place + offset] * 2, score['ci95'] or [score['value']] * 2, linewidth=1.2,
                             color=style['color'])
                clinics.plot(place + offset, score['value'], 'o', markersize=4, color=style['color'])
        curves.set_xlabel('round')
        curves.set_ylabel('mIoU, validation phantoms, mean over clinics')
        curves.grid(axis='y', color=FAINT, linewidth=0.6)
        clinics.set_xticks(range(len(sites)), ['%s\n%d pictures' % (site['name'], site['train']) for site in sites],
                           fontsize=8 if len(sites) < 7 else 6, rotation=0 if len(sites) < 7 else 90)
        clinics.set_ylabel('mIoU, test phantoms; bar: 95 %')
        clinics.grid(axis='y', color=FAINT, linewidth=0.6)
        figure.legend(*curves.get_legend_handles_labels(), fontsize=8, frameon=False, loc='outside lower center',
                      ncols=min(len(ways), 5))
        figure.suptitle('%d simulated clinics, %d rounds, seed %d' % (len(sites), report['setting']['rounds'],
                                                                     report['setting']['seed']), fontsize=10, color=INK)
        buffer = io.BytesIO()
        figure.savefig(buffer, format='png', dpi=130, metadata={'Software': None})
    return buffer.getvalue()
