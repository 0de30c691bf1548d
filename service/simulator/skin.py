"""Skin temperature of the healthy body relative to its breast level, without veins.

The amplitudes are drawn widely around what 95 healthy frontal DMR-IR matrices show: the neck is 1.3 C
warmer than the breasts, a warm fold runs below them and up the breastbone, the lower outer breast is
coolest, skin within a breast spreads by 1.3 C, and flanks that turn away from the camera read colder
(emissivity falls off beyond 60 degrees: Watmough 1970).
"""
import numpy as np

from .posture import SIDES
from .shapes import ellipse, polyline_distance, smoothstep
from .silhouette import neckline
from .streams import chance, normal, stream, uniform
from .texture import smooth_noise

#: How far a natural patch may lie from its surroundings, C.
_MOST_C = np.float32(1.6)


def skin_heat(posture, canvas, outline, seed):
    """Degrees above or below the breast level, everywhere in the picture.

    Args:
        posture (Posture): the body.
        canvas (Canvas): pixel grid.
        outline (Silhouette): distances of the parts.
        seed (int): phantom seed.

    Returns:
        numpy.ndarray: float32 HxW, C; meaningful inside the body only.
    """
    heat = _patches(canvas, outline, stream(seed, 'patches'))
    heat += _trunk(posture, canvas, outline, stream(seed, 'trunk'))
    rng = stream(seed, 'arms')
    arm_level, muscle = normal(rng, -0.1, 0.8, -2.2, 1.4), normal(rng, 0.4, 0.6, -0.6, 1.8)
    for side in SIDES:
        heat += _arm(posture, canvas, outline, side, rng, arm_level, muscle)
    rng = stream(seed, 'axilla')
    axilla = _axilla_draws(rng)
    for side in SIDES:
        heat += _axilla(posture, canvas, outline, side, rng, axilla)
    rng = stream(seed, 'breasts')
    shared = _breast_draws(rng)
    for side in SIDES:
        heat += _breast(posture, canvas, outline, side, rng, shared)
    heat += _neck(posture, canvas, outline, stream(seed, 'neck'))
    return heat + _edges(outline, stream(seed, 'edges'))


def face_heat(posture, canvas, outline, seed):
    """Face and chin relative to breast level (jaw shadow, mouth, cooler cheeks): float32 HxW, C."""
    rng = stream(seed, 'face')
    x, y = canvas.x - posture.neck_turn, canvas.y - posture.chin_y
    heat = normal(rng, 0.6, 1.1, -2.5, 2.6) + uniform(rng, 0.1, 0.5) * smooth_noise(
        rng, canvas.height, canvas.width, 0.05)
    heat += uniform(rng, -1.5, 0.6) * np.exp(-((y + 0.07) / 0.02) ** 2 - (x / 0.07) ** 2)
    heat -= uniform(rng, 0.3, 2.5) * np.exp(-((y + 0.02) / uniform(rng, 0.015, 0.05)) ** 2)
    return (heat - uniform(rng, 0.5, 2.0) * np.exp(np.minimum(outline.head, 0) / 0.025)).astype(np.float32)


def _patches(canvas, outline, rng):
    """Gentle waves, and a mottle of warm islands and vein-like ridges over perforating vessels.

    The mottle differs in every detail between the sides, but is about as strong on both: a network of vessels that
    is denser on one side is what is planted as abnormal.
    """
    size = canvas.height, canvas.width
    heat = uniform(rng, 0.2, 1.0) * _alike(rng, smooth_noise(rng, *size, cell=uniform(rng, 0.12, 0.25)))
    heat += uniform(rng, 0.2, 0.7) * smooth_noise(rng, *size, cell=uniform(rng, 0.035, 0.08))
    cell = uniform(rng, 0.025, 0.07)
    islands = smooth_noise(rng, *size, cell=cell) + 0.5 * smooth_noise(rng, *size, cell=0.5 * cell)
    islands = np.clip(islands, -0.4, 2.5)
    ridges = np.exp(-(smooth_noise(rng, *size, cell=1.3 * cell) / uniform(rng, 0.2, 0.5)) ** 2)
    where = np.clip(_alike(rng, smooth_noise(rng, *size, cell=0.2)) + 0.6, 0, 1.6)
    strength = uniform(rng, 0.7, 2.2)
    return heat + strength * _limited((uniform(rng, 0.1, 0.7) * islands + uniform(rng, 0.0, 1.2) * ridges) * where)


def _alike(rng, field):
    """Mirror a part of a field: vessels below the skin are laid out alike on both sides."""
    likeness = np.float32(uniform(rng, 0.4, 0.95))
    return (field + likeness * field[:, ::-1]) / np.float32(np.hypot(1, likeness))


