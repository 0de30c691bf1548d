"""Signed distances and masks of simple shapes, vectorised over a grid.

Distances are in body units (1.0 = picture height at zoom 1), negative inside. Grids are float32.
"""
from typing import Sequence, Tuple, Union

import numpy as np

#: A number, or one per pixel.
Value = Union[float, np.ndarray]
#: x and y.
Point = Union[Sequence[float], np.ndarray]


def smoothstep(value: np.ndarray, low: Value, high: Value) -> np.ndarray:
    """0 below `low`, 1 above `high`, a cubic ramp between; `low` > `high` gives a falling ramp."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def smooth_min(first: np.ndarray, second: np.ndarray, radius: float) -> np.ndarray:
    """Smallest of two distances with a fillet of `radius`: joins limbs without a crease."""
    h = np.clip(0.5 + 0.5 * (second - first) / radius, 0, 1)
    return second + (first - second) * h - radius * h * (1 - h)


def tapered_capsule(x: np.ndarray, y: np.ndarray, start: Point, end: Point, start_radius: float,
                    end_radius: float) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance to a limb from `start` to `end` whose radius changes linearly.

    Returns:
        Distance, position along the limb 0..1 and signed offset across it, each shaped like `x`.
    """
    ax, ay = end[0] - start[0], end[1] - start[1]
    length = float(np.hypot(ax, ay))
    px, py = x - start[0], y - start[1]
    along = np.clip((px * ax + py * ay) / length ** 2, 0, 1)
    across = (px * ay - py * ax) / length
    distance = np.hypot(px - along * ax, py - along * ay)
    return distance - (start_radius + (end_radius - start_radius) * along), along, across


def ellipse(x: np.ndarray, y: np.ndarray, centre: Point, radii: Sequence[float]) -> np.ndarray:
    """Approximate distance to an upright ellipse (exact on its outline)."""
    r = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    return (r - 1) * min(radii)


def spline(points: Sequence[Point], steps: int) -> np.ndarray:
    """Closed Catmull-Rom curve through N points: float64 (N * steps)x2."""
    p = np.asarray(points, np.float64)
    before, after, later = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    t = (np.arange(steps) / float(steps))[:, None, None]
    curve = 0.5 * (2 * p + (after - before) * t + (2 * before - 5 * p + 4 * after - later) * t ** 2
                   + (3 * p - before - 3 * after + later) * t ** 3)
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def inside_polygon(x: np.ndarray, y: np.ndarray, corners: Sequence[Point]) -> np.ndarray:
    """Even-odd mask of a polygon: bool array shaped like `x`."""
    points = np.asarray(corners, np.float64)
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    near = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    x, y = x[near], y[near]
    inside = np.zeros(x.shape, bool)
    previous = corners[-1]
    for corner in corners:
        (x1, y1), (x2, y2) = previous, corner
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        previous = corner
    near[near] = inside
    return near


def polyline_distance(x: np.ndarray, y: np.ndarray, points: Sequence[Point]) -> Tuple[np.ndarray, np.ndarray]:
    """Unsigned distance to an open polyline, and signed offset across its nearest segment, each shaped like `x`."""
    best = np.full(x.shape, np.inf, np.float32)
    side = np.zeros(x.shape, np.float32)
    for start, end in zip(points[:-1], points[1:]):
        distance, _, across = tapered_capsule(x, y, start, end, 0.0, 0.0)
        nearer = distance < best
        best = np.where(nearer, distance, best)
        side = np.where(nearer, across, side)
    return best, side
