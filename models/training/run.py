"""From a recipe to a run folder: train, evaluate, deliver, and the summary for the terminal."""
import json
import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import torch

from service.bundle import Bundle
from service.durable import atomic_write, atomic_write_json, storage_error
from service.messages import InputError

from ..architectures import build
from ..architectures.imagenet import load_imagenet
from ..deliver import deliver, joined, why_no_bundle, write_onnx
from ..recipe import Recipe
from ..recipe_files import parse_recipe, recipe_text
from .fit import LAST, fit
from .pairs import train_finding
from .sources import Source
from .weights import NAME as WEIGHTS
from .weights import load_network, load_run_recipe, save_weights, start_from

RECIPE, SPLIT, METRICS, ONNX, BUNDLE = 'recipe.toml', 'split.json', 'metrics.json', 'model.onnx', 'bundle'
STATEMENT = 'statement.json'

#: Removed by a restart; anything else in the folder stays.
_OURS = (RECIPE, SPLIT, METRICS, STATEMENT, WEIGHTS, ONNX, 'checkpoints', 'log', BUNDLE)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """A finished run.

    Attributes:
        folder: the run folder.
        metrics: as in ``metrics.json``.
        bundle: for the device; None where it could not use one.
        why_no_bundle: one sentence where there is none.
    """

    folder: Path
    metrics: Dict[str, Any]
    bundle: Optional[Bundle]
    why_no_bundle: Optional[str]


def train(recipe: Recipe, source: Source, out: Path, threads: int = 2, workers: int = 1, restart: bool = False,
          bar: bool = False, regions: Optional[Path] = None, devices: int = 1) -> Done:
    """Run a recipe, or resume it where it was interrupted.

    Args:
        recipe: what to do.
        source: what to train on and be judged on.
        out: run folder, see `RunFolder`.
        threads: CPU threads of the network.
        workers: processes that prepare samples.
        restart: discard an earlier run in `out`.
        bar: progress bar instead of lines in the log.
        regions: run whose regions a classifier is delivered with.
        devices: as for `models.training.fit`.

    Raises:
        InputError, StorageError: one line each, see `RunFolder`, `start_from`, `fit`, `models.deliver.joined`.
    """
    torch.set_num_threads(threads)
    started = time.monotonic()
    # Problems with the segmenter are found before hours of training, not after.
    wrap = _segmenter(recipe, regions)
    folder = RunFolder(out, recipe, source.split, restart)
    if folder.trained:
        log.info('%s is trained already; it is evaluated and delivered again (--restart trains it again)', folder.path)
        network = load_network(folder.path)
    else:
        if folder.resumes:
            log.info('resuming from the last checkpoint in %s', folder.path)
        network = fit(fresh_network(recipe, len(source.regions)), recipe, source.train, source.val, folder.path,
                      workers, bar=bar, devices=devices)
        if recipe.finding.steps:
            train_finding(network.finding, source.train, recipe)
        save_weights(network, recipe, folder.path / WEIGHTS, network_options(recipe, len(source.regions)))
    metrics = source.evaluate(network, recipe)
    metrics['wall_s'] = round(time.monotonic() - started)
    return finish(network, recipe, source, folder.path, metrics, threads, wrap,
                  'regions' in recipe.task or regions is not None)


def finish(network: torch.nn.Module, recipe: Recipe, source: Source, folder: Path, metrics: Dict[str, Any],
           threads: int, wrap: Callable[[torch.nn.Module], torch.nn.Module] = lambda network: network,
           has_regions: bool = True, remark: str = '') -> Done:
    """Write what follows from a trained network: figures, statement and bundle.

    Args:
        network: trained.
        recipe: how.
        source: what it was trained on.
        folder: run folder.
        metrics: of the source's evaluation.
        threads: that it took.
        wrap: adds what the bundle needs besides.
        has_regions: of the bundle.
        remark: goes into the bundle's statement of its training, one sentence.
    """
    metrics['conditions'] = conditions(threads)
    atomic_write_json(folder / METRICS, metrics)
    reason = why_no_bundle(recipe, len(source.regions), has_regions)
    bundle = None
    if recipe.task != 'latents':
        statement = source.statement(recipe, metrics)
        if remark:
            statement = statement._replace(training_data='%s %s' % (statement.training_data, remark))
        # For a later export, which has the weights but not the data.
        atomic_write_json(folder / STATEMENT, statement._asdict())
        if reason is None:
            bundle = deliver(wrap(network), recipe, metrics, folder / BUNDLE, statement)
        else:
            write_onnx(network, recipe, folder / ONNX)
    return Done(folder, metrics, bundle, reason)


def fresh_network(recipe: Recipe, region_count: int = 8) -> torch.nn.Module:
    """The recipe's network with its initial weights: random by its seed, from ImageNet, or those of another run.

    Args:
        recipe: architecture, options, ``weights``, ``init``.
        region_count: region ids of the data.

    Raises:
        InputError: ``init-missing``, or as `build`, `load_imagenet` and `start_from`.
    """
    if recipe.network.init_part and not recipe.network.init:
        raise InputError('init-missing', 'Recipe %s starts from the %s of another run.'
                         % (recipe.name, recipe.network.init_part),
                         'Name its folder with --init.')
    torch.manual_seed(recipe.seed)
    network: torch.nn.Module = build(recipe.network.architecture, **network_options(recipe, region_count))
    if recipe.network.weights:
        load_imagenet(network, recipe.network.architecture, recipe.network.weights)
    if recipe.network.init:
        start_from(network, recipe)
    return network


def network_options(recipe: Recipe, region_count: int = 8) -> Dict[str, Any]:
    """Options of the recipe's network, completed by those that the data requires."""
    options = dict(recipe.network.options)
    if 'regions' in recipe.task and region_count != 8:
        options.setdefault('classes', region_count)
    return options


