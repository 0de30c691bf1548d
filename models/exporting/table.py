"""``python -m models.exporting.table``: every network exported, checked against a board and compared, as Markdown."""
import os
from pathlib import Path

import click
import torch

from service.durable import atomic_write
from service.messages import ThermoscreenError

from ..architectures import ARCHITECTURES
from .build import conditions as machine
from .rows import Conditions, make_row, markdown
from .subjects import subjects


@click.command()
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Receives table.md.')
@click.option('--runs', type=click.Path(exists=True, file_okay=False, path_type=Path), metavar='DIR',
              help='Trained runs: NAME/weights.pt or NAME/fold-0/weights.pt, as thermoscreen compare leaves them; '
              'phantom-unet/weights.pt for the shipped bundle.')
@click.option('--data', metavar='DIR', help='Real thermograms beside the phantoms.')
@click.option('--only', multiple=True, type=click.Choice(sorted(ARCHITECTURES)), metavar='NAME',
              help='These architectures only; repeatable.')
@click.option('--frames', default=4, show_default=True, type=click.IntRange(min=1), help='Frames of each kind.')
@click.option('--method', default='minmax', show_default=True, type=click.Choice(['entropy', 'minmax', 'percentile']),
              help='How INT8 ranges are found.')
@click.option('--target', default='jetson-nano', show_default=True, help='Board that is checked against.')
@click.option('--threads', default=os.cpu_count(), type=click.IntRange(min=1), help='CPU threads [default: all].')
def main(out, runs, data, only, frames, method, target, threads):
    """Export every segmenter and classifier, check it against a board, compare FP32, FP16 and INT8.

    \b
    Example:
      python -m models.exporting.table --out build/table --runs build/compare --data dmr
    """
    torch.set_num_threads(threads)
    conditions = Conditions(frames, data, method, threads)
    rows = []
    for subject in subjects(runs, only):
        click.echo('%s (%s)' % (subject.name, subject.weights), err=True)
        rows.append(make_row(subject, conditions, target))
    note = ('%d phantoms%s; FP16 emulated (every tensor rounded), INT8 as Q/DQ in ONNX Runtime, ranges by %s over %d '
            'other phantoms. Fresh networks: weights of seed 0, normalisation statistics of phantoms; their scores '
            'lie close together, so agreement says little. betti has no ONNX file: it is scikit-learn. %s.'
            % (frames, ' and at most as many frames of %s' % Path(data).name if data else '', method, 2 * frames,
               machine()))
    text = markdown(rows, target, note)
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / 'table.md', (text + '\n').encode('utf-8'))
    click.echo(text)


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        raise SystemExit(str(error))
