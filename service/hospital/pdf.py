"""A report as PDF: pages of A4 or letter paper, with everything that a stranger needs on each of them.

The same report gives the same bytes. Letters are those of the page's own face, embedded; Chinese, Japanese and Korean
ones come from a font of the system, and a letter that no font has is printed as its number, such as ``\\u05d0``, so
that two names never look the same.
"""
import functools
import io
import os
import unicodedata
from typing import Any, Callable, List, NamedTuple, Sequence, Tuple
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, PageTemplate, Paragraph
from reportlab.platypus import Table as Grid

from .. import __version__
from ..languages import N_, Language
from ..messages import printable
from ..palettes import palette
from ..thermogram import CELSIUS
from .report import DRAFT, Report
from .wording import (
    TITLE,
    Chart,
    Charts,
    Facts,
    Figure,
    Figures,
    Section,
    Strong,
    Table,
    Texts,
    Verbatim,
    marks,
    sections_of,
    site_of,
    state_of,
    status_of,
)

#: Sizes of `service.hospital.site.PAPERS`.
_SIZES = {'a4': A4, 'letter': LETTER}

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fonts')
_TEXT, _BOLD, _HAN = 'NotoSansCondensed', 'NotoSansCondensed-SemiBold', 'DroidSansFallback'

#: Where the installer's package fonts-droid-fallback puts Chinese, Japanese and Korean letters.
_HAN_FONTS = tuple('/usr/share/fonts/truetype/droid/%s.ttf' % name for name in ('DroidSansFallbackFull',
                                                                                'DroidSansFallback'))
#: How the names of letters begin that are set from left to right, one beside the other, as that font has them.
_HAN_NAMES = ('CJK ', 'HIRAGANA ', 'KATAKANA ', 'HANGUL ', 'FULLWIDTH ', 'HALFWIDTH ', 'IDEOGRAPHIC ', 'BOPOMOFO ')

_INK, _PALE, _RULE, _FAINT = HexColor('#111111'), HexColor('#555555'), HexColor('#333333'), HexColor('#cccccc')
_SIDES = HexColor('#1b4f9c'), HexColor('#c2410c')

_MARGIN, _HEAD, _FOOT = 17 * mm, 27 * mm, 21 * mm
_GAP = 5 * mm

#: Width of the scale beside a picture with its numbers, and of its colours.
_SCALE, _BAR = 11 * mm, 3 * mm


#: What a title needs below it, by what comes first: a title at the foot of a page has nothing to say.
_LEAST = {Figures: 82 * mm, Charts: 66 * mm, Table: 45 * mm}

#: Of every table; its font is that of empty cells.
_PLAIN: List[Any] = [('FONT', (0, 0), (-1, -1), _TEXT), ('VALIGN', (0, 0), (-1, -1), 'TOP')]


class _Faces(NamedTuple):
    """Which letters each font has."""

    text: Any
    han: Any


@functools.lru_cache(maxsize=None)
def _faces() -> _Faces:
    for name, file in ((_TEXT, 'Regular'), (_BOLD, 'SemiBold')):
        pdfmetrics.registerFont(TTFont(name, os.path.join(_FOLDER, 'NotoSansCondensed-%s.ttf' % file)))
    pdfmetrics.registerFontFamily(_TEXT, _TEXT, _BOLD, _TEXT, _BOLD)
    return _Faces(pdfmetrics.getFont(_TEXT).face.charToGlyph, _han_letters())


def _han_letters() -> Any:
    for path in _HAN_FONTS:
        try:
            pdfmetrics.registerFont(TTFont(_HAN, path))
        except (OSError, TTFError):
            continue
        return pdfmetrics.getFont(_HAN).face.charToGlyph
    return {}


def _runs(text: str) -> List[Tuple[str, str]]:
    """A text in pieces, each with the font that has it; letters that no font has, and what acts on none, as numbers."""
    faces, runs = _faces(), []  # type: _Faces, List[Tuple[str, str]]
    for letter in printable(text):
        font = _TEXT
        if ord(letter) not in faces.text:
            if ord(letter) in faces.han and unicodedata.name(letter, '').startswith(_HAN_NAMES):
                font = _HAN
            else:
                letter = letter.encode('unicode_escape').decode('ascii')
        if runs and runs[-1][0] == font:
            runs[-1] = font, runs[-1][1] + letter
        else:
            runs.append((font, letter))
    return runs


