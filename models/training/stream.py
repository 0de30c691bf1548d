"""Training examples as network input and targets, through the chain that the service runs.

Examples come from phantoms, from a collection of patients, or from a mixture; `Stream` augments them and applies the
chain, `Loader` makes batches.
"""
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
import torch

from service.chains import Fit, get_chain
from service.messages import InputError
from service.regions import REGIONS
from service.thermogram import CELSIUS, Provenance, Thermogram
from service.views import VIEWS

from ..augment import augment, degrade, flip, flip_table, show_nipples, vary
from ..data import Collection
from ..data.open import PHANTOM_CLASSES
from ..phantoms import PhantomSet
from ..recipe import Recipe

#: Label of pixels and class of samples that are not known; no loss counts them.
UNKNOWN = -100

#: Index of a view after a flip, by the one before it.
_FLIPPED_VIEWS = flip_table(VIEWS)


class Example(NamedTuple):
    """One sample at network size, before augmentation and chain.

    Attributes:
        pixels: float32 hxw, °C or grey levels 0..255, the part of the network's input that the thermogram covers.
        unit: ``'celsius'`` or ``'relative'``.
        labels: uint8 hxw region ids.
        klass: index of the class.
        view: index into `service.views.VIEWS`; None where nobody said which view it is.
    """

    pixels: np.ndarray
    unit: str
    labels: Optional[np.ndarray]
    klass: Optional[int]
    view: Optional[int] = None


class Examples:
    """Examples by index.

    Attributes:
        regions: names of the label ids.
        classes: names of the classes.
        klasses: class of every example; None where unknown.
    """

    regions: Tuple[str, ...]
    classes: Tuple[str, ...]
    klasses: List[Optional[int]]

    def __len__(self) -> int:
        return len(self.klasses)

    def example(self, index: int) -> Example:
        """One example. Subclasses override it."""
        raise NotImplementedError('%s.example' % type(self).__name__)


class PhantomExamples(Examples):
    """Examples of a phantom set; its memory maps are read as they are needed."""

    regions = REGIONS
    classes = PHANTOM_CLASSES

    def __init__(self, phantoms: PhantomSet) -> None:
        self._phantoms = phantoms
        self.klasses = [int(value) if known else None for value, known in zip(phantoms.abnormal, phantoms.compared)]

    def example(self, index: int) -> Example:
        """The phantom of an index."""
        return Example(self._phantoms.celsius(index), CELSIUS, np.array(self._phantoms.labels[index]),
                       self.klasses[index], VIEWS.index(self._phantoms.views[index]))


class CollectionExamples(Examples):
    """Examples of a collection, each thermogram read once and kept at network size.

    Geometry is that of the chain (`service.chains.Fit`): aspect ratio kept, centred; labels take the nearest pixel.

    Args:
        collection: samples.
        recipe: network size.
    """

    def __init__(self, collection: Collection, recipe: Recipe) -> None:
        self.regions, self.classes = tuple(collection.regions), tuple(collection.classes)
        target = recipe.input.height, recipe.input.width
        self._examples = [_shrink(sample, target) for sample in collection]
        self.klasses = [example.klass for example in self._examples]

    def example(self, index: int) -> Example:
        """The sample of an index."""
        return self._examples[index]


class MixedExamples(Examples):
    """Several sources with the share of each, such as few patients with labels among many phantoms.

    Args:
        parts: sources with their relative shares.
    """

    def __init__(self, parts: Sequence[Tuple[Examples, float]]) -> None:
        self._sources = [source for source, _ in parts]
        shares = np.array([share for _, share in parts], np.float64)
        self.shares = shares / shares.sum()
        self._first = np.cumsum([0] + [len(source) for source in self._sources])
        self.regions, self.classes = self._sources[0].regions, self._sources[0].classes
        self.klasses = [klass for source in self._sources for klass in source.klasses]

    def example(self, index: int) -> Example:
        """The example of an index; sources follow each other."""
        part = int(np.searchsorted(self._first, index, 'right')) - 1
        return self._sources[part].example(index - int(self._first[part]))

    def members(self, part: int) -> Tuple[int, int]:
        """First index and number of examples of a source."""
        return int(self._first[part]), len(self._sources[part])


