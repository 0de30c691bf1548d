"""Phantoms as network input and targets, through the very chain that the service runs."""
import numpy as np
import torch

from service.chains import get_chain
from service.thermogram import Thermogram

from .augment import augment


class PhantomDataset(torch.utils.data.Dataset):
    """Items ``(input 1xHxW float32, labels HxW int64, abnormal 1 float32)``.

    Args:
        phantoms (PhantomSet): the set.
        recipe (Recipe): chain and input size.
        passes (int or None): length of an augmented training stream that draws phantoms in shuffled
            order; None gives every phantom once, as it is.
    """

    def __init__(self, phantoms, recipe, passes=None):
        self.phantoms, self.recipe, self.passes = phantoms, recipe, passes
        self._chain = get_chain(recipe.chain, recipe.chain_constants)

    def __len__(self):
        return self.passes or len(self.phantoms)

    def __getitem__(self, item):
        index, augmented = item, self.passes is not None
        if augmented:
            round_number, place = divmod(item, len(self.phantoms))
            order = np.random.default_rng([self.recipe.seed, round_number]).permutation(len(self.phantoms))
            index = int(order[place])
        celsius, labels = self.phantoms.celsius(index), np.array(self.phantoms.labels[index])
        if augmented:
            celsius, labels = augment(np.random.default_rng([self.recipe.seed, 1, item]), celsius, labels)
        tensor = self._chain.apply(Thermogram.from_celsius(celsius, source='phantom')).tensor[0]
        abnormal = np.float32([self.phantoms.abnormal[index]])
        return torch.from_numpy(tensor), torch.from_numpy(labels.astype(np.int64)), torch.from_numpy(abnormal)
