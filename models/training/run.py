"""From a recipe to a run folder: train, judge, deliver."""
import logging
import time
from pathlib import Path

import torch

from service.durable import atomic_write_json

from ..architectures import build
from ..deliver import deliver
from .fit import fit
from .folder import BUNDLE, METRICS, RunFolder
from .phantom_run import PhantomRun
from .weights import NAME as WEIGHTS
from .weights import load_network, save_weights, start_from

log = logging.getLogger(__name__)


def train(recipe, out, phantoms=None, threads=2, workers=1, restart=False, bar=False):
    """Run a recipe; go on with it where it was killed.

    Args:
        recipe (Recipe): what to do.
        out (Path): run folder, see `RunFolder`.
        phantoms (Path or None): folder of phantom sets, kept for later runs; None puts them in `out`.
        threads (int): CPU threads of the network, and processes that make phantoms.
        workers (int): processes that prepare samples.
        restart (bool): throw an earlier run in `out` away.
        bar (bool): progress bar instead of lines in the log.

    Returns:
        dict: ``metrics`` as in ``metrics.json``, and ``bundle`` (`service.bundle.Bundle`).

    Raises:
        InputError, StorageError: one line each, see `RunFolder`, `start_from` and `fit`.
    """
    torch.set_num_threads(threads)
    started = time.monotonic()
    source = PhantomRun(recipe, Path(phantoms or Path(out) / 'phantoms'), threads)
    folder = RunFolder(out, recipe, source.split, restart)
    if folder.trained:
        network = load_network(folder.path)
    else:
        if folder.resumes:
            log.info('going on from the last checkpoint in %s', folder.path)
        network = _fresh(recipe)
        network = fit(network, recipe, source.train, source.val, folder.path, workers, bar=bar)
        save_weights(network, recipe, folder.path / WEIGHTS)
    metrics = source.judge(network, recipe)
    metrics['wall_s'] = round(time.monotonic() - started)
    metrics['conditions'] = 'PyTorch %s, CPU, %d threads' % (torch.__version__, threads)
    atomic_write_json(folder.path / METRICS, metrics)
    return {'metrics': metrics, 'bundle': deliver(network, recipe, metrics, folder.path / BUNDLE)}


def _fresh(recipe):
    torch.manual_seed(recipe.seed)
    network = build(recipe.network.architecture, **recipe.network.options)
    if recipe.network.init:
        start_from(network, recipe)
    return network
