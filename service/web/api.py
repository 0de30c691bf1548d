"""The API for other programs: ``/api/v1``, as `openapi.json` describes it.

The document is written by hand; tests compare it with the routes and hold every answer against it.
"""
import functools
import os
from typing import TYPE_CHECKING, Any, Callable, Dict

from flask import Blueprint, Response, request

from .. import __version__
from ..messages import InputError, worst
from .access import ANYONE, CLINICAL, TOKEN, actor, admits, audited
from .exam_forms import ACTS, acquisition, begin
from .exams import exam_file_reply
from .files import requested_file, result_reply
from .report import report_numbers
from .responses import json_reply, text_reply, whole_number
from .series import rewarming_of, series_of
from .services import services
from .similar import gallery, similar_to
from .status import PERCENTILES, every_message, percentiles, stage_rows

if TYPE_CHECKING:
    from ..exams import Capture, Event, Exam

blueprint = Blueprint('api', __name__, url_prefix='/api/v1')

#: Parts of the manifest that are told as they are.
_STATED = ('created', 'intended_use', 'limits', 'training_data')

#: Exams of one page; parts of a row and of a capture that are told.
_PAGE = 50
_ROW = ('number', 'id', 'state', 'captures', 'created', 'clock', 'operator', 'encrypted')
_FACTS = ('outcome', 'view', 'unit', 'checks', 'bundle', 'software')


@blueprint.route('/openapi.json')
@admits(ANYONE)
def document() -> Response:
    """The description of the API."""
    return text_reply(_document())


@blueprint.route('/status')
@admits(TOKEN)
def status() -> Response:
    """How the station is, in the messages of its status page."""
    objects = services()
    stages = dict(stage_rows(objects.live.latencies.read()))
    messages = every_message(objects, objects.vitals.newest, stages)
    return json_reply({'severity': worst(*(message.severity for message in messages)), 'version': __version__,
                       'live': objects.live.state.running, 'messages': [message.to_dict() for message in messages]})


@blueprint.route('/bundle')
@admits(TOKEN)
def bundle() -> Response:
    """The model that runs, and what runs it."""
    pipeline = services().pipeline
    manifest = pipeline.bundle.manifest
    return json_reply(dict(manifest.identity, finding=manifest.finding, backend=_backend(),
                           **{key: manifest[key] for key in _STATED}))


@blueprint.route('/benchmark')
@admits(TOKEN)
def benchmark() -> Response:
    """How long the newest live pictures took, with the conditions that the figures hold for."""
    objects = services()
    camera = objects.live.state.values['live']['camera']
    keys = ['p%d_ms' % percent for percent in PERCENTILES] + ['longest_ms']
    stages = {stage: dict(zip(keys, (round(value, 3) for value in percentiles(times.recent_ms))),
                          n=len(times.recent_ms))
              for stage, times in objects.live.latencies.read().items()}
    return json_reply({
        'bundle': objects.pipeline.bundle.manifest.identity, 'backend': _backend(),
        'camera': {key: camera.get(key) for key in ('kind', 'width', 'height', 'rate_hz')},
        'machine': objects.vitals.newest.values.get('machine', {}), 'stages': stages})


@blueprint.route('/results')
@admits(TOKEN)
@audited('file-viewed')
def results() -> Response:
    """The result of one file of the device, analysed now."""
    try:
        return result_reply(requested_file())
    except InputError as error:
        if error.code == 'frame-missing':  # the request is right, and what it asks for is not there
            error.http_status = 404
        raise


@blueprint.route('/exams')
@admits(TOKEN)
@audited('exams-searched')
def exams() -> Response:
    """A page of exams, the newest first, without the names of patients, and where the next page begins."""
    limit = whole_number('limit', _PAGE)
    entries = acquisition().exams.list(request.args.get('query', ''), request.args.get('state', ''),
                                       whole_number('after', 0), limit)
    rows = [entry.row._asdict() for entry in entries]
    return json_reply({'exams': [{key: row[key] for key in _ROW} for row in rows],
                       'next': rows[-1]['number'] if len(rows) == limit else None})


