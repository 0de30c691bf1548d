"""How well the finding can be told at all: AUC of observers that know the patterns and the phantoms' natural variation.

    python -m models.finding_bound --bodies 1600 --patterns 1600

Every observer gets both breasts in degrees Celsius, cut at their true places: what no network on a device has. Healthy
pairs are those of ordinary frontal phantoms; the patterns are the simulator's own, each planted into every body once.
Half of bodies and patterns teach the observers, the other half judges them.

- `Gaussian`: the likelihood ratio, averaged over the patterns of a kind, if natural variation were Gaussian with the
  covariance of the healthy pairs and, as mottle is stronger in one body than in another, a scale of its own in each of
  a few bands of detail. That observer would be ideal if it were true; islands and ridges of warm skin are not Gaussian.
- `learned`: a small network as the device has it, trained with another pattern in every step until it knows both.
- `told`: as `Gaussian`, but told the very pattern, its place and its size, and only asked whether it is there.

The ideal observer, who has the true likelihood ratio, does not do worse than the better of the first two. It cannot do
better than one who is told the pattern too. `told` is that one but for the Gaussian model, so that it is an estimate of
the upper limit, not a proof.
"""
import argparse
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from service.chains import Chain, get_chain
from service.simulator import make_phantom

from .architectures.breast_pair import SAMPLES, BreastPair, either
from .training.pairs import Pairs, Patterns, cut_pairs, draw_patterns, plant, train_pairs

#: Seeds of bodies and of patterns, which no recipe's set has.
_FIRST_BODY, _FIRST_PATTERN = 3_000_000, 4_000_000

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
        count, half = len(celsius), SAMPLES // 2
        coarse = celsius.reshape(count, 2, half, 2, half, 2).mean((3, 5)).reshape(count, 2, half * half)
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


def learned(pairs: Pairs, patterns: Patterns, steps: int, seed: int = 0) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Train a head; returns what scores cuts, given the bodies that they are of and their temperatures Bx2xSxS."""
    torch.manual_seed(seed)
    head = train_pairs(_head(), pairs, patterns, steps, seed=seed)

    def score(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.cat([either(head.compare(part)) for part in torch.from_numpy(pictures).split(256)])[:, 0].numpy()

    return score
