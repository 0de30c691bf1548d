"""``thermoscreen bench soak``: hours, and what they changed."""
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

from ..platform import RealPlatform
from ..telemetry import read_line
from .options import HOURS, SECONDS, Progress, out_option, source_option, until_stopped
from .record import FILES, SOAK, prepare_folder, read_document
from .soak import Soak, SoakProtocol
from .tables import milliseconds, percent, table


@click.command()
@click.option('--hours', type=HOURS, required=True, metavar='H', help='How long in all.')
@click.option('--resume', is_flag=True, help='Go on with the soak that is in the folder.')
@click.option('--point', 'point_s', type=SECONDS, metavar='S',
              help='Seconds that one point stands for. Default: a minute, and more where that gives over 500 points.')
@source_option
@out_option('soak.json, written anew after every point', required=True)
@bundle_option
@threads_option
@settings_option
@json_option
def soak(hours, resume, point_s, source, out, bundle, threads, settings_path, as_json):
    """Run at the camera's rate for hours and watch memory, slow frames and restarts.

    After every point the document in the folder is whole; a soak that was stopped, by Ctrl-C or a power cut, goes on
    with --resume. The exit code is 1 where memory grows, the p99 drifts or anything had to be started again.

    \b
    Example:
      thermoscreen bench soak --hours 24 --out soak
      thermoscreen bench soak --hours 24 --out soak --resume
    """
    settings = load_settings(settings_path, bundle=bundle, threads=threads, camera=source)
    prepare_folder(out, SOAK, keep=resume)
    earlier = read_document(out, SOAK) if resume and os.path.exists(os.path.join(out, FILES[SOAK])) else None
    progress, stopped = Progress(), False
    with RealPlatform(tegrastats=read_line) as platform:
        session = Soak(settings, SoakProtocol(hours, settings.camera, out, point_s or 0.0), platform,
                       lambda: make_pipeline(settings), earlier, progress=progress)
        try:
            with until_stopped():
                session.run()
        except KeyboardInterrupt:
            stopped = True
        finally:
            progress.end()
    if session.document is None:
        click.echo('Stopped before anything was measured.', err=True)
        sys.exit(130)
    if as_json:
        click.echo(json.dumps(session.document, indent=1))
    else:
        _print(session.document, out)
    sys.exit(130 if stopped else 1 if session.document['findings']['reasons'] else 0)


def _print(document, folder):
    findings, points = document['findings'], document['points']
    click.echo('%s\n%s %s, %s, %s\n' % (document['environment']['machine'], document['bundle']['id'],
                                        document['bundle']['version'], document['backend']['name'],
                                        document['backend']['precision']))
    click.echo('%.2f hours in %d sessions, %d frames, %d restarts, %d frames dropped.'
               % (findings['hours'], document['sessions'], findings['frames'], len(document['restarts']),
                  sum(point['dropped'] for point in points)))
    for name, words in (('memory', 'Memory of the program'), ('gpu_memory', 'Memory held for the GPU')):
        grown = findings[name]
        click.echo('%s: %s' % (words, 'cannot be told (too few points, or the machine does not say).' if grown is None
                               else '%+.2f MiB an hour (95 %% interval %+.2f to %+.2f).'
                               % (grown['slope_mib_h'], grown['low'], grown['high'])))
    click.echo('p99, last third against first: %s\n' % percent(findings['p99_drift']))
    shown = points[::max(1, -(-len(points) // 12))]
    click.echo('\n'.join(table(['when (UTC)', 'session', 'n', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'MiB', 'C'],
                               [_row(point) for point in shown])))
    click.echo()
    for reason in findings['reasons']:
        click.echo('- %s [%s]' % (reason['sentence'], reason['code']))
    if not findings['reasons']:
        click.echo('Nothing speaks against leaving it running.')
    click.echo('Written: %s' % os.path.join(folder, FILES[SOAK]), err=True)


def _row(point):
    return [point['at'], '%d' % point['session'], '%d' % point['n']] \
        + [milliseconds(point[key]) for key in ('p50_ms', 'p90_ms', 'p99_ms', 'max_ms')] \
        + ['%.1f' % (point['resident_bytes'] / float(1 << 20)) if 'resident_bytes' in point else '-',
           '%.1f' % point['hottest_c'] if 'hottest_c' in point else '-']
