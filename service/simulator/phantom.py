"""One breast thermogram of nobody, still or moving: temperatures, region labels, and what was planted.

A moving patient is rendered once. A frame is that picture moved by a fraction of a pixel, plus drift, plus noise cut
from a bank at a random place: a few milliseconds at 640x480, fast enough for a live camera.
"""
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .anatomy import Canvas, Posture, Silhouette
from .described import render_described
from .description import SECOND, Description
from .lesions import Item, planted_heat
from .noise import normal, stream, uniform
from .skin import ASYMMETRY_SD_C, BREAST_MEAN_C, BREAST_SD_C, face_heat, natural_veins, settle, skin_heat
from .surroundings import Room, SecondSensor, Sensor, moved


@dataclass(frozen=True, eq=False)
class Phantom:
    """A simulated thermogram.

    Attributes:
        celsius: float32 HxW, read-only.
        labels: uint8 HxW, read-only; ids as in `service.regions`.
        planted: plain values: seed, abnormal, items, room_c, offset_c, noise_c, ...
    """

    celsius: np.ndarray
    labels: np.ndarray
    planted: Dict[str, Any]


@dataclass(eq=False)
class Rendering:
    """A body and its room before the camera: `scene_c` float32 HxW, `labels` uint8 HxW, `planted` as of `Phantom`."""

    scene_c: np.ndarray
    labels: np.ndarray
    planted: Dict[str, Any]


def make_phantom(seed: int, height: int = 480, width: int = 640, abnormal: Optional[bool] = None,
                 description: Optional[Description] = None) -> Phantom:
    """Simulate one patient before one camera.

    Args:
        seed: 0 or more; the same seed gives the same phantom.
        height, width: picture size in pixels.
        abnormal: plant an abnormal heat pattern in one breast; None lets the seed decide, half and half. Everything
            else about the phantom is the same either way.
        description: what else it is to show; None gives an ordinary frontal view, drawn flat and not by `solid`.

    Raises:
        ValueError: negative seed; an abnormal phantom that lacks a breast or the torso.
    """
    if description is None:
        rendering = render_anatomy(seed, height, width, abnormal)
        sensor = Sensor(seed)
    else:
        rendering = Rendering(*render_described(seed, height, width, abnormal, description))
        sensor = SecondSensor(seed) if description.camera == SECOND else Sensor(seed)
        sensor.blur = max(sensor.blur, description.defocus)
    celsius = sensor.optics(rendering.scene_c)
    if description is not None and description.motion:
        celsius = moved(celsius, description.motion * height, uniform(stream(seed, 'motion blur'), 0, np.pi))
    celsius = celsius + sensor.fixed_pattern(height, width)
    celsius = sensor.quantise(celsius + sensor.noise(height, width))
    for array in (celsius, rendering.labels):
        array.setflags(write=False)
    rendering.planted.update(noise_c=round(sensor.noise_c, 4), offset_c=round(sensor.offset_c, 3),
                           step_c=round(sensor.step_c, 5), blur=round(sensor.blur, 5))
    return Phantom(celsius, rendering.labels, rendering.planted)


def render_anatomy(seed: int, height: int, width: int, abnormal: Optional[bool] = None) -> Rendering:
    """Body and room without a camera; arguments as for `make_phantom`."""
    if abnormal is None:
        abnormal = stream(seed, 'abnormal').uniform() < 0.5
    posture = Posture(seed)
    canvas = Canvas(posture, height, width)
    outline = Silhouette(posture, canvas, seed)
    room = Room(seed, posture)
    level = stream(seed, 'level')
    breast_c = normal(level, BREAST_MEAN_C, BREAST_SD_C, 26.8, 33.8)
    difference_c = level.normal(0, ASYMMETRY_SD_C)
    heat = skin_heat(posture, canvas, outline, seed) + natural_veins(posture, canvas, seed)
    heat = settle(heat, canvas, outline, breast_c, difference_c)
    items: List[Item] = []
    if abnormal:
        extra, items = planted_heat(posture, canvas, outline, seed)
        # The mean of the skin is held, so that a warm picture says nothing about the label.
        heat = heat + extra - extra[outline.body < 0].mean()
    scene = _compose(heat, breast_c, posture, canvas, outline, room, seed)
    planted = {
        'seed': int(seed), 'abnormal': bool(abnormal), 'items': items, 'room_c': round(room.room_c, 3),
        'breast_c': round(breast_c, 3), 'left_minus_right_c': round(float(difference_c), 3),
        'marker': room.marker is not None, 'arms': posture.arms, 'zoom': round(posture.zoom, 4),
        'tilt_deg': round(float(np.rad2deg(posture.tilt)), 3),
    }
    return Rendering(scene, outline.labels(posture, canvas), planted)


