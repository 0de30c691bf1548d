"""Lightning modules: what one step of each kind of training is."""
import lightning.pytorch as pl
import numpy as np
import torch

from ..architectures import Scores
from ..architectures.latents import CutsModel, cuts_loss
from ..augment import mixup
from .losses import Losses
from .schedule import make_optimizer, make_schedule
from .stream import Batch

#: Keeps the seeds of steps of two recipes apart.
_STRIDE = 1000003


class Module(pl.LightningModule):
    """What all trainings share: seeds, optimiser, schedule, frozen parts.

    Args:
        network (torch.nn.Module): maps NxCxHxW to `models.architectures.Scores`.
        recipe (Recipe): what to do.
        steps, epoch_steps (int): of the whole training and of one round through the samples.
    """

    def __init__(self, network, recipe, steps, epoch_steps):
        super().__init__()
        self.network, self.recipe = network, recipe
        self._steps, self._epoch_steps = steps, epoch_steps
        for part in self._frozen():
            part.requires_grad_(False)

    def configure_optimizers(self):
        """Optimiser and schedule for Lightning."""
        optimizer = make_optimizer(self.recipe, self.network.parameters())
        schedule = make_schedule(self.recipe, optimizer, self._steps, self._epoch_steps)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def on_train_start(self):
        """Frozen parts keep their statistics."""
        for part in self._frozen():
            part.eval()

    def on_train_batch_start(self, batch, batch_idx):
        """Chance (dropout) starts anew every step, so that a resumed run draws what it would have drawn."""
        torch.manual_seed(self.step_seed)

    @property
    def step_seed(self):
        """Seed of everything random in the step to come."""
        return self.recipe.seed * _STRIDE + self.global_step

    def training_step(self, batch, batch_idx):
        """Sum of the parts of the loss; the parts are left for whoever reports them."""
        parts = self.parts(batch)
        loss = sum(parts.values())
        seen = {name: part.detach() for name, part in parts.items()}
        self.log_dict({'train/' + name: part for name, part in seen.items()})
        self.log('loss', loss.detach(), prog_bar=True, logger=False)
        return {'loss': loss, 'parts': seen}

    def validation_step(self, batch, batch_idx):
        """Validation loss, as mean over samples."""
        self.log('val/loss', sum(self.parts(batch).values()), batch_size=len(batch.pictures), prog_bar=True)

    def parts(self, batch):
        """Named parts of the loss of a batch. Modules override it."""
        raise NotImplementedError('%s.parts' % type(self).__name__)

    def _frozen(self):
        return [self.network.get_submodule(part) for part in self.recipe.network.freeze]


class Supervised(Module):
    """Regions, finding, or both, from samples with answers.

    Args:
        region_count (int): region ids the network answers.
        class_shares (list or None): share of each class in the training set.
    """

    def __init__(self, network, recipe, steps, epoch_steps, region_count, class_shares):
        super().__init__(network, recipe, steps, epoch_steps)
        self._losses = Losses(recipe, region_count, class_shares)

    def parts(self, batch):
        """Losses of the network's scores, computed in float32; of both partners where samples are blended."""
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
            found = [self._losses(scores, target) for target in targets]
        return found[0] if len(found) == 1 else found


class Contrastive(Module):
    """The encoder of the latents system from pictures without answers (`cuts_loss`).

    Args:
        network (Latents): its ``encoder`` is trained, with a head that is thrown away.
    """

    def __init__(self, network, recipe, steps, epoch_steps):
        super().__init__(network, recipe, steps, epoch_steps)
        torch.manual_seed(recipe.seed)
        self.cuts = CutsModel(network.encoder)

    def configure_optimizers(self):
        """Optimiser over encoder and head alone, and schedule."""
        optimizer = make_optimizer(self.recipe, self.cuts.parameters())
        schedule = make_schedule(self.recipe, optimizer, self._steps, self._epoch_steps)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def parts(self, batch):
        """The unsupervised loss; validation sees the same patches every time."""
        generator = torch.Generator().manual_seed(self.step_seed if self.training else self.recipe.seed)
        return {'cuts': cuts_loss(self.cuts, batch.pictures, generator)[0]}
