"""Which frames to label next: in some respect far from what is labelled, and unlike each other.

Greedy k-centre (core-set [Sener2018]), on demand with every distance weighted by how unsure the network is: the light
form of [Khanal2023], without a network of its own. A distance is that of the group of descriptors in which it is the
largest beside those of the other frames, so that a frame that is odd in one group is not drowned by the others.

Or typical ones first, as few labels suit [Hacohen2022]: the pool falls into clusters, and the frame nearest to the
centre of a large one that has no label stands for it. A second frame of a patient counts half, a third one a third.
"""
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf
from sklearn.impute import SimpleImputer
from sklearn.metrics import pairwise_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

#: What decides. The first three look for odd frames, and distance alone finds most of them (docs/figures.md).
FAR, UNSURE, BOTH, TYPICAL = WAYS = ('distance', 'uncertainty', 'both', 'typical')
FOR_ODD = (FAR, UNSURE, BOTH)

#: Numbers of a frame by group of descriptors.
Groups = Mapping[str, np.ndarray]

#: The surest frame of a pool weighs its distance with this, the least sure one with 1 more.
_LEAST = 0.5

#: The unit of a group's distances is what this share of the pool stays below.
_USUAL = 0.9

#: Clusters of a pool, at most: more take minutes.
_CLUSTERS = 500

#: Robust standard deviations beyond which one number says no more.
_FARTHEST = 12.0


class Choice(NamedTuple):
    """A frame of the queue.

    Attributes:
        place: in the pool.
        score: what decided, when the frame was chosen; comparable within one queue only.
        distance: from the nearest frame that was labelled or chosen before it, by the group in which it is the largest;
            nine in ten frames of the pool are nearer than 1 to what is labelled.
        group: that group.
        stands_for: other frames of the pool in its cluster; None where odd frames come first.
    """

    place: int
    score: float
    distance: float
    group: str
    stands_for: Optional[int] = None


def rank(pool: Sequence[Groups], unsure: np.ndarray, patients: Sequence[str], labelled: Sequence[Groups] = (),
         labelled_patients: Sequence[str] = (), count: Optional[int] = None, way: str = FAR) -> List[Choice]:
    """Order a pool.

    Where nothing is labelled, the mean of the pool stands in for what is.

    Args:
        pool: descriptors of each frame, of the same groups and lengths; NaN where there is nothing to measure.
        unsure: float N, larger where the network is less sure; only its order counts.
        patients: of each.
        labelled: of frames that have labels.
        labelled_patients: of each.
        count: length of the queue; None for all.
        way: one of `WAYS`.

    Returns:
        The most useful first.
    """
    count = len(pool) if count is None else min(count, len(pool))
    if not count:
        return []
    names = list(pool[0])
    values = [_scaled(np.array([frame[name] for frame in [*pool, *labelled]])) for name in names]
    points = [_whitened(own) for own in values]
    nearest = np.array([pairwise_distances(own[:len(pool)], own[len(pool):] if labelled else np.zeros_like(own[:1]))
                        .min(1) for own in points])
    units = np.quantile(nearest, _USUAL, axis=1)
    units[units < 1e-6] = 1
    weight = _LEAST + shares_below(unsure)
    claims, like = _typical(values, len(pool), count) if way == TYPICAL else (weight, None)
    _, owners = np.unique(np.asarray([*patients, *labelled_patients], str), return_inverse=True)
    seen = np.bincount(owners[len(pool):], minlength=owners.max() + 1)
    owners = owners[:len(pool)]
    free, chosen = np.ones(len(pool), bool), []
    for _ in range(count):
        relative = nearest / units[:, None]
        farthest = relative.max(0)
        worth = {BOTH: weight * farthest, UNSURE: weight, FAR: farthest, TYPICAL: claims}[way] / (1 + seen[owners])
        place = int(np.where(free, worth, -1).argmax())
        chosen.append(Choice(place, float(worth[place]), float(farthest[place]), names[relative[:, place].argmax()],
                             None if like is None else int(like[place])))
        free[place] = False
        seen[owners[place]] += 1
        nearest = np.minimum(nearest, [pairwise_distances(own[:len(pool)], own[[place]])[:, 0] for own in points])
    return chosen


def _typical(values: Sequence[np.ndarray], pool: int, count: int) -> Tuple[np.ndarray, np.ndarray]:
    """What speaks for each frame of a pool as one that is typical, and how many others are like it.

    There are as many clusters as frames that have labels or will get them. The frame nearest to the centre of a
    cluster without labels is worth the size of it; all others are worth less than 1, second ones more than third ones.

    Args:
        values: scaled descriptors by group, of the pool and then of what is labelled; not whitened, which hides
            clusters.
        pool: frames of it.
        count: of them that will get labels.
    """
    joined = np.hstack([own / np.sqrt(own.shape[1]) for own in values])
    clusters = min(len(joined) - pool + count, len(np.unique(joined.round(6), axis=0)), _CLUSTERS)
    found = KMeans(clusters, n_init=10, random_state=0).fit(joined)
    own, away = found.labels_, np.linalg.norm(joined - found.cluster_centers_[found.labels_], axis=1)
    away[pool:] = -1
    sizes, order = np.bincount(own), np.lexsort((away, own))
    turn = np.empty(len(own))
    turn[order] = np.arange(len(own)) - (sizes.cumsum() - sizes)[own[order]]
    like = np.bincount(own[:pool], minlength=len(sizes)) - 1
    return (sizes[own] / (1 + turn * len(own)))[:pool], like[own[:pool]]


def shares_below(values: np.ndarray) -> np.ndarray:
    """Share of the other values that each is above, 0..1; equal ones count half, and a value alone has 0.5."""
    values = np.asarray(values, np.float64)
    if len(values) == 1:
        return np.full(1, 0.5)
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, 'left') + np.searchsorted(ordered, values, 'right') - 1
    return below / (2.0 * (len(values) - 1))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Values NxD in robust standard deviations about their medians; a number that is missing is usual."""
    scaled = make_pipeline(SimpleImputer(strategy='median', keep_empty_features=True),
                           RobustScaler(unit_variance=True)).fit_transform(values)
    return np.clip(scaled, -_FARTHEST, _FARTHEST)


def _whitened(scaled: np.ndarray) -> np.ndarray:
    """Points NxD whose distances are Mahalanobis distances, their mean at 0."""
    if len(scaled) < 2:
        return np.zeros(scaled.shape)
    spread = LedoitWolf().fit(scaled)
    lengths, axes = np.linalg.eigh(spread.precision_)
    return (scaled - spread.location_) @ axes * np.sqrt(np.maximum(lengths, 0))
