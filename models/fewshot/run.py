"""Few-shot training: phantoms, unlabelled patients and a few labels, together."""
import dataclasses
import functools
import json
import logging
from pathlib import Path

from service.durable import atomic_write_json
from service.messages import InputError

from ..data import patient_folds
from ..deliver import deliver
from ..training.fit import fit
from ..training.statement import Statement
from ..training.weights import load_network, save_weights
from .folds import judge_folds
from .pseudo import pseudo_labelled, relabelled

log = logging.getLogger(__name__)

_LIMITS = ('Frontal views; side views give no usable regions.',
           'Made for the patients, camera and pose of one collection; on others it was never judged.')


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the three kinds of samples are mixed.

    Attributes:
        rounds (int): times that the labelled patients are trained on, each with new labels for the others.
        labelled, unlabelled, phantoms (float): odds that a training sample is of that kind; before any label has
            been seen, the first are left out.
    """

    rounds: int = 2
    labelled: float = 0.45
    unlabelled: float = 0.35
    phantoms: float = 0.2


def few_shot(recipe, collection, phantoms, start, out, folds=5, plan=Plan()):
    """Adapt a network to a clinic, judge it by patient folds, and deliver one trained on all labels.

    First without labels: the network labels the unlabelled patients itself and trains on them among phantoms.
    Then, for each fold, on its labelled patients too, after every round with fresh labels for the unlabelled ones,
    whose labels by then follow the annotator's habits. A held-out patient's picture is in no training whatever.

    Args:
        recipe (Recipe): of one round.
        collection (Collection): labelled and unlabelled patients.
        phantoms (PhantomSet): simulated ones.
        start (Path): run folder of a network trained on phantoms.
        out (Path): receives ``adapted/``, ``folds/``, ``labels/``, ``figures.json``, ``bundle/``. What is there is
            kept: an interrupted run goes on.
        folds (int): number of folds by patient.
        plan (Plan): mixture.
    Returns:
        dict: figures of the folds, as `models.evaluation.judge_regions` gives them.
    Raises:
        InputError: ``too-few-patients``, ``patient-leak``; or as `fit`.
    """
    out = Path(out)
    known = relabelled(collection)
    others = collection.subset(key for key, sample in zip(collection.keys, collection) if not sample.labelled)
    if set(known.patients) & set(others.patients):
        raise InputError('patient-leak', 'A patient of %s has labelled and unlabelled pictures; label all pictures '
                         'of a patient, or leave the others out.' % collection.name)
    patient_folds(known, folds)  # refuses too few patients before hours of training, not after
    adapted = _adapt(recipe, others, phantoms, Path(start), out / 'adapted', plan)
    train = functools.partial(_fold, recipe, adapted, others, phantoms, plan)
    figures = judge_folds(known, lambda number, part, folder: train(part, folder), out / 'folds', folds)
    atomic_write_json(out / 'figures.json', json.loads(json.dumps(figures)))
    train(known, out)
    return figures


def _adapt(recipe, others, phantoms, start, folder, plan):
    """Weights adapted to the unlabelled patients: a run folder; that of the start where there are none."""
    if not len(others):
        return start
    if not (folder / 'weights.pt').exists():
        network = load_network(start)
        log.info('adapting to %d unlabelled patients', len(others.patients))
        parts = [(pseudo_labelled(network, recipe, others), plan.unlabelled), (phantoms, plan.phantoms)]
        save_weights(fit(network, recipe, parts, out=folder), recipe, folder / 'weights.pt')
    return folder


def _fold(recipe, adapted, others, phantoms, plan, known, folder):
    """Train on labelled patients; returns the bundle's folder."""
    if not (folder / 'bundle').exists():
        network = load_network(adapted)
        for number in range(plan.rounds):
            log.info('%s: round %d of %d on %d labelled patients', folder.name, number + 1, plan.rounds, len(known))
            parts = [(known, plan.labelled), (phantoms, plan.phantoms)]
            if len(others):
                parts.append((pseudo_labelled(network, recipe, others), plan.unlabelled))
            network = fit(network, recipe, parts, out=folder / ('round-%d' % number))
        save_weights(network, recipe, folder / 'weights.pt')
        deliver(network, recipe, {'training_patients': list(known.patients + others.patients)}, folder / 'bundle',
                _statement(recipe, known, others, phantoms))
    return folder / 'bundle'


def _statement(recipe, known, others, phantoms):
    return Statement(
        '%s: %d patients with labels, %d without, among %d simulated thermograms; started from a network that saw '
        'simulated ones only. Recipe models/recipes/%s.toml, seed %d.'
        % (known.name, len(known.patients), len(others.patients), len(phantoms), recipe.name, recipe.seed),
        _LIMITS, None)
