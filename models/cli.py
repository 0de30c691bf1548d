"""``thermoscreen train``: a recipe in; weights, figures and a bundle out."""
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

import click

from service.messages import InputError

# The command line hides verbs whose library is missing. Looking for PyTorch is quick, importing it is not.
for _name in ('torch', 'lightning'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('training needs %s' % _name, name=_name)

from .progress import log_progress  # noqa: E402
from .recipe_files import list_recipes, load_recipe  # noqa: E402

if TYPE_CHECKING:
    from .recipe import Recipe
    from .training.sources import Source

FOLDER = click.Path(file_okay=False, path_type=Path)

#: What every command that makes a run folder asks for alike.
_RUN_OPTIONS = (
    click.option('--layout', metavar='NAME', help='Layout of the data folder [default: found by content].'),
    click.option('--mix-in', metavar='DIR', help="Another camera's thermograms, for recipes with data.mix_in."),
    click.option('--phantoms', type=FOLDER, metavar='DIR',
                 help='Where phantom sets are kept between runs [default: inside the run that they were made for].'),
    click.option('--threads', default=os.cpu_count(), show_default='all', type=click.IntRange(min=1), metavar='N',
                 help='CPU threads.'),
    click.option('--workers', default=1, show_default=True, type=click.IntRange(min=0), metavar='N',
                 help='Processes that prepare samples.'),
    click.option('--restart', is_flag=True, help='Discard an earlier run in --out.'),
)


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that makes a run folder, as a decorator."""
    for option in reversed(_RUN_OPTIONS):
        function = option(function)
    return function


def _print_recipes(ctx, option, wanted):
    if wanted and not ctx.resilient_parsing:
        for name, summary in list_recipes().items():
            click.echo('%-26s %s' % (name, summary))
        ctx.exit()


@click.command('train')
@click.argument('recipe')
@click.option('--data', metavar='DIR', help='Folder of thermograms, or phantoms:SEED:COUNT.')
@click.option('--out', required=True, type=FOLDER, metavar='DIR',
              help='Run folder: weights, figures, checkpoints, log, bundle.')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE',
              help='Change a key of the recipe, such as training.batch=8; repeatable.')
@click.option('--fold', type=int, metavar='K', help='Fold that is held out, from 1, if the recipe makes folds.')
@click.option('--init', metavar='RUN', help='Start from the weights of another run; short for --set network.init=RUN.')
@click.option('--regions', type=click.Path(path_type=Path), metavar='RUN',
              help='Run whose regions a classifier is delivered with.')
@click.option('--devices', default=1, show_default=True, type=click.IntRange(1, 64), metavar='N',
              help='GPUs that share every batch, or processes where there is no GPU.')
@run_options
@click.option('--list', is_flag=True, is_eager=True, expose_value=False, callback=_print_recipes,
              help='List the recipes.')
def train_command(recipe: str, data: Optional[str], out: Path, changes: Tuple[str, ...], fold: Optional[int],
                  init: Optional[str], regions: Optional[Path], mix_in: Optional[str], layout: Optional[str],
                  phantoms: Optional[Path], threads: int, workers: int, restart: bool, devices: int) -> None:
    """Train the network of RECIPE, a name from --list or a TOML file.

    An interrupted run resumes from its last checkpoint when the same command is given again. DIR receives recipe.toml
    as run, split.json (who was held out), weights.pt, metrics.json, checkpoints/, log/ for TensorBoard and, if the
    device can use the network, bundle/.

    \b
    Example:
      thermoscreen train phantom-fpn --out build/phantom-fpn
      thermoscreen train unet-lite --data dmr --fold 1 --out build/unet-lite-1 --set training.epochs=20
    """
    changes += ('network.init=%s' % init,) if init else ()
    settings = load_recipe(recipe, changes)
    check_data(settings, data)
    log_progress()
    # PyTorch takes seconds to import: not for --help.
    from .training.run import summarise, train

    source = open_source(settings, data or '', layout, fold, mix_in, phantoms or out / 'phantoms', threads)
    try:
        done = train(settings, source, out, threads, workers, restart, bar=sys.stderr.isatty(), regions=regions,
                     devices=devices)
    except KeyboardInterrupt:
        click.echo('Stopped. The same command resumes from the last checkpoint in %s.' % out, err=True)
        raise
    for line in summarise(done, settings):
        click.echo(line)


def check_data(recipe: 'Recipe', data: Optional[str]) -> None:
    """Refuse a recipe of patients without a folder of them, and one of phantoms with it.

    Raises:
        InputError: ``data-missing`` or ``data-unused``.
    """
    if recipe.data.source == 'collection' and not data:
        raise InputError('data-missing', 'Recipe %s trains on thermograms.' % recipe.name,
                         'Name their folder with --data.')
    if recipe.data.source != 'collection' and data:
        raise InputError('data-unused', 'Recipe %s generates its own simulated thermograms.' % recipe.name,
                         'Leave --data out.')


def open_source(recipe: 'Recipe', data: str, layout: Optional[str], fold: Optional[int], mix_in: Optional[str],
                phantoms: Path, threads: int) -> 'Source':
    """What a recipe trains on: phantoms, made where they are missing, or patients; arguments as of the options."""
    from .data import open_data
    from .training.sources import CollectionSource, PhantomSource

    if recipe.data.source == 'phantoms':
        return PhantomSource(recipe, phantoms, threads)
    others = open_data(mix_in) if mix_in else None
    return CollectionSource(recipe, open_data(data, layout), fold, others)
