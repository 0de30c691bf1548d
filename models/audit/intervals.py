"""AUC of held-out answers, and what it would have been with other patients."""
import numpy as np

#: What stands under every table.
MEANING = ('AUC: share of pairs of a positive and a negative patient, both held out by the same fold, in which the '
           'positive one scores higher; mean over repetitions. In brackets: 95 %% percentile interval of %d bootstrap '
           'draws of the patients, as many of each class; it says how far other patients would move the figure, and '
           'not how far other training would. Cross-validation puts an input without information a little below 0.5 '
           'on average of those tried here, so a weak control is rather under- than overstated.')


class PairTable:
    """Which pairs of a positive and a negative patient an input ranks rightly.

    Only pairs held out by the same fold are compared: two folds come from two fits, whose scores are on
    two scales, and pooling them pushes the AUC of an input without information below 0.5 (A. Airola et
    al., Comput. Stat. Data Anal. 55:1828, 2011).

    Args:
        outcome (Outcome): held-out answers.
    """

    def __init__(self, outcome):
        classes = outcome.plan.classes
        self._won = np.zeros((int(classes.sum()), int((~classes).sum())))
        self._met = np.zeros_like(self._won)
        for scores, folds in zip(outcome.scores, outcome.plan.folds):
            positive, negative = scores[classes][:, None], scores[~classes][None]
            met = folds[classes][:, None] == folds[~classes][None]
            self._won += met * ((positive > negative) + 0.5 * (positive == negative))
            self._met += met

    @property
    def auc(self):
        """0..1."""
        return float(self._won.sum() / self._met.sum())

    def drawn(self, draws, seed):
        """AUC of bootstrap draws; the same seed draws the same patients for every input.

        Args:
            draws (int): how many.
            seed (int): of the draw.
        Returns:
            numpy.ndarray: float64, one a draw.
        """
        rng = np.random.default_rng(seed)
        positive, negative = (_multiplicities(rng, count, draws) for count in self._won.shape)
        met = ((positive @ self._met) * negative).sum(axis=1)
        won = ((positive @ self._won) * negative).sum(axis=1)
        # A draw of so few patients that none of its pairs met says nothing either way.
        return np.where(met > 0, won / np.maximum(met, 1), 0.5)


def interval(values):
    """The middle 95 % of bootstrap values, as two floats."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _multiplicities(rng, count, draws):
    """How often each of `count` patients is drawn: float64 draws x count."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