#: What to train on: a phantom set, a collection, a mixture of these with shares, or examples.
Samples = Union[PhantomSet, Collection, Examples, List[Tuple[Any, float]]]


def as_examples(samples: Samples, recipe: Recipe) -> Examples:
    """Examples of a phantom set, a collection, or a mixture.

    Args:
        samples: what to train on; a list of ``(samples, share)`` pairs mixes several.
        recipe: network size.

    Raises:
        InputError: ``training-empty``, or what is wrong with a file.
    """
    if isinstance(samples, Examples):
        return samples
    if not len(samples):
        raise InputError('training-empty', 'There is no sample to learn from.',
                         'Check the folder and what the recipe takes of it (data.use, data.where).')
    if isinstance(samples, list):
        return MixedExamples([(as_examples(part, recipe), share) for part, share in samples])
    if isinstance(samples, PhantomSet):
        return PhantomExamples(samples)
    return CollectionExamples(samples, recipe)


def _shrink(sample, target):
    thermogram = sample.thermogram()
    fit = Fit.of(thermogram.pixels.shape, target)
    height, width = fit.inner[2:]
    # Without padding: the chain pads it, as on the device.
    inner = Fit(fit.frame, (height, width), (0, 0, height, width))
    labels = sample.labels(thermogram.pixels.shape)
    if labels is not None:
        labels = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return Example(np.array(inner.to_input(thermogram.pixels, padding=0)), thermogram.unit, labels, sample.klass)


class Batch(NamedTuple):
    """Input and targets of a step.

    Attributes:
        pictures: float32 NxCxHxW, 0..1.
        labels: int64 NxHxW region ids, `UNKNOWN` where there are none.
        klass: int64 N class indices, `UNKNOWN` where not known.
        view: int64 N indices into `service.views.VIEWS`, `UNKNOWN` where not known.
    """

    pictures: torch.Tensor
    labels: torch.Tensor
    klass: torch.Tensor
    view: torch.Tensor


#: Changes a thermogram before the chain.
Transform = Callable[[Thermogram], Thermogram]


