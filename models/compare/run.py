"""Costs and, where there are patients, region overlap of every architecture, in one table.

Segmenters are judged on the same patients in the same folds, trained in the same way: every network first sees
phantoms, once, and then the labelled patients of each fold. From scratch on sixteen patients they take thousands of
samples a fold before they find a nipple at all, and would be compared by how fast they begin to learn.
"""
import dataclasses
import logging
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from service.messages import InputError

from ..architectures import ARCHITECTURES, REGIONS
from ..conditions import processor
from ..data import Collection
from ..deliver import Statement, deliver
from ..fewshot.run import judge_folds, relabelled
from ..phantoms import prepare_set
from ..recipe import Recipe
from ..recipe_files import load_recipe
from ..training.fit import fit
from ..training.run import fresh_network, train
from ..training.sources import CollectionSource
from ..training.weights import NAME, load_network, save_weights
from .cost import measure_cost, measure_curves, usual_input

log = logging.getLogger(__name__)

#: Recipe of each segmenter, of which the network and its preprocessing are taken; all start from random weights.
RECIPES = {
    'half_unet': 'few-shot',
    'quarter_fpn': 'phantom-fpn',
    'efficientnet_lite0': 'efficientnet-lite0',
    'latents': 'latents-segment-hh',
    'attention_unet': 'attention-unet',
    'unet_resnet34': 'unet-resnet34',
    'unet_lite': 'unet-lite',
    'segformer_b0': 'segformer-b0',
    'deeplabv3plus_mobilenetv2': 'deeplabv3plus-mobilenetv2',
}

#: Recipe whose optimiser, schedule, augmentation and loss all of them get, so that networks are compared and not
#: recipes: their own were made for thousands of pictures, and for ImageNet weights.
_COMMON = 'few-shot'
_BATCH = 4

#: Phantoms of the comparison: other ones than the shipped network and the few-shot run see.
_FIRST_SEED = 7000000

#: (height, width) that the segmenters are compared at, but for those that answer at a half or a quarter of their input:
#: these keep their own.
_SIZE = (120, 160)
_OWN_SIZE = ('half_unet', 'quarter_fpn', 'efficientnet_lite0')

#: What is shown of *latents*: heat maps in both stages, regions only.
_LATENTS = {'encoder': 'H', 'decoder': 'H', 'tasks': ['regions']}
_ENCODER_RECIPE = 'latents-encoder-h'


def compared_size(name: str) -> Tuple[int, int]:
    """(height, width) of a segmenter in the comparison."""
    return (ARCHITECTURES[name].height, ARCHITECTURES[name].width) if name in _OWN_SIZE else _SIZE


@dataclasses.dataclass(frozen=True)
class Lengths:
    """How much every network is shown.

    Attributes:
        phantoms: simulated patients.
        phantom_samples: training samples of them, once for all folds.
        samples: training samples of a fold's labelled patients.
    """

    phantoms: int = 800
    phantom_samples: int = 3200
    samples: int = 800


def compare(collection: Optional[Collection], out: Path, only: Sequence[str] = (), lengths: Lengths = Lengths(),
            encoder_epochs: int = 20, folds: int = 5) -> List[Dict[str, Any]]:
    """Measure architectures one after another.

    Args:
        collection: patients, some labelled; None measures costs alone.
        out: folder of the runs.
        only: architectures; empty for all.
        lengths: of the segmenters' trainings.
        encoder_epochs, folds: epochs of the latents encoder; folds by patient.
    Returns:
        ``name``, ``input``, ``cost``, ``miou``, ``segmenter`` of each, as `markdown` takes them.
    Raises:
        InputError: ``architecture-unknown``; or as the trainings do.
    """
    unknown = sorted(set(only) - set(ARCHITECTURES))
    if unknown:
        raise InputError('architecture-unknown', 'There is no architecture %s.' % unknown[0],
                         'Choose from %s.' % ', '.join(sorted(ARCHITECTURES)))
    Path(out).mkdir(parents=True, exist_ok=True)
    rows = []
    for name in only or ARCHITECTURES:
        height, width, channels = usual_input(name)
        if name in RECIPES:
            height, width = compared_size(name)
        options: Dict[str, Any] = _LATENTS if name == 'latents' else {}
        channels = 3 if name == 'latents' else channels
        log.info('%s: cost', name)
        if ARCHITECTURES[name].kind == 'curves':
            cost = measure_curves(height, width)
        else:
            cost = measure_cost(name, options, height, width, channels)
        rows.append({'name': name + (' H/H' if name == 'latents' else ''),
                     'input': '%dx%dx%d' % (width, height, channels), 'cost': cost, 'miou': None,
                     'segmenter': REGIONS in ARCHITECTURES[name].tasks})
    for row, name in zip(rows, only or ARCHITECTURES):
        if collection is not None and name in RECIPES:
            encoder = _encoder(collection, Path(out) / 'latents-encoder', encoder_epochs) if name == 'latents' else None
            row['miou'] = judge_segmenter(name, collection, out, lengths, folds, encoder)['all']['miou']
    return rows