def report_pdf(report: Report, paper: str = 'a4') -> bytes:
    """The report as a PDF.

    Args:
        report: with pictures.
        paper: of `service.hospital.site.PAPERS`.

    Returns:
        The same bytes for the same arguments, fonts of the system and libraries.
    """
    return _Setter(report, Language(report.language), paper).made()


class _Pages(Canvas):
    """Pages that know how many there are when their head and foot are drawn."""

    def __init__(self, *args: Any, furnish: Callable[[Canvas, int, int], None], **options: Any) -> None:
        super().__init__(*args, **dict(options, initialFontName=_TEXT))
        self._furnish, self._kept = furnish, []  # type: Callable[[Canvas, int, int], None], List[Any]

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep a page until all are there."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Finish every page."""
        for number, state in enumerate(self._kept, 1):
            self.__dict__.update(state)
            self._furnish(self, number, len(self._kept))
            super().showPage()
        super().save()


class _Setter:
    """Sets one report."""

    def __init__(self, report: Report, language: Language, paper: str) -> None:
        _faces()
        self.report, self.language = report, language
        self.size = _SIZES[paper]
        self.width = self.size[0] - 2 * _MARGIN
        plain = ParagraphStyle('plain', fontName=_TEXT, fontSize=9, leading=12, textColor=_INK, splitLongWords=1,
                               bulletFontName=_TEXT, spaceAfter=2)
        self.plain = plain
        self.bold = ParagraphStyle('bold', plain, fontName=_BOLD)
        self.small = ParagraphStyle('small', plain, fontSize=7.6, leading=9.8, textColor=_PALE,
                                    spaceBefore=1.2 * mm)
        self.notice = ParagraphStyle('notice', self.small, fontName=_BOLD, fontSize=7.4, textColor=_INK)
        self.listed = ParagraphStyle('listed', plain, leftIndent=4 * mm, bulletIndent=1 * mm)
        self.cell = ParagraphStyle('cell', plain, fontSize=8.4, leading=10.6, spaceAfter=0)
        self.number = ParagraphStyle('number', self.cell, alignment=TA_RIGHT)
        self.head = ParagraphStyle('head', self.cell, fontName=_BOLD, fontSize=7.8, leading=9.6)
        self.number_head = ParagraphStyle('number_head', self.head, alignment=TA_RIGHT)
        self.label = ParagraphStyle('label', self.cell, textColor=_PALE)
        self.title = ParagraphStyle('title', plain, fontName=_BOLD, fontSize=17, leading=21, spaceAfter=1 * mm)
        self.part = ParagraphStyle('part', plain, fontName=_BOLD, fontSize=11.5, leading=14, spaceBefore=4.5 * mm,
                                   spaceAfter=1.4 * mm)
        self.caption = ParagraphStyle('caption', self.bold, spaceBefore=2 * mm)

    def made(self) -> bytes:
        stream, report = io.BytesIO(), self.report
        frame = Frame(_MARGIN, _FOOT, self.width, self.size[1] - _HEAD - _FOOT, 0, 0, 0, 0)
        document = BaseDocTemplate(
            stream, pagesize=self.size, invariant=1, lang=self.language.name, author=site_of(report) or 'thermoscreen',
            title='%s, %s' % (self.said(TITLE), self.said(status_of(report)).lower()), subject=self.said(report.notice),
            creator='thermoscreen %s' % __version__, pageTemplates=[PageTemplate('page', [frame])])
        story: List[Any] = [self.paragraph(TITLE, self.title)]
        story += [self.paragraph(text, self.bold if report.status == DRAFT else self.plain)
                  for text in state_of(report)]
        for section in sections_of(report):
            story += self.section(section)
        document.build(story, canvasmaker=functools.partial(_Pages, furnish=self.furnish))
        return stream.getvalue()

    # Words

    def said(self, text: str) -> str:
        return str(text) if isinstance(text, Verbatim) else self.language.translated(text)

    def unit(self, figure: Figure) -> str:
        return '°C' if figure.unit == CELSIUS else self.said(N_('grey'))

    def paragraph(self, text: str, style: ParagraphStyle, **options: Any) -> Paragraph:
        if isinstance(text, Strong):
            style = ParagraphStyle('strong', style, fontName=_BOLD)
        pieces = [escape(run) if font == _TEXT else '<font name="%s">%s</font>' % (font, escape(run))
                  for font, run in _runs(self.said(text).replace('\t', ' '))]
        return Paragraph(''.join(pieces), style, **options)

    def fitting(self, text: str, font: str, size: float, width: float) -> List[Tuple[str, str]]:
        """A text on one line; what has no room is left out, and a mark says so."""
        runs = [(font if name == _TEXT else name, run) for name, run in _runs(text)]
        if _width(runs, size) <= width:
            return runs
        while runs and _width(runs, size) + pdfmetrics.stringWidth('…', font, size) > width:
            name, run = runs.pop()
            runs += [(name, run[:-1])] if len(run) > 1 else []
        return runs + [(font, '…')]

    # Parts

    def section(self, section: Section) -> List[Any]:
        story: List[Any] = [CondPageBreak(_LEAST.get(type(section.blocks[0]), 30 * mm)),
                            self.paragraph(section.title, self.part)]
        for block in section.blocks:
            story += self.block(block)
        return story

    def block(self, block: Any) -> List[Any]:
        if isinstance(block, Facts):
            return [self.facts(block)]
        if isinstance(block, Table):
            caption = [CondPageBreak(22 * mm), self.paragraph(block.caption, self.caption)] if block.caption else []
            return caption + [self.table(block)]
        if isinstance(block, Texts):
            style = self.small if block.small else self.listed if block.listed else self.plain
            options = {'bulletText': '•'} if block.listed else {}
            return [self.paragraph(line, style, **options) for line in block.lines]
        if isinstance(block, Figures):
            return self.figures(block)
        width = (self.width - 2 * _GAP) / 2
        return self.beside([_Curves(self, chart, width) for chart in block.charts], 2, width, 2 * _GAP)

    def facts(self, block: Facts) -> Grid:
        """Two pairs in a row, read from left to right."""
        if block.wide:
            rows = [[self.paragraph(label, self.label), self.paragraph(value, self.cell)]
                    for label, value in block.rows]
            return self.grid(rows, (0.3, 0.7))
        cells = [[self.paragraph(label, self.label), self.paragraph(value, self.cell)] for label, value in block.rows]
        cells += [['', '']] * (len(cells) % 2)
        return self.grid([left + right for left, right in zip(cells[::2], cells[1::2])], (0.17, 0.33, 0.19, 0.31))

    def grid(self, rows: List[List[Any]], shares: Sequence[float]) -> Grid:
        return Grid(rows, [self.width * share for share in shares], style=_PLAIN + [
            ('LINEBELOW', (0, 0), (-1, -1), 0.25, _FAINT), ('LEFTPADDING', (0, 0), (-1, -1), 0),
            ('RIGHTPADDING', (0, 0), (-1, -1), 6), ('TOPPADDING', (0, 0), (-1, -1), 2.2),
            ('BOTTOMPADDING', (0, 0), (-1, -1), 2.2)])

    def table(self, block: Table) -> Grid:
        numbers, whole = set(block.numbers), float(sum(block.shares))
        rows = [[self.paragraph(text, self.number_head if place in numbers else self.head)
                 for place, text in enumerate(block.head)]]
        rows += [[self.paragraph(text, self.number if place in numbers else self.cell)
                  for place, text in enumerate(row)] for row in block.rows]
        return Grid(rows, [self.width * share / whole for share in block.shares], repeatRows=1, style=_PLAIN + [
            ('VALIGN', (0, 0), (-1, 0), 'BOTTOM'),
            ('LINEBELOW', (0, 0), (-1, 0), 0.7, _RULE), ('LINEBELOW', (0, 1), (-1, -1), 0.25, _FAINT),
            ('LEFTPADDING', (0, 0), (-1, -1), 2), ('RIGHTPADDING', (0, 0), (-1, -1), 4),
            ('TOPPADDING', (0, 0), (-1, -1), 2), ('BOTTOMPADDING', (0, 0), (-1, -1), 2.4)])

    def figures(self, block: Figures) -> List[Any]:
        columns = 5 if block.small else 2
        width = (self.width - (columns - 1) * _GAP) / columns
        drawn = [_Drawn(self, figure, block, width) for figure in block.figures]
        bar = [_Bar(self, block)] if block.small and block.figures[0].span else []
        return bar + self.beside(drawn, columns, width, _GAP)

    def beside(self, drawn: List[Any], columns: int, width: float, gap: float) -> List[Any]:
        """Drawings in rows: a grid for each row, so that a title goes with the first one alone."""
        rows = [drawn[start:start + columns] for start in range(0, len(drawn), columns)]
        rows[-1] = rows[-1] + [''] * (columns - len(rows[-1]))
        return [Grid([row], [width + gap] * (columns - 1) + [width], style=_PLAIN + [
            ('LEFTPADDING', (0, 0), (-1, -1), 0), ('RIGHTPADDING', (0, 0), (-1, -1), 0),
            ('TOPPADDING', (0, 0), (-1, -1), 2), ('BOTTOMPADDING', (0, 0), (-1, -1), 6)]) for row in rows]

    # Head and foot

    def furnish(self, canvas: Canvas, number: int, count: int) -> None:
        """Who, what and how far on every page, and the notice."""
        report, patient, top, right = self.report, self.report.patient, self.size[1], self.size[0] - _MARGIN
        status = self.said(status_of(report))
        canvas.saveState()
        canvas.setFillColor(_INK)
        what = '%s: %s' % (self.said(TITLE), status)
        room = self.width - pdfmetrics.stringWidth(what, _BOLD, 9) - 6 * mm
        _draw(canvas, _MARGIN, top - 13 * mm, self.fitting(site_of(report), _TEXT, 9, room), 9)
        canvas.setFont(_BOLD, 9)
        canvas.drawRightString(right, top - 13 * mm, what)
        others = [patient.birth_date or self.said(N_('birth date not given')), patient.id,
                  self.said(N_('Exam %d') % report.number)]
        page = self.said(N_('Page %d of %d') % (number, count))
        canvas.setFont(_TEXT, 9)
        canvas.drawRightString(right, top - 19 * mm, page)
        end = right - pdfmetrics.stringWidth(page, _TEXT, 9) - 4 * mm
        name = self.fitting(patient.name or self.said(N_('Name not given')), _BOLD, 11, 0.45 * self.width)
        at = _draw(canvas, _MARGIN, top - 19 * mm, name, 11) + 4 * mm
        for place, text in enumerate(others):
            share = (end - at) / (len(others) - place)
            words = self.fitting(text, _TEXT, 10, max(share, 18 * mm) - 4 * mm)
            at = _draw(canvas, at, top - 19 * mm, words, 10) + 4 * mm
        canvas.setStrokeColor(_RULE)
        canvas.setLineWidth(0.8)
        canvas.line(_MARGIN, top - 21.5 * mm, right, top - 21.5 * mm)
        canvas.line(_MARGIN, 15 * mm, right, 15 * mm)
        notice = self.paragraph(report.notice, self.notice)
        notice.wrap(self.width, 12 * mm)
        notice.drawOn(canvas, _MARGIN, 13.4 * mm - notice.height)
        if report.status == DRAFT:
            _stamp(canvas, status.upper(), self.size)
        canvas.restoreState()


