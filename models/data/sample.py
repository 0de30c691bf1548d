"""One thermogram with what is known about it, and collections of them."""
import dataclasses
import functools
import math
from collections import abc
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, Iterable, Optional, Set, Tuple

import numpy as np

from service.messages import InputError
from service.thermogram import Thermogram


@dataclass(frozen=True, eq=False)
class Sample:
    """One thermogram of one patient; nothing is read from disk before it is needed.

    Attributes:
        key: unique in its collection, usable as a file name.
        patient: whose picture it is; the same in all samples of a person.
        facts: plain values known to a layout, such as ``dialect``, ``view``, ``visit``, ``date``,
            ``frame``, ``kind`` ('static' or 'dynamic'), ``number`` (int) and ``camera``.
        klass: index into `Collection.classes`; None where unknown.
        read: gives the thermogram. Picklable, so that worker processes can use it.
        read_labels: gives labels uint8 HxW of a height and width; None without labels.
    """

    key: str
    patient: str
    facts: Dict[str, Any]
    klass: Optional[int]
    read: Callable[[], Thermogram] = field(repr=False)
    read_labels: Optional[Callable[[int, int], np.ndarray]] = field(default=None, repr=False)

    def thermogram(self) -> Thermogram:
        """The picture.

        Raises:
            InputError: whatever is wrong with the file.
        """
        return self.read()

    @property
    def labelled(self) -> bool:
        """Whether there are labels; reads nothing."""
        return self.read_labels is not None

    def labels(self, shape: Optional[Tuple[int, ...]] = None) -> Optional[np.ndarray]:
        """Region ids of the picture.

        Args:
            shape: height and width of the thermogram; None reads it again to find out.

        Returns:
            Uint8 HxW, indices into `Collection.regions`; None without labels.

        Raises:
            InputError: ``label-size`` where labels and picture differ in size, ``label-id`` for an id
                that is no region, or whatever is wrong with the file.
        """
        if self.read_labels is None:
            return None
        height, width = self.thermogram().pixels.shape if shape is None else shape[:2]
        try:
            labels = self.read_labels(height, width)
        except InputError as error:
            raise InputError(error.code, 'Labels of %s: %s' % (self.key, error.message.sentence),
                             error.message.next_step, detail=error.detail)
        if labels.shape != (height, width):
            raise InputError('label-size', 'The labels of %s are %dx%d pixels and its picture is %dx%d.'
                             % (self.key, labels.shape[1], labels.shape[0], width, height),
                             'Draw them on the picture itself.')
        return labels


