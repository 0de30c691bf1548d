"""What ``thermoscreen serve`` runs outside safe mode."""
import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional

import click
from flask import Flask

from ..bundle import Trust
from ..cameras.capture import Corrections
from ..cameras.registry import make_camera
from ..certificate import read_certificate
from ..live import LiveLoop
from ..machine import keep_few_heaps, return_memory
from ..messages import InputError, SettingsError, ThermoscreenError, printable
from ..model_change import Changing, Site, Trial
from ..pipeline import Pipeline
from ..samples import SAMPLE
from ..settings import Settings, load_settings, parse_address
from ..settings_changes import Changes
from ..supervise import Supervision
from ..telemetry import Vitals
from ..web.app import create_app
from ..web.server import serve_app
from .options import make_pipeline
from .records import open_records

if TYPE_CHECKING:
    from ..web.front import Opening


def serve_station(supervision: Supervision, settings_path: Optional[str], demo: bool, given: Dict[str, Any]) -> bool:
    """Serve the live page until SIGTERM or SIGINT, or until another model is to run.

    Args:
        supervision: told of every step.
        settings_path: settings file, or None.
        demo: whether it is a demonstration.
        given: settings from the command line; None where not given.

    Returns:
        Whether it is to be started again, with another model.

    Raises:
        ThermoscreenError: what keeps it from starting.
    """
    keep_few_heaps()
    again: List[bool] = []
    with contextlib.ExitStack() as running:
        with supervision.loading():
            if demo:
                folder = running.enter_context(tempfile.TemporaryDirectory('', 'thermoscreen-'))
                given = _of_demonstration(given, folder)
            settings = load_settings(settings_path, **given)
            # The loop opens it, and opens it again after it was lost.
            camera = make_camera(settings.camera)
            corrections = Corrections.from_settings(settings)
            trial = Trial(settings.bundle, Trust.from_settings(settings))
            if trial.counts:
                supervision.record.try_model()
            pipeline = running.enter_context(_pipeline(settings, trial))
            records = open_records(settings, demo, running, lambda: changing.standing)
            trial.tell(records.record)
            changing = Changing(Site.from_settings(settings, records.record), trial, records.open_exams)
            running.callback(changing.call_off)
            changes = None if records.record is None else Changes(settings_path, given, settings, records.record)
            opening = opening_of(settings, records.sessions is not None and not demo)
            return_memory()  # loading a model takes a lot more than keeping it
        live = LiveLoop(pipeline, lambda: camera, palette_name=settings.palette, layer=settings.layer,
                        jpeg_quality=settings.jpeg_quality, heartbeats=supervision.heartbeats,
                        corrections=corrections, warm_up_s=60 * settings.warm_up_minutes, analysed=trial.analysed,
                        limits=settings.quality_limits(), distance_cm=settings.distance_cm,
                        unit=settings.temperatures)
        vitals = running.enter_context(Vitals(settings, supervision.folder or os.getcwd()))
        app = create_app(pipeline, live, settings, vitals, records.exams, records.sessions, demo,
                         records.backups, None if demo else changing, records.exam_job, changes, records.worklist,
                         records.outbox, records.testing)
        _serve(supervision, app, live, settings, opening, changing, changes, again)
    return bool(again)


@contextlib.contextmanager
def _pipeline(settings: Settings, trial: Trial) -> Iterator[Pipeline]:
    """The pipeline of the bundle that is there, or of the one before where that is on trial and does not start.

    Raises:
        ThermoscreenError: as of `make_pipeline`.
    """
    with contextlib.ExitStack() as started:
        try:
            pipeline = started.enter_context(make_pipeline(settings))
        except ThermoscreenError as error:
            if not trial.take_back(error.message):
                raise
            pipeline = started.enter_context(make_pipeline(settings))
        yield pipeline


def _of_demonstration(given: Dict[str, Any], folder: str) -> Dict[str, Any]:
    """The settings from the command line, without anything of a patient or of the station's own.

    Raises:
        InputError: ``demo-camera``.
    """
    camera = given['camera'] or 'sim'
    if not camera.startswith('sim'):
        raise InputError('demo-camera', 'A demonstration shows simulated patients, not the camera %s.' % camera,
                         'Leave out --demo, or choose sim:SEED.')
    return dict(given, camera=camera, files_root=given['files_root'] or os.path.dirname(SAMPLE),
                exams_folder=os.path.join(folder, 'exams'), audit_signer='', audit_anchor='', api_tokens='')


def opening_of(settings: Settings, has_login: bool) -> 'Optional[Opening]':
    """How the page is opened to other machines; None where it is not.

    Args:
        settings: of the installation.
        has_login: whether people log in, with a PIN that does not stand on the page.

    Raises:
        SettingsError: ``open-without-login``, ``open-without-certificate``, ``open-without-name``, and as of
            `read_certificate`.
    """
    if not settings.open_at:
        return None
    if not has_login:
        raise SettingsError('open-without-login', 'The page is not opened to other machines, because nobody logs in on '
                            'this station.', 'Set exams_folder, and leave out --demo; or leave open_at empty.')
    if not settings.certificate or not settings.certificate_key:
        raise SettingsError('open-without-certificate', 'The page is not opened to other machines without TLS.',
                            'Set certificate and certificate_key, and run thermoscreen certificate make.')
    if not settings.names():
        raise SettingsError('open-without-name', 'This machine has no name under which others could open the page.',
                            'Set station_names.')
    read_certificate(settings.certificate)
    from ..web.front import Opening  # and asyncio with it
    host, port = parse_address(settings.open_at)
    return Opening(host, port, settings.certificate, settings.certificate_key)


def _serve(supervision: Supervision, app: Flask, live: LiveLoop, settings: Settings, opening: 'Optional[Opening]',
           changing: Changing, changes: Optional[Changes], again: List[bool]) -> None:
    identity = app.extensions['thermoscreen'].pipeline.bundle.manifest.identity

    def ready(stop: Callable[[], None]) -> None:
        def restart() -> None:
            again.append(True)
            stop()

        changing.restart = changing.trial.restart = restart
        if changes is not None:
            changes.restart = restart
        click.echo('thermoscreen is at http://%s:%d with camera %s and model %s %s. Ctrl-C stops it.'
                   % (_bracketed(settings.host), settings.port, printable(settings.camera), identity['id'],
                      identity['version']))
        if opening is not None:
            click.echo('Other machines open it at %s.'
                       % ', '.join('https://' + host for host in settings.opened_hosts()))
        supervision.ready((settings.host, settings.port), lambda: live.state.status.sentence)

    def stop() -> None:
        supervision.stopping()
        changing.trial.stopped()
        if app.extensions['thermoscreen'].batch is not None:
            app.extensions['thermoscreen'].batch.stop()
        if app.extensions['thermoscreen'].explanations is not None:
            app.extensions['thermoscreen'].explanations.stop()
        live.dismiss()

    with live:
        serve_app(app, settings.host, settings.port, on_stop=stop, on_answer=supervision.page_answered, on_ready=ready,
                  opening=opening)


def _bracketed(host: str) -> str:
    return '[%s]' % host if ':' in host else host
