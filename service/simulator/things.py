"""Frames that show no torso: an empty room, a mug, a hand, a chair, a face close up, a radiator.

Temperatures are everyday ones: skin of a hand 29-35 °C, a face 33-36 °C with a cold nose, a hot drink 40-75 °C, a
radiator 35-65 °C, and a seat that somebody just left a few degrees above the room.
"""
from typing import Tuple

import numpy as np

from .anatomy import Canvas
from .noise import chance, normal, stream, uniform
from .shapes import Value, ellipse, smoothstep, tapered_capsule


def thing_scene(thing: str, canvas: Canvas, seed: int) -> Tuple[np.ndarray, float]:
    """One frame without a torso.

    Args:
        thing: one of `description.THINGS`.
        canvas: x from -0.67 to 0.67 in a 4:3 picture, y from 0 to 1.
        seed: of the phantom.

    Returns:
        Temperatures, float32 HxW, °C, and the room's, °C.
    """
    rng = stream(seed, 'thing')
    room_c = normal(rng, 22.0, 1.5, 17.5, 27.0)
    scene = _room(canvas, room_c, rng)
    draw = {'empty room': _nothing, 'mug': _mug, 'hand': _hand, 'chair': _chair, 'face': _face,
            'radiator': _radiator}[thing]
    return draw(scene, canvas, room_c, rng).astype(np.float32), room_c


def _room(canvas: Canvas, room_c: float, rng: np.random.RandomState) -> np.ndarray:
    """Wall and floor, perhaps with a window, a door's edge and a lamp."""
    x, y = canvas.x, canvas.y
    scene = room_c + normal(rng, 0, 0.6, -1.8, 1.8) * x + normal(rng, 0.3, 0.6, -1, 2) * (y - 0.5)
    scene = scene + 0.2 * canvas.noise(rng, 0.3)
    if chance(rng, 0.4):
        floor = uniform(rng, 0.6, 1.0) + uniform(rng, -0.2, 0.2) * x
        scene = scene + normal(rng, -0.8, 0.8, -2.5, 1) * smoothstep(y, floor, floor + 0.01)
    for _ in range(rng.randint(0, 3)):
        left, top = uniform(rng, -0.7, 0.5), uniform(rng, -0.1, 0.6)
        box = _box(x, y, left, top, left + uniform(rng, 0.1, 0.6), top + uniform(rng, 0.2, 0.8))
        scene = scene + normal(rng, 0, 2.0, -6, 5) * _cover(box, canvas)
    if chance(rng, 0.25):
        lamp = ellipse(x, y, (uniform(rng, -0.6, 0.6), uniform(rng, 0, 0.5)), (0.03, 0.03))
        scene = scene + uniform(rng, 3, 25) * _cover(lamp, canvas)
    return scene


def _nothing(scene: np.ndarray, canvas: Canvas, room_c: float, rng: np.random.RandomState) -> np.ndarray:
    return scene


def _mug(scene: np.ndarray, canvas: Canvas, room_c: float, rng: np.random.RandomState) -> np.ndarray:
    size = uniform(rng, 0.12, 0.36)
    half, tall = size, size * uniform(rng, 0.9, 1.4)
    x, y = canvas.x - uniform(rng, -0.3, 0.3), canvas.y - uniform(rng, 0.4, 0.7)
    hot = uniform(rng, 30, 70)
    body = np.maximum(np.abs(x) - half, np.abs(y + 0.12 * x ** 2 / half) - tall)
    full = uniform(rng, -0.9, 0.6) * tall
    wall = hot - uniform(rng, 1, 8) * smoothstep(y, full + 0.02, full - 0.04)
    wall = wall - uniform(rng, 0.5, 3) * (x / half) ** 2
    ring = np.abs(ellipse(x, y, (half * (1 if chance(rng, 0.5) else -1), 0), (0.55 * half, 0.6 * tall))) - 0.09 * half
    scene = _over(scene, room_c + uniform(rng, 0.2, 0.5) * (hot - room_c), _cover(ring, canvas))
    scene = _over(scene, wall, _cover(body, canvas))
    rim = ellipse(x, y, (0, -tall), (half, 0.22 * half))
    return _over(scene, hot + uniform(rng, -2, 3), _cover(rim, canvas))


