"""``thermoscreen validate``: a clinic's own exams in, one report out of what may and what may not be claimed."""
import importlib.util
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import click

# A verb whose library is absent is not offered; looking is quick, importing is not.
for _name in ('sklearn', 'scipy', 'matplotlib', 'jinja2', 'torch'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('validation needs %s' % _name, name=_name)

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command('validate')
@click.option('--data', required=True, type=click.Path(path_type=Path), metavar='DIR',
              help='Signed exams as a station exports them, or any layout that evaluate reads.')
@click.option('--out', required=True, type=_FOLDER, metavar='DIR', help='Folder of the report.')
@click.option('--bundle', type=_FOLDER, metavar='DIR', help='What is validated. Default: the shipped bundle.')
@click.option('--layout', metavar='NAME', help='How the data folder is laid out. Default: detected.')
@click.option('--scale', metavar='NAME', help='Plain folders only: what one count of a 16-bit file means.')
@click.option('--where', multiple=True, metavar='FACT=VALUE',
              help='Only pictures of which this is true, such as dialect=space; repeatable.')
@click.option('--limit', type=click.IntRange(min=1), metavar='N', help='At most N pictures.')
@click.option('--landmarks', type=_FILE, metavar='FILE',
              help='Boxes around nipples: structure, x0, y0, x1, y1, and file or patient. Default: landmarks.csv '
              'in --data.')
@click.option('--diagnoses', type=_FILE, metavar='FILE', help='Classes: a table with the columns patient and class.')
@click.option('--pathology', is_flag=True, help='The classes are proven by pathology.')
@click.option('--positive', multiple=True, metavar='CLASS',
              help='Class that the finding should call; repeatable. Default: the second of two.')
@click.option('--audit', type=_FILE, metavar='FILE',
              help='audit.json of thermoscreen confounds on these patients. Default: a shorter one is made.')
@click.option('--repeats', default=2, show_default=True, type=click.IntRange(min=1),
              help='How often that audit deals the patients into folds.')
@click.option('--days', default=30, show_default=True, type=click.IntRange(min=0),
              help='Visits so close to each other are repeats.')
@click.option('--looks', default=0, show_default=True, type=click.IntRange(min=0), metavar='N',
              help='How often these pictures were evaluated before, other than by the report that --out holds.')
@click.option('--unseen', is_flag=True, help='Leave out the patients that the bundle was trained on.')
@click.option('--resubstitution', is_flag=True,
              help='Judge patients that the bundle was trained on; nothing may be claimed then.')
@click.option('--rounds', default=2000, show_default=True, type=click.IntRange(min=100), help='Bootstrap rounds.')
@click.option('--seed', default=0, show_default=True, help='Of the bootstrap and of the halves.')
@click.option('--threads', default=0, metavar='N', help='Threads of one inference; 0 for every core.')
@click.option('--force', is_flag=True, help='Replace --out whatever it holds.')
@click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')
def validate_command(data: Path, bundle: Optional[Path], out: Path, layout: Optional[str], scale: Optional[str],
                     as_json: bool, **options: Any) -> None:
    """Say what may and what may not be claimed of a bundle at this site, on its own exams.

    Every picture goes through the pipeline of the device. The report holds outlines, nipples, quality gate, finding
    with its confound audit, and test-retest against claims with fixed bars. What the data do not allow is "not
    assessed", with what to collect. DIR receives report.html, report.json with every raw value and, where Chromium is
    installed, report.pdf. A picture that cannot be read is reported, the others go on, and the exit code is 1.

    \b
    Example:
      thermoscreen exams export --all --out /media/usb/exams      # on the station
      thermoscreen validate --data /media/usb/exams --out validation
      thermoscreen validate --data dmr --where dialect=space --out validation
    """
    from models.data import open_data  # the libraries take seconds to import, too long for --help
    from service.settings import load_settings

    from ..evaluation.report import PAGE_NAME
    from ..progress import bar
    from ..reports import failure_line, to_json
    from .run import PDF_NAME, Request, validate

    request = Request(bundle=Path(load_settings(None, bundle=None if bundle is None else str(bundle)).bundle), out=out,
                      command=shlex.join(['thermoscreen'] + sys.argv[1:]), **options)
    document = validate(request, open_data(data, layout, **({'scale': scale} if scale else {})), data, bar)
    for failure in document['samples']['failed']:
        click.echo(failure_line(failure, 'not analysed'), err=True)
    printed = document.pop('pdf')
    if as_json:
        click.echo(to_json(document), nl=False)
    else:
        click.echo('\n'.join(_lines(document)))
        click.echo('Report: %s%s' % (out / PAGE_NAME, ' and %s' % PDF_NAME if printed else
                                     '; no PDF: Chromium is not here, so print it from a browser'))
        click.echo(document['notice'])
    sys.exit(1 if document['samples']['failed'] else 0)


def _lines(document: Dict[str, Any]) -> List[str]:
    """The report on a terminal: every claim with its evidence."""
    from ..evaluation.formatting import wrapped

    bundle = document['conditions']['bundle']
    lines = [document['split'], '%s %s on %s, look %d at these pictures' % (
        bundle['id'], bundle['version'], document['data']['name'], document['looks']['n']), '']
    for claim in document['claims']:
        lines += ['%s: %s' % (claim['verdict'].upper(), claim['claim']), wrapped(claim['found']),
                  wrapped(claim['step'])]
    return lines + [''] + [wrapped('Note: ' + note) for note in document['data']['notes'] + document['notes']]
