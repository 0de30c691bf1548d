"""A report in words: sections of facts, tables, texts, pictures and curves, in the order in which they are read.

Page and PDF lay out the same sections, so that both say the same. Texts are English, for `Language.translated`; what a
person typed is `Verbatim` and stays as it is. A temperature is printed with one decimal: cameras differ from pixel to
pixel by more than the second.
"""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .. import __version__
from ..clock import shown_time
from ..exams import CONDITIONS, NEVER, NOT_KNOWN, guide
from ..languages import N_
from ..overlay import Span
from ..reading import CHANGED, MET, NOT_ASSESSABLE, NOT_MET, OWN, RULES
from ..reading.sign import CELSIUS as DEGREES
from ..reading.sign import degrees
from ..regions import REGIONS
from ..thermogram import CELSIUS
from .charts import CURVES, chart_of
from .report import COVERAGE, DRAFT, REREADING_C, Report, View, When
from .sources import SOURCES

#: A report is what the American Academy of Thermology calls it: an assessment of findings, and no diagnosis.
TITLE = 'Breast thermal findings'


class Verbatim(str):
    """What a person typed, a name or a number: it is the same in every language."""


class Strong(str):
    """What is to be seen at first sight; translated."""

    is_strong = True


_STATUS = {'draft': 'Draft', 'final': 'Final', 'amended': 'Amended'}
_STATES = {MET: Strong('Met'), NOT_MET: 'Not met', NOT_ASSESSABLE: 'Not assessable'}
_PAIRS = {'breast': 'Breasts', 'nipple': 'Nipples', 'armpit': 'Armpits', 'neck': 'Neck'}
_PROTOCOLS = {guide.STATIC: 'Five views', guide.ARMS: 'Five views and arms raised', guide.SERIAL: 'Dynamic series'}
_SEXES = {'M': 'Male', 'F': 'Female', 'O': 'Other'}
_SIDES = {'both': 'Both sides', 'right': 'Right', 'left': 'Left'}

#: Stands in a cell of which there is nothing to say.
_NOTHING = '-'


class Facts(NamedTuple):
    """Labels with what is said to each; two beside each other, or one in a row where they are `wide`."""

    rows: Tuple[Tuple[str, str], ...]
    wide: bool = False


class Table(NamedTuple):
    """A table.

    Attributes:
        caption: what it is of; may be empty.
        head: of the columns.
        rows: as many texts each.
        shares: of the width, by column.
        numbers: columns whose texts are numbers.
    """

    caption: str
    head: Tuple[str, ...]
    rows: Tuple[Tuple[str, ...], ...]
    shares: Tuple[float, ...]
    numbers: Tuple[int, ...] = ()


class Texts(NamedTuple):
    """Paragraphs; `small` ones are notes, `listed` ones the entries of a list."""

    lines: Tuple[str, ...]
    small: bool = False
    listed: bool = False


class Figure(NamedTuple):
    """A picture.

    Attributes:
        title: what it is of.
        lines: what stands below.
        number: of the picture in the exam.
        png: its bytes; empty where it cannot be drawn.
        span: what the ends of the palette stand for.
        unit: of it.
        sides: whether the patient's right is on the left of it.
    """

    title: str
    lines: Tuple[str, ...]
    number: int
    png: bytes
    span: Optional[Span]
    unit: str
    sides: bool


class Figures(NamedTuple):
    """Pictures beside each other; many `small` ones, or a few large ones."""

    figures: Tuple[Figure, ...]
    palette: str
    small: bool = False


class Chart(NamedTuple):
    """Curves of two regions, by their names; `drawing` is as of `chart_of`."""

    caption: str
    drawing: Mapping[str, Any]
    keys: Tuple[str, ...]


class Charts(NamedTuple):
    """Curves beside each other."""

    charts: Tuple[Chart, ...]


