"""``python -m models.active.planted``: do odd frames come first? Some are planted among ordinary phantoms and queued.

The bundle's own network is asked, as by ``thermoscreen queue``. Bodies that it learned to handle are odd all the same
where a clinic has hardly any of them.
"""
import dataclasses
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import click
import numpy as np

from service.bundle import Bundle, open_bundle
from service.durable import atomic_write, make_folders
from service.messages import ThermoscreenError
from service.settings import SHIPPED_BUNDLE
from service.simulator import choose_kind

from ..cli import FOLDER
from ..data import Collection
from ..data.open import open_phantom_set
from ..evaluation.formatting import figure as with_interval
from ..phantoms import prepare_set
from ..progress import bar
from ..statistics import ROUNDS, PatientBootstrap
from .answers import asking
from .curve import ODD, kinds_of
from .ranking import WAYS, rank
from .run import Frame, Progress, Source, gather

#: Seeds of the first ordinary and the first odd phantom.
_ORDINARY, _ODD = 7040000, 7050000

#: At the shipped network's own size.
_HEIGHT, _WIDTH = 240, 320

#: The part of a queue in which the odd frames are to be.
_TOP = 0.1


@dataclasses.dataclass(frozen=True)
class Plan:
    """How large a study is.

    Attributes:
        ordinary, odd: phantoms that trials draw from.
        frames, planted: of one trial, the planted ones among them.
        trials: draws.
    """

    ordinary: int = 120
    odd: int = 40
    frames: int = 100
    planted: int = 5
    trials: int = 200


class Trial(NamedTuple):
    """Places of the planted frames in a queue.

    Attributes:
        places: float, of each, from 0 for the first to 1 for the last.
        kinds: of each.
    """

    places: np.ndarray
    kinds: List[str]


def plant(plan: Plan, bundle: Bundle, phantoms: Path, threads: int = 1,
          progress: Optional[Progress] = None) -> Dict[str, List[Trial]]:
    """Queue pools with planted frames, for every way of choosing.

    Args:
        plan: how large.
        bundle: whose network is asked.
        phantoms: folder of the sets, which are made where they are missing.
        threads: processes that make phantoms.
        progress: over the frames.
    """
    sets = []
    for name, first, count, share in (('ordinary', _ORDINARY, plan.ordinary, 0.0), ('odd', _ODD, plan.odd, 1.0)):
        prepare_set(phantoms / name, first, count, _HEIGHT, _WIDTH, threads, kinds_of(share))
        sets.append(_without_labels(open_phantom_set(phantoms / name)))
    more = {} if progress is None else {'progress': progress}
    pool = gather(asking(bundle.model), bundle, [Source('', '', one) for one in sets], **more)
    ordinary, odd = ([frame for frame in pool.free if frame.source == number] for number in (0, 1))
    trials: Dict[str, List[Trial]] = {way: [] for way in WAYS}
    for seed in range(plan.trials):
        rng = np.random.default_rng(seed)
        frames = [odd[place] for place in rng.permutation(len(odd))[:plan.planted]]
        frames += [ordinary[place] for place in rng.permutation(len(ordinary))[:plan.frames - plan.planted]]
        for way in WAYS:
            trials[way].append(_trial(frames, plan.planted, way))
    return trials


def _without_labels(collection: Collection) -> Collection:
    samples = (dataclasses.replace(sample, read_labels=None) for sample in collection)
    return dataclasses.replace(collection, samples=tuple(samples))


def _trial(frames: List[Frame], planted: int, way: str) -> Trial:
    choices = rank(np.array([frame.seen.latents for frame in frames]),
                   np.array([frame.seen.total for frame in frames]), [frame.sample.patient for frame in frames],
                   way=way)
    places = np.empty(len(frames))
    places[[choice.place for choice in choices]] = np.arange(len(frames)) / len(frames)
    return Trial(places[:planted], [choose_kind(int(frame.sample.facts['number']), kinds_of(1.0))
                                    for frame in frames[:planted]])


def markdown(trials: Dict[str, List[Trial]], plan: Plan) -> str:
    """Shares of the planted frames that are in the first tenth, as Markdown tables."""
    lines = ['| queue | planted frames in the first tenth | all of them | chance |', '| --- | --- | --- | --- |']
    bootstrap = PatientBootstrap(range(plan.trials))
    for way, own in trials.items():
        hits = np.array([trial.places < _TOP for trial in own])
        lines.append('| %s | %s | %s | 10 %% |' % (way, with_interval(bootstrap.mean(hits.mean(1)), 1, True),
                                                  with_interval(bootstrap.mean(hits.all(1).astype(float)), 1, True)))
    lines += ['', '| planted kind | trials | in the first tenth |', '| --- | --- | --- |']
    by_kind: Dict[str, List[Any]] = {kind: [] for kind in ODD}
    for trial in next(iter(trials.values())):
        for kind, place in zip(trial.kinds, trial.places):
            by_kind[kind].append(place < _TOP)
    lines += ['| %s | %d | %.0f %% |' % (kind, len(hits), 100 * np.mean(hits))
              for kind, hits in by_kind.items() if hits]
    lines += ['', '%d trials (seeds 0 to %d), each of %d planted among %d ordinary phantoms of 320x240 without labels, '
              'drawn from %d and %d; 95 %% intervals over trials (bootstrap of %d), which share these phantoms.'
              % (plan.trials, plan.trials - 1, plan.planted, plan.frames - plan.planted, plan.odd, plan.ordinary,
                 ROUNDS)]
    return '\n'.join(lines)


@click.command()
@click.option('--out', required=True, type=FOLDER, metavar='DIR', help='Receives planted.md.')
@click.option('--phantoms', type=FOLDER, metavar='DIR', help='Where the phantoms are kept [default: inside --out].')
@click.option('--bundle', default=SHIPPED_BUNDLE, type=FOLDER, metavar='DIR',
              help='Model that is asked [default: the one that comes with the program].')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), help='CPU threads.')
def main(out: Path, phantoms: Optional[Path], bundle: Path, threads: int) -> None:
    """Plant odd phantoms among ordinary ones and say where a queue has them.

    \b
    Example:
      python -m models.active.planted --out build/planted
    """
    make_folders(str(out))
    plan = Plan()
    trials = plant(plan, open_bundle(str(bundle)), phantoms or out / 'phantoms', threads, bar('Asking'))
    text = markdown(trials, plan)
    atomic_write(out / 'planted.md', (text + '\n').encode('utf-8'))
    click.echo(text)


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        sys.exit('models.active.planted: %s' % error)
