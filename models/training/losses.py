"""The loss of a step, in named parts."""
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional

from service import regions

from .stream import UNKNOWN


class Losses:
    """Cross-entropy with heavier nipples, soft Dice over the regions, and the finding's loss.

    Args:
        recipe (Recipe): task and weights.
        region_count (int): region ids the network answers.
        class_shares (list or None): share of each class in the training set, for balanced classes.
    """

    def __init__(self, recipe, region_count, class_shares=None):
        self._loss, self._task = recipe.loss, recipe.task
        self._region_weights = torch.ones(region_count)
        if region_count == len(regions.REGIONS):
            self._region_weights[[regions.RIGHT_NIPPLE, regions.LEFT_NIPPLE]] = recipe.loss.nipple_weight
        # Leaving pixels out takes a twelfth of a step more; where all are known there are none to leave out.
        self._dice, self._dice_of_known = (smp.losses.DiceLoss('multiclass', from_logits=True, ignore_index=ignored)
                                           for ignored in (None, UNKNOWN))
        self._class_weights = None
        if recipe.loss.balanced and class_shares:
            self._class_weights = torch.tensor([1 / (len(class_shares) * max(share, 1e-6)) for share in class_shares])

    def __call__(self, scores, batch):
        """Weighted parts of the loss.

        Args:
            scores (models.architectures.Scores): float32.
            batch (Batch): targets.

        Returns:
            dict: name -> scalar tensor; their sum is the loss.
        """
        parts = {}
        if 'regions' in self._task:
            unknown = batch.labels == UNKNOWN
            if self._loss.cross_entropy and not unknown.all():
                weights = self._region_weights.to(scores.regions.device)
                parts['cross-entropy'] = self._loss.cross_entropy * functional.cross_entropy(
                    scores.regions, batch.labels, weights, ignore_index=UNKNOWN)
            if self._loss.dice:
                dice = self._dice_of_known if unknown.any() else self._dice
                parts['dice'] = self._loss.dice * dice(scores.regions, batch.labels)
        if 'finding' in self._task and self._loss.finding:
            parts['finding'] = self._loss.finding * self._finding(scores.finding, batch.klass)
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
