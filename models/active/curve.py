"""``python -m models.active.curve``: does a queue save labels? Queue against random at equal label counts, on phantoms.

Most frames of a clinic show usual frontal bodies, some show rare ones: turned, operated, covered, of another camera.
Some get labels, a network learns from these alone, and is judged on bodies that it never saw, usual and rare ones
apart. Every round the ways of choosing take as many further frames from the same pool, asking the network of the round
before; all begin with the same ones, taken at random.
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

from service.chains import Prepared, get_chain
from service.durable import atomic_write, atomic_write_json, make_folders
from service.messages import ThermoscreenError
from service.regions import LEFT_ARMPIT, LEFT_BREAST, NECK, RIGHT_ARMPIT, RIGHT_BREAST
from service.simulator import KINDS, choose_kind
from service.thermogram import Thermogram
from service.views import NO_TORSO

from ..cli import FOLDER
from ..data import Collection
from ..data.open import open_phantom_set
from ..deliver import onnx_bytes
from ..evaluation.formatting import figure as with_interval
from ..evaluation.overlap import dice, mean_over_regions, pair_counts
from ..evaluation.plots import FAINT, INK, STYLE
from ..fewshot.run import relabelled
from ..phantoms import prepare_set
from ..progress import log_progress
from ..recipe import Recipe
from ..recipe_files import load_recipe
from ..statistics import ROUNDS, PatientBootstrap
from ..training.fit import fit
from ..training.run import conditions, fresh_network
from ..training.weights import load_network, save_weights
from .answers import asking, look
from .descriptors import describe
from .ranking import BOTH, FAR, TYPICAL, UNSURE, WAYS, rank

log = logging.getLogger(__name__)

RANDOM = 'random'

#: Usual bodies, and those that a clinic has besides; the share of the latter among its frames.
ORDINARY = ('flat', 'frontal')
ODD = tuple(kind for kind in KINDS if kind not in ORDINARY + (NO_TORSO,))
ODD_SHARE = 0.25

#: Seeds of the first phantoms that get labels, and that a network is judged on.
_POOL, _TEST = 7010000, 7020000

#: Changes of the recipe for the curve: a network learns fast, and without augmentation it depends on its labels.
_PLAIN = ('augment.kind=none', 'augment.nipples=0', 'optimizer.learning_rate=0.004')

#: Regions that are judged.
_JUDGED = [RIGHT_BREAST, LEFT_BREAST, RIGHT_ARMPIT, LEFT_ARMPIT, NECK]

#: A small network for small pictures: some hundred of them are trained.
_SMALL = ('task=regions', 'input.height=48', 'input.width=64', 'finding.steps=0', 'training.epochs=0',
          'network.options={stem=8,channels=[16,32,64],blocks=[0,1,1],width=16}')


@dataclasses.dataclass(frozen=True)
class Plan:
    """How large a study is.

    Attributes:
        seeds: of repetitions; each draws the pool, the first labels and every training anew.
        pool: frames without labels, of `drawn` phantoms.
        drawn, test: phantoms that pools are drawn from, and that judge.
        labels: frames with labels in each round.
        samples: of each training.
        ways: to choose, `RANDOM` first.
    """

    seeds: Sequence[int] = range(6)
    pool: int = 200
    drawn: int = 900
    test: int = 240
    labels: Tuple[int, ...] = (8, 24, 64)
    samples: int = 1600
    ways: Tuple[str, ...] = (RANDOM,) + WAYS


def learning_curve(plan: Plan, phantoms: Path, out: Path, threads: int = 1) -> Iterator[List[Dict[str, Any]]]:
    """Measure one way after the other; what is finished in `out` is kept.

    Args:
        plan: how large.
        phantoms: folder of the sets, which are made where they are missing.
        out: receives the networks after the first labels, and ``WAY-SEED.json``.
        threads: processes that make phantoms.

    Yields:
        After every seed the rows so far: ``way``, ``seed``, ``labels`` (number by round), ``dice`` (of every frame that
        judges, by round), ``chosen`` and ``test`` (seeds of phantoms).
    """
    make_folders(str(out))
    recipe = small_recipe(plan.samples, *_PLAIN)
    pool = drawn_set(phantoms / 'pool', _POOL, plan.drawn, ODD_SHARE, recipe, threads)
    test = drawn_set(phantoms / 'test', _TEST, plan.test, 0.5, recipe, threads)
    rows = []
    for seed in plan.seeds:
        for way in plan.ways:
            place = out / ('%s-%d.json' % (way, seed))
            if not place.exists():
                seeded = dataclasses.replace(recipe, seed=seed)
                atomic_write_json(place, _repetition(way, plan, seeded, pool, test, out))
            rows.append(json.loads(place.read_text()))
        yield rows


def small_recipe(samples: int, *changes: str) -> Recipe:
    """The recipe of the shipped network with a small network and small pictures, and changes as of ``--set``."""
    return load_recipe('phantom-fpn', _SMALL + ('training.samples=%d' % samples,) + changes)


def kinds_of(odd_share: float) -> Dict[str, float]:
    """Shares of the kinds of phantoms of a clinic, each of the odd ones as often as any other."""
    return dict({kind: (1 - odd_share) / len(ORDINARY) for kind in ORDINARY},
                **{kind: odd_share / len(ODD) for kind in ODD if odd_share})


def drawn_set(folder: Path, first: int, count: int, odd_share: float, recipe: Recipe, threads: int) -> Collection:
    """Phantoms of a recipe's size, made where they are missing, without their planted patterns."""
    prepare_set(folder, first, count, recipe.input.height, recipe.input.width, threads, kinds_of(odd_share))
    return relabelled(open_phantom_set(folder))