class Section(NamedTuple):
    """A part of a report: blocks of the kinds above under a title."""

    title: str
    blocks: Tuple[Any, ...]


def sections_of(report: Report) -> List[Section]:
    """A report, part by part."""
    made = [_amendments(report), _identity(report), _impression(report), _findings(report), _pictures(report),
            _regions(report), _signs(report), _change(report)] + _series(report) + [
            _conditions(report), _views(report), _equipment(report), _reading(report)]
    return [section for section in made if section.blocks]


def status_of(report: Report) -> str:
    """What a report is: draft, final or amended."""
    return _STATUS[report.status]


def state_of(report: Report) -> Tuple[str, ...]:
    """What a report is and who stands for it, in sentences."""
    if report.signed is None:
        return ('This is a draft: nobody has signed the exam, and it may change.',)
    lines = [N_('Signed by %s on %s.') % (report.signed.who, shown_when(report.signed.when))]
    if report.amendments:
        last = report.amendments[-1]
        lines.append(N_('Amended since, %d times, last by %s on %s.') % (
            len(report.amendments), last.who, shown_when(last.when)) if len(report.amendments) > 1 else
            N_('Amended since, by %s on %s.') % (last.who, shown_when(last.when)))
    if report.came and report.moved_from:
        lines.append(N_('It was recorded under another patient and moved to this one by %s on %s.') % (
            report.came.who, shown_when(report.came.when)))
    elif report.came:
        lines.append(N_('It came from another station on %s.') % shown_when(report.came.when))
    return tuple(lines)


def site_of(report: Report) -> Verbatim:
    """Institution, department and station, as far as the settings name them."""
    return Verbatim(', '.join(text for text in (report.institution, report.department, report.station) if text))


def shown_when(when: When) -> str:
    """A date as a report says it, and whether it is uncertain."""
    date = shown_time(when.utc)
    return date if when.certain else N_('%s (date uncertain)') % date


def role_of(view: View) -> str:
    """A view as it is called."""
    return view.role.replace('-', ' ').capitalize()


def _celsius(value: float) -> str:
    return _unsigned_zero('%.1f' % value)


def _signed(value: float, digits: int = 1) -> str:
    return _unsigned_zero('%+.*f' % (digits, value))


def _unsigned_zero(number: str) -> str:
    """A number whose digits are all zero is neither above nor below it."""
    return number if number.strip('+-0.') else number.lstrip('+-')


def _amendments(report: Report) -> Section:
    """First, since what they say holds against everything below."""
    lines: List[str] = []
    for said in report.amendments:
        lines.append(N_('Amended by %s on %s: %s') % (said.who, shown_when(said.when), said.reason))
        lines += _typed(said.text)
    return Section('Amendments', (Texts(tuple(lines)),) if lines else ())


def _typed(text: str) -> List[str]:
    """What somebody typed, line by line."""
    return [Verbatim(line) for line in text.splitlines() if line.strip()]


def _identity(report: Report) -> Section:
    patient = report.patient
    age = 'Not known' if report.age_years is None else '%d' % report.age_years
    rows = [('Name', Verbatim(patient.name) or 'Not given'), ('Number', Verbatim(patient.id)),
            ('Birth date', Verbatim(patient.birth_date) or 'Not given'), ('Age at the exam, years', age),
            ('Exam', Verbatim('%d (%s)' % (report.number, report.exam_id))), ('Begun', shown_when(report.begun)),
            ('Purpose', _purpose(report) or 'Not stated'), ('Last mammogram', _mammogram(report)),
            ('Protocol', _PROTOCOLS[report.protocol]),
            ('Pictures taken by', Verbatim(', '.join(sorted({view.by for view in report.views}))) or _NOTHING),
            ('Signed by', Verbatim(report.signed.who) if report.signed else 'Nobody')]
    order = report.order
    if order is None:
        rows.append(('Order', 'Not scheduled by the hospital\'s worklist'))
    else:
        rows += [(label, Verbatim(text)) for label, text in (
            ('Accession number', order.accession), ('Number of the procedure', order.procedure_id),
            ('Referred by', _named(order.referrer)), ('Issuer of the number', order.issuer)) if text]
        rows += [('Sex', _SEXES.get(order.sex, Verbatim(order.sex)))] if order.sex else []
    return Section('Patient and exam', (Facts(tuple(rows)),))


