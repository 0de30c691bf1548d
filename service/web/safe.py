"""The page of safe mode: what happened and what to do, without anything that may have been the cause."""
import secrets
from typing import Callable, List, Optional

from flask import Flask, Response, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from .. import __version__
from ..messages import ADJUNCT_NOTICE, Message
from . import access, kiosk, language, responses
from .access import ANYONE, admits
from .responses import json_reply
from .server import serve_app
from .tokens import Tokens


def create_safe_app(reason: Message, port: int, on_again: Callable[[], None]) -> Flask:
    """Build the application.

    Args:
        reason: why the station is in safe mode.
        port: where it is served.
        on_again: called when the operator presses Try again.
    """
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=0)
    responses.install(app, port, methods=('GET', 'HEAD', 'POST'))
    access.install(app, Tokens(''))  # every route is for anyone
    # Part of the button's address: another web site that is open in this browser cannot know it, nor press it.
    key = secrets.token_urlsafe(16)
    # Tells a page that is open that it belongs to an earlier start.
    run = secrets.token_hex(4)

    @app.route('/')
    @admits(ANYONE)
    def page() -> str:
        return render_template('safe.html', reason=reason, key=key, run=run, version=__version__)

    @app.route('/try-again/<given>', methods=['POST'])
    @admits(ANYONE)
    def again(given: str) -> BaseResponse:
        if not secrets.compare_digest(given.encode('utf-8'), key.encode('ascii')):
            return redirect('/')  # the button of a page from before the last start
        on_again()
        return Response(status=204)

    @app.route('/healthz')
    @admits(ANYONE)
    def health() -> Response:
        return json_reply(dict(reason.to_dict(), status='safe', run=run))

    @app.route('/readiness')
    @admits(ANYONE)
    def readiness() -> Response:
        return json_reply(dict(reason.to_dict(), status='not ready'), 503)

    @app.errorhandler(404)
    def elsewhere(error: Exception) -> BaseResponse:
        return redirect('/')  # what the browser showed before the station went to safe mode

    language.install(app, 'en')  # the settings may be what is wrong, and are not read
    kiosk.install(app)
    app.context_processor(lambda: dict(kiosk.template_values(), notice=ADJUNCT_NOTICE))
    return app


def serve_safe(reason: Message, host: str, port: int, on_ready: Optional[Callable[[], None]] = None,
               on_answer: Optional[Callable[[], None]] = None, on_stop: Optional[Callable[[], None]] = None) -> bool:
    """Serve the page of safe mode until the operator presses Try again, or until SIGTERM or SIGINT.

    Args:
        reason: why the station is in safe mode.
        host, port: where to serve.
        on_ready: called once the port is taken.
        on_answer, on_stop: as of `serve_app`.

    Returns:
        Whether it was Try again.
    """
    pressed: List[bool] = []
    stops: List[Callable[[], None]] = []

    def again() -> None:
        pressed.append(True)
        stops[0]()

    def ready(stop: Callable[[], None]) -> None:
        stops.append(stop)
        if on_ready is not None:
            on_ready()

    serve_app(create_safe_app(reason, port, again), host, port, on_stop, on_answer, ready)
    return bool(pressed)