class Stream(torch.utils.data.Dataset):
    """An endless sequence of augmented samples: item n is the same sample in every run.

    Epochs follow each other, each shuffled separately. A mixture draws the source of each item by its share instead.

    Args:
        examples: what to draw from.
        recipe: chain, size, augmentation, seed.
        transform: changes the `Thermogram` between augmentation and chain.
        plain: every example once, in order, unchanged.
    """

    def __init__(self, examples: Examples, recipe: Recipe, transform: Optional[Transform] = None,
                 plain: bool = False) -> None:
        self.examples, self._recipe, self._transform, self._plain = examples, recipe, transform, plain
        self._chain = get_chain(recipe.input.chain, recipe.chain_constants)
        self._target = recipe.input.height, recipe.input.width
        self._table = flip_table(examples.regions)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, item: int) -> Batch:
        example = self.examples.example(item if self._plain else self._draw(item))
        if not self._plain:
            example = self._augmented(np.random.default_rng([self._recipe.seed, 1, item]), example)
        thermogram = Thermogram(example.pixels, example.unit, Provenance(source='training'))
        if self._transform is not None:
            thermogram = self._transform(thermogram)
        picture = self._chain.apply(thermogram).tensor[0]
        labels = self._labels(example)
        if self._recipe.input.regions_only:
            if example.labels is None:
                raise InputError('data-labels', 'A classifier of regions alone (input.regions_only) trains on samples '
                                 'with labels, and this data has others.', 'Set data.use to labelled.')
            picture = picture * (labels > 0)
        if self._recipe.input.mask:
            picture = np.concatenate([picture, (labels > 0)[np.newaxis].astype(np.float32)])
        return Batch(torch.from_numpy(picture), torch.from_numpy(labels),
                     *(torch.tensor(UNKNOWN if index is None else index) for index in (example.klass, example.view)))

    def _draw(self, item):
        if isinstance(self.examples, MixedExamples):
            rng = np.random.default_rng([self._recipe.seed, 2, item])
            first, count = self.examples.members(rng.choice(len(self.examples.shares), p=self.examples.shares))
            return first + int(rng.integers(count))
        epoch, place = divmod(item, len(self.examples))
        order = np.random.default_rng([self._recipe.seed, epoch]).permutation(len(self.examples))
        return int(order[place])

    def _augmented(self, rng, example):
        settings, relative = self._recipe.augment, example.unit != CELSIUS
        if settings.kind != 'none' and rng.random() < (settings.mirror if settings.kind == 'picture' else 0.5):
            example = self._flipped(example)
        pixels, labels = example.pixels, example.labels
        if settings.nipples and labels is not None and not relative and rng.random() < settings.nipples:
            pixels = show_nipples(rng, pixels, labels)
        if settings.kind == 'thermal':
            pixels, labels = augment(rng, pixels, labels, relative)
        elif settings.kind == 'picture':
            pixels, labels = vary(rng, pixels, labels, settings.upside_down, settings.turn, settings.crop)
        if settings.degrade and rng.random() < settings.degrade:
            pixels = degrade(rng, pixels, relative)
        return example._replace(pixels=pixels, labels=labels)

    def _flipped(self, example):
        pixels, labels = flip(example.pixels, example.labels, self._table)
        view = None if example.view is None else int(_FLIPPED_VIEWS[example.view])
        return example._replace(pixels=pixels, labels=labels, view=view)

    def _labels(self, example):
        """int64 HxW; outside of the thermogram nothing is known."""
        if example.labels is None:
            return np.full(self._target, UNKNOWN, np.int64)
        labels = example.labels.astype(np.int64)
        return Fit.of(labels.shape, self._target).to_input(labels, padding=UNKNOWN)


class Loader:
    """Batches of a stream for Lightning, from where a run was interrupted.

    Lightning calls `state_dict` and so knows that it resumes; the position is the number of steps of the trainer,
    whatever the workers had prepared beyond it. Where several processes train together, each gets its part of every
    batch of a training; samples that are only judged are the same for all.

    Args:
        stream: samples.
        batch: samples per batch.
        steps: batches of the whole training; None gives every sample once.
        workers: processes that prepare batches; 0 for none.
        done: gives the number of finished batches.
    """

    def __init__(self, stream: Stream, batch: int, steps: Optional[int] = None, workers: int = 1,
                 done: Callable[[], int] = lambda: 0) -> None:
        self._stream, self._batch, self._workers, self._done = stream, batch, workers, done
        self._count = len(stream) if steps is None else steps * batch
        self._shared = steps is not None

    def __len__(self) -> int:
        return -(-self._count // self._batch)

    def __iter__(self) -> Iterator[Batch]:
        rest: Sequence[int] = range(self._done() * self._batch, self._count)
        batch = self._batch
        if self._shared and torch.distributed.is_available() and torch.distributed.is_initialized():
            batch //= torch.distributed.get_world_size()
            rest = [item for item in rest if item % self._batch // batch == torch.distributed.get_rank()]
        # A separate generator: drawing the workers' seed must not advance the one of dropout.
        return iter(torch.utils.data.DataLoader(
            self._stream, batch, sampler=rest, num_workers=self._workers, generator=torch.Generator(),
            prefetch_factor=4 if self._workers else None))

    def state_dict(self) -> Dict[str, int]:
        """The position, for the record."""
        return {'done': self._done()}

    def load_state_dict(self, state: Dict[str, int]) -> None:
        """Nothing to load: `done` gives the position."""
