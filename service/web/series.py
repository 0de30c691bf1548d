"""The pages of a dynamic series: its pictures at one span of colours, and how regions and places warm again."""
import contextlib
from typing import Any, Dict, List, Optional, Tuple

from flask import Blueprint, Response, render_template, request

from ..body import find_body
from ..comparison import Kept, Recoveries, is_late, read_rewarming, read_series, taken_s
from ..exams import DYNAMIC, Exam, ExamMissingError, Exams, guide
from ..hospital.charts import CURVES, chart_of
from ..kept_picture import kept_thermogram
from ..messages import InputError, ThermoscreenError
from ..overlay import SLOWEST, Span, automatic_span, draw_slower
from ..reading import SLOW, Rewarming
from ..result import Result
from ..viewing import png
from .access import CLINICAL, admits, audited
from .beside import kept_picture_of
from .exam_forms import acquisition
from .exams import common_values
from .responses import whole_number
from .services import services
from .viewer import asked_span, png_reply

#: Registered only where exams are kept.
blueprint = Blueprint('series', __name__, url_prefix='/exams')

#: The look with the map of places, beside those of `CURVES`.
MAP = 'map'


@blueprint.route('/<exam_id>/curves')
@admits(*CLINICAL)
@audited('exam-viewed')
def page(exam_id: str) -> str:
    """A picture of the series, ``frame``, or with ``of`` the curves of two regions or the map of places."""
    exams = acquisition().exams
    exam = exams.get(exam_id)
    captures = [capture for capture in guide.pictures_of(exam) if capture.role == DYNAMIC]
    if not captures:
        raise ExamMissingError('exam-series', 'The exam has no dynamic series.', 'Go back to the exam.')
    shown: Dict[str, Any] = {'of': request.args.get('of', ''), 'curves': list(CURVES), 'captures': captures}
    if shown['of'] in CURVES:
        shown.update(_curves(exam, shown['of']))
    elif shown['of'] == MAP:
        shown.update(found=rewarming_of(exam)[1], limit=SLOW, slowest=SLOWEST)
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


@blueprint.route('/<exam_id>/rewarming.png')
@admits(*CLINICAL)
@audited('')
def drawn(exam_id: str) -> Response:
    """The map of places over the picture from before the cooling."""
    result, found = rewarming_of(acquisition().exams.get(exam_id))
    if result is None or found.slower is None:
        raise InputError('exam-rewarming', found.sentence, 'Go back to the exam.')
    slowest = found.spots[0]
    return png_reply(png(draw_slower(result, found.slower, slowest.x_px, slowest.y_px)))


def series_of(exam: Exam) -> Recoveries:
    """How the regions of an exam's series warm again; pictures that cannot be read are left out."""
    return read_series(_kept(exam))


def rewarming_of(exam: Exam) -> Tuple[Optional[Result], Rewarming]:
    """How the places of the breasts warm again in an exam's series, and the picture that the map lies on."""
    return read_rewarming(acquisition().exams, exam, _kept(exam))


def _kept(exam: Exam) -> List[Kept]:
    kept: List[Kept] = []
    for capture in guide.pictures_of(exam):
        if capture.role == DYNAMIC:
            with contextlib.suppress(ThermoscreenError):
                kept.append(kept_picture_of(exam, capture))
    return kept


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
            'chart': chart_of(series, regions, services().settings.temperatures) if regions else None}
