"""Few-shot training: phantoms, unlabelled patients and a few labels, together; judged by patient folds."""
import dataclasses
import functools
import json
import logging
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import torch

from service.chains import get_chain
from service.decode import tidy
from service.durable import atomic_write_json
from service.messages import InputError
from service.pipeline import Pipeline
from service.regions import FLIPPED, REGIONS

from ..data import Collection, check_leak, patient_folds, with_labels
from ..deliver import Statement, deliver
from ..evaluation.figures import judge_regions
from ..evaluation.outcomes import Outcome, analyse_samples
from ..evaluation.report import LABELS_NAME, label_writer
from ..phantoms import PhantomSet
from ..recipe import Recipe
from ..training.fit import fit
from ..training.weights import load_network, load_run_recipe, load_weights, save_weights

log = logging.getLogger(__name__)

_LIMITS = ('Frontal views; side views give no usable regions.',
           'Made for the patients, camera and pose of one collection; never judged on others.')


@dataclasses.dataclass(frozen=True)
class Mixture:
    """How the three kinds of samples are mixed.

    Attributes:
        rounds: times that the labelled patients are trained on, each with new labels for the others.
        labelled, unlabelled, phantoms: odds that a training sample is of that kind; before any label has been seen, the
            first are left out.
    """

    rounds: int = 2
    labelled: float = 0.45
    unlabelled: float = 0.35
    phantoms: float = 0.2


def started_from(start: Path, recipe: Recipe) -> Recipe:
    """A recipe with network, input and kinds of phantoms of the run that it starts from.

    Without those kinds a network would forget the views that patients with labels do not show.

    Args:
        start: run folder or ``weights.pt``.
        recipe: everything else.

    Raises:
        InputError: ``few-shot-start``: that run does not find the seven regions; or as `load_weights`.
    """
    weights, other = load_weights(start), load_run_recipe(start)
    if ('regions' not in other.task or other.input.mask
            or weights['options'].get('classes', len(REGIONS)) != len(REGIONS)):
        raise InputError('few-shot-start', '%s does not find the seven regions of a thermogram.' % start,
                         'Name the run of a segmenter that was trained on phantoms.')
    phantoms = dataclasses.replace(recipe.phantoms, kinds=other.phantoms.kinds)
    return dataclasses.replace(recipe, network=other.network, input=other.input, phantoms=phantoms)


def few_shot(recipe: Recipe, collection: Collection, phantoms: PhantomSet, start: Path, out: Path, folds: int = 5,
             mixture: Mixture = Mixture()) -> Dict[str, Any]:
    """Adapt a network to a clinic, judge it by patient folds, and deliver one trained on all labels.

    First without labels: the network labels the unlabelled patients itself and trains on them among phantoms. Then,
    for each fold, on its labelled patients too, after every round with fresh labels for the unlabelled ones, whose
    labels by then follow the annotator's habits. No training sees a picture of a patient it is judged on.

    Args:
        recipe: of one round, with the network of the start (`started_from`).
        collection: labelled and unlabelled patients.
        phantoms: simulated ones.
        start: run folder of a network trained on phantoms.
        out: receives ``adapted/``, ``folds/``, ``labels/``, ``figures.json``, ``bundle/``. What is there is kept: an
            interrupted run resumes.
        folds: number of folds by patient.
        mixture: of the samples.
    Returns:
        Figures of the folds, as `models.evaluation.figures.judge_regions` returns them.
    Raises:
        InputError: ``too-few-patients``, ``patient-leak``; or as `fit`.
    """
    out = Path(out)
    labelled = relabelled(collection)
    others = collection.subset(key for key, sample in zip(collection.keys, collection) if not sample.labelled)
    if set(labelled.patients) & set(others.patients):
        raise InputError('patient-leak', 'A patient of %s has labelled and unlabelled pictures.' % collection.name,
                         'Label all pictures of a patient, or leave the others out.')
    patient_folds(labelled, folds)  # refuses too few patients before hours of training, not after
    adapted = _adapt(recipe, others, phantoms, Path(start), out / 'adapted', mixture)
    train = functools.partial(_fold, recipe, adapted, others, phantoms, mixture)
    figures = judge_folds(labelled, lambda number, part, folder: train(part, folder), out / 'folds', folds)
    atomic_write_json(out / 'figures.json', json.loads(json.dumps(figures)))
    train(labelled, out)
    return figures


