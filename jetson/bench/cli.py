"""``thermoscreen bench``: how long a frame takes here, under which conditions, and whether that counts."""
import json
import os
import sys

import click

from service.cli.options import (
    bundle_option,
    json_option,
    load_settings,
    make_pipeline,
    settings_option,
    threads_option,
)
from service.durable import atomic_write

from ..platform import RealPlatform
from ..telemetry import read_line
from .cold_cli import cold
from .compare_cli import compare
from .options import SECONDS, Progress, out_option, refuse_group_options, source_option, until_stopped
from .plots import draw
from .record import BENCH, check_document, prepare_folder, write_document
from .session import Protocol, Session
from .soak_cli import soak
from .words import report


@click.group(invoke_without_command=True)
@click.option('--seconds', type=SECONDS, default=60.0, show_default=True, metavar='S',
              help='Least duration of the closed loop.')
@click.option('--queries', type=click.IntRange(1, 10000000), default=1024, show_default=True, metavar='N',
              help='Least number of its frames.')
@click.option('--paced', type=click.FloatRange(0, 86400), default=30.0, show_default=True, metavar='S',
              help='Duration at the rate of the camera; 0 for none.')
@click.option('--rounds', type=click.IntRange(0, 1000), default=5, show_default=True, metavar='N',
              help='Turns of every backend and precision; 0 for none.')
@source_option
@out_option('bench.json (every sample), bench.md and the pictures')
@bundle_option
@threads_option
@settings_option
@json_option
@click.pass_context
def bench(ctx, seconds, queries, paced, rounds, source, out, bundle, threads, settings_path, as_json):
    """Measure the whole way of a frame on this machine.

    First in a closed loop, one frame after the other, in the style of MLPerf SingleStream: p90, at least so many frames
    and so many seconds. Then at the rate of the camera. Then every backend and precision that this machine has, the
    network alone, with its accuracy. What runs is what the service runs: the same analysis and the same drawing.

    The figures are this machine's and no other's. A verdict says whether they count, and if not, why. Ctrl-C ends it;
    what was measured is reported as incomplete. The exit code is 0 also where the verdict is bad.

    \b
    Example:
      thermoscreen bench --seconds 60 --out before
      thermoscreen bench --source replay:/media/usb --json
      thermoscreen bench compare before after
    """
    if ctx.invoked_subcommand is not None:
        refuse_group_options(ctx)
        return
    settings = load_settings(settings_path, bundle=bundle, threads=threads, camera=source)
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
        sys.exit(130)
    check_document(document)
    # Shown before it is written: a disk that filled up in the meantime does not take the figures with it.
    click.echo(json.dumps(document, indent=1) + '\n' if as_json else report(document), nl=False)
    if out:
        _write(out, document)
    if session.error:
        raise session.error
    sys.exit(130 if session.interrupted else 0)


def _write(folder, document):
    path = write_document(folder, document)
    atomic_write(os.path.join(folder, 'bench.md'), report(document).encode('utf-8'))
    pictures = draw(document)
    for name, data in pictures.items():
        atomic_write(os.path.join(folder, name), data)
    click.echo('Written: %s, bench.md, %s.' % (path, ', '.join(sorted(pictures))), err=True)


for _command in (compare, soak, cold):
    bench.add_command(_command)
