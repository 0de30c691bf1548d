"""Train a network on samples: one call, repeatable, resumable."""
import logging
import signal
import tempfile
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from service.durable import storage_error

from .callbacks import BEST, LAST, Averaging, Bar, DurableCheckpoints, KeepLast, Lines
from .modules import Contrastive, Supervised
from .sources import as_frames
from .stream import Loader, Stream

# What it says of devices and of its maker's other products is not for the person who trains.
for _name in ('lightning.pytorch', 'lightning.fabric'):
    logging.getLogger(_name).setLevel(logging.WARNING)

#: Beginnings of Lightning's warnings of what is meant.
_MEANT = (
    '.*LeafSpec',  # version 2.6 asks PyTorch 2.14 for something that goes away; nothing of ours can change that
    '.*in eval mode at the start of training',  # frozen parts; everything else was put into training mode
    '.*exists and is not empty',  # the checkpoints that a resumed run goes on from
)


def fit(network, recipe, train, val=None, out=None, workers=1, transform=None, bar=False):
    """Train a network as a recipe says.

    The result is repeatable for a seed on the same machine and PyTorch. With `out`, a run that was killed goes on
    from its last checkpoint and ends with the weights it would have had. bfloat16 and channels-last halve the time
    on a CPU with AVX-512 BF16; the weights stay float32. A GPU is used where there is one.

    Args:
        network (torch.nn.Module): fresh or pretrained; it is trained in place. Seed before building it:
            ``torch.manual_seed(recipe.seed)``. For task 'latents' a `models.architectures.latents.Latents`, of
            which the encoder is trained.
        recipe (models.recipe.Recipe): task, input, augmentation, optimiser, schedule, length, loss. What it says
            of data and phantoms is the caller's to follow.
        train (PhantomSet, Collection or list): training samples; a list of ``(samples, share)`` pairs mixes several.
        val (PhantomSet, Collection or None): samples to stop early by (`training.patience`); never held-out patients.
        out (Path or None): folder for ``checkpoints/`` and ``log/`` (TensorBoard); None keeps nothing.
        workers (int): processes that prepare samples; 0 for none.
        transform (callable or None): changes each `Thermogram` before the chain; picklable.
        bar (bool): a progress bar instead of lines in the log.

    Returns:
        torch.nn.Module: `network` on the CPU in evaluation mode, with averaged weights (`training.average`) and
        those of the lowest validation loss (`training.patience`).

    Raises:
        InputError: ``training-empty``: there is no sample.
        StorageError: the disk is full or not writable; the last checkpoint stays.
        KeyboardInterrupt: stopped by hand; likewise.
    """
    frames = as_frames(train, recipe)
    val_frames = as_frames(val, recipe) if recipe.training.patience and val is not None else None
    if out is not None:
        return _fit(network, recipe, frames, val_frames, Path(out), True, workers, transform, bar)
    with tempfile.TemporaryDirectory(prefix='thermoscreen-') as folder:
        return _fit(network, recipe, frames, val_frames, Path(folder), False, workers, transform, bar)


def _fit(network, recipe, frames, val_frames, out, keep, workers, transform, bar):
    settings = recipe.training
    steps, epoch_steps = settings.steps(len(frames)), settings.epoch_steps(len(frames))
    validate_every = 0 if val_frames is None else min(epoch_steps, steps)
    network = network.train().to(memory_format=torch.channels_last)
    if recipe.task == 'latents':
        module = Contrastive(network, recipe, steps, epoch_steps)
    else:
        module = Supervised(network, recipe, steps, epoch_steps, len(frames.regions), class_shares(frames))
    trainer = _trainer(recipe, steps, validate_every, out, keep, bar)
    loader = Loader(Stream(frames, recipe, transform), settings.batch, steps, workers, lambda: trainer.global_step)
    val_loader = []  # defined and empty: Lightning would warn of a validation that has nothing to look at
    if validate_every:
        val_loader = Loader(Stream(val_frames, recipe, transform, plain=True), settings.batch, workers=workers)
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
        # Lightning makes of Ctrl-C an exit like a failure's, and stays deaf to the next one.
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt()


def _trainer(recipe, steps, validate_every, out, keep, bar):
    """One round of all steps, so that a resumed run is always in the middle of it."""
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
        accelerator='auto', devices=1, precision=_precision(recipe), max_epochs=1, callbacks=callbacks,
        plugins=[DurableCheckpoints()], logger=_Log(str(out), name='', version='log') if keep else False,
        val_check_interval=validate_every or None, check_val_every_n_epoch=None if validate_every else 1,
        limit_val_batches=1.0 if validate_every else 0, num_sanity_val_steps=0, log_every_n_steps=min(10, steps),
        gradient_clip_val=recipe.optimizer.clip or None, enable_checkpointing=keep or bool(validate_every),
        enable_progress_bar=bar, enable_model_summary=False, use_distributed_sampler=False, default_root_dir=str(out))


class _Log(TensorBoardLogger):
    """Curves alone: the recipe lies beside the log, whole."""

    def save(self):
        self.experiment.flush()


def _precision(recipe):
    if recipe.training.precision == 'fp32':
        return '32-true'
    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        return '16-mixed'
    return 'bf16-mixed'


def class_shares(frames):
    """Share of each class among the frames whose class is known, or None."""
    known = [klass for klass in frames.klasses if klass is not None]
    return [known.count(klass) / len(known) for klass in range(len(frames.classes))] if known else None
