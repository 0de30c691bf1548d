"""Figures of a network on samples that it was not trained on, at the network's own size.

`thermoscreen evaluate` evaluates the delivered bundle through the device's pipeline, at the size of the thermograms.
These are the figures that a run states at once, even without a bundle.
"""
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np
import torch
from torchmetrics.functional.classification import binary_auroc

from calibration.thresholds import at_specificity
from service import regions
from service.views import VIEWS

from ..architectures import Scores
from ..data import Collection
from ..evaluation.overlap import iou, mean_over_regions
from ..phantoms import PhantomSet
from ..recipe import Recipe
from ..statistics import ROUNDS, PatientBootstrap, class_figures, confusion_matrix, roc, specificity_quantile
from .stream import UNKNOWN, Examples, Loader, Stream, Transform, as_examples


class Predictions(NamedTuple):
    """Predictions and truth, one row per sample.

    Attributes:
        confusion: int64 NxRxR pixels at network size, [true id, predicted id]; zeros without labels; None without
            regions.
        probabilities: float32 NxK: of the abnormal class if K is 1, of every class otherwise; None without a finding.
        klass: int64 N, `UNKNOWN` where the class is not known.
        seen: int64 N indices into `service.views.VIEWS`, the most probable view; None without a view head.
        view: int64 N, the true one, `UNKNOWN` where it is not known.
    """

    confusion: Optional[np.ndarray]
    probabilities: Optional[np.ndarray]
    klass: np.ndarray
    seen: Optional[np.ndarray]
    view: np.ndarray


def predict(network: torch.nn.Module, samples: Union[PhantomSet, Collection, Examples], recipe: Recipe,
            transform: Optional[Transform] = None, workers: int = 1) -> Predictions:
    """Run a network over samples without augmentation.

    Args:
        network: switched to evaluation mode.
        samples: held-out samples, in whose order the predictions are.
        recipe: task, chain, size and batch.
        transform: as for `models.training.fit`.
        workers: processes that prepare samples; 0 for none.

    Returns:
        In the order of the samples.
    """
    examples = as_examples(samples, recipe)
    loader = Loader(Stream(examples, recipe, transform, plain=True), recipe.training.batch, workers=workers)
    count = len(examples.regions)
    confusion, probabilities, klass, seen, views = [], [], [], [], []
    network = network.eval()
    with torch.no_grad():
        for batch in loader:
            regions, finding, view = Scores(*network(batch.pictures.to(memory_format=torch.channels_last)))
            if regions is not None and 'regions' in recipe.task:
                confusion += [_confusion(*pair, count) for pair in zip(batch.labels, regions.argmax(1))]
            if finding is not None and 'finding' in recipe.task:
                probabilities.append(torch.sigmoid(finding) if finding.shape[1] == 1 else torch.softmax(finding, 1))
            if view is not None:
                seen.append(view.argmax(1))
            klass.append(batch.klass)
            views.append(batch.view)
    return Predictions(np.stack(confusion) if confusion else None,
                       torch.cat(probabilities).numpy() if probabilities else None, torch.cat(klass).numpy(),
                       torch.cat(seen).numpy() if seen else None, torch.cat(views).numpy())


def _probabilities(predictions: Predictions) -> np.ndarray:
    if predictions.probabilities is None:
        raise ValueError('the network has no finding')
    return predictions.probabilities


def _confusion(labels, predicted, count):
    known = labels != UNKNOWN
    pairs = labels[known] * count + predicted[known]
    return torch.bincount(pairs, minlength=count * count).reshape(count, count).numpy()


# -- patients


