"""``python -m models.active.curve``: does a queue save labels? Queue against random at equal label counts, on phantoms.

A network knows ordinary frontal bodies. The frames of a clinic hold other ones too: turned, operated, covered, of
another camera. Some frames get labels, the network learns from them among the phantoms it knew, and is judged on bodies
that it never saw. Every round the ways of choosing take the same number of further frames from the same pool; all begin
with the same ones, taken at random.
"""
import dataclasses
import io
import json
import logging
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import click
import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

from service.chains import get_chain
from service.durable import atomic_write, atomic_write_json, make_folders
from service.messages import ThermoscreenError
from service.simulator import KINDS, choose_kind
from service.views import NO_TORSO

from ..cli import FOLDER
from ..data import Collection
from ..data.open import open_phantom_set
from ..deliver import onnx_bytes
from ..evaluation.formatting import figure as with_interval
from ..evaluation.overlap import iou, mean_over_regions, pair_counts
from ..evaluation.plots import FAINT, INK, STYLE
from ..fewshot.run import relabelled
from ..phantoms import prepare_set
from ..progress import log_progress
from ..recipe import Recipe
from ..recipe_files import load_recipe
from ..statistics import ROUNDS, PatientBootstrap
from ..training.fit import fit
from ..training.run import conditions, fresh_network
from ..training.weights import NAME as WEIGHTS
from ..training.weights import load_network, save_weights
from .answers import asking, look
from .ranking import BOTH, FAR, UNSURE, WAYS, rank

log = logging.getLogger(__name__)

RANDOM = 'random'

#: Bodies that the network knows, and those that a clinic has besides; the share of the latter among its frames.
ORDINARY = ('flat', 'frontal')
ODD = tuple(kind for kind in KINDS if kind not in ORDINARY + (NO_TORSO,))
ODD_SHARE = 0.25

#: Seeds of the first phantoms that the network knows, that get labels, and that it is judged on.
_KNOWN, _POOL, _TEST = 7000000, 7010000, 7020000

#: Odds that a training sample is one with a label rather than a phantom that the network knew.
_LABELLED = 0.6

#: A small network for small pictures: some hundred of them are trained.
_SMALL = ('task=regions', 'input.height=48', 'input.width=64', 'finding.steps=0', 'training.epochs=0',
          'network.options={stem=8,channels=[16,32,64],blocks=[0,1,1],width=16}')


@dataclasses.dataclass(frozen=True)
class Plan:
    """How large a study is.

    Attributes:
        seeds: repetitions; each draws the pool, the first labels and every training anew.
        pool: frames without labels, of `drawn` phantoms.
        known, drawn, test: phantoms that the network knows, that pools are drawn from, and that judge.
        first, step, rounds: labels to begin with, further ones in a round, and rounds.
        start_samples, samples: of the training on known phantoms, and of each one after it.
        ways: to choose, `RANDOM` first.
    """

    seeds: int = 6
    pool: int = 200
    known: int = 300
    drawn: int = 600
    test: int = 240
    first: int = 8
    step: int = 8
    rounds: int = 3
    start_samples: int = 4000
    samples: int = 400
    ways: Tuple[str, ...] = (RANDOM,) + WAYS


def learning_curve(plan: Plan, phantoms: Path, out: Path, threads: int = 1) -> Iterator[List[Dict[str, Any]]]:
    """Measure one way after the other; what is finished in `out` is kept.

    Args:
        plan: how large.
        phantoms: folder of the sets, which are made where they are missing.
        out: receives the network to begin with, and ``WAY-SEED.json``.
        threads: processes that make phantoms.

    Yields:
        After every way the rows so far: ``way``, ``seed``, ``labels`` (number by round), ``miou`` (of every frame that
        judges, by round), ``chosen`` and ``test`` (seeds of phantoms).
    """
    recipe = small_recipe(plan.start_samples)
    sets = _sets(plan, recipe, phantoms, threads)
    teach_ordinary(recipe, sets['known'], out)
    rows = []
    for way in plan.ways:
        for seed in range(plan.seeds):
            place = out / ('%s-%d.json' % (way, seed))
            if not place.exists():
                recipe = dataclasses.replace(small_recipe(plan.samples), seed=seed)
                atomic_write_json(place, _repetition(way, plan, recipe, sets, out))
            rows.append(json.loads(place.read_text()))
        yield rows


def teach_ordinary(recipe: Recipe, known: Collection, out: Path) -> Path:
    """The weights of a network that knows ordinary phantoms, trained where they are not in a folder yet."""
    make_folders(str(out))
    if not (out / WEIGHTS).exists():
        save_weights(fit(fresh_network(recipe), recipe, known, out=out / 'start', workers=0), recipe, out / WEIGHTS)
    return out / WEIGHTS


def small_recipe(samples: int) -> Recipe:
    """The recipe of the shipped network with a small network and small pictures."""
    return load_recipe('phantom-fpn', _SMALL + ('training.samples=%d' % samples,))


