"""One breast thermogram of nobody: temperatures, region labels, and what was planted."""
from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .lesions import planted_heat
from .posture import SIDES, Posture
from .room import Room
from .sensor import Sensor
from .shapes import smoothstep
from .silhouette import Silhouette
from .skin import face_heat, skin_heat
from .streams import normal, stream
from .veins import natural_veins

#: Inner breasts' level and its spread. Whole breasts come out 0.1 C warmer: 95 healthy frontal DMR-IR matrices have
#: 30.2 +- 1.2 C.
BREAST_MEAN_C, BREAST_SD_C = 30.05, 1.2

#: Natural left-right difference of the inner breasts. Over whole breasts it comes out 7 % smaller, with
#: median 0.31, upper quartile 0.52 and 95th percentile 0.9 C of its absolute value; the same 95 matrices
#: have 0.30, 0.54 and 0.92 C.
ASYMMETRY_SD_C = 0.49


@dataclass(frozen=True)
class Phantom:
    """A simulated frontal thermogram.

    Attributes:
        celsius (numpy.ndarray): float32 HxW, read-only.
        labels (numpy.ndarray): uint8 HxW, read-only; ids as in `service.regions`.
        planted (dict): plain values: seed, abnormal, items, room_c, offset_c, noise_c, ...
    """

    celsius: np.ndarray
    labels: np.ndarray
    planted: dict


@dataclass
class Anatomy:
    """A rendered body before the camera: `scene_c` float32 HxW, `labels` uint8 HxW, `planted` dict."""

    scene_c: np.ndarray
    labels: np.ndarray
    planted: dict


def make_phantom(seed, height=480, width=640, abnormal=None):
    """Simulate one patient before one camera.

    Args:
        seed (int): 0 or more; the same seed gives the same phantom.
        height, width (int): picture size in pixels.
        abnormal (bool or None): plant an abnormal heat pattern in one breast; None lets the seed decide,
            half and half. Everything else about the phantom is the same either way.

    Returns:
        Phantom

    Raises:
        ValueError: negative seed.
    """
    anatomy = render_anatomy(seed, height, width, abnormal)
    sensor = Sensor(seed)
    celsius = sensor.optics(anatomy.scene_c) + sensor.fixed_pattern(height, width)
    celsius = sensor.quantise(celsius + sensor.noise(height, width))
    for array in (celsius, anatomy.labels):
        array.setflags(write=False)
    anatomy.planted.update(noise_c=round(sensor.noise_c, 4), offset_c=round(sensor.offset_c, 3),
                           step_c=round(sensor.step_c, 5), blur=round(sensor.blur, 5))
    return Phantom(celsius, anatomy.labels, anatomy.planted)


def render_anatomy(seed, height, width, abnormal=None):
    """Body and room without a camera; arguments as for `make_phantom`, returns `Anatomy`."""
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
    heat = _settle(heat, canvas, outline, breast_c, difference_c)
    items = []
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
    return Anatomy(scene, outline.labels(posture, canvas), planted)


def _settle(heat, canvas, outline, breast_c, difference_c):
    """Shift the breasts to the drawn mean and left-right difference, fading out around them."""
    left, right = (_breast_mean(heat, canvas, outline, side) for side in (1, -1))
    heat = heat - 0.5 * (left + right) + breast_c
    excess = difference_c - (left - right)
    for side in SIDES:
        weight = smoothstep(outline.breast[side], 0.08, -0.10)
        share = max(_breast_mean(weight, canvas, outline, side), 0.2)
        heat = heat + 0.5 * side * excess / share * weight
    return heat


def _breast_mean(field, canvas, outline, side):
    inside = (outline.breast[side] < -0.015) & (canvas.x * side > 0)
    return float(field[inside].mean()) if inside.any() else 0.0


def _compose(heat, breast_c, posture, canvas, outline, room, seed):
    """Wall, body, face and cover on top of each other, with edges softened over one pixel."""
    scene = room.background(posture, canvas)
    body = np.clip(0.5 - outline.body / canvas.pixel, 0, 1)
    # Skin of a trunk at rest stays well above the room: in DMR-IR its cold end is 5-6 C warmer.
    skin = np.clip(np.maximum(heat, room.room_c + 3.5), None, 37.2)
    scene = scene + body * (skin - scene)
    head = np.clip(0.5 - outline.head / canvas.pixel, 0, 1)
    face = np.maximum(face_heat(posture, canvas, outline, seed) + breast_c, room.room_c + 1.0)
    scene = scene + head * (face - scene)
    return room.cover(scene, posture, canvas)
