"""What is not skin: the wall, hair behind the neck, the metal marker, and objects at the edge."""
import numpy as np

from .shapes import ellipse, smoothstep
from .streams import chance, normal, stream, uniform
from .texture import smooth_noise


class Room:
    """Room temperature and what stands in it.

    Attributes:
        room_c (float): wall temperature; DMR-IR: 21.8 +- 1.2 C, 20.0 to 25.6.
        marker (dict or None): x, y, half (body units), turn (radians), celsius of a metal plate on the
            chest, as nearly every DMR-IR frame shows one.
    """

    def __init__(self, seed, posture):
        rng = stream(seed, 'room')
        self.room_c = normal(rng, 22.0, 1.3, 18.5, 26.0)
        self._slope = normal(rng, 0, 0.6, -1.8, 1.8), normal(rng, 0.4, 0.6, -1.0, 2.2)
        self.marker = None
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

    def background(self, posture, canvas):
        """The wall with slopes, reflections, an object and hair: float32 HxW, C."""
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

    def cover(self, celsius, posture, canvas):
        """Lay marker and necklace on the skin: float32 HxW, C."""
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