def _stamp(canvas: Canvas, word: str, size: Tuple[float, float]) -> None:
    """A word across a page, through which everything can be read."""
    canvas.saveState()
    canvas.setFillColor(_INK)
    canvas.setFillAlpha(0.13)
    canvas.translate(size[0] / 2, size[1] / 2)
    canvas.rotate(52)
    points = min(150.0, 0.9 * size[1] / (pdfmetrics.stringWidth(word, _BOLD, 1) or 1))
    canvas.setFont(_BOLD, points)
    canvas.drawCentredString(0, -points / 3, word)
    canvas.restoreState()


def _width(runs: Sequence[Tuple[str, str]], size: float) -> float:
    return sum(pdfmetrics.stringWidth(run, font, size) for font, run in runs)


def _draw(canvas: Canvas, x: float, y: float, runs: Sequence[Tuple[str, str]], size: float) -> float:
    """Draw pieces one behind the other; where they end."""
    for font, run in runs:
        canvas.setFont(font, size)
        canvas.drawString(x, y, run)
        x += pdfmetrics.stringWidth(run, font, size)
    return x


@functools.lru_cache(maxsize=4)
def _bar(name: str) -> ImageReader:
    """The colours of a palette, the hottest one above."""
    return ImageReader(Image.fromarray(np.ascontiguousarray(palette(name)[::-1, np.newaxis])))


