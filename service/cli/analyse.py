"""``thermoscreen analyse``: files in; overlay, labels and numbers out."""
import contextlib
import itertools
import json
import os
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import click

from ..batch import Drawing, Read, Report, analyse_files, failures_of, stem_of
from ..messages import WARNING, InputError, ThermoscreenError, printable
from ..overlay import LAYERS
from ..palettes import PALETTES
from ..readers import SCALE_HELP, SCALES, HeldFile, count_frames, find_thermograms, read_thermogram
from ..readers.files import shown_name
from ..record import (
    SUMMARY_NAME,
    Input,
    input_of,
    is_contact_sheet,
    is_summary,
    list_records,
    read_record,
    recover_records,
    result_of_another,
)
from ..samples import SAMPLE
from ..settings import load_settings
from ..summary import check_summary_name, write_summary
from ..thermogram import CELSIUS, RELATIVE, Thermogram
from ..views import SIDE_VIEWS, view_label
from .options import bundle_option, correction_options, json_option, make_pipeline, settings_option, threads_option

#: Exit code after Ctrl-C, as shells have it.
_EXIT_INTERRUPTED = 130

_PAIRS = ('breast', 'nipple', 'armpit')
_UNITS = {CELSIUS: '°C', RELATIVE: 'grey levels'}


@click.command()
@click.argument('paths', nargs=-1, type=click.Path(), metavar='PATH...')
@click.option('--out', required=True, type=click.Path(), metavar='DIR',
              help='Where the results go, one folder per file.')
@click.option('--sample', is_flag=True, help='Analyse the simulated thermogram that comes with the program.')
@click.option('--scale', type=click.Choice(sorted(SCALES)), help=SCALE_HELP)
@click.option('--frame', type=click.IntRange(1), default=1, metavar='N',
              help='Which frame of a recording, counted from 1.')
@click.option('--palette', type=click.Choice(sorted(PALETTES)), help='Palette of the overlay.')
@click.option('--layer', type=click.Choice(LAYERS), help='What lies under the contours.')
@correction_options
@click.option('--force', is_flag=True, help='Replace the result of another file.')
@click.option('--resume', is_flag=True,
              help='Go on with a run that was stopped: keep its results of the same files by the same model.')
@click.option('--verify', is_flag=True,
              help='Analyse nothing; check that the results in DIR are as they were written, and of PATH if given.')
@bundle_option
@threads_option
@settings_option
@json_option
def analyse(paths: Sequence[str], out: str, sample: bool, scale: Optional[str], frame: int, palette: Optional[str],
            layer: Optional[str], force: bool, resume: bool, verify: bool, bundle: Optional[str],
            threads: Optional[int], settings_path: Optional[str], as_json: bool,
            **corrections: Optional[float]) -> None:
    """Analyse thermogram files.

    A folder stands for the thermograms in it. Every file gets a folder DIR/<file stem>/ with
    overlay.png, labels.png (region ids at the file's own resolution) and result.json, which states
    the SHA-256 of the file and of the pictures. The result of another file is replaced with --force only.
    A folder or several files also get DIR/summary.csv, a row for each result, and DIR/contact-sheet.png.

    A file that cannot be used is reported and the others go on; the exit code is then 1. A 'no result' is an
    answer and not a failure. Of a recording one frame is analysed, the first unless --frame names another.
    A parameter that a file states wrongly, such as its emissivity, can be overruled for all files.
    Ctrl-C ends after the files done so far, with exit code 130; --resume with the same options goes on.

    \b
    Example:
      thermoscreen analyse --sample --out results
      thermoscreen analyse visit/*.txt --out results
      thermoscreen analyse counts.png --scale centikelvin --out results --json
      thermoscreen analyse cooling.seq --frame 20 --out results
      thermoscreen analyse IMG_0001.jpg --emissivity 0.98 --reflected 22 --out results
      thermoscreen analyse visit --out results --resume
      thermoscreen analyse --verify --out results
    """
    given = {name: value for name, value in corrections.items() if value is not None}
    paths = [*paths, *([SAMPLE] if sample else [])]
    if verify:
        _verify(out, paths, as_json)
    if not paths:
        raise click.UsageError('Name a thermogram or a folder of thermograms, or give --sample.')
    settings = load_settings(settings_path, bundle=bundle, threads=threads, palette=palette, layer=layer)
    files = [path for path in find_thermograms(paths) if not _is_own(path, out)]
    # A summary that is there is written anew, for it would be wrong after this.
    with_summary = len(files) > 1 or any(map(os.path.isdir, paths)) or is_summary(out)
    if with_summary:
        check_summary_name(out)
    recover_records(out)
    reports: List[Report] = []
    with make_pipeline(settings) as pipeline:
        try:
            with _progress(files) as bar:
                for report in analyse_files(bar, out, pipeline, _reader(scale, frame, given),
                                            Drawing(settings.palette, settings.layer), force, resume=resume):
                    reports.append(report)
        except KeyboardInterrupt:
            pass
    failed = [report for report in reports if report['outcome'] == 'failed']
    interrupted = len(reports) < len(files)
    if not as_json:
        _print(reports, failed)
    summary = write_summary(out, failures_of(failed)) if with_summary and reports else []
    if as_json:
        click.echo(json.dumps({'results': reports, 'failed': len(failed), 'interrupted': interrupted,
                               'summary': summary}, indent=1))
    elif summary:
        click.echo('Summary of the results there: %s.' % ', '.join(map(printable, summary)))
    if interrupted:
        click.echo('Interrupted after %d of %d files; their results are complete in %s.'
                   % (len(reports), len(files), printable(out)) if reports else
                   'Interrupted before the first of %d files was done; nothing was written.' % len(files), err=True)
        sys.exit(_EXIT_INTERRUPTED)
    if len(files) > 1 and not as_json:
        click.echo('%d of %d files analysed.' % (len(files) - len(failed), len(files)), err=True)
        if resume:
            click.echo('%d of them before; their results were kept.' % sum('kept' in report for report in reports),
                       err=True)
    sys.exit(1 if failed else 0)