@dataclass(frozen=True, eq=False)
class Collection(abc.Sequence):
    """An immutable sequence of samples that share classes and regions.

    Attributes:
        name: where they come from, for reports.
        samples: in a stable order.
        classes: names of the classes, such as ``('Healthy', 'Sick')``; may be empty.
        regions: names of the label ids.
        notes: sentences that a report on these samples must contain, in order.

    Raises:
        InputError: ``key-twice``, ``key-unusable`` or ``patient-missing``.
    """

    name: str
    samples: Tuple[Sample, ...]
    classes: Tuple[str, ...]
    regions: Tuple[str, ...]
    notes: Tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ('samples', 'classes', 'regions', 'notes'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        keys: Set[str] = set()
        for sample in self.samples:
            _check(sample, len(self.classes), keys)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        return self.take(range(len(self))[index]) if isinstance(index, slice) else self.samples[index]

    def __repr__(self) -> str:
        return '<Collection %s: %d samples of %d patients>' % (self.name, len(self), len(self.patients))

    @property
    def keys(self) -> Tuple[str, ...]:
        """Key of every sample, in order."""
        return tuple(sample.key for sample in self.samples)

    @property
    def patients(self) -> Tuple[str, ...]:
        """Every patient once, sorted."""
        return tuple(sorted({sample.patient for sample in self.samples}))

    def labelled(self) -> 'Collection':
        """The samples with labels."""
        return self._of(sample for sample in self.samples if sample.labelled)

    def classified(self) -> 'Collection':
        """The samples whose class is known."""
        return self._of(sample for sample in self.samples if sample.klass is not None)

    def where(self, **facts: Any) -> 'Collection':
        """The samples with all of these facts; a tuple, list or set of values means any of them.

        Raises:
            InputError: ``fact-unknown`` for a fact that no sample has.
        """
        known: Set[str] = set().union(*(sample.facts for sample in self.samples))
        for name in facts:
            if self.samples and name not in known:
                raise InputError('fact-unknown', 'The pictures of %s have no fact %s.' % (self.name, name),
                                 'Their facts are %s.' % (', '.join(sorted(known)) or 'none'))
        allowed = {name: value if isinstance(value, (tuple, list, set, frozenset)) else (value,)
                   for name, value in facts.items()}
        return self._of(sample for sample in self.samples
                        if all(sample.facts.get(name) in values for name, values in allowed.items()))

    def subset(self, keys: Iterable[str]) -> 'Collection':
        """The samples of these keys, in the order of the keys.

        Raises:
            InputError: ``key-unknown``.
        """
        by_key = {sample.key: sample for sample in self.samples}
        keys = list(keys)
        missing = [key for key in keys if key not in by_key]
        if missing:
            raise InputError('key-unknown', '%s has no sample %s%s; the list belongs to other data.'
                             % (self.name, missing[0], ' and %d more' % (len(missing) - 1)
                                if len(missing) > 1 else ''))
        return self._of(by_key[key] for key in keys)

    def take(self, indices: Iterable[int]) -> 'Collection':
        """The samples at these indices."""
        return self._of(self.samples[int(index)] for index in indices)

    def noted(self, *notes: str) -> 'Collection':
        """The same samples with more notes, before the others."""
        return replace(self, notes=tuple(notes) + self.notes)

    def _of(self, samples):
        return replace(self, samples=tuple(samples))


def join(name: str, *collections: Collection) -> Collection:
    """One collection of several that have the same classes and regions.

    Raises:
        InputError: ``collections-differ``, or ``key-twice``.
    """
    first = collections[0]
    for other in collections[1:]:
        for what in ('classes', 'regions'):
            if getattr(other, what) != getattr(first, what):
                raise InputError('collections-differ', '%s and %s have different %s (%s; %s) and cannot be '
                                 'joined.' % (first.name, other.name, what, ', '.join(getattr(first, what)) or 'none',
                                    ', '.join(getattr(other, what)) or 'none'))
    notes = dict.fromkeys(note for part in collections for note in part.notes)
    samples = tuple(sample for part in collections for sample in part.samples)
    return Collection(name, samples, first.classes, first.regions, tuple(notes))


def with_labels(sample: Sample, labels: np.ndarray) -> Sample:
    """The same picture with other labels (uint8 HxW) and without its class."""
    return replace(sample, klass=None, read_labels=functools.partial(_given, labels))


def mix_in(collection: Collection, others: Collection, share: float = 0.07, seed: int = 2021) -> Collection:
    """Add a few pictures of another camera or set to a training set.

    About 7 % (12 of 162) helped a network trained on one protocol with pictures of others. Mix after splitting, and
    use only pictures that are in no held-out part.

    Args:
        collection: training set; all of it is kept.
        others: where to draw from, without replacement.
        share: of the result that is drawn, 0 or more and below 1; rounded up to a whole picture.
        seed: of the draw.

    Returns:
        The training set, then the drawn samples with the fact ``mixed_in`` (the name of
        `others`); their class is unknown where `others` has other classes.

    Raises:
        InputError: ``mix-share``, ``mix-regions`` or ``mix-too-few``, or ``key-twice`` where the drawn
            pictures are already there.
    """
    if not 0 <= share < 1:
        raise InputError('mix-share', 'The share to mix in is %g; it must be 0 or more and below 1.' % share)
    if others.regions != collection.regions:
        raise InputError('mix-regions', '%s has other regions than %s and cannot be mixed into it.'
                         % (others.name, collection.name))
    count = math.ceil(share * len(collection) / (1 - share) - 1e-9)
    if count > len(others):
        raise InputError('mix-too-few', '%g %% of other pictures beside %d are %d, and %s has %d.'
                         % (100 * share, len(collection), count, others.name, len(others)), 'Take a smaller share.')
    chosen = sorted(np.random.default_rng(seed).permutation(len(others))[:count].tolist())
    same_classes = others.classes == collection.classes
    drawn = tuple(dataclasses.replace(sample, facts=dict(sample.facts, mixed_in=others.name),
                                      klass=sample.klass if same_classes else None)
                  for sample in others.take(chosen))
    note = '%d of %d pictures are mixed in from %s' % (count, len(collection) + count, others.name)
    return dataclasses.replace(collection, samples=collection.samples + drawn,
                               notes=collection.notes + (note,))


def _given(labels, height, width):
    return labels


def _check(sample: Sample, classes: int, keys: Set[str]) -> None:
    key = sample.key
    if not key or key.startswith('.') or '/' in key or '\0' in key:
        raise InputError('key-unusable', 'The key %r cannot be a file name.' % key, 'Rename the picture.')
    if key in keys:
        raise InputError('key-twice', 'Two pictures are called %s.' % key, 'Rename or remove one of them.')
    if not sample.patient:
        raise InputError('patient-missing', 'The picture %s has no patient.' % key, 'Say whose it is.')
    if sample.klass is not None and not 0 <= sample.klass < classes:
        raise ValueError('%s has class %r of %d' % (key, sample.klass, classes))
    keys.add(key)
