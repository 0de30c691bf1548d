"""The application factory."""
import secrets
from typing import TYPE_CHECKING, Any, Dict, Optional

from flask import Flask, g
from flask.sessions import SecureCookieSessionInterface

from ..acquisition import Acquisition
from ..batch import Drawing
from ..batch_job import BatchJob
from ..clock import shown_day
from ..entry import DIGITS, KEYBOARDS, SIGNS, parse_keyboards
from ..explanation_job import ExplanationJob
from ..gallery import Gallery
from ..messages import ADJUNCT_NOTICE, shown_size
from ..opening import OpenedFiles
from ..telemetry import Vitals
from . import access, kiosk, language, responses
from .about import blueprint as about_pages
from .api import blueprint as api_answers
from .backups import blueprint as backup_pages
from .batch import blueprint as batch_pages
from .beside import blueprint as beside_pages
from .exams import blueprint as exam_pages
from .exams import home as home_page
from .explanation import blueprint as why_pages
from .files import blueprint as file_pages
from .hospital import blueprint as hospital_pages
from .keeping import blueprint as keeping_pages
from .live import blueprint as live_pages
from .live import picture_viewers, value_viewers
from .login import DEMO_PIN
from .login import blueprint as login_pages
from .model import blueprint as model_pages
from .monitoring import blueprint as monitoring_answers
from .moving import blueprint as moving_pages
from .outlines import blueprint as outline_pages
from .peers import blueprint as peer_page
from .people import blueprint as operator_pages
from .report import blueprint as report_pages
from .scanner import blueprint as scanner_page
from .series import blueprint as series_pages
from .services import Services, services
from .sessions import Sessions
from .settings import blueprint as settings_pages
from .similar import blueprint as similar_pages
from .status import blueprint as status_pages
from .support import blueprint as support_pages
from .tokens import Tokens
from .worklist import blueprint as worklist_pages

if TYPE_CHECKING:
    from ..backup import BackupJob
    from ..exam_job import ExamJob
    from ..exams import Exams
    from ..hospital.outbox import Outbox
    from ..hospital.peers import Echoes
    from ..hospital.worklist import Worklist
    from ..live import LiveLoop
    from ..model_change import Changing
    from ..pipeline import Pipeline
    from ..settings import Settings
    from ..settings_changes import Changes

#: Requests have no body; this much is read before one is refused.
MAX_BODY_BYTES = 64 * 1024


