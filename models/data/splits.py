"""Splits by patient, the split by image that says so, and splits on disk.

Scikit-learn draws them; every split is checked for leaks before it is returned, and when it is read.
"""
import json
from collections import Counter
from typing import Dict, List, Mapping, Tuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedShuffleSplit

from service.durable import atomic_write_json
from service.messages import InputError
from service.readers.files import read_bytes, shown_name

from .files import AnyPath
from .sample import Collection

#: The two parts of a split: training and held-out.
Pair = Tuple[Collection, Collection]

#: Beginning of the first note of both parts of a split by image.
IMAGE_LEVEL = 'IMAGE-LEVEL SPLIT'

_MAX_BYTES = 64 << 20
_LEVELS = ('patient', 'image')


def patient_folds(collection: Collection, folds: int = 5, seed: int = 2021) -> List[Pair]:
    """Folds by patient, stratified by class where classes are known.

    Args:
        collection: what to split.
        folds: how many, 2 or more.
        seed: of the shuffle.

    Returns:
        `folds` pairs (train, held-out) of collections; every sample is held out once.

    Raises:
        InputError: ``too-few-patients``, or ``fold-without-class`` where a class would have no example
            in the held-out or the training part of a fold.
    """
    _check_count(collection, folds, '%d folds' % folds)
    strata = _strata(collection, np.array([-1 if sample.klass is None else sample.klass
                                           for sample in collection]), folds)
    owners = [sample.patient for sample in collection]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    pairs = [(collection.take(train), collection.take(held))
             for train, held in splitter.split(owners, strata, owners)]
    for number, pair in enumerate(pairs, 1):
        _check_parts(collection, pair, 'fold %d of %d' % (number, folds))
    return pairs


def patient_split(collection: Collection, share: float = 0.7, seed: int = 2021) -> Pair:
    """One split by patient, stratified by class where classes are known.

    A patient with pictures of several classes counts as the last of them.

    Args:
        collection: what to split.
        share: of the patients that go to the first part, between 0 and 1.
        seed: of the draw.

    Returns:
        (train, held-out) collections.

    Raises:
        InputError: as `patient_folds`, or ``share-range``.
    """
    _check_share(share)
    _check_count(collection, 2, 'a split')
    klass: Dict[str, int] = {}
    for sample in collection:
        known = -1 if sample.klass is None else sample.klass
        klass[sample.patient] = max(klass.get(sample.patient, -1), known)
    patients = list(collection.patients)
    chosen, _ = _shuffle(collection, [klass[patient] for patient in patients], share, seed, 'patients')
    kept = {patients[index] for index in chosen}
    pair = (collection.take(i for i, sample in enumerate(collection) if sample.patient in kept),
            collection.take(i for i, sample in enumerate(collection) if sample.patient not in kept))
    _check_parts(collection, pair, 'the split')
    return pair


def image_split(collection: Collection, share: float = 0.7, seed: int = 2021) -> Pair:
    """One split by image: pictures of one patient may be in both parts, which improves every score.

    For comparison with published figures that were made this way. The first note of both parts says so. Arguments and
    errors are those of `patient_split`, with images instead of patients.
    """
    _check_share(share)
    if len(collection) < 2:
        raise InputError('too-few-patients', '%s has %d pictures; a split needs 2.'
                         % (collection.name, len(collection)))
    klass = [-1 if sample.klass is None else sample.klass for sample in collection]
    parts = _shuffle(collection, klass, share, seed, 'pictures')
    train, held = (collection.take(sorted(part)) for part in parts)
    _check_classes(collection, (train, held), 'the split')
    both = len(set(train.patients) & set(held.patients))
    what = ('patients are on both sides (%d of %d)' % (both, len(collection.patients)) if both else
            'drawn by image; no patient happens to be on both sides')
    note = '%s: %s' % (IMAGE_LEVEL, what)
    return train.noted(note), held.noted(note)


def check_leak(*parts: Collection) -> None:
    """Check that no patient is in two parts of a split.

    Raises:
        InputError: ``patient-leak``, naming patients.
    """
    counted = Counter(patient for part in parts for patient in part.patients)
    leaked = sorted(patient for patient, count in counted.items() if count > 1)
    if leaked:
        shown = ', '.join(leaked[:5]) + (' and %d more' % (len(leaked) - 5) if len(leaked) > 5 else '')
        raise InputError('patient-leak', 'Of %d patients %d are in more than one part of the split (%s).'
                         % (len(counted), len(leaked), shown),
                         'Split by patient, or ask for an image-level split.')


def _check_share(share):
    if not 0 < share < 1:
        raise InputError('share-range', 'The training share is %g; it must be between 0 and 1.' % share)