@blueprint.route('/exams', methods=['POST'])
@admits(*CLINICAL)
def exam_begun() -> Response:
    """Begin an exam."""
    return json_reply(_exam(begin()), 201)


@blueprint.route('/exams/<exam_id>')
@admits(TOKEN)
@audited('exam-viewed')
def exam(exam_id: str) -> Response:
    """An exam: what happened to it, and its captures; nothing that says of whom it is."""
    return json_reply(_exam(acquisition().exams.get(exam_id)))


@blueprint.route('/exams/<exam_id>/captures')
@admits(TOKEN)
@audited('exam-viewed')
def captures(exam_id: str) -> Response:
    """The captures of an exam."""
    return json_reply({'captures': _exam(acquisition().exams.get(exam_id))['captures']})


@blueprint.route('/exams/<exam_id>/series')
@admits(TOKEN)
@audited('exam-viewed')
def series(exam_id: str) -> Response:
    """How the regions of the dynamic series of an exam warm again, and the places of each breast."""
    exam = acquisition().exams.get(exam_id)
    return json_reply(dict(series_of(exam).to_dict(), rewarming=rewarming_of(exam)[1].to_dict()))


@blueprint.route('/exams/<exam_id>/report')
@admits(TOKEN)
@audited('exam-viewed')
def report(exam_id: str) -> Response:
    """The numbers of the report of an exam; nothing that says of whom it is, and nothing that somebody typed."""
    return json_reply(report_numbers(acquisition().exams.get(exam_id)))


@blueprint.route('/exams/<exam_id>/similar')
@admits(TOKEN)
@audited('exam-viewed')
def similar(exam_id: str) -> Response:
    """The most similar signed exams of other patients; nothing that says of whom they are."""
    gallery().read()
    found = similar_to(acquisition().exams.get(exam_id))
    return json_reply({'compared': found.compared, 'others': found.others, 'exams': [
        {'id': one.exam_id, 'number': one.number, 'picture': one.picture, 'distance': round(one.distance, 6)}
        for one in found.neighbours]})


@blueprint.route('/exams/<exam_id>/files/<name>')
@admits(TOKEN)
@audited('exam-viewed')
def exam_file(exam_id: str, name: str) -> Response:
    """A file of an exam, decrypted."""
    return exam_file_reply(exam_id, name)


def _acting(act: str) -> Callable[[str], Response]:
    """The view that does something to an exam."""
    @admits(*CLINICAL)
    def view(exam_id: str) -> Response:
        return json_reply(_exam(ACTS[act](acquisition(), exam_id, actor())), 201 if act == 'captures' else 200)

    return view


for _act in ACTS:
    blueprint.add_url_rule('/exams/<exam_id>/' + _act, 'exam_' + _act, _acting(_act), methods=['POST'])


def _exam(exam: 'Exam') -> Dict[str, Any]:
    return {'id': exam.id, 'number': exam.number, 'state': exam.state, 'encrypted': exam.encrypted,
            'events': [_event(event) for event in exam.events],
            'captures': [_capture(exam, capture) for capture in exam.captures]}


def _event(event: 'Event') -> Dict[str, Any]:
    return {'number': event.number, 'seq': event.seq, 'kind': event.kind, 'operator': event.operator,
            'utc': event.stamp.utc, 'clock': event.stamp.clock}


def _capture(exam: 'Exam', capture: 'Capture') -> Dict[str, Any]:
    facts = {key: capture.facts[key] for key in _FACTS}
    correction = exam.correction(capture.number)
    return dict(facts, number=capture.number, role=capture.role, frame=capture.frame,
                files={name: file._asdict() for name, file in capture.files.items()},
                outlines_version=exam.outlines(capture.number),
                correction=correction and dict(_event(correction), files={
                    name: exam.files[name]._asdict() for name in correction.facts['files']}))


def _backend() -> Dict[str, Any]:
    return {key: value for key, value in services().pipeline.backend.items() if key != 'passed_over'}


@functools.lru_cache(maxsize=None)
def _document() -> str:
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'openapi.json'), encoding='utf-8') as stream:
        return stream.read()