def _limited(heat):
    """Blood warms skin to its own temperature at most: patches level off beyond two and a half degrees."""
    return _MOST_C * np.tanh(heat / _MOST_C)


def _trunk(posture, canvas, outline, rng):
    """Chest, breastbone and abdomen."""
    x, y = np.abs(canvas.x), canvas.y
    fold_y = max(s.centre[1] + s.lower for s in posture.sides.values())
    heat = normal(rng, 0.0, 0.4, -0.8, 0.8) * smoothstep(y, 0.3, 0.6)
    belly = smoothstep(y, fold_y - 0.15, fold_y + 0.08)
    heat = heat + normal(rng, 0.3, 0.7, -1.1, 2.0) * belly
    heat += uniform(rng, 0, 0.6) * belly * smooth_noise(rng, canvas.height, canvas.width, 0.07)
    if chance(rng, 0.35):
        crease = fold_y + uniform(rng, 0.08, 0.3) - uniform(rng, -0.3, 0.3) * x ** 2
        heat += uniform(rng, 0.2, 1.0) * np.exp(-((y - crease) / uniform(rng, 0.01, 0.03)) ** 2)
    start = posture.notch_y + 0.1
    width = 0.03 + uniform(rng, 0.02, 0.2) * np.clip((y - start) / (fold_y - start), 0, 1.2)
    wedge = np.exp(-(x / width) ** 2) * smoothstep(y, start, fold_y - 0.1)
    heat += normal(rng, 0.8, 0.5, -0.2, 2.0) * wedge
    collar = posture.notch_y + 0.02 - uniform(rng, 0.0, 0.3) * x
    bone = np.exp(-((y - collar) / uniform(rng, 0.015, 0.04)) ** 2) * smoothstep(x, 0.34, 0.16)
    return heat + normal(rng, 0.2, 0.35, -0.6, 0.9) * bone


def _arm(posture, canvas, outline, side, rng, level, muscle):
    """A raised arm: its own level, and shading across the muscles."""
    s = posture.sides[side]
    weight = smoothstep(outline.arm[side], 0.0, -0.06) * smoothstep(outline.arm_along[side], 0.05, 0.35)
    across = outline.arm_across[side] / s.radius
    heat = level + normal(rng, 0, 0.15, -0.4, 0.4) - muscle * across * uniform(rng, -0.4, 1.0)
    heat = heat - uniform(rng, 0, 0.9) * np.exp(-((across - uniform(rng, -0.4, 0.5)) / 0.3) ** 2)
    return heat * weight


def _axilla_draws(rng):
    return {'hollow': normal(rng, 0.0, 0.6, -1.1, 1.7), 'fold': normal(rng, 0.4, 0.6, -0.9, 1.6),
            'width': uniform(rng, 0.010, 0.035), 'shade': normal(rng, -0.9, 0.5, -2.2, 0.3)}


def _axilla(posture, canvas, outline, side, rng, draws):
    """The hollow between the two armpit folds: a tall warm band, its front fold a line of shade."""
    points = [(px * side, py) for px, py in outline.armpit_points[side]]
    inner, tip = points[0], points[-3] if len(points) > 5 else points[3]
    middle = points[-1]
    x, y = canvas.x, canvas.y
    bow = [(1 - t) ** 2 * np.array(inner) + 2 * t * (1 - t) * np.array(middle) + t ** 2 * np.array(tip)
           for t in np.linspace(0, 1, 7)]
    distance, offset = polyline_distance(x, y, bow)
    outward = offset * side * -1
    fold = draws['fold'] + normal(rng, 0, 0.35, -0.8, 0.8)
    reach = smoothstep(y, inner[1] - 0.04, inner[1] + 0.08) * smoothstep(y, tip[1] + 0.06, tip[1] - 0.06)
    heat = fold * np.exp(-(distance / draws['width']) ** 2) * reach
    inside = smoothstep(outward, -0.005, 0.03) * np.exp(-np.clip(outward, 0, 1) / 0.07) * reach
    heat += (draws['shade'] - 0.25 + normal(rng, 0, 0.7, -1.6, 1.6)) * inside
    crease_x, crease_y = posture.crease(side)
    centre = ((crease_x - uniform(rng, 0.01, 0.07)) * side, crease_y - uniform(rng, 0.02, 0.12))
    axis = np.array([tip[0] - centre[0], tip[1] - centre[1] + 0.12])
    axis /= np.hypot(*axis)
    along = (x - centre[0]) * axis[0] + (y - centre[1]) * axis[1]
    across = (x - centre[0]) * axis[1] - (y - centre[1]) * axis[0]
    hollow = np.exp(-(along / uniform(rng, 0.07, 0.16)) ** 2 - (across / uniform(rng, 0.015, 0.055)) ** 2)
    return heat + (draws['hollow'] + normal(rng, 0, 0.45, -1.0, 1.0)) * hollow


