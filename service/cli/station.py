"""What ``thermoscreen serve`` runs outside safe mode."""
import contextlib
import os
from typing import Any, Callable, Dict, Optional

import click

from ..bundle import recover_bundle
from ..cameras.capture import Corrections
from ..cameras.registry import make_camera
from ..clock import Clock
from ..exams import Exams
from ..live import LiveLoop
from ..machine import keep_few_heaps, return_memory
from ..messages import printable
from ..pipeline import Pipeline
from ..sealing import PlainSealer
from ..settings import Settings, load_settings
from ..storage import room_for_exam
from ..supervise import Supervision
from ..telemetry import Vitals
from ..web.app import create_app
from ..web.server import serve_app
from .options import make_pipeline


def serve_station(supervision: Supervision, settings_path: Optional[str], given: Dict[str, Any]) -> None:
    """Serve the live page until SIGTERM or SIGINT.

    Args:
        supervision: told of every step.
        settings_path: settings file, or None.
        given: settings from the command line; None where not given.

    Raises:
        ThermoscreenError: what keeps it from starting.
    """
    keep_few_heaps()
    with contextlib.ExitStack() as running:
        with supervision.loading():
            settings = load_settings(settings_path, **given)
            # The loop opens it, and opens it again after it was lost.
            camera = make_camera(settings.camera)
            corrections = Corrections.from_settings(settings)
            recover_bundle(settings.bundle)
            pipeline = running.enter_context(make_pipeline(settings))
            exams = running.enter_context(contextlib.closing(_exams(settings))) if settings.exams_folder else None
            return_memory()  # loading a model takes a lot more than keeping it
        live = LiveLoop(pipeline, lambda: camera, palette_name=settings.palette, layer=settings.layer,
                        jpeg_quality=settings.jpeg_quality, heartbeats=supervision.heartbeats,
                        corrections=corrections, warm_up_s=60 * settings.warm_up_minutes)
        vitals = running.enter_context(Vitals(settings, supervision.folder or os.getcwd()))
        _serve(supervision, pipeline, live, settings, vitals, exams)


def _exams(settings: Settings) -> Exams:
    """The exams of the station, which nobody else may change meanwhile.

    Raises:
        StorageError: as of `Exams`.
    """
    return Exams(settings.exams_folder, PlainSealer(), None, Clock(),
                 lambda folder: room_for_exam(folder, settings.room_thresholds()))


def _serve(supervision: Supervision, pipeline: Pipeline, live: LiveLoop, settings: Settings, vitals: Vitals,
           exams: Optional[Exams]) -> None:
    identity = pipeline.bundle.manifest.identity

    def ready(stop: Callable[[], None]) -> None:
        click.echo('thermoscreen is at http://%s:%d with camera %s and model %s %s. Ctrl-C stops it.'
                   % (_bracketed(settings.host), settings.port, printable(settings.camera), identity['id'],
                      identity['version']))
        supervision.ready((settings.host, settings.port), lambda: live.state.status.sentence)

    def stop() -> None:
        supervision.stopping()
        live.dismiss()

    with live:
        serve_app(create_app(pipeline, live, settings, vitals, exams), settings.host, settings.port,
                  on_stop=stop, on_answer=supervision.page_answered, on_ready=ready)


def _bracketed(host: str) -> str:
    return '[%s]' % host if ':' in host else host
