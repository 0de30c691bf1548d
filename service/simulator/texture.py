"""Smooth random fields and blurs as products with small matrices: no FFT, no scipy, any resolution."""
import numpy as np


def smooth_noise(rng, height, width, cell):
    """A random field with unit variance and no detail finer than `cell`.

    Cubic B-spline through white noise on a fixed lattice, so the field is the same pattern at
    every resolution of the same aspect ratio.

    Args:
        rng (numpy.random.RandomState): consumed.
        height, width (int): size in pixels.
        cell (float): lattice spacing, in picture heights.

    Returns:
        numpy.ndarray: float32 HxW, mean about 0, standard deviation about 1.
    """
    rows, columns = int(np.ceil(1 / cell)) + 4, int(np.ceil(width / float(height) / cell)) + 4
    lattice = rng.normal(size=(rows, columns)).astype(np.float32)
    # A cubic B-spline averages its lattice; 0.479 per axis is the mean of the sum of squared weights.
    lattice /= 0.479
    return _spline_weights(height, height, rows, cell).dot(lattice).dot(
        _spline_weights(width, height, columns, cell).T)


def blur(field, sigma_px):
    """Gaussian blur with replicated edges: float32 HxW. Nothing happens below 0.15 px."""
    if sigma_px < 0.15:
        return field
    return _gaussian(field.shape[0], sigma_px).dot(field).dot(_gaussian(field.shape[1], sigma_px).T)


def _spline_weights(count, height, knots, cell):
    """Matrix from lattice values to pixels along one axis."""
    position = (np.arange(count) + 0.5) / height / cell + 1
    distance = np.abs(position[:, None] - np.arange(knots)[None, :])
    near = 2 / 3.0 - distance ** 2 + distance ** 3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _gaussian(count, sigma_px):
    """Blur matrix of one axis; what leaves the frame is given to the edge pixel."""
    reach = int(np.ceil(3 * sigma_px))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    taps /= taps.sum()
    matrix = np.zeros((count, count), np.float32)
    row = np.arange(count)
    for offset, weight in zip(range(-reach, reach + 1), taps):
        np.add.at(matrix, (row, np.clip(row + offset, 0, count - 1)), weight)
    return matrix
