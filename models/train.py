"""From a recipe to a bundle, in one go: phantoms, training, evaluation, export.

    python -m models.train --out DIR
"""
import json
import logging
import time
from pathlib import Path

import torch

from .deliver import deliver
from .evaluate import auc_by_pattern, evaluate, judge_finding, mean_iou, threshold_at
from .fit import fit
from .phantoms import prepare_sets

log = logging.getLogger(__name__)


def train(recipe, out, phantoms=None, threads=2):
    """Run a recipe.

    Args:
        recipe (Recipe): what to do.
        out (Path): receives ``weights.pt``, ``metrics.json``, ``model.onnx`` and ``bundle/``.
        phantoms (Path or None): folder of the phantom sets, kept for later runs; None puts them in `out`.
        threads (int): CPU threads for the network and processes for the phantoms.

    Returns:
        service.bundle.Bundle: the written bundle.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    started = time.monotonic()
    sets = prepare_sets(recipe, phantoms or out / 'phantoms', threads)
    log.info('phantoms ready after %.0f s', time.monotonic() - started)
    network = fit(recipe, sets['train'])
    torch.save(network.state_dict(), out / 'weights.pt')
    metrics = measure(network, recipe, sets)
    metrics['wall_s'] = round(time.monotonic() - started)
    metrics['conditions'] = 'PyTorch %s, CPU, %d threads' % (torch.__version__, threads)
    (out / 'metrics.json').write_text(json.dumps(metrics, indent=1))
    log.info('%s', json.dumps(metrics))
    return deliver(network, recipe, metrics, out / 'bundle')


def measure(network, recipe, sets):
    """Threshold from the validation phantoms, every figure from the test phantoms: JSON-able dict."""
    _, probabilities = evaluate(network, sets['val'], recipe)
    threshold = round(threshold_at(probabilities, sets['val'].abnormal, recipe.specificity), 4)
    iou, probabilities = evaluate(network, sets['test'], recipe)
    finding = judge_finding(probabilities, sets['test'].abnormal, threshold, recipe.seed)
    return {
        'set': '%d simulated thermograms, none trained on' % len(sets['test']),
        'iou': {name: round(value, 4) for name, value in iou.items()},
        'miou': round(mean_iou(iou), 4),
        'finding': finding,
        'finding_auc_by_pattern': auc_by_pattern(probabilities, sets['test'].patterns),
    }


if __name__ == '__main__':
    from .cli import train_command
    train_command()
