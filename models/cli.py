"""``thermoscreen train``: a recipe in; weights, figures and a bundle out."""
import importlib.util
import logging
import sys
from pathlib import Path

import click

# The command line leaves a verb out whose library is absent; asking is quick, importing PyTorch is not.
if importlib.util.find_spec('torch') is None:
    raise ImportError('training needs PyTorch', name='torch')

from .recipe_files import list_recipes, load_recipe  # noqa: E402


def _print_recipes(ctx, option, wanted):
    if wanted and not ctx.resilient_parsing:
        for name, summary in list_recipes().items():
            click.echo('%-28s %s' % (name, summary))
        ctx.exit()


@click.command('train')
@click.argument('recipe')
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Run folder: weights, figures, checkpoints, log, bundle.')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE',
              help='Change a key of the recipe, such as training.batch=8; may be given often.')
@click.option('--phantoms', type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Where phantom sets are kept between runs [default: inside --out].')
@click.option('--threads', default=2, show_default=True, help='CPU threads.')
@click.option('--workers', default=1, show_default=True, help='Processes that prepare samples.')
@click.option('--restart', is_flag=True, help='Throw away an earlier run in --out.')
@click.option('--list', is_flag=True, is_eager=True, expose_value=False, callback=_print_recipes,
              help='Show the recipes there are.')
def train_command(recipe, out, changes, phantoms, threads, workers, restart):
    """Train the network of RECIPE, a name from --list or a TOML file.

    A run that was interrupted goes on from its last checkpoint when the same command is given again.

    \b
    Example:
      thermoscreen train phantom-unet --out build/phantom-unet
    """
    from .training.run import train  # PyTorch takes seconds to import: not for --help

    recipe = load_recipe(recipe, changes)
    # The program has set up logging for warnings already; half an hour of silence would look like a hang.
    logging.basicConfig(format='%(asctime)s %(message)s')
    logging.getLogger(__package__).setLevel(logging.INFO)
    done = train(recipe, out, phantoms, threads, workers, restart, bar=sys.stderr.isatty())
    click.echo('bundle: %s' % done['bundle'].folder)
