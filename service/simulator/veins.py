"""Superficial veins: branching trees that warm the skin above them.

Clinical hot spots of one degree and more are vascular. Trees start at the upper inner and upper outer
breast and wander towards the nipple; veins are 3-10 mm wide at the skin and 0.3-2 C warmer.
"""
import numpy as np

from .posture import SIDES
from .shapes import tapered_capsule
from .streams import normal, stream, uniform


def natural_veins(posture, canvas, seed):
    """Veins of the healthy body, different on each side: float32 HxW, C, zero or more."""
    rng = stream(seed, 'veins')
    field = np.zeros(canvas.x.shape, np.float32)
    vividness = rng.beta(1.3, 2.2)
    for side in SIDES:
        count = rng.randint(0, 2 + int(6 * vividness))
        rise = vividness * uniform(rng, 0.4, 1.7)
        for _ in range(count):
            grow_tree(rng, posture, canvas, field, side, rise * uniform(rng, 0.4, 1.0),
                      uniform(rng, 0.007, 0.022))
    for _ in range(rng.randint(0, 5)):
        side = SIDES[rng.randint(2)]
        start = (side * uniform(rng, 0.02, 0.38), uniform(rng, 0.22, 1.0))
        _branch(rng, canvas, field, start, uniform(rng, 0, 6.28), vividness * uniform(rng, 0.2, 0.8),
                uniform(rng, 0.005, 0.014), 10, 0)
    return field


def grow_tree(rng, posture, canvas, field, side, rise_c, width):
    """Draw one tree on a breast into `field`, keeping the warmer value where branches meet.

    Args:
        rng (numpy.random.RandomState): consumed.
        field (numpy.ndarray): float32 HxW, changed in place.
        side (int): -1 or +1, picture side.
        rise_c (float): warmth of the trunk, C.
        width (float): Gaussian half width of the trunk, body units.
    """
    s = posture.sides[side]
    if rng.uniform() < 0.6:
        start = (s.centre[0] + uniform(rng, -0.9, 0.9) * s.half_width,
                 s.centre[1] - s.upper * uniform(rng, 0.1, 0.9))
        target = s.nipple
    else:
        start = [s.nipple[i] + normal(rng, 0, 0.05, -0.1, 0.1) for i in (0, 1)]
        target = (s.centre[0] + uniform(rng, -1, 1) * s.half_width,
                  s.centre[1] + uniform(rng, -1, 1) * s.lower)
    heading = np.arctan2(target[1] - start[1], (target[0] - start[0]) * side) + normal(rng, 0, 0.5, -1.2, 1.2)
    _branch(rng, canvas, field, (start[0] * side, start[1]), heading, rise_c, width, 12, 2)


def _branch(rng, canvas, field, start, heading, rise_c, width, steps, depth):
    """A wandering line of short segments; may fork while `depth` lasts."""
    point = np.array(start)
    curl = normal(rng, 0, 0.10, -0.3, 0.3)
    for step in range(rng.randint(steps // 2, steps + 1)):
        heading += curl + normal(rng, 0, 0.4, -0.9, 0.9)
        after = point + uniform(rng, 0.018, 0.035) * np.array([np.cos(heading), np.sin(heading)])
        _segment(canvas, field, point, after, rise_c, width)
        point = after
        rise_c, width = rise_c * 0.965, width * 0.975
        if depth and step > 1 and rng.uniform() < 0.22:
            fork = heading + (1 if rng.uniform() < 0.5 else -1) * uniform(rng, 0.4, 1.1)
            _branch(rng, canvas, field, point, fork, rise_c * 0.75, width * 0.8, steps * 2 // 3, depth - 1)


def _segment(canvas, field, start, end, rise_c, width):
    box = canvas.box(0.5 * (start[0] + end[0]), 0.5 * (start[1] + end[1]), 0.025 + 2.6 * width)
    if box is None:
        return
    distance = tapered_capsule(canvas.x[box], canvas.y[box], start, end, 0.0, 0.0)[0]
    warm = rise_c * np.exp(-(distance / width) ** 2)
    np.maximum(field[box], warm, out=field[box], casting='same_kind')
