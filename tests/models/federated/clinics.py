"""Clinics whose loss is a parabola: everything that a federation does, in microseconds."""
import numpy as np

from models.federated.core import Answers, Plan, Update

#: Where the parabola of every clinic has its lowest point, and how steep it is.
BOTTOMS = {'north': (2.1, 1.0), 'east': (2.0, 2.0), 'south': (2.05, 0.5)}

START = {'w': np.zeros(3, np.float32), 'norm.running_var': np.ones(2, np.float32)}


def plan(**changes):
    settings = dict(recipe='', sites=dict.fromkeys(BOTTOMS, 100), rounds=4, quorum=2, max_change=50.0,
                    statistics=('norm.running_var',))
    return Plan(**dict(settings, **changes))


def descend(site, arrays, mu, number=0, steps=20):
    """Steps down the parabola, with noise of site and round; FedAvg's where `mu` is None."""
    bottom, steep = BOTTOMS[site]
    start, rng = arrays['w'], np.random.default_rng([number, len(site)])
    weights = start.copy()
    for _ in range(steps):
        slope = np.float32(steep) * (weights - np.float32(bottom)) + rng.normal(0, 0.1, 3).astype(np.float32)
        if mu is not None:
            slope = slope + np.float32(mu) * (weights - start)
        weights = weights - np.float32(0.05) * slope
    return dict(arrays, w=weights)


class Parabolas:
    """Answers of all of them.

    Args:
        mu: of the proximal term.
        changed: by clinic, what becomes of its update; one that returns a text is absent for that reason.
        scores: by clinic, its score of weights; higher where its own loss is lower.
        dies: round in which the server is killed.
    """

    def __init__(self, mu=0.0, changed=None, scores=None, dies=None):
        self.mu, self.changed, self.scores, self.dies, self.rounds = mu, changed or {}, scores or {}, dies, []

    def train(self, number, arrays):
        if number == self.dies:
            raise KeyboardInterrupt
        self.rounds.append(number)
        answers = Answers({}, {})
        for site in BOTTOMS:
            update = Update(descend(site, arrays, self.mu, number), {'count': 10 * len(site)})
            update = self.changed.get(site, lambda update: update)(update)
            if isinstance(update, str):
                answers.absent[site] = update
            else:
                answers.updates[site] = update
        return answers

    def score(self, number, arrays):
        return Answers({site: Update({}, {'count': 5, 'score': self._score(site, arrays)}) for site in BOTTOMS}, {})

    def _score(self, site, arrays):
        if site in self.scores:
            return self.scores[site](arrays)
        bottom, steep = BOTTOMS[site]
        return 0.5 + 0.4 / (1 + steep * float(((arrays['w'] - bottom) ** 2).sum()))
