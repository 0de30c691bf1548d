"""The report of an exam as plain data: everything that is printed, and how none of it looks.

Pages, PDF, structured reports and FHIR take their numbers from here, so that none of them is computed twice. What is
printed of them and in which words says `service.hospital.wording`. A report is a function of the exam, the settings and
the names of the operators: dates come from the events, and an earlier visit is taken as it was when this exam got its
last event.
"""
import contextlib
import datetime
import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import cv2

from ..body import find_body
from ..clock import UNSYNCHRONISED, Stamp, shown_day
from ..comparison import Kept, Recoveries, compare_pictures, is_other_model, pairs_of, read_series, taken_s
from ..exams import (
    AMENDED,
    CAPTURED,
    DISCARDED,
    DYNAMIC,
    GRADE,
    IMPORTED,
    IMPRESSION,
    MAMMOGRAM,
    NOTES,
    PURPOSE,
    SIGNED,
    Capture,
    Event,
    Exam,
    ExamError,
    Exams,
    Order,
    Patient,
    earlier_exams,
    guide,
    is_other,
)
from ..kept_picture import kept_result, kept_thermogram
from ..languages import N_
from ..messages import ADJUNCT_NOTICE, PROBLEM, WARNING, StorageError, ThermoscreenError
from ..operators import list_operators, places
from ..overlay import Span, automatic_span, draw_picture
from ..reading import DETECTABLE_C, STATES, Change
from ..regions import PAIRS, REGIONS, pair_name
from ..thermogram import CELSIUS, RELATIVE
from ..viewing import png
from ..views import SIDE_VIEWS

if TYPE_CHECKING:
    from .site import Site

#: What a report may be. A draft is of an exam that nobody has signed.
DRAFT, FINAL, AMENDED_REPORT = STATUSES = ('draft', 'final', 'amended')

#: Standard error of a region's mean when somebody reads the same picture again, °C [Guirro2017], of which a summary was
#: read: the highest of its figures. Its smallest detectable change of 0.78 °C is 2.77 times this.
REREADING_C = 0.28

#: Expanded uncertainties are stated with this factor, for about 95 %.
COVERAGE = 2.0

#: In which pictures are drawn: that in which an exam keeps them, unless the station has another one.
PALETTE = 'iron'

#: Height of a small picture of a series.
_SMALL_PX = 180

#: What comes of values that another station, or somebody else, has written.
_STRANGE = (AttributeError, KeyError, TypeError, ValueError)

_STATUS = {SIGNED: FINAL, AMENDED: AMENDED_REPORT}


class When(NamedTuple):
    """A date.

    Attributes:
        utc: ISO-8601 with Z.
        certain: whether a time server or a person stood for it.
    """

    utc: str
    certain: bool


class Said(NamedTuple):
    """What somebody did or said.

    Attributes:
        who: name of the operator, or the id of one who was removed.
        when: of the event.
        event: its number in the exam.
        reason, text: in their words; empty where none were asked for.
    """

    who: str
    when: When
    event: int
    reason: str = ''
    text: str = ''


class Impression(NamedTuple):
    """What a named reader makes of an exam.

    Attributes:
        said: who and when, with the impression as its text.
        grade: in a system of the reader's choice; may be empty. The program gives none.
    """

    said: Said
    grade: str = ''


class RegionRow(NamedTuple):
    """Temperatures of a region, in the unit of its picture, as its result has them.

    Attributes:
        region: of `REGIONS`.
        pixels: of the region on the body.
        mean, sd, p95, max: over them.
        uncertainty_c: expanded uncertainty of the mean against others of the same picture, °C; None for grey levels.
    """

    region: str
    pixels: int
    mean: float
    sd: float
    p95: float
    max: float
    uncertainty_c: Optional[float]


class PairRow(NamedTuple):
    """Left minus right of a pair of regions.

    Attributes:
        pair: ``'breast'``, ``'nipple'`` or ``'armpit'``.
        mean, p95, max: difference of each.
        uncertainty_c: expanded uncertainty of the difference of the means, °C; None for grey levels.
        exceeds: whether it is above `threshold_c`; None for grey levels.
        threshold_c: descriptive.
    """

    pair: str
    mean: float
    p95: float
    max: float
    uncertainty_c: Optional[float]
    exceeds: Optional[bool]
    threshold_c: float


