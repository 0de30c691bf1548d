"""From a run folder to the run folder of a smaller network, with the figures of both."""
import dataclasses
import logging
from pathlib import Path
from typing import Any, Dict, Iterator

import torch

from export.predict import preflight
from export.targets import load_target
from service.chains import get_chain
from service.messages import InputError

from ..architectures import ARCHITECTURES, count_cost
from ..architectures.narrow import channel_counts
from ..deliver import onnx_bytes
from ..recipe import Recipe
from ..training.fit import class_shares, fit
from ..training.modules import Losses
from ..training.run import Done, RunFolder, finish
from ..training.sources import Source
from ..training.stream import Batch, Examples, Stream, as_examples
from ..training.weights import NAME as WEIGHTS
from ..training.weights import load_network, load_weights, save_weights
from .groups import find_groups
from .ranking import choose, importance, measure_budget
from .surgery import pruned

log = logging.getLogger(__name__)

#: The board that milliseconds are predicted for, and the precision.
_TARGET, _PRECISION = 'jetson-nano', 'fp16'


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to become of a network.

    Attributes:
        run: run folder of a segmenter.
        out: run folder of the pruned network.
        flops: share of the multiply-accumulates that may remain, between 0 and 1.
        samples: training samples that the importance is measured on.
        multiple: channels stay in multiples of this.
        fine_tune: whether the pruned network is trained as its recipe says.
        threads: CPU threads of the network.
        workers: processes that prepare samples of the fine-tuning.
        restart: discard an earlier run in `out`.
        bar: progress bar instead of lines in the log.
    """

    run: Path
    out: Path
    flops: float
    samples: int = 64
    multiple: int = 8
    fine_tune: bool = False
    threads: int = 2
    workers: int = 1
    restart: bool = False
    bar: bool = False


def check_run(recipe: Recipe, run: Path, out: Path) -> None:
    """Refuse what cannot be pruned before anything is made or measured.

    Raises:
        InputError: ``prune-no-segmenter``, ``prune-same-folder``.
    """
    if 'regions' not in recipe.task or recipe.network.architecture not in ARCHITECTURES:
        raise InputError('prune-no-segmenter', '%s is no segmenter: its task is %s.' % (run, recipe.task),
                         'Name the run of a network that finds regions.')
    if Path(out).resolve() in (Path(run).resolve(), Path(run).resolve().parent):
        raise InputError('prune-same-folder', 'The pruned network would replace the one that it comes from.',
                         'Name another folder with --out.')


def prune(request: Request, recipe: Recipe, source: Source) -> Done:
    """Remove the channels that a network misses least, fine-tune it on request, and judge it before and after.

    Args:
        request: what is wanted.
        recipe: of the run, its length that of the fine-tuning.
        source: of the recipe: the importance is measured on training samples, all overlaps on those held out.

    Returns:
        A run folder as a training leaves it; ``pruning`` in its ``metrics.json`` has the figures, of `describe`.

    Raises:
        InputError: ``run-finished``, ``prune-flops``, ``prune-unsupported``; or as `load_network` and `RunFolder`.
    """
    check_run(recipe, request.run, request.out)
    torch.set_num_threads(request.threads)
    if (request.out / WEIGHTS).exists() and not request.restart:
        raise InputError('run-finished', '%s holds a finished run.' % request.out,
                         'Name another folder, or discard that run with --restart.')
    network = load_network(request.run)
    examples = as_examples(source.train, recipe)
    log.info('importance of the channels, from %d samples', min(request.samples, len(examples)))
    small = smaller(network, recipe, examples, request)
    folder = RunFolder(request.out, recipe, source.split, request.restart)
    log.info('judging the network before and after')
    record: Dict[str, Any] = {
        'from': Path(request.run).resolve().name, 'asked': request.flops,
        'samples': min(request.samples, len(examples)), 'multiple': request.multiple,
        'channels': [_channels(network), _channels(small)],
        'before': describe(network, recipe, source.evaluate(network, recipe))}
    metrics = source.evaluate(small, recipe)
    record['after'] = describe(small, recipe, metrics)
    if request.fine_tune:
        # PyTorch 2.14.1's oneDNN writes beyond its buffers in a backward pass over odd numbers of channels, on a
        # processor without AVX-512 ("corrupted size vs. prev_size").
        with torch.backends.mkldnn.flags(enabled=request.multiple % 8 == 0, allow_tf32=None):
            small = fit(small, recipe, source.train, source.val, folder.path, request.workers, bar=request.bar)
        metrics = source.evaluate(small, recipe)
        record['fine_tuned'] = {'samples': recipe.training.steps(len(examples)) * recipe.training.batch,
                                'miou': _miou(metrics)}
    save_weights(small, recipe, folder.path / WEIGHTS, load_weights(request.run)['options'])
    metrics['pruning'] = record
    share = record['after']['gmac'] / record['before']['gmac']
    return finish(small, recipe, source, folder.path, metrics, request.threads, remark=(
        'Then pruned to %.0f %% of its multiply-accumulates%s.'
        % (100 * share, ' and trained on' if request.fine_tune else '')))


def smaller(network: torch.nn.Module, recipe: Recipe, examples: Examples, request: Request) -> torch.nn.Module:
    """A copy of a network without the channels that it misses least.

    Args:
        network: in evaluation mode.
        recipe: input and loss.
        examples: the importance is measured on evenly spaced ones.
        request: how much is to go.

    Raises:
        InputError: as `choose` and `pruned`.
    """
    drawn = list(_draw(examples, recipe, request.samples))
    picture = drawn[0].pictures
    groups = find_groups(network, picture)
    loss = Losses(recipe, len(examples.regions), class_shares(examples))
    scores = importance(network, groups, drawn, loss)
    channels, height, width = picture.shape[1:]
    total = 1e9 * count_cost(network, height, width, channels)[1]
    plan = choose(network, groups, scores, measure_budget(network, picture, total), request.flops, request.multiple)
    return pruned(network, plan, picture)


def describe(network: torch.nn.Module, recipe: Recipe, metrics: Dict[str, Any]) -> Dict[str, Any]:
    """``parameters``, ``gmac``, ``nano_ms`` and ``miou`` of a network, as JSON.

    ``nano_ms`` is the predicted 90th percentile of the network alone on a Jetson Nano in FP16; ``miou`` is None where
    nobody was held out.
    """
    channels = get_chain(recipe.input.chain, recipe.chain_constants).channels + recipe.input.mask
    parameters, gmac = count_cost(network, recipe.input.height, recipe.input.width, channels)
    latency = preflight(onnx_bytes(network, recipe), load_target(_TARGET), _PRECISION).latency
    return {'parameters': parameters, 'gmac': round(gmac, 6),
            'nano_ms': None if latency is None else round(latency.network_p90_ms, 2),
            'miou': _miou(metrics)}


def _miou(metrics):
    overlap = metrics.get('miou')
    return overlap['value'] if isinstance(overlap, dict) else overlap


def _draw(examples: Examples, recipe: Recipe, count: int) -> Iterator[Batch]:
    stream = Stream(examples, recipe, plain=True)
    count = min(count, len(examples))
    for place in range(count):
        yield Batch(*(field[None] for field in stream[place * len(examples) // count]))


def _channels(network: torch.nn.Module) -> int:
    """Filters of all convolutions."""
    return sum(channel_counts(layer)[0] for layer in network.modules()
               if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)))


def table(records: Dict[str, Dict[str, Any]]) -> str:
    """A Markdown table of prunings by name, as `prune` records them."""
    lines = ['| network | GMAC | parameters | Jetson Nano, predicted, ms | mIoU before | pruned | fine-tuned |',
             '| --- | --- | --- | --- | --- | --- | --- |']
    for name, record in records.items():
        before, after, tuned = record['before'], record['after'], record.get('fine_tuned')
        lines.append('| %s | %.2f to %.2f (%.0f %%) | %.2f M to %.2f M | %s to %s | %s | %s | %s |' % (
            name, before['gmac'], after['gmac'], 100 * after['gmac'] / before['gmac'], before['parameters'] / 1e6,
            after['parameters'] / 1e6, _figure(before['nano_ms'], 1), _figure(after['nano_ms'], 1),
            _figure(before['miou'], 3), _figure(after['miou'], 3),
            '%s (%d samples)' % (_figure(tuned['miou'], 3), tuned['samples']) if tuned else 'not done'))
    return '\n'.join(lines)


def _figure(value, digits):
    return 'not known' if value is None else '%.*f' % (digits, value)
