"""Region overlap of the segmenters on the same patients in the same folds, trained in the same way.

Every network first sees phantoms, once, and then the labelled patients of each fold. From scratch on sixteen patients
they take thousands of samples a fold before they find a nipple at all, and would be compared by how fast they begin.
"""
import dataclasses
import logging
from pathlib import Path

from ..architectures import ARCHITECTURES
from ..deliver import deliver
from ..fewshot import judge_folds, relabelled
from ..phantoms import prepare_set
from ..recipe_files import load_recipe
from ..training.fit import fit
from ..training.run import fresh_network
from ..training.statement import Statement
from ..training.weights import NAME, load_network, save_weights

log = logging.getLogger(__name__)

#: Recipe of each segmenter, of which the network and its preprocessing are taken.
RECIPES = {
    'half_unet': 'few-shot',
    'latents': 'latents-segment-hh',
    'attention_unet': 'attention-unet',
    'unet_resnet34': 'unet-resnet34',
    'unet_lite': 'unet-lite',
    'segformer_b0': 'segformer-b0',
    'deeplabv3plus_mobilenetv2': 'deeplabv3plus-mobilenetv2',
}

#: Whose optimiser, schedule, augmentation and loss all of them get, so that networks are compared and not recipes:
#: their own were made for thousands of pictures, and for weights of ImageNet that are not to be had here.
COMMON = 'few-shot'
BATCH = 4

#: Phantoms of the comparison: other ones than the shipped network and the few-shot run see.
_FIRST_SEED = 7000000

#: (height, width) that the segmenters are compared at. half_unet keeps its own, twice that, and halves it first thing.
SIZE = (120, 160)


def compared_size(name):
    """(height, width) of a segmenter in the comparison."""
    return (ARCHITECTURES[name].height, ARCHITECTURES[name].width) if name == 'half_unet' else SIZE


@dataclasses.dataclass(frozen=True)
class Lengths:
    """How much every network is shown.

    Attributes:
        phantoms (int): simulated patients.
        phantom_samples (int): training samples of them, once for all folds.
        samples (int): training samples of a fold's labelled patients.
    """

    phantoms: int = 800
    phantom_samples: int = 3200
    samples: int = 800


#: What the comparison takes unless told otherwise.
LENGTHS = Lengths()


def judge_segmenter(name, collection, out, lengths=LENGTHS, folds=5, encoder=None):
    """Train a segmenter on phantoms, then on the labelled patients of each fold, and judge it on the others.

    Args:
        name (str): key of `RECIPES`.
        collection (Collection): labelled patients are used, the others are left alone.
        out (Path): folder of the runs, and of the phantoms; what is finished there is kept.
        lengths (Lengths): of the trainings.
        folds (int): by patient.
        encoder (Path or None): run folder of a pretrained encoder (*latents*).
    Returns:
        dict: figures of `models.evaluation.judge_regions`.
    """
    height, width = compared_size(name)
    changes = ('input.height=%d' % height, 'input.width=%d' % width)
    if encoder is not None:
        changes += ('network.init=%s' % encoder,)
    recipe = load_recipe(RECIPES[name], changes)
    start = _see_phantoms(trained_alike(recipe, lengths.phantom_samples), Path(out), name, lengths.phantoms)
    recipe = trained_alike(recipe, lengths.samples)

    def train(number, known, folder):
        if not (folder / 'bundle').exists():
            log.info('%s, fold %d: %d patients', name, number + 1, len(known))
            network = fit(load_network(start), recipe, known, out=folder)
            save_weights(network, recipe, folder / 'weights.pt')
            deliver(network, recipe, {'training_patients': list(known.patients)}, folder / 'bundle',
                    Statement('%d simulated patients, then %d patients of %s, recipe %s.'
                              % (lengths.phantoms, len(known.patients), known.name, recipe.name),
                              ('Made for a comparison of networks, not for use.',), None))
        return folder / 'bundle'

    return judge_folds(relabelled(collection), train, Path(out) / name, folds)


def _see_phantoms(recipe, out, name, count):
    """A network trained on phantoms; its run folder."""
    folder = out / name / 'start'
    if not (folder / NAME).exists():
        log.info('%s: %d phantoms', name, count)
        size = recipe.input.height, recipe.input.width
        phantoms = prepare_set(out / ('phantoms-%dx%d' % size), _FIRST_SEED, count, *size)
        save_weights(fit(fresh_network(recipe), recipe, phantoms, out=folder), recipe, folder / NAME)
    return folder


def trained_alike(recipe, samples):
    """A segmenter's recipe with the training that all of them get.

    Args:
        recipe (Recipe): of which network and preprocessing stay.
        samples (int): training samples.
    Returns:
        Recipe: optimiser, schedule, augmentation and loss are those of `COMMON`.
    """
    common = load_recipe(COMMON)
    training = dataclasses.replace(common.training, samples=samples, batch=BATCH)
    return dataclasses.replace(recipe, training=training, optimizer=common.optimizer, schedule=common.schedule,
                               augment=common.augment, loss=common.loss)