class _Drawn(Flowable):
    """A picture with its title, the letters of the sides, its scale, and what stands below."""

    def __init__(self, setter: _Setter, figure: Figure, block: Figures, width: float) -> None:
        super().__init__()
        self.setter, self.figure, self.palette, self.small = setter, figure, block.palette, block.small
        self.width = width
        self.picture = width - (0 if block.small else _SCALE)
        lines = figure.lines or ('',)
        self.below = [setter.paragraph(line, setter.small) for line in lines] if not block.small or figure.lines else []

    def wrap(self, width: float, height: float) -> Tuple[float, float]:
        self.below_height = sum(one.wrap(self.width, height)[1] for one in self.below)
        self.image = ImageReader(io.BytesIO(self.figure.png)) if self.figure.png else None
        columns, rows = self.image.getSize() if self.image else (4, 3)
        self.tall = self.picture * rows / float(columns)
        self.height = self.tall + (3.4 * mm if self.small else 4.6 * mm) + self.below_height + 1 * mm
        return self.width, self.height

    def draw(self) -> None:
        canvas, figure, foot = self.canv, self.figure, self.below_height + 1 * mm
        size = 7.6 if self.small else 9
        top = foot + self.tall
        canvas.setFillColor(_INK)
        words = self.setter.fitting(self.setter.said(figure.title), _BOLD, size, self.picture - 12 * mm)
        _draw(canvas, self.picture / 2 - _width(words, size) / 2, top + 1.2 * mm, words, size)
        if figure.sides:
            canvas.setFont(_BOLD, size)
            canvas.drawString(0, top + 1.2 * mm, 'R')
            canvas.drawRightString(self.picture, top + 1.2 * mm, 'L')
        if self.image:
            canvas.drawImage(self.image, 0, foot, self.picture, self.tall)
            if not self.small and figure.span:
                self.scale(foot)
        canvas.setStrokeColor(_FAINT)
        canvas.setLineWidth(0.5)
        canvas.rect(0, foot, self.picture, self.tall)
        at = foot - 1 * mm
        for one in self.below:
            at -= one.height
            one.drawOn(canvas, 0, at)

    def scale(self, foot: float) -> None:
        """Colours with their numbers."""
        canvas, (low, high) = self.canv, self.figure.span or (0.0, 1.0)
        left = self.picture + 1.6 * mm
        canvas.drawImage(_bar(self.palette), left, foot, _BAR, self.tall)
        canvas.setFont(_TEXT, 7)
        canvas.setStrokeColor(_RULE)
        canvas.setLineWidth(0.4)
        for value in marks(low, high):
            y = foot + self.tall * (value - low) / (high - low)
            canvas.line(left + _BAR, y, left + _BAR + 0.8 * mm, y)
            canvas.drawString(left + _BAR + 1.2 * mm, min(max(y - 2.4, foot), foot + self.tall - 5), '%.0f' % value)
        canvas.drawString(left, foot + self.tall + 1.2 * mm, self.setter.unit(self.figure))