def _purpose(report: Report) -> str:
    """Of the list, or in the words of who typed it."""
    return report.purpose if report.purpose in guide.PURPOSES else Verbatim(report.purpose)


def _mammogram(report: Report) -> str:
    """When, as far as somebody said."""
    said = report.last_mammogram
    return {'': 'Not asked', NEVER: 'Never', NOT_KNOWN: 'Not known'}.get(said, Verbatim(said))


def _named(name: str) -> str:
    """A name of DICOM as people write it: its first script, with spaces between its parts."""
    return ' '.join(name.partition('=')[0].replace('^', ' ').split())


def _impression(report: Report) -> Section:
    """Apart from the findings, and under a name."""
    if report.impression is None:
        return Section('Impression', (Texts(('No reader has entered an impression or a grade.',)),))
    said, grade = report.impression
    lines = _typed(said.text)
    if grade:
        lines.append(N_('Grade, as the reader gives it: %s') % grade)
    lines.append(N_('%s, %s') % (said.who, shown_when(said.when)))
    return Section('Impression', (Texts(tuple(lines)),))


def _findings(report: Report) -> Section:
    view = report.deciding
    if view is None:
        return Section('Findings', (Texts(('The exam has no picture.',)),))
    lines: List[str] = []
    if view.trouble:
        lines.append(view.trouble)
    elif view.refusals:
        lines.append('No result: this picture did not pass the checks of its quality.')
        lines += view.refusals
    else:
        lines += view.sentences
        if view.finding:
            lines.append(N_('Heat pattern: %.2f on a scale from 0 to 1, threshold %.2f.')
                         % (view.finding['probability'], view.finding['threshold']))
            lines.append(view.finding['meaning'])
            lines += [note for note in (view.finding['note'],) if note and note not in lines]
        counts = [sum(sign['state'] == state for sign in view.signs) for state in (MET, NOT_MET, NOT_ASSESSABLE)]
        if view.signs:
            lines.append(N_('Of %d signs %d are met, %d are not met and %d cannot be assessed.')
                         % ((len(view.signs),) + tuple(counts)))
    lines = [N_('%s view.') % role_of(view) if not view.frame else 'The picture before the cooling.'] + lines
    if view.unit != CELSIUS:
        lines.append('This picture has no temperatures: its numbers are grey levels and stand for no degrees.')
    if view.corrected:
        lines.append('Its outlines were corrected by hand.')
    if report.deviations:
        lines.append('1 deviation from the protocol is listed below.' if len(report.deviations) == 1 else
                     N_('%d deviations from the protocol are listed below.') % len(report.deviations))
    return Section('Findings', (Texts(tuple(lines)),))


def _pictures(report: Report) -> Section:
    blocks: List[Any] = []
    large = tuple(_figure(report, view) for view in report.views if not view.frame)
    small = tuple(_figure(report, view) for view in report.views if view.frame)
    blocks += [Figures(large, report.palette)] if large else []
    blocks += [Figures(small, report.palette, True)] if small else []
    notes = []
    if report.span:
        notes.append(N_('Every picture with temperatures has the same colours: %.0f to %.0f °C.') % report.span)
    if any(not view.frame and view.side == 'both' for view in report.views) or small:
        notes.append('In frontal views the patient\'s right is on the left of the picture.')
    if any(view.regions for view in report.views):
        notes.append('Lines are the outlines of the regions. Colours show heat and nothing else.')
    return Section('Pictures', tuple(blocks) + (Texts(tuple(notes), small=True),) if blocks else ())


