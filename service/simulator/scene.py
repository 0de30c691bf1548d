"""A patient before a running camera: one rendered body that breathes, sways and drifts.

The body is rendered once. A frame is that picture moved by a fraction of a pixel, plus drift, plus
noise cut from a bank at a random place: a few milliseconds at 640x480, fast enough for a live camera.
"""
import numpy as np

from .phantom import render_anatomy
from .sensor import Sensor
from .streams import stream, uniform

#: Breaths per second, and how far sway and breath move the picture, picture heights (1-5 px of 480).
_BREATH_HZ = (0.18, 0.3)
_BREATH_REACH = (0.002, 0.006)
_SWAY_REACH = (0.001, 0.005)

#: Pixels that the noise bank is larger than a frame.
_BANK_MARGIN_PX = 64


class Scene:
    """One simulated patient over time.

    Args:
        seed (int): 0 or more; the same seed gives the same scene.
        height, width (int): picture size in pixels.
        abnormal (bool or None): as for `make_phantom`.

    Attributes:
        planted (dict): as of `Phantom`.

    Raises:
        ValueError: negative seed.
    """

    def __init__(self, seed, height=480, width=640, abnormal=None):
        anatomy = render_anatomy(seed, height, width, abnormal)
        self._sensor = Sensor(seed)
        # A margin of repeated edge lets the picture move without an empty border.
        self._margin = int(np.ceil(0.015 * height)) + 1
        self._body_c = np.pad(self._sensor.optics(anatomy.scene_c), self._margin, 'edge').astype(np.float32)
        self._labels = np.pad(anatomy.labels, self._margin, 'edge')
        self._pattern_c = self._sensor.fixed_pattern(height, width)
        self._bank_c = self._sensor.noise(height + _BANK_MARGIN_PX, width + _BANK_MARGIN_PX)
        self._size = height, width
        self._seed = int(seed)
        self.planted = anatomy.planted
        rng = stream(seed, 'motion')
        self._breath = uniform(rng, *_BREATH_HZ), uniform(rng, *_BREATH_REACH) * height
        self._sway = [(uniform(rng, 0.03, 0.2), uniform(rng, 0, 6.28), uniform(rng, *_SWAY_REACH) * height)
                      for _ in range(2)]
        self._drift_c = uniform(rng, 0.02, 0.15)

    def frame(self, t_s):
        """The picture at a time.

        Args:
            t_s (float): seconds since the scene began; the same time gives the same frame.

        Returns:
            numpy.ndarray: float32 HxW, C.
        """
        height, width = self._size
        down, right = self._offset_px(t_s)
        top, part_y = self._split(down)
        left, part_x = self._split(right)
        rows = self._body_c[top:top + height + 1, left:left + width + 1]
        picture = rows[:-1] + np.float32(part_y) * (rows[1:] - rows[:-1])
        picture = picture[:, :-1] + np.float32(part_x) * (picture[:, 1:] - picture[:, :-1])
        picture += self._pattern_c
        picture += np.float32(self._drift_c * np.sin(2 * np.pi * t_s / 180.0))
        rng = np.random.RandomState([self._seed & 0xFFFFFFFF, int(round(t_s * 1000)) & 0xFFFFFFFF])
        y, x = rng.randint(_BANK_MARGIN_PX, size=2)
        noise = self._bank_c[y:y + height, x:x + width]
        # Turned and negated cuts keep a bank of one frame from repeating visibly.
        turn_y, turn_x, sign = rng.choice([-1, 1], size=3)
        picture += np.float32(sign) * noise[::turn_y, ::turn_x]
        return picture

    def labels_at(self, t_s):
        """Region ids at a time, to the nearest pixel: uint8 HxW."""
        height, width = self._size
        down, right = self._offset_px(t_s)
        top, left = self._margin + int(round(down)), self._margin + int(round(right))
        return self._labels[top:top + height, left:left + width].copy()

    def _offset_px(self, t_s):
        """How far down and right the picture is read, pixels."""
        rate, reach = self._breath
        down = reach * np.sin(2 * np.pi * rate * t_s)
        (fy, py, ry), (fx, px, rx) = self._sway
        down += ry * np.sin(2 * np.pi * fy * t_s + py)
        return down, rx * np.sin(2 * np.pi * fx * t_s + px)

    def _split(self, offset):
        whole = int(np.floor(offset))
        return self._margin + whole, offset - whole
