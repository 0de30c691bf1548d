"""``python -m models.weak``: rough outlines made better by what a network learns from all of them.

The patients are halved, and a network for each half learns from the labels of the other, so that nobody's rough labels
come back by heart. Its answer and the drawing are fused: the network's probability, the nearness of the drawn outline
and the edges of the picture decide together. Every region keeps the size that was drawn, because a network that is
unsure where a small region is would call no pixel of it by its name. In the next round the same networks learn on from
the result (iterated weak labels [WeakLiver2023]). What is true of these frames is not used, so that it can judge.
"""
import dataclasses
import functools
import io
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import click
import cv2
import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from service.chains import Prepared, get_chain
from service.decode import tidy
from service.durable import atomic_write, make_folders, write_synced
from service.messages import InputError, ThermoscreenError
from service.record import encode_png
from service.regions import BACKGROUND, REGIONS

from .active.curve import drawn_set, small_recipe
from .cli import FOLDER
from .data import Collection, Sample, open_data, patient_folds, with_labels
from .data.files import read_label_image
from .evaluation.formatting import figure as with_interval
from .evaluation.formatting import region_name
from .evaluation.overlap import dice, mean_over_regions, pair_counts
from .evaluation.plots import FAINT, INK, STYLE
from .federated.ends import open_start
from .federated.local import network_with
from .fewshot.run import mirrored_shares, relabelled, started_from
from .phantoms import prepare_set
from .progress import log_progress
from .recipe import Recipe
from .recipe_files import load_recipe
from .reports import check_folder, to_json, whole_folder
from .statistics import ROUNDS, PatientBootstrap
from .training.fit import fit
from .training.run import conditions, fresh_network
from .training.weights import NAME as WEIGHTS
from .training.weights import load_network, save_weights

log = logging.getLogger(__name__)

#: Seeds of the first phantom with rough labels, and of the first that a clinic's network learns beside them.
_FIRST_SEED, _BESIDE = 7070000, 7060000

#: Ordinary phantoms that a network may know to begin with: seed of the first, how many, and samples of the training.
_KNOWN, _KNOWN_COUNT, _KNOWN_SAMPLES = 7000000, 300, 4000

#: Odds that a training sample is a phantom, beside 1 for the frames with rough labels.
_PHANTOMS = 0.5

#: Networks that learn, each from the patients that the others label.
_HALVES = 2

RESULT = 'weak.json'

#: How few-shot differs for the small network of the study, which has learned little before.
_FROM_SMALL = ('optimizer.learning_rate=0.002',)

#: What rounds can learn from: the one before, and what says how much that is worth: nothing new, and everything.
LEARNING, DRAWINGS, TRUTH = 'the round before', 'the drawings again', 'true labels'
_COLOURS = INK, '#7b8791', '#2f7fc1'


@dataclasses.dataclass(frozen=True)
class Fusion:
    """How a drawing and a network's answer become one. Set on phantoms other than those of the study.

    Attributes:
        reach: how far an outline may be off, as a share of the width of the picture (a standard deviation).
        trust: weight of the drawing beside the network.
        edge: half of the window within which edges decide, as a share of the width; 0 for no edges.
    """

    reach: float = 0.03
    trust: float = 0.7
    edge: float = 0.015


class Round(NamedTuple):
    """Labels of every frame after a round, uint8 at its own size: the network's alone, and fused with the drawing."""

    network: List[np.ndarray]
    fused: List[np.ndarray]