def _compose(heat: np.ndarray, breast_c: float, posture: Posture, canvas: Canvas, outline: Silhouette, room: Room,
             seed: int) -> np.ndarray:
    """Wall, body, face and cover on top of each other, with edges softened over one pixel."""
    scene = room.background(posture, canvas)
    body = np.clip(0.5 - outline.body / canvas.pixel, 0, 1)
    # Skin of a trunk at rest stays well above the room: in DMR-IR its cold end is 5-6 °C warmer.
    skin = np.clip(np.maximum(heat, room.room_c + 3.5), None, 37.2)
    scene = scene + body * (skin - scene)
    head = np.clip(0.5 - outline.head / canvas.pixel, 0, 1)
    face = np.maximum(face_heat(posture, canvas, outline, seed) + breast_c, room.room_c + 1.0)
    scene = scene + head * (face - scene)
    return room.cover(scene, posture, canvas)


#: Breaths per second, and how far sway and breath move the picture, picture heights (1-5 px of 480).
_BREATH_HZ = (0.18, 0.3)
_BREATH_REACH = (0.002, 0.006)
_SWAY_REACH = (0.001, 0.005)

#: Pixels that the noise bank is larger than a frame.
_BANK_MARGIN_PX = 64


class Scene:
    """One simulated patient before a running camera, who breathes, sways and drifts.

    Args:
        seed: 0 or more; the same seed gives the same scene.
        height, width: picture size in pixels.
        abnormal: as for `make_phantom`.

    Attributes:
        planted: as of `Phantom`.

    Raises:
        ValueError: negative seed.
    """

    def __init__(self, seed: int, height: int = 480, width: int = 640, abnormal: Optional[bool] = None) -> None:
        rendering = render_anatomy(seed, height, width, abnormal)
        self._sensor = Sensor(seed)
        # A margin of repeated edge lets the picture move without an empty border.
        self._margin = int(np.ceil(0.015 * height)) + 1
        self._body_c = np.pad(self._sensor.optics(rendering.scene_c), self._margin, 'edge').astype(np.float32)
        self._pattern_c = self._sensor.fixed_pattern(height, width)
        self._bank_c = self._sensor.noise(height + _BANK_MARGIN_PX, width + _BANK_MARGIN_PX)
        self._size = height, width
        self._seed = int(seed)
        self.planted = rendering.planted
        rng = stream(seed, 'motion')
        self._breath = uniform(rng, *_BREATH_HZ), uniform(rng, *_BREATH_REACH) * height
        self._sway = [(uniform(rng, 0.03, 0.2), uniform(rng, 0, 6.28), uniform(rng, *_SWAY_REACH) * height)
                      for _ in range(2)]
        self._drift_c = uniform(rng, 0.02, 0.15)

    def frame(self, t_s: float) -> np.ndarray:
        """The picture at a time in seconds since the scene began: float32 HxW, °C. One time gives one frame."""
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

    def _offset_px(self, t_s: float) -> Tuple[float, float]:
        """How far down and right the picture is read, pixels."""
        rate, reach = self._breath
        down = reach * np.sin(2 * np.pi * rate * t_s)
        (fy, py, ry), (fx, px, rx) = self._sway
        down += ry * np.sin(2 * np.pi * fy * t_s + py)
        return down, rx * np.sin(2 * np.pi * fx * t_s + px)

    def _split(self, offset: float) -> Tuple[int, float]:
        whole = int(np.floor(offset))
        return self._margin + whole, offset - whole
