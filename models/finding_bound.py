"""How well the finding can be told at all: AUC of observers that know the patterns and the phantoms' natural variation.

    python -m models.finding_bound --bodies 1600 --patterns 1600

Every observer gets both breasts in degrees Celsius, cut at their true places: what no network on a device has. Healthy
pairs are those of ordinary frontal phantoms; the patterns are the simulator's own, each planted into every body once.
Half of bodies and patterns teach the observers, the other half judges them.

- `Gaussian`: the likelihood ratio, averaged over the patterns of a kind, if natural variation were Gaussian with the
  covariance of the healthy pairs and, as mottle is stronger in one body than in another, a scale of its own in each of
  a few bands of detail. That observer would be ideal if it were true; islands and ridges of warm skin are not Gaussian.
- `learned`: a small network as the device has it, trained with another pattern in every step. It is not told the kind.
- `both`: the mean of the learned and the Gaussian logarithm of the ratio, for patterns of every kind as they are drawn.
- `told`: as `Gaussian`, but told the very pattern, its place and its size, and only asked whether it is there.

The ideal observer, who has the true likelihood ratio, does no worse than the best of the first three: that is the bound
as far as it is known, and the true one may be higher. It cannot be above that of an ideal observer who is told the
pattern; `told` is that one but for its Gaussian model, so that it is an estimate of the upper limit, not a proof.
"""
import argparse
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from service.chains import get_chain
from service.simulator import make_phantom

from .architectures.breast_pair import SAMPLES, BreastPair, either
from .training.pairs import Pairs, Patterns, cut_pairs, draw_patterns, plant, train_pairs

#: Seeds of bodies and of patterns, which no recipe's set has.
_FIRST_BODY, _FIRST_PATTERN = 3_000_000, 4_000_000

#: Values of a breast each way for the Gaussian observers, 12 mm apart: of more, few bodies say too little.
COARSE = 16

#: Bands of detail with a scale of their own, and how many values of a band the usual scale counts for.
_BANDS, _PRIOR = 4, 10.0

#: Least variance of a direction, square degrees: noise, and what few bodies say of it.
_LEAST = 3e-3


class Group(NamedTuple):
    """A row of the table: patterns of one kind, with a peak and a full width between two limits."""

    name: str
    kind: str
    peak_c: Tuple[float, float] = (0.0, 99.0)
    size_mm: Tuple[float, float] = (0.0, 999.0)

    def chosen(self, patterns: Patterns) -> np.ndarray:
        """Which patterns are of this group: bool M."""
        low, high = self.peak_c
        small, large = self.size_mm
        return ((patterns.kinds == self.kind) & (patterns.peaks_c >= low) & (patterns.peaks_c < high)
                & (patterns.sizes_mm >= small) & (patterns.sizes_mm < large))


GROUPS = (
    Group("a tumour's own heat", 'tumour only'),
    Group('a single warm patch', 'focal'),
    Group('a single warm patch below 1.5 °C', 'focal', (0.0, 1.5)),
    Group('a single warm patch of 1.5 °C or more', 'focal', (1.5, 99.0)),
    Group('the same, below 35 mm', 'focal', (1.5, 99.0), (0.0, 35.0)),
    Group('the same, 35 mm or more', 'focal', (1.5, 99.0), (35.0, 999.0)),
    Group('one breast warmer', 'diffuse'),
    Group('warm veins', 'vascular'),
    Group('a warm patch with veins', 'focal+vascular'),
    Group('one breast warmer, with warm veins', 'diffuse+vascular'),
)


class Whitened:
    """Sum and mirrored difference of both breasts, in directions of equal natural variance.

    Args:
        celsius: float32 Nx2xSxS of healthy bodies.
    """

    def __init__(self, celsius: np.ndarray) -> None:
        both = self._both(celsius)
        self._mean = np.stack([both[0].mean(0), np.zeros_like(both[0][0])])
        self._directions = [self._root(part - mean) for part, mean in zip(both, self._mean)]
        count = both.shape[2]
        edges = np.round(np.geomspace(1, count + 1, _BANDS + 1)).astype(int) - 1
        self.bands = [np.arange(low, high) + start for start in (0, count) for low, high in zip(edges[:-1], edges[1:])]

    def __call__(self, celsius: np.ndarray, heat: bool = False) -> np.ndarray:
        """Bodies, or the heat of patterns, Nx2xSxS: NxD."""
        both = self._both(celsius)
        return np.concatenate([(part if heat else part - mean) @ directions
                               for part, mean, directions in zip(both, self._mean, self._directions)], 1)

    @staticmethod
    def _both(celsius: np.ndarray) -> np.ndarray:
        count, part = len(celsius), SAMPLES // COARSE
        coarse = celsius.reshape(count, 2, COARSE, part, COARSE, part).mean((3, 5)).reshape(count, 2, COARSE * COARSE)
        return np.stack([coarse[:, 0] + coarse[:, 1], coarse[:, 0] - coarse[:, 1]]) / np.sqrt(2)

    @staticmethod
    def _root(values: np.ndarray) -> np.ndarray:
        variances, directions = np.linalg.eigh(values.T @ values / len(values))
        return (directions / np.sqrt(np.maximum(variances, _LEAST)))[:, ::-1]

    def ratio(self, body: np.ndarray, heat: np.ndarray) -> np.ndarray:
        """Logarithm of the likelihood ratio of bodies BxD with against without each pattern MxD: BxM."""
        total = np.zeros((len(body), len(heat)))
        for band in self.bands:
            own, pattern = body[:, band], heat[:, band]
            gain = (pattern ** 2).sum(1) - 2 * own @ pattern.T
            total -= 0.5 * (_PRIOR + len(band)) * np.log1p(gain / (_PRIOR + (own ** 2).sum(1)[:, None]))
        return total


