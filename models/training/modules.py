"""Lightning modules: one step of each kind of training, with its loss, optimiser and learning rate."""
import functools
import math
from typing import Any, Dict, Iterable, Optional, Sequence

import lightning.pytorch as pl
import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional

from service import regions

from ..architectures import Scores
from ..architectures.latents import CutsModel, Latents, cuts_loss
from ..augment import mixup
from ..federated.core import proximal_term
from ..recipe import Recipe, Schedule
from .stream import UNKNOWN, Batch

#: Separates the seeds of steps of two recipes.
_STRIDE = 1000003


class Module(pl.LightningModule):
    """What all trainings share: seeds, optimiser, schedule, frozen parts.

    Args:
        network: maps NxCxHxW to `models.architectures.Scores`.
        recipe: what to do.
        steps, epoch_steps: of the whole training and of one epoch.
    """

    def __init__(self, network: torch.nn.Module, recipe: Recipe, steps: int, epoch_steps: int) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        self._steps, self._epoch_steps = steps, epoch_steps
        self._proximal: Optional[float] = None
        self._start: Dict[str, torch.Tensor] = {}
        for part in self._frozen():
            part.requires_grad_(False)

    def hold(self, proximal: Optional[float]) -> None:
        """Hold the weights that learn near what they are now, by a proximal term of this weight; None does not."""
        self._proximal = proximal
        self._start = {} if proximal is None else {name: weight.detach().clone() for name, weight in self._learning()}

    def configure_optimizers(self) -> Dict[str, Any]:
        """Optimiser and schedule for Lightning."""
        optimizer = make_optimizer(self.recipe, self.network.parameters())
        schedule = make_schedule(self.recipe, optimizer, self._steps, self._epoch_steps)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def on_train_start(self) -> None:
        """Keep the statistics of frozen parts."""
        for part in self._frozen():
            part.eval()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed dropout for every step, so that a resumed run draws what it would have drawn."""
        torch.manual_seed(self.step_seed)

    @property
    def step_seed(self) -> int:
        """Seed of everything random in the coming step."""
        return self.recipe.seed * _STRIDE + self.global_step

    def training_step(self, batch: Batch, batch_idx: int) -> Dict[str, Any]:
        """Sum of the parts of the loss, with the parts for the report."""
        parts = self.parts(batch)
        if self._proximal is not None:
            self._start = {name: weight.to(self.device) for name, weight in self._start.items()}
            parts['proximal'] = proximal_term(dict(self._learning()), self._start, self._proximal)
        loss = sum(parts.values())
        detached = {name: part.detach() for name, part in parts.items()}
        self.log_dict({'train/' + name: part for name, part in detached.items()})
        self.log('loss', loss.detach(), prog_bar=True, logger=False)
        return {'loss': loss, 'parts': detached}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the validation loss, as mean over samples."""
        self.log('val/loss', sum(self.parts(batch).values()), batch_size=len(batch.pictures), prog_bar=True)

    def parts(self, batch: Batch) -> Dict[str, torch.Tensor]:
        """Named parts of the loss of a batch. Modules override it."""
        raise NotImplementedError('%s.parts' % type(self).__name__)

    def _learning(self):
        return [(name, weight) for name, weight in self.network.named_parameters() if weight.requires_grad]

    def _frozen(self):
        return [self.network.get_submodule(part) for part in self.recipe.network.freeze]


class Supervised(Module):
    """Regions, finding, or both, from samples with targets.

    Args:
        region_count: region ids of the network.
        class_shares: share of each class in the training set.
    """

    def __init__(self, network: torch.nn.Module, recipe: Recipe, steps: int, epoch_steps: int, region_count: int,
                 class_shares: Optional[Sequence[float]]) -> None:
        super().__init__(network, recipe, steps, epoch_steps)
        self._losses = Losses(recipe, region_count, class_shares)

    def parts(self, batch: Batch) -> Dict[str, torch.Tensor]:
        """Losses of the scores, computed in float32; of both partners if samples are blended."""
        if not (self.training and self.recipe.augment.mixup):
            return self._parts(batch.pictures, batch)
        mixed = mixup(np.random.default_rng([self.recipe.seed, 3, self.global_step]), batch.pictures.cpu().numpy())
        other = Batch(*(field[torch.from_numpy(mixed.partner).to(field.device)] for field in batch))
        pictures = torch.from_numpy(mixed.samples).to(batch.pictures.device)
        own, others = self._parts(pictures, batch, other)
        return {name: mixed.weight * own[name] + (1 - mixed.weight) * others[name] for name in own}

    def _parts(self, pictures, *targets):
        scores = Scores(*self.network(pictures.to(memory_format=torch.channels_last)))
        with torch.autocast(self.device.type, enabled=False):
            scores = Scores(*(None if part is None else part.float() for part in scores))
            losses = [self._losses(scores, target) for target in targets]
        return losses[0] if len(losses) == 1 else losses


