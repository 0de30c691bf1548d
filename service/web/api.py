"""The API for other programs: ``/api/v1``, as `openapi.json` describes it.

The document is written by hand; tests compare it with the routes and hold every answer against it.
"""
import functools
import os
from typing import Any, Dict

from flask import Blueprint, Response

from .. import __version__
from ..messages import worst
from .access import ANYONE, TOKEN, admits
from .files import requested_file, result_reply
from .responses import json_reply, text_reply
from .services import services
from .status import PERCENTILES, every_message, percentiles, stage_rows

blueprint = Blueprint('api', __name__, url_prefix='/api/v1')

#: Parts of the manifest that are told as they are.
_STATED = ('created', 'intended_use', 'limits', 'training_data')


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
def results() -> Response:
    """The result of one file of the device, analysed now."""
    return result_reply(requested_file())


def _backend() -> Dict[str, Any]:
    return {key: value for key, value in services().pipeline.backend.items() if key != 'passed_over'}


@functools.lru_cache(maxsize=None)
def _document() -> str:
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'openapi.json'), encoding='utf-8') as stream:
        return stream.read()
