"""``thermoscreen confounds``: what else than the skin predicts the diagnoses of a folder of thermograms."""
import contextlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Optional, Tuple

import click

# A verb whose library is absent is not offered; looking is quick, importing is not.
for _name in ('sklearn', 'scipy', 'matplotlib', 'jinja2', 'torch'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('an audit needs %s' % _name, name=_name)

if TYPE_CHECKING:
    from .networks import NetworkRunner

_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command('confounds')
@click.option('--data', required=True, type=click.Path(path_type=Path), metavar='DIR',
              help='Thermograms with diagnoses, or phantoms:SEED:COUNT.')
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Folder of the report.')
@click.option('--layout', metavar='NAME', help='How the data folder is laid out. Default: detected.')
@click.option('--where', multiple=True, metavar='FACT=VALUE',
              help='Only pictures of which this is true, such as dialect=space; repeatable.')
@click.option('--positive', metavar='CLASS', help='Class to be told from the others. Default: the second of two.')
@click.option('--bundle', type=click.Path(file_okay=False), metavar='DIR',
              help='Bundle that finds the regions. Default: the shipped one.')
@click.option('--folds', default=5, show_default=True, type=click.IntRange(min=2), help='Folds by patient.')
@click.option('--repeats', default=5, show_default=True, type=click.IntRange(min=1),
              help='How often the patients are dealt into folds anew.')
@click.option('--specificity', default=0.9, show_default=True, type=_SHARE, help='To set the thresholds for.')
@click.option('--draws', default=2000, show_default=True, type=click.IntRange(min=100), help='Bootstrap draws.')
@click.option('--seed', default=2021, show_default=True, type=click.IntRange(min=0), help='Of everything.')
@click.option('--networks', multiple=True, metavar='NAME',
              help='Also train this architecture in every fold, such as resnet18; repeatable and slow.')
@click.option('--epochs', default=12, show_default=True, type=click.IntRange(min=1), help='Of every network.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), help='Threads.')
@click.option('--force', is_flag=True, help='Replace --out whatever it holds.')
@click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')
def confounds(data: Path, out: Path, layout: Optional[str], where: Tuple[str, ...], positive: Optional[str],
          bundle: Optional[str], networks: Tuple[str, ...], epochs: int, threads: int, force: bool, as_json: bool,
          **options: Any) -> None:
    """Audit the diagnoses of a collection for what should not predict them.

    The same classifier protocol, by patient folds, is fed with the skin (torso only, relative to its median,
    marker left out) and then with each control: the background only, the marker only, the patient's number, the
    file's dialect, the noise level and more. What the model reaches beyond these controls may be a pattern of
    the skin; the rest is not. DIR receives audit.json, audit.md and audit.svg.

    \b
    Example:
      thermoscreen confounds --data dmr --where dialect=space --out audit
      thermoscreen confounds --data phantoms:900000:400 --repeats 2 --out audit-phantoms
    """
    # The libraries take seconds to import, too long for --help.
    from models.data import open_data
    from models.evaluation.selection import choose
    from models.reports import check_folder, to_json
    from service.pipeline import Pipeline
    from service.settings import load_settings

    from .protocol import Protocol
    from .report import JSON_NAME, terminal, write_report
    from .run import run_audit

    check_folder(out, JSON_NAME, force)  # before minutes of work, not after
    protocol = Protocol(**options)
    trained = _networks(networks, epochs, threads)
    collection, notes = choose(open_data(data, layout), where)
    with Pipeline.from_folder(load_settings(None, bundle=bundle).bundle, threads) as pipeline:
        report = run_audit(collection.noted(*notes), pipeline, protocol, positive,
                           trained, _progress)
    write_report(out, report, force)
    click.echo(to_json(report) if as_json else terminal(report) + '\nWritten: %s' % out, nl=not as_json)


def _networks(names: Tuple[str, ...], epochs: int, threads: int) -> Dict[str, 'NetworkRunner']:
    if not names:
        return {}
    from .networks import NetworkRunner, NetworkSettings
    return {name: NetworkRunner(name, NetworkSettings(epochs=epochs, threads=threads)) for name in names}


def _progress(things: Iterable[Any], label: str) -> Iterable[Any]:
    """The things with a progress bar where standard error is a terminal, and as they are elsewhere."""
    if not sys.stderr.isatty():
        return things
    return _watched(things, label)


def _watched(things: Iterable[Any], label: str) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:
        yield from stack.enter_context(click.progressbar(things, label=label, file=sys.stderr))
