"""Plots of a report as SVG, from the report's own figures."""
import io
from typing import Any, Dict, Tuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from service.regions import PAIRS, REGIONS, pair_name

from .formatting import region_name

#: Ink of the page, greys, and one colour per side that differs in brightness too.
INK, _GREY, FAINT, _RIGHT, _LEFT = '#12171c', '#66727d', '#c3ccd4', '#5aa0d8', '#a4500a'

STYLE = {'font.size': 9, 'axes.edgecolor': _GREY, 'axes.labelcolor': INK, 'text.color': INK,
          'xtick.color': '#414c56', 'ytick.color': '#414c56', 'axes.spines.top': False,
          'axes.spines.right': False, 'svg.fonttype': 'path', 'svg.hashsalt': 'thermoscreen',
          'font.family': 'DejaVu Sans'}


def draw_plots(document: Dict[str, Any]) -> Dict[str, str]:
    """Every plot that a document has figures for.

    Args:
        document: as `make_document` returns it.
    Returns:
        SVG text by name: ``overlap``, ``areas``, ``pixels``, ``certainty``, ``roc``; ``repeats`` of a validation.
    """
    drawn: Dict[str, str] = {}
    with matplotlib.rc_context(STYLE):
        if document['regions']:
            drawn.update(overlap=_overlap(document['regions']), areas=_areas(document['regions']['answered']),
                         pixels=_pixels(document['regions']['all']))
        if document['certainty'] and 'reason' not in document['certainty']:
            drawn['certainty'] = _certainty(document['certainty'])
        if document['finding'] and document['finding']['roc']['sensitivity']:
            drawn['roc'] = _roc(document['finding'])
        if document.get('repeats'):
            drawn.update({'repeats ' + kind: _repeats(repeats['measures']['breast'])
                          for kind, repeats in document['repeats'].items() if repeats['patients']})
    return drawn


