"""The report of an exam: its page, on paper, and as a file of its own."""
import base64
import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

import jinja2
from flask import Blueprint, Response, current_app, render_template, url_for

from ..exams import Exam, guide
from ..hospital.printing import print_report
from ..hospital.report import Report, report_of
from ..hospital.wording import (
    TITLE,
    Figure,
    Figures,
    Section,
    Verbatim,
    marks,
    sections_of,
    site_of,
    state_of,
    status_of,
)
from ..languages import N_, Language
from ..messages import printable
from ..palettes import palette
from ..reading import rounded
from ..thermogram import CELSIUS
from .access import CLINICAL, admits, audited
from .exam_forms import acquisition
from .exams import common_values
from .services import services

#: Registered only where exams are kept.
blueprint = Blueprint('report', __name__, url_prefix='/exams')

_HERE = os.path.dirname(os.path.abspath(__file__))

#: What css/theme.css gives a page, for a file that has nothing beside it.
_THEME = (':root { --paper: #fff; --ink: #111; --muted: #444; --line: #333; --faint: #ccc; --small: 1rem; '
          '--print: #111; --print-muted: #444; --print-line: #333; --print-faint: #ccc; }\nbody { margin: 0; }\n')

#: Of a view, what programs are told beside its table.
_TOLD = ('number', 'role', 'frame', 'side', 'unit', 'distance_m', 'emissivity', 'model')

#: Colours of a scale that are named; what lies between them is drawn.
_STOPS = 17

#: Of the drawing of a scale: where its colours end below and begin above.
_LOWEST, _HIGHEST = 116.0, 12.0


class _Shown(NamedTuple):
    """A figure as a template draws it: with the words of its unit and the places of its numbers."""

    title: str
    lines: Tuple[str, ...]
    number: int
    span: Any
    sides: bool
    readable: bool
    png: bytes
    unit_words: str
    marks: List[Tuple[str, float]]


@blueprint.route('/<exam_id>/report')
@admits(*CLINICAL)
@audited('exam-viewed')
def page(exam_id: str) -> str:
    """The report as it is now."""
    found = acquisition().exams.get(exam_id)
    report = _report(found, drawn=False)

    def source(figure: _Shown) -> List[str]:
        span = '%.1f,%.1f' % figure.span
        return [url_for('exams.layer', exam_id=found.id, number=figure.number, layer=layer, palette=report.palette,
                        span=span) for layer in ('original', 'outlines')]
    return render_template('report.html', source=source, **_values(report, current_app.extensions['report-language']),
                           **common_values(found))


@blueprint.route('/<exam_id>/report.pdf')
@admits(*CLINICAL)
@audited('exam-viewed')
def paper(exam_id: str) -> Response:
    """The report as PDF."""
    found = acquisition().exams.get(exam_id)
    data = print_report(_report(found), services().settings.paper)
    return Response(data, mimetype='application/pdf', headers={
        'Content-Disposition': 'inline; filename="report-%d.pdf"' % found.number})


def report_document(report: Report) -> bytes:
    """A report as one HTML file with its pictures, which needs nothing beside it.

    Args:
        report: with pictures.
    """
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(os.path.join(_HERE, 'templates')), autoescape=True)
    with open(os.path.join(_HERE, 'static', 'css', 'report.css'), encoding='utf-8') as stream:
        style = _THEME + stream.read()

    def source(figure: _Shown) -> List[str]:
        return ['data:image/png;base64,' + base64.b64encode(figure.png).decode('ascii')]
    html = environment.get_template('report_file.html').render(
        source=source, style=jinja2.filters.do_mark_safe(style), language=report.language, notice=report.notice,
        **_values(report, Language(report.language)))
    return html.encode('utf-8')


def report_numbers(found: Exam) -> Dict[str, Any]:
    """What a report has in numbers, as JSON values; errors as of `report_of`."""
    report = _report(found, drawn=False)
    prior = report.prior
    return {
        'exam': report.exam_id, 'number': report.number, 'status': report.status, 'event': report.event,
        # What somebody typed may say of whom it is.
        'purpose': report.purpose if report.purpose in guide.PURPOSES else None,
        'last_mammogram': report.last_mammogram or None,
        'views': [dict({key: getattr(view, key) for key in _TOLD},
                       regions=[row._asdict() for row in view.regions], pairs=[row._asdict() for row in view.pairs],
                       has_result=not view.refusals and not view.trouble) for view in report.views],
        'prior': prior and {'exam': prior.exam_id, 'changes': [
            {key: rounded(value) for key, value in change._asdict().items()} for change in prior.changes]}}


def _report(found: Exam, drawn: bool = True) -> Report:
    return report_of(acquisition().exams, found, services().settings.site(), drawn)


def _values(report: Report, language: Language) -> Dict[str, Any]:
    """What the templates of a report show."""
    def said(text: str) -> str:
        return printable(str(text)) if isinstance(text, Verbatim) else language.translated(str(text))
    return {'title': TITLE, 'status': status_of(report), 'state': state_of(report), 'site': site_of(report),
            'said': said, 'sections': [_section(section, report, said) for section in sections_of(report)]}


def _section(section: Section, report: Report, said: Callable[[str], str]) -> Mapping[str, Any]:
    blocks: List[Tuple[str, Any]] = []
    for block in section.blocks:
        shown: Any = block
        if isinstance(block, Figures):
            colours = palette(block.palette)
            shown = {'small': block.small, 'figures': [_figure(figure, report, said) for figure in block.figures],
                     'colours': [('%.3f' % (place / (_STOPS - 1.0)), '#%02x%02x%02x' % tuple(
                         colours[place * 255 // (_STOPS - 1)])) for place in range(_STOPS)]}
        blocks.append((type(block).__name__, shown))
    return {'title': section.title, 'blocks': blocks}


def _figure(figure: Figure, report: Report, said: Callable[[str], str]) -> _Shown:
    readable = any(view.number == figure.number and not view.trouble for view in report.views)
    places = []
    if figure.span:
        low, high = figure.span
        places = [('%.0f' % value, round(_LOWEST - (_LOWEST - _HIGHEST) * (value - low) / (high - low) + (
            3.2 if low < value < high else 0.0 if value == low else 6.4), 1)) for value in marks(low, high)]
    return _Shown(figure.title, figure.lines, figure.number, figure.span, figure.sides, readable, figure.png,
                  '°C' if figure.unit == CELSIUS else said(N_('grey')), places)