class View(NamedTuple):
    """A picture of an exam.

    Attributes:
        number: in the exam.
        role: of `service.exams.ROLES`.
        frame: of a series; 0 for every other picture.
        taken: when.
        after_s: seconds after the cooling, in a series.
        by: who took it.
        side: that of the patient which is seen: ``'both'``, ``'right'`` or ``'left'``.
        unit: ``'celsius'`` or ``'relative'``.
        width_px, height_px: of the frame.
        scale: ``mm_per_px``, ``uncertainty`` and ``basis`` as of `Reading.to_dict`; None where it is not known.
        distance_m: from camera to patient; None where it is not known.
        camera: what the camera said of itself: ``kind``, ``name``, ``serial``, ``accuracy``, ``netd_mk``,
            ``ffc_age_s`` and others, as far as they are known.
        emissivity: that the temperatures were computed with; None where it is not known.
        refusals: why it has no result, as sentences; empty where it has one.
        warnings: what to look at, as sentences.
        sentences: the result in words.
        regions, pairs: its table.
        signs: as of `Sign.to_dict`.
        finding: as of `Result.to_dict`; None where there is none.
        corrected: who drew outlines by hand, and why; None where those of the model count.
        model: ``id``, ``version`` and ``hash`` of the bundle.
        backend: that ran it, as of `Result`.
        software: version of the program that took it.
        picture: PNG with outlines and nothing else, in palette and span of the report; empty where it was not drawn.
        trouble: why nothing of it can be read, as a sentence; empty where all can.
    """

    number: int
    role: str
    frame: int
    taken: When
    after_s: Optional[float]
    by: str
    side: str
    unit: str = CELSIUS
    width_px: int = 0
    height_px: int = 0
    scale: Optional[Mapping[str, Any]] = None
    distance_m: Optional[float] = None
    camera: Mapping[str, Any] = {}
    emissivity: Optional[float] = None
    refusals: Tuple[str, ...] = ()
    warnings: Tuple[str, ...] = ()
    sentences: Tuple[str, ...] = ()
    regions: Tuple[RegionRow, ...] = ()
    pairs: Tuple[PairRow, ...] = ()
    signs: Tuple[Mapping[str, Any], ...] = ()
    finding: Optional[Mapping[str, Any]] = None
    corrected: Optional[Said] = None
    model: Mapping[str, Any] = {}
    backend: Mapping[str, Any] = {}
    software: str = ''
    picture: bytes = b''
    trouble: str = ''


class Prior(NamedTuple):
    """An earlier visit beside this one.

    Attributes:
        exam_id, number: of it.
        made: when.
        role: of the pictures that are compared.
        changes: one for each sign.
        detectable_c: smallest change of a difference that counts.
        other_model: whether another model marked the regions.
        other_person: whether name or birth date differ.
    """

    exam_id: str
    number: int
    made: When
    role: str
    changes: Tuple[Change, ...]
    detectable_c: float
    other_model: bool
    other_person: bool


@dataclass(frozen=True)
class Report:
    """Everything that a report prints.

    Attributes:
        exam_id, number: of the exam.
        status: of `STATUSES`.
        event: number of the last event of the exam.
        institution, department, station: of the site; may be empty.
        patient: with her number as first and name and birth date as second identifier.
        age_years: at the exam; None where birth date or date are not known.
        begun: when the exam was made.
        protocol: of `service.exams.guide.PROTOCOLS`.
        conditions: as of `Exams.conditions`, without what was told in words.
        notes: may be empty.
        purpose: what the exam is for, as somebody said at the station, or else the worklist; may be empty.
        last_mammogram: as of `service.exams.texts.MAMMOGRAM`; empty where nobody said.
        deviations: from the protocol, as sentences.
        views: the pictures that count, in the order of the protocol.
        left_out: roles that the protocol asks for and that were not taken.
        span: in which all pictures with temperatures are drawn; None where there are none.
        grey_span: the same of pictures without temperatures.
        palette: in which they are drawn.
        series: how regions warm again; None without a dynamic series.
        prior: None where no earlier signed exam of the patient is known.
        impression: None where nobody gave one.
        signed: None for a draft.
        amendments: in their order.
        language: in which it is printed.
        order: what the worklist said; None for an exam that was not scheduled.
        came: who took the exam in from elsewhere, and when; None for one that was made here.
        moved_from: id of the exam of the wrong patient that it was made of; empty for any other.
        notice: the adjunct notice.
    """

    exam_id: str
    number: int
    status: str
    event: int
    institution: str
    department: str
    station: str
    patient: Patient
    age_years: Optional[int]
    begun: When
    protocol: str
    conditions: Mapping[str, Any]
    notes: str
    purpose: str
    last_mammogram: str
    deviations: Tuple[str, ...]
    views: Tuple[View, ...]
    left_out: Tuple[str, ...]
    span: Optional[Span]
    grey_span: Optional[Span]
    palette: str
    series: Optional[Recoveries]
    prior: Optional[Prior]
    impression: Optional[Impression]
    signed: Optional[Said]
    amendments: Tuple[Said, ...]
    language: str = 'en'
    order: Optional[Order] = None
    came: Optional[Said] = None
    moved_from: str = ''
    notice: str = ADJUNCT_NOTICE

    @property
    def deciding(self) -> Optional[View]:
        """The view whose differences and signs count: the frontal one, or else the first; None without pictures."""
        return next((view for view in self.views if view.role == guide.NEEDED), self.views[0] if self.views else None)

    @property
    def models(self) -> List[Mapping[str, Any]]:
        """Every model that judged a picture, once."""
        return list({view.model.get('hash'): view.model for view in self.views if view.model}.values())