def _figure(report: Report, view: View) -> Figure:
    span, lines = report.span if view.unit == CELSIUS else report.grey_span, []
    if view.frame:
        title = 'Before cooling' if view.frame == 1 else '' if view.after_s is None else '%.0f s' % view.after_s
        lines += ['No result'] if view.refusals or view.trouble else []
    else:
        title = role_of(view)
        lines.append(N_('Picture %d, %s') % (view.number, shown_when(view.taken)))
        lines += ['Grey levels, no temperatures'] if view.unit != CELSIUS else []
        lines += ['Outlines corrected by hand'] if view.corrected else []
        lines += [N_('No result: %s') % view.refusals[0]] if view.refusals else []
        lines += [view.trouble] if view.trouble else []
    return Figure(title, tuple(lines), view.number, view.picture, span, view.unit, view.side == 'both')


def _regions(report: Report) -> Section:
    """Of every view that has a result; of a series the picture before the cooling and the last one."""
    shown = [view for view in report.views if not view.frame]
    serial = [view for view in report.views if view.frame and view.regions]
    shown += serial[:1] + serial[-1:] if len(serial) > 1 else serial
    blocks: List[Any] = []
    for view in shown:
        if not view.regions:
            continue
        name = role_of(view) if not view.frame else N_('Series, picture %d') % view.frame
        blocks.append(_region_table(view, name))
        if view.pairs:
            blocks.append(_pair_table(view, name))
    if blocks:
        notes = [N_('Uncertainties hold between regions of one picture (k = %.0f, about 95 %%): reading the same '
                    'picture again differs by %.2f °C (Guirro 2017), and the noise of the camera is added.')
                 % (COVERAGE, REREADING_C)]
        accuracies = sorted({str(view.camera['accuracy']) for view in shown if view.camera.get('accuracy')})
        notes.append('Temperatures themselves are as exact as the camera. %s' % ' '.join(accuracies) if accuracies
                     else 'How exact the temperatures themselves are, the camera does not say.')
        blocks.append(Texts(tuple(notes), small=True))
    return Section('Regions', tuple(blocks))


def _region_table(view: View, name: str) -> Table:
    rows = tuple((REGIONS[REGIONS.index(row.region)].replace('_', ' ').capitalize(), '%d' % row.pixels,
                  _celsius(row.mean), '%.2f' % row.sd, _celsius(row.p95), _celsius(row.max),
                  _NOTHING if row.uncertainty_c is None else '±%.1f' % row.uncertainty_c) for row in view.regions)
    caption = N_('%s: temperatures in °C') if view.unit == CELSIUS else N_('%s: grey levels, no temperatures')
    return Table(caption % name, ('Region', 'Pixels', 'Mean', N_('SD'), N_('95th percentile'), 'Highest',
                                  'Uncertainty'), rows, (3, 1.4, 1.4, 1.4, 2, 1.6, 1.8), (1, 2, 3, 4, 5, 6))


def _pair_table(view: View, name: str) -> Table:
    rows = tuple((_PAIRS[row.pair], degrees_apart(row.mean, row.threshold_c), _signed(row.p95),
                  _signed(row.max), _NOTHING if row.uncertainty_c is None else '±%.1f' % row.uncertainty_c,
                  _NOTHING if row.exceeds is None else '%.1f' % row.threshold_c,
                  _NOTHING if row.exceeds is None else N_('exceeds') if row.exceeds else N_('does not exceed'))
                 for row in view.pairs)
    caption = N_('%s: left minus right in °C') if view.unit == CELSIUS else N_('%s: left minus right in grey levels')
    return Table(caption % name, ('Pair', 'Mean', N_('95th percentile'), 'Highest', 'Uncertainty', 'Threshold',
                                  'Difference'), rows, (2, 1.4, 2, 1.6, 1.8, 1.6, 2.2), (1, 2, 3, 4, 5))


