"""From a recipe to a run folder: train, judge, deliver."""
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import torch

from service.durable import atomic_write_json
from service.messages import InputError

from ..architectures import build
from ..deliver import deliver, joined, why_no_bundle, write_onnx
from .fit import fit
from .folder import BUNDLE, METRICS, ONNX, STATEMENT, RunFolder
from .weights import NAME as WEIGHTS
from .weights import load_network, load_run_recipe, save_weights, start_from

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """A finished run.

    Attributes:
        folder (Path): the run folder.
        metrics (dict): as in ``metrics.json``.
        bundle (service.bundle.Bundle or None): what the device takes.
        why_no_bundle (str or None): one sentence where there is none.
    """

    folder: Path
    metrics: dict
    bundle: Optional[Any]
    why_no_bundle: Optional[str]


def train(recipe, source, out, threads=2, workers=1, restart=False, bar=False, regions=None):
    """Run a recipe; go on with it where it was killed.

    Args:
        recipe (Recipe): what to do.
        source (PhantomRun or CollectionRun): what to learn from and be judged on.
        out (Path): run folder, see `RunFolder`.
        threads (int): CPU threads of the network.
        workers (int): processes that prepare samples.
        restart (bool): throw an earlier run in `out` away.
        bar (bool): progress bar instead of lines in the log.
        regions (Path or None): run whose regions a classifier is delivered with.

    Returns:
        Done

    Raises:
        InputError, StorageError: one line each, see `RunFolder`, `start_from`, `fit`, `models.deliver.joined`.
    """
    torch.set_num_threads(threads)
    started = time.monotonic()
    # Whatever can be wrong with the segmenter is found out before hours of training, not after.
    wrap = _segmenter(recipe, regions)
    folder = RunFolder(out, recipe, source.split, restart)
    if folder.trained:
        log.info('%s is trained already; judged and delivered anew (--restart trains it again)', folder.path)
        network = load_network(folder.path)
    else:
        if folder.resumes:
            log.info('going on from the last checkpoint in %s', folder.path)
        network = fit(fresh_network(recipe, len(source.regions)), recipe, source.train, source.val, folder.path,
                      workers, bar=bar)
        save_weights(network, recipe, folder.path / WEIGHTS, network_options(recipe, len(source.regions)))
    metrics = source.judge(network, recipe)
    metrics['wall_s'] = round(time.monotonic() - started)
    metrics['conditions'] = conditions(threads)
    atomic_write_json(folder.path / METRICS, metrics)
    reason = why_no_bundle(recipe, len(source.regions), 'regions' in recipe.task or regions is not None)
    bundle = None
    if recipe.task != 'latents':
        statement = source.statement(recipe, metrics)
        # For a later export, which has the weights and not the data.
        atomic_write_json(folder.path / STATEMENT, statement._asdict())
        if reason is None:
            bundle = deliver(wrap(network), recipe, metrics, folder.path / BUNDLE, statement)
        else:
            write_onnx(network, recipe, folder.path / ONNX)
    return Done(folder.path, metrics, bundle, reason)


def fresh_network(recipe, region_count=8):
    """The recipe's network with its first weights: drawn with its seed, or those it starts from.

    Args:
        recipe (Recipe): architecture, options, ``init``.
        region_count (int): region ids of the data.

    Raises:
        InputError: ``init-missing``, or as `build` and `start_from`.
    """
    if recipe.network.init_part and not recipe.network.init:
        raise InputError('init-missing', 'Recipe %s starts from the %s of another run; name its folder with --init.'
                         % (recipe.name, recipe.network.init_part))
    torch.manual_seed(recipe.seed)
    network = build(recipe.network.architecture, **network_options(recipe, region_count))
    if recipe.network.init:
        start_from(network, recipe)
    return network


def network_options(recipe, region_count=8):
    """Options of the recipe's network, completed by what the data asks for."""
    options = dict(recipe.network.options)
    if 'regions' in recipe.task and region_count != 8:
        options.setdefault('classes', region_count)
    return options


def conditions(threads):
    """Machine part of a figure: PyTorch, device, threads."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU, %d threads' % threads
    return 'PyTorch %s, %s' % (torch.__version__, device)


def _segmenter(recipe, regions):
    if regions is None or 'regions' in recipe.task:
        return lambda network: network
    segmenter, other = load_network(regions), load_run_recipe(regions)
    joined(torch.nn.Identity(), recipe, segmenter, other)
    return lambda network: joined(network, recipe, segmenter, other)
