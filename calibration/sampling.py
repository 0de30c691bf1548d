"""Which frames stand for the others when ranges are measured: every patient first, then every appearance."""
import numpy as np

#: The descriptor: means of a grid of this many cells a side, and a histogram of this many bins.
_GRID, _BINS = 6, 16


def describe_frame(tensor):
    """What a prepared frame looks like, in few numbers.

    Args:
        tensor (numpy.ndarray): float32 1xCxHxW, 0..1, as a chain prepares it; 6 pixels a side or more.
    Returns:
        numpy.ndarray: float64 D: the means of 6x6 cells, and the shares of 16 levels of brightness, both of all
        channels together. Each part has about the same say.
    """
    picture = np.asarray(tensor, np.float64)[0].mean(0)
    cells = [cell.mean() for row in np.array_split(picture, _GRID) for cell in np.array_split(row, _GRID, axis=1)]
    levels = np.histogram(picture, _BINS, (0, 1))[0] / float(picture.size)
    return np.concatenate([np.array(cells) / _GRID, levels])


def choose_frames(descriptors, patients, count, seed=0):
    """Choose frames that differ: from as many patients as there are, and spread over appearances.

    Every patient gives a frame before one gives a second. Among those allowed, the next is drawn with a chance that
    grows with the square of its distance from the nearest chosen one (the seeding of k-means++, D. Arthur and S.
    Vassilvitskii, SODA 2007): spread out, but not a collection of outliers, which would widen the ranges.

    Args:
        descriptors (array_like): float NxD, one row a frame, such as `describe_frame` gives.
        patients (sequence of str): patient of each frame.
        count (int): how many to choose; all of them where there are no more.
        seed (int): of the draws; one seed, one choice.
    Returns:
        list of int: rising places of the chosen frames.
    """
    descriptors = np.asarray(descriptors, np.float64)
    _, owners = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if count >= len(descriptors):
        return list(range(len(descriptors)))
    random = np.random.RandomState(seed)
    taken = np.zeros(owners.max() + 1, int)
    free = np.ones(len(descriptors), bool)
    distance = np.ones(len(descriptors))
    chosen = []
    while len(chosen) < count:
        allowed = free & (taken[owners] == taken[owners[free]].min())
        place = _draw(np.where(allowed, distance, 0), allowed, random)
        chosen.append(place)
        free[place] = False
        taken[owners[place]] += 1
        away = ((descriptors - descriptors[place]) ** 2).sum(1)
        distance = away if len(chosen) == 1 else np.minimum(distance, away)
    return sorted(chosen)


def _draw(weights, allowed, random):
    """A place by weight; by lot where all that is allowed looks like what was chosen already."""
    total = weights.sum()
    shares = weights / total if total > 0 else allowed / float(allowed.sum())
    return int(random.choice(len(shares), p=shares))
