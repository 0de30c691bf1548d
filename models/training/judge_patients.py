"""Judging a network on patients it has never seen, at the network's own size.

`thermoscreen evaluate` judges the delivered bundle through the device's pipeline, at the thermograms' size; this is
what a run says of itself at once, also where there is no bundle.
"""
import numpy as np

from calibration.thresholds import at_specificity

from ..evaluation.overlap import iou, mean_over_regions
from ..statistics import PatientBootstrap, class_figures, confusion_matrix, roc
from .answers import ask
from .stream import UNKNOWN


def judge_patients(network, recipe, held, val):
    """Every figure from the held-out patients, the finding's threshold from the validation patients.

    Args:
        network (torch.nn.Module): trained.
        recipe (Recipe): chain, size, task, specificity.
        held (Collection or None): held-out samples; None gives the threshold alone.
        val (Collection or None): validation samples; None leaves the threshold at 0.5.

    Returns:
        dict: JSON-able: ``set``; ``iou``, ``miou`` (estimates) for the regions; ``finding`` with ``threshold``,
        ``threshold_basis`` and figures. Estimates are ``{'value', 'n', 'ci95', 'interval'}``.
    """
    if recipe.task == 'latents':
        return {'set': 'none: an encoder without a task has nothing to be judged by'}
    metrics = {'set': 'none: nobody was held out'}
    answers = bootstrap = None
    if held is not None:
        metrics['set'] = '%d thermograms of %d patients of %s, held out from training' % (
            len(held), len(held.patients), held.name)
        answers = ask(network, held, recipe)
        bootstrap = PatientBootstrap([sample.patient for sample in held], seed=recipe.seed)
    if 'regions' in recipe.task and answers is not None:
        metrics.update(_regions(answers.confusion, held, bootstrap))
    if 'finding' in recipe.task:
        metrics['finding'] = _finding(network, recipe, answers, held, val, bootstrap)
    return metrics


def _regions(confusion, held, bootstrap):
    n = int(sum(sample.labelled for sample in held))
    values, drawn = iou(confusion.sum(0)), iou(bootstrap.sums(confusion))
    return {'iou': {name: bootstrap.estimate(value, n, draws)
                    for name, value, draws in zip(held.regions, values, drawn.T)},
            'miou': bootstrap.estimate(mean_over_regions(values), n, mean_over_regions(drawn))}


def _finding(network, recipe, answers, held, val, bootstrap):
    logits = recipe.network.options.get('findings', 1)
    if logits > 2:
        return {} if answers is None else _classes(answers, held, bootstrap)
    threshold, basis = _threshold(network, recipe, val)
    found = {'threshold': round(threshold, 4), 'threshold_basis': basis}
    if answers is not None:
        known = answers.klass != UNKNOWN
        truth, probabilities = answers.klass[known] == 1, answers.probabilities[known, -1]
        some = PatientBootstrap(np.array([sample.patient for sample in held])[known], seed=recipe.seed)
        found.update(n=int(known.sum()), n_abnormal=int(truth.sum()), auc=roc(truth, probabilities, some)['auc'],
                     **class_figures(truth, probabilities >= threshold, some))
    return found


def _threshold(network, recipe, val):
    """Threshold and how it came about, in words."""
    if val is not None:
        answers = ask(network, val, recipe)
        known = answers.klass != UNKNOWN
        truth = answers.klass[known] == 1
        if not truth.all():
            threshold = at_specificity(answers.probabilities[known, -1][~truth].astype(np.float64),
                                       recipe.finding.specificity)
            return float(np.clip(threshold, 0.01, 0.99)), 'Specificity %.0f %% on %d patients without the finding, ' \
                'who were neither trained on nor judged.' % (100 * recipe.finding.specificity,
                                                             _patients(val, known, ~truth))
    return 0.5, 'None: 0.5 was never checked on patients.'


def _patients(collection, known, chosen):
    owners = np.array([sample.patient for sample in collection])[known]
    return len(set(owners[chosen].tolist()))


def _classes(answers, held, bootstrap):
    """Figures of three classes or more: each class against the rest."""
    known = answers.klass != UNKNOWN
    truth, probabilities = answers.klass[known], answers.probabilities[known]
    some = PatientBootstrap(np.array([sample.patient for sample in held])[known], seed=bootstrap.seed)
    table = confusion_matrix(truth, probabilities.argmax(1), len(held.classes))
    found = {'n': int(known.sum()), 'classes': list(held.classes), 'confusion': table.tolist()}
    for number, name in enumerate(held.classes):
        own = truth == number
        found[name] = {'auc': roc(own, probabilities[:, number], some)['auc'],
                       'sensitivity': some.proportion(probabilities.argmax(1) == number, own)}
    return found
