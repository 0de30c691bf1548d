"""Costs and, where there are patients, region overlap of every architecture."""
import logging
from pathlib import Path

from service.messages import InputError

from ..architectures import ARCHITECTURES
from ..conditions import processor
from ..recipe_files import load_recipe
from ..training.collection_run import CollectionRun
from ..training.run import train
from .cost import measure_cost, measure_curves, usual_input
from .segment import LENGTHS, RECIPES, compared_size, judge_segmenter
from .table import markdown

log = logging.getLogger(__name__)

#: What is shown of *latents*: heat maps in both stages, regions only.
_LATENTS = {'encoder': 'H', 'decoder': 'H', 'tasks': ['regions']}
_ENCODER_RECIPE = 'latents-encoder-h'


def compare(collection, out, only=(), lengths=LENGTHS, encoder_epochs=20, folds=5):
    """Measure architectures one after another.

    Args:
        collection (Collection or None): patients, some labelled; None measures costs alone.
        out (Path): folder of the runs.
        only (sequence of str): architectures; empty for all.
        lengths (Lengths): of the segmenters' trainings.
        encoder_epochs, folds (int): epochs of the latents encoder; folds by patient.
    Returns:
        list of dict: ``name``, ``input``, ``cost``, ``miou``, ``segmenter``, as `table.markdown` takes them.
    Raises:
        InputError: ``architecture-unknown``; or as the trainings do.
    """
    unknown = sorted(set(only) - set(ARCHITECTURES))
    if unknown:
        raise InputError('architecture-unknown', 'There is no architecture %s; choose of %s.'
                         % (unknown[0], ', '.join(sorted(ARCHITECTURES))))
    Path(out).mkdir(parents=True, exist_ok=True)
    rows = []
    for name in only or ARCHITECTURES:
        height, width, channels = usual_input(name)
        if name in RECIPES:
            height, width = compared_size(name)
        options = _LATENTS if name == 'latents' else {}
        channels = 3 if name == 'latents' else channels
        log.info('%s: cost', name)
        if ARCHITECTURES[name].kind == 'curves':
            cost = measure_curves(height, width)
        else:
            cost = measure_cost(name, options, height, width, channels)
        rows.append({'name': name + (' H/H' if name == 'latents' else ''),
                     'input': '%dx%dx%d' % (width, height, channels), 'cost': cost, 'miou': None,
                     'segmenter': name in RECIPES})
    for row, name in zip(rows, only or ARCHITECTURES):
        if collection is not None and name in RECIPES:
            encoder = _encoder(collection, Path(out) / 'latents-encoder', encoder_epochs) if name == 'latents' else None
            row['miou'] = judge_segmenter(name, collection, out, lengths, folds, encoder)['all']['miou']
    return rows


def describe(rows, collection, lengths, folds):
    """The table and the conditions it was measured under."""
    text = 'Latency: ONNX Runtime, 1 thread, %s, median of 5 rounds of 8 alternating runs.' % processor()
    if collection is not None:
        known = collection.labelled()
        text += (' mIoU: %d labelled patients of %s in %d folds by patient; every network saw %d samples of %d '
                 'phantoms once, then %d samples of each fold; the same optimiser, schedule, loss and augmentation '
                 'for all; interval by bootstrap over patients.'
                 % (len(known.patients), collection.name, folds, lengths.phantom_samples, lengths.phantoms,
                    lengths.samples))
    return markdown(rows, text)


def _encoder(collection, folder, epochs):
    """A latents encoder trained on the patients without labels; its run folder."""
    recipe = load_recipe(_ENCODER_RECIPE, ['training.epochs=%d' % epochs])
    train(recipe, CollectionRun(recipe, collection), folder)
    return folder
