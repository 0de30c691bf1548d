"""``thermoscreen evaluate``: a bundle and a folder of thermograms in, a report out."""
import importlib.util
import shlex
import sys
from pathlib import Path
from typing import Any, Optional, Tuple

import click

# A verb whose library is absent is not offered; looking is quick, importing is not.
for _name in ('sklearn', 'scipy', 'matplotlib', 'jinja2'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('evaluation needs %s' % _name, name=_name)

_FOLDER = click.Path(file_okay=False, path_type=Path)
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command('evaluate')
@click.argument('bundles', type=_FOLDER, nargs=-1, required=True, metavar='BUNDLE...')
@click.option('--data', required=True, type=click.Path(path_type=Path), metavar='DIR',
              help='Thermograms to judge by, or phantoms:SEED:COUNT.')
@click.option('--out', required=True, type=_FOLDER, metavar='DIR', help='Folder of the report.')
@click.option('--flip', is_flag=True, help='Also average each answer with the one to the mirror image.')
@click.option('--layout', metavar='NAME', help='How the data folder is laid out. Default: detected.')
@click.option('--patient-from', type=click.Choice(('csv', 'name')),
              help='Plain folders only: patients from patients.csv, or each file a patient of its own.')
@click.option('--scale', metavar='NAME', help='Plain folders only: what one count of a 16-bit file means.')
@click.option('--where', multiple=True, metavar='FACT=VALUE',
              help='Only frames of which this is true, such as dialect=space; repeatable.')
@click.option('--limit', type=click.IntRange(min=1), metavar='N', help='At most N frames.')
@click.option('--positive', multiple=True, metavar='CLASS',
              help='Class that the finding should call; repeatable. Default: the second of two.')
@click.option('--sensitivity', default=0.9, show_default=True, type=_SHARE, help='To choose a threshold for.')
@click.option('--specificity', default=0.9, show_default=True, type=_SHARE, help='To choose a threshold for.')
@click.option('--unseen', is_flag=True, help='Leave out the patients that the bundle was trained on.')
@click.option('--resubstitution', is_flag=True,
              help='Judge patients that the bundle was trained on; the report says so first.')
@click.option('--audit', type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='audit.json of `thermoscreen confounds`, whose controls go beside the AUC.')
@click.option('--rounds', default=2000, show_default=True, type=click.IntRange(min=100), help='Bootstrap rounds.')
@click.option('--seed', default=0, show_default=True, help='Of the bootstrap and of the halves.')
@click.option('--threads', default=0, metavar='N', help='Threads of one inference; 0 for every core.')
@click.option('--force', is_flag=True, help='Replace --out whatever it holds.')
@click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')
def evaluate_command(bundles: Tuple[Path, ...], data: Path, out: Path, layout: Optional[str],
                     patient_from: Optional[str], scale: Optional[str], where: Tuple[str, ...], limit: Optional[int],
                     as_json: bool, **options: Any) -> None:
    """Judge a bundle on thermograms whose regions or diagnoses are known.

    Every frame goes through the pipeline of the device. DIR receives report.html, report.json with every
    raw value, and labels/ with the predicted regions. A frame that cannot be read is reported, the
    others go on, and the exit code is 1. A 'no result' is counted and is not a failure.

    The report is on the first bundle. With others, or with --flip, a table compares it with the mean of their
    probabilities: overlap, AUC, predicted time on a Jetson Nano and measured time. A station averages nothing.

    \b
    Example:
      thermoscreen evaluate service/bundles/phantom-fpn --data dmr --out report
      thermoscreen evaluate bundle --data dmr --where dialect=space --audit audit/audit.json --out report
      thermoscreen evaluate run-1/bundle run-2/bundle --flip --data phantoms:0:200 --out report
    """
    from models.data import open_data  # the libraries take seconds to import, too long for --help

    from ..progress import bar
    from ..reports import failure_line, to_json
    from .formatting import terminal
    from .request import Request, evaluate

    command = shlex.join(['thermoscreen'] + sys.argv[1:])
    request = Request(bundle=bundles[0], others=bundles[1:], out=out, where=where, limit=limit, command=command,
                      **options)
    how = {'patient_from': patient_from, 'scale': scale}
    collection = open_data(data, layout, **{name: value for name, value in how.items() if value})
    document = evaluate(request, collection, bar('Evaluating'))
    for failure in document['samples']['failed']:
        click.echo(failure_line(failure, 'not evaluated'), err=True)
    click.echo(to_json(document) if as_json else terminal(document, out), nl=not as_json)
    sys.exit(1 if document['samples']['failed'] else 0)
