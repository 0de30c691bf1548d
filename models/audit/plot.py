"""One plot: every AUC with its interval on one axis, models above controls."""
import io

import matplotlib
from matplotlib.figure import Figure

_INK, _MODEL, _CONTROL, _OTHER = '#12171c', '#1f6fb4', '#a4500a', '#66727d'

_STYLE = {'font.size': 9, 'axes.spines.top': False, 'axes.spines.right': False, 'svg.fonttype': 'path',
          'svg.hashsalt': 'thermoscreen', 'font.family': 'DejaVu Sans', 'text.color': _INK}

#: Group of the report, colour, marker shape: told apart without colour as well.
_GROUPS = (('models', _MODEL, 'o'), ('controls', _CONTROL, 's'), ('variants', _OTHER, 'D'), ('checks', _OTHER, 'x'))


def draw_plot(report):
    """AUC and 95 % interval of every row that has one.

    Args:
        report (dict): as `run_audit` gives it.
    Returns:
        str: SVG.
    """
    rows = [(row, colour, shape) for group, colour, shape in _GROUPS for row in report[group]
            if row['auc'] is not None]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 1.1 + 0.24 * len(rows)), layout='constrained')
        axes = figure.add_subplot()
        for place, (row, colour, shape) in enumerate(rows):
            axes.plot(row['auc_ci95'], [place, place], color=colour, linewidth=2)
            axes.plot(row['auc'], place, shape, color=colour, markersize=5)
        axes.axvline(0.5, color=_INK, linewidth=0.8, linestyle=':')
        axes.set_yticks(range(len(rows)), [row['name'] for row, _, _ in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.02)  # room for half a marker
        axes.set_xlabel('AUC on held-out patients; bar: 95 %% over %d patients\n'
                        'circles: models, squares: controls'
                        % report['collection']['patients'])
        stream = io.StringIO()
        figure.savefig(stream, format='svg', metadata={'Date': None})
    return stream.getvalue()
