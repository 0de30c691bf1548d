"""Command-line verbs of this package."""
import importlib.util
import logging
from pathlib import Path

import click

# The command line leaves a verb out whose library is absent; asking is quick, importing PyTorch is not.
if importlib.util.find_spec('torch') is None:
    raise ImportError('training needs PyTorch', name='torch')

from .recipe import load_recipe  # noqa: E402


@click.command('train')
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path),
              help='Folder for weights, metrics, ONNX file and bundle.')
@click.option('--recipe', default='first', show_default=True,
              help='Name of a recipe in models/recipes, or a TOML file.')
@click.option('--phantoms', type=click.Path(file_okay=False, path_type=Path),
              help='Folder where phantom sets are kept between runs [default: inside --out].')
@click.option('--threads', default=2, show_default=True, help='CPU threads.')
def train_command(out, recipe, phantoms, threads):
    """Train a network on simulated thermograms and write its bundle.

    Example: thermoscreen train --out build/first
    """
    from .train import train  # PyTorch takes seconds to import: not for --help

    # The program has set up logging for warnings already; half an hour of silence would look like a hang.
    logging.basicConfig(format='%(asctime)s %(message)s')
    logging.getLogger(__package__).setLevel(logging.INFO)
    try:
        recipe = load_recipe(recipe)
    except (FileNotFoundError, ValueError) as error:
        raise click.ClickException(str(error))
    bundle = train(recipe, out, phantoms, threads)
    click.echo('bundle: %s' % bundle.folder)
