"""``python -m models.data DIR``: what a folder of thermograms contains, and a split of it by patient."""
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, Optional

import click

from service.messages import ThermoscreenError

from .open import LAYOUTS, open_data
from .sample import Collection
from .splits import image_split, patient_folds, patient_split, read_split, write_split


@click.command()
@click.argument('data')
@click.option('--layout', type=click.Choice(sorted(LAYOUTS)), help='Default: found by content.')
@click.option('--split', type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Write a split by patient to this JSON file.')
@click.option('--share', default=0.7, show_default=True, help='Training share of the patients.')
@click.option('--folds', type=click.IntRange(min=2), metavar='N', help='Folds instead of a training share.')
@click.option('--by-image', is_flag=True, help='Split by image: patients may be in both parts.')
@click.option('--seed', default=2021, show_default=True)
@click.option('--check', type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Check that the split in this file has no patient in two parts.')
def command(data: str, layout: Optional[str], split: Optional[Path], share: float, folds: Optional[int],
            by_image: bool, seed: int, check: Optional[Path]) -> None:
    """Describe DATA, split it by patient, or check a split.

    \b
    Example:
      python -m models.data dmr --folds 5 --split folds.json
      python -m models.data dmr --check folds.json
    """
    if by_image and folds:
        raise click.UsageError('--by-image makes one split, not folds.')
    collection = open_data(data, layout)
    _describe(collection.name, collection)
    for note in collection.notes:
        click.echo('  ' + note)
    if split:
        parts = _split(collection, share, folds, by_image, seed)
        write_split(split, parts)
        _show(parts)
    if check:
        _show(read_split(check, collection))


def _split(collection, share, folds, by_image, seed):
    if folds:
        pairs = patient_folds(collection, folds, seed)
        return {'fold %d' % number: held for number, (_, held) in enumerate(pairs, 1)}
    cut = image_split if by_image else patient_split
    return dict(zip(('training', 'held-out'), cut(collection, share, seed)))


def _show(parts: Dict[str, Collection]) -> None:
    """Print the parts; a split by image says so first."""
    for note in next(iter(parts.values())).notes[:1]:
        click.echo(note)
    for name, part in parts.items():
        _describe(name, part)


def _describe(name, part):
    counts = Counter(sample.klass for sample in part)
    classes = ', '.join('%d %s' % (counts[index], word) for index, word in enumerate(part.classes))
    click.echo('%s: %d samples of %d patients, %d labelled%s'
               % (name, len(part), len(part.patients), len(part.labelled()), classes and '; ' + classes))


def main() -> None:
    """Run the command and exit; errors of the user are one line."""
    try:
        command(prog_name='python -m models.data')
    except ThermoscreenError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


if __name__ == '__main__':
    main()
