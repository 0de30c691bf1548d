"""Judging a network on phantoms it has never seen."""
import numpy as np
import torch
from torchmetrics.functional.classification import binary_auroc

from service import regions

from ..evaluation.overlap import iou
from ..statistics import ROUNDS, PatientBootstrap, roc, specificity_quantile
from .answers import ask


def judge_phantoms(network, recipe, sets):
    """Threshold from the validation phantoms, every figure from the test phantoms.

    Args:
        network (torch.nn.Module): trained.
        recipe (Recipe): chain, sizes, specificity.
        sets (dict): 'val' and 'test' -> `models.phantoms.PhantomSet`.

    Returns:
        dict: JSON-able: ``set``, ``iou``, ``miou``, ``finding``, ``finding_auc_by_pattern``, as far as the network
        answers.
    """
    test = ask(network, sets['test'], recipe)
    metrics = {'set': '%d simulated thermograms, none trained on' % len(sets['test'])}
    if test.confusion is not None:
        found = iou(test.confusion.sum(0))
        metrics['iou'] = {name: round(float(value), 4) for name, value in zip(regions.REGIONS, found)}
        metrics['miou'] = round(float(np.nanmean(found)), 4)
    if test.probabilities is not None:
        probabilities = ask(network, sets['val'], recipe).probabilities[:, 0]
        threshold = round(threshold_at(probabilities, sets['val'].abnormal, recipe.finding.specificity), 4)
        probabilities = test.probabilities[:, 0]
        metrics['finding'] = judge_finding(probabilities, sets['test'].abnormal, threshold, recipe.seed)
        metrics['finding_auc_by_pattern'] = auc_by_pattern(probabilities, sets['test'].patterns)
    return metrics


def threshold_at(probabilities, abnormal, specificity):
    """The threshold that calls at most ``1 - specificity`` of the normal phantoms abnormal."""
    normal = np.asarray(probabilities)[np.asarray(abnormal) == 0]
    return float(np.clip(specificity_quantile(normal, specificity), 0.01, 0.99))


def judge_finding(probabilities, abnormal, threshold, seed, rounds=ROUNDS):
    """AUC, sensitivity and specificity with n and bootstrap intervals.

    Args:
        probabilities (numpy.ndarray): float N.
        abnormal (numpy.ndarray): 0 or 1, N.
        threshold (float): chosen on other phantoms.
        seed (int): of the bootstrap.
        rounds (int): bootstrap samples.

    Returns:
        dict: n, n_abnormal, auc, sensitivity, specificity, each of the last three with a `_ci95` pair.
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


def auc_by_pattern(probabilities, patterns):
    """AUC of each planted pattern against the healthy phantoms: dict pattern -> ``{'n', 'auc'}``."""
    probabilities, patterns = np.asarray(probabilities, np.float64), np.asarray(patterns)
    result = {}
    for pattern in sorted(set(patterns.tolist()) - {''}):
        chosen = np.isin(patterns, [pattern, ''])
        truth = torch.from_numpy((patterns[chosen] != '').astype(int))
        auc = float(binary_auroc(torch.from_numpy(probabilities[chosen]), truth))
        result[pattern] = {'n': int((patterns == pattern).sum()), 'auc': round(auc, 4)}
    return result
