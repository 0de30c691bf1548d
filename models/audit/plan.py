"""Who is held out when: the folds that every input of the audit goes through alike."""
from dataclasses import dataclass

import numpy as np

from models.data import patient_folds
from service.messages import InputError


@dataclass(frozen=True)
class Plan:
    """Repeated folds over the patients of one collection.

    Attributes:
        patients (tuple of str): P patients, sorted.
        classes (numpy.ndarray): bool P, True for the positive class.
        rows (numpy.ndarray): intp N, the patient of each sample.
        folds (numpy.ndarray): intp RxP, the fold in which a repetition holds a patient out.
        names (tuple): (negative, positive) class names.
    """

    patients: tuple
    classes: np.ndarray
    rows: np.ndarray
    folds: np.ndarray
    names: tuple

    @property
    def targets(self):
        """Bool N, True for samples of the positive class."""
        return self.classes[self.rows]

    def parts(self):
        """Every (repetition, train, held): repetition number and bool P masks of the patients."""
        for repetition, folds in enumerate(self.folds):
            for fold in np.unique(folds):
                yield repetition, folds != fold, folds == fold


def make_plan(collection, folds=5, repeats=5, seed=2021, positive=None):
    """Repeated stratified folds by patient.

    Args:
        collection (Collection): samples of known class; those of unknown class must be gone.
        folds (int): 2 or more.
        repeats (int): how many times all patients are dealt into folds anew.
        seed (int): of the first repetition; the others follow it.
        positive (str): name of the class that counts as positive; of two classes the second by default.
    Returns:
        Plan
    Raises:
        InputError: ``one-class``, ``class-unknown``, ``patient-two-classes``, and what `patient_folds` refuses.
    """
    positive = _positive(collection, positive)
    patients = collection.patients
    rows = np.searchsorted(patients, [sample.patient for sample in collection])
    targets = np.array([sample.klass == positive for sample in collection])
    classes = np.zeros(len(patients), bool)
    classes[rows[targets]] = True
    mixed = np.unique(rows[classes[rows] != targets])
    if mixed.size:
        raise InputError('patient-two-classes', 'Patient %s has pictures of both classes (%d patients do); restrict '
                         'the data to one visit with --where.' % (patients[mixed[0]], mixed.size))
    if len(set(classes)) < 2:
        raise InputError('one-class', 'All %d patients of %s are of one class; an audit needs two, such as healthy '
                         'and sick.' % (len(patients), collection.name))
    dealt = np.zeros((repeats, len(patients)), np.intp)
    for repetition in range(repeats):
        for fold, (_, held) in enumerate(patient_folds(collection, folds, seed + repetition)):
            dealt[repetition, np.searchsorted(patients, held.patients)] = fold
    others = '/'.join(name for index, name in enumerate(collection.classes) if index != positive)
    return Plan(patients, classes, rows, dealt, (others, collection.classes[positive]))


def _positive(collection, name):
    """Index of the positive class."""
    classes = collection.classes
    present = sorted({sample.klass for sample in collection} - {None})
    if name is not None:
        if name not in classes:
            raise InputError('class-unknown', '%s has no class %s; it has %s.'
                             % (collection.name, name, ', '.join(classes) or 'none'))
        return classes.index(name)
    if len(present) < 2:
        raise InputError('one-class', '%s has %s; an audit needs pictures of two classes, such as healthy and sick.'
                         % (collection.name, 'pictures of %s only' % classes[present[0]] if present
                            else 'no picture of known class'))
    if len(present) > 2:
        raise InputError('class-unknown', '%s has the classes %s; say with --positive which one is to be told from '
                         'the others.' % (collection.name, ', '.join(classes[index] for index in present)))
    return present[-1]
