"""The picture's pixels in body units."""
import numpy as np


class Canvas:
    """Grids of body coordinates for one posture and one picture size.

    Attributes:
        height, width (int): picture size in pixels.
        x, y (numpy.ndarray): float32 HxW, body units (see `posture`).
        pixel (float): size of a pixel in body units.
    """

    def __init__(self, posture, height, width):
        self.height, self.width = height, width
        column = ((np.arange(width) + 0.5 - width / 2.0) / height).astype(np.float32)[None, :]
        row = ((np.arange(height) + 0.5) / height - 0.5).astype(np.float32)[:, None]
        column, row = column - posture.shift_x, row - posture.shift_y
        cos, sin = np.float32(np.cos(posture.tilt)), np.float32(np.sin(posture.tilt))
        zoom = np.float32(posture.zoom)
        self.x = (cos * column + sin * row) / zoom
        self.y = (cos * row - sin * column) / zoom + np.float32(0.5)
        self.pixel = 1.0 / (height * posture.zoom)
        self._posture = posture

    def to_pixel(self, x, y):
        """Body coordinates to (column, row) in pixels, as floats; any shape."""
        p = self._posture
        u, v = np.asarray(x) * p.zoom, (np.asarray(y) - 0.5) * p.zoom
        cos, sin = np.cos(p.tilt), np.sin(p.tilt)
        column, row = cos * u - sin * v + p.shift_x, sin * u + cos * v + p.shift_y
        return column * self.height + self.width / 2.0 - 0.5, (row + 0.5) * self.height - 0.5

    def box(self, x, y, reach):
        """Slices of the pixels within `reach` body units of the point, or None outside the picture."""
        column, row = self.to_pixel(x, y)
        reach_px = reach / self.pixel + 1
        top, bottom = int(max(row - reach_px, 0)), int(min(row + reach_px + 1, self.height))
        left, right = int(max(column - reach_px, 0)), int(min(column + reach_px + 1, self.width))
        if top >= bottom or left >= right:
            return None
        return slice(top, bottom), slice(left, right)
