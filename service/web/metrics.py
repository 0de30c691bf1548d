"""What Prometheus reads: ``/metrics``, on this machine only, without a name, a temperature or a picture of anybody."""
from flask import Blueprint, Response, current_app, request

from ..messages import ThermoscreenError
from .services import services

blueprint = Blueprint('metrics', __name__)

#: Where the registry is kept between two requests.
_KEY = 'thermoscreen-metrics'


class MetricsError(ThermoscreenError):
    """Metrics that nobody can write here."""

    http_status = 501


@blueprint.route('/metrics')
def metrics():
    """Everything that is counted, in the form that the one who asks prefers.

    Raises:
        MetricsError: ``metrics-missing`` where prometheus_client is not installed; the page works without it.
    """
    try:
        # Here, so that what nobody asks for costs no start and no memory.
        from prometheus_client.exposition import choose_encoder

        from .metric_families import make_registry
    except ImportError as error:
        raise MetricsError('metrics-missing', 'There are no metrics, because the library prometheus_client is not '
                           'installed on this device; install it as requirements/ says.', detail=str(error))
    if _KEY not in current_app.extensions:  # two first requests at once make two, which say the same
        current_app.extensions[_KEY] = make_registry(services())
    encode, kind = choose_encoder(request.headers.get('Accept', ''))
    return Response(encode(current_app.extensions[_KEY]), content_type=kind)