def conditions(threads: int) -> str:
    """Conditions of a figure: PyTorch, device, threads."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU, %d threads' % threads
    return 'PyTorch %s, %s' % (torch.__version__, device)


def fold_of(folder: Path) -> Optional[int]:
    """The fold that a run held out, from 1; None where it held out none or does not say."""
    try:
        fold = json.loads((folder / SPLIT).read_text(encoding='utf-8'))['fold']
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return fold if isinstance(fold, int) else None


def _segmenter(recipe, regions):
    if regions is None or 'regions' in recipe.task:
        return lambda network: network
    segmenter, other = load_network(regions), load_run_recipe(regions)
    joined(torch.nn.Identity(), recipe, segmenter, other)
    return lambda network: joined(network, recipe, segmenter, other)


# -- the folder


class RunFolder:
    """A run folder.

    It holds ``recipe.toml`` (as run), ``split.json`` (who trained and who was held out), ``checkpoints/``
    (``last.ckpt``, ``best.ckpt``), ``log/`` (TensorBoard), ``weights.pt``, ``metrics.json``, ``statement.json``
    (what a bundle states about itself), ``model.onnx`` and ``bundle/``.

    Args:
        path: created if it does not exist.
        recipe: of this run.
        split: JSON; collection, fold, patients.
        restart: discard an earlier run.

    Raises:
        InputError: ``run-other-recipe`` or ``run-other-data``: the folder holds another run.
        StorageError: the folder cannot be made or written.
    """

    def __init__(self, path: Path, recipe: Recipe, split: Dict[str, Any], restart: bool = False) -> None:
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if restart:
                self._clear()
        except OSError as error:
            raise storage_error(error, str(path))
        self._check(recipe, split)
        atomic_write(self.path / RECIPE, recipe_text(recipe).encode('utf-8'))
        atomic_write_json(self.path / SPLIT, split)

    @property
    def resumes(self) -> bool:
        """Whether an interrupted run is resumed."""
        return (self.path / 'checkpoints' / LAST).exists() and not self.trained

    @property
    def trained(self) -> bool:
        """Whether the weights exist already."""
        return (self.path / WEIGHTS).exists()

    def _check(self, recipe, split):
        for name, code, what, mine, parse in (
                (RECIPE, 'run-other-recipe', 'another recipe', recipe, lambda text: parse_recipe(text, RECIPE)),
                (SPLIT, 'run-other-data', 'other patients', split, json.loads)):
            try:
                earlier = parse((self.path / name).read_text(encoding='utf-8'))
            except (OSError, ValueError, InputError):
                continue
            if earlier != mine:
                raise InputError(code, '%s contains a run of %s (%s there differs).' % (self.path, what, name),
                                 'Name another folder, or discard that run with --restart.')

    def _clear(self):
        for name in _OURS:
            place = self.path / name
            if place.is_dir():
                shutil.rmtree(place)
            elif place.exists():
                place.unlink()


# -- the summary


def summarise(done: Done, recipe: Recipe) -> List[str]:
    """What a finished training prints: where things are, and how good it is, with n."""
    metrics = done.metrics
    lines = ['%s is trained: %s' % (recipe.name, done.folder)]
    lines += ['NOTE: %s' % note for note in metrics.get('notes', ())]
    lines.append('Judged on %s.' % metrics['set'])
    lines += _regions(metrics) + _finding(metrics.get('finding', {}))
    if done.bundle is not None:
        lines.append('Bundle for the device: %s' % done.bundle.folder)
        if done.bundle.manifest.refused:
            lines.append('It refuses to be deployed: %s' % done.bundle.manifest.refused)
    else:
        lines.append('No bundle: %s' % done.why_no_bundle)
    if 'wall_s' in metrics:
        lines.append('%d s; %s. Curves: tensorboard --logdir %s' % (
            metrics['wall_s'], metrics['conditions'], done.folder / 'log'))
    return lines


def _regions(metrics):
    if 'miou' not in metrics:
        return []
    lines = ['Regions: mean IoU %s' % _figure(metrics['miou'])]
    lines += ['  %-14s %s' % (name.replace('_', ' '), _short(value)) for name, value in metrics['iou'].items()]
    return lines


def _finding(finding):
    if 'confusion' in finding and 'classes' in finding:
        return ['Finding: %s: AUC %s, sensitivity %s' % (name, _figure(finding[name]['auc']),
                                                        _figure(finding[name]['sensitivity']))
                for name in finding['classes']]
    if 'auc' not in finding:
        return []
    lines = ['Finding: AUC %s of %d thermograms, %d abnormal'
             % (_figure(finding, 'auc'), finding['n'], finding['n_abnormal'])]
    lines += ['  %-14s %s' % (name, _figure(finding, name)) for name in ('sensitivity', 'specificity')]
    return lines + ['  %-14s %.3f' % ('threshold', finding['threshold'])]


def _figure(holder, name=None):
    """``'0.81 (95 % interval 0.70 to 0.90, n 40)'`` for an estimate, or for a value with ``_ci95`` beside it."""
    value = holder if name is None else holder[name]
    if not isinstance(value, dict):
        value = {'value': value, 'ci95': holder.get(name + '_ci95') if name else None, 'n': None}
    if value['value'] is None:
        return 'not known'
    rest = ['95 %% interval %.2f to %.2f' % tuple(value['ci95'])] if value['ci95'] else []
    rest += ['n %d' % value['n']] if value['n'] is not None else []
    return '%.3f%s' % (value['value'], ' (%s)' % ', '.join(rest) if rest else '')


def _short(value):
    value = value['value'] if isinstance(value, dict) else value
    return 'not there' if value is None else '%.3f' % value
