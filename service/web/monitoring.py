"""Answers for supervisors and for Prometheus: alive, ready, and the metrics; on this machine only."""
import re

from flask import Blueprint, Response, current_app, request

from ..messages import InputError, Message, ThermoscreenError
from .access import ANYONE, INTEGRATOR, SUPERVISOR, TOKEN, admits
from .responses import json_reply
from .services import services

#: A picture older than this is not live, whatever the camera reports.
MAX_AGE_S = 5.0

#: Of a format, such as 1.0.0.
_VERSION = re.compile(r'[0-9]{1,3}(\.[0-9]{1,3}){0,2} *')

#: Where the registry is kept between two requests.
_REGISTRY = 'thermoscreen-metrics'

blueprint = Blueprint('monitoring', __name__)


class MetricsError(ThermoscreenError):
    """Metrics that cannot be written here."""

    http_status = 501


@blueprint.route('/healthz')
@admits(ANYONE, while_waiting=True)
def health() -> Response:
    """200 while no part is stuck, else 503 with the message of the one stuck longest; both with every part."""
    heartbeats = services().live.heartbeats
    trouble = heartbeats.trouble()
    parts = heartbeats.report()
    if trouble is None:
        return json_reply({'status': 'alive', 'parts': parts})
    return json_reply(dict(trouble.to_dict(), status='stuck', parts=parts), 503)


@blueprint.route('/readiness')
@admits(ANYONE, while_waiting=True)
def readiness() -> Response:
    """200 while the live picture runs; otherwise 503 with the message of what stopped."""
    live = services().live
    state = live.state
    if not state.running:
        return _not_ready(state.status)
    pulse = live.pulse()
    if pulse['age_ms'] > MAX_AGE_S * 1e3:
        return _not_ready(Message(pulse['doing'] + '-waiting', 'There has been no new picture for a while.',
                                  subject=pulse['doing']))
    return json_reply({'status': 'ready'})


@blueprint.route('/metrics')
@admits(SUPERVISOR, INTEGRATOR, TOKEN)
def metrics() -> Response:
    """Everything that is counted, in the format that the client prefers.

    No name, temperature or picture of a patient is among it.

    Raises:
        MetricsError: ``metrics-missing`` where prometheus_client is not installed; the page works without it.
        InputError: ``accept-refused`` for a format with a version that is none.
    """
    try:
        # Here, so that it costs no start-up time and no memory where nobody asks.
        from prometheus_client.exposition import choose_encoder

        from .metric_families import make_registry
    except ImportError as error:
        raise MetricsError('metrics-missing', 'There are no metrics, because the library prometheus_client is not '
                           'installed on this device.', 'Install it as requirements/ says.', detail=str(error))
    if _REGISTRY not in current_app.extensions:  # two first requests at once make two equal ones
        current_app.extensions[_REGISTRY] = make_registry(services())
    accept = request.headers.get('Accept', '')
    # The library compares what stands there with numbers.
    if not all(map(_VERSION.fullmatch, re.findall('version=([^;,]*)', accept))):
        raise InputError('accept-refused', 'The header Accept names a version that is no version.',
                         'Ask for text/plain or application/openmetrics-text;version=1.0.0.')
    encode, content_type = choose_encoder(accept)
    return Response(encode(current_app.extensions[_REGISTRY]), content_type=content_type)


def _not_ready(message: Message) -> Response:
    return json_reply(dict(message.to_dict(), status='not ready'), 503)
