"""Figures of yes-or-no calls and probabilities, each with its n and its 95 % interval, on plain arrays.

Every bootstrap of this half is here, and so is every interval; thresholds at a given sensitivity or specificity come
from `calibration.thresholds`, which the device half shares. Seeds and the order of the draws are part of published
figures (docs/figures.md).
"""
import math
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from scipy.stats import chi2
from sklearn import metrics

from calibration.thresholds import wilson

#: Bootstrap draws.
ROUNDS = 2000

#: False-positive rates at which the band of a ROC curve is stated.
_RATES = np.linspace(0, 1, 101)

#: Standard deviations on either side of the mean that hold 95 % of normally distributed differences.
_Z95 = 1.959964

#: Within-subject standard deviations that two measurements of one patient differ by, in at most 5 % of cases.
_REPEATED = _Z95 * math.sqrt(2)


def percentile_interval(drawn: np.ndarray) -> Optional[List[float]]:
    """The middle 95 % of drawn figures, ``[low, high]``; None where fewer than half of them exist."""
    values = np.asarray(drawn, np.float64)
    finite = values[np.isfinite(values)]
    if len(finite) == 0 or len(finite) < len(values) / 2:
        return None
    return [float(end) for end in np.quantile(finite, (0.025, 0.975))]


def estimate(value: Optional[float], n: int, ci95: Optional[Sequence[float]], method: str) -> Dict[str, Any]:
    """A figure with its n and interval, as JSON: ``{'value', 'n', 'ci95', 'interval'}``.

    Args:
        value: None or NaN where there is nothing to compute it from.
        n: what it was computed from.
        ci95: 95 % interval, low and high.
        method: how the interval was computed, in words.
    """
    if value is None or not np.isfinite(value):
        return {'value': None, 'n': int(n), 'ci95': None, 'interval': None}
    return {'value': round(float(value), 4), 'n': int(n), 'ci95': [round(end, 4) for end in ci95] if ci95 else None,
            'interval': method if ci95 else None}