def _check_count(collection, needed, what):
    if needed < 2:
        raise InputError('too-few-folds', 'A cross-validation needs 2 folds or more, not %d.' % needed)
    if len(collection.patients) < needed:
        raise InputError('too-few-patients', '%s has %d patients; %s need at least %d.'
                         % (collection.name, len(collection.patients), what, needed))


def _strata(collection, klass, folds):
    """The class of each sample; too few samples of unknown class join the largest class."""
    for index, name in enumerate(collection.classes):
        owners = {sample.patient for sample in collection if sample.klass == index}
        if 0 < len(owners) < folds:
            raise InputError('fold-without-class', 'Only %d patients of %s are %s, so %d folds cannot each have one.'
                             % (len(owners), collection.name, name, folds),
                             'Use %s folds, or more data.' % ('at most %d' % max(len(owners), 2),))
    return _merged(klass, folds)


def _merged(klass, least):
    """Class numbers, where an unknown class (-1) of fewer than `least` members joins the largest other one."""
    klass = np.array(klass)
    unknown = klass == -1
    if 0 < unknown.sum() < least and not unknown.all():
        klass[unknown] = np.bincount(klass[~unknown]).argmax()
    return klass


def _shuffle(collection, klass, share, seed, unit):
    """Indices of the first and the second part of a stratified draw."""
    klass = _merged(klass, 2)
    for index, name in enumerate(collection.classes):
        if (klass == index).sum() == 1:
            raise InputError('fold-without-class', 'Only one of the %s of %s is %s, so a split cannot have one on '
                             'each side.' % (unit, collection.name, name),
                             'Use more data.')
    count, kinds = len(klass), len(set(klass.tolist()))
    train = min(max(int(round(share * count)), kinds), count - kinds)
    splitter = StratifiedShuffleSplit(1, train_size=train, test_size=count - train, random_state=seed)
    return next(splitter.split(klass, klass))


def _check_parts(collection, pair, what):
    """Check that both parts have samples, every class of the whole, and no patient of the other."""
    check_leak(*pair)
    _check_classes(collection, pair, what)


def _check_classes(collection, pair, what):
    for part, side in zip(pair, ('training', 'held-out')):
        if not len(part):
            raise InputError('too-few-patients', 'The %s part of %s would be empty.' % (side, what),
                             'Use fewer folds or more data.')
        present = {sample.klass for sample in part}
        for index in {sample.klass for sample in collection} - present - {None}:
            raise InputError('fold-without-class', 'The %s part of %s would have no %s.'
                             % (side, what, collection.classes[index]),
                             'Use fewer folds, another seed, or more data.')


# -- splits on disk


def write_split(path: AnyPath, parts: Mapping[str, Collection]) -> None:
    """Write a split, completely or not at all.

    Args:
        path: a JSON file.
        parts: collection by the name of the part, such as ``'training'`` or ``'fold 1'``. Parts of `image_split` are
            written as such; in any other split no patient may be in two.

    Raises:
        InputError: ``patient-leak``.
        StorageError: the disk refuses.
    """
    by_image = any(note.startswith(IMAGE_LEVEL) for part in parts.values() for note in part.notes)
    if not by_image:
        check_leak(*parts.values())
    atomic_write_json(path, {'level': 'image' if by_image else 'patient',
                             'parts': {name: list(part.keys) for name, part in parts.items()}})


def read_split(path: AnyPath, collection: Collection) -> Dict[str, Collection]:
    """The parts of a split that `write_split` or a person wrote.

    Args:
        path: the JSON file: ``level`` ('patient' or 'image') and ``parts``.
        collection: what was split; it may contain more.

    Returns:
        Collection by the name of the part; a split by image has the note that says so.

    Raises:
        InputError: ``split-shape``, ``split-key-twice``, ``key-unknown``, or ``patient-leak`` where a
            split that calls itself by patient is not.
    """
    name = shown_name(path)
    level, lists = _parse(read_bytes(path, _MAX_BYTES), name)
    keys = [key for part in lists.values() for key in part]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError('split-key-twice', '%s has %s twice; a sample belongs to one part.' % (name, twice))
    parts = {part: collection.subset(part_keys) for part, part_keys in lists.items()}
    if level == 'patient':
        check_leak(*parts.values())
        return parts
    note = '%s: read from %s, which was drawn by image' % (IMAGE_LEVEL, name)
    return {part: samples.noted(note) for part, samples in parts.items()}


def _parse(data, name):
    try:
        document = json.loads(data.decode('utf-8-sig'))
        level, parts = document['level'], document['parts']
        valid = level in _LEVELS and parts and all(
            isinstance(keys, list) and all(isinstance(key, str) for key in keys) for keys in parts.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        valid = False
    if not valid:
        raise InputError('split-shape', '%s is not a split: a JSON object with a level (patient or image) and '
                         'parts, each a list of sample keys.' % name)
    return level, parts
