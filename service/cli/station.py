"""What ``thermoscreen serve`` runs when it is not in safe mode."""
import contextlib

import click

from ..cameras import make_camera
from ..live import LiveLoop
from ..web import create_app, serve_app
from .options import load_settings, make_pipeline


def serve_station(supervision, settings_path, given):
    """Serve the live page until SIGTERM or SIGINT.

    Args:
        supervision (Supervision): told of every step.
        settings_path (str): settings file, or None.
        given (dict): settings from the command line; None where not given.
    Raises:
        ThermoscreenError: what keeps it from starting.
    """
    with contextlib.ExitStack() as running:
        with supervision.loading():
            settings = load_settings(settings_path, **given)
            # Made before anything starts, so that a specification that makes no sense is refused at once; the loop
            # opens it, and opens it again when it was lost.
            source = make_camera(settings.camera)
            pipeline = running.enter_context(make_pipeline(settings))
        live = LiveLoop(pipeline, lambda: source, palette_name=settings.palette, layer=settings.layer,
                        jpeg_quality=settings.jpeg_quality, heartbeats=supervision.heartbeats)
        _serve(supervision, pipeline, live, settings)


def _serve(supervision, pipeline, live, settings):
    identity = pipeline.bundle.manifest.identity

    def ready(stop):
        click.echo('thermoscreen is at http://%s:%d with camera %s and model %s %s. Ctrl-C stops it.'
                   % (_printable(settings.host), settings.port, settings.camera, identity['id'],
                      identity['version']))
        supervision.ready((settings.host, settings.port), lambda: live.state.status.sentence or 'Live.')

    def stop():
        supervision.stopping()
        live.dismiss()

    with live:
        serve_app(create_app(pipeline, live, settings), settings.host, settings.port, settings.max_viewers,
                  on_stop=stop, on_turn=supervision.turned, on_ready=ready)


def _printable(host):
    return '[%s]' % host if ':' in host else host