def create_app(pipeline: 'Pipeline', live: 'LiveLoop', settings: 'Settings', vitals: Optional[Vitals] = None,
               exams: 'Optional[Exams]' = None, sessions: 'Optional[Sessions]' = None, demo: bool = False,
               backups: 'Optional[BackupJob]' = None, changing: 'Optional[Changing]' = None,
               exam_job: 'Optional[ExamJob]' = None, changes: 'Optional[Changes]' = None,
               worklist: 'Optional[Worklist]' = None, outbox: 'Optional[Outbox]' = None,
               testing: 'Optional[Echoes]' = None) -> Flask:
    """Build the application.

    Args:
        pipeline: analyses opened files; its bundle is described on the page.
        live: what the live page shows.
        settings: ``port``, ``open_at``, ``max_viewers``, ``files_root``, ``api_tokens``, ``palette`` and ``layer`` are
            used.
        vitals: what the status page shows of the machine; None where nothing is measured.
        exams: those of this station; None where none are kept.
        sessions: of operators; None for a station without, which has no login.
        demo: whether every page says that this is a demonstration, and which PIN opens it.
        backups: which supervisors make on the page; None for none. They want sessions.
        changing: changes the model; None where nothing does.
        exam_job: exports, imports and removes exams, for supervisors; None where nothing does. It wants sessions.
        changes: of the settings, by supervisors; None where nobody changes them. It wants sessions.
        worklist: of the hospital, from which exams begin; None where there is none.
        outbox: sends what is signed; None where nothing is sent. It wants exams.
        testing: tests the machines of the hospital; None where there are none. It wants sessions.
    """
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    acquisition = None if exams is None else Acquisition(exams, live.capture, pipeline, settings.palette,
                                                         settings.layer,
                                                         field_of_view_deg=settings.field_of_view_deg,
                                                         distance_m=settings.distance_cm / 100.0,
                                                         series=(settings.series_frames, settings.series_interval_s),
                                                         limits=settings.quality_limits())
    app.extensions['thermoscreen'] = Services(pipeline, live, settings, OpenedFiles(pipeline),
                                              vitals or Vitals(settings), picture_viewers(live, settings.max_viewers),
                                              value_viewers(live, settings.max_viewers), exams,
                                              sessions, backups, acquisition, changing, exam_job,
                                              kiosk.install(app), changes, None if sessions is None else BatchJob(
                                                  pipeline, Drawing(settings.palette, settings.layer), sessions.tell),
                                              worklist, outbox, testing,
                                              None if exams is None else ExplanationJob(pipeline),
                                              None if exams is None else Gallery(exams))
    shows_only = exams is None and sessions is None
    responses.install(app, settings.port, ('GET', 'HEAD') if shows_only else ('GET', 'HEAD', 'POST'),
                      settings.opened_hosts())
    access.install(app, Tokens(settings.api_tokens), sessions)
    language.install(app, settings.language, settings.temperatures)
    for blueprint in (live_pages, file_pages, status_pages, support_pages, about_pages, monitoring_answers,
                      api_answers, scanner_page):
        app.register_blueprint(blueprint)
    if exams is not None:
        app.register_blueprint(exam_pages)
        app.register_blueprint(outline_pages)
        app.register_blueprint(why_pages)
        app.register_blueprint(home_page)
        app.register_blueprint(beside_pages)
        app.register_blueprint(series_pages)
        app.register_blueprint(report_pages)
        app.register_blueprint(similar_pages)
        if worklist is not None:
            app.register_blueprint(worklist_pages)
    if sessions is not None:
        _add_login(app, sessions)
        if exams is not None:
            app.register_blueprint(moving_pages)
        app.register_blueprint(batch_pages)
    if backups is not None:
        app.register_blueprint(backup_pages)
    if outbox is not None:
        app.register_blueprint(hospital_pages)
    if exam_job is not None:
        app.register_blueprint(keeping_pages)
    if sessions is not None and changing is not None:
        app.register_blueprint(model_pages)
    if testing is not None:
        app.register_blueprint(peer_page)
    if changes is not None:
        app.register_blueprint(settings_pages)
    app.add_template_filter(shown_size, 'size')
    app.add_template_filter(shown_day, 'day')
    app.jinja_env.globals.update(digit_rows=DIGITS, sign_rows=SIGNS)
    app.context_processor(lambda: _template_values(demo, sessions))
    return app


class _Cookies(SecureCookieSessionInterface):
    """A browser of another machine sends its cookie over TLS alone."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie of this answer is for TLS."""
        return responses.is_opened()


def _add_login(app: Flask, sessions: Sessions) -> None:
    app.secret_key = secrets.token_bytes(32)  # a restart ends every session anyway
    app.session_interface = _Cookies()
    app.config.update(SESSION_COOKIE_NAME='thermoscreen', SESSION_COOKIE_SAMESITE='Strict')
    app.register_blueprint(login_pages)
    app.register_blueprint(operator_pages)

    def on_lock() -> None:
        objects: Services = app.extensions['thermoscreen']
        objects.pictures.let_all_go()
        objects.events.let_all_go()
        objects.opened.clear()
        if objects.gallery is not None:
            objects.gallery.clear()
        if objects.acquisition is not None:
            objects.acquisition.newcomers.clear()

    sessions.on_lock = on_lock


def _template_values(demo: bool, sessions: 'Optional[Sessions]') -> Dict[str, Any]:
    manifest = services().pipeline.bundle.manifest
    people: Dict[str, Any] = {} if sessions is None else {
        'csrf': access.csrf_token(), 'operator': g.get('operator'), 'model_page': services().changing is not None,
        'keeping_page': services().exam_job is not None, 'settings_page': services().changes is not None,
        'peers_page': services().testing is not None}
    settings = services().settings
    blank_s = 0.0 if sessions is None or g.get('operator') is not None else 60.0 * settings.blank_minutes
    people.update(kiosk.template_values(settings.keyboard, settings.wristbands, blank_s))
    shows_exams = services().exams is not None and access.may_see_patients()
    people['hospital_page'] = services().outbox is not None
    return {**people, 'demo': DEMO_PIN if demo else '', 'here': not responses.is_opened(), 'notice': ADJUNCT_NOTICE,
            'keyboards': {name: KEYBOARDS[name] for name in parse_keyboards(settings.keyboards)},
            'bundle': manifest.identity, 'finding': manifest.finding, 'shows_exams': shows_exams}