def _repetition(way: str, plan: Plan, recipe: Recipe, drawn: Collection, test: Collection, out: Path) -> Dict[str, Any]:
    pool = drawn.take(np.random.default_rng(recipe.seed).permutation(len(drawn))[:plan.pool])
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    frames = [(thermogram, chain.apply(thermogram)) for thermogram in (sample.thermogram() for sample in pool)]
    judged = [(chain.apply(sample.thermogram()).tensor, sample.labels()) for sample in test]
    labelled = list(range(plan.labels[0]))  # of a shuffled pool
    first = out / ('first-%d.pt' % recipe.seed)
    if not first.exists():
        save_weights(_taught(recipe, pool.take(labelled)), recipe, first)
    network = load_network(first)
    figures = [_judge(network, judged)]
    rng = np.random.default_rng([recipe.seed, 1])
    for labels in plan.labels[1:]:
        labelled += _chosen(way, labels - len(labelled), network, recipe, frames, pool, labelled, rng)
        network = _taught(recipe, pool.take(labelled))
        figures.append(_judge(network, judged))
        log.info('%s, seed %d: %d labels, Dice %.3f', way, recipe.seed, labels, np.mean(figures[-1]))
    return {'way': way, 'seed': recipe.seed, 'labels': plan.labels, 'dice': figures,
            'chosen': [pool[index].facts['number'] for index in labelled],
            'test': [sample.facts['number'] for sample in test]}


def _taught(recipe: Recipe, labelled: Collection) -> torch.nn.Module:
    return fit(fresh_network(recipe), recipe, labelled, workers=0)


def _chosen(way: str, count: int, network: torch.nn.Module, recipe: Recipe,
            frames: Sequence[Tuple[Thermogram, Prepared]], pool: Collection, labelled: Sequence[int],
            rng: np.random.Generator) -> List[int]:
    """Indices of further frames of the pool."""
    free = [index for index in range(len(pool)) if index not in labelled]
    if way == RANDOM:
        return [int(index) for index in rng.choice(free, count, replace=False)]
    ask = asking(onnx_bytes(network, recipe))
    looks = [look(ask, prepared.tensor) for _, prepared in frames]
    groups = [describe(thermogram, seen, prepared.fit) for (thermogram, prepared), seen in zip(frames, looks)]
    choices = rank([groups[index] for index in free], np.array([looks[index].total for index in free]),
                   [pool[index].patient for index in free], [groups[index] for index in labelled],
                   [pool[index].patient for index in labelled], count, way)
    return [free[choice.place] for choice in choices]


def _judge(network: torch.nn.Module, judged: Sequence[Tuple[np.ndarray, np.ndarray]]) -> List[float]:
    """Dice of every frame, mean of the regions in either label image; nipples are too small in these pictures."""
    with torch.no_grad():
        found = [network(torch.from_numpy(tensor)).regions.argmax(1)[0].numpy().astype(np.uint8)
                 for tensor, _ in judged]
    return [round(float(mean_over_regions(dice(pair_counts(labels, truth))[_JUDGED])), 4)
            for labels, (_, truth) in zip(found, judged)]


# -- the report