def degrees_apart(value: float, threshold: float) -> str:
    """A difference with its sign, and one decimal, or two where one would read like the threshold."""
    return _unsigned_zero(('-' if value < 0 else '+') + degrees(value, threshold))


def _signs(report: Report) -> Section:
    view = report.deciding
    if view is None or not view.signs:
        return Section('Signs', ())
    rows, sources = [], set()
    for sign in view.signs:
        unit = ' °C' if sign['unit'] == DEGREES else ''
        source = 'This program' if sign['source'] == OWN else Verbatim(
            '%s%s' % (sign['source'], '' if sign['verified'] else ' *'))
        sources.add(sign['source'])
        rows.append((sign['title'], _STATES[sign['state']], _NOTHING if sign['value'] is None else Verbatim(
            (degrees_apart if sign['compares'] == 'sides' else degrees)(sign['value'], sign['threshold']) + unit),
                     Verbatim('%.1f%s' % (sign['threshold'], unit)), source, sign['sentence']))
    notes = ['* The source of this threshold was not read in full.',
             'A sign says that a number passes a threshold. It is no grade and no diagnosis.']
    notes += [Verbatim('%s: %s' % (name, SOURCES[name])) for name in sorted(sources) if name in SOURCES]
    return Section('Signs', (Table(N_('%s view') % role_of(view) if not view.frame else 'Before cooling', (
        'Sign', 'State', 'Measured', 'Threshold', 'Source', 'In words'), tuple(rows),
        (2.6, 1.4, 1.3, 1.2, 1.9, 4.2)), Texts(tuple(notes), small=True)))


def _change(report: Report) -> Section:
    prior = report.prior
    if prior is None:
        return Section('Change since the prior exam', (Texts((
            'No earlier signed exam of this patient is known here.',)),))
    lines = [N_('Compared with exam %d (%s) of %s.') % (prior.number, prior.exam_id, shown_when(prior.made))]
    if prior.other_person:
        lines.append('That exam has another name or birth date under this number.')
    if prior.other_model:
        lines.append('Another model marked the regions then.')
    if not prior.changes:
        return Section('Change since the prior exam', (Texts(tuple(lines) + ('No view was taken in both exams.',)),))
    lines.append(N_('A difference counts as changed above %.1f °C.') % prior.detectable_c)
    rows = []
    for change in prior.changes:
        rule, verdict = RULES[change.name], change.verdict.capitalize()
        rows.append((rule.title, Strong(verdict) if change.verdict == CHANGED else verdict,
                     _NOTHING if change.change is None else Verbatim(
                         degrees_apart(change.change, prior.detectable_c) + (' °C' if rule.unit == DEGREES else '')),
                     change.reason))
    return Section('Change since the prior exam', (Texts(tuple(lines)), Table(
        '', ('Sign', 'Verdict', 'Change', 'Why not'), tuple(rows), (4, 1.6, 1.4, 5))))


