"""``thermoscreen choose``: which way of running a bundle is the fastest here, by measurement."""
import json
import sys
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional

import click

from ..bundle import Trust, open_bundle
from ..engines import EngineStore
from ..messages import InputError, printable
from ..selection import ABSENT, INT8_MARGIN, Runtime, every_candidate, fastest, machine_key, write_choice
from ..selection.measurement import WARM_UP_RUNS, feeds, measure
from .options import json_option, load_settings, settings_option, threads_option

_RULE = ('the fastest median of those that gave their golden answer, agree with FP32 as the manifest promises and '
         'state their parity; INT8 only if %d %% faster than the others' % round(INT8_MARGIN * 100))


@click.command()
@click.argument('bundle', type=click.Path(), metavar='BUNDLE')
@click.option('--frames', type=click.IntRange(0, 1000), default=9, show_default=True, metavar='N',
              help='Simulated thermograms to run, in addition to the golden one.')
@click.option('--rounds', type=click.IntRange(1, 1000), default=5, show_default=True, metavar='N',
              help='Turns of every candidate.')
@click.option('--engines', type=click.Path(), metavar='DIR',
              help='Folder of the engines. Default: the one in the settings.')
@click.option('--write', is_flag=True, help='Keep the choice there; precision = "auto" then follows it.')
@threads_option
@settings_option
@json_option
def choose(bundle: str, frames: int, rounds: int, engines: Optional[str], write: bool, threads: Optional[int],
           settings_path: Optional[str], as_json: bool) -> None:
    """Measure every backend and precision that this machine has for a bundle, and choose one.

    Every candidate is loaded, proven with the golden pair, warmed up and timed, in turns within this one run. One that
    does not give its golden answer is shown as failed and never chosen. ONNX Runtime's TensorRT provider, where there
    is one, builds its engine first, which takes minutes. The figures hold for this machine only. The exit code is 1
    where nothing could be chosen.

    \b
    Example:
      thermoscreen choose /opt/thermoscreen/bundles/phantom-fpn
      thermoscreen choose /var/lib/thermoscreen/bundle --engines /var/lib/thermoscreen/engines --write
    """
    settings = load_settings(settings_path, bundle=bundle, engines=engines, threads=threads)
    runtime = Runtime.from_settings(settings)
    if write:
        _check_folder(runtime.engines)
    opened = open_bundle(settings.bundle, trust=Trust.from_settings(settings))
    rows = measure(opened, every_candidate(opened, runtime, build=True), feeds(opened, frames), rounds,
                   runtime.threads, _progress)
    chosen = fastest(rows)
    report = {'bundle': opened.manifest.identity, 'machine': machine_key(runtime.threads),
              'measured_at': datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
              'frames': frames + 1, 'rounds': rounds, 'warm_up': WARM_UP_RUNS, 'candidates': rows,
              'chosen': chosen and chosen['name'], 'rule': _RULE}
    written = write_choice(runtime.engines, report) if write and chosen else None
    if written:
        from .records import note
        note(settings, 'engines-changed', act='chosen', names=[report['chosen']])
    if as_json:
        click.echo(json.dumps(dict(report, written=written), indent=1))
    else:
        _print(report, written)
    sys.exit(0 if chosen else 1)


def _check_folder(folder: str) -> None:
    """Before the minutes of measuring."""
    if not folder:
        raise InputError('engines-unset', 'There is no folder to keep a choice in.',
                         'Name one with --engines or under engines in the settings.')
    EngineStore(folder).check_writable()


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        click.echo('Measuring %s ...' % words, err=True)


def _print(report: Dict[str, Any], written: Optional[str]) -> None:
    machine = report['machine']
    gpu = ', TensorRT %s, power mode %s' % (machine['tensorrt'], machine['power_mode']) if machine['tensorrt'] else ''
    click.echo('%s %s on %s, %d threads, ONNX Runtime %s%s'
               % (report['bundle']['id'], report['bundle']['version'], machine['board'], machine['threads'],
                  machine['onnxruntime'] or 'absent', gpu))
    click.echo('%d frames x %d rounds in turns, %d warm-up runs each time; labels: fraction that agrees with FP32 on '
               'the CPU' % (report['frames'], report['rounds'], report['warm_up']))
    rows = [row for row in report['candidates'] if not row['problem'] or row['problem']['code'] not in ABSENT]
    absent = [row for row in report['candidates'] if row not in rows]
    click.echo('\n%-31s %10s %9s %5s %8s %9s %8s' % ('', 'median ms', 'p90 ms', 'n', 'labels', 'MB', 'load s'))
    for row in rows:
        if row['problem']:
            click.echo('%-31s failed: %s [%s]' % (row['name'], row['excluded'], row['problem']['code']))
        else:
            click.echo('%-31s %10.2f %9.2f %5d %8.4f %9.2f %8.2f'
                       % (row['name'], row['median_ms'], row['p90_ms'], row['n'], row['agreement'],
                          row['bytes'] / 1e6, row['start_s']))
    for row in rows:
        if row['excluded'] and not row['problem']:
            click.echo('%s may not be chosen: %s' % (row['name'], row['excluded']))
    _print_absent(absent)
    click.echo('\nChosen: %s.\nThe rule: %s.' % (report['chosen'] or 'nothing', report['rule']))
    if written:
        click.echo('Written to %s; a service whose settings name this folder under engines and leave precision at '
                   'auto follows it.' % printable(written))


def _print_absent(rows: List[Dict[str, Any]]) -> None:
    """What this machine does not have, one line for each reason."""
    reasons: Dict[str, List[str]] = {}
    for row in rows:
        reasons.setdefault(row['excluded'], []).append(row['name'])
    for reason, names in reasons.items():
        more = ' and %d more' % (len(names) - 1) if names[1:] else ''
        click.echo('Passed over %s%s: %s' % (names[0], more, reason))
