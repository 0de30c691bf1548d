"""Train a network on samples: one call, repeatable, resumable, with checkpoints that survive a kill."""
import functools
import io
import logging
import operator
import os
import signal
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Dict, List, Optional

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    ModelCheckpoint,
    TQDMProgressBar,
    WeightAveraging,
)
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy
from torch.optim.swa_utils import get_ema_multi_avg_fn

from service.durable import atomic_write, storage_error
from service.messages import InputError

from ..progress import log_progress
from ..recipe import Recipe
from .modules import Contrastive, Supervised
from .stream import Examples, Loader, Samples, Stream, Transform, as_examples

log = logging.getLogger(__name__)

LAST = 'last.ckpt'
BEST = 'best.ckpt'

# Lightning's remarks on devices and on other products are not for the person who trains.
for _name in ('lightning.pytorch', 'lightning.fabric'):
    logging.getLogger(_name).setLevel(logging.WARNING)

#: Warnings of Lightning about what is intended.
_MEANT = (
    '.*LeafSpec',  # version 2.6 uses something that PyTorch 2.14 deprecates; nothing of ours can change that
    '.*in eval mode at the start of training',  # frozen parts; everything else was put into training mode
    '.*exists and is not empty',  # the checkpoints that a run resumes from
)


def fit(network: torch.nn.Module, recipe: Recipe, train: Samples, val: Optional[Samples] = None,
        out: Optional[Path] = None, workers: int = 1, transform: Optional[Transform] = None,
        bar: bool = False, proximal: Optional[float] = None, devices: int = 1) -> torch.nn.Module:
    """Train a network as a recipe says.

    The result is repeatable for a seed on the same machine with the same PyTorch. With `out`, a run that was killed
    resumes from its last checkpoint and ends with the weights that it would have had. bfloat16 and channels-last halve
    the time on a CPU with AVX-512 BF16; the weights stay float32. A GPU is used if there is one.

    Args:
        network: fresh or pretrained; trained in place. Seed before building it:
            ``torch.manual_seed(recipe.seed)``. For task ``'latents'`` a `Latents`, whose encoder is trained.
        recipe: task, input, augmentation, optimiser, schedule, length, loss. Data and phantoms are up to the caller.
        train: training samples; a list of ``(samples, share)`` pairs mixes several.
        val: samples for early stopping (`training.patience`); never held-out patients.
        out: folder for ``checkpoints/`` and ``log/`` (TensorBoard); None keeps nothing.
        workers: processes that prepare samples; 0 for none.
        transform: changes each `Thermogram` before the chain; picklable.
        bar: a progress bar instead of lines in the log.
        proximal: holds the weights near those that `network` has now (`models.federated.core.proximal_term`); for a
            training without `out`, since a resumed one would begin elsewhere.
        devices: GPUs that share every batch, or processes where there is no GPU: Lightning's strategy ``ddp_spawn``.
            Batch normalisation sees its device's part of a batch.

    Returns:
        `network` on the CPU in evaluation mode, with averaged weights (`training.average`) and those of the lowest
        validation loss (`training.patience`).

    Raises:
        InputError: ``training-empty``: there is no sample; ``devices-batch``: a batch cannot be shared evenly.
        StorageError: the disk is full or not writable; the last checkpoint stays.
        KeyboardInterrupt: stopped by hand; likewise.
    """
    if recipe.training.batch % devices:
        raise InputError('devices-batch', 'A batch of %d samples cannot be shared by %d devices.'
                         % (recipe.training.batch, devices), 'Choose a multiple: --set training.batch=%d.'
                         % (devices * -(-recipe.training.batch // devices)))
    examples = as_examples(train, recipe)
    val_examples = as_examples(val, recipe) if recipe.training.patience and val is not None else None
    if out is not None:
        if proximal is not None:
            raise ValueError('a training that can be resumed has no proximal term')
        return _fit(network, recipe, examples, val_examples, Path(out), True, workers, transform, bar, None,
                    devices)
    with tempfile.TemporaryDirectory(prefix='thermoscreen-') as folder:
        return _fit(network, recipe, examples, val_examples, Path(folder), False, workers, transform, bar,
                    proximal, devices)


def _fit(network, recipe, examples, val_examples, out, keep, workers, transform, bar, proximal, devices):
    settings = recipe.training
    steps, epoch_steps = settings.steps(len(examples)), settings.epoch_steps(len(examples))
    validate_every = 0 if val_examples is None else min(epoch_steps, steps)
    network = network.train().to(memory_format=torch.channels_last)
    if recipe.task == 'latents':
        module = Contrastive(network, recipe, steps, epoch_steps)
    else:
        module = Supervised(network, recipe, steps, epoch_steps, len(examples.regions), class_shares(examples))
    module.hold(proximal)
    trainer = _trainer(recipe, steps, validate_every, out, keep, bar, devices)
    loader = Loader(Stream(examples, recipe, transform), settings.batch, steps, workers,
                    functools.partial(operator.attrgetter('global_step'), trainer))
    val_loader: Any = []  # defined and empty: Lightning would warn about a validation without data
    if validate_every:
        val_loader = Loader(Stream(val_examples, recipe, transform, plain=True), settings.batch, workers=workers)
    _run(trainer, module, loader, val_loader, out)
    best = out / 'checkpoints' / BEST
    if validate_every and best.exists():
        module.load_state_dict(torch.load(best, map_location='cpu', weights_only=True)['state_dict'])
    return network.cpu().eval()


def _run(trainer, module, loader, val_loader, out):
    last = out / 'checkpoints' / LAST
    try:
        with warnings.catch_warnings():
            for message in _MEANT:
                warnings.filterwarnings('ignore', message)
            trainer.fit(module, loader, val_loader, ckpt_path=str(last) if last.exists() else None)
    except OSError as error:
        raise storage_error(error, str(out))
    except SystemExit as error:
        # Lightning turns Ctrl-C into the exit of a failure, and ignores the next one.
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt()


def _trainer(recipe, steps, validate_every, out, keep, bar, devices):
    """A trainer with all steps in one epoch, so that a resumed run is always in the middle of it."""
    checkpoints = out / 'checkpoints'
    callbacks = [Bar() if bar else Lines()]
    if recipe.training.average:
        callbacks.append(Averaging(recipe.training.average))
    if validate_every:
        callbacks += [EarlyStopping('val/loss', patience=recipe.training.patience),
                      ModelCheckpoint(str(checkpoints), BEST[:-len('.ckpt')], 'val/loss', save_top_k=1,
                                      save_on_train_epoch_end=False, enable_version_counter=False)]
    if keep:
        callbacks.append(KeepLast(checkpoints, recipe.training.checkpoint_s, validate_every))
    return pl.Trainer(
        accelerator='auto', devices=devices, strategy=_strategy(devices), precision=_precision(recipe), max_epochs=1,
        callbacks=callbacks,
        plugins=[DurableCheckpoints()], logger=_Log(str(out), name='', version='log') if keep else False,
        val_check_interval=validate_every or None, check_val_every_n_epoch=None if validate_every else 1,
        limit_val_batches=1.0 if validate_every else 0, num_sanity_val_steps=0, log_every_n_steps=min(10, steps),
        gradient_clip_val=recipe.optimizer.clip or None, enable_checkpointing=keep or bool(validate_every),
        enable_progress_bar=bar, enable_model_summary=False, use_distributed_sampler=False, default_root_dir=str(out))


def _strategy(devices):
    """Several processes that this one starts and waits for, so that it alone writes the run; a head may rest."""
    return 'auto' if devices == 1 else DDPStrategy(start_method='spawn', find_unused_parameters=True)


class _Log(TensorBoardLogger):
    """Curves only: the recipe is in a file of its own."""

    def save(self) -> None:
        self.experiment.flush()


def _precision(recipe):
    if recipe.training.precision == 'fp32':
        return '32-true'
    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        return '16-mixed'
    return 'bf16-mixed'


def class_shares(examples: Examples) -> Optional[List[float]]:
    """Share of each class among the examples whose class is known; None without any."""
    known = [klass for klass in examples.klasses if klass is not None]
    return [known.count(klass) / len(known) for klass in range(len(examples.classes))] if known else None


# -- callbacks


class DurableCheckpoints(TorchCheckpointIO):
    """Checkpoints that are written completely or not at all.

    Raises:
        StorageError: the disk is full; the earlier checkpoint stays.
    """

    def save_checkpoint(self, checkpoint: Dict[str, Any], path: Any, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        atomic_write(path, buffer.getvalue())


class KeepLast(Checkpoint):
    """The state to resume from, written regularly and after every validation.

    Not in the step before a validation: Lightning would regard that validation as done.

    Args:
        folder: of the checkpoints.
        every_s: seconds between two; more on a slow disk, so that writing takes at most a twentieth of the time.
        validate_every: steps between validations; 0 for none.
    """

    def __init__(self, folder: Path, every_s: float, validate_every: int) -> None:
        self._path, self._every_s, self._validate_every = str(folder / LAST), every_s, validate_every
        self._next = time.monotonic() + every_s

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any,
                           batch_idx: int) -> None:
        validates = self._validate_every and trainer.global_step % self._validate_every == 0
        # All processes of a training save together, and the clock of the first one says when.
        if trainer.strategy.broadcast(time.monotonic() >= self._next) and not validates:
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._save(trainer)

    def _save(self, trainer):
        started = time.monotonic()
        trainer.save_checkpoint(self._path)
        now = time.monotonic()
        self._next = now + (max(self._every_s, 20 * (now - started)) if self._every_s else 0)


class Averaging(WeightAveraging):
    """Averaged weights with a decay that grows, so that the random weights of the first steps are forgotten.

    Args:
        decay: final decay per step.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(multi_avg_fn=functools.partial(_blend, decay))


def _blend(decay, averaged, current, count):
    get_ema_multi_avg_fn(min(decay, (1 + float(count)) / (10 + float(count))))(averaged, current, count)


class Bar(TQDMProgressBar):
    """Lightning's bar with its remaining time, without the version number."""

    def get_metrics(self, trainer: pl.Trainer, module: pl.LightningModule) -> Dict[str, Any]:
        return {name: value for name, value in super().get_metrics(trainer, module).items() if name != 'v_num'}


class Lines(Callback):
    """Progress as lines, for a log file or a pipe.

    Args:
        every_s: seconds between lines.
    """

    def __init__(self, every_s: float = 30.0) -> None:
        self._every_s, self._count = every_s, 0
        self._sums: Dict[str, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.world_size > 1 and trainer.is_global_zero:
            log_progress()  # a process that was spawned has no handler yet
        self._first, self._started = trainer.global_step, time.monotonic()
        self._next = self._started + self._every_s

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any,
                           batch_idx: int) -> None:
        for name, part in outputs['parts'].items():
            self._sums[name] = self._sums.get(name, 0) + part
        self._count += 1
        now, step, steps = time.monotonic(), trainer.global_step, trainer.num_training_batches
        if now < self._next and step < steps:
            return
        left_s = (now - self._started) / (step - self._first) * (steps - step)
        log.info('step %d/%d, %.0f s, %.0f s left, %s', step, steps, now - self._started, left_s, ', '.join(
            '%s %.4f' % (name, float(part) / self._count) for name, part in self._sums.items()))
        self._sums, self._count, self._next = {}, 0, now + self._every_s

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        log.info('step %d: validation loss %.4f', trainer.global_step, trainer.callback_metrics['val/loss'])