def report_of(exams: Exams, exam: Exam, site: 'Site', drawn: bool = True) -> Report:
    """The report of an exam.

    Args:
        exams: where it is kept.
        exam: in any state but discarded; one that is not signed gives a draft.
        site: as the settings say it.
        drawn: whether pictures are drawn; False where only numbers are needed.

    Raises:
        ExamError: ``report-discarded``; ``exams-locked``.
        ExamUnreadableError, StorageError, SealError: as of `Exams.private` and `Exams.list`. A picture that cannot be
            read does not raise: the report says so.
    """
    if exam.moved:
        raise ExamError('report-discarded', 'The exam was moved to the right patient, and its report with it.',
                        'Look at exam %s.' % exam.moved_to)
    if exam.state == DISCARDED:
        raise ExamError('report-discarded', 'The exam was given up, so it has no report.', 'Choose another one.')
    return _Maker(exams, exam, site).report(drawn)


def when_of(stamp: Stamp) -> When:
    """The date of an event."""
    return When(stamp.utc, stamp.clock != UNSYNCHRONISED)


def age_at(birth_date: str, day: str) -> Optional[int]:
    """Whole years from one date to another, both ``YYYY-MM-DD``; None where one is none, or comes before birth."""
    try:
        born, then = (datetime.datetime.strptime(text, '%Y-%m-%d') for text in (birth_date, day))
    except ValueError:
        return None
    years = then.year - born.year - ((then.month, then.day) < (born.month, born.day))
    return years if years >= 0 else None