def patient_metrics(network: torch.nn.Module, recipe: Recipe, held: Optional[Collection],
                    val: Optional[Collection]) -> Dict[str, Any]:
    """Every figure from the held-out patients, the finding's threshold from the validation patients.

    Args:
        network: trained.
        recipe: chain, size, task, specificity.
        held: held-out samples; None gives the threshold only.
        val: validation samples; None leaves the threshold at 0.5.

    Returns:
        JSON-able: ``set``; ``iou``, ``miou`` (estimates) for the regions; ``finding`` with ``threshold``,
        ``threshold_basis`` and figures. Estimates are ``{'value', 'n', 'ci95', 'interval'}``.
    """
    if recipe.task == 'latents':
        return {'set': 'none: an encoder without a task has nothing to be judged by'}
    metrics: Dict[str, Any] = {'set': 'none: nobody was held out'}
    predictions: Optional[Predictions] = None
    bootstrap: Optional[PatientBootstrap] = None
    if held is not None:
        metrics['set'] = '%d thermograms of %d patients of %s, held out from training' % (
            len(held), len(held.patients), held.name)
        predictions = predict(network, held, recipe)
        bootstrap = PatientBootstrap([sample.patient for sample in held], seed=recipe.seed)
    if 'regions' in recipe.task and predictions is not None:
        metrics.update(_regions(predictions.confusion, held, bootstrap))
    if 'finding' in recipe.task:
        metrics['finding'] = _finding(network, recipe, predictions, held, val, bootstrap)
    return metrics


def _regions(confusion, held, bootstrap):
    n = int(sum(sample.labelled for sample in held))
    values, drawn = iou(confusion.sum(0)), iou(bootstrap.sums(confusion))
    return {'iou': {name: bootstrap.estimate(value, n, draws)
                    for name, value, draws in zip(held.regions, values, drawn.T)},
            'miou': bootstrap.estimate(mean_over_regions(values), n, mean_over_regions(drawn))}


def _finding(network, recipe, predictions, held, val, bootstrap):
    logits = recipe.network.options.get('findings', 1)
    if logits > 2:
        return {} if predictions is None else _classes(predictions, held, bootstrap)
    threshold, basis = _threshold(network, recipe, val)
    figures = {'threshold': round(threshold, 4), 'threshold_basis': basis}
    if predictions is not None:
        known = predictions.klass != UNKNOWN
        truth, probabilities = predictions.klass[known] == 1, _probabilities(predictions)[known, -1]
        classified = PatientBootstrap(np.array([sample.patient for sample in held])[known], seed=recipe.seed)
        figures.update(n=int(known.sum()), n_abnormal=int(truth.sum()),
                       auc=roc(truth, probabilities, classified)['auc'],
                       **class_figures(truth, probabilities >= threshold, classified))
    return figures


def _threshold(network, recipe, val):
    """The threshold, and its basis as a sentence."""
    if val is not None:
        predictions = predict(network, val, recipe)
        known = predictions.klass != UNKNOWN
        truth = predictions.klass[known] == 1
        if not truth.all():
            threshold = at_specificity(_probabilities(predictions)[known, -1][~truth].astype(np.float64),
                                       recipe.finding.specificity)
            return float(np.clip(threshold, 0.01, 0.99)), 'Specificity %.0f %% on %d patients without the finding, ' \
                'who were neither trained on nor judged.' % (100 * recipe.finding.specificity,
                                                             _patients(val, known, ~truth))
    return 0.5, 'None: 0.5 was never checked on patients.'


def _patients(collection, known, chosen):
    owners = np.array([sample.patient for sample in collection])[known]
    return len(set(owners[chosen].tolist()))


def _classes(predictions, held, bootstrap):
    """Figures of three classes or more: each class against the rest."""
    known = predictions.klass != UNKNOWN
    truth, probabilities = predictions.klass[known], _probabilities(predictions)[known]
    classified = PatientBootstrap(np.array([sample.patient for sample in held])[known], seed=bootstrap.seed)
    table = confusion_matrix(truth, probabilities.argmax(1), len(held.classes))
    figures = {'n': int(known.sum()), 'classes': list(held.classes), 'confusion': table.tolist()}
    for number, name in enumerate(held.classes):
        own = truth == number
        figures[name] = {'auc': roc(own, probabilities[:, number], classified)['auc'],
                         'sensitivity': classified.proportion(probabilities.argmax(1) == number, own)}
    return figures


# -- phantoms


