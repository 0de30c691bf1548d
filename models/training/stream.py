"""Frames as network input and targets, through the very chain that the service runs."""
import typing

import numpy as np
import torch

from service.chains import Fit, get_chain
from service.thermogram import CELSIUS, Provenance, Thermogram

from ..augment import augment, degrade, flip_table, vary
from .sources import MixedFrames

#: Label of pixels and samples whose answer is not known; no loss counts them.
UNKNOWN = -100


class Batch(typing.NamedTuple):
    """What a step sees.

    Attributes:
        pictures (torch.Tensor): float32 NxCxHxW, 0..1.
        labels (torch.Tensor): int64 NxHxW region ids, `UNKNOWN` where there are none.
        klass (torch.Tensor): int64 N class indices, `UNKNOWN` where not known.
    """

    pictures: torch.Tensor
    labels: torch.Tensor
    klass: torch.Tensor


class Stream(torch.utils.data.Dataset):
    """Augmented samples by number, endless: number `item` is the same sample in every run.

    Rounds of all frames follow each other, each shuffled on its own. A mixture draws each item's source by its
    share instead.

    Args:
        frames (frames): see `models.training.sources`.
        recipe (Recipe): chain, size, augmentation, seed.
        transform (callable or None): changes the `Thermogram` between augmentation and chain.
        plain (bool): every frame once, in order, as it is.
    """

    def __init__(self, frames, recipe, transform=None, plain=False):
        self.frames, self._recipe, self._transform, self._plain = frames, recipe, transform, plain
        self._chain = get_chain(recipe.input.chain, recipe.chain_constants)
        self._target = recipe.input.height, recipe.input.width
        self._table = flip_table(frames.regions)

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, item):
        frame = self.frames.frame(item if self._plain else self._draw(item))
        if not self._plain:
            frame = self._augmented(np.random.default_rng([self._recipe.seed, 1, item]), frame)
        thermogram = Thermogram(frame.pixels, frame.unit, Provenance(source='training'))
        if self._transform is not None:
            thermogram = self._transform(thermogram)
        picture = self._chain.apply(thermogram).tensor[0]
        labels = self._labels(frame)
        if self._recipe.input.mask:
            picture = np.concatenate([picture, (labels > 0)[np.newaxis].astype(np.float32)])
        return Batch(torch.from_numpy(picture), torch.from_numpy(labels),
                     torch.tensor(UNKNOWN if frame.klass is None else frame.klass))

    def _draw(self, item):
        if isinstance(self.frames, MixedFrames):
            rng = np.random.default_rng([self._recipe.seed, 2, item])
            first, count = self.frames.members(rng.choice(len(self.frames.shares), p=self.frames.shares))
            return first + int(rng.integers(count))
        round_number, place = divmod(item, len(self.frames))
        order = np.random.default_rng([self._recipe.seed, round_number]).permutation(len(self.frames))
        return int(order[place])

    def _augmented(self, rng, frame):
        settings, relative = self._recipe.augment, frame.unit != CELSIUS
        pixels, labels = frame.pixels, frame.labels
        if settings.kind == 'thermal':
            pixels, labels = augment(rng, pixels, labels, self._table, relative)
        elif settings.kind == 'picture':
            pixels, labels = vary(rng, pixels, labels, self._table, settings.mirror, settings.upside_down,
                                  settings.turn, settings.crop)
        if settings.degrade and rng.random() < settings.degrade:
            pixels = degrade(rng, pixels, relative)
        return frame._replace(pixels=pixels, labels=labels)

    def _labels(self, frame):
        """int64 HxW; outside of the frame nothing is known."""
        if frame.labels is None:
            return np.full(self._target, UNKNOWN, np.int64)
        labels = frame.labels.astype(np.int64)
        return Fit.of(labels.shape, self._target).to_input(labels, padding=UNKNOWN)


class Loader:
    """Batches of a stream for Lightning, from where a run left off.

    Lightning asks it for `state_dict` and so knows that it resumes; where it stands is the number of steps the
    trainer has done, whatever the workers had prepared beyond.

    Args:
        stream (Stream): samples.
        batch (int): samples a batch.
        steps (int or None): batches of the whole training; None gives every sample once.
        workers (int): processes that prepare batches; 0 for none.
        done (callable): batches that are behind already.
    """

    def __init__(self, stream, batch, steps=None, workers=1, done=lambda: 0):
        self._stream, self._batch, self._workers, self._done = stream, batch, workers, done
        self._count = len(stream) if steps is None else steps * batch

    def __len__(self):
        return -(-self._count // self._batch)

    def __iter__(self):
        rest = range(self._done() * self._batch, self._count)
        # An own generator: drawing the workers' seed must not move the one that dropout takes from.
        return iter(torch.utils.data.DataLoader(
            self._stream, self._batch, sampler=rest, num_workers=self._workers, generator=torch.Generator(),
            prefetch_factor=4 if self._workers else None))

    def state_dict(self):
        """Where it stands, for the record."""
        return {'done': self._done()}

    def load_state_dict(self, state):
        """Nothing to load: `done` knows."""