def _series(report: Report) -> List[Section]:
    if report.series is None:
        return []
    series, blocks = report.series, []  # type: Any, List[Any]
    fits = []
    for region, fit in series.fits.items():
        name = region.replace('_', ' ').capitalize()
        fits.append((name, _whole(fit.tau_s), _NOTHING if fit.low_s is None or fit.high_s is None or fit.tau_s is None
                     else Verbatim('%.0f - %.0f' % (fit.low_s, fit.high_s)), _whole(fit.half_time_s),
                     _share(fit.recovered), fit.refusal))
    if fits:
        blocks.append(Table('Recovery after the cooling', ('Region', 'Time constant, s', 'Interval (95 %), s',
                                                           N_('Half-time, s'), 'Recovered, %', 'Why not'), tuple(fits),
                            (2, 1.6, 1.7, 1.5, 1.5, 4.4), (1, 2, 3, 4)))
        paired = tuple((_PAIRS[pair.pair], _NOTHING if pair.tau_s is None else _signed(pair.tau_s, 0),
                        _NOTHING if pair.within_s is None else '±%.0f' % pair.within_s,
                        _NOTHING if pair.recovered is None else _signed(100 * pair.recovered, 0))
                       for pair in series.paired)
        blocks.append(Table('Left minus right', ('Pair', 'Time constant, s', 'Uncertainty, s', 'Recovered, %'), paired,
                            (2, 2, 2, 2), (1, 2, 3)))
    charts = []
    for name, regions in CURVES.items():
        seen = [region for region in regions if region in series.means_c]
        if seen:
            charts.append(Chart(_PAIRS[name], chart_of(series, seen), tuple(
                region.replace('_', ' ').capitalize() for region in seen)))
    blocks += [Charts(tuple(charts))] if charts else []
    blocks.append(Texts(('Mean temperature in °C over seconds after the cooling. Dotted: before the cooling. '
                         'No reference values were found in print.',), small=True))
    return [Section('Dynamic series', tuple(blocks))]


def _whole(value: Optional[float]) -> str:
    return _NOTHING if value is None else '%.0f' % value


def _share(value: Optional[float]) -> str:
    return _NOTHING if value is None else '%.0f' % (100 * value)


def _conditions(report: Report) -> Section:
    rows = [(what[:1].upper() + what[1:], Verbatim('%g' % report.conditions[name]))
            for name, (_, _, what) in CONDITIONS.items() if name in report.conditions]
    blocks: List[Any] = [Facts(tuple(rows))] if rows else [Texts(('No condition was noted.',))]
    if report.notes:
        blocks.append(Texts(('Notes:',) + tuple(_typed(report.notes))))
    blocks.append(Texts(('Deviations from the protocol:',) if report.deviations else
                        ('No deviation from the protocol was noted.',)))
    # A deviation is a sentence of the program, a reason that somebody typed, or both.
    blocks += [Texts(tuple(line for text in report.deviations for line in text.splitlines() if line.strip()),
                     listed=True)] if report.deviations else []
    missing = [role for role in report.left_out]
    if missing:
        blocks.append(Texts((N_('Not taken: %s.') % ', '.join(role.replace('-', ' ') for role in missing),)))
    return Section('Conditions and deviations', tuple(blocks))


def _views(report: Report) -> Section:
    rows = []
    for view in report.views:
        name = role_of(view) if not view.frame else N_('Series, picture %d') % view.frame
        scale = _NOTHING if view.scale is None else Verbatim('%.2f (±%.0f %%)' % (
            view.scale['mm_per_px'], 100 * view.scale['uncertainty']))
        outcome = 'Cannot be read' if view.trouble else 'No result' if view.refusals else 'Result'
        outlines = 'None' if not view.regions else Verbatim(view.corrected.who) if view.corrected else 'Model'
        taken = shown_time(view.taken.utc, seconds=True)[11:19]
        rows.append((Verbatim('%d' % view.number), name, _SIDES[view.side], Verbatim(taken), scale,
                     _NOTHING if view.distance_m is None else Verbatim('%.2f' % view.distance_m), outcome, outlines))
    notes = [N_('Outlines of picture %d corrected by %s on %s: %s') % (
        view.number, view.corrected.who, shown_when(view.corrected.when), view.corrected.reason)
        for view in report.views if view.corrected]
    for view in report.views:
        notes += [N_('Picture %d: %s') % (view.number, sentence) for sentence in view.warnings]
    blocks: List[Any] = [Table('', (N_('No.'), 'View', 'Side', 'Time', N_('mm per pixel'), 'Distance, m',
                                    'Outcome', 'Outlines'), tuple(rows),
                               (0.7, 2.4, 1.5, 1.4, 1.8, 1.5, 1.8, 1.8), (0, 4, 5))]
    blocks += [Texts(tuple(notes), small=True)] if notes else []
    return Section('Views', tuple(blocks) if rows else ())


