"""Skin temperature of the healthy body relative to its breast level, and the veins in it.

The amplitudes are drawn widely around what 95 healthy frontal DMR-IR matrices [Silva2014] show: the neck is 1.3 °C
warmer than the breasts, a warm fold runs below them and up the breastbone, the lower outer breast is coolest, skin
within a breast spreads by 1.3 °C, and flanks that turn away from the camera read colder, since emissivity falls off
beyond 60 degrees [Watmough1970].

Clinical hot spots of one degree and more are vascular: branching trees start at the upper inner and upper outer breast
and wander towards the nipple. Veins are 3-10 mm wide at the skin and 0.3-2 °C warmer.
"""
from typing import Dict, Tuple

import numpy as np

from .anatomy import SIDES, Canvas, Grid, Posture, Silhouette, neckline
from .noise import chance, normal, smooth_noise, stream, uniform
from .shapes import Point, ellipse, polyline_distance, smoothstep, tapered_capsule

#: Level of the inner breasts and its spread. Whole breasts come out 0.1 °C warmer: 95 healthy frontal DMR-IR
#: matrices [Silva2014] have 30.2 +- 1.2 °C.
BREAST_MEAN_C, BREAST_SD_C = 30.05, 1.2

#: Natural left-right difference of the inner breasts. Over whole breasts it comes out 7 % smaller, with median 0.31,
#: upper quartile 0.52 and 95th percentile 0.9 °C of its absolute value; the same 95 matrices have 0.30, 0.54 and
#: 0.92 °C.
ASYMMETRY_SD_C = 0.49

#: A side's skin is drawn a little past the midline, where the warm folds of both breasts meet.
_PAST_MIDLINE = -0.15

#: How far a natural patch may differ from its surroundings.
_MOST_C = np.float32(1.6)


def skin_heat(posture: Posture, canvas: Canvas, outline: Silhouette, seed: int) -> np.ndarray:
    """Degrees above or below the breast level: float32 HxW, meaningful inside the body only."""
    heat = _patches(canvas, stream(seed, 'patches'))
    heat += _trunk(posture, canvas, stream(seed, 'trunk'))
    rng = stream(seed, 'arms')
    arm_level, muscle = normal(rng, -0.1, 0.8, -2.2, 1.4), normal(rng, 0.4, 0.6, -0.6, 1.8)
    for side in SIDES:
        heat += _arm(posture, outline, side, rng, arm_level, muscle)
    rng = stream(seed, 'axilla')
    axilla = _axilla_draws(rng)
    for side in SIDES:
        heat += _axilla(posture, canvas, outline, side, rng, axilla)
    rng = stream(seed, 'breasts')
    shared = _breast_draws(rng)
    for side in SIDES:
        heat += _breast(posture, canvas, outline, side, rng, shared)
    heat += _neck(posture, canvas, stream(seed, 'neck'))
    return heat + edge_heat(outline.body, seed)


