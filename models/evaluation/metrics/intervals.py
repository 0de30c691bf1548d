"""Intervals: Wilson's for a proportion, a bootstrap over patients for everything else."""
import numpy as np
from scipy import stats

ROUNDS = 2000


def wilson(successes, n):
    """Wilson's 95 % score interval of a proportion: ``[low, high]``, None where n is 0.

    It needs independent trials: one frame a patient.
    """
    if n == 0:
        return None
    interval = stats.binomtest(int(successes), int(n)).proportion_ci(0.95, method='wilson')
    return [float(interval.low), float(interval.high)]


class PatientBootstrap:
    """Draws patients with replacement; a patient's frames come and go together.

    Args:
        patients (sequence): patient of each frame.
        rounds (int): draws.
        seed (int): of the draws.

    Attributes:
        counts (numpy.ndarray): int RxP, how often each patient was drawn in each round.
        names (list): the P patients, sorted.
    """

    def __init__(self, patients, rounds=ROUNDS, seed=0):
        self.rounds, self.seed = rounds, seed
        self.names, self._index = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        n = len(self.names)
        picks = np.random.default_rng(seed).integers(0, n, (rounds, n)) if n else np.zeros((rounds, 0), int)
        self.counts = np.stack([np.bincount(row, minlength=n) for row in picks]) if n else picks

    @property
    def described(self):
        """The interval in words, as it stands beside a figure."""
        return 'bootstrap over %d patients, %d rounds, seed %d' % (len(self.names), self.rounds, self.seed)

    @property
    def one_frame_each(self):
        """Whether no patient has a second frame, so that frames are independent."""
        return len(self._index) == len(self.names)

    def sums(self, values):
        """Sums over the frames of every draw.

        Args:
            values (numpy.ndarray): Nx..., one entry a frame.

        Returns:
            numpy.ndarray: float64 Rx....
        """
        values = np.asarray(values, np.float64)
        per_patient = np.zeros((len(self.names),) + values.shape[1:])
        np.add.at(per_patient, self._index, values)
        return np.tensordot(self.counts, per_patient, 1)

    def means(self, values):
        """Mean of a number per frame in every draw: float64 R, frames that are NaN left out."""
        values = np.asarray(values, np.float64)
        known = np.isfinite(values)
        with np.errstate(invalid='ignore', divide='ignore'):  # a draw may hold none: its mean is NaN
            return self.sums(np.where(known, values, 0)) / self.sums(known)

    def weights(self):
        """How often each frame counts, round by round: yields int N."""
        for row in self.counts:
            yield row[self._index]


def spread(drawn):
    """The middle 95 % of drawn figures, ``[low, high]``; None where fewer than half could be computed."""
    drawn = np.asarray(drawn, np.float64)
    known = drawn[np.isfinite(drawn)]
    if len(known) == 0 or len(known) < len(drawn) / 2:
        return None
    return [float(end) for end in np.quantile(known, (0.025, 0.975))]


def estimate(value, n, ci95, how):
    """A figure with what belongs to it, as JSON: ``{'value', 'n', 'ci95', 'interval'}``.

    Args:
        value (float): the figure; None or NaN where there is nothing to compute it from.
        n (int): what it was computed from.
        ci95 (list or None): 95 % interval.
        how (str): where the interval comes from.
    """
    known = value is not None and np.isfinite(value)
    return {'value': round(float(value), 4) if known else None, 'n': int(n),
            'ci95': [round(end, 4) for end in ci95] if known and ci95 else None,
            'interval': how if known and ci95 else None}