def judge_segmenter(name: str, collection: Collection, out: Path, lengths: Lengths = Lengths(), folds: int = 5,
                    encoder: Optional[Path] = None) -> Dict[str, Any]:
    """Train a segmenter on phantoms, then on the labelled patients of each fold, and judge it on the others.

    Args:
        name: key of `RECIPES`.
        collection: labelled patients are used, the others ignored.
        out: folder of the runs, and of the phantoms; what is finished there is kept.
        lengths: of the trainings.
        folds: by patient.
        encoder: run folder of a pretrained encoder (*latents*).
    Returns:
        Figures of `models.evaluation.figures.judge_regions`.
    """
    height, width = compared_size(name)
    changes = ['input.height=%d' % height, 'input.width=%d' % width]
    if encoder is not None:
        changes.append('network.init=%s' % encoder)
    recipe = load_recipe(RECIPES[name], changes)
    start = _see_phantoms(trained_alike(recipe, lengths.phantom_samples), Path(out), name, lengths.phantoms)
    recipe = trained_alike(recipe, lengths.samples)

    def train_fold(number: int, training: Collection, folder: Path) -> Path:
        if not (folder / 'bundle').exists():
            log.info('%s, fold %d: %d patients', name, number + 1, len(training))
            network = fit(load_network(start), recipe, training, out=folder)
            save_weights(network, recipe, folder / 'weights.pt')
            deliver(network, recipe, {'training_patients': list(training.patients)}, folder / 'bundle',
                    Statement('%d simulated patients, then %d patients of %s, recipe %s.'
                              % (lengths.phantoms, len(training.patients), training.name, recipe.name),
                              ('Made for a comparison of networks, not for use.',), None))
        return folder / 'bundle'

    return judge_folds(relabelled(collection), train_fold, Path(out) / name, folds)


def _see_phantoms(recipe: Recipe, out: Path, name: str, count: int) -> Path:
    """Run folder of a network trained on phantoms."""
    folder = out / name / 'start'
    if not (folder / NAME).exists():
        log.info('%s: %d phantoms', name, count)
        size = recipe.input.height, recipe.input.width
        phantoms = prepare_set(out / ('phantoms-%dx%d' % size), _FIRST_SEED, count, *size)
        save_weights(fit(fresh_network(recipe), recipe, phantoms, out=folder), recipe, folder / NAME)
    return folder


def trained_alike(recipe: Recipe, samples: int) -> Recipe:
    """A segmenter's architecture and preprocessing with the training that all of them get, on so many samples."""
    common = load_recipe(_COMMON)
    training = dataclasses.replace(common.training, samples=samples, batch=_BATCH)
    return dataclasses.replace(recipe, task=common.task, network=dataclasses.replace(recipe.network, weights=''),
                               training=training, optimizer=common.optimizer, schedule=common.schedule,
                               augment=common.augment, loss=common.loss, finding=common.finding)


def describe(rows: Sequence[Dict[str, Any]], collection: Optional[Collection], lengths: Lengths,
             folds: int) -> str:
    """The table and the conditions it was measured under."""
    text = 'Latency: ONNX Runtime, 1 thread, %s, median of 5 rounds of 8 alternating runs.' % processor()
    if collection is not None:
        labelled = collection.labelled()
        text += (' mIoU: %d labelled patients of %s in %d folds by patient; every network saw %d samples of %d '
                 'phantoms once, then %d samples of each fold; the same optimiser, schedule, loss and augmentation '
                 'for all; interval by bootstrap over patients.'
                 % (len(labelled.patients), collection.name, folds, lengths.phantom_samples, lengths.phantoms,
                    lengths.samples))
    return markdown(rows, text)


def markdown(rows: Sequence[Dict[str, Any]], conditions: str) -> str:
    """A Markdown table of architectures, cheapest first.

    Args:
        rows: ``name``, ``input`` (text), ``cost`` (`Cost`), ``segmenter`` (bool), ``miou`` (an estimate, None where it
            was not judged).
        conditions: machine, threads, data.
    """
    lines = ['| network | input | parameters | GMAC | ONNX, MB | latency over shipped (range) | mIoU (95 % interval) |',
             '| --- | --- | --- | --- | --- | --- | --- |']
    for row in sorted(rows, key=lambda row: row['cost'].gmac):
        cost = row['cost']
        size = ('none', '-', '-')
        if cost.parameters:
            size = ('{:,}'.format(cost.parameters), '%.2f' % cost.gmac, '%.1f' % cost.megabytes)
        lines.append('| %s | %s | %s | %s | %s | %.2f (%.2f to %.2f) | %s |' % (
            (row['name'], row['input']) + size + (cost.ratio,) + cost.ratio_range + (_miou(row),)))
    return '\n'.join(lines + ['', conditions])


def _miou(row: Dict[str, Any]) -> str:
    if row['miou'] is None:
        return 'not judged' if row['segmenter'] else 'no segmenter'
    low, high = row['miou']['ci95']
    return '%.3f (%.3f to %.3f)' % (row['miou']['value'], low, high)


def _encoder(collection: Collection, folder: Path, epochs: int) -> Path:
    """Run folder of a latents encoder trained on the patients without labels."""
    recipe = load_recipe(_ENCODER_RECIPE, ['training.epochs=%d' % epochs])
    train(recipe, CollectionSource(recipe, collection), folder)
    return folder