def map_heat(posture: Posture, canvas: Canvas, outline: Silhouette, seed: int, breasts: Dict[int, str]
             ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `skin_heat`, of the unrolled skin of trunk and neck: no arms, patches and edges that turn away.

    Args:
        breasts: per side, what is there: ``'flat'``, ``'mound'`` (without a nipple) or anything else for a breast.

    Returns:
        The skin without the breasts, and what breasts and nipples add to it, each float32 HxW, °C.
    """
    heat = _trunk(posture, canvas, stream(seed, 'trunk'))
    halves = {side: np.nonzero(canvas.x[0] * side > _PAST_MIDLINE)[0] for side in SIDES}
    rng = stream(seed, 'axilla')
    axilla = _axilla_draws(rng)
    for side, columns in halves.items():
        half = slice(columns[0], columns[-1] + 1)
        grid = Grid(canvas.x[:, half], canvas.y[:, half], canvas.pixel)
        heat[:, half] += _axilla(posture, grid, outline, side, rng, axilla)
    rng = stream(seed, 'breasts')
    shared = _breast_draws(rng)
    domes, nipples = np.zeros_like(heat), np.zeros_like(heat)
    for side in SIDES:
        dome, fold, areola, nipple = _breast_layers(posture, canvas, outline, side, rng, shared)
        if breasts[side] == 'flat':
            continue
        heat += fold
        domes += dome - fold * (outline.breast[side] < -0.004)
        if breasts[side] != 'mound':
            nipples += areola + nipple
    return heat + _neck(posture, canvas, stream(seed, 'neck')), domes, nipples


def patches(canvas: Canvas, seed: int) -> np.ndarray:
    """The mottle of the skin, of a body whose other heat is `map_heat`: float32 HxW, °C."""
    return _patches(canvas, stream(seed, 'patches'))


def arm_heat(seed: int) -> Dict[int, Tuple[float, float]]:
    """Level of an arm and how much colder its muscles' middle is, per side, °C; of one person."""
    rng = stream(seed, 'arms')
    level, muscle = normal(rng, -0.1, 0.8, -2.2, 1.4), uniform(rng, 0, 0.9)
    return {side: (level + normal(rng, 0, 0.15, -0.4, 0.4), muscle) for side in SIDES}


def settle(heat: np.ndarray, canvas: Canvas, outline: Silhouette, breast_c: float, difference_c: float) -> np.ndarray:
    """Shift the breasts to the drawn mean and left-right difference, fading out around them."""
    left, right = (_breast_mean(heat, canvas, outline, side) for side in (1, -1))
    heat = heat - 0.5 * (left + right) + breast_c
    excess = difference_c - (left - right)
    for side in SIDES:
        weight = smoothstep(outline.breast[side], 0.08, -0.10)
        share = max(_breast_mean(weight, canvas, outline, side), 0.2)
        heat = heat + 0.5 * side * excess / share * weight
    return heat


def _breast_mean(field: np.ndarray, canvas: Canvas, outline: Silhouette, side: int) -> float:
    inside = (outline.breast[side] < -0.015) & (canvas.x * side > 0)
    return float(field[inside].mean()) if inside.any() else 0.0


def face_heat(posture: Posture, canvas: Canvas, outline: Silhouette, seed: int) -> np.ndarray:
    """Face and chin relative to breast level (jaw shadow, mouth, cooler cheeks): float32 HxW, °C."""
    rng = stream(seed, 'face')
    x, y = canvas.x - posture.neck_turn, canvas.y - posture.chin_y
    heat = normal(rng, 0.6, 1.1, -2.5, 2.6) + uniform(rng, 0.1, 0.5) * smooth_noise(
        rng, canvas.height, canvas.width, 0.05)
    heat += uniform(rng, -1.5, 0.6) * np.exp(-((y + 0.07) / 0.02) ** 2 - (x / 0.07) ** 2)
    heat -= uniform(rng, 0.3, 2.5) * np.exp(-((y + 0.02) / uniform(rng, 0.015, 0.05)) ** 2)
    return (heat - uniform(rng, 0.5, 2.0) * np.exp(np.minimum(outline.head, 0) / 0.025)).astype(np.float32)


def _patches(canvas: Canvas, rng: np.random.RandomState) -> np.ndarray:
    """Gentle waves, and a mottle of warm islands and vein-like ridges over perforating vessels.

    The mottle differs in every detail between the sides, but is about as strong on both: a denser network of vessels
    on one side is what is planted as abnormal.
    """
    heat = uniform(rng, 0.2, 1.0) * _alike(rng, canvas.noise(rng, uniform(rng, 0.12, 0.25)))
    heat += uniform(rng, 0.2, 0.7) * canvas.noise(rng, uniform(rng, 0.035, 0.08))
    cell = uniform(rng, 0.025, 0.07)
    islands = canvas.noise(rng, cell) + 0.5 * canvas.noise(rng, 0.5 * cell)
    islands = np.clip(islands, -0.4, 2.5)
    ridges = np.exp(-(canvas.noise(rng, 1.3 * cell) / uniform(rng, 0.2, 0.5)) ** 2)
    where = np.clip(_alike(rng, canvas.noise(rng, 0.2)) + 0.6, 0, 1.6)
    strength = uniform(rng, 0.7, 2.2)
    return heat + strength * _limited((uniform(rng, 0.1, 0.7) * islands + uniform(rng, 0.0, 1.2) * ridges) * where)


def _alike(rng: np.random.RandomState, field: np.ndarray) -> np.ndarray:
    """Mirror a part of a field: vessels below the skin are laid out alike on both sides."""
    likeness = np.float32(uniform(rng, 0.4, 0.95))
    return (field + likeness * field[:, ::-1]) / np.float32(np.hypot(1, likeness))


def _limited(heat: np.ndarray) -> np.ndarray:
    """Blood warms skin to its own temperature at most: patches level off beyond two and a half degrees."""
    return _MOST_C * np.tanh(heat / _MOST_C)


def _trunk(posture: Posture, canvas: Canvas, rng: np.random.RandomState) -> np.ndarray:
    """Chest, breastbone and abdomen."""
    x, y = np.abs(canvas.x), canvas.y
    fold_y = max(s.centre[1] + s.lower for s in posture.sides.values())
    heat = normal(rng, 0.0, 0.4, -0.8, 0.8) * smoothstep(y, 0.3, 0.6)
    belly = smoothstep(y, fold_y - 0.15, fold_y + 0.08)
    heat = heat + normal(rng, 0.3, 0.7, -1.1, 2.0) * belly
    heat += uniform(rng, 0, 0.6) * belly * canvas.noise(rng, 0.07)
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


def _arm(posture: Posture, outline: Silhouette, side: int, rng: np.random.RandomState, level: float, muscle: float
         ) -> np.ndarray:
    """A raised arm: its own level, and shading across the muscles."""
    s = posture.sides[side]
    weight = smoothstep(outline.arm[side], 0.0, -0.06) * smoothstep(outline.arm_along[side], 0.05, 0.35)
    across = outline.arm_across[side] / s.radius
    heat = level + normal(rng, 0, 0.15, -0.4, 0.4) - muscle * across * uniform(rng, -0.4, 1.0)
    heat = heat - uniform(rng, 0, 0.9) * np.exp(-((across - uniform(rng, -0.4, 0.5)) / 0.3) ** 2)
    return heat * weight


def _axilla_draws(rng: np.random.RandomState) -> Dict[str, float]:
    return {'hollow': normal(rng, 0.0, 0.6, -1.1, 1.7), 'fold': normal(rng, 0.4, 0.6, -0.9, 1.6),
            'width': uniform(rng, 0.010, 0.035), 'shade': normal(rng, -0.9, 0.5, -2.2, 0.3)}


def _axilla(posture: Posture, canvas: Grid, outline: Silhouette, side: int, rng: np.random.RandomState,
            draws: Dict[str, float]) -> np.ndarray:
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


def _breast_draws(rng: np.random.RandomState) -> Dict[str, float]:
    return {'cold': normal(rng, 1.45, 0.65, 0.0, 3.2), 'fold': normal(rng, 1.4, 0.7, 0.0, 3.4),
            'fold_width': uniform(rng, 0.012, 0.07), 'top': uniform(rng, 0.05, 0.2),
            'crisp': uniform(rng, 0.006, 0.03), 'outer': uniform(rng, -0.2, 0.9),
            'tip': uniform(rng, -0.5, 1.2), 'rim': uniform(rng, -0.3, 0.7),
            'nipple': normal(rng, -0.9, 0.6, -2.5, 0.7), 'areola': normal(rng, -0.05, 0.35, -1.0, 0.7),
            'dot': uniform(rng, 0.28, 0.62)}


def _breast(posture: Posture, canvas: Canvas, outline: Silhouette, side: int, rng: np.random.RandomState,
            draws: Dict[str, float]) -> np.ndarray:
    """Cool hanging dome with a crisp lower edge, warm fold below it, areola and nipple."""
    heat, below, areola, nipple = _breast_layers(posture, canvas, outline, side, rng, draws)
    heat += below * (outline.breast[side] > -0.004)
    heat += areola
    return heat + nipple


def _breast_layers(posture: Posture, canvas: Canvas, outline: Silhouette, side: int, rng: np.random.RandomState,
                   draws: Dict[str, float]) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Dome, fold (which goes on under the breast), areola and nipple: each float32 HxW, °C."""
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
    below = np.exp(-np.clip(distance, 0, None) / draws['fold_width'])
    medial = smoothstep(q, -0.15, 0.75) * smoothstep(p, 1.1, 0.4) * (1 - overhang)
    fold = (draws['fold'] + normal(rng, 0, 0.15, -0.4, 0.4)) * below * medial
    lateral = canvas.x * side
    areola = ellipse(lateral, canvas.y, s.nipple, (s.areola, s.areola * s.areola_aspect))
    size = s.areola * draws['dot']
    shift = [s.nipple[i] + normal(rng, 0, 0.008, -0.02, 0.02) for i in (0, 1)]
    dot = ellipse(lateral, canvas.y, shift, (size, size * uniform(rng, 0.9, 1.3)))
    nipple = (draws['nipple'] + normal(rng, 0, 0.2, -0.5, 0.5)) * smoothstep(dot, 0.008, -0.012)
    return heat, fold, draws['areola'] * smoothstep(areola, 0.012, -0.012), nipple


def _neck(posture: Posture, canvas: Canvas, rng: np.random.RandomState) -> np.ndarray:
    """Warm neck: vessels along both sides, horizontal creases, a lighter or darker windpipe."""
    x, y = canvas.x - posture.neck_turn * 0.7, canvas.y
    low = neckline(posture, np.abs(canvas.x - posture.neck_turn * 0.5))
    soft = uniform(rng, 0.008, 0.06)
    weight = smoothstep(low + uniform(rng, -0.02, 0.03) - y, -soft, soft)
    weight = weight * smoothstep(np.abs(x), posture.spike_x + 0.05, posture.spike_x - 0.04)
    level = normal(rng, 1.0, 0.4, -0.2, 2.2)
    heat = level + normal(rng, 0.5, 0.4, -0.3, 1.5) * np.exp(
        -((np.abs(x) - 0.5 * posture.neck_half - 0.15 * (posture.notch_y - y)) / 0.025) ** 2)
    heat = heat + normal(rng, 0.1, 0.5, -1.0, 1.2) * np.exp(-(x / 0.03) ** 2)
    for _ in range(rng.randint(0, 4)):
        crease = posture.chin_y + uniform(rng, 0.02, 0.2) - uniform(rng, -1, 3) * x ** 2
        heat = heat - uniform(rng, -0.4, 0.9) * np.exp(-((y - crease) / uniform(rng, 0.004, 0.012)) ** 2)
    return heat * weight


def edge_heat(body: np.ndarray, seed: int) -> np.ndarray:
    """Skin that turns away from the camera reads colder: °C, shaped like `body`, the distance to its outline."""
    rng = stream(seed, 'edges')
    depth = np.maximum(-body, 0)
    steep = uniform(rng, 0.4, 2.4) * np.exp(-depth / uniform(rng, 0.008, 0.03))
    return -(steep + uniform(rng, 0.0, 1.2) * np.exp(-depth / 0.08))


def natural_veins(posture: Posture, canvas: Canvas, seed: int) -> np.ndarray:
    """Veins of the healthy body, different on each side: float32 HxW, °C, zero or more."""
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


def grow_tree(rng: np.random.RandomState, posture: Posture, canvas: Canvas, field: np.ndarray, side: int, rise_c: float,
              width: float) -> None:
    """Draw one tree on a breast into `field`, keeping the warmer value where branches meet.

    Args:
        rng: consumed.
        field: float32 HxW, changed in place.
        side: -1 or +1, picture side.
        rise_c: warmth of the trunk.
        width: Gaussian half width of the trunk, body units.
    """
    s = posture.sides[side]
    if rng.uniform() < 0.6:
        start = (s.centre[0] + uniform(rng, -0.9, 0.9) * s.half_width,
                 s.centre[1] - s.upper * uniform(rng, 0.1, 0.9))
        target = s.nipple
    else:
        start = (s.nipple[0] + normal(rng, 0, 0.05, -0.1, 0.1), s.nipple[1] + normal(rng, 0, 0.05, -0.1, 0.1))
        target = (s.centre[0] + uniform(rng, -1, 1) * s.half_width,
                  s.centre[1] + uniform(rng, -1, 1) * s.lower)
    heading = np.arctan2(target[1] - start[1], (target[0] - start[0]) * side) + normal(rng, 0, 0.5, -1.2, 1.2)
    _branch(rng, canvas, field, (start[0] * side, start[1]), heading, rise_c, width, 12, 2)


def _branch(rng: np.random.RandomState, canvas: Canvas, field: np.ndarray, start: Point, heading: float,
            rise_c: float, width: float, steps: int, depth: int) -> None:
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


def _segment(canvas: Canvas, field: np.ndarray, start: np.ndarray, end: np.ndarray, rise_c: float,
             width: float) -> None:
    box = canvas.box(0.5 * (start[0] + end[0]), 0.5 * (start[1] + end[1]), 0.025 + 2.6 * width)
    if box is None:
        return
    distance = tapered_capsule(canvas.x[box], canvas.y[box], start, end, 0.0, 0.0)[0]
    warm = rise_c * np.exp(-(distance / width) ** 2)
    np.maximum(field[box], warm, out=field[box], casting='same_kind')
