"""Splits that keep a patient on one side, and the one that does not and says so.

Made with scikit-learn's splitters; every split is checked for leaks before it is returned.
"""
from collections import Counter

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedShuffleSplit

from service.messages import InputError

#: How the first note of both sides of an image-level split begins.
IMAGE_LEVEL = 'IMAGE-LEVEL SPLIT'


def patient_folds(collection, folds=5, seed=2021):
    """Folds by patient, stratified by class where classes are known.

    Args:
        collection (Collection): what to split.
        folds (int): how many, 2 or more.
        seed (int): of the shuffle.
    Returns:
        list: `folds` pairs (train, held-out) of collections; every sample is held out once.
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


def patient_split(collection, share=0.7, seed=2021):
    """One split by patient, stratified by class where classes are known.

    A patient with pictures of several classes counts as the last of them.

    Args:
        collection (Collection): what to split.
        share (float): of the patients that go to the first part, between 0 and 1.
        seed (int): of the draw.
    Returns:
        tuple: (train, held-out) collections.
    Raises:
        InputError: as `patient_folds`, or ``share-range``.
    """
    _check_share(share)
    _check_count(collection, 2, 'a split')
    klass = {}
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


def image_split(collection, share=0.7, seed=2021):
    """One split by image: pictures of one patient may land on both sides, which flatters every score.

    For comparison with published figures that were made so. Both parts carry a first note that says it.

    Args, Returns, Raises: as `patient_split`, with images for patients.
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


def check_leak(*parts):
    """See that no patient is in two parts.

    Args:
        *parts (Collection): of one split.
    Raises:
        InputError: ``patient-leak``, naming patients.
    """
    counted = Counter(patient for part in parts for patient in part.patients)
    leaked = sorted(patient for patient, count in counted.items() if count > 1)
    if leaked:
        shown = ', '.join(leaked[:5]) + (' and %d more' % (len(leaked) - 5) if len(leaked) > 5 else '')
        raise InputError('patient-leak', 'Of %d patients %d are in more than one part of the split (%s); '
                         'split '
                         'by patient, or ask for an image-level split.' % (len(counted), len(leaked), shown))


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
    """The class of each sample; those of unknown class join the largest one where they are too few."""
    for index, name in enumerate(collection.classes):
        owners = {sample.patient for sample in collection if sample.klass == index}
        if 0 < len(owners) < folds:
            raise InputError('fold-without-class', 'Only %d patients of %s are %s, so %d folds cannot each '
                             'have '
                             'one; use %s folds, or more data.' % (len(owners), collection.name, name, folds,
                                                                   'at most %d' % max(len(owners), 2)))
    return _merged(klass, folds)


def _merged(klass, least):
    """Class numbers with an unknown class (-1) of fewer than `least` members put to the largest other."""
    klass = np.array(klass)
    unknown = klass == -1
    if 0 < unknown.sum() < least and not unknown.all():
        klass[unknown] = np.bincount(klass[~unknown]).argmax()
    return klass


def _shuffle(collection, klass, share, seed, unit):
    """Places of the first and the second part of a stratified draw."""
    klass = _merged(klass, 2)
    for index, name in enumerate(collection.classes):
        if (klass == index).sum() == 1:
            raise InputError('fold-without-class', 'Only one of the %s of %s is %s, so a split cannot have '
                             'one on '
                             'each side; use more data.' % (unit, collection.name, name))
    count, kinds = len(klass), len(set(klass.tolist()))
    train = min(max(int(round(share * count)), kinds), count - kinds)
    splitter = StratifiedShuffleSplit(1, train_size=train, test_size=count - train, random_state=seed)
    return next(splitter.split(klass, klass))


def _check_parts(collection, pair, what):
    """Both parts have samples, every class of the whole, and no patient of the other."""
    check_leak(*pair)
    _check_classes(collection, pair, what)


def _check_classes(collection, pair, what):
    for part, side in zip(pair, ('training', 'held-out')):
        if not len(part):
            raise InputError('too-few-patients', 'The %s part of %s would be empty; use fewer folds or more '
                             'data.' % (side, what))
        present = {sample.klass for sample in part}
        for index in {sample.klass for sample in collection} - present - {None}:
            raise InputError('fold-without-class', 'The %s part of %s would have no %s; use fewer folds, '
                             'another seed, or more data.' % (side, what, collection.classes[index]))
