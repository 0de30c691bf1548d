"""The page on which outlines of a kept picture are corrected by hand."""
from typing import Any, Dict, Mapping

from flask import Blueprint, Response, render_template

from ..correction import Kept, drawn, outlines_of
from ..exams import guide
from ..messages import ThermoscreenError
from ..reading import MET
from .access import CLINICAL, admits, audited
from .exam_forms import acquisition, drawn_outlines
from .exams import common_values
from .responses import json_reply, note_fault

#: Registered only where exams are kept.
blueprint = Blueprint('outlines', __name__, url_prefix='/exams')

def _kept(exam_id: str, number: int) -> Kept:
    exams = acquisition().exams
    return Kept(exams, exams.get(exam_id), number)


@blueprint.route('/<exam_id>/pictures/<int:number>/outlines')
@admits(*CLINICAL)
@audited('exam-viewed')
def page(exam_id: str, number: int) -> str:
    """A picture without its outlines, and the outlines to be drawn over it."""
    kept = _kept(exam_id, number)
    size = kept.document['size']
    return render_template('exam_outlines.html', number=number, width=size['width_px'], height=size['height_px'],
                           outlines=outlines_of(kept.labels), version=kept.version,
                           because=guide.CORRECTED_BECAUSE, **common_values(kept.exam))


@blueprint.route('/<exam_id>/pictures/<int:number>/tried', methods=['POST'])
@admits(*CLINICAL)
@audited('')
def tried(exam_id: str, number: int) -> Response:
    """What outlines would change: the numbers that count now and those that would. Nothing is kept."""
    try:
        kept = _kept(exam_id, number)
        after = kept.recompute(drawn(kept.labels, drawn_outlines()))
    except ThermoscreenError as error:
        note_fault(error)
        return json_reply(error.message.to_dict(), error.http_status)
    return json_reply({'unit': after.document['unit'], 'after': _numbers(after.document, after.signs),
                       'before': _numbers(kept.counting('result'), kept.counting('signs'))})


def _numbers(document: Mapping[str, Any], signs: Mapping[str, Any]) -> Dict[str, Any]:
    means: Dict[str, Any] = {name: entry['mean'] for name, entry in document['regions'].items()}
    difference = document['differences'].get('breast')
    return {'regions': means, 'difference': difference and abs(difference['mean']),
            'met': sum(sign['state'] == MET for sign in signs.get('signs', ()))}
