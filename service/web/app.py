"""The application factory."""
from flask import Flask

from ..messages import ADJUNCT_NOTICE
from ..telemetry import Vitals
from . import guard, refusals
from .about import blueprint as about_pages
from .files import blueprint as file_pages
from .health import blueprint as health_answers
from .live import blueprint as live_pages
from .metrics import blueprint as metrics_answer
from .opened import OpenedFiles
from .services import Services, services
from .slots import Slots
from .status import blueprint as status_pages

#: Requests carry no body; this is what is read before one is refused.
MAX_BODY_BYTES = 64 * 1024


def create_app(pipeline, live, settings, vitals=None):
    """Build the application.

    Args:
        pipeline (Pipeline): analyses opened files; its bundle is described on the page.
        live (LiveLoop): what the live page shows.
        settings (Settings): ``port``, ``max_viewers``, ``files_root``, ``palette`` and ``layer`` are used.
        vitals (Vitals): what the status page shows of the machine; None where nothing is measured.
    Returns:
        flask.Flask
    """
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    app.extensions['thermoscreen'] = Services(pipeline, live, settings, OpenedFiles(pipeline),
                                              vitals or Vitals(settings), Slots(settings.max_viewers),
                                              Slots(settings.max_viewers))
    guard.install(app, settings.port)
    refusals.install(app)
    for blueprint in (live_pages, file_pages, status_pages, about_pages, health_answers, metrics_answer):
        app.register_blueprint(blueprint)
    app.context_processor(_for_templates)
    return app


def _for_templates():
    manifest = services().pipeline.bundle.manifest
    return {'notice': ADJUNCT_NOTICE, 'bundle': manifest.identity, 'finding': manifest.finding}