def _hand(scene: np.ndarray, canvas: Canvas, room_c: float, rng: np.random.RandomState) -> np.ndarray:
    size = uniform(rng, 0.6, 1.5)
    turn = uniform(rng, -0.8, 0.8)
    mirrored = -1 if chance(rng, 0.5) else 1
    dx, dy = canvas.x - uniform(rng, -0.25, 0.25), canvas.y - uniform(rng, 0.45, 0.75)
    x = mirrored * (np.cos(turn) * dx + np.sin(turn) * dy) / size
    y = (np.cos(turn) * dy - np.sin(turn) * dx) / size
    warm = normal(rng, 32.5, 1.6, 27, 36)
    palm = ellipse(x, y, (0, 0), (0.13, 0.15))
    wrist = tapered_capsule(x, y, (0, 0.1), (uniform(rng, -0.1, 0.1), 0.9), 0.085, 0.12)[0]
    fingers = [((-0.10, -0.02), (-0.26, -0.10), 0.036), ((-0.085, -0.1), (-0.12, -0.36), 0.031),
               ((-0.03, -0.13), (-0.035, -0.42), 0.032), ((0.03, -0.13), (0.05, -0.39), 0.031),
               ((0.085, -0.1), (0.14, -0.31), 0.027)]
    skin = warm + uniform(rng, 0.2, 1.0) * canvas.noise(rng, 0.06) + uniform(rng, -1.0, 1.0) * y
    cold = uniform(rng, -1.0, 6.0)
    scene = _over(scene, skin, _cover(np.minimum(palm, wrist) * size, canvas))
    for start, end, radius in fingers:
        bent = uniform(rng, 0.6, 1.0)
        tip = tuple(a + bent * (b - a) for a, b in zip(start, end))
        distance, along, _ = tapered_capsule(x, y, start, tip, radius, 0.8 * radius)
        scene = _over(scene, skin - cold * along ** 1.5, _cover(distance * size, canvas))
    return scene


def _chair(scene: np.ndarray, canvas: Canvas, room_c: float, rng: np.random.RandomState) -> np.ndarray:
    x, y = canvas.x - uniform(rng, -0.2, 0.2), canvas.y
    half, seat = uniform(rng, 0.2, 0.42), uniform(rng, 0.5, 0.75)
    cloth = room_c + uniform(rng, -0.8, 1.2)
    left_warm = uniform(rng, 0, 6) if chance(rng, 0.6) else 0.0
    for leg in (-1, 1):
        limb = tapered_capsule(x, y, (leg * half * 0.9, seat), (leg * half, 1.2), 0.02, 0.02)[0]
        scene = _over(scene, cloth + uniform(rng, -1, 0.5), _cover(limb, canvas))
    back = _box(x, y, -half, seat - uniform(rng, 0.35, 0.6), half, seat) - 0.02
    lean = left_warm * 0.7 * np.exp(-(x / (0.6 * half)) ** 2 - ((y - seat + 0.2) / 0.14) ** 2)
    scene = _over(scene, cloth + lean, _cover(back, canvas))
    cushion = _box(x, y, -1.1 * half, seat - 0.03, 1.1 * half, seat + uniform(rng, 0.07, 0.15)) - 0.02
    thighs = left_warm * (np.exp(-((x - 0.4 * half) / (0.35 * half)) ** 2) + np.exp(-((x + 0.4 * half)
                                                                                     / (0.35 * half)) ** 2))
    return _over(scene, cloth + thighs, _cover(cushion, canvas))


