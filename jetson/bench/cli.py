"""``thermoscreen bench``: how long a frame takes on this machine, under which conditions, and whether that is valid."""
import json
import os
import sys
from typing import Optional

import click

from service.cli.options import load_settings, make_pipeline
from service.cli.verbs import Group
from service.durable import atomic_write

from ..platform import RealPlatform
from ..telemetry import read_line
from .cold import cold
from .compare import compare
from .figures import draw
from .formatting import report
from .options import SECONDS, Progress, measuring_options, refuse_group_options, until_stopped
from .record import BENCH, Document, check_document, prepare_folder, write_document
from .session import Protocol, Session
from .soak import soak


@click.group(cls=Group, invoke_without_command=True)
@click.option('--seconds', type=SECONDS, default=60.0, show_default=True, metavar='S',
              help='Minimum duration of the closed loop.')
@click.option('--queries', type=click.IntRange(1, 10000000), default=1024, show_default=True, metavar='N',
              help='Minimum number of its frames.')
@click.option('--paced', type=click.FloatRange(0, 86400), default=30.0, show_default=True, metavar='S',
              help='Duration at the rate of the camera; 0 for none.')
@click.option('--rounds', type=click.IntRange(0, 1000), default=5, show_default=True, metavar='N',
              help='Rounds of every backend and precision; 0 for none.')
@measuring_options('bench.json (every sample), bench.md and the figures')
@click.pass_context
def bench(ctx: click.Context, seconds: float, queries: int, paced: float, rounds: int, camera: Optional[str],
          out: Optional[str], bundle: Optional[str], threads: Optional[int], settings_path: Optional[str],
          as_json: bool) -> None:
    """Measure how long a frame takes on this machine, from the camera to the encoded picture.

    First in a closed loop, one frame after the other, in the style of MLPerf SingleStream: p90 over a minimum number of
    frames and seconds. Then at the rate of the camera. Then the network alone in every backend and precision of this
    machine, with its accuracy. The code is that of the service: the same capture, analysis and drawing.

    The figures are valid for this machine only. A verdict says whether they are, and if not, why. Ctrl-C ends the
    benchmark; what was measured is reported as incomplete. The exit code is 0 even if the verdict is bad.

    \b
    Example:
      thermoscreen bench --seconds 60 --out before
      thermoscreen bench --camera replay:/media/usb --json
      thermoscreen bench compare before after
    """
    if ctx.invoked_subcommand is not None:
        refuse_group_options(ctx)
        return
    settings = load_settings(settings_path, bundle=bundle, threads=threads, camera=camera)
    if out:
        prepare_folder(out, BENCH)
    progress = Progress()
    with RealPlatform(tegrastats=read_line) as platform:
        session = Session(settings, Protocol(seconds, queries, paced, settings.camera, rounds), platform,
                          lambda: make_pipeline(settings), progress=progress)
        with until_stopped():
            session.run()
    progress.end()
    document = session.document()
    if document is None:
        click.echo('Stopped before anything was measured.', err=True)
        raise click.Abort()
    check_document(document)
    # Shown before it is written, so that a disk that has filled up does not take the figures with it.
    click.echo(json.dumps(document, indent=1) + '\n' if as_json else report(document), nl=False)
    if out:
        _write(out, document)
    if session.error and as_json:  # which has it as trouble
        click.echo('thermoscreen: %s' % session.error, err=True)
        sys.exit(session.error.exit_code)
    if session.error:
        raise session.error
    sys.exit(130 if session.interrupted else 0)


def _write(folder: str, document: Document) -> None:
    path = write_document(folder, document)
    atomic_write(os.path.join(folder, 'bench.md'), report(document).encode('utf-8'))
    figures = draw(document)
    for name, data in figures.items():
        atomic_write(os.path.join(folder, name), data)
    click.echo('Written: %s, bench.md, %s.' % (path, ', '.join(sorted(figures))), err=True)


for _command in (compare, soak, cold):
    bench.add_command(_command)
