"""Random numbers and smooth random fields.

Every part of the body draws from its own stream, so that a change to the veins does not move the nipples, and a
planted abnormality changes nothing but itself. `numpy.random.RandomState` (MT19937) is used because NumPy promises
never to change its stream; `default_rng` has no such promise.

Fields and blurs are products with small matrices: no FFT, no scipy, any resolution.
"""
import zlib

import numpy as np


def stream(seed: int, part: str) -> np.random.RandomState:
    """The random stream of one part, such as ``'veins'``, of one phantom.

    Raises:
        ValueError: negative seed.
    """
    if seed < 0:
        raise ValueError('seed must be 0 or more, not %d' % seed)
    words = [int(seed) & 0xFFFFFFFF, int(seed) >> 32 & 0xFFFFFFFF, zlib.crc32(part.encode('ascii'))]
    return np.random.RandomState(words)


def normal(rng: np.random.RandomState, mean: float, sd: float, low: float, high: float) -> float:
    """One normal draw as a float, clipped to ``[low, high]``."""
    return float(min(max(rng.normal(mean, sd), low), high))


def uniform(rng: np.random.RandomState, low: float, high: float) -> float:
    """One uniform draw as a float."""
    return float(rng.uniform(low, high))


def chance(rng: np.random.RandomState, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.uniform() < probability)


def smooth_noise(rng: np.random.RandomState, height: int, width: int, cell: float) -> np.ndarray:
    """A random field with unit variance and no detail finer than `cell`.

    A cubic B-spline through white noise on a fixed lattice gives the same pattern at every resolution of one aspect
    ratio.

    Args:
        rng: consumed.
        height, width: size in pixels.
        cell: lattice spacing, in picture heights.

    Returns:
        float32 HxW, mean about 0, standard deviation about 1.
    """
    rows, columns = int(np.ceil(1 / cell)) + 4, int(np.ceil(width / float(height) / cell)) + 4
    lattice = rng.normal(size=(rows, columns)).astype(np.float32)
    # A cubic B-spline averages its lattice; 0.479 per axis is the mean of the sum of squared weights.
    lattice /= 0.479
    return _spline_weights(height, height, rows, cell).dot(lattice).dot(
        _spline_weights(width, height, columns, cell).T)


def blur(field: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur with replicated edges: float32 HxW, unchanged below 0.15 px."""
    if sigma_px < 0.15:
        return field
    return _gaussian(field.shape[0], sigma_px).dot(field).dot(_gaussian(field.shape[1], sigma_px).T)


def _spline_weights(count: int, height: int, knots: int, cell: float) -> np.ndarray:
    """Matrix from lattice values to pixels along one axis."""
    position = (np.arange(count) + 0.5) / height / cell + 1
    distance = np.abs(position[:, None] - np.arange(knots)[None, :])
    near = 2 / 3.0 - distance ** 2 + distance ** 3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _gaussian(count: int, sigma_px: float) -> np.ndarray:
    """Blur matrix of one axis; what leaves the frame is added to the edge pixel."""
    reach = int(np.ceil(3 * sigma_px))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    taps /= taps.sum()
    matrix = np.zeros((count, count), np.float32)
    row = np.arange(count)
    for offset, weight in zip(range(-reach, reach + 1), taps):
        np.add.at(matrix, (row, np.clip(row + offset, 0, count - 1)), weight)
    return matrix
