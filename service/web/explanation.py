"""The page that shows where in a kept picture the finding comes from."""
from dataclasses import replace
from typing import Any, Dict, NamedTuple, Tuple, cast

import numpy as np
from flask import Blueprint, Response, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from ..exams import Exam
from ..explanation_job import Explaining, ExplanationJob, Subject
from ..kept_picture import kept_labels, kept_result
from ..messages import InputError
from ..overlay import draw_explanation, explanation_scale
from ..regions import region_masks
from ..result import Result
from ..viewing import png
from .access import CLINICAL, admits, audited
from .beside import capture_of
from .exam_forms import acquisition
from .exams import common_values, document_of
from .services import services
from .viewer import png_reply

#: Registered only where exams are kept.
blueprint = Blueprint('why', __name__, url_prefix='/exams/<exam_id>/pictures/<int:number>/why')

_CHOOSE = 'Choose a frontal picture with a result.'


class _Asked(NamedTuple):
    """The picture of an address."""

    exam: Exam
    subject: Subject
    now: Explaining
    values: Dict[str, Any]


@blueprint.route('')
@admits(*CLINICAL)
@audited('')
def page(exam_id: str, number: int) -> str:
    """What it is, how far it is, or the map."""
    asked = _asked(exam_id, number)
    shown: Dict[str, Any] = {'number': number, 'now': asked.now, 'finding': asked.values['finding']}
    if asked.now.explained is not None:
        shown['scale'] = explanation_scale(asked.now.explained)
    return render_template('exam_why.html', **shown, **common_values(asked.exam))


@blueprint.route('', methods=['POST'])
@admits(*CLINICAL)
@audited('')
def begin(exam_id: str, number: int) -> BaseResponse:
    """Begin."""
    asked = _asked(exam_id, number)
    result, labels = _as_judged(asked)
    _job().start(asked.subject, result.thermogram, labels)
    return redirect('/exams/%s/pictures/%d/why' % asked.subject, 303)


@blueprint.route('/stop', methods=['POST'])
@admits(*CLINICAL)
@audited('')
def stop(exam_id: str, number: int) -> BaseResponse:
    """Stop it, or throw away what was computed."""
    asked = _asked(exam_id, number)
    if asked.now.subject is not None:
        _job().stop()
    return redirect('/exams/%s/pictures/%d/why' % asked.subject, 303)


@blueprint.route('/map.png')
@admits(*CLINICAL)
@audited('')
def drawn(exam_id: str, number: int) -> Response:
    """The map over the picture."""
    asked = _asked(exam_id, number)
    if asked.now.explained is None:
        raise InputError('explanation-none', 'There is no explanation of this picture yet.', 'Begin it first.')
    result, labels = _as_judged(asked)
    boxes = {region: box for region, (box, _) in region_masks(labels).items()}
    return png_reply(png(draw_explanation(replace(result, labels=labels, boxes=boxes), asked.now.explained)))


def _job() -> ExplanationJob:
    return cast(ExplanationJob, services().explanations)


def _asked(exam_id: str, number: int) -> _Asked:
    exam = acquisition().exams.get(exam_id)
    values = document_of(exam, capture_of(exam, number), 'result')
    if values['finding'] is None or '%04d.labels.png' % number not in exam.files:
        raise InputError('explanation-none', 'This picture has no heat pattern that could be explained.', _CHOOSE)
    if values['bundle'] != services().pipeline.bundle.manifest.identity:
        raise InputError('explanation-model', 'Another model judged this picture.',
                         'What it relied on can be asked of that model alone.')
    return _Asked(exam, (exam.id, number), _job().of((exam.id, number)), values)


def _as_judged(asked: _Asked) -> Tuple[Result, np.ndarray]:
    """The picture with the regions that the model gave; outlines by hand are none of it."""
    exams, number = acquisition().exams, asked.subject[1]
    result = kept_result(exams, asked.exam, capture_of(asked.exam, number), asked.values)
    return result, kept_labels(exams, asked.exam, '%04d.labels.png' % number, result.thermogram.pixels.shape)