class _Maker:
    """Makes one report."""

    def __init__(self, exams: Exams, exam: Exam, site: 'Site') -> None:
        self.exams, self.exam, self.site = exams, exam, site
        self.names: Dict[str, str] = {}
        with contextlib.suppress(StorageError):
            self.names = {operator.id: operator.name
                          for operator in list_operators(places(exams.folder).operators)}
        self.taken = [event for event in exam.events if event.kind == CAPTURED]

    def report(self, drawn: bool) -> Report:
        exam, exams = self.exam, self.exams
        captures = guide.pictures_of(exam)
        spans = self._spans(captures)
        views, kept = [], []
        for capture in captures:
            view = self._view(capture)
            try:
                one = self._kept(exam, capture)
                view = self._filled(view, one)
                if drawn:
                    view = view._replace(picture=self._drawn(one, spans))
                kept.append(one)
            except ThermoscreenError as error:
                view = view._replace(trouble=error.message.sentence)
            except _STRANGE:
                view = view._replace(trouble='What was kept with this picture is not what this program writes.')
            views.append(view)
        conditions = exams.conditions(exam)
        notes, purpose, mammogram = (str(conditions.pop(name, '')) for name in (NOTES, PURPOSE, MAMMOGRAM))
        order = exams.order(exam)
        patient, begun = exams.patient(exam), when_of(exam.events[0].stamp)
        signatures = [event for event in exam.events if event.kind == SIGNED]
        came = [event for event in exam.events if event.kind == IMPORTED]
        series = [one for one in kept if one.capture.role == DYNAMIC]
        return Report(
            exam.id, exam.number, _STATUS.get(exam.state, DRAFT), exam.events[-1].number, self.site.institution,
            self.site.department, self.site.station_name, patient,
            age_at(patient.birth_date, shown_day(begun.utc)) if begun.certain else None, begun, guide.protocol_of(exam),
            conditions, notes, purpose or (order.purpose if order else ''), mammogram,
            tuple(exams.deviations(exam)), tuple(views),
            tuple(role for role in guide.views_of(exam) if all(view.role != role for view in views)),
            spans.get(CELSIUS), spans.get(RELATIVE), PALETTE, read_series(series) if series else None,
            self._prior(patient, spans.get(CELSIUS)), self._impression(),
            self._said(signatures[-1]) if signatures else None,
            tuple(self._said(event) for event in exam.events if event.kind == AMENDED), self.site.language,
            order, self._said(came[-1]) if came else None,
            str(came[-1].facts.get('moved_from', '')) if came else '')

    def _said(self, event: Event) -> Said:
        private = self.exams.private(self.exam, event.number)
        reason = N_('Impression of a reader') if IMPRESSION in private else str(private.get('reason', ''))
        return Said(self._name(event), when_of(event.stamp), event.number, reason,
                    str(private.get('text', private.get(IMPRESSION, ''))))

    def _name(self, event: Event) -> str:
        return self.names.get(event.operator, event.operator)

    def _impression(self) -> Optional[Impression]:
        found = self.exams.impression(self.exam)
        if found is None:
            return None
        event, private = found
        said = Said(self._name(event), when_of(event.stamp), event.number, '', str(private[IMPRESSION]))
        return Impression(said, str(private.get(GRADE, '')))

    def _spans(self, captures: Sequence[Capture]) -> Dict[str, Span]:
        """One span for all pictures of a unit, to whole degrees or levels; what cannot be read has no part in it."""
        spans: Dict[str, List[Span]] = {}
        for capture in captures:
            with contextlib.suppress(ThermoscreenError):
                thermogram = kept_thermogram(self.exams, self.exam, capture)
                spans.setdefault(thermogram.unit, []).append(automatic_span(thermogram, find_body(thermogram)))
        return {unit: (math.floor(min(low for low, _ in found)), math.ceil(max(high for _, high in found)))
                for unit, found in spans.items()}

    def _kept(self, exam: Exam, capture: Capture) -> Kept:
        """What counts of a picture; errors as of `Exams.read_file`."""
        def read(kind: str) -> Any:
            return json.loads(self.exams.read_file(exam, exam.counting(capture.number, kind)).decode('utf-8'))
        has_signs = exam.counting(capture.number, 'signs.json') in exam.files
        return Kept(capture, read('result.json'), read('signs.json') if has_signs else None)

    def _view(self, capture: Capture) -> View:
        """What the events say of a picture."""
        event, role, facts = self.taken[capture.number - 1], capture.role, capture.facts
        side = role.partition('-')[0] if role in SIDE_VIEWS else 'both'
        correction = self.exam.correction(capture.number)
        return View(capture.number, role, capture.frame, when_of(event.stamp), taken_s(capture), self._name(event),
                    side, facts.get('unit') or CELSIUS, camera=_camera(facts.get('camera') or {}),
                    corrected=None if correction is None else self._said(correction), model=facts.get('bundle') or {},
                    backend=facts.get('backend') or {}, software=str(facts.get('software', '')))

    def _filled(self, view: View, kept: Kept) -> View:
        """A picture with its values."""
        values, signs = kept.result, kept.signs or {}
        said: Dict[str, Tuple[str, ...]] = {
            severity: tuple(check['sentence'] for check in values['checks'] if check['severity'] == severity)
            for severity in (PROBLEM, WARNING)}
        return view._replace(
            unit=values['unit'], width_px=values['size']['width_px'], height_px=values['size']['height_px'],
            scale=_scale(signs.get('scale')), distance_m=_number(signs.get('distance_m')),
            emissivity=_number(values['provenance'].get('emissivity')), refusals=said[PROBLEM], warnings=said[WARNING],
            sentences=tuple(map(str, values['sentences'])), regions=_regions(values, view.camera),
            pairs=_pairs(values, view.camera), signs=tuple(map(_sign, signs.get('signs', ()))),
            finding=_finding(values['finding']), model=values['bundle'], backend=values['backend'])

    def _drawn(self, kept: Kept, spans: Mapping[str, Span]) -> bytes:
        result = kept_result(self.exams, self.exam, kept.capture, kept.result)
        picture = draw_picture(result, PALETTE, 'original', spans.get(result.thermogram.unit), outlined=True)
        if kept.capture.frame:
            width = int(round(picture.shape[1] * _SMALL_PX / float(picture.shape[0])))
            picture = cv2.resize(picture, (width, _SMALL_PX), interpolation=cv2.INTER_AREA)
        return png(picture)

    def _prior(self, patient: Patient, span: Optional[Span]) -> Optional[Prior]:
        """The latest earlier visit, as it was when this exam got its last event."""
        for entry in earlier_exams(self.exams, self.exam):
            with contextlib.suppress(ThermoscreenError, *_STRANGE):
                whole = self.exams.get(entry.row.id)
                events = tuple(event for event in whole.events if event.seq < self.exam.events[-1].seq)
                if any(event.kind == SIGNED for event in events):
                    return self._compared(patient, replace(whole, events=events), span)
        return None

    def _compared(self, patient: Patient, before: Exam, span: Optional[Span]) -> Prior:
        role, other_model = '', False
        changes: Tuple[Change, ...] = ()
        pair = next((pair for pair in pairs_of(self.exam, before) if pair.now and pair.before), None)
        if pair is not None and pair.now is not None and pair.before is not None:
            now, earlier = self._kept(self.exam, pair.now), self._kept(before, pair.before)
            role, changes = pair.role, compare_pictures(now, earlier, span)
            other_model = is_other_model(now, earlier)
        return Prior(before.id, before.number, when_of(before.events[0].stamp), role, changes, DETECTABLE_C,
                     other_model, is_other(patient, self.exams.patient(before)))


