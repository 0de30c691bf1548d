"""The pages of a dynamic series: its pictures one by one at one span of colours, and how the regions warm again."""
import contextlib
from typing import Any, Dict, List, Optional, Tuple

from flask import Blueprint, render_template, request

from ..body import find_body
from ..comparison import Kept, Recoveries, is_late, read_series, taken_s
from ..exams import DYNAMIC, Exam, ExamMissingError, Exams, guide
from ..kept_picture import kept_thermogram
from ..messages import ThermoscreenError
from ..overlay import Span, automatic_span
from ..reading import fitted
from ..regions import NECK, PAIRS, REGIONS, pair_name
from .access import CLINICAL, admits, audited
from .beside import kept_picture_of
from .exam_forms import acquisition
from .exams import common_values
from .responses import whole_number
from .viewer import asked_span

#: Registered only where exams are kept.
blueprint = Blueprint('series', __name__, url_prefix='/exams')

#: Regions of one drawing, by its name: right and left, or the neck alone.
CURVES: Dict[str, Tuple[str, ...]] = dict({pair_name(right): (REGIONS[right], REGIONS[left]) for right, left in PAIRS},
                                          neck=(REGIONS[NECK],))

#: Of the drawing, in its own units; room for numbers at the left and below; smallest span of temperatures.
_WIDTH, _HEIGHT, _LEFT, _BELOW = 600, 320, 64, 34
_LEAST_C = 1.0
#: Points of a fitted curve.
_POINTS = 60


@blueprint.route('/<exam_id>/curves')
@admits(*CLINICAL)
@audited('exam-viewed')
def page(exam_id: str) -> str:
    """A picture of the series, ``frame``, or with ``of`` the curves of two regions."""
    exams = acquisition().exams
    exam = exams.get(exam_id)
    captures = [capture for capture in guide.pictures_of(exam) if capture.role == DYNAMIC]
    if not captures:
        raise ExamMissingError('exam-series', 'The exam has no dynamic series.', 'Go back to the exam.')
    shown: Dict[str, Any] = {'of': request.args.get('of', ''), 'curves': list(CURVES), 'captures': captures}
    if shown['of'] in CURVES:
        shown.update(_curves(exam, shown['of']))
    else:
        shown['of'] = ''
        place = min(max(whole_number('frame'), 1), len(captures)) - 1
        capture = captures[place]
        shown.update(place=place, capture=capture, late=is_late(capture), taken_s=taken_s(capture),
                     span=asked_span() or _span(exams, exam))
        try:
            shown['kept'] = kept_picture_of(exam, capture)
        except ThermoscreenError as error:
            shown['trouble'] = error.message
    return render_template('exam_curves.html', **shown, **common_values(exam))


def series_of(exam: Exam) -> Recoveries:
    """How the regions of an exam's series warm again; pictures that cannot be read are left out."""
    kept: List[Kept] = []
    for capture in guide.pictures_of(exam):
        if capture.role == DYNAMIC:
            with contextlib.suppress(ThermoscreenError):
                kept.append(kept_picture_of(exam, capture))
    return read_series(kept)


def _span(exams: Exams, exam: Exam) -> Optional[Span]:
    """One span for all pictures: from before the cooling, when it is warmest, its end, and the last picture."""
    captures = [capture for capture in guide.pictures_of(exam) if capture.role == DYNAMIC]
    spans = []
    for capture in {one.number: one for one in captures[:2] + captures[-1:]}.values():
        try:
            thermogram = kept_thermogram(exams, exam, capture)
        except ThermoscreenError:
            continue
        if thermogram.is_celsius:
            spans.append(automatic_span(thermogram, find_body(thermogram)))
    if not spans:
        return None
    return round(min(low for low, _ in spans), 1), round(max(high for _, high in spans), 1)


def _curves(exam: Exam, name: str) -> Dict[str, Any]:
    series = series_of(exam)
    regions = [region for region in CURVES[name] if region in series.means_c]
    return {'regions': [(region, series.fits.get(region)) for region in CURVES[name]],
            'paired': next((pair for pair in series.paired if pair.pair == name), None),
            'chart': _chart(series, regions) if regions else None}


def _chart(series: Recoveries, regions: List[str]) -> Dict[str, Any]:
    """Points, fitted curves and levels before the cooling, in units of the drawing."""
    start_s = series.times_s[0]
    length_s = max(series.times_s[-1] - start_s, 1.0)
    values = [value for region in regions for value in series.means_c[region] if value == value]
    values += [series.before_c[region] for region in regions if region in series.before_c]
    missing = max(0.0, _LEAST_C - (max(values) - min(values))) / 2
    low, high = min(values) - missing - 0.1, max(values) + missing + 0.1

    def x(seconds: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 10) * seconds / length_s, 1)

    def y(celsius: float) -> float:
        return round((_HEIGHT - _BELOW) * (high - celsius) / (high - low), 1)

    times = [length_s * point / (_POINTS - 1) for point in range(_POINTS)]
    lines = []
    for region in regions:
        fit = series.fits[region]
        before = series.before_c.get(region)
        lines.append({
            'points': [(x(time - start_s), y(value)) for time, value in zip(series.times_s, series.means_c[region])
                       if value == value],
            'curve': ' '.join('%s,%s' % (x(time), y(value)) for time, value in zip(times, fitted(fit, times))),
            'before': None if before is None else y(before)})
    step_c = next(step for step in (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 1000.0) if (high - low) / step <= 6)
    degrees = [step_c * number for number in range(int(low // step_c) + 1, int(high // step_c) + 1)]
    step_s = next(step for step in (1, 5, 15, 60, 120, 300, 100000) if length_s / step <= 6)
    return {'width': _WIDTH, 'height': _HEIGHT, 'left': _LEFT, 'floor': _HEIGHT - _BELOW, 'lines': lines,
            'degrees': [('%.1f' % degree, y(degree)) for degree in degrees],
            'seconds': [('%d' % second, x(second)) for second in range(0, int(length_s) + 1, step_s)]}