def _breast_draws(rng):
    return {'cold': normal(rng, 1.45, 0.65, 0.0, 3.2), 'fold': normal(rng, 1.4, 0.7, 0.0, 3.4),
            'fold_width': uniform(rng, 0.012, 0.07), 'top': uniform(rng, 0.05, 0.2),
            'crisp': uniform(rng, 0.006, 0.03), 'outer': uniform(rng, -0.2, 0.9),
            'tip': uniform(rng, -0.5, 1.2), 'rim': uniform(rng, -0.3, 0.7),
            'nipple': normal(rng, -0.9, 0.6, -2.5, 0.7), 'areola': normal(rng, -0.05, 0.35, -1.0, 0.7),
            'dot': uniform(rng, 0.28, 0.62)}


def _breast(posture, canvas, outline, side, rng, draws):
    """Cool hanging dome with a crisp lower edge, warm fold below it, areola and nipple."""
    s = posture.sides[side]
    distance, p, q = outline.breast[side], outline.p[side], outline.q[side]
    low = smoothstep(q, -0.5, 0.45)
    edge = draws['top'] * (1 - low) + draws['crisp'] * low
    # Where the breast hangs over the torso's outline there is no skin below it to be warm.
    overhang = smoothstep(outline.torso, -0.02, 0.01)
    dome = smoothstep(-distance, -0.1 * edge, 0.9 * edge)
    dome = np.maximum(dome, overhang * low)
    cold = draws['cold'] * (0.25 + 0.75 * smoothstep(q, -0.7, 0.7)) + draws['outer'] * np.clip(p, -0.5, 1)
    cold = cold + draws['tip'] * np.exp(-((p - 0.3) ** 2 + (q - 0.5) ** 2) / 0.3)
    rim = draws['rim'] * np.exp(np.minimum(distance, 0) / 0.03) * low
    cold = cold * smoothstep(distance, 0.06, 0.02) + rim
    heat = -cold * dome
    below = np.exp(-np.clip(distance, 0, None) / draws['fold_width']) * (distance > -0.004)
    medial = smoothstep(q, -0.15, 0.75) * smoothstep(p, 1.1, 0.4) * (1 - overhang)
    heat += (draws['fold'] + normal(rng, 0, 0.15, -0.4, 0.4)) * below * medial
    lateral = canvas.x * side
    areola = ellipse(lateral, canvas.y, s.nipple, (s.areola, s.areola * s.areola_aspect))
    heat += draws['areola'] * smoothstep(areola, 0.012, -0.012)
    size = s.areola * draws['dot']
    shift = [s.nipple[i] + normal(rng, 0, 0.008, -0.02, 0.02) for i in (0, 1)]
    dot = ellipse(lateral, canvas.y, shift, (size, size * uniform(rng, 0.9, 1.3)))
    return heat + (draws['nipple'] + normal(rng, 0, 0.2, -0.5, 0.5)) * smoothstep(dot, 0.008, -0.012)


def _neck(posture, canvas, outline, rng):
    """Warm neck: vessels along both sides, horizontal creases, a lighter or darker windpipe."""
    x, y = canvas.x - posture.neck_turn * 0.7, canvas.y
    low = neckline(posture, np.abs(canvas.x - posture.neck_turn * 0.5))
    soft = uniform(rng, 0.008, 0.06)
    weight = smoothstep(low + uniform(rng, -0.02, 0.03) - y, -soft, soft)
    weight = weight * smoothstep(np.abs(x), posture.spike_x + 0.05, posture.spike_x - 0.04)
    heat = normal(rng, 1.0, 0.4, -0.2, 2.2)
    heat = heat + normal(rng, 0.5, 0.4, -0.3, 1.5) * np.exp(
        -((np.abs(x) - 0.5 * posture.neck_half - 0.15 * (posture.notch_y - y)) / 0.025) ** 2)
    heat = heat + normal(rng, 0.1, 0.5, -1.0, 1.2) * np.exp(-(x / 0.03) ** 2)
    for _ in range(rng.randint(0, 4)):
        crease = posture.chin_y + uniform(rng, 0.02, 0.2) - uniform(rng, -1, 3) * x ** 2
        heat = heat - uniform(rng, -0.4, 0.9) * np.exp(-((y - crease) / uniform(rng, 0.004, 0.012)) ** 2)
    return heat * weight


def _edges(outline, rng):
    """Skin that turns away from the camera reads colder."""
    depth = np.maximum(-outline.body, 0)
    steep = uniform(rng, 0.4, 2.4) * np.exp(-depth / uniform(rng, 0.008, 0.03))
    return -(steep + uniform(rng, 0.0, 1.2) * np.exp(-depth / 0.08))
