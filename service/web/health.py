"""Two answers for supervisors: the service lives, part by part, and the service works."""
from flask import Blueprint

from .replies import json_reply
from .services import services

#: A picture older than this is not live, whatever the camera says.
MAX_AGE_S = 5.0

blueprint = Blueprint('health', __name__)


@blueprint.route('/healthz')
def lives():
    """200 while no part hangs; otherwise 503 with the sentence of the one that hangs longest. Both with every part."""
    heartbeats = services().live.heartbeats
    trouble = heartbeats.trouble()
    parts = heartbeats.report()
    if trouble is None:
        return json_reply({'status': 'alive', 'parts': parts})
    return json_reply({'status': 'hangs', 'code': trouble['code'], 'message': trouble['sentence'], 'parts': parts}, 503)


@blueprint.route('/readiness')
def works():
    """200 while the live picture runs; otherwise 503 with the code and sentence of what stopped."""
    live = services().live
    status = live.state.status
    if not status.running:
        return _not_ready(status.code, status.sentence)
    pulse = live.pulse()
    if pulse['age_ms'] > MAX_AGE_S * 1e3:
        return _not_ready(pulse['doing'] + '-waiting', 'There has been no new picture for a while.')
    return json_reply({'status': 'ready'})


def _not_ready(code, message):
    return json_reply({'status': 'not ready', 'code': code, 'message': message}, 503)