def _equipment(report: Report) -> Section:
    rows: List[Tuple[str, str]] = []
    cameras: Dict[Tuple[str, str], List[View]] = {}
    for view in report.views:
        named = str(view.camera.get('name') or view.camera.get('kind') or ''), str(view.camera.get('serial') or '')
        cameras.setdefault(named, []).append(view)
    for (name, serial), views in cameras.items():
        ages = [view.camera['ffc_age_s'] for view in views if view.camera.get('ffc_age_s') is not None]
        emissivities = sorted({view.emissivity for view in views if view.emissivity is not None})
        netd = next((view.camera['netd_mk'] for view in views if view.camera.get('netd_mk')), None)
        size = next((view for view in views if view.width_px), None)
        rows += [('Camera', Verbatim(name) or 'Not known'), ('Serial number', Verbatim(serial) or 'Not known'),
                 ('Size of a frame, pixels', Verbatim('%dx%d' % (size.width_px, size.height_px)) if size
                  else 'Not known'),
                 ('Noise (NETD), mK', 'Not known' if netd is None else '%.0f' % netd),
                 ('Accuracy', next((str(view.camera['accuracy']) for view in views if view.camera.get('accuracy')),
                                   'Not known')),
                 ('Seconds since the flat-field correction', Verbatim('%.0f - %.0f' % (min(ages), max(ages))) if ages
                  else 'Not known'),
                 ('Emissivity', Verbatim(', '.join('%.2f' % value for value in emissivities)) if emissivities
                  else 'Not known')]
    for model in report.models:
        rows += [('Model', Verbatim('%s %s' % (model.get('id', ''), model.get('version', '')))),
                 ('Model SHA-256', Verbatim(str(model.get('hash', ''))))]
    backends = sorted({' '.join(map(str, view.backend.values())) for view in report.views if view.backend})
    taken = sorted({view.software for view in report.views if view.software})
    rows += [('Run by', Verbatim('; '.join(backends)) or 'Not known'),
             ('Program that took the pictures', Verbatim('thermoscreen %s' % ', '.join(taken)) if taken
              else 'Not known'),
             ('Program that made this report', Verbatim('thermoscreen %s' % __version__))]
    return Section('Equipment and software', (Facts(tuple(rows), wide=True),))


def _reading(report: Report) -> Section:
    lines = ['Temperatures are of the skin. They follow the room, the hour and the cycle, so that sides are compared.',
             'The region tables are computed from the temperatures as measured, never from the picture.',
             'Times are those of the clock on the wall, with their distance from Coordinated Universal Time (UTC).']
    if report.status == DRAFT:
        lines.append('A draft is not for use: it may change until it is signed.')
    return Section('How to read this report', (Texts(tuple(lines), small=True),))


def marks(low: float, high: float) -> List[float]:
    """Values that a scale names: both ends and round numbers between them that leave room."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 10 ** 6) if (high - low) / step <= 6)
    between = [float(value) for value in range(int(low // step + 1) * step, int(high) + 1, step)
               if 0.6 * step <= value - low and 0.6 * step <= high - value]
    return [low] + between + [high]


def texts_of(sections: Sequence[Section]) -> List[str]:
    """Every text of sections, in order."""
    found: List[str] = []
    for section in sections:
        found.append(section.title)
        for block in section.blocks:
            if isinstance(block, Facts):
                found += [text for row in block.rows for text in row]
            elif isinstance(block, Table):
                found += [block.caption, *block.head] + [text for row in block.rows for text in row]
            elif isinstance(block, Texts):
                found += block.lines
            elif isinstance(block, Figures):
                found += [text for figure in block.figures for text in (figure.title,) + figure.lines]
            else:
                found += [text for chart in block.charts for text in (chart.caption,) + chart.keys]
    return found