def refine(recipe: Recipe, rough: Collection, begin: Callable[[], torch.nn.Module], rounds: int = 3,
           fusion: Fusion = Fusion(), others: Sequence[Tuple[Any, float]] = (),
           taught: Optional[Sequence[np.ndarray]] = None) -> List[Round]:
    """Better labels for frames with rough ones.

    Args:
        recipe: of one round's training.
        rough: frames with rough labels.
        begin: gives the network that the first round begins with.
        rounds: 1 or more.
        fusion: of drawing and answer.
        others: further samples with their odds, beside 1 for the rough ones.
        taught: labels that every round learns from, instead of those of the round before: for a comparison.

    Raises:
        InputError: ``weak-few``: rough labels of fewer than two patients; or as `fit`.
    """
    if len(rough.labelled().patients) < _HALVES:
        raise InputError('weak-few', 'Rough labels of fewer than %d patients cannot correct each other.' % _HALVES,
                         'Name frames of more patients.')
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    prepared = [chain.apply(sample.thermogram()) for sample in rough]
    drawn = [_shrunk(sample, frame) for sample, frame in zip(rough, prepared)]
    places = {sample.key: place for place, sample in enumerate(rough)}
    halves = patient_folds(relabelled(rough), _HALVES, recipe.seed)
    networks = [begin() for _ in halves]
    labels, result = [_labels_of(sample) for sample in rough] if taught is None else list(taught), []
    for number in range(rounds):
        own = dataclasses.replace(recipe, seed=recipe.seed + number)
        shares: Dict[int, np.ndarray] = {}
        for half, (seen, held) in enumerate(halves):
            teaching = tuple(with_labels(sample, labels[places[sample.key]]) for sample in seen)
            networks[half] = fit(networks[half], own, [(dataclasses.replace(seen, samples=teaching), 1.0), *others],
                                 workers=0)
            for place in (places[sample.key] for sample in held):
                shares[place] = mirrored_shares(networks[half], prepared[place].tensor)
        alone = [_full(shares[place].argmax(0).astype(np.uint8), frame) for place, frame in enumerate(prepared)]
        answers = tempered([shares[place] for place in range(len(rough))], drawn)
        result.append(Round(alone, [fuse(*each, fusion) for each in zip(answers, drawn, prepared)]))
        labels = result[-1].fused if taught is None else labels
        log.info('round %d of %d is done', number + 1, rounds)
    return result


def tempered(shares: Sequence[np.ndarray], drawn: Sequence[np.ndarray]) -> List[np.ndarray]:
    """Probabilities to the power at which they foretell the drawings best, of those from 0.3 to 1.5 [Guo2017].

    A network that learns from its own answers grows surer round by round than it is right. It never saw the drawings
    of these frames, so they can tell.

    Args:
        shares: for each frame float32 RxHxW.
        drawn: for each frame uint8 HxW.
    """
    def raised(one: np.ndarray, power: float) -> np.ndarray:
        one = (one + np.float32(1e-4)) ** np.float32(power)
        return one / one.sum(0)

    def foretold(power: float) -> float:
        return sum(np.log(np.take_along_axis(raised(one, power), own[np.newaxis].astype(np.intp), 0)).mean()
                   for one, own in zip(shares, drawn))
    best = max(np.linspace(0.3, 1.5, 13), key=foretold)
    return [raised(one, best) for one in shares]


def fuse(shares: np.ndarray, drawn: np.ndarray, prepared: Prepared, fusion: Fusion = Fusion()) -> np.ndarray:
    """One label image of a drawing and a network's answer.

    Args:
        shares: float32 RxHxW, probability of every region at the size of the input.
        drawn: uint8 HxW, rough labels at that size.
        prepared: the frame as the network saw it.

    Returns:
        uint8 at the frame's size, every region in one piece and about as large as it was drawn.
    """
    width = drawn.shape[1]
    near = np.stack([cv2.GaussianBlur((drawn == region).astype(np.float32), (0, 0), fusion.reach * width)
                     for region in range(len(REGIONS))])
    # A product of probabilities, each to the power of how far it is trusted.
    joint = np.log(shares + 1e-4) + fusion.trust * np.log(near + 1e-4)
    if fusion.edge:
        joint = np.exp(joint - joint.max(0))
        joint = along_edges(joint / joint.sum(0), prepared.tensor[0, 0], max(1, round(fusion.edge * width)))
        joint = np.log(np.maximum(joint, 1e-6))
    labels = sized(joint, np.bincount(drawn.ravel(), minlength=len(REGIONS)))
    for region in set(np.unique(drawn)) - set(np.unique(labels)):
        labels[drawn == region] = region  # what a person drew is somewhere there
    return _full(labels, prepared)


def sized(scores: np.ndarray, sizes: np.ndarray, steps: int = 40) -> np.ndarray:
    """Labels by the highest score, after a constant for each region that gives it about the size it should have.

    Args:
        scores: RxHxW, logarithms of probabilities.
        sizes: of every region, pixels; one of size 0 is nowhere.
        steps: of the search.

    Returns:
        uint8 HxW.
    """
    there = sizes > 0
    constants, pace, before = np.where(there, 0.0, -np.inf), np.ones(len(sizes)), np.zeros(len(sizes))
    for _ in range(steps):
        way = np.sign(sizes - np.bincount(_highest(scores, constants).ravel(), minlength=len(sizes)))
        pace[way * before < 0] /= 2
        constants[there] += (pace * way)[there]
        before = way
    return _highest(scores, constants)


