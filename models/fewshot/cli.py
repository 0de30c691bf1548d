"""``thermoscreen few-shot``: a network for a clinic's own patients, from few labels."""
import importlib.util
import logging
from pathlib import Path
from typing import Optional, Tuple

import click

from service.messages import InputError

# A verb whose library is absent is not offered; looking is quick, importing PyTorch is not.
if importlib.util.find_spec('torch') is None:
    raise ImportError('few-shot training needs PyTorch', name='torch')

#: Seed of the first phantom; no recipe trains or judges on these.
_FIRST_SEED = 500000

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command('few-shot')
@click.option('--data', required=True, metavar='DIR', help='Thermograms; some of the patients with labels.')
@click.option('--init', 'start', required=True, type=click.Path(path_type=Path), metavar='RUN',
              help='Run folder of a network trained on phantoms (thermoscreen train phantom-fpn); any architecture.')
@click.option('--out', required=True, type=_FOLDER, metavar='DIR',
              help='Receives figures, labels of the held-out patients, and the bundle.')
@click.option('--phantoms', type=_FOLDER, metavar='DIR', help='Where the phantoms are kept [default: inside --out].')
@click.option('--count', default=2000, show_default=True, type=click.IntRange(min=1), help='Phantoms to mix in.')
@click.option('--folds', default=5, show_default=True, type=click.IntRange(min=2), help='Folds by patient.')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE', help='Change a key of the recipe few-shot.')
@click.option('--threads', default=2, show_default=True, type=click.IntRange(min=1), help='CPU threads.')
def few_shot_command(data: str, start: Path, out: Path, phantoms: Optional[Path], count: int, folds: int,
                     changes: Tuple[str, ...], threads: int) -> None:
    """Adapt a network trained on phantoms to patients, of whom a few have labels.

    Architecture, chain and size are those of RUN.

    The labelled patients are held out fold by fold and labelled by a network that never saw them, which gives the
    figure. The bundle is then trained on all of them. What is already in --out is kept, so an interrupted run
    resumes.

    \b
    Example:
      thermoscreen few-shot --data dmr --init build/phantom-fpn --out build/few-shot
    """
    # PyTorch takes seconds to import, too long for --help.
    import torch

    from ..data import open_data
    from ..phantoms import prepare_set
    from ..recipe_files import load_recipe
    from .run import few_shot, started_from

    for change in changes:
        if change.startswith(('network.', 'input.')):
            raise InputError('recipe-key', '--set %s changes nothing: --init decides network and input.' % change,
                             'Leave it out.')
    logging.basicConfig(format='%(asctime)s %(message)s')
    logging.getLogger('models').setLevel(logging.INFO)
    torch.set_num_threads(threads)
    recipe = started_from(start, load_recipe('few-shot', changes))
    collection = open_data(data)
    simulated = prepare_set(phantoms or out / 'phantoms', _FIRST_SEED, count, recipe.input.height,
                            recipe.input.width, threads, recipe.phantoms.kinds or None)
    figures = few_shot(recipe, collection, simulated, start, out, folds)
    regions = figures['all']['miou']
    click.echo('mIoU %.3f (95 %% interval %.3f to %.3f) over %d patients, each judged by a network that never saw them'
               % (regions['value'], *regions['ci95'], regions['n']))
    for name, entry in figures['all']['regions'].items():
        click.echo('  %-14s IoU %.3f' % (name, entry['iou']['value']))
    click.echo('labels of the held-out patients: %s\nbundle, trained on all of them: %s'
               % (out / 'folds' / 'labels', out / 'bundle'))
