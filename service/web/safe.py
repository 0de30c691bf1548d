"""The page of safe mode: what happened and what to do, and nothing that could have been the cause."""
import secrets

from flask import Flask, redirect, render_template

from .. import __version__
from ..messages import ADJUNCT_NOTICE
from . import guard, refusals
from .replies import json_reply
from .server import serve_app


def create_safe_app(reason, port, on_again):
    """Build the application.

    Args:
        reason (Reason): why the station is in safe mode.
        port (int): where it is served.
        on_again (callable): called when the operator presses Try again.
    Returns:
        flask.Flask
    """
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=0)
    guard.install(app, port, methods=('GET', 'HEAD', 'POST'))
    refusals.install(app)
    # In the address of the button: another web site that is open in this browser cannot know it, and so not press it.
    key = secrets.token_urlsafe(16)
    # By this a page that is open knows that it is of an earlier start.
    run = secrets.token_hex(4)

    def answer(starting):
        return render_template('safe.html', reason=reason, key=key, run=run, starting=starting, version=__version__)

    @app.route('/')
    def page():
        return answer(starting=False)

    @app.route('/try-again/<given>', methods=['POST'])
    def again(given):
        if not secrets.compare_digest(given.encode('utf-8'), key.encode('ascii')):
            return redirect('/')  # a button of a page from before the last start
        on_again()
        return answer(starting=True)

    @app.route('/healthz')
    def lives():
        return json_reply({'status': 'safe', 'run': run, 'code': reason.code, 'message': reason.sentence})

    @app.route('/readiness')
    def works():
        return json_reply({'status': 'not ready', 'code': reason.code, 'message': reason.sentence}, 503)

    @app.errorhandler(404)
    def elsewhere(error):
        return redirect('/')  # what the browser showed before the station went to safe mode

    app.context_processor(lambda: {'notice': ADJUNCT_NOTICE})
    return app


def serve_safe(reason, host, port, on_ready=None, on_turn=None, on_stop=None):
    """Serve the page of safe mode until the operator presses Try again, or until SIGTERM or SIGINT.

    Args:
        reason (Reason): why.
        host (str), port (int): where.
        on_ready (callable): called once the port is taken.
        on_turn, on_stop (callable): as of `serve_app`.
    Returns:
        bool: whether it was Try again.
    """
    pressed, stops = [], []

    def again():
        pressed.append(True)
        stops[0]()

    def ready(stop):
        stops.append(stop)
        if on_ready is not None:
            on_ready()

    serve_app(create_safe_app(reason, port, again), host, port, 1, on_stop, on_turn, ready)
    return bool(pressed)