def _face(scene: np.ndarray, canvas: Canvas, room_c: float, rng: np.random.RandomState) -> np.ndarray:
    size = uniform(rng, 0.8, 1.7)
    turn = normal(rng, 0, 0.06, -0.15, 0.15)
    x = (canvas.x - uniform(rng, -0.15, 0.15)) / size
    y = (canvas.y - uniform(rng, 0.4, 0.6)) / size
    warm = normal(rng, 34.0, 0.8, 31.5, 36)
    neck = np.maximum(np.abs(x) - 0.15 - 0.2 * np.clip(y - 0.42, 0, 1), 0.2 - y)
    skin = warm + uniform(rng, 0.1, 0.5) * canvas.noise(rng, 0.07)
    scene = _over(scene, skin - 0.4, _cover(neck * size, canvas))
    shoulders = ellipse(x, y, (0, 0.95), (0.7, 0.4))
    scene = _over(scene, room_c + uniform(rng, 2, 6), _cover(shoulders * size, canvas))
    hair = ellipse(x, y, (0, -0.06), (uniform(rng, 0.27, 0.36), uniform(rng, 0.36, 0.46)))
    scene = _over(scene, room_c + uniform(rng, 2, 7), _cover(hair * size, canvas))
    head = ellipse(x, y, (0, 0), (0.25, 0.34))
    u = x - turn
    nose = np.exp(-(u / 0.04) ** 2 - ((y - 0.05) / 0.07) ** 2)
    mouth = np.exp(-(u / 0.08) ** 2 - ((y - 0.18) / 0.02) ** 2)
    eyes = sum(np.exp(-((u - side * 0.1) / 0.045) ** 2 - ((y + 0.06) / 0.025) ** 2) for side in (-1, 1))
    corners = sum(np.exp(-((u - side * 0.05) / 0.02) ** 2 - ((y + 0.05) / 0.02) ** 2) for side in (-1, 1))
    skin = skin - uniform(rng, 0.3, 5) * nose + uniform(rng, -0.5, 1) * mouth + 1.2 * corners
    skin = skin + uniform(rng, -1.2, 0.6) * eyes - 1.5 * np.exp(np.minimum(head, 0) / 0.03)
    glasses = np.minimum.reduce([ellipse(u, y, (side * 0.1, -0.05), (0.085, 0.065)) for side in (-1, 1)])
    if chance(rng, 0.3):
        skin = _over(skin, room_c + uniform(rng, 1, 4), _cover(glasses * size, canvas))
    fringe = smoothstep(y + 0.2 + 0.5 * u ** 2, 0.02, -0.02)
    skin = skin + fringe * (room_c + 5 - skin)
    return _over(scene, skin, _cover(head * size, canvas))


def _radiator(scene: np.ndarray, canvas: Canvas, room_c: float, rng: np.random.RandomState) -> np.ndarray:
    left, right = uniform(rng, -0.75, -0.2), uniform(rng, 0.2, 0.75)
    top, bottom = uniform(rng, 0.05, 0.45), uniform(rng, 0.7, 1.05)
    hot = uniform(rng, 32, 62)
    period = uniform(rng, 0.04, 0.12)
    ribs = 0.5 + 0.5 * np.cos(2 * np.pi * (canvas.x - left) / period)
    metal = hot - uniform(rng, 0, 10) * (canvas.y - top) - uniform(rng, 2, 14) * ribs ** 2
    box = _box(canvas.x, canvas.y, left, top, right, bottom)
    warm = uniform(rng, 0, 3) * np.exp(-((canvas.y - top) / 0.2) ** 2) * (canvas.y < top)
    scene = scene + warm * smoothstep(np.abs(canvas.x - 0.5 * (left + right)), 0.5 * (right - left), 0.0)
    return _over(scene, metal, _cover(box, canvas))


def _box(x: np.ndarray, y: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Distance to an upright rectangle."""
    return np.maximum(np.maximum(left - x, x - right), np.maximum(top - y, y - bottom))


def _cover(distance: np.ndarray, canvas: Canvas) -> np.ndarray:
    return np.clip(0.5 - distance / canvas.pixel, 0, 1)


def _over(scene: np.ndarray, value: Value, cover: np.ndarray) -> np.ndarray:
    return scene + cover * (value - scene)