class _Bar(Flowable):
    """The scale of many small pictures, lying above them."""

    def __init__(self, setter: _Setter, block: Figures) -> None:
        super().__init__()
        self.setter, self.block = setter, block
        self.width, self.height = 90 * mm, 9 * mm

    def draw(self) -> None:
        canvas, figure = self.canv, self.block.figures[0]
        low, high = figure.span or (0.0, 1.0)
        canvas.saveState()
        canvas.translate(0, 4.6 * mm)
        canvas.rotate(-90)
        canvas.drawImage(_bar(self.block.palette), -_BAR, 0, _BAR, self.width)
        canvas.restoreState()
        canvas.setFillColor(_INK)
        canvas.setFont(_TEXT, 7)
        for value in marks(low, high):
            canvas.drawCentredString(self.width * (value - low) / (high - low), 1.2 * mm, '%.0f' % value)
        canvas.drawString(self.width + 3 * mm, 5.2 * mm, self.setter.unit(figure))


class _Curves(Flowable):
    """Curves of a chart: the first region with full lines and points, the second with broken ones and rings."""

    def __init__(self, setter: _Setter, block: Chart, width: float) -> None:
        super().__init__()
        self.setter, self.block = setter, block
        self.width, self.factor = width, width / block.drawing['width']
        self.plot = self.factor * block.drawing['height']
        self.height = self.plot + 11 * mm

    def wrap(self, width: float, height: float) -> Tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        canvas, drawing, factor, top = self.canv, self.block.drawing, self.factor, self.plot + 3 * mm

        def place(x: float, y: float) -> Tuple[float, float]:
            return factor * x, top - factor * y
        self.legend(self.height - 3.4 * mm)
        canvas.setLineWidth(0.4)
        canvas.setFont(_TEXT, 7.4)
        canvas.setFillColor(_INK)
        canvas.setStrokeColor(_FAINT)
        left, right = place(drawing['left'], 0)[0], place(drawing['width'], 0)[0]
        for words, y in drawing['degrees']:
            canvas.line(left, place(0, y)[1], right, place(0, y)[1])
            canvas.drawRightString(left - 3, place(0, y)[1] - 2.4, words)
        foot = place(0, drawing['floor'])[1]
        for words, x in drawing['seconds']:
            canvas.drawCentredString(place(x, 0)[0], foot - 8, words)
        canvas.drawString(0, foot - 8, '°C')
        canvas.drawRightString(right, foot - 16, self.setter.said(N_('Seconds after the cooling')))
        for number, line in enumerate(drawing['lines']):
            self.pen(number)
            self.polyline([place(*point) for point in line['curve']])
            canvas.setDash()
            for point in line['points']:
                canvas.circle(*(place(*point) + (1.4,)), stroke=1, fill=0 if number else 1)
            if line['before'] is not None:
                canvas.setDash(1, 2)
                canvas.line(left, place(0, line['before'])[1], right, place(0, line['before'])[1])
                canvas.setDash()

    def legend(self, y: float) -> None:
        """The name of the pair, and which line is which."""
        canvas = self.canv
        canvas.setFillColor(_INK)
        at = _draw(canvas, 0, y, self.setter.fitting(self.setter.said(self.block.caption), _BOLD, 9, self.width), 9)
        for number, key in enumerate(self.block.keys if len(self.block.keys) > 1 else ()):
            at += 5 * mm
            self.pen(number)
            canvas.line(at, y + 2.4, at + 8 * mm, y + 2.4)
            canvas.setDash()
            canvas.circle(at + 4 * mm, y + 2.4, 1.4, stroke=1, fill=0 if number else 1)
            canvas.setFillColor(_INK)
            at = _draw(canvas, at + 9.4 * mm, y, [(_TEXT, self.setter.said(key))], 8.4)

    def pen(self, number: int) -> None:
        self.canv.setStrokeColor(_SIDES[number])
        self.canv.setFillColor(_SIDES[number])
        self.canv.setLineWidth(1.0)
        self.canv.setDash(*((4, 2) if number else ()))

    def polyline(self, points: Sequence[Tuple[float, float]]) -> None:
        if points:
            path = self.canv.beginPath()
            path.moveTo(*points[0])
            for point in points[1:]:
                path.lineTo(*point)
            self.canv.drawPath(path)

