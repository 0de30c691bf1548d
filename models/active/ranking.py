"""Which frames to label next: far from what is labelled, unlike each other, and hard for the network.

Greedy k-centre over latents (core-set [Sener2018]) with every distance weighted by how unsure the network is: the light
form of [Khanal2023], without a network of its own. A second frame of a patient counts half, a third one a third.
"""
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

#: What decides: both, or one alone.
BOTH, UNSURE, FAR = WAYS = ('both', 'unsure', 'far')

#: The surest frame of a pool weighs its distance with this, the least sure one with 1 more.
_LEAST = 0.5


class Choice(NamedTuple):
    """A frame of the queue.

    Attributes:
        place: in the pool.
        score: what decided, when the frame was chosen; comparable within one queue only.
        distance: from the nearest frame that was labelled or chosen before it, in medians of the pool's distances from
            what is labelled.
    """

    place: int
    score: float
    distance: float


def rank(latents: np.ndarray, unsure: np.ndarray, patients: Sequence[str], labelled: Optional[np.ndarray] = None,
         labelled_patients: Sequence[str] = (), count: Optional[int] = None, way: str = BOTH) -> List[Choice]:
    """Order a pool.

    Where nothing is labelled, the most usual frame (the medoid) stands in for what is, and comes last among equals.

    Args:
        latents: float NxD of the pool.
        unsure: float N, larger where the network is less sure; only its order counts.
        patients: of each.
        labelled: float MxD of frames that have labels.
        labelled_patients: of each.
        count: length of the queue; None for all.
        way: one of `WAYS`.

    Returns:
        The most useful first.
    """
    count = len(latents) if count is None else min(count, len(latents))
    if not count:
        return []
    known = np.zeros((0, latents.shape[1])) if labelled is None else labelled
    pool, known = _scaled(np.asarray(latents, np.float64), np.asarray(known, np.float64))
    nearest = _distances(pool, known if len(known) else pool[[medoid(pool)]]).min(1)
    unit = np.median(nearest[nearest > 0]) if (nearest > 0).any() else 1.0
    weight = _LEAST + shares_below(unsure)
    _, owners = np.unique(np.asarray([*patients, *labelled_patients], str), return_inverse=True)
    seen = np.bincount(owners[len(pool):], minlength=owners.max() + 1)
    owners = owners[:len(pool)]
    free, chosen = np.ones(len(pool), bool), []
    for _ in range(count):
        worth = {BOTH: weight * nearest / unit, UNSURE: weight, FAR: nearest / unit}[way] / (1 + seen[owners])
        place = int(np.where(free, worth, -1).argmax())
        chosen.append(Choice(place, float(worth[place]), float(nearest[place] / unit)))
        free[place] = False
        seen[owners[place]] += 1
        nearest = np.minimum(nearest, _distances(pool, pool[[place]])[:, 0])
    return chosen


def shares_below(values: np.ndarray) -> np.ndarray:
    """Share of the other values that each is above, 0..1; equal ones count half, and a value alone has 0.5."""
    values = np.asarray(values, np.float64)
    if len(values) == 1:
        return np.full(1, 0.5)
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, 'left') + np.searchsorted(ordered, values, 'right') - 1
    return below / (2.0 * (len(values) - 1))


def medoid(points: np.ndarray) -> int:
    """Index of the point whose mean distance from all others is the least."""
    return int(_distances(points, points).mean(1).argmin())


def _scaled(pool, known):
    """Both with every latent at mean 0 and standard deviation 1 over all frames; those that never vary are 0."""
    everything = np.concatenate([pool, known])
    spread = everything.std(0)
    spread[spread < 1e-9] = np.inf
    return (pool - everything.mean(0)) / spread, (known - everything.mean(0)) / spread


def _distances(points, others):
    """Euclidean, NxM; without the rounding that would keep equal points apart."""
    squares = (points ** 2).sum(1)[:, None] + (others ** 2).sum(1)[None] - 2 * points @ others.T
    return np.sqrt(np.where(squares < 1e-9 * points.shape[1], 0, squares))