class Contrastive(Module):
    """The encoder of the latents system from pictures without targets (`cuts_loss`).

    Args:
        network: its ``encoder`` is trained, with a head that is discarded.
    """

    def __init__(self, network: Latents, recipe: Recipe, steps: int, epoch_steps: int) -> None:
        super().__init__(network, recipe, steps, epoch_steps)
        torch.manual_seed(recipe.seed)
        self.cuts = CutsModel(network.encoder)

    def configure_optimizers(self) -> Dict[str, Any]:
        """Optimiser of encoder and head only, and schedule."""
        optimizer = make_optimizer(self.recipe, self.cuts.parameters())
        schedule = make_schedule(self.recipe, optimizer, self._steps, self._epoch_steps)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def parts(self, batch: Batch) -> Dict[str, torch.Tensor]:
        """The unsupervised loss; validation uses the same patches every time."""
        generator = torch.Generator().manual_seed(self.step_seed if self.training else self.recipe.seed)
        return {'cuts': cuts_loss(self.cuts, batch.pictures, generator)[0]}


# -- loss


class Losses:
    """Cross-entropy with heavier nipples, soft Dice over the regions, and the finding's loss.

    Args:
        recipe: task and weights.
        region_count: region ids of the network.
        class_shares: share of each class in the training set, for balanced classes.
    """

    def __init__(self, recipe: Recipe, region_count: int, class_shares: Optional[Sequence[float]] = None) -> None:
        self._loss, self._task = recipe.loss, recipe.task
        self._region_weights = torch.ones(region_count)
        if region_count == len(regions.REGIONS):
            self._region_weights[[regions.RIGHT_NIPPLE, regions.LEFT_NIPPLE]] = recipe.loss.nipple_weight
        # Ignoring pixels takes a twelfth of a step more, which is only spent where some are unknown.
        self._dice, self._dice_of_known = (smp.losses.DiceLoss('multiclass', from_logits=True, ignore_index=ignored)
                                           for ignored in (None, UNKNOWN))
        self._class_weights = None
        if recipe.loss.balanced and class_shares:
            self._class_weights = torch.tensor([1 / (len(class_shares) * max(share, 1e-6)) for share in class_shares])

    def __call__(self, scores: Scores, batch: Batch) -> Dict[str, torch.Tensor]:
        """Weighted parts of the loss of float32 scores, by name; their sum is the loss."""
        parts = {}
        if 'regions' in self._task:
            if scores.regions is None:
                raise ValueError('the network has no region head')
            every = slice(self._loss.every - 1, None, self._loss.every)
            logits = scores.regions[:, :, every, every].contiguous()
            labels = batch.labels[:, every, every]
            unknown = labels == UNKNOWN
            if self._loss.cross_entropy and not unknown.all():
                weights = self._region_weights.to(scores.regions.device)
                parts['cross-entropy'] = self._loss.cross_entropy * functional.cross_entropy(
                    logits, labels, weights, ignore_index=UNKNOWN)
            if self._loss.dice:
                dice = self._dice_of_known if unknown.any() else self._dice
                parts['dice'] = self._loss.dice * dice(logits, labels)
        if 'finding' in self._task and self._loss.finding:
            parts['finding'] = self._loss.finding * self._finding(scores.finding, batch.klass)
        if scores.view is not None and self._loss.view:
            known = batch.view != UNKNOWN
            parts['view'] = self._loss.view * (functional.cross_entropy(scores.view[known], batch.view[known])
                                               if known.any() else scores.view.sum() * 0)
        return parts

    def _finding(self, logits, klass):
        known = klass != UNKNOWN
        if not known.any():
            return logits.sum() * 0
        logits, klass = logits[known], klass[known]
        weights = None if self._class_weights is None else self._class_weights.to(logits.device)
        if logits.shape[1] == 1:
            return functional.binary_cross_entropy_with_logits(
                logits[:, 0], klass.to(logits.dtype), None if weights is None else weights[klass])
        return functional.cross_entropy(logits, klass, weights)


# -- optimiser and learning rate


def make_optimizer(recipe: Recipe, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The recipe's optimiser of the parameters that learn."""
    settings = recipe.optimizer
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    common = {'lr': settings.learning_rate, 'weight_decay': settings.weight_decay}
    if settings.name == 'sgd':
        return torch.optim.SGD(learning, momentum=settings.momentum, nesterov=settings.nesterov, **common)
    return {'adamw': torch.optim.AdamW, 'adam': torch.optim.Adam}[settings.name](learning, **common)


def make_schedule(recipe: Recipe, optimizer: torch.optim.Optimizer, steps: int,
                  epoch_steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """The recipe's learning rate as a scheduler of steps.

    Args:
        recipe: schedule.
        optimizer: whose rate it sets.
        steps, epoch_steps: of the whole training and of one epoch.
    """
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, functools.partial(rate_factor, recipe.schedule, steps=steps, epoch_steps=epoch_steps))


def rate_factor(schedule: Schedule, step: int, steps: int, epoch_steps: int) -> float:
    """Share of the learning rate at a step, 0..1."""
    if schedule.name == 'one-cycle':
        return _one_cycle(step, steps, schedule.warm_up)
    if schedule.name == 'cosine':
        return schedule.final + (1 - schedule.final) * _falling(step / steps)
    if schedule.name == 'step':
        return schedule.gamma ** (step // (schedule.every * epoch_steps))
    return 1.0


def _one_cycle(step, steps, warm_up):
    rise = max(int(warm_up * steps), 1)
    if step < rise:
        return 0.04 + 0.96 * step / rise
    return 0.002 + 0.998 * _falling((step - rise) / max(steps - rise, 1))


def _falling(share):
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * min(share, 1)))