def _is_own(path: str, out: str) -> bool:
    """Whether a file is what an earlier run wrote beside its results."""
    folder, name = os.path.split(os.path.abspath(path))
    return folder == os.path.abspath(out) and (is_contact_sheet(name) or name == SUMMARY_NAME and is_summary(folder))


@contextlib.contextmanager
def _progress(files: List[str]) -> Iterator[Iterable[str]]:
    """The files, with a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield files
        return
    with click.progressbar(files, label='Analysing', file=sys.stderr,
                           item_show_func=lambda path: path and shown_name(path)) as bar:
        yield bar


def _reader(scale: Optional[str], frame: int, corrections: Dict[str, float]) -> Read:
    def read(path: str, tell: Callable[[Input], None]) -> Tuple[Thermogram, int]:
        with HeldFile(path) as file:
            tell(input_of(file, frame))
            frames = count_frames(file)
            return read_thermogram(file, scale, frame, corrections), frames
    return read


def _verify(out: str, paths: Sequence[str], as_json: bool) -> None:
    """Check the results in a folder, or those of the given files there, say so and end."""
    files = find_thermograms(paths) if paths else []
    folders = [os.path.join(out, stem_of(path)) for path in files] or list_records(out)
    if not folders:
        raise InputError('result-missing', '%s holds no results.' % out, 'Name the folder that was given as --out.')
    reports = [_verified(*pair) for pair in itertools.zip_longest(folders, files)]
    failed = [report for report in reports if report['outcome'] == 'failed']
    if as_json:
        click.echo(json.dumps({'results': reports, 'failed': len(failed)}, indent=1))
    else:
        for report in reports:
            if report['outcome'] == 'failed':
                _print_failed(report['folder'], 'not verified', report)
            else:
                click.echo('%s: as it was written at %s, of %s (SHA-256 %s).'
                           % (printable(report['folder']), report['written_at'], printable(report['input']['name']),
                              report['input']['sha256']))
    sys.exit(1 if failed else 0)


def _verified(folder: str, path: Optional[str]) -> Report:
    try:
        document = read_record(folder)
        stated = document['input']
        if path is not None:
            with HeldFile(path) as file:
                if input_of(file).sha256 != stated['sha256']:
                    raise result_of_another(folder, Input(**stated))
        return {'folder': folder, 'outcome': 'whole', 'input': stated, 'written_at': document['written_at']}
    except ThermoscreenError as error:
        return dict(error.to_dict(), folder=folder, outcome='failed')


def _print(reports: List[Report], failed: List[Report]) -> None:
    """One result in full; of several a table with a line for each."""
    done = [report for report in reports if report['outcome'] != 'failed']
    if len(reports) > 1:
        _print_table(done)
    else:
        for report in done:
            _print_result(report)
    for report in failed:
        _print_failed(report['path'], 'not analysed', report)


def _print_failed(what: str, state: str, report: Report) -> None:
    text = ' '.join(part for part in (report['sentence'], report['next_step']) if part)
    click.echo('%s: %s. %s [%s]' % (printable(what), state, text, report['code']), err=True)


def _print_result(report: Report) -> None:
    click.echo('%s -> %s' % (printable(report['path']), printable(report['folder'])))
    if report['frames'] > 1:
        click.echo('  Frame %d of %d; --frame N analyses another.' % (report['frame'], report['frames']))
    if report['outcome'] == 'no-result':
        click.echo('  No result:')
    elif report['regions']:
        _print_regions(report)
    for sentence in report['sentences']:
        click.echo('  ' + sentence)
    for sentence in _warnings(report):
        click.echo('  Warning: ' + sentence)


def _warnings(report: Report) -> List[str]:
    return ['%(sentence)s %(next_step)s' % check for check in report['checks'] if check['severity'] == WARNING]


def _print_regions(report: Report) -> None:
    """Right, left and what left is warmer: of the means and of the hottest pixels."""
    unit = _UNITS[report['unit']]
    click.echo('  %-10s%-26s%s' % ('', 'mean, ' + unit, 'highest, ' + unit))
    click.echo('  %-10s%s' % ('', '  '.join(['%6s %6s %10s' % ('right', 'left', 'left-right')] * 2)))
    for pair in _PAIRS:
        sides = [report['regions'].get('%s_%s' % (side, pair), {}) for side in ('right', 'left')]
        if any(sides):
            difference = report['differences'].get(pair, {})
            click.echo('  %-10s%s' % (pair, '  '.join(
                '%6s %6s %10s' % (_number(sides[0], statistic), _number(sides[1], statistic),
                                  _number(difference, statistic, '%+.2f')) for statistic in ('mean', 'max'))))
    neck = report['regions'].get('neck')
    if neck:
        click.echo('  %-10s%13s%26s' % ('neck', _number(neck, 'mean'), _number(neck, 'max')))


def _print_table(reports: List[Report]) -> None:
    """A line for each result: the breasts, what left is warmer, and the finding."""
    names = [shown_name(report['path']) for report in reports]
    width = max([len('file')] + [len(name) for name in names])
    if reports:
        click.echo('%-*s   mean of the breasts    left - right' % (width, ''))
        click.echo('%-*s   %6s %6s  %9s %9s %9s   %s' % (width, 'file', 'right', 'left', 'breast', 'nipple', 'armpit',
                                                      'finding'))
    for name, report in zip(names, reports):
        if report['outcome'] == 'no-result':
            click.echo('%-*s   No result: %s' % (width, name, ' '.join(report['sentences'])))
            continue
        breasts = [_number(report['regions'].get(side + '_breast', {}), 'mean') for side in ('right', 'left')]
        differences = [_marked(report['differences'].get(pair, {})) for pair in _PAIRS]
        finding = report['finding']
        click.echo('%-*s   %6s %6s  %s   %s%s' % (
            width, name, breasts[0], breasts[1], ' '.join(differences),
            '%.2f, %s %.2f' % (finding['probability'], 'at or above' if finding['above'] else 'below',
                               finding['threshold']) if finding else
            view_label(report['view']) if report['view'] in SIDE_VIEWS else 'none',
            '' if report['unit'] == CELSIUS else ', grey levels'))
    if any(entry['exceeds'] for report in reports for entry in report['differences'].values()):
        threshold = next(entry['threshold_c'] for report in reports for entry in report['differences'].values())
        click.echo('In °C; * more than %.1f °C apart.' % threshold)
    elif reports:
        click.echo('In °C.')
    for name, report in zip(names, reports):
        for sentence in _warnings(report):
            click.echo('%s: Warning: %s' % (name, sentence))


def _marked(difference: Dict[str, Any]) -> str:
    return '%9s' % (_number(difference, 'mean', '%+.2f') + ('*' if difference.get('exceeds') else ' '))


def _number(values: Dict[str, Any], statistic: str, form: str = '%.1f') -> str:
    return form % values[statistic] if values else '-'