def _overlap(regions: Dict[str, Any]) -> str:
    figure, axes = _axes(6.4, 3.1)
    names = ('mean',) + REGIONS
    for place, name in enumerate(names):
        for figures, offset, face in ((regions['all'], 0.0, INK), (regions['answered'], 0.28, 'white')):
            if figures is regions['answered'] and figures['n'] == regions['all']['n']:
                continue
            estimate = figures['miou'] if name == 'mean' else figures['regions'][name]['iou']
            if estimate['value'] is None:
                continue
            axes.plot(estimate['ci95'] or [], [place + offset] * len(estimate['ci95'] or []), color=INK, linewidth=2)
            axes.plot(estimate['value'], place + offset, 'o', markersize=6, color=INK, markerfacecolor=face)
    axes.set_yticks(range(len(names)), [region_name(name) for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel('IoU, pixels of all frames together; bar: 95 % over patients')
    axes.grid(axis='x', color=FAINT, linewidth=0.6)
    axes.axhline(0.5, color=FAINT, linewidth=0.8)
    return _svg(figure)


def _areas(figures: Dict[str, Any]) -> str:
    figure = Figure(figsize=(7.6, 2.7), layout='constrained')
    panels = [(pair_name(right), [(REGIONS[right], _RIGHT, 'o'), (REGIONS[left], _LEFT, '^')])
              for right, left in PAIRS] + [('neck', [('neck', INK, 's')])]
    for place, (title, shown) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for name, colour, marker in shown:
            area = figures['regions'][name]['area']
            true, predicted = np.array(area['true']), np.array(area['found'])
            axes.plot((true + predicted) / 2, predicted - true, marker, color=colour, markersize=4, alpha=0.75,
                      label=name.split('_')[0])
            if area['limits']:
                axes.axhline(area['bias']['value'], color=colour, linewidth=1.2)
                for limit in area['limits']:
                    axes.axhline(limit, color=colour, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.axhline(0, color=_GREY, linewidth=0.6)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel('mean of the two, %')
        if place == 0:
            axes.set_ylabel('predicted - true, % of the picture')
            handles = axes.get_legend_handles_labels()
    # Every legend names its place: matplotlib takes seconds to find the best one, and warns of that.
    figure.legend(*handles, fontsize=8, frameon=False, handletextpad=0.1, loc='outside right upper')
    return _svg(figure)


def _pixels(figures: Dict[str, Any]) -> str:
    pixels = np.array(figures['pixels'], np.float64)
    shares = 100 * pixels / np.maximum(pixels.sum(1, keepdims=True), 1)
    figure, axes = _axes(6.0, 4.6)
    axes.imshow(shares, cmap='Greys', vmin=0, vmax=110)
    for row, column in np.ndindex(shares.shape):
        if shares[row, column] >= 0.05:
            axes.text(column, row, '%.1f' % shares[row, column], ha='center', va='center', fontsize=8,
                      color='white' if shares[row, column] > 55 else INK)
    names = [region_name(name) for name in REGIONS]
    axes.set_xticks(range(len(names)), names, rotation=40, ha='right')
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel('predicted')
    axes.set_ylabel('true')
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return _svg(figure)


def _certainty(certainty: Dict[str, Any]) -> str:
    figure, axes = _axes(4.2, 2.9)
    axes.plot(certainty['thresholds'], certainty['chosen_curve'], color=_RIGHT, label='chosen on')
    axes.plot(certainty['thresholds'], certainty['judged_curve'], color=_LEFT, label='judged on')
    axes.axvline(certainty['best'], color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label='best of the first')
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel('regions less certain than this are left out')
    axes.set_ylabel('mIoU')
    axes.legend(fontsize=8, frameon=False, loc='lower left')
    return _svg(figure)


def _roc(finding: Dict[str, Any]) -> str:
    figure, axes = _axes(4.2, 4.2)
    roc, calls = finding['roc'], finding['answered']
    if roc['band']:
        axes.fill_between(roc['band']['false_positive_rate'], roc['band']['low'], roc['band']['high'], color=FAINT,
                          alpha=0.55, linewidth=0, label='95 % over patients')
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.plot(roc['false_positive_rate'], roc['sensitivity'], color=INK, linewidth=1.6)
    _point(axes, calls, 'o', INK, 'shipped threshold')
    for point, marker in zip(finding['operating_points'].get('points', ()), '^s'):
        _point(axes, point['judged'], marker, _LEFT, '%s %g aimed at, other half' % (point['reach'], point['target']))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect('equal')
    axes.set_xlabel('1 - specificity')
    axes.set_ylabel('sensitivity')
    axes.legend(fontsize=7.5, frameon=True, framealpha=0.85, edgecolor='none', loc='lower right')
    return _svg(figure)


def _repeats(breast: Dict[str, Any]) -> str:
    """Change against mean of the left-right difference of the breasts, with the repeatability coefficient."""
    figure, axes = _axes(5.2, 2.9)
    means, changes = zip(*breast['pairs'])
    axes.axhline(0, color=_GREY, linewidth=0.6)
    if breast['coefficient']['value'] is not None:
        for sign in (-1, 1):
            axes.axhline(sign * breast['coefficient']['value'], color=INK, linewidth=1, linestyle=(0, (4, 3)))
            if breast['coefficient']['ci95']:
                axes.axhspan(*(sign * end for end in breast['coefficient']['ci95']), color=FAINT, alpha=0.45,
                             linewidth=0)
    axes.plot(means, changes, 'o', color=_LEFT, markersize=4.5)
    axes.set_xlabel('left - right, mean of the first and the last, °C')
    axes.set_ylabel('last - first, °C')
    return _svg(figure)


def _point(axes: Axes, figures: Dict[str, Any], marker: str, colour: str, label: str) -> None:
    """An operating point with the intervals of both its figures."""
    sensitivity, specificity = figures['sensitivity'], figures['specificity']
    if sensitivity['value'] is None or specificity['value'] is None:
        return
    x, y = 1 - specificity['value'], sensitivity['value']
    if sensitivity['ci95'] and specificity['ci95']:
        axes.plot([x, x], sensitivity['ci95'], color=colour, linewidth=0.9)
        axes.plot([1 - end for end in specificity['ci95']], [y, y], color=colour, linewidth=0.9)
    axes.plot(x, y, marker, color=colour, markersize=7, label=label)


def _axes(width: float, height: float) -> Tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout='constrained')
    return figure, figure.add_subplot()


def to_svg(figure: Figure) -> str:
    """A figure as SVG, the same bytes for the same figure."""
    stream = io.StringIO()
    figure.savefig(stream, format='svg', metadata={'Date': None, 'Creator': None})
    return stream.getvalue()


def _svg(figure: Figure) -> str:
    """The element alone, to stand in a page."""
    text = to_svg(figure)
    return text[text.index('<svg'):]
