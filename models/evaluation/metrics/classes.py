"""Figures of calls against the truth, from one confusion matrix."""
import numpy as np
from sklearn import metrics

from .intervals import estimate, spread, wilson

#: Name to (numerator, denominator) of a proportion, as functions of the four counts.
_PROPORTIONS = {
    'sensitivity': lambda tn, fp, fn, tp: (tp, tp + fn),
    'specificity': lambda tn, fp, fn, tp: (tn, tn + fp),
    'precision': lambda tn, fp, fn, tp: (tp, tp + fp),
    'accuracy': lambda tn, fp, fn, tp: (tp + tn, tn + fp + fn + tp),
}


def confusion_matrix(truth, called, classes=2):
    """Frames by class: int KxK, row = true class, column = called class."""
    return metrics.confusion_matrix(truth, called, labels=range(classes))


def class_figures(truth, called, bootstrap):
    """Sensitivity (recall), specificity, precision, F1 and accuracy of yes-or-no calls.

    Args:
        truth, called (numpy.ndarray): bool N.
        bootstrap (PatientBootstrap): over the patients of these N frames. Proportions get Wilson's interval
            where each patient has one frame, and the bootstrap's where frames are not independent.

    Returns:
        dict: ``confusion`` (2x2 list, row = truth, column = call) and one estimate per figure; accuracy is
        last because it says the least.
    """
    truth, called = np.asarray(truth, bool), np.asarray(called, bool)
    table = confusion_matrix(truth, called)
    drawn = bootstrap.sums(_indicators(truth, called))
    figures = {'confusion': table.tolist()}
    counts = table.ravel()
    for name, proportion in _PROPORTIONS.items():
        part, whole = proportion(*counts)
        if bootstrap.one_frame_each:
            ci95, how = wilson(part, whole), 'Wilson'
        else:
            ci95, how = spread(_divided(*proportion(*drawn.T))), bootstrap.described
        figures[name] = estimate(_divided(part, whole), whole, ci95, how)
        if name == 'precision':
            figures['f1'] = estimate(_f1(*counts), len(truth), spread(_f1(*drawn.T)), bootstrap.described)
    return figures


def _indicators(truth, called):
    """Which of tn, fp, fn, tp a frame is: int Nx4."""
    return np.stack([~truth & ~called, ~truth & called, truth & ~called, truth & called], 1).astype(int)


def _f1(tn, fp, fn, tp):
    return _divided(2 * tp, 2 * tp + fp + fn)


def _divided(part, whole):
    with np.errstate(invalid='ignore', divide='ignore'):  # nothing called, or none there: no figure
        return np.float64(part) / np.float64(whole)
