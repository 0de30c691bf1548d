"""Whether similar exams mean something: do the nearest phantoms have the pattern that was planted in a phantom?

Each phantom is a patient of her own, frontal, half of them with a pattern in one breast. Its five nearest by the
features of the bundle are found by their cosine, as the station finds them. Precision at 5 is the share of these with
the same pattern; chance is the share that others of the set have. A tumour's own heat, which nobody can see, counts as
no pattern.

    python -m models.evaluation.neighbours BUNDLE [--seed 8100000] [--n 500] [--threads 1]
"""
from pathlib import Path
from typing import Any, Dict, Iterable, NamedTuple

import click
import numpy as np

from service.pipeline import Pipeline
from service.simulator import make_phantom
from service.thermogram import Thermogram

from ..progress import bar
from ..statistics import PatientBootstrap

#: Neighbours that the page of an exam shows.
COUNT = 5

#: Pixels of a phantom: those of the network, so that none is lost.
_HEIGHT, _WIDTH = 240, 320


class Seen(NamedTuple):
    """A set as a bundle sees it.

    Attributes:
        features: float32 NxD of unit length.
        kinds: str N, what was planted beside a tumour; ``''`` for nothing that can be seen.
        sides: str N, in which breast; ``''`` for nothing.
        refused: phantoms of the set without a result.
    """

    features: np.ndarray
    kinds: np.ndarray
    sides: np.ndarray
    refused: int


def see(pipeline: Pipeline, seeds: Iterable[int]) -> Seen:
    """The phantoms of some seeds, as a bundle that gives features sees them."""
    features, planted, refused = [], [], 0
    for number in seeds:
        phantom = make_phantom(number, _HEIGHT, _WIDTH)
        result = pipeline.analyse(Thermogram.from_celsius(phantom.celsius, 'phantom'))
        if result.refusals or result.features is None:
            refused += 1
            continue
        visible = [item for item in phantom.planted['items'] if item['kind'] != 'tumour']
        features.append(result.features)
        planted.append(('+'.join(sorted(item['kind'] for item in visible)), visible[0]['side'] if visible else ''))
    kinds, sides = (np.array(words, dtype=str) for words in zip(*planted))
    return Seen(np.stack(features), kinds, sides, refused)


def precision(features: np.ndarray, classes: np.ndarray, among: np.ndarray, count: int = COUNT) -> Dict[str, Any]:
    """Precision at `count` of phantoms `among` (bool N) by their classes (str N), and what chance gives.

    Returns:
        ``precision`` and ``gain`` over chance as of `PatientBootstrap.mean`, over phantoms as queries, and ``chance``.
    """
    alike = features.astype(np.float64) @ features.T.astype(np.float64)
    np.fill_diagonal(alike, -np.inf)
    near = np.argsort(-alike, axis=1, kind='stable')[:, :count]
    hits = (classes[near] == classes[:, np.newaxis]).mean(1)
    chance = np.array([(classes == own).sum() - 1 for own in classes]) / (len(classes) - 1)
    bootstrap = PatientBootstrap(np.flatnonzero(among))
    return {'precision': bootstrap.mean(hits[among]), 'chance': float(chance[among].mean()),
            'gain': bootstrap.mean((hits - chance)[among])}


def table(seen: Seen) -> str:
    """The rows that are shown, as Markdown."""
    patterned = seen.kinds != ''
    both = np.char.add(np.char.add(seen.kinds, ' '), seen.sides)
    rows = [('the same pattern in the same breast', both, patterned), ('the same pattern', seen.kinds, patterned),
            ('a pattern in the same breast', seen.sides, patterned),
            ('a pattern, or none, as its own', patterned.astype(str), np.ones(len(patterned), bool))]
    lines = ['| %d nearest have | queries | precision (95 %% interval) | chance | above chance |' % COUNT,
             '| --- | --- | --- | --- | --- |']
    for words, classes, among in rows:
        found = precision(seen.features, classes, among)
        lines.append('| %s | %d | %.3f (%.3f to %.3f) | %.3f | %+.3f (%+.3f to %+.3f) |' % (
            words, found['precision']['n'], found['precision']['value'], *found['precision']['ci95'], found['chance'],
            found['gain']['value'], *found['gain']['ci95']))
    return '\n'.join(lines)


@click.command()
@click.argument('bundle', type=click.Path(file_okay=False, path_type=Path))
@click.option('--seed', default=8_100_000, show_default=True, help='Of the first phantom; recipes have others.')
@click.option('--n', default=500, show_default=True, type=click.IntRange(min=20), help='Phantoms.')
@click.option('--threads', default=1, metavar='N', help='Threads of one inference; 0 for every core.')
def main(bundle: Path, seed: int, n: int, threads: int) -> None:
    """Compare the nearest phantoms of a bundle's features with what was planted in them.

    \b
    Example:
      python -m models.evaluation.neighbours service/bundles/phantom-fpn
    """
    with Pipeline.from_folder(str(bundle), threads) as pipeline:
        if 'features' not in pipeline.bundle.manifest.roles:
            raise click.ClickException('This bundle gives no features. Export it with --features.')
        with bar('Looking')(range(seed, seed + n)) as seeds:
            seen = see(pipeline, seeds)
        identity = pipeline.bundle.manifest.identity
    click.echo('%s %s, seeds %d to %d, %d frontal phantoms with a result (%d without).\n' % (
        identity['id'], identity['version'], seed, seed + n - 1, len(seen.kinds), seen.refused))
    click.echo(table(seen))


if __name__ == '__main__':
    main()
