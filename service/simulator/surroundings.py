"""What is not the body: the room with its objects, and the camera.

Temporal noise: 0.049 +- 0.007 °C in healthy DMR-IR matrices [Silva2014], 0.05 °C NETD for a Lepton. Fixed pattern:
column and row stripes plus a slow blob. Offset: cheap cores are specified at +-5 °C absolute. Steps: 0.01, 0.0156
(InfiRay, 1/64 K) and 0.04 °C.
"""
from typing import Any, Dict, Optional

import numpy as np

from .anatomy import Canvas, Grid, Posture
from .noise import blur, chance, normal, smooth_noise, stream, uniform
from .shapes import ellipse, smoothstep


class Room:
    """Room temperature and the objects in it.

    Attributes:
        room_c: wall temperature; DMR-IR: 21.8 +- 1.2 °C, 20.0 to 25.6.
        marker: x, y, half (body units), turn (radians) and celsius of a metal plate on the chest, as nearly every
            DMR-IR frame shows one; None without.
    """

    def __init__(self, seed: int, posture: Posture) -> None:
        rng = stream(seed, 'room')
        self.room_c = normal(rng, 22.0, 1.3, 18.5, 26.0)
        self._slope = normal(rng, 0, 0.6, -1.8, 1.8), normal(rng, 0.4, 0.6, -1.0, 2.2)
        self.marker: Optional[Dict[str, Any]] = None
        if chance(rng, 0.85):
            fold = max(s.centre[1] + s.lower for s in posture.sides.values())
            self.marker = {
                'x': normal(rng, 0, 0.035, -0.12, 0.12), 'y': fold + uniform(rng, -0.16, 0.12),
                'half': uniform(rng, 0.026, 0.064), 'turn': normal(rng, 0, 0.12, -0.5, 0.5),
                'celsius': self.room_c + rng.beta(1.2, 2.0) * 8.0,
            }
        self._hair_c = self.room_c + uniform(rng, 1.0, 7.0) if chance(rng, 0.35) else None
        self._hair = uniform(rng, 0.9, 1.5), uniform(rng, -0.05, 0.12)
        self._object = (uniform(rng, -0.75, 0.75), uniform(rng, -0.1, 1.0), uniform(rng, 0.05, 0.25),
                        normal(rng, 1.5, 2.0, -2, 7)) if chance(rng, 0.15) else None
        self._necklace = uniform(rng, 0.1, 0.3) if chance(rng, 0.05) else None
        self._rng = rng

    def background(self, posture: Posture, canvas: Canvas) -> np.ndarray:
        """The wall with slopes, reflections, an object and hair: float32 HxW, °C."""
        x, y = canvas.x, canvas.y
        wall = self.room_c + self._slope[0] * x + self._slope[1] * (y - 0.5)
        wall = wall + 0.2 * smooth_noise(self._rng, canvas.height, canvas.width, 0.3)
        if self._object is not None:
            cx, cy, size, rise = self._object
            wall = wall + rise * smoothstep(ellipse(x, y, (cx, cy), (size, 1.6 * size)), 0.01, -0.01)
        if self._hair_c is not None:
            size, drop = self._hair
            radii = (posture.head_half * size, posture.head_height * size)
            hair = ellipse(x, y, (posture.neck_turn, posture.chin_y - posture.head_height + drop), radii)
            wall = wall + (self._hair_c - wall) * smoothstep(hair, 0.015, -0.015)
        return wall.astype(np.float32)

    def cover(self, celsius: np.ndarray, posture: Posture, canvas: Grid) -> np.ndarray:
        """Lay marker and necklace on the skin: float32 HxW, °C; `canvas` says where on the skin every pixel is."""
        if self.marker is not None:
            m = self.marker
            cos, sin = np.cos(m['turn']), np.sin(m['turn'])
            u, v = canvas.x - m['x'], canvas.y - m['y']
            edge = np.maximum(np.abs(cos * u + sin * v), np.abs(cos * v - sin * u)) - m['half']
            cover = np.clip(0.5 - edge / canvas.pixel, 0, 1)
            celsius = celsius + cover * (m['celsius'] - celsius)
        if self._necklace is not None:
            drop = posture.notch_y + self._necklace * 0.4
            line = canvas.y - drop + (canvas.x / 0.2) ** 2 * (drop - posture.trapezius_y)
            cover = smoothstep(np.abs(line), 0.006, 0.002) * (np.abs(canvas.x) < 0.2)
            celsius = celsius - 1.5 * cover
        return celsius.astype(np.float32)


