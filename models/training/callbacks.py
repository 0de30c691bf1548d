"""What happens beside the steps: checkpoints that survive a kill, averaged weights, lines of progress."""
import functools
import io
import logging
import os
import time

import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, TQDMProgressBar, WeightAveraging
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.optim.swa_utils import get_ema_multi_avg_fn

from service.durable import atomic_write

log = logging.getLogger(__name__)

LAST = 'last.ckpt'
BEST = 'best.ckpt'


class DurableCheckpoints(TorchCheckpointIO):
    """Checkpoints written as everything else here: whole or not at all.

    Raises:
        StorageError: a full disk, in words; the checkpoint before stays.
    """

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        atomic_write(path, buffer.getbuffer())


class KeepLast(Checkpoint):
    """The state to resume from, written now and then and after every validation.

    Not in the step before a validation: Lightning would take that validation for done.

    Args:
        folder (Path): of the checkpoints.
        every_s (float): seconds between two; a slow disk gets more, so that writing takes a twentieth at most.
        validate_every (int): steps between validations; 0 for none.
    """

    def __init__(self, folder, every_s, validate_every):
        self._path, self._every_s, self._validate_every = str(folder / LAST), every_s, validate_every
        self._next = time.monotonic() + every_s

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        validates = self._validate_every and trainer.global_step % self._validate_every == 0
        if time.monotonic() >= self._next and not validates:
            self._save(trainer)

    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            self._save(trainer)

    def _save(self, trainer):
        started = time.monotonic()
        trainer.save_checkpoint(self._path)
        now = time.monotonic()
        self._next = now + (max(self._every_s, 20 * (now - started)) if self._every_s else 0)


class Averaging(WeightAveraging):
    """Averaged weights that start short, so that the random weights of the first steps are forgotten.

    Args:
        decay (float): per step, once it has been reached.
    """

    def __init__(self, decay):
        super().__init__(multi_avg_fn=functools.partial(_blend, decay))


def _blend(decay, averaged, current, count):
    get_ema_multi_avg_fn(min(decay, (1 + float(count)) / (10 + float(count))))(averaged, current, count)


class Bar(TQDMProgressBar):
    """Lightning's bar with its remaining time, without what says nothing here."""

    def get_metrics(self, trainer, module):
        return {name: value for name, value in super().get_metrics(trainer, module).items() if name != 'v_num'}


class Lines(Callback):
    """Progress as lines, for a log file or a pipe.

    Args:
        every_s (float): seconds between lines.
    """

    def __init__(self, every_s=30.0):
        self._every_s, self._seen, self._count = every_s, {}, 0

    def on_train_start(self, trainer, module):
        self._first, self._started = trainer.global_step, time.monotonic()
        self._next = self._started + self._every_s

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        for name, part in outputs['parts'].items():
            self._seen[name] = self._seen.get(name, 0) + part
        self._count += 1
        now, step, steps = time.monotonic(), trainer.global_step, trainer.num_training_batches
        if now < self._next and step < steps:
            return
        left_s = (now - self._started) / (step - self._first) * (steps - step)
        log.info('step %d/%d, %.0f s, %.0f s left, %s', step, steps, now - self._started, left_s, ', '.join(
            '%s %.4f' % (name, float(part) / self._count) for name, part in self._seen.items()))
        self._seen, self._count, self._next = {}, 0, now + self._every_s

    def on_validation_end(self, trainer, module):
        log.info('step %d: validation loss %.4f', trainer.global_step, trainer.callback_metrics['val/loss'])