def _highest(scores: np.ndarray, constants: np.ndarray) -> np.ndarray:
    return (scores + constants[:, None, None]).argmax(0).astype(np.uint8)


def along_edges(planes: np.ndarray, guide: np.ndarray, reach_px: int, smooth: float = 1e-3) -> np.ndarray:
    """Planes smoothed within the edges of a picture: the guided filter [He2013].

    Args:
        planes: float32 RxHxW.
        guide: float32 HxW, 0..1.
        reach_px: half of the window.
        smooth: variance of the guide below which the window is plain.
    """
    def mean(image: np.ndarray) -> np.ndarray:
        return cv2.blur(image, (2 * reach_px + 1, 2 * reach_px + 1))

    centre = mean(guide)
    spread = mean(guide * guide) - centre * centre + smooth
    result = []
    for plane in planes:
        level = mean(plane)
        slope = (mean(plane * guide) - level * centre) / spread
        result.append(mean(slope) * guide + mean(level - slope * centre))
    return np.array(result)


def deform(labels: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Labels as a hurried hand draws them: moved, turned, scaled, and bent smoothly, as in [WeakLiver2023].

    Args:
        labels: uint8 HxW.
        rng: draws.
        strength: 1 moves an outline by some 4 % of the width.
    """
    height, width = labels.shape
    turn, size = rng.normal(0, 3 * strength), 1 + rng.normal(0, 0.05 * strength)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, size)
    matrix[:, 2] = matrix[:, 2] + rng.normal(0, 0.03 * strength * width, 2)
    bend = [cv2.GaussianBlur(rng.normal(size=labels.shape).astype(np.float32), (0, 0), 0.08 * width)
            for _ in range(2)]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = (plane + np.float32(0.025 * strength * width) * one / one.std() for plane, one in zip((columns, rows), bend))
    moved = [(matrix[axis, 0] * x + matrix[axis, 1] * y + matrix[axis, 2]).astype(np.float32) for axis in (0, 1)]
    return cv2.remap(labels, moved[0], moved[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT,
                     borderValue=BACKGROUND)


def _shrunk(sample: Sample, prepared: Prepared) -> np.ndarray:
    """Labels of a frame at the size of the input, where padding is background."""
    height, width = prepared.fit.inner[2:]
    return prepared.fit.to_input(cv2.resize(_labels_of(sample), (width, height), interpolation=cv2.INTER_NEAREST),
                                 padding=BACKGROUND)


def _labels_of(sample: Sample) -> np.ndarray:
    labels = sample.labels()
    assert labels is not None, 'samples without labels are left out before'
    return labels


def _full(labels: np.ndarray, prepared: Prepared) -> np.ndarray:
    """Labels at the size of the input as labels of the frame, every region in one piece."""
    return prepared.fit.enlarge(tidy(prepared.fit.cut(labels))[0])


# -- judged


def scores(labels: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> np.ndarray:
    """Dice of every region but the background: float Nx7, NaN where a region is in neither image."""
    return np.array([dice(pair_counts(one, true))[1:] for one, true in zip(labels, truth)])


def judge(rough: Sequence[Sample], rounds: Sequence[Round], truth: Sequence[np.ndarray]) -> List[Dict[str, Any]]:
    """Figures of the drawings and of every round.

    Returns:
        First of the drawings, then of each round: ``what``; ``dice`` (mean over regions and frames), ``gain`` over the
        drawings and ``step`` over the row before, in pairs; ``network`` (Dice of the network alone); ``regions`` (Dice
        by name). All are estimates with intervals over patients.
    """
    bootstrap = PatientBootstrap([sample.patient for sample in rough])
    drawn = scores([_labels_of(sample) for sample in rough], truth)
    first = before = mean_over_regions(drawn)
    rows = [_row('drawn', drawn, bootstrap)]
    for number, one in enumerate(rounds, 1):
        own = scores(one.fused, truth)
        mean = mean_over_regions(own)
        rows.append(dict(_row('round %d' % number, own, bootstrap), gain=bootstrap.mean(mean - first),
                         step=bootstrap.mean(mean - before),
                         network=bootstrap.mean(mean_over_regions(scores(one.network, truth)))))
        before = mean
    return rows


def _row(what: str, own: np.ndarray, bootstrap: PatientBootstrap) -> Dict[str, Any]:
    return {'what': what, 'dice': bootstrap.mean(mean_over_regions(own)), 'gain': None, 'step': None, 'network': None,
            'regions': {name: bootstrap.mean(column) for name, column in zip(REGIONS[1:], own.T)}}


def markdown(rows: Sequence[Dict[str, Any]], where: str) -> str:
    """The figures as a Markdown table, with their conditions."""
    lines = ['| labels | Dice, mean of regions | over the drawings | over the round before | network alone | %s |'
             % ' | '.join(region_name(name) for name in REGIONS[1:]), '| --- ' * (5 + len(REGIONS) - 1) + '|']
    for row in rows:
        cells = [with_interval(row[name]) for name in ('dice', 'gain', 'step', 'network')]
        cells += ['%.3f' % one['value'] if one['value'] is not None else '-' for one in row['regions'].values()]
        lines.append('| %s | %s |' % (row['what'], ' | '.join(cells)))
    return '\n'.join([*lines, '', '%d frames; 95 %% intervals over patients (bootstrap of %d); %s.'
                      % (rows[0]['dice']['n'], ROUNDS, where)])


def compared(rough: Sequence[Sample], ways: Dict[str, List[Round]], truth: Sequence[np.ndarray]) -> str:
    """Dice of every round by what the rounds learned from, as a Markdown table; the gain of the first over each."""
    bootstrap = PatientBootstrap([sample.patient for sample in rough])
    means = {way: [mean_over_regions(scores(one.fused, truth)) for one in rounds] for way, rounds in ways.items()}
    last = means[LEARNING][-1]
    lines = ['| every round learns from | %s | rounds over it |'
             % ' | '.join('round %d' % number for number, _ in enumerate(means[LEARNING], 1)),
             '| --- ' * (len(means[LEARNING]) + 2) + '|']
    for way, row in means.items():
        cells = [with_interval(bootstrap.mean(one)) for one in row]
        cells.append('' if way == LEARNING else with_interval(bootstrap.mean(last - row[-1])))
        lines.append('| %s | %s |' % (way, ' | '.join(cells)))
    return '\n'.join(lines)


def draw_plot(rough: Sequence[Sample], ways: Dict[str, List[Round]], truth: Sequence[np.ndarray], shown: int) -> bytes:
    """Draw Dice over the rounds, with 95 % intervals over patients, and the labels of one frame, as PNG.

    Args:
        shown: index of the frame.
    """
    bootstrap = PatientBootstrap([sample.patient for sample in rough])
    drawn = [_labels_of(sample) for sample in rough]
    pictures = [('drawn', drawn[shown])]
    pictures += [('round %d' % number, one.fused[shown]) for number, one in enumerate(ways[LEARNING], 1)]
    pictures.append(('true', truth[shown]))
    with matplotlib.rc_context(STYLE):
        plot = Figure(figsize=(9, 5.4), layout='constrained')
        panels: Dict[str, Axes] = plot.subplot_mosaic(
            [['curve'] * len(pictures), [name for name, _ in pictures]], height_ratios=(2, 1))
        axes = panels['curve']
        for place, (way, rounds) in enumerate(ways.items()):
            row = [bootstrap.mean(mean_over_regions(scores(labels, truth)))
                   for labels in [drawn] + [one.fused for one in rounds]]
            numbers = np.arange(len(row)) + 0.04 * (place - 1)
            axes.plot(numbers, [one['value'] for one in row], 'o-', color=_COLOURS[place], markersize=4, label=way)
            for x, one in zip(numbers, row):
                axes.plot([x, x], one['ci95'], color=_COLOURS[place], linewidth=1)
        axes.set_xticks(range(len(pictures) - 1), [name for name, _ in pictures[:-1]])
        axes.set_ylabel('Dice, mean of 7 regions')
        axes.grid(axis='y', color=FAINT, linewidth=0.6)
        axes.legend(title='every round learns from', fontsize=8, frameon=False)
        for name, labels in pictures:
            panels[name].set_title(name, fontsize=9)
            panels[name].imshow(rough[shown].thermogram().pixels, cmap='gray')
            _outline(panels[name], truth[shown], ['white'] * len(REGIONS))
            _outline(panels[name], labels, ['C%d' % region for region in range(len(REGIONS))])
        stream = io.BytesIO()
        plot.savefig(stream, format='png', dpi=140, metadata={'Software': None})
    return stream.getvalue()


def _outline(axes: Axes, labels: np.ndarray, colours: Sequence[Any]) -> None:
    axes.set_axis_off()
    for region in set(np.unique(labels)) - {BACKGROUND}:
        axes.contour(labels == region, [0.5], colors=[colours[region]], linewidths=0.8)


# -- commands


@click.group()
def main() -> None:
    """Make rough outlines better by what a network learns from all of them."""
    log_progress()


@main.command()
@click.option('--out', required=True, type=FOLDER, metavar='DIR', help='Receives weak.md and weak.png.')
@click.option('--phantoms', type=FOLDER, metavar='DIR', help='Where the phantoms are kept [default: inside --out].')
@click.option('--patients', default=80, show_default=True, type=click.IntRange(min=2), help='Phantoms of a seed.')
@click.option('--seeds', default=3, show_default=True, type=click.IntRange(min=1), help='Repetitions.')
@click.option('--samples', default=600, show_default=True, type=click.IntRange(min=1), help='Samples of a training.')
@click.option('--ordinary', is_flag=True, help='Begin with a network that knows ordinary bodies from true labels.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), help='CPU threads.')
def study(out: Path, phantoms: Optional[Path], patients: int, seeds: int, samples: int, ordinary: bool,
          threads: int) -> None:
    """Deform the labels of odd phantoms, refine them in three rounds from random weights, and compare with the truth.

    The same trainings on the drawings alone say what the rounds are worth, and those on true labels what could be had.

    \b
    Example:
      python -m models.weak study --out build/weak
    """
    torch.set_num_threads(threads)
    rough: List[Sample] = []
    truth: List[np.ndarray] = []
    ways: Dict[str, List[Round]] = {}
    sets, small = phantoms or out / 'phantoms', small_recipe(_KNOWN_SAMPLES)
    start = _taught_ordinary(small, sets, out, threads) if ordinary else None
    recipe = dataclasses.replace(load_recipe('few-shot', ('training.samples=%d' % samples, *_FROM_SMALL)),
                                 network=small.network, input=small.input)
    for seed in range(seeds):
        recipe = dataclasses.replace(recipe, seed=100 * seed)  # each round takes the next seed
        begin = functools.partial(fresh_network, recipe) if start is None else functools.partial(load_network, start)
        collection = drawn_set(sets / ('rough-%d' % seed), _FIRST_SEED + seed * patients, patients, 1.0, recipe,
                               threads)
        rng = np.random.default_rng(seed)
        true = [sample.labels() for sample in collection]
        drawn = [with_labels(sample, deform(labels, rng)) for sample, labels in zip(collection, true)]
        for way, taught in ((LEARNING, None), (DRAWINGS, [_labels_of(sample) for sample in drawn]), (TRUTH, true)):
            done = refine(recipe, dataclasses.replace(collection, samples=tuple(drawn)), begin, taught=taught)
            ways[way] = [Round(*(old + new for old, new in zip(*pair))) for pair in
                         zip(ways.get(way, [Round([], [])] * len(done)), done)]
        rough, truth = rough + drawn, truth + true
        where = ('from %s; odd phantoms of %dx%d pixels, %d of each of %d seeds of deformation and training, %d '
                 'samples a training; %s' % ('a network that knows ordinary bodies' if ordinary else 'random weights',
                                   small.input.width, small.input.height, patients, seed + 1, samples,
                                   conditions(threads)))
        text = '%s\n\n%s' % (compared(rough, ways, truth), markdown(judge(rough, ways[LEARNING], truth), where))
        atomic_write(out / 'weak.md', (text + '\n').encode('utf-8'))
        atomic_write(out / 'weak.png', draw_plot(rough, ways, truth, 0))
    click.echo(text)


def _taught_ordinary(recipe: Recipe, sets: Path, out: Path, threads: int) -> Path:
    """The weights of a network that knows ordinary phantoms, trained where they are not in a folder yet."""
    if not (out / WEIGHTS).exists():
        make_folders(str(out))
        known = drawn_set(sets / 'known', _KNOWN, _KNOWN_COUNT, 0.0, recipe, threads)
        save_weights(fit(fresh_network(recipe), recipe, known, out=out / 'start', workers=0), recipe, out / WEIGHTS)
    return out / WEIGHTS


@main.command('refine')
@click.option('--data', required=True, metavar='DIR', help='Thermograms, some of them with rough labels.')
@click.option('--rough', type=FOLDER, metavar='DIR', help='Rough labels KEY.png [default: the labels of --data].')
@click.option('--truth', type=FOLDER, metavar='DIR', help='True labels KEY.png, which judge and teach nothing.')
@click.option('--init', 'start', required=True, type=click.Path(path_type=Path), metavar='START',
              help='Bundle, or run folder of a training on phantoms, with which the first round begins.')
@click.option('--out', required=True, type=FOLDER, metavar='DIR', help='Receives labels/KEY.png and the figures.')
@click.option('--rounds', default=3, show_default=True, type=click.IntRange(min=1), help='Rounds.')
@click.option('--phantoms', default=200, show_default=True, type=click.IntRange(min=1), help='Phantoms to mix in.')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE', help='Change a key of the recipe few-shot.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), help='CPU threads.')
@click.option('--force', is_flag=True, help='Replace --out whatever it holds.')
def refined(data: str, rough: Optional[Path], truth: Optional[Path], start: Path, out: Path, rounds: int, phantoms: int,
            changes: Tuple[str, ...], threads: int, force: bool) -> None:
    """Refine the rough labels of a clinic's frames.

    \b
    Example:
      python -m models.weak refine --data dmr --rough dmr/regions --init service/bundles/phantom-fpn --out build/weak
    """
    torch.set_num_threads(threads)
    check_folder(out, RESULT, force)
    collection = open_data(data)
    drawn = collection.labelled() if rough is None else labelled_from(collection, rough)
    true = [] if truth is None else [sample.labels() for sample in labelled_from(drawn, truth)]
    recipe, begin = _start(start, changes)
    with tempfile.TemporaryDirectory() as place:
        beside = prepare_set(Path(place), _BESIDE, phantoms, recipe.input.height, recipe.input.width, threads,
                             recipe.phantoms.kinds or None)
        done = refine(recipe, drawn, begin, rounds, others=[(beside, _PHANTOMS)])
    rows = judge(drawn, done, true) if true else []
    with whole_folder(out, RESULT, force) as folder:
        (folder / 'labels').mkdir()
        for sample, labels in zip(drawn, done[-1].fused):
            write_synced(str(folder / 'labels' / (sample.key + '.png')), encode_png(labels))
        write_synced(str(folder / RESULT), to_json({'data': data, 'rounds': rounds, 'frames': len(drawn),
                                                    'figures': rows}).encode('utf-8'))
    if rows:
        click.echo(markdown(rows, '%s, %d rounds of %d samples; %s' % (collection.name, rounds, recipe.training.samples,
                                                                       conditions(threads))))
    click.echo('refined labels of %d frames: %s' % (len(drawn), out / 'labels'))


def _start(start: Path, changes: Sequence[str]) -> Tuple[Recipe, Callable[[], torch.nn.Module]]:
    """Recipe of a round, and what gives the network of a bundle or a run."""
    if (start / 'manifest.json').is_file():
        opened = open_start(str(start), 'few-shot', changes)
        return opened.recipe, functools.partial(network_with, opened.arrays, opened.recipe)
    return started_from(start, load_recipe('few-shot', changes)), functools.partial(load_network, start)


def labelled_from(collection: Collection, folder: Path) -> Collection:
    """The samples that have a file ``KEY.png`` in a folder, with the labels in it.

    Raises:
        InputError: ``labels-missing``: there is none.
    """
    found = [(sample, folder / (sample.key + '.png')) for sample in collection]
    samples = tuple(with_labels(sample, read_label_image(path, len(REGIONS))) for sample, path in found
                    if path.is_file())
    if not samples:
        raise InputError('labels-missing', '%s has no labels of %s (such as %s.png).'
                         % (folder, collection.name, collection[0].key), 'Name another folder.')
    return dataclasses.replace(collection, samples=samples)


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        sys.exit('models.weak: %s' % error)