def gaussian(whitened: Whitened, body: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Score of bodies BxD: the likelihood ratio averaged over patterns MxD."""
    ratio = whitened.ratio(body, heat)
    most = ratio.max(1)
    return most + np.log(np.exp(ratio - most[:, None]).mean(1))


def learned(pairs: Pairs, patterns: Patterns, steps: int) -> Callable[[np.ndarray], np.ndarray]:
    """Train a head to tell every kind; returns what scores pictures Bx2xSxS as `Pairs.pictures` gives them."""
    torch.manual_seed(0)
    head = train_pairs(BreastPair(), pairs, patterns, steps)

    def score(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            parts = [either(head.compare(part)) for part in torch.from_numpy(pictures).split(256)]
        return torch.cat(parts)[:, 0].numpy()

    return score


def area(healthy: np.ndarray, planted: np.ndarray) -> float:
    """AUC of scores of bodies without and with a pattern."""
    ordered = np.sort(healthy)
    below = np.searchsorted(ordered, planted, 'left') + np.searchsorted(ordered, planted, 'right')
    return float(below.mean() / (2 * len(ordered)))


def interval(healthy: np.ndarray, planted: np.ndarray, rounds: int = 500) -> Tuple[float, float]:
    """95 % interval of the AUC over bodies, of which each has both scores."""
    rng = np.random.default_rng(0)
    drawn = [area(healthy[body], planted[body]) for body in rng.integers(len(healthy), size=(rounds, len(healthy)))]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def bound(bodies: int, patterns: int, steps: int, groups: Sequence[Group] = GROUPS, height: int = 120,
          width: int = 160) -> List[Dict[str, Any]]:
    """Judge every observer.

    Args:
        bodies, patterns: how many are drawn; every second one teaches.
        steps: of the learned observers' training.
        groups: rows.
        height, width: of the phantoms.

    Returns:
        A row per group with a pattern: ``name``, ``patterns`` (how many judge) and per observer ``(auc, low, high)``.
    """
    head = BreastPair()
    chain = get_chain('plateau-1', {'height': height, 'width': width})
    phantoms = [make_phantom(seed, height, width, False) for seed in range(_FIRST_BODY, _FIRST_BODY + bodies)]
    pairs = cut_pairs([(phantom.celsius, phantom.labels) for phantom in phantoms], head, chain)
    drawn = draw_patterns(head, _FIRST_PATTERN, patterns, height, width)
    teaching, judging = ((Pairs(pairs.celsius[first::2], np.asarray(pairs.tables)[first::2]),
                          Patterns(*(field[first::2] for field in drawn))) for first in (0, 1))
    warm = Pairs(teaching[0].celsius), Pairs(judging[0].celsius)
    networks = {'learned': (learned(warm[0], teaching[1], steps), warm[1]),
                'learned, plateau-1': (learned(*teaching, steps), judging[0])}
    whitened = Whitened(teaching[0].celsius)
    rng = np.random.default_rng(0)
    body = np.arange(len(judging[0].celsius))
    healthy = whitened(judging[0].celsius)
    heat_of_any = whitened(_either_side(teaching[1].celsius), heat=True)
    rows = []
    for group in groups:
        own = np.flatnonzero(group.chosen(judging[1]))
        if not (len(own) and group.chosen(teaching[1]).any()):
            continue
        pattern, side = rng.choice(own, len(body)), rng.integers(2, size=len(body))
        planted = plant(judging[0], judging[1], body, pattern, side)
        scores = {name: (network(seen.pictures(body, seen.celsius)), network(seen.pictures(body, planted)))
                  for name, (network, seen) in networks.items()}
        heat = whitened(_either_side(teaching[1].celsius[group.chosen(teaching[1])]), heat=True)
        changed = whitened(planted)
        scores['Gaussian'] = gaussian(whitened, healthy, heat), gaussian(whitened, changed, heat)
        scores['both'] = (0.5 * (scores['learned'][0] + gaussian(whitened, healthy, heat_of_any)),
                          0.5 * (scores['learned'][1] + gaussian(whitened, changed, heat_of_any)))
        true = changed - healthy
        scores['told'] = whitened.ratio(healthy, true).diagonal(), whitened.ratio(changed, true).diagonal()
        rows.append({'name': group.name, 'patterns': len(own),
                     **{name: (area(*pair), *interval(*pair)) for name, pair in scores.items()}})
    return rows


def _either_side(heat: np.ndarray) -> np.ndarray:
    """Patterns MxSxS in the right and in the left breast: 2Mx2xSxS."""
    none = np.zeros_like(heat)
    return np.concatenate([np.stack([heat, none], 1), np.stack([none, heat], 1)])


def markdown(rows: Sequence[Dict[str, Any]]) -> str:
    """The rows as a Markdown table, in which a bound is the best of those who are not told."""
    names = 'learned', 'Gaussian', 'both', 'told', 'learned, plateau-1'
    lines = ['| planted pattern | bound | %s |' % ' | '.join(names), '|' + ' --- |' * (2 + len(names))]
    for row in rows:
        best = max(row[name][0] for name in names[:3])
        cells = ['%.2f (%.2f to %.2f)' % row[name] for name in names]
        lines.append('| %s | %.2f | %s |' % (row['name'], best, ' | '.join(cells)))
    return '\n'.join(lines)


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Draw, teach, judge and print the table."""
    parser = argparse.ArgumentParser(prog='python -m models.finding_bound', description=__doc__.split('\n')[0])
    parser.add_argument('--bodies', type=int, default=1600)
    parser.add_argument('--patterns', type=int, default=1600)
    parser.add_argument('--steps', type=int, default=3000)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(markdown(bound(given.bodies, given.patterns, given.steps)))


if __name__ == '__main__':
    main()