def phantom_metrics(network: torch.nn.Module, recipe: Recipe, sets: Mapping[str, PhantomSet]) -> Dict[str, Any]:
    """Threshold from the validation phantoms, every figure from the test phantoms.

    Args:
        network: trained.
        recipe: chain, sizes, specificity.
        sets: ``'val'`` and ``'test'``.

    Returns:
        JSON-able: ``set``, ``iou``, ``miou``, ``finding``, ``finding_auc_by_pattern``, ``views`` (number of phantoms
        by true view, then by named view), as far as the network answers.
    """
    test = predict(network, sets['test'], recipe)
    metrics: Dict[str, Any] = {'set': '%d simulated thermograms, none trained on' % len(sets['test'])}
    if test.confusion is not None:
        overlaps = iou(test.confusion.sum(0))
        metrics['iou'] = {name: round(float(value), 4) for name, value in zip(regions.REGIONS, overlaps)}
        metrics['miou'] = round(float(np.nanmean(overlaps)), 4)
    if test.probabilities is not None:
        val = predict(network, sets['val'], recipe)
        known = val.klass != UNKNOWN
        threshold = round(threshold_at(_probabilities(val)[known, 0], val.klass[known], recipe.finding.specificity), 4)
        known = test.klass != UNKNOWN
        probabilities = _probabilities(test)[known, 0]
        metrics['finding'] = finding_metrics(probabilities, test.klass[known], threshold, recipe.seed)
        metrics['finding_auc_by_pattern'] = auc_by_pattern(probabilities, sets['test'].patterns[known])
    if test.seen is not None:
        counts = confusion_matrix(test.view, test.seen, len(VIEWS))
        metrics['views'] = {name: dict(zip(VIEWS, row)) for name, row in zip(VIEWS, counts.tolist())}
    return metrics


def threshold_at(probabilities: np.ndarray, abnormal: np.ndarray, specificity: float) -> float:
    """The threshold that calls at most ``1 - specificity`` of the normal phantoms abnormal."""
    normal = np.asarray(probabilities)[np.asarray(abnormal) == 0]
    return float(np.clip(specificity_quantile(normal, specificity), 0.01, 0.99))


def finding_metrics(probabilities: np.ndarray, abnormal: np.ndarray, threshold: float, seed: int,
                    rounds: int = ROUNDS) -> Dict[str, Any]:
    """AUC, sensitivity and specificity with n and bootstrap intervals.

    Args:
        probabilities: float N.
        abnormal: 0 or 1, N.
        threshold: chosen on other phantoms.
        seed: of the bootstrap.
        rounds: bootstrap samples.

    Returns:
        N, n_abnormal, auc, sensitivity, specificity, each of the last three with a `_ci95` pair.
    """
    probabilities, abnormal = np.asarray(probabilities, np.float64), np.asarray(abnormal).astype(bool)
    bootstrap = PatientBootstrap(['%09d' % place for place in range(len(abnormal))], rounds, seed)
    called = probabilities >= threshold
    figures = {'auc': roc(abnormal, probabilities, bootstrap)['auc'],
               'sensitivity': bootstrap.mean(np.where(abnormal, called, np.nan)),
               'specificity': bootstrap.mean(np.where(abnormal, np.nan, ~called))}
    result = {'n': len(abnormal), 'n_abnormal': int(abnormal.sum()), 'threshold': round(threshold, 4)}
    for name, figure in figures.items():
        result.update({name: figure['value'], name + '_ci95': figure['ci95']})
    return result


def auc_by_pattern(probabilities: np.ndarray, patterns: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """AUC of each planted pattern against the healthy phantoms: ``{'n', 'auc'}`` by pattern."""
    probabilities, planted = np.asarray(probabilities, np.float64), np.asarray(patterns)
    result = {}
    for pattern in sorted(set(planted.tolist()) - {''}):
        chosen = np.isin(planted, [pattern, ''])
        truth = torch.from_numpy((planted[chosen] != '').astype(int))
        auc = float(binary_auroc(torch.from_numpy(probabilities[chosen]), truth))
        result[pattern] = {'n': int((planted == pattern).sum()), 'auc': round(auc, 4)}
    return result
