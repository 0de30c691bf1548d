"""What ``thermoscreen serve`` runs when it is not in safe mode."""
import contextlib
import os

import click

from ..cameras.capture import Corrections
from ..cameras.registry import make_camera
from ..live import LiveLoop
from ..telemetry import Vitals
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
            corrections = Corrections.from_settings(settings)
            pipeline = running.enter_context(make_pipeline(settings))
        live = LiveLoop(pipeline, lambda: source, palette_name=settings.palette, layer=settings.layer,
                        jpeg_quality=settings.jpeg_quality, heartbeats=supervision.heartbeats,
                        corrections=corrections, warm_up_s=60 * settings.warm_up_minutes)
        vitals = running.enter_context(Vitals(settings, supervision.folder or os.getcwd()))
        _serve(supervision, pipeline, live, settings, vitals)


def _serve(supervision, pipeline, live, settings, vitals):
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
        serve_app(create_app(pipeline, live, settings, vitals), settings.host, settings.port, settings.max_viewers,
                  on_stop=stop, on_turn=supervision.turned, on_ready=ready)


def _printable(host):
    return '[%s]' % host if ':' in host else host