def _noise_c(camera: Mapping[str, Any], pixels: int) -> float:
    """Standard error of a mean from the noise of its pixels, °C; 0 where the noise is not known."""
    return float(camera.get('netd_mk') or 0.0) / 1000 / math.sqrt(max(1, pixels))


def _number(value: Any) -> Optional[float]:
    """A number that may be missing."""
    return None if value is None else float(value)


def _camera(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a camera said of itself; numbers that are none are left out."""
    return {key: value for key, value in facts.items()
            if isinstance(value, (int, float)) or key not in ('netd_mk', 'ffc_age_s')}


def _scale(values: Optional[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    return values and dict(values, **{key: float(values[key]) for key in ('mm_per_px', 'uncertainty')})


def _finding(values: Optional[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    return values and dict(values, probability=float(values['probability']), threshold=float(values['threshold']),
                           meaning=str(values['meaning']), note=str(values['note']))


def _sign(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A sign as it is printed."""
    if values['state'] not in STATES or not all(isinstance(values[key], str) for key in (
            'title', 'unit', 'source', 'compares', 'sentence')):
        raise ValueError('no sign')
    return dict(values, value=_number(values['value']), threshold=float(values['threshold']),
                verified=bool(values['verified']))


def _regions(values: Mapping[str, Any], camera: Mapping[str, Any]) -> Tuple[RegionRow, ...]:
    in_celsius = values['unit'] == CELSIUS
    return tuple(RegionRow(
        name, int(entry['n']), float(entry['mean']), float(entry['sd']), float(entry['p95']), float(entry['max']),
        round(COVERAGE * math.hypot(REREADING_C, _noise_c(camera, entry['n'])), 3) if in_celsius else None)
        for name, entry in ((name, values['regions'][name]) for name in REGIONS[1:] if name in values['regions']))


def _pairs(values: Mapping[str, Any], camera: Mapping[str, Any]) -> Tuple[PairRow, ...]:
    rows, regions = [], values['regions']
    for right, left in PAIRS:
        entry = values['differences'].get(pair_name(right))
        if entry is None:
            continue
        noise = [_noise_c(camera, regions[REGIONS[side]]['n']) for side in (right, left)]
        within = round(COVERAGE * math.sqrt(2 * REREADING_C ** 2 + noise[0] ** 2 + noise[1] ** 2), 3)
        rows.append(PairRow(pair_name(right), float(entry['mean']), float(entry['p95']), float(entry['max']),
                            within if values['unit'] == CELSIUS else None, entry['exceeds'],
                            float(entry['threshold_c'])))
    return tuple(rows)

