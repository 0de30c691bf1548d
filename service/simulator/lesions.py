"""What is planted in an abnormal phantom, and the size of a tumour's signal at the skin.

A deep heat source shows at the skin as a broad, faint hump. The table is our own axisymmetric finite-volume solution
of the bioheat equation [Pennes1948]: 0.5 mm cells; skin, 5 mm fat, gland; convection h = 10 W/m2K, room 21 °C; tumour
perfusion 0.0063 1/s, metabolic heat 5000 W/m3, layer values of [Cetingul2010] and [Chanmugam2012]. A Gaussian of full
width at half maximum 1.7 x depth is a fair surrogate of its shape. Because this signal is mostly below natural
asymmetry, planted patterns are mainly vascular, focal or diffuse.
"""
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .anatomy import MM_PER_UNIT, SIDES, Canvas, Posture, Silhouette
from .noise import chance, stream, uniform
from .shapes import smoothstep
from .skin import grow_tree

#: What is planted, as plain values: kind, side, size_mm, depth_mm, peak_c, x, y (body units).
Item = Dict[str, Any]

#: Tumour diameters and centre depths of the table, mm.
DIAMETERS_MM = (5.0, 10.0, 15.0, 20.0, 30.0)
DEPTHS_MM = (10.0, 15.0, 20.0, 25.0, 30.0)

#: Peak rise at the skin; None where the tumour would touch the skin.
PEAK_RISE_C = (
    (0.04, 0.01, 0.004, 0.002, 0.001),
    (0.31, 0.09, 0.03, 0.01, 0.004),
    (1.36, 0.26, 0.09, 0.04, 0.01),
    (None, 0.65, 0.21, 0.08, 0.03),
    (None, None, 0.83, 0.29, 0.11),
)

#: Full width at half maximum over depth.
WIDTH_PER_DEPTH = 1.7

_PATTERNS = ('vascular', 'focal', 'diffuse')
_SIDE_NAME = {-1: 'right', 1: 'left'}


def tumour_peak_c(diameter_mm: float, depth_mm: float) -> float:
    """Peak skin warming over a tumour, interpolated in the logarithm of the table.

    Args:
        diameter_mm: clipped to 5..30; 0 gives no signal.
        depth_mm: depth of the centre, clipped to 10..30 and kept below the skin.
    """
    if diameter_mm <= 0:
        return 0.0
    diameter = float(np.clip(diameter_mm, DIAMETERS_MM[0], DIAMETERS_MM[-1]))
    at_mm = float(np.clip(depth_mm, DEPTHS_MM[0], DEPTHS_MM[-1]))
    per_diameter = []
    for row in PEAK_RISE_C:
        depths = [depth for depth, rise in zip(DEPTHS_MM, row) if rise is not None]
        per_diameter.append(np.interp(at_mm, depths, [np.log(rise) for rise in row if rise is not None]))
    return float(np.exp(np.interp(diameter, DIAMETERS_MM, per_diameter)))


def tumour_heat(distance_mm: np.ndarray, diameter_mm: float, depth_mm: float) -> np.ndarray:
    """Skin warming at a distance from the point above the tumour, °C, shaped like `distance_mm`."""
    sigma = WIDTH_PER_DEPTH * depth_mm / 2.3548
    return tumour_peak_c(diameter_mm, depth_mm) * np.exp(-0.5 * (np.asarray(distance_mm) / sigma) ** 2)


def planted_heat(posture: Posture, canvas: Canvas, outline: Silhouette, seed: int) -> Tuple[np.ndarray, List[Item]]:
    """Heat of an abnormal pattern in one breast: float32 HxW in °C, and its items."""
    rng = stream(seed, 'lesion')
    side = SIDES[rng.randint(2)]
    field = np.zeros(canvas.x.shape, np.float32)
    items = [_tumour(rng, posture, canvas, field, side)]
    if chance(rng, 0.9):
        pattern = _PATTERNS[rng.choice(3, p=(0.45, 0.3, 0.25))]
        items.append(_pattern(rng, posture, canvas, outline, field, side, pattern, items[0]))
        if chance(rng, 0.3):
            items.append(_pattern(rng, posture, canvas, outline, field, side, 'vascular', items[0]))
    return field, items


def _tumour(rng: np.random.RandomState, posture: Posture, canvas: Canvas, field: np.ndarray, side: int) -> Item:
    s = posture.sides[side]
    across, down = uniform(rng, -0.6, 0.6), uniform(rng, -0.7, 0.7)
    x = (s.centre[0] + across * s.half_width + s.splay * down * s.lower) * side
    y = s.centre[1] + down * (s.upper if down < 0 else s.lower)
    diameter = uniform(rng, 6, 26)
    depth = max(uniform(rng, 10, 28), diameter / 2 + 2)
    distance = np.hypot(canvas.x - x, canvas.y - y) * MM_PER_UNIT
    field += tumour_heat(distance, diameter, depth).astype(np.float32)
    return _item('tumour', side, x, y, tumour_peak_c(diameter, depth), size_mm=diameter, depth_mm=depth)


def _pattern(rng: np.random.RandomState, posture: Posture, canvas: Canvas, outline: Silhouette, field: np.ndarray,
             side: int, kind: str, tumour: Item) -> Item:
    x, y = tumour['x'], tumour['y']
    if kind == 'vascular':
        peak = uniform(rng, 1.2, 3.0)
        veins = np.zeros_like(field)
        for _ in range(rng.randint(3, 7)):
            grow_tree(rng, posture, canvas, veins, side, peak * uniform(rng, 0.6, 1.0),
                      uniform(rng, 0.009, 0.02))
        field += veins
        return _item(kind, side, x, y, peak)
    if kind == 'focal':
        peak, width = uniform(rng, 1.2, 3.0), uniform(rng, 18, 55)
        distance = np.hypot(canvas.x - x, canvas.y - y) * MM_PER_UNIT
        field += (peak * np.exp(-0.5 * (distance / (width / 2.3548)) ** 2)).astype(np.float32)
        return _item(kind, side, x, y, peak, size_mm=width)
    peak = uniform(rng, 0.8, 2.0)
    field += (peak * smoothstep(outline.breast[side], 0.02, -0.08)).astype(np.float32)
    return _item(kind, side, x, y, peak)


def _item(kind: str, side: int, x: float, y: float, peak_c: float, size_mm: Optional[float] = None,
          depth_mm: Optional[float] = None) -> Item:
    rounded = [None if v is None else round(float(v), 4) for v in (x, y, peak_c, size_mm, depth_mm)]
    item: Item = dict(zip(('x', 'y', 'peak_c', 'size_mm', 'depth_mm'), rounded))
    item.update(kind=kind, side=_SIDE_NAME[side])
    return item