def judge_folds(collection: Collection, train: Callable[[int, Collection, Path], Path], out: Path, folds: int = 5,
                seed: int = 2021) -> Dict[str, Any]:
    """Train and judge by patient folds; every patient is labelled by a network that never saw them.

    Args:
        collection: labelled samples.
        train: fold number, training samples, folder -> bundle folder.
        out: receives ``fold-K/`` and ``labels/KEY.png`` (uint8 region ids), for tools that score folders of labels.
        folds, seed: of the split.
    Returns:
        Figures of all patients together, as `models.evaluation.figures.judge_regions` returns them.
    """
    outcomes: List[Outcome] = []
    keep = label_writer(Path(out) / LABELS_NAME)
    for number, (training, held) in enumerate(patient_folds(collection.labelled(), folds, seed)):
        check_leak(training, held)
        bundle = train(number, training, Path(out) / ('fold-%d' % number))
        with Pipeline.from_folder(str(bundle)) as pipeline:
            outcomes += analyse_samples(pipeline, held, keep).outcomes
    figures = judge_regions(outcomes)
    assert figures is not None, 'every fold holds out labelled patients'
    return figures


def pseudo_labelled(network: torch.nn.Module, recipe: Recipe, collection: Collection) -> Collection:
    """The same samples with the network's own labels, and without their class.

    Args:
        network: with a region head, in evaluation mode.
        recipe: chain and input size.
        collection: any samples; labels they have are ignored.
    """
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    samples = []
    for sample in collection:
        prepared = chain.apply(sample.thermogram())
        labels = prepared.fit.enlarge(tidy(prepared.fit.cut(mirrored_labels(network, prepared.tensor)))[0])
        samples.append(with_labels(sample, labels))
    return dataclasses.replace(collection, samples=tuple(samples))


def mirrored_labels(network: torch.nn.Module, tensor: np.ndarray) -> np.ndarray:
    """Labels by `mirrored_shares`: uint8 HxW."""
    return mirrored_shares(network, tensor).argmax(0).astype(np.uint8)


def mirrored_shares(network: torch.nn.Module, tensor: np.ndarray) -> np.ndarray:
    """Probability of every region, the mean of a network's answers to a picture and to its mirror image: float32 RxHxW.

    Args:
        network: with a region head, in evaluation mode.
        tensor: float32 1xCxHxW, as a chain makes it.
    """
    picture = torch.from_numpy(np.concatenate([tensor, tensor[..., ::-1]]))
    with torch.no_grad():
        shares = torch.softmax(network(picture).regions, 1).numpy()
    # A mirrored picture has its sides swapped: back through the same table.
    return (shares[0] + shares[1][FLIPPED][..., ::-1]) / 2


def relabelled(collection: Collection) -> Collection:
    """The labelled samples without their class.

    The finding is learned from phantoms, where it is known what was planted. A diagnosis is another thing, and in the
    public data it follows the era of the picture (docs/figures.md, the audit).
    """
    labelled = collection.labelled()
    return dataclasses.replace(labelled, samples=tuple(dataclasses.replace(sample, klass=None) for sample in labelled))


def _adapt(recipe: Recipe, others: Collection, phantoms: PhantomSet, start: Path, folder: Path,
           mixture: Mixture) -> Path:
    """Run folder of weights adapted to the unlabelled patients; that of the start where there are none."""
    if not len(others):
        return start
    if not (folder / 'weights.pt').exists():
        network = load_network(start)
        log.info('adapting to %d unlabelled patients', len(others.patients))
        parts = [(pseudo_labelled(network, recipe, others), mixture.unlabelled), (phantoms, mixture.phantoms)]
        save_weights(fit(network, recipe, parts, out=folder), recipe, folder / 'weights.pt')
    return folder


def _fold(recipe: Recipe, adapted: Path, others: Collection, phantoms: PhantomSet, mixture: Mixture,
          labelled: Collection, folder: Path) -> Path:
    """Train on labelled patients; the folder of the bundle."""
    if not (folder / 'bundle').exists():
        network = load_network(adapted)
        for number in range(mixture.rounds):
            log.info('%s: round %d of %d on %d labelled patients', folder.name, number + 1, mixture.rounds,
                     len(labelled))
            parts = [(labelled, mixture.labelled), (phantoms, mixture.phantoms)]
            if len(others):
                parts.append((pseudo_labelled(network, recipe, others), mixture.unlabelled))
            network = fit(network, recipe, parts, out=folder / ('round-%d' % number))
        save_weights(network, recipe, folder / 'weights.pt')
        deliver(network, recipe, {'training_patients': list(labelled.patients + others.patients)}, folder / 'bundle',
                _statement(recipe, labelled, others, phantoms))
    return folder / 'bundle'


def _statement(recipe: Recipe, labelled: Collection, others: Collection, phantoms: PhantomSet) -> Statement:
    return Statement(
        '%s: %d patients with labels, %d without, among %d simulated thermograms; started from a network that saw '
        '%s only. Recipe models/recipes/%s.toml, seed %d.'
        % (labelled.name, len(labelled.patients), len(others.patients), len(phantoms),
           'pictures of ImageNet and simulated ones' if recipe.network.weights else 'simulated ones', recipe.name,
           recipe.seed),
        _LIMITS, None)
