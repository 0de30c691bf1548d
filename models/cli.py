"""``thermoscreen train``: a recipe in; weights, figures and a bundle out."""
import importlib.util
import logging
import os
import sys
from pathlib import Path

import click

from service.messages import InputError

# The command line leaves a verb out whose library is absent; asking is quick, importing PyTorch is not.
for _name in ('torch', 'lightning'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('training needs %s' % _name, name=_name)

from .recipe_files import list_recipes, load_recipe  # noqa: E402

_FOLDER = click.Path(file_okay=False, path_type=Path)


def _print_recipes(ctx, option, wanted):
    if wanted and not ctx.resilient_parsing:
        for name, summary in list_recipes().items():
            click.echo('%-26s %s' % (name, summary))
        ctx.exit()


@click.command('train')
@click.argument('recipe')
@click.option('--data', metavar='DIR', help='Folder of thermograms, or phantoms:SEED:COUNT.')
@click.option('--out', required=True, type=_FOLDER, metavar='DIR',
              help='Run folder: weights, figures, checkpoints, log, bundle.')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE',
              help='Change a key of the recipe, such as training.batch=8; may be given often.')
@click.option('--fold', type=int, metavar='K', help='Fold that is held out, from 1, where the recipe makes folds.')
@click.option('--init', metavar='RUN', help='Start from the weights of another run; short for --set network.init=RUN.')
@click.option('--regions', type=click.Path(path_type=Path), metavar='RUN',
              help='Run whose regions a classifier is delivered with.')
@click.option('--mix-in', metavar='DIR', help="Another camera's thermograms, for recipes with data.mix_in.")
@click.option('--layout', metavar='NAME', help='How the data folder is laid out [default: found out].')
@click.option('--phantoms', type=_FOLDER, metavar='DIR',
              help='Where phantom sets are kept between runs [default: inside --out].')
@click.option('--threads', default=os.cpu_count(), show_default='all', type=click.IntRange(min=1), metavar='N',
              help='CPU threads.')
@click.option('--workers', default=1, show_default=True, type=click.IntRange(min=0), metavar='N',
              help='Processes that prepare samples.')
@click.option('--restart', is_flag=True, help='Throw away an earlier run in --out.')
@click.option('--list', is_flag=True, is_eager=True, expose_value=False, callback=_print_recipes,
              help='Show the recipes there are.')
def train_command(recipe, data, out, changes, fold, init, regions, mix_in, layout, phantoms, threads, workers,
                  restart):
    """Train the network of RECIPE, a name from --list or a TOML file.

    A run that was interrupted goes on from its last checkpoint when the same command is given again. DIR
    receives recipe.toml as run, split.json (who was held out), weights.pt, metrics.json, checkpoints/,
    log/ for TensorBoard and, where the device can use the network, bundle/.

    \b
    Example:
      thermoscreen train phantom-unet --out build/phantom-unet
      thermoscreen train unet-lite --data dmr --fold 1 --out build/unet-lite-1 --set training.epochs=20
    """
    changes += ('network.init=%s' % init,) if init else ()
    recipe = load_recipe(recipe, changes)
    if (recipe.data.source == 'collection') != bool(data):
        raise InputError('data-missing' if not data else 'data-unused', (
            'Recipe %s learns from thermograms; name their folder with --data.' if not data else
            'Recipe %s makes its own simulated thermograms; leave --data out.') % recipe.name)
    _speak()
    # PyTorch takes seconds to import: not for --help.
    from .training.run import train
    from .training.summary import summarise

    source = _source(recipe, data, layout, fold, mix_in, phantoms or out / 'phantoms', threads)
    try:
        done = train(recipe, source, out, threads, workers, restart, bar=sys.stderr.isatty(), regions=regions)
    except KeyboardInterrupt:
        click.echo('Stopped. The same command goes on from the last checkpoint in %s.' % out, err=True)
        raise
    for line in summarise(done, recipe):
        click.echo(line)


def _source(recipe, data, layout, fold, mix_in, phantoms, threads):
    from .data import open_data
    from .training.collection_run import CollectionRun
    from .training.phantom_run import PhantomRun

    if recipe.data.source == 'phantoms':
        return PhantomRun(recipe, phantoms, threads)
    others = open_data(mix_in) if mix_in else None
    return CollectionRun(recipe, open_data(data, layout), fold, others)


def _speak():
    """Show the progress of this package: half an hour of silence would look like a hang."""
    log = logging.getLogger(__package__)
    log.setLevel(logging.INFO)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter('%(asctime)s %(message)s', '%H:%M:%S'))
        log.addHandler(handler)
        log.propagate = False
