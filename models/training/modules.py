"""Lightning modules: what one step of each kind of training is."""
import lightning.pytorch as pl
import torch

from .schedule import make_optimizer, make_schedule


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
        for part in recipe.network.freeze:
            network.get_submodule(part).requires_grad_(False)

    def configure_optimizers(self):
        """Optimiser and schedule for Lightning."""
        optimizer = make_optimizer(self.recipe, self.network.parameters())
        schedule = make_schedule(self.recipe, optimizer, self._steps, self._epoch_steps)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def on_train_start(self):
        """Frozen parts keep their statistics."""
        for part in self.recipe.network.freeze:
            self.network.get_submodule(part).eval()

    def on_train_batch_start(self, batch, batch_idx):
        """Chance (dropout) starts anew every step, so that a resumed run draws what it would have drawn."""
        torch.manual_seed(self.recipe.seed * 1000003 + self.global_step)

    def training_step(self, batch, batch_idx):
        """Sum of the parts of the loss; the parts are left for whoever reports them."""
        parts = self.parts(batch)
        loss = sum(parts.values())
        self.log_dict({'train/' + name: part.detach() for name, part in parts.items()})
        self.log('loss', loss.detach(), prog_bar=True, logger=False)
        return {'loss': loss, 'parts': {name: part.detach() for name, part in parts.items()}}

    def validation_step(self, batch, batch_idx):
        """Validation loss, as mean over samples."""
        self.log('val/loss', sum(self.parts(batch).values()), batch_size=len(batch.pictures), prog_bar=True)

    def parts(self, batch):
        """Named parts of the loss of a batch. Modules override it."""
        raise NotImplementedError('%s.parts' % type(self).__name__)


class Supervised(Module):
    """Regions, finding, or both, from samples with answers.

    Args:
        losses (Losses): of the scores.
    """

    def __init__(self, network, recipe, steps, epoch_steps, losses):
        super().__init__(network, recipe, steps, epoch_steps)
        self._losses = losses

    def parts(self, batch):
        """Losses of the network's scores, computed in float32."""
        scores = self.network(batch.pictures.to(memory_format=torch.channels_last))
        with torch.autocast(self.device.type, enabled=False):
            return self._losses(type(scores)(*(None if part is None else part.float() for part in scores))
                                if hasattr(scores, '_fields') else scores, batch)