def gains(rows: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Figures of a study, of usual and of rare bodies.

    Args:
        rows: as `learning_curve` returns them.

    Returns:
        For each way ``way``, ``rare_labels`` (share of rare bodies among the last labels) and, for each number of
        ``labels``, estimates ``usual``, ``rare`` (mean Dice), ``usual_gain`` and ``rare_gain`` (over random with the
        same labels, in pairs) and ``usual_rise`` and ``rare_rise`` (over the first labels); intervals over seeds.
    """
    rare = np.array([_is_rare(number, 0.5) for number in rows[0]['test']])
    own = {way: [row for row in rows if row['way'] == way] for way in dict.fromkeys(row['way'] for row in rows)}
    seeds = PatientBootstrap(range(len(own[RANDOM])))
    table = []
    for way, repetitions in own.items():
        chosen = [_is_rare(number, ODD_SHARE) for row in repetitions for number in row['chosen']]
        entry: Dict[str, Any] = {'way': way, 'labels': rows[0]['labels'], 'rare_labels': float(np.mean(chosen))}
        for name, among in (('usual', ~rare), ('rare', rare)):
            means, others = (np.nanmean(np.array([row['dice'] for row in some])[..., among], -1)
                             for some in (repetitions, own[RANDOM]))
            for end, values in (('', means), ('_gain', means - others), ('_rise', means - means[:, :1])):
                entry[name + end] = [seeds.mean(column) for column in values.T]
        table.append(entry)
    return table


def _is_rare(number: int, share: float) -> bool:
    return choose_kind(number, kinds_of(share)) in ODD


def markdown(rows: Sequence[Dict[str, Any]], where: str) -> str:
    """The figures as a Markdown table, with their conditions."""
    lines = ['| frames chosen | rare ones among them | labels | Dice, usual bodies | gain over random '
             '| Dice, rare bodies | gain over random |', '| --- ' * 7 + '|']
    table = gains(rows)
    for entry in table:
        for number, labels in enumerate(entry['labels']):
            cells = [with_interval(entry[name][number]) for name in ('usual', 'usual_gain', 'rare', 'rare_gain')]
            if entry['way'] == RANDOM or not number:
                cells[1] = cells[3] = ''
            last = number == len(entry['labels']) - 1
            lines.append('| %s | %s | %d | %s |' % (_NAMES[entry['way']], '%.0f %%' % (100 * entry['rare_labels'])
                                                    if last else '', labels, ' | '.join(cells)))
    rises = [with_interval(table[0][name][-1]) for name in ('usual_rise', 'rare_rise')]
    lines += ['', 'From the first to the last labels random choice rises by %s and %s.' % tuple(rises), '',
              'Phantoms of 64x48 pixels, %.0f %% of a pool of rare kinds; %d seeds, each with its own pool, first '
              'labels and trainings; judged on %d phantoms never seen, half of rare kinds; Dice of breasts, armpits '
              'and neck; 95 %% intervals over seeds (bootstrap of %d); %s.'
              % (100 * ODD_SHARE, len({row['seed'] for row in rows}), len(rows[0]['test']), ROUNDS, where)]
    return '\n'.join(lines)


_NAMES = {RANDOM: 'at random', FAR: 'distance alone', UNSURE: 'uncertainty alone', BOTH: 'distance and uncertainty',
          TYPICAL: 'typical and spread'}
_COLOURS = {RANDOM: '#7b8791', FAR: '#2f7fc1', UNSURE: '#c25a00', BOTH: INK, TYPICAL: '#3f8f4f'}


def draw_plot(rows: Sequence[Dict[str, Any]]) -> bytes:
    """Draw Dice against the number of labels as PNG, with 95 % intervals over seeds."""
    table = gains(rows)
    with matplotlib.rc_context(STYLE):
        plot = Figure(figsize=(9, 3.6), layout='constrained')
        axes = plot.subplots(1, 2, sharex=True)
        for panel, key in zip(axes, ('usual', 'rare')):
            panel.set_title(key + ' bodies', fontsize=9)
            panel.set_xscale('log', base=2)
            panel.grid(axis='y', color=FAINT, linewidth=0.6)
            for place, entry in enumerate(table):
                labels = np.array(entry['labels']) * 1.03 ** (place - (len(table) - 1) / 2)
                colour = _COLOURS[entry['way']]
                panel.plot(labels, [one['value'] for one in entry[key]], 'o-', color=colour, markersize=4,
                           linewidth=1.3, label=_NAMES[entry['way']])
                for x, one in zip(labels, entry[key]):
                    panel.plot([x, x], one['ci95'], color=colour, linewidth=1)
            panel.set_xticks(table[0]['labels'], [str(labels) for labels in table[0]['labels']])
            panel.minorticks_off()
        axes[0].set_ylabel('Dice')
        axes[0].legend(fontsize=8, frameon=False)
        plot.supxlabel('frames with labels; bars: 95 % over seeds', fontsize=9)
        stream = io.BytesIO()
        plot.savefig(stream, format='png', dpi=160, metadata={'Software': None})
    return stream.getvalue()


@click.command()
@click.option('--out', required=True, type=FOLDER, metavar='DIR',
              help='Receives table.md, curve.png and a file for each way and seed.')
@click.option('--phantoms', type=FOLDER, metavar='DIR', help='Where the phantoms are kept [default: inside --out].')
@click.option('--seeds', default=len(Plan.seeds), show_default=True, type=click.IntRange(min=2), help='Repetitions.')
@click.option('--first-seed', default=0, show_default=True, type=click.IntRange(min=0), help='Of the first of them.')
@click.option('--way', 'ways', default=Plan.ways[1:], show_default=True, multiple=True, type=click.Choice(WAYS),
              help='Of choosing, beside random; may be repeated.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), help='CPU threads.')
def main(out: Path, phantoms: Optional[Path], seeds: int, first_seed: int, ways: Tuple[str, ...], threads: int) -> None:
    """Compare a queue with random choice at equal label counts, on phantoms.

    Table and figure are written after every seed. What is finished in --out is kept.

    \b
    Example:
      python -m models.active.curve --out build/curve
    """
    log_progress()
    torch.set_num_threads(threads)
    text = ''
    plan = dataclasses.replace(Plan(), seeds=range(first_seed, first_seed + seeds), ways=(RANDOM, *ways))
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
