"""Noise level alone: which camera, which setting, which export."""
import cv2
import numpy as np

from ..inputs.base import Input

#: Weights of the 5-point Laplacian add up to 20 in square, so that white noise of sigma s comes out as s * sqrt(20).
_GAIN = np.sqrt(20.0)

#: Median absolute deviation of a normal distribution over its standard deviation.
_MAD = 0.6744897501960817


def measure(frame):
    """Pixel noise of the whole frame and of the skin, by the median absolute Laplacian."""
    laplacian = np.abs(cv2.Laplacian(frame.pixels, cv2.CV_32F, ksize=1))
    row = {'frame': noise_sigma(laplacian)}
    inside = cv2.erode(frame.skin.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if inside.any():
        row['skin'] = noise_sigma(laplacian[inside])
    return row


def noise_sigma(laplacian):
    """Standard deviation of white noise from absolute values of a 5-point Laplacian, in the frame's own unit."""
    return float(np.median(laplacian) / (_MAD * _GAIN))


NOISE = Input('noise', 'pixel noise of the frame and of the skin (Laplacian, median absolute deviation)', measure)
