"""The application factory."""
from typing import TYPE_CHECKING, Any, Dict, Optional

from flask import Flask

from ..messages import ADJUNCT_NOTICE
from ..opening import OpenedFiles
from ..telemetry import Vitals
from . import access, responses
from .about import blueprint as about_pages
from .api import blueprint as api_answers
from .files import blueprint as file_pages
from .live import blueprint as live_pages
from .live import picture_viewers, value_viewers
from .monitoring import blueprint as monitoring_answers
from .services import Services, services
from .status import blueprint as status_pages
from .tokens import Tokens

if TYPE_CHECKING:
    from ..exams import Exams
    from ..live import LiveLoop
    from ..pipeline import Pipeline
    from ..settings import Settings

#: Requests have no body; this much is read before one is refused.
MAX_BODY_BYTES = 64 * 1024


def create_app(pipeline: 'Pipeline', live: 'LiveLoop', settings: 'Settings', vitals: Optional[Vitals] = None,
               exams: 'Optional[Exams]' = None, demo: bool = False) -> Flask:
    """Build the application.

    Args:
        pipeline: analyses opened files; its bundle is described on the page.
        live: what the live page shows.
        settings: ``port``, ``max_viewers``, ``files_root``, ``api_tokens``, ``palette`` and ``layer`` are used.
        vitals: what the status page shows of the machine; None where nothing is measured.
        exams: what the API tells of exams; None where none are kept.
        demo: whether every page says that this is a demonstration.
    """
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    app.extensions['thermoscreen'] = Services(pipeline, live, settings, OpenedFiles(pipeline),
                                              vitals or Vitals(settings), picture_viewers(live, settings.max_viewers),
                                              value_viewers(live, settings.max_viewers), exams)
    responses.install(app, settings.port)
    access.install(app, Tokens(settings.api_tokens))
    for blueprint in (live_pages, file_pages, status_pages, about_pages, monitoring_answers,
                      api_answers):
        app.register_blueprint(blueprint)
    app.context_processor(lambda: _template_values(demo))
    return app


def _template_values(demo: bool) -> Dict[str, Any]:
    manifest = services().pipeline.bundle.manifest
    return {'demo': demo, 'notice': ADJUNCT_NOTICE, 'bundle': manifest.identity, 'finding': manifest.finding}
