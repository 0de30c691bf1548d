"""One picture with what is known of it, and sets of them."""
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Callable, Optional

from service.messages import InputError


@dataclass(frozen=True, eq=False)
class Sample:
    """One thermogram of one patient; nothing is read from disk before it is asked for.

    Attributes:
        key (str): unique in its collection, usable as a file name.
        patient (str): whose picture it is; equal in two samples of one person.
        facts (dict): plain values a layout knows, such as ``dialect``, ``view``, ``visit``, ``date``,
            ``frame``, ``kind`` ('static' or 'dynamic'), ``number`` (int) and ``camera``.
        klass (int or None): index into `Collection.classes`; None where it is not known.
        read (callable): () -> Thermogram. Picklable, so that worker processes can have it.
        read_labels (callable or None): (height, width) -> uint8 HxW; None where nobody drew labels.
    """

    key: str
    patient: str
    facts: dict
    klass: Optional[int]
    read: Callable = field(repr=False)
    read_labels: Optional[Callable] = field(default=None, repr=False)

    def thermogram(self):
        """The picture.

        Returns:
            service.thermogram.Thermogram
        Raises:
            InputError: whatever is wrong with the file.
        """
        return self.read()

    @property
    def labelled(self):
        """Whether there are labels; reads nothing."""
        return self.read_labels is not None

    def labels(self, shape=None):
        """Region ids of the picture.

        Args:
            shape (tuple or None): (height, width) of the thermogram where the caller has read it;
                None reads it once more to know.
        Returns:
            numpy.ndarray or None: uint8 HxW, indices into `Collection.regions`; None without labels.
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
            raise InputError(error.code, 'Labels of %s: %s' % (self.key, error.message.text), detail=error.detail)
        if labels.shape != (height, width):
            raise InputError('label-size', 'The labels of %s are %dx%d pixels and its picture is %dx%d; draw '
                             'them on the picture itself.' % (self.key, labels.shape[1], labels.shape[0],
                                                              width, height))
        return labels


@dataclass(frozen=True, eq=False)
class Collection(Sequence):
    """An immutable sequence of samples that share classes and regions.

    Attributes:
        name (str): where they are from, for reports.
        samples (tuple of Sample): in a stable order.
        classes (tuple of str): names of the classes, such as ``('Healthy', 'Sick')``; may be empty.
        regions (tuple of str): names of the label ids.
        notes (tuple of str): what a report on these samples has to say, in words; the first line first.
    Raises:
        InputError: ``key-twice``, ``key-unusable`` or ``patient-missing``.
    """

    name: str
    samples: tuple
    classes: tuple
    regions: tuple
    notes: tuple = ()

    def __post_init__(self):
        for name in ('samples', 'classes', 'regions', 'notes'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        seen = set()
        for sample in self.samples:
            _check(sample, len(self.classes), seen)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.take(range(len(self))[index]) if isinstance(index, slice) else self.samples[index]

    def __repr__(self):
        return '<Collection %s: %d samples of %d patients>' % (self.name, len(self), len(self.patients))

    @property
    def keys(self):
        """Key of every sample, in order."""
        return tuple(sample.key for sample in self.samples)

    @property
    def patients(self):
        """Every patient once, sorted."""
        return tuple(sorted({sample.patient for sample in self.samples}))

    def labelled(self):
        """The samples with labels."""
        return self._of(sample for sample in self.samples if sample.labelled)

    def classified(self):
        """The samples whose class is known."""
        return self._of(sample for sample in self.samples if sample.klass is not None)

    def where(self, **facts):
        """The samples with all of these facts; a tuple, list or set of values means any of them.

        Raises:
            InputError: ``fact-unknown`` for a fact that no sample has.
        """
        known = set().union(*(sample.facts for sample in self.samples))
        for name in facts:
            if self.samples and name not in known:
                raise InputError('fact-unknown', '%s knows nothing called %s of its pictures; it knows %s.'
                                 % (self.name, name, ', '.join(sorted(known)) or 'nothing'))
        wanted = {name: value if isinstance(value, (tuple, list, set, frozenset)) else (value,)
                  for name, value in facts.items()}
        return self._of(sample for sample in self.samples
                        if all(sample.facts.get(name) in values for name, values in wanted.items()))

    def subset(self, keys):
        """The samples of these keys, in the order of the keys.

        Raises:
            InputError: ``key-unknown``.
        """
        by_key = {sample.key: sample for sample in self.samples}
        keys = list(keys)
        missing = [key for key in keys if key not in by_key]
        if missing:
            raise InputError('key-unknown', '%s has no sample %s%s; the list is of other data.'
                             % (self.name, missing[0], ' and %d more' % (len(missing) - 1)
                                if len(missing) > 1 else ''))
        return self._of(by_key[key] for key in keys)

    def take(self, indices):
        """The samples at these places."""
        return self._of(self.samples[int(index)] for index in indices)

    def noted(self, *notes):
        """The same samples with notes put before the others."""
        return replace(self, notes=tuple(notes) + self.notes)

    def _of(self, samples):
        return replace(self, samples=tuple(samples))


def join(name, *collections):
    """One collection of several that have the same classes and regions.

    Raises:
        InputError: ``collections-differ``, or ``key-twice``.
    """
    first = collections[0]
    for other in collections[1:]:
        for what in ('classes', 'regions'):
            if getattr(other, what) != getattr(first, what):
                raise InputError('collections-differ', '%s and %s have other %s (%s; %s) and cannot be '
                                 'joined.'
                                 % (first.name, other.name, what, ', '.join(getattr(first, what)) or 'none',
                                    ', '.join(getattr(other, what)) or 'none'))
    notes = dict.fromkeys(note for part in collections for note in part.notes)
    return Collection(name, sum((part.samples for part in collections), ()), first.classes, first.regions,
                      tuple(notes))


def _check(sample, classes, seen):
    key = sample.key
    if not key or key.startswith('.') or '/' in key or '\0' in key:
        raise InputError('key-unusable', 'The key %r cannot be a file name; rename the picture.' % key)
    if key in seen:
        raise InputError('key-twice', 'Two pictures are called %s; rename or remove one of them.' % key)
    if not sample.patient:
        raise InputError('patient-missing', 'The picture %s has no patient; say whose it is.' % key)
    if sample.klass is not None and not 0 <= sample.klass < classes:
        raise ValueError('%s has class %r of %d' % (key, sample.klass, classes))
    seen.add(key)