class PatientBootstrap:
    """Draws patients with replacement; all frames of a patient come and go together.

    Args:
        patients: patient of each frame.
        rounds: draws.
        seed: of the draws.
    Attributes:
        counts (numpy.ndarray): int RxP, how often each patient was drawn in each round.
        names (numpy.ndarray): the P patients, sorted.
    """

    def __init__(self, patients: Union[Sequence[Any], np.ndarray], rounds: int = ROUNDS, seed: int = 0) -> None:
        self.rounds, self.seed = rounds, seed
        self.names, self._index = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        n = len(self.names)
        picks = np.random.default_rng(seed).integers(0, n, (rounds, n)) if n else np.zeros((rounds, 0), int)
        self.counts = np.stack([np.bincount(row, minlength=n) for row in picks]) if n else picks

    @property
    def described(self) -> str:
        """The method in words, to stand beside an interval."""
        return 'bootstrap over %d patients, %d rounds, seed %d' % (len(self.names), self.rounds, self.seed)

    @property
    def one_frame_each(self) -> bool:
        """Whether no patient has a second frame, so that frames are independent."""
        return len(self._index) == len(self.names)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the frames of every draw: float64 Rx... of Nx..., one entry a frame."""
        values = np.asarray(values, np.float64)
        per_patient = np.zeros((len(self.names),) + values.shape[1:])
        np.add.at(per_patient, self._index, values)
        return np.tensordot(self.counts, per_patient, 1)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Mean of a number per frame in every draw: float64 R; frames that are NaN are left out."""
        values = np.asarray(values, np.float64)
        finite = np.isfinite(values)
        return _ratio(self.sums(np.where(finite, values, 0)), self.sums(finite))  # NaN where a draw has none

    def weights(self) -> Iterator[np.ndarray]:
        """How often each frame counts, round by round: int N."""
        for row in self.counts:
            yield row[self._index]

    def estimate(self, value: Optional[float], n: int, drawn: np.ndarray) -> Dict[str, Any]:
        """A figure with the interval of its bootstrap draws (float R)."""
        return estimate(value, n, percentile_interval(drawn), self.described)

    def mean(self, values: np.ndarray) -> Dict[str, Any]:
        """Mean of a number per frame (float N), frames that are NaN left out, as an estimate."""
        finite = np.isfinite(values)
        return self.estimate(values[finite].mean() if finite.any() else None, finite.sum(), self.means(values))

    def proportion(self, hits: np.ndarray, among: np.ndarray) -> Dict[str, Any]:
        """Share of the frames `among` (bool N) that are `hits` (bool N), as an estimate.

        Its interval is Wilson's [Wilson1927] where each patient has one frame, and the bootstrap's where frames are
        not independent. Where all frames are hits, or none is, every draw of a bootstrap says the same; then it is
        Wilson's with the number of patients.
        """
        part, whole = int((hits & among).sum()), int(among.sum())
        if self.one_frame_each:
            return estimate(_ratio(part, whole), whole, wilson(part, whole) if whole else None, 'Wilson')
        if whole and part in (0, whole):
            patients = len(np.unique(self._index[among]))
            return estimate(part // whole, whole, wilson(patients if part else 0, patients), 'Wilson over patients')
        return self.estimate(_ratio(part, whole), whole, self.means(np.where(among, hits, np.nan)))


class FoldwiseAuc:
    """AUC of held-out scores, and its bootstrap over patients.

    Only pairs of patients that the same fold held out are compared. Two folds come from two fits whose scores are on
    two scales; pooling them pushes the AUC of an input without information below 0.5 [Airola2011].

    Args:
        scores: float RxP, held-out score of each patient in each repetition.
        classes: bool P, True for the positive class.
        folds: int RxP, the fold that held each patient out.
    """

    def __init__(self, scores: np.ndarray, classes: np.ndarray, folds: np.ndarray) -> None:
        self._won = np.zeros((int(classes.sum()), int((~classes).sum())))
        self._met = np.zeros_like(self._won)
        for row, fold in zip(scores, folds):
            positive, negative = row[classes][:, None], row[~classes][None]
            met = fold[classes][:, None] == fold[~classes][None]
            self._won += met * ((positive > negative) + 0.5 * (positive == negative))
            self._met += met

    @property
    def auc(self) -> float:
        """Share of the compared pairs in which the positive patient scores higher, mean over repetitions."""
        return float(self._won.sum() / self._met.sum())

    def drawn(self, draws: int, seed: int) -> np.ndarray:
        """AUC of bootstrap draws: float64, as many of each class in every draw.

        The same seed draws the same patients for every input, so that two inputs can be compared in pairs.
        """
        rng = np.random.default_rng(seed)
        positive, negative = (rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
                              for count in self._won.shape)
        met = ((positive @ self._met) * negative).sum(axis=1)
        won = ((positive @ self._won) * negative).sum(axis=1)
        # A draw of so few patients that none of its pairs met says nothing either way.
        return np.where(met > 0, won / np.maximum(met, 1), 0.5)


def specificity_quantile(negative: np.ndarray, specificity: float) -> float:
    """The interpolated quantile of scores without the finding; NaN are left out.

    Published thresholds and audits were set this way. It may miss the specificity by a part of a frame;
    `calibration.thresholds.at_specificity` reaches it by count.
    """
    return float(np.nanquantile(negative, specificity))


def confusion_matrix(truth: np.ndarray, called: np.ndarray, classes: int = 2) -> np.ndarray:
    """Frames by class: int KxK, row = true class, column = called class."""
    return metrics.confusion_matrix(truth, called, labels=range(classes))


def class_figures(truth: np.ndarray, called: np.ndarray, bootstrap: PatientBootstrap) -> Dict[str, Any]:
    """Sensitivity (recall), specificity, precision, F1 and accuracy of yes-or-no calls.

    Args:
        truth, called: bool N.
        bootstrap: over the patients of these N frames.
    Returns:
        ``confusion`` (2x2 list, row = truth, column = call) and one estimate per figure. Accuracy comes last because
        it says the least.
    """
    truth, called = np.asarray(truth, bool), np.asarray(called, bool)
    hits = truth & called

    def f1(both: Any, calls: Any, positives: Any) -> Any:
        return _ratio(2 * both, calls + positives)

    drawn = bootstrap.sums(np.stack([hits, called, truth], 1)).T
    return {
        'confusion': confusion_matrix(truth, called).tolist(),
        'sensitivity': bootstrap.proportion(hits, truth),
        'specificity': bootstrap.proportion(~called, ~truth),
        'precision': bootstrap.proportion(truth, called),
        'f1': bootstrap.estimate(f1(hits.sum(), called.sum(), truth.sum()), len(truth), f1(*drawn)),
        'accuracy': bootstrap.proportion(truth == called, np.ones(len(truth), bool)),
    }


def roc(truth: np.ndarray, probabilities: np.ndarray, bootstrap: PatientBootstrap) -> Dict[str, Any]:
    """ROC curve with a 95 % band, and AUC with its interval.

    Args:
        truth: bool N.
        probabilities: float N.
        bootstrap: over the patients of these N frames.
    Returns:
        ``auc`` (an estimate); ``n_positive``, ``n_negative``; ``false_positive_rate``, ``sensitivity`` and
        ``thresholds`` of the corners of the curve; ``band``: ``false_positive_rate`` (101 values), ``low`` and ``high``
        sensitivity. Where only one class occurs the AUC has no value and the rest is empty.
    """
    truth, probabilities = np.asarray(truth, bool), np.asarray(probabilities, np.float64)
    counts = {'n_positive': int(truth.sum()), 'n_negative': int((~truth).sum())}
    if not (counts['n_positive'] and counts['n_negative']):
        return dict(counts, auc=estimate(None, len(truth), None, ''), false_positive_rate=[], sensitivity=[],
                    thresholds=[], band=None)
    false_positive, sensitivity, thresholds = metrics.roc_curve(truth, probabilities)
    areas, curves = _drawn_curves(truth, probabilities, bootstrap)
    band = None
    if curves:
        low, high = np.quantile(curves, (0.025, 0.975), axis=0)
        band = {'false_positive_rate': rounded(_RATES), 'low': rounded(low), 'high': rounded(high)}
    return dict(counts, auc=bootstrap.estimate(metrics.roc_auc_score(truth, probabilities), len(truth), areas),
                false_positive_rate=rounded(false_positive), sensitivity=rounded(sensitivity),
                thresholds=rounded(np.minimum(thresholds, 1)), band=band)  # the first corner lies at infinity


def bland_altman(predicted: np.ndarray, truth: np.ndarray) -> Dict[str, Any]:
    """Bias and limits of agreement of two measurements of the same frames [Bland1986].

    Args:
        predicted, truth: float N, such as the share of the picture that a region takes.
    Returns:
        ``n``; ``bias``, the mean of predicted minus truth; ``sd`` of that difference (n - 1); ``limits``, between which
        95 % of the differences are expected. None where n is too small: a bias needs one frame, a spread two.
    """
    differences = np.asarray(predicted, np.float64) - np.asarray(truth, np.float64)
    n = len(differences)
    bias = float(differences.mean()) if n else None
    if bias is None or n == 1:
        return {'n': n, 'bias': bias, 'sd': None, 'limits': None}
    sd = float(differences.std(ddof=1))
    return {'n': n, 'bias': bias, 'sd': sd, 'limits': [bias - _Z95 * sd, bias + _Z95 * sd]}


def repeatability(groups: Sequence[Sequence[float]], bootstrap: PatientBootstrap) -> Dict[str, Any]:
    """How far one measurement of a patient scatters when it is taken again.

    The within-subject standard deviation is the root of the mean within-subject variance of a one-way analysis of
    variance; two measurements of one patient differ by less than 1.96 sqrt(2) of it in 95 % of cases, which is the
    repeatability coefficient [Bland1996] and the smallest change that is more than repetition. ICC(1,1) is the share of
    the variance that lies between patients [Shrout1979]. With few patients the percentiles of a bootstrap are a little
    too close to each other, so that the upper end for normally distributed values is given beside them.

    Args:
        groups: measurements of one patient each, two or more, in the order in which they were taken.
        bootstrap: over the patients of these groups.
    Returns:
        ``patients``, ``n`` (measurements); estimates ``sd``, ``coefficient``, ``icc`` and ``change`` (last minus first,
        mean), and ``coefficient_upper``, the upper end of the 95 % interval by the chi-squared distribution. Without
        groups none has a value.
    """
    counts = np.array([len(group) for group in groups], np.float64)
    n = int(counts.sum())
    means = np.array([np.mean(group) for group in groups], np.float64)
    squares = np.array([np.sum((np.asarray(group) - mean) ** 2) for group, mean in zip(groups, means)], np.float64)
    means_apart = means - (means.mean() if n else 0)  # an offset of all would only cost digits
    parts = np.stack([squares, counts - 1, np.ones_like(counts), counts, counts ** 2, counts * means_apart,
                      counts * means_apart ** 2], 1)
    (sd, icc), (sds, iccs) = _spreads(parts.sum(0)), _spreads(bootstrap.sums(parts))
    free = int(n - len(groups))
    upper = _REPEATED * float(sd) * math.sqrt(free / chi2.ppf(0.025, free)) if free else None
    changes = np.array([group[-1] - group[0] for group in groups], np.float64)
    return {'patients': len(bootstrap.names), 'n': n, 'sd': bootstrap.estimate(sd, n, sds),
            'coefficient': bootstrap.estimate(_REPEATED * sd, n, _REPEATED * sds),
            'coefficient_upper': upper and round(upper, 4), 'icc': bootstrap.estimate(icc, n, iccs),
            'change': bootstrap.mean(changes)}


def wilson_n(share: float, half_width: float) -> int:
    """Patients that give a proportion a Wilson interval [Wilson1927] of at most this half width."""
    return next(n for n in range(1, 1 << 20) if np.ptp(wilson(round(share * n), n)) <= 2 * half_width)


def spread_n(share: float, repeats: int = 2) -> int:
    """Patients, each measured `repeats` times, that give their standard deviation within this share of itself.

    The standard error of a standard deviation s on f degrees of freedom is s / sqrt(2 f) [Bland2010].
    """
    return math.ceil(_Z95 ** 2 / (2 * (repeats - 1) * share ** 2))


def auc_n(auc: float, half_width: float) -> int:
    """Patients of each of two classes that give an AUC an interval of at most this half width [Hanley1982]."""
    of_positive, of_negative = auc / (2 - auc) - auc ** 2, 2 * auc ** 2 / (1 + auc) - auc ** 2

    def half(n: int) -> float:
        return _Z95 * math.sqrt((auc * (1 - auc) + (n - 1) * (of_positive + of_negative)) / n ** 2)

    return next(n for n in range(2, 1 << 20) if half(n) <= half_width)


def rounded(values: np.ndarray) -> List[float]:
    """Values to four decimals, as JSON."""
    return np.round(np.asarray(values, np.float64), 4).tolist()


def _drawn_curves(truth: np.ndarray, probabilities: np.ndarray,
                  bootstrap: PatientBootstrap) -> Tuple[np.ndarray, List[np.ndarray]]:
    """(AUC per round, NaN where a draw has one class only; sensitivity at `_RATES` of the other rounds).

    As `sklearn.metrics.roc_curve` with weights, which sorts and checks the same frames again for every round.
    """
    order = np.argsort(-probabilities, kind='stable')
    truth = truth[order]
    corners = np.append(np.flatnonzero(np.diff(probabilities[order])), len(order) - 1)
    areas, curves = [], []
    for weights in bootstrap.weights():
        drawn = weights[order]
        called = [np.append(0, np.cumsum(drawn * one)[corners]) for one in (~truth, truth)]
        if not (called[0][-1] and called[1][-1]):
            areas.append(np.nan)
            continue
        false_positive, sensitivity = (counts / counts[-1] for counts in called)
        areas.append(np.diff(false_positive).dot(sensitivity[1:] + sensitivity[:-1]) / 2)
        curves.append(np.interp(_RATES, false_positive, sensitivity))
    return np.array(areas), curves


def _ratio(part: Any, whole: Any) -> Any:
    with np.errstate(invalid='ignore', divide='ignore'):  # nothing called, or none there: no figure
        return np.float64(part) / np.float64(whole)


def _spreads(parts: np.ndarray) -> Tuple[Any, Any]:
    """Within-subject standard deviation and ICC from the sums over groups that `repeatability` makes: float ...x7."""
    squares, free, groups, count, count_squares, means, mean_squares = np.moveaxis(parts, -1, 0)
    within = _ratio(squares, free)
    between = _ratio(mean_squares - _ratio(means ** 2, count), groups - 1)
    size = _ratio(count - _ratio(count_squares, count), groups - 1)
    patients = _ratio(between - within, size)
    return np.sqrt(within), _ratio(patients, patients + within)
