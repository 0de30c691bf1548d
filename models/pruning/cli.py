"""``thermoscreen prune``: a trained segmenter in; a smaller one out, with the figures of both."""
import importlib.util
import json
import sys
from pathlib import Path
from typing import Optional, Tuple

import click

from ..cli import FOLDER, check_data, open_source, run_options
from ..progress import log_progress

# A verb whose library is absent is not offered; looking is quick, importing it is not.
if importlib.util.find_spec('torch_pruning') is None:
    raise ImportError('pruning needs torch_pruning', name='torch_pruning')


def _share(ctx: click.Context, option: click.Parameter, value: float) -> float:
    """Click's own range lets NaN pass."""
    if not 0 < value < 1:
        raise click.BadParameter('a share between 0 and 1, such as 0.5')
    return value


@click.command('prune')
@click.argument('run', type=click.Path(path_type=Path))
@click.option('--flops', required=True, type=float, callback=_share, metavar='SHARE',
              help='Share of the multiply-accumulates that may remain, such as 0.5.')
@click.option('--out', required=True, type=FOLDER, metavar='DIR', help='Run folder of the pruned network.')
@click.option('--fine-tune', default=0, type=click.IntRange(min=0), metavar='SAMPLES',
              help='Train the pruned network on so many samples [default: not at all].')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE',
              help='Change a key of the recipe for that, such as optimizer.learning_rate=0.0005; repeatable.')
@click.option('--samples', default=64, show_default=True, type=click.IntRange(min=1), metavar='N',
              help='Training samples that the importance of the channels is measured on.')
@click.option('--multiple', default=8, show_default=True, type=click.IntRange(min=1), metavar='N',
              help='Channels stay in multiples of this, which half-precision kernels like. Fine-tuning is slower where '
                   'it is no multiple of 8: it is then computed without oneDNN.')
@click.option('--data', metavar='DIR', help='What the run was trained on, if it was patients.')
@click.option('--fold', type=int, metavar='K', help='Fold that is held out, from 1 [default: as of RUN].')
@run_options
@click.option('--json', 'as_json', is_flag=True, help='Print the figures as JSON.')
def prune_command(run: Path, flops: float, out: Path, fine_tune: int, changes: Tuple[str, ...], samples: int,
                  multiple: int, data: Optional[str], layout: Optional[str], fold: Optional[int],
                  mix_in: Optional[str], phantoms: Optional[Path], threads: int, workers: int, restart: bool,
                  as_json: bool) -> None:
    """Remove the filters that contribute least from the segmenter of RUN, a run folder of thermoscreen train.

    The channels are really gone: the network, its ONNX file and its bundle are smaller. DIR is a run folder like any
    other, which can be exported, evaluated and trained on. The samples, and who is held out, are those of RUN.

    An interrupted fine-tuning resumes from its last checkpoint when the same command is given again. python -m
    models.pruning DIR ... prints a table of several.

    \b
    Example:
      thermoscreen prune build/phantom-fpn --flops 0.5 --out build/half
      thermoscreen prune build/phantom-fpn --flops 0.5 --out build/half-tuned --fine-tune 4000
      thermoscreen train phantom-fpn --init build/half --out build/half-trained
    """
    # PyTorch takes seconds to import: not for --help.
    from ..recipe_files import parse_recipe
    from ..training.run import fold_of, summarise
    from ..training.weights import load_weights
    from .run import Request, check_run, prune, table

    if fine_tune:
        changes = ('training.epochs=0', 'training.samples=%d' % fine_tune) + changes
    recipe = parse_recipe(load_weights(run)['recipe'], str(run), changes=changes)
    check_run(recipe, run, out)
    check_data(recipe, data)
    log_progress()
    folder = run if run.is_dir() else run.parent
    source = open_source(recipe, data or '', layout, fold or fold_of(folder), mix_in, phantoms or folder / 'phantoms',
                         threads)
    done = prune(Request(run, out, flops, samples, multiple, bool(fine_tune), threads, workers, restart,
                         sys.stderr.isatty()), recipe, source)
    record = done.metrics['pruning']
    if as_json:
        click.echo(json.dumps(dict(record, out=str(out)), indent=1))
        return
    for line in summarise(done, recipe):
        click.echo(line)
    click.echo(table({recipe.name: record}))