def kinds_of(odd_share: float) -> Dict[str, float]:
    """Shares of the kinds of phantoms of a clinic, each of the odd ones as often as any other."""
    return dict({kind: (1 - odd_share) / len(ORDINARY) for kind in ORDINARY},
                **{kind: odd_share / len(ODD) for kind in ODD if odd_share})


def drawn_set(folder: Path, first: int, count: int, odd_share: float, recipe: Recipe, threads: int) -> Collection:
    """Phantoms of a recipe's size, made where they are missing, without their planted patterns."""
    prepare_set(folder, first, count, recipe.input.height, recipe.input.width, threads, kinds_of(odd_share))
    return relabelled(open_phantom_set(folder))


def known_set(plan: Plan, recipe: Recipe, folder: Path, threads: int) -> Collection:
    """Phantoms that the network to begin with knows."""
    return drawn_set(folder / 'known', _KNOWN, plan.known, 0.0, recipe, threads)


def _sets(plan: Plan, recipe: Recipe, folder: Path, threads: int) -> Dict[str, Collection]:
    return {'known': known_set(plan, recipe, folder, threads),
            'pool': drawn_set(folder / 'pool', _POOL, plan.drawn, ODD_SHARE, recipe, threads),
            'test': drawn_set(folder / 'test', _TEST, plan.test, 0.5, recipe, threads)}


def _repetition(way: str, plan: Plan, recipe: Recipe, sets: Dict[str, Collection], out: Path) -> Dict[str, Any]:
    order = np.random.default_rng(recipe.seed).permutation(len(sets['pool']))
    pool = sets['pool'].take(order[:plan.pool])
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    tensors = [chain.apply(sample.thermogram()).tensor for sample in pool]
    judged = [(chain.apply(sample.thermogram()).tensor, sample.labels()) for sample in sets['test']]
    labelled = list(range(plan.first))  # of a shuffled pool
    first = out / ('first-%d.pt' % recipe.seed)
    if not first.exists():
        save_weights(_taught(recipe, out, pool.take(labelled), sets['known']), recipe, first)
    network = load_network(first)
    counts, figures = [len(labelled)], [_judge(network, judged)]
    rng = np.random.default_rng([recipe.seed, 1])
    for _ in range(plan.rounds):
        labelled += _chosen(way, plan.step, network, recipe, tensors, pool, labelled, rng)
        network = _taught(recipe, out, pool.take(labelled), sets['known'])
        counts.append(len(labelled))
        figures.append(_judge(network, judged))
        log.info('%s, seed %d: %d labels, mIoU %.3f', way, recipe.seed, counts[-1], np.mean(figures[-1]))
    return {'way': way, 'seed': recipe.seed, 'labels': counts, 'miou': figures,
            'chosen': [pool[index].facts['number'] for index in labelled],
            'test': [sample.facts['number'] for sample in sets['test']]}


def _taught(recipe: Recipe, start: Path, labelled: Collection, known: Collection) -> torch.nn.Module:
    """The network to begin with, after it learned from labels among what it knew."""
    return fit(load_network(start), recipe, [(labelled, _LABELLED), (known, 1 - _LABELLED)], workers=0)


def _chosen(way: str, count: int, network: torch.nn.Module, recipe: Recipe, tensors: Sequence[np.ndarray],
            pool: Collection, labelled: Sequence[int], rng: np.random.Generator) -> List[int]:
    """Indices of further frames of the pool."""
    free = [index for index in range(len(pool)) if index not in labelled]
    if way == RANDOM:
        return [int(index) for index in rng.choice(free, count, replace=False)]
    ask = asking(onnx_bytes(network, recipe))
    looks = [look(ask, tensor) for tensor in tensors]
    latents = np.array([one.latents for one in looks])
    choices = rank(latents[free], np.array([looks[index].total for index in free]),
                   [pool[index].patient for index in free], latents[list(labelled)],
                   [pool[index].patient for index in labelled], count, way)
    return [free[choice.place] for choice in choices]


def _judge(network: torch.nn.Module, judged: Sequence[Tuple[np.ndarray, np.ndarray]]) -> List[float]:
    """The mIoU of every frame, over the regions that are in either label image."""
    with torch.no_grad():
        found = [network(torch.from_numpy(tensor)).regions.argmax(1)[0].numpy().astype(np.uint8)
                 for tensor, _ in judged]
    return [round(float(mean_over_regions(iou(pair_counts(labels, truth)))), 4)
            for labels, (_, truth) in zip(found, judged)]


# -- the report


