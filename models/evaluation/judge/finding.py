"""The finding's figures: how it ranks frames, and what its calls are worth at the shipped threshold."""
import numpy as np

from service.messages import InputError

from ..metrics import ROUNDS, PatientBootstrap, class_figures, roc


def positive_classes(classes, names=()):
    """Which classes the finding ought to call.

    Args:
        classes (tuple of str): the collection's.
        names (sequence of str): as the user gives them; empty means the second of two classes.

    Returns:
        tuple of int: class numbers.

    Raises:
        InputError: ``class-unknown``, ``class-positive`` where the user has to say which, or where a name for
        every class leaves nothing to tell apart.
    """
    known = ', '.join(classes)
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise InputError('class-unknown', 'There is no class %s in this data; it has %s.'
                         % (unknown[0], known or 'none'))
    if not names and len(classes) == 2:
        return (1,)
    if not 0 < len(set(names)) < len(classes):
        raise InputError('class-positive', 'Say with --positive which of the classes %s the finding should call, '
                         'and leave at least one out.' % known)
    return tuple(number for number, name in enumerate(classes) if name in names)


def with_class(outcomes, positive):
    """Frames whose class is known: ``(list of Outcome, bool array of truth)``."""
    known = [outcome for outcome in outcomes if outcome.klass is not None]
    return known, np.array([outcome.klass in positive for outcome in known], bool)


def judge_finding(outcomes, positive, threshold, rounds=ROUNDS, seed=0):
    """Figures of every frame of known class.

    Args:
        outcomes (iterable of Outcome): those of unknown class are left out.
        positive (tuple of int): classes that the finding ought to call.
        threshold (float): the bundle's own.
        rounds, seed (int): of the bootstrap over patients.

    Returns:
        dict: ``n`` frames, ``patients``, ``n_positive``, ``refused`` (frames: ``positive``, ``negative``),
        ``roc`` (over the answered), ``threshold``, ``answered`` and ``all`` (calls at the threshold, as
        `metrics.class_figures`; in ``all`` a refused frame counts as called wrongly). None where no frame
        has a class or the bundle has no finding.
    """
    known, truth = with_class(outcomes, positive)
    answered = np.array([outcome.probability is not None for outcome in known], bool)
    if not answered.any():
        return None
    probabilities = np.array([outcome.probability for outcome in known if outcome.probability is not None])
    patients = np.array([outcome.patient for outcome in known])
    everyone = PatientBootstrap(patients, rounds, seed)
    of_answered = PatientBootstrap(patients[answered], rounds, seed)
    called = ~truth
    called[answered] = probabilities >= threshold
    return {
        'n': len(known), 'patients': len(everyone.names), 'n_positive': int(truth.sum()),
        'refused': {'positive': int((truth & ~answered).sum()), 'negative': int((~truth & ~answered).sum())},
        'roc': roc(truth[answered], probabilities, of_answered),
        'threshold': threshold,
        'answered': class_figures(truth[answered], called[answered], of_answered),
        'all': class_figures(truth, called, everyone),
    }