class Sensor:
    """One camera as drawn for a phantom.

    Attributes:
        noise_c: standard deviation of the noise of one pixel of one frame.
        offset_c: what the camera adds to every temperature.
        step_c: quantisation.
        blur: Gaussian blur of optics and focus, picture heights.
        glare: share of the light that is scattered widely.
    """

    def __init__(self, seed: int) -> None:
        rng = stream(seed, 'sensor')
        self.noise_c = normal(rng, 0.049, 0.012, 0.02, 0.12)
        self.offset_c = 0.0 if chance(rng, 0.6) else normal(rng, 0, 1.0, -3, 3)
        self.step_c = (0.01, 1 / 64.0, 0.04)[rng.choice(3, p=(0.6, 0.25, 0.15))]
        self.blur = 0.001 + 0.0065 * rng.beta(1.2, 2.5)
        self.glare = uniform(rng, 0.0, 0.05)
        self._stripes_c = uniform(rng, 0.0, 0.04)
        self._shading_c = normal(rng, 0, 0.25, -0.6, 0.6)
        self._rng = rng

    def optics(self, scene_c: np.ndarray) -> np.ndarray:
        """Blur and glare of a scene: float32 HxW, °C."""
        height, width = scene_c.shape
        sharp = blur(scene_c, self.blur * height)
        # Glare is so wide that 60 rows carry it.
        step = max(height // 60, 1)
        coarse = blur(np.ascontiguousarray(scene_c[::step, ::step]), 0.05 * height / step)
        rows = np.minimum(np.arange(height) // step, coarse.shape[0] - 1)
        columns = np.minimum(np.arange(width) // step, coarse.shape[1] - 1)
        wide = blur(coarse[rows][:, columns], step)
        return (1 - self.glare) * sharp + self.glare * wide

    def fixed_pattern(self, height: int, width: int) -> np.ndarray:
        """Offset, stripes and shading of this camera: float32 HxW, °C. Call once per camera."""
        rng = np.random.RandomState(self._rng.randint(2 ** 31 - 1))
        stripes = rng.normal(size=(1, width)) + 0.6 * rng.normal(size=(height, 1))
        row = np.linspace(-1, 1, height)[:, None]
        column = np.linspace(-1, 1, width)[None, :]
        pattern = self.offset_c + self._stripes_c * stripes - self._shading_c * (row ** 2 + column ** 2)
        return (pattern + 0.05 * smooth_noise(rng, height, width, 0.3)).astype(np.float32)

    def noise(self, height: int, width: int) -> np.ndarray:
        """Fresh pixel noise: float32 HxW, °C."""
        return (self.noise_c * self._rng.normal(size=(height, width))).astype(np.float32)

    def quantise(self, celsius: np.ndarray) -> np.ndarray:
        """Round to the camera's step: float32."""
        return (np.round(celsius / np.float32(self.step_c)) * np.float32(self.step_c)).astype(np.float32)


class SecondSensor(Sensor):
    """A cheaper camera than those of `Sensor`: noise, coarse steps, stripes and dark corners."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = stream(seed, 'second camera')
        self.noise_c = uniform(rng, 0.06, 0.22)
        self.offset_c = normal(rng, 0, 1.5, -4, 4)
        self.step_c = (0.04, 0.1, 0.0625)[rng.randint(3)]
        self.blur = uniform(rng, 0.002, 0.009)
        self.glare = uniform(rng, 0.02, 0.12)
        self._stripes_c = uniform(rng, 0.03, 0.14)
        self._shading_c = uniform(rng, 0.3, 1.5)


def second_lens(seed: int) -> float:
    """Distortion of the lens of a `SecondSensor`, as `Canvas` takes it: mostly a barrel, as wide lenses have it."""
    return uniform(stream(seed, 'second lens'), -0.02, 0.16)


def moved(field: np.ndarray, distance_px: float, angle: float) -> np.ndarray:
    """Mean of a picture along the way that it moved during one frame: float32 HxW, edges repeated.

    Args:
        field: float32 HxW.
        distance_px: length of the way.
        angle: its direction, radians.
    """
    height, width = field.shape
    count = int(np.ceil(distance_px)) + 1
    margin = int(np.ceil(0.5 * distance_px)) + 1
    padded = np.pad(field, margin, 'edge')
    total = np.zeros(field.shape, np.float32)
    for part in np.linspace(-0.5, 0.5, count):
        down = margin + int(round(part * distance_px * np.sin(angle)))
        right = margin + int(round(part * distance_px * np.cos(angle)))
        total += padded[down:down + height, right:right + width]
    return total / np.float32(count)