def gains(rows: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Figures of a study, of frames of all kinds and of odd ones alone.

    Args:
        rows: as `learning_curve` returns them.

    Returns:
        For each way ``way`` and, for each number of ``labels``, estimates ``all``, ``odd`` (mean mIoU), ``gain`` and
        ``odd_gain`` (over random with the same labels, in pairs); intervals over seeds.
    """
    odd = np.array([choose_kind(number, kinds_of(0.5)) in ODD for number in rows[0]['test']])
    by_way: Dict[str, np.ndarray] = {}
    for way in dict.fromkeys(row['way'] for row in rows):
        by_way[way] = np.array([row['miou'] for row in rows if row['way'] == way])
    control = by_way[RANDOM]
    seeds = PatientBootstrap(range(len(control)))
    table = []
    for way, values in by_way.items():
        entry: Dict[str, Any] = {'way': way, 'labels': rows[0]['labels']}
        for name, among in (('', slice(None)), ('odd', odd)):
            means, others = values[..., among].mean(-1), control[..., among].mean(-1)
            entry[name or 'all'] = [seeds.mean(column) for column in means.T]
            entry[(name + '_gain').lstrip('_')] = [seeds.mean(column) for column in (means - others).T]
        table.append(entry)
    return table


def markdown(rows: Sequence[Dict[str, Any]], where: str) -> str:
    """The figures as a Markdown table, with their conditions."""
    lines = ['| frames chosen | labels | mIoU of all kinds | gain over random | mIoU of odd kinds | gain over random |',
             '| --- ' * 6 + '|']
    for entry in gains(rows):
        for number, labels in enumerate(entry['labels']):
            cells = [with_interval(entry[name][number]) for name in ('all', 'gain', 'odd', 'odd_gain')]
            if entry['way'] == RANDOM:
                cells[1] = cells[3] = ''
            lines.append('| %s | %d | %s |' % (_NAMES[entry['way']], labels, ' | '.join(cells)))
    lines += ['', 'Phantoms of 64x48 pixels; %d seeds, each with its own pool, first labels and trainings; judged on '
              '%d phantoms never seen, half of odd kinds; 95 %% intervals over seeds (bootstrap of %d); %s.'
              % (len({row['seed'] for row in rows}), len(rows[0]['test']), ROUNDS, where)]
    return '\n'.join(lines)


_NAMES = {RANDOM: 'at random', BOTH: 'queue', UNSURE: 'by uncertainty alone', FAR: 'by distance alone'}
_COLOURS = {RANDOM: '#7b8791', BOTH: INK, UNSURE: '#c25a00', FAR: '#2f7fc1'}


def draw_plot(rows: Sequence[Dict[str, Any]]) -> bytes:
    """Draw mIoU against the number of labels as PNG, with 95 % intervals over seeds."""
    table = gains(rows)
    with matplotlib.rc_context(STYLE):
        plot = Figure(figsize=(9, 3.6), layout='constrained')
        axes = plot.subplots(1, 2, sharex=True)
        for panel, key, title in zip(axes, ('all', 'odd'), ('all kinds of phantoms', 'odd kinds alone')):
            panel.set_title(title, fontsize=9)
            panel.grid(axis='y', color=FAINT, linewidth=0.6)
            for place, entry in enumerate(table):
                labels = np.array(entry['labels']) + 0.25 * (place - (len(table) - 1) / 2)
                colour = _COLOURS[entry['way']]
                panel.plot(labels, [one['value'] for one in entry[key]], 'o-', color=colour, markersize=4,
                           linewidth=1.3, label=_NAMES[entry['way']])
                for x, one in zip(labels, entry[key]):
                    panel.plot([x, x], one['ci95'], color=colour, linewidth=1)
        axes[0].set_ylabel('mIoU')
        axes[0].legend(fontsize=8, frameon=False)
        plot.supxlabel('frames with labels; bars: 95 % over seeds', fontsize=9)
        stream = io.BytesIO()
        plot.savefig(stream, format='png', dpi=160, metadata={'Software': None})
    return stream.getvalue()


@click.command()
@click.option('--out', required=True, type=FOLDER, metavar='DIR',
              help='Receives table.md, curve.png and a file for each way and seed.')
@click.option('--phantoms', type=FOLDER, metavar='DIR', help='Where the phantoms are kept [default: inside --out].')
@click.option('--seeds', default=Plan.seeds, show_default=True, type=click.IntRange(min=2), help='Repetitions.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), help='CPU threads.')
def main(out: Path, phantoms: Optional[Path], seeds: int, threads: int) -> None:
    """Compare a queue with random choice at equal label counts, on phantoms.

    Table and figure are written after every way of choosing. What is finished in --out is kept.

    \b
    Example:
      python -m models.active.curve --out build/curve
    """
    log_progress()
    torch.set_num_threads(threads)
    text = ''
    plan = dataclasses.replace(Plan(), seeds=seeds)
    for rows in learning_curve(plan, phantoms or out / 'phantoms', out, threads):
        text = markdown(rows, conditions(threads))
        atomic_write(out / 'table.md', (text + '\n').encode('utf-8'))
        atomic_write(out / 'curve.png', draw_plot(rows))
    click.echo(text)


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        sys.exit('models.active.curve: %s' % error)
