"""``thermoscreen analyse``: files in; overlay, labels and numbers out."""
import contextlib
import json
import os
import sys
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set

import click

from ..messages import WARNING, InputError, ThermoscreenError
from ..overlay import LAYERS
from ..palettes import PALETTES
from ..pipeline import Pipeline
from ..readers import SCALES, count_frames, find_thermograms, read_thermogram
from ..record import recover_records, write_record
from ..settings import Settings, load_settings
from .options import bundle_option, correction_options, json_option, make_pipeline, settings_option, threads_option


@click.command()
@click.argument('paths', nargs=-1, required=True, type=click.Path(), metavar='PATH...')
@click.option('--out', required=True, type=click.Path(), metavar='DIR',
              help='Where the results go, one folder per file.')
@click.option('--scale', type=click.Choice(sorted(SCALES)), help='What one count of a 16-bit file means.')
@click.option('--frame', type=click.IntRange(1), default=1, metavar='N',
              help='Which frame of a recording, counted from 1.')
@click.option('--palette', type=click.Choice(sorted(PALETTES)), help='Palette of the overlay.')
@click.option('--layer', type=click.Choice(LAYERS), help='What lies under the contours.')
@correction_options
@bundle_option
@threads_option
@settings_option
@json_option
def analyse(paths: Sequence[str], out: str, scale: Optional[str], frame: int, palette: Optional[str],
            layer: Optional[str], bundle: Optional[str], threads: Optional[int], settings_path: Optional[str],
            as_json: bool, **corrections: Optional[float]) -> None:
    """Analyse thermogram files.

    A folder stands for the thermograms in it. Every file gets a folder DIR/<file stem>/ with
    overlay.png, labels.png (region ids at the file's own resolution) and result.json. A file that
    cannot be used is reported and the others go on; the exit code is then 1. A 'no result' is an
    answer and not a failure. Of a recording one frame is analysed, the first unless --frame names another.
    A parameter that a file states wrongly, such as its emissivity, can be overruled for all files.

    \b
    Example:
      thermoscreen analyse visit/*.txt --out results
      thermoscreen analyse counts.png --scale centikelvin --out results --json
      thermoscreen analyse cooling.seq --frame 20 --out results
      thermoscreen analyse IMG_0001.jpg --emissivity 0.98 --reflected 22 --out results
    """
    given = {name: value for name, value in corrections.items() if value is not None}
    settings = load_settings(settings_path, bundle=bundle, threads=threads, palette=palette, layer=layer)
    files = find_thermograms(paths)
    recover_records(out)
    reports = []
    with make_pipeline(settings) as pipeline:
        with _progress(files) as bar:
            taken: Set[str] = set()
            for path in bar:
                reports.append(_report(path, out, scale, frame, given, settings, pipeline, taken))
    failed = [report for report in reports if report['outcome'] == 'failed']
    if as_json:
        click.echo(json.dumps({'results': reports, 'failed': len(failed)}, indent=1))
    else:
        _print(reports, failed)
    sys.exit(1 if failed else 0)


@contextlib.contextmanager
def _progress(files: List[str]) -> Iterator[Iterable[str]]:
    """The files, with a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield files
        return
    with click.progressbar(files, label='Analysing', file=sys.stderr,
                           item_show_func=lambda path: path and os.path.basename(path)) as bar:
        yield bar


def _report(path: str, out: str, scale: Optional[str], frame: int, corrections: Dict[str, float], settings: Settings,
            pipeline: Pipeline, taken: Set[str]) -> Dict[str, Any]:
    """Analyse one file; an error becomes its report."""
    try:
        folder = _folder(path, out, taken)
        result = pipeline.analyse(read_thermogram(path, scale, frame, corrections))
        write_record(folder, result, palette_name=settings.palette, layer=settings.layer)
        return dict(result.to_dict(), path=path, folder=folder, frame=frame, frames=count_frames(path))
    except ThermoscreenError as error:
        return dict(error.to_dict(), path=path, outcome='failed')


def _folder(path: str, out: str, taken: Set[str]) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    if stem in taken:
        raise InputError('output-name-taken', '%s would overwrite the result of another file called %s.' % (path, stem),
                         'Analyse it into another folder.')
    taken.add(stem)
    return os.path.join(out, stem)


def _print(reports: List[Dict[str, Any]], failed: List[Dict[str, Any]]) -> None:
    for report in reports:
        if report['outcome'] == 'failed':
            text = ' '.join(part for part in (report['sentence'], report['next_step']) if part)
            click.echo('%s: not analysed. %s [%s]' % (report['path'], text, report['code']), err=True)
            continue
        click.echo('%s -> %s' % (report['path'], report['folder']))
        if report['frames'] > 1:
            click.echo('  Frame %d of %d; --frame N analyses another.' % (report['frame'], report['frames']))
        if report['outcome'] == 'no-result':
            click.echo('  No result:')
        for sentence in report['sentences']:
            click.echo('  ' + sentence)
        for check in report['checks']:
            if check['severity'] == WARNING:
                click.echo('  Warning: %(sentence)s %(next_step)s' % check)
    if len(reports) > 1:
        click.echo('%d of %d files analysed.' % (len(reports) - len(failed), len(reports)), err=True)
