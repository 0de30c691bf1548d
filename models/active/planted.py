"""``python -m models.active.planted``: do odd frames come first? Some are planted among ordinary phantoms and queued.

The bundle's own network is asked, as by ``thermoscreen queue``. Bodies that it learned to handle are odd all the same
where a clinic has hardly any of them. Ordinary is a frontal view with raised arms and nothing about it: what is planted
must not be among the others by chance.
"""
import functools
import sys
from itertools import chain, count, islice
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence

import click
import numpy as np

from service.bundle import Bundle, open_bundle
from service.durable import atomic_write, make_folders
from service.messages import ThermoscreenError
from service.regions import REGIONS
from service.settings import SHIPPED_BUNDLE
from service.simulator import Description, describe, make_phantom
from service.simulator.anatomy import ARMS_RAISED, Posture
from service.thermogram import Thermogram

from ..cli import FOLDER
from ..data import Collection, Sample
from ..evaluation.formatting import figure as with_interval
from ..progress import bar
from ..statistics import ROUNDS, PatientBootstrap
from .answers import asking
from .curve import ODD
from .ranking import FAR, FOR_ODD, rank
from .run import Frame, Progress, Source, gather

#: Seed of the first phantom, and seeds of a repetition: ordinary ones from its first, odd ones from its middle.
_FIRST, _STRIDE = 7200000, 10000

#: At the shipped network's own size.
_HEIGHT, _WIDTH = 240, 320

#: Ordinary and planted frames of a pool.
_ORDINARY, _PLANTED = 95, 5

#: Odd phantoms of a kind in one repetition.
_OF_KIND = 3

#: The part of a queue in which the odd frames are to be: it has room for twice as many.
_TOP = 0.1

FRONTAL = 'frontal'


class Place(NamedTuple):
    """Where a planted frame stands in a queue.

    Attributes:
        seed: number of the repetition.
        kind: of `ODD`.
        share: of the queue before it, 0 for the first, by way of choosing.
    """

    seed: int
    kind: str
    share: Dict[str, float]


def plant(seed: int, bundle: Bundle, progress: Progress, ordinary: int = _ORDINARY, kinds: Sequence[str] = ODD
          ) -> List[Place]:
    """Queue one pool after the other: the same ordinary phantoms, and in turn every odd one among a few others.

    Frames that the quality checks refuse are planted nowhere.

    Args:
        seed: number of the repetition; each has phantoms of its own.
        bundle: whose network is asked.
        progress: over the frames.
        ordinary: how many.
        kinds: of `ODD`.
    """
    phantoms = Collection('phantoms', tuple(_phantoms(_FIRST + seed * _STRIDE, ordinary, kinds)), (), REGIONS)
    frames = gather(asking(bundle.model), bundle, [Source('', '', phantoms)], progress).free
    usual = [frame for frame in frames if frame.sample.facts['kind'] == FRONTAL]
    odd = [frame for frame in frames if frame.sample.facts['kind'] != FRONTAL]
    order = np.random.default_rng(seed).permutation(len(odd))
    places = []
    for first in range(0, len(odd), _PLANTED):
        planted = [odd[number] for number in order[first:first + _PLANTED]]
        shares = {way: _shares(planted + usual, len(planted), way) for way in FOR_ODD}
        places += [Place(seed, frame.sample.facts['kind'], {way: float(shares[way][number]) for way in FOR_ODD})
                   for number, frame in enumerate(planted)]
    return places


def _phantoms(first: int, ordinary: int, kinds: Sequence[str]) -> Iterator[Sample]:
    """Samples without labels."""
    usual = islice(filter(is_ordinary, count(first)), ordinary)
    odd = ((first + _STRIDE // 2 + number, kind)
           for number, kind in enumerate(kind for kind in kinds for _ in range(_OF_KIND)))
    for seed, kind in chain(((seed, FRONTAL) for seed in usual), odd):
        key = 'phantom-%08d' % seed
        yield Sample(key, key, {'number': seed, 'kind': kind}, None, functools.partial(_thermogram, seed, kind))


def is_ordinary(seed: int) -> bool:
    """Whether the simulator, by chance, gives a frontal view nothing that is planted here."""
    return describe(FRONTAL, seed) == Description() and Posture(seed).arms == ARMS_RAISED


def _thermogram(seed: int, kind: str) -> Thermogram:
    phantom = make_phantom(seed, _HEIGHT, _WIDTH, None, describe(kind, seed))
    return Thermogram.from_celsius(phantom.celsius, 'phantom %d' % seed)


def _shares(frames: List[Frame], planted: int, way: str) -> np.ndarray:
    """Of the queue before each of the first frames, 0 to 1."""
    choices = rank([frame.groups for frame in frames], np.array([frame.seen.total for frame in frames]),
                   [frame.sample.patient for frame in frames], way=way)
    shares = np.empty(len(frames))
    shares[[choice.place for choice in choices]] = np.arange(len(frames)) / len(frames)
    return shares[:planted]


def markdown(places: Sequence[Place], ordinary: int = _ORDINARY) -> str:
    """Shares of the planted frames that are in the first tenth, as Markdown tables."""
    lines = ['| queue | planted frames in the first tenth | chance |', '| --- | --- | --- |']
    frames = PatientBootstrap(range(len(places)))
    hits = {way: np.array([place.share[way] < _TOP for place in places], float) for way in FOR_ODD}
    lines += ['| %s | %s | 10 %% |' % (way, with_interval(frames.mean(own), 1, True)) for way, own in hits.items()]
    seeds = np.array([place.seed for place in places])
    kinds = np.array([place.kind for place in places])
    lines += ['', '| planted kind | frames | %s |' % ' | '.join(FOR_ODD), '| --- ' * (2 + len(FOR_ODD)) + '|']
    for kind in dict.fromkeys(kinds):
        of_kind = kinds == kind
        lines.append('| %s | %d | %s |' % (kind, of_kind.sum(), ' | '.join('%.0f %%' % (100 * own[of_kind].mean())
                                                                       for own in hits.values())))
    lines += ['', 'Pools of %d planted among %d ordinary phantoms of 320x240 without labels. Seeds %s, each with its '
              'own phantoms: %s by distance. 95 %% intervals over planted frames (bootstrap of %d).'
              % (_PLANTED, ordinary, ', '.join(map(str, np.unique(seeds))),
                 ', '.join('%.0f %%' % (100 * hits[FAR][seeds == seed].mean()) for seed in np.unique(seeds)),
                 ROUNDS)]
    return '\n'.join(lines)


@click.command()
@click.option('--out', required=True, type=FOLDER, metavar='DIR', help='Receives planted.md.')
@click.option('--bundle', default=SHIPPED_BUNDLE, type=FOLDER, metavar='DIR',
              help='Model that is asked [default: the one that comes with the program].')
@click.option('--seeds', default=3, show_default=True, type=click.IntRange(min=1), help='Repetitions.')
def main(out: Path, bundle: Path, seeds: int) -> None:
    """Plant odd phantoms among ordinary ones and say where a queue has them.

    \b
    Example:
      python -m models.active.planted --out build/planted
    """
    make_folders(str(out))
    asked, places = open_bundle(str(bundle)), []
    for seed in range(seeds):
        places += plant(seed, asked, bar('Asking, seed %d' % seed))
        text = markdown(places)
        atomic_write(out / 'planted.md', (text + '\n').encode('utf-8'))
    click.echo(text)


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        sys.exit('models.active.planted: %s' % error)
