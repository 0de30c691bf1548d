"""The support bundle from the page: for a browser on another computer, since the kiosk's downloads nothing."""
import threading
from typing import Any, Dict

from flask import Blueprint, Response, render_template

from ..messages import ThermoscreenError
from ..support import STATE, Station, make_bundle
from .access import INTEGRATOR, SUPERVISOR, admits, audited
from .services import Services, services
from .status import PERCENTILES, every_message, stage_rows

blueprint = Blueprint('support', __name__, url_prefix='/status/support')

#: Seconds that a browser waits at most.
_WHOLE_S = 40.0
#: Each takes a thread, memory and the disk.
_MAKING = threading.Lock()


class BundleBusyError(ThermoscreenError):
    """Two support bundles at once. A fault of nobody, so that it is not logged."""

    http_status = 429


@blueprint.route('')
@admits(SUPERVISOR, INTEGRATOR)
def page() -> str:
    """What is in it."""
    return render_template('support.html')


@blueprint.route('/bundle.zip')
@admits(SUPERVISOR, INTEGRATOR)
@audited('support-bundle-made')
def download() -> Response:
    """Make one.

    Raises:
        BundleBusyError: ``support-busy``.
    """
    if not _MAKING.acquire(blocking=False):
        raise BundleBusyError('support-busy', 'Another support bundle is being made.', 'Wait for it.')
    try:
        objects = services()
        made = make_bundle(Station(objects.settings, None, objects.vitals.folder or STATE, lambda: _live(objects)),
                           whole_s=_WHOLE_S)
    finally:
        _MAKING.release()
    response = Response(made.data, mimetype='application/zip')
    response.headers['Content-Disposition'] = 'attachment; filename="%s"' % made.name
    return response


def _live(objects: Services) -> Dict[str, Any]:
    """What only the running service knows."""
    stages, reading = dict(stage_rows(objects.live.latencies.read())), objects.vitals.newest
    pipeline, live = objects.pipeline, objects.live.state.values['live']
    return {'messages': [message.to_dict() for message in every_message(objects, reading, stages)],
            'stages_ms': {name: list(values) for name, values in stages.items()}, 'percentiles': list(PERCENTILES),
            'pictures': {name: live[name] for name in ('shown', 'dropped', 'rate_hz')},
            'viewers': {'pictures': objects.pictures.taken, 'values': objects.events.taken},
            'bundle': pipeline.bundle.manifest.identity,
            'backend': {name: value for name, value in pipeline.backend.items() if name != 'passed_over'},
            'telemetry': reading.values}
