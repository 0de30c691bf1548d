"""``thermoscreen compare``: every architecture in one table."""
import importlib.util
import json
import logging
from pathlib import Path
from typing import Optional, Tuple

import click

# A verb whose library is absent is not offered; looking is quick, importing PyTorch is not.
if importlib.util.find_spec('torch') is None:
    raise ImportError('a comparison of networks needs PyTorch', name='torch')


@click.command('compare')
@click.option('--data', metavar='DIR', help='Labelled patients for the segmenters; without it costs alone.')
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Receives table.md, rows.json and the runs.')
@click.option('--only', multiple=True, metavar='NAME', help='These architectures only; repeatable.')
@click.option('--phantoms', default=800, show_default=True, type=click.IntRange(min=1),
              help='Simulated patients that every segmenter begins with.')
@click.option('--phantom-samples', default=3200, show_default=True, type=click.IntRange(min=1),
              help='Training samples of them, once for all folds.')
@click.option('--samples', default=800, show_default=True, type=click.IntRange(min=1),
              help='Training samples of the labelled patients of a fold.')
@click.option('--encoder-epochs', default=20, show_default=True, type=click.IntRange(min=1),
              help='Epochs of the latents encoder on the unlabelled patients.')
@click.option('--folds', default=5, show_default=True, type=click.IntRange(min=2), help='Folds by patient.')
@click.option('--threads', default=2, show_default=True, type=click.IntRange(min=1), help='CPU threads of trainings.')
def compare_command(data: Optional[str], out: Path, only: Tuple[str, ...], phantoms: int, phantom_samples: int,
                    samples: int, encoder_epochs: int, folds: int, threads: int) -> None:
    """Compare the architectures: parameters, arithmetic, file size, latency, region overlap.

    Latency is ONNX Runtime on one thread of this machine's CPU, run alternately with the shipped network, and not a
    Jetson's. Segmenters are trained on the same phantoms and then on the same labelled patients in the same folds, with
    the same number of samples, optimiser, loss and augmentation. Finished folds in --out are kept.

    \b
    Example:
      thermoscreen compare --data dmr --out build/compare
    """
    # PyTorch takes seconds to import, too long for --help.
    import torch

    from ..data import open_data
    from .run import Lengths, compare, describe

    logging.basicConfig(format='%(asctime)s %(message)s')
    logging.getLogger('models').setLevel(logging.INFO)
    torch.set_num_threads(threads)
    collection = open_data(data) if data else None
    lengths = Lengths(phantoms, phantom_samples, samples)
    rows = compare(collection, out, only, lengths, encoder_epochs, folds)
    text = describe(rows, collection, lengths, folds)
    (out / 'table.md').write_text(text + '\n')
    (out / 'rows.json').write_text(json.dumps([dict(row, cost=vars(row['cost'])) for row in rows], indent=1))
    click.echo(text)
