"""The body as solids, turned before the camera: what the picture shows of it, and where on the skin that lies.

The trunk is an elliptical column, a breast a drop on its wall, the neck a column, arms are tapered capsules and the
head is an ellipsoid. The camera is level and far away, so every row of the picture is a horizontal slice of the body.
Slices of trunk, neck and breasts are ellipses, whose outline and front follow in closed form for any angle. At 0
degrees the outlines are those of `anatomy.Silhouette`.

x and y are as in `anatomy`, z grows from the axis of the body towards the camera of a frontal view. A body that is
turned to its own left by an angle shows a point (x, z) at ``u = x cos + z sin`` and the depth ``-x sin + z cos``.

The skin is unrolled to a flat map. In front its x is that of the frontal view; further round it is the way along the
skin, so that the pattern on a flank is no wider than that on the chest.
"""
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from .anatomy import ARMS_DOWN, SIDES, Grid, Posture, Side
from .description import FLAT, MOUND, SMALL, VERY_LARGE
from .noise import normal, stream, uniform
from .shapes import ellipse, smooth_min, tapered_capsule

#: Heights of the slices, body units.
_STEP = 0.002
_HEIGHTS = np.arange(-0.8, 2.4, _STEP)

#: Beyond this angle from the front, the map follows the way along the skin.
_UNROLL = np.deg2rad(55)

#: Where the map has the skin of an arm: behind the flanks, where trunk and breasts draw nothing.
_ARM_MAP_X, _ARM_MAP_Y = 0.78, 0.25

#: The map of a point that is on no map.
NOWHERE = np.float32(9.0)

TRUNK, NECK, HEAD, ARM, FOREARM, BREAST = 'trunk', 'neck', 'head', 'arm', 'forearm', 'breast'


class Part(NamedTuple):
    """What the picture shows of one solid; all float32, of the rows `band` of the picture.

    Attributes:
        kind: `TRUNK`, `NECK`, `HEAD`, `ARM`, `FOREARM` or `BREAST`.
        side: -1, +1, or 0 for what lies in the middle.
        distance: to its outline in the picture, body units, negative inside.
        depth: of its surface towards the camera, body units.
        x, y: place on the map of the skin, body units.
        along: position along an arm, 0 at the shoulder to 1 at the elbow; 0 of other parts.
        around: of trunk and neck, angle around the body from the front, radians; 0 of other parts.
        front_x: of a breast, x of the point in a frontal view, and of what cannot be seen there the edge's; as `x` of
            other parts.
        band: rows of the picture that the solid can reach.
    """

    kind: str
    side: int
    distance: np.ndarray
    depth: np.ndarray
    x: np.ndarray
    y: np.ndarray
    along: np.ndarray
    around: np.ndarray
    front_x: np.ndarray
    band: slice = slice(None)


class Slices(NamedTuple):
    """Ellipses of one solid at the heights `_HEIGHTS`, body units.

    Attributes:
        x, z: centre.
        across, out: half axes; `out` points away from the axis of the body, `across` along its wall.
        turn: angle of `out` from the front towards +x, radians.
        reach: what is added to the outline; negative above and below the solid, where it ends.
    """

    x: np.ndarray
    z: np.ndarray
    across: np.ndarray
    out: np.ndarray
    turn: float
    reach: np.ndarray


class Body:
    """The solids of one body.

    Args:
        posture: its numbers in the frontal view. Its breasts are changed to what `breasts` says.
        breasts: what is on every side, as in `description`.
        stoop: how far the trunk leans forward, the tangent of the angle.
        folds: number of folds of the belly.
        seed: of the phantom.

    Attributes:
        fold_heights: y of every fold of the belly.
    """

    def __init__(self, posture: Posture, breasts: Dict[int, str], stoop: float, folds: int, seed: int) -> None:
        rng = stream(seed, 'solid')
        self._posture = posture
        # Depth of a chest over its width, and of a belly over the chest's.
        depth = posture.axilla_width * normal(rng, 0.87, 0.07, 0.68, 1.08)
        belly = normal(rng, 1.02, 0.10, 0.78, 1.35)
        stand = normal(rng, 0.0, 0.04, -0.1, 0.1) + stoop
        projection = normal(rng, 0.205, 0.04, 0.11, 0.30) * posture.breast.size
        outward = np.deg2rad(normal(rng, 20, 5, 8, 34))
        lift = uniform(rng, 0.9, 1.5)
        forward = normal(rng, 0.12, 0.15, -0.15, 0.45)
        head_forward = normal(rng, 0.06, 0.04, -0.03, 0.16)
        self._elbow_z = {side: forward + normal(rng, 0, 0.05, -0.1, 0.1) for side in SIDES}
        self._resize(breasts, rng)
        self.fold_heights = self._folds(folds, stream(seed, 'fold heights'))
        self._trunk = self._trunk_slices(depth, belly, stand)
        self._neck = self._neck_slices(stand)
        self._head_z = head_forward + stand * (self._posture.chin_y - 0.9)
        self._stand = stand
        self._breasts: Dict[int, Tuple[Slices, np.ndarray, np.ndarray]] = {}
        for side in SIDES:
            if breasts[side] != FLAT:
                scale = {SMALL: 0.45, VERY_LARGE: 1.45, MOUND: 0.9}.get(breasts[side], 1.0)
                self._breasts[side] = self._breast_slices(
                    posture.sides[side], scale * projection * normal(rng, 1, 0.05, 0.88, 1.12), outward, lift)

    def _resize(self, breasts: Dict[int, str], rng: np.random.RandomState) -> None:
        wide, high, sag = (uniform(rng, low, high) for low, high in ((1.12, 1.3), (1.25, 1.6), (0.1, 0.5)))
        for side in SIDES:
            s, kind = self._posture.sides[side], breasts[side]
            if kind == VERY_LARGE:
                s.half_width *= wide
                s.centre = (s.centre[0] + 0.03, s.centre[1] + 0.2 * sag)
                s.lower *= high
                s.upper *= 1.1
            elif kind == SMALL:
                s.half_width, s.upper, s.lower = 0.8 * s.half_width, 0.75 * s.upper, 0.62 * s.lower
            if kind in (VERY_LARGE, SMALL):
                down = (s.nipple[1] - s.centre[1]) if kind == SMALL else 0.55 * s.lower
                down = min(down, 0.5 * s.lower) if kind == SMALL else down
                s.nipple = (s.centre[0] + 0.4 * s.half_width + s.splay * down, s.centre[1] + down)
                s.areola *= 0.85 if kind == SMALL else 1.15

    def _folds(self, folds: int, rng: np.random.RandomState) -> List[float]:
        top = max(s.centre[1] + s.lower for s in self._posture.sides.values()) + uniform(rng, 0.05, 0.12)
        heights = []
        for _ in range(folds):
            heights.append(top)
            top += uniform(rng, 0.10, 0.2)
        return heights

    def _trunk_slices(self, depth: float, belly: float, stand: float) -> Slices:
        p, y = self._posture, _HEIGHTS
        half = np.asarray(p.half_width(y), np.float64)
        waist = float(np.clip(p.notch_y + 0.75, 0.9, 1.1))
        knots = [p.trapezius_y - 0.1, p.notch_y - 0.03, 0.42, 0.62, waist, waist + 0.35, 2.4]
        front = _smooth(np.interp(y, knots, np.array([0.0, 0.36, 0.84, 0.98, 0.97 * belly, 1.08 * belly, belly])))
        back = _smooth(np.interp(y, knots, np.array([0.2, 0.74, 1.14, 1.08, 0.88, 0.98, 1.05])))
        for height in self.fold_heights:
            bulge = np.exp(-((y - height - 0.07) / 0.05) ** 2) - 1.2 * np.exp(-((y - height) / 0.014) ** 2)
            front, half = front + 0.05 * bulge, half + 0.012 * bulge
        front, back = depth * front, depth * back
        return Slices(p.lean * (y - 0.5), 0.5 * (front - back) + stand * (0.9 - y), half,
                      np.maximum(0.5 * (front + back), 0.05), 0.0, np.zeros_like(y))

    def _neck_slices(self, stand: float) -> Slices:
        p, y = self._posture, _HEIGHTS
        half = p.neck_half + 0.05 * np.clip((y - p.chin_y - 0.02) / 0.16, 0, 1) ** 2
        end = np.minimum(0, np.minimum(p.notch_y - y, y - p.chin_y + 0.14))
        x = p.neck_turn * np.clip((p.notch_y - y) / 0.2, 0, 1)
        z = -0.05 + 0.25 * (p.notch_y - y) + stand * (0.9 - y)
        return Slices(x, z, half, 0.92 * half, 0.0, 3 * end)

    def _breast_slices(self, s: Side, projection: float, outward: float, lift: float
                       ) -> Tuple[Slices, np.ndarray, np.ndarray]:
        """Slices of one breast, its half width in the frontal view, and how far it stands out at every height."""
        y = _HEIGHTS
        scale = np.where(y < s.centre[1], s.upper, s.lower)
        q = (y - s.centre[1]) / scale
        inside = np.clip(q, -1, 1)
        n = s.roundness
        width = s.half_width * (1 - s.narrow_top * np.clip(-inside, 0, 1) ** 1.2)
        width = width * np.clip(1 - np.abs(inside) ** n, 0, 1) ** (1 / n)
        middle = s.centre[0] + s.splay * inside * scale
        # It rises from the collar bone almost straight to the height of the nipple and is round below.
        sag = float(np.clip((s.lower - 0.255) / 0.2, 0, 1))
        peak = 0.1 + 0.35 * sag
        rise = np.clip((1 + inside) / (1 + peak), 0, 1) ** lift
        fall = np.clip(1 - np.clip((inside - peak) / (1 - peak), 0, 1) ** 2.4, 0, 1) ** (1 / 2.4)
        out = np.maximum(projection * np.where(inside < peak, rise, fall), 0.002)
        turn = s.side * outward
        across = np.sqrt(np.maximum(width ** 2 - (out * np.sin(turn)) ** 2, (0.35 * width) ** 2)) / np.cos(turn)
        trunk = self._trunk
        across_trunk = np.clip(np.abs(s.side * middle - trunk.x) / trunk.across, 0, 0.95)
        wall = trunk.z + trunk.out * np.sqrt(1 - across_trunk ** 2)
        # A drooping breast hangs free of the wall below its root.
        hang = 0.4 * sag * projection * np.clip(inside / 0.6, 0, 1) ** 2
        reach = np.where(np.abs(q) > 1, -3 * (np.abs(q) - 1) * scale, 0)
        slices = Slices(s.side * middle, wall + hang, np.maximum(across, 0.002), out, turn, reach)
        return slices, np.maximum(width, 0.002), out / projection

    def head(self, angle: float) -> Tuple[Tuple[float, float], Tuple[float, float]]:
        """Centre and radii of the head in the picture, body units."""
        p = self._posture
        u = p.neck_turn * np.cos(angle) + self._head_z * np.sin(angle)
        half = float(np.hypot(p.head_half * np.cos(angle), 0.95 * p.head_height * np.sin(angle)))
        return (float(u), p.chin_y - p.head_height), (half, p.head_height)

    def parts(self, canvas: Grid, angle: float) -> List[Part]:
        """Every solid as the picture shows it: trunk first.

        Args:
            canvas: x is measured across the picture, from the axis of the body.
            angle: how far the body is turned to its own left, radians.
        """
        rows = _Rows(canvas.y)
        p = self._posture
        parts = [self._column(TRUNK, self._trunk, canvas, rows, angle)]
        neck, band = _rows_between(canvas, p.chin_y - 0.7, p.notch_y + 0.1)
        if neck is not None:
            parts.append(self._column(NECK, self._neck, neck, _Rows(neck.y), angle)._replace(band=band))
            parts.append(self._head_part(neck, angle)._replace(band=band))
        for side in SIDES:
            s = p.sides[side]
            near, band = _rows_between(canvas, s.centre[1] - s.upper - 0.04, s.centre[1] + s.lower + 0.04)
            if side in self._breasts and near is not None:
                parts.append(self._breast_part(side, near, _Rows(near.y), angle)._replace(band=band))
            parts += self._arm_parts(side, canvas, angle)
        return parts

    def _column(self, kind: str, slices: Slices, canvas: Grid, rows: '_Rows', angle: float) -> Part:
        distance, depth, around = _project(slices, canvas.x, rows, angle)
        if kind == TRUNK:
            distance = self._shoulders(distance, canvas, rows, angle)
        x = rows(slices.x) + rows(slices.across) * _unrolled(around, 0.8)
        return Part(kind, 0, distance, depth, x, canvas.y, np.zeros_like(x), around, x)

    def _shoulders(self, distance: np.ndarray, canvas: Grid, rows: '_Rows', angle: float) -> np.ndarray:
        """Cut the column of the trunk off at the shoulders, which slope to the sides and steeper to the back."""
        p, across = self._posture, np.cos(angle) ** 2
        middle = rows(self._trunk.x * np.cos(angle) + self._trunk.z * np.sin(angle))
        slope = p.trapezius_slope * across + 0.45 * (1 - across)
        top = (p.trapezius_y + slope * (np.abs(canvas.x - middle) - p.neck_half) - canvas.y) * 0.95
        return -smooth_min(-distance, -top, 0.08)

    def _breast_part(self, side: int, canvas: Grid, rows: '_Rows', angle: float) -> Part:
        slices, width, share = self._breasts[side]
        distance, depth, around = _project(slices, canvas.x, rows, angle)
        frontal = np.arctan2(slices.out * np.sin(slices.turn), slices.across * np.cos(slices.turn))
        around = around + rows(frontal)
        # Flat near its upper end, where it is one with the chest; a dome further down.
        dome = 0.7 * rows(share)
        ahead = np.clip(around, -np.pi / 2, np.pi / 2)
        place = (1 - dome) * np.sin(ahead) + dome * ahead * np.float32(2 / np.pi)
        middle, half = rows(slices.x), rows(width)
        x = middle + half * (place + np.float32(0.5) * (around - ahead))
        # What a frontal view does not show is as cold as what lies just inside the breast's edge.
        most = 0.99 - 0.14 * abs(np.sin(angle))
        front_x = middle + half * np.clip(place, -most, most)
        return Part(BREAST, side, distance, depth, x, canvas.y, np.zeros_like(x), np.zeros_like(x), front_x)

    def nipple(self, side: int) -> Tuple[np.ndarray, np.ndarray]:
        """The nipple in the body's x, y and z, and the direction in x and z that runs outwards across the areola."""
        s = self._posture.sides[side]
        slices, width, _ = self._breasts[side]
        x, z, across, out, half = (float(np.interp(s.nipple[1], _HEIGHTS, field)) for field in
                                   (slices.x, slices.z, slices.across, slices.out, width))
        cos, sin = np.cos(slices.turn), np.sin(slices.turn)
        share = float(np.clip((side * s.nipple[0] - x) / half, -0.97, 0.97))
        around = np.arcsin(share) - np.arctan2(out * sin, across * cos)
        point = np.array([x + half * share, s.nipple[1],
                          z - across * np.sin(around) * sin + out * np.cos(around) * cos])
        return point, np.array([cos, -sin])

    def _head_part(self, canvas: Grid, angle: float) -> Part:
        centre, radii = self.head(angle)
        distance = ellipse(canvas.x, canvas.y, centre, radii)
        inside = np.clip(1 + distance / min(radii), 0, 1)
        depth = self._head_z * np.cos(angle) + self._posture.head_height * np.sqrt(1 - inside ** 2)
        nowhere = np.full(distance.shape, NOWHERE, np.float32)
        zeros = np.zeros_like(nowhere)
        return Part(HEAD, 0, distance, depth.astype(np.float32), nowhere, canvas.y, zeros, zeros, nowhere)

    def _arm_parts(self, side: int, canvas: Grid, angle: float) -> List[Part]:
        s = self._posture.sides[side]
        cos, sin = np.cos(angle), np.sin(angle)
        shoulder = np.array([side * s.shoulder[0], s.shoulder[1], -0.05 + self._stand * (0.9 - s.shoulder[1])])
        elbow_z = self._elbow_z[side] if s.angle > 0 else 0.3 * self._elbow_z[side] - 0.05
        elbow = shoulder + s.arm_length * np.array([side * s.direction[0], s.direction[1], elbow_z])
        forearm = [side * np.cos(s.forearm_angle), -np.sin(s.forearm_angle), 0.1 if s.angle > 0 else -0.1]
        if self._posture.arms == ARMS_DOWN:
            forearm = [side * 0.1, 1.0, 0.15]
        hand = elbow + 0.6 * np.array(forearm)
        parts = []
        for kind, start, end, radii in ((ARM, shoulder, elbow, (s.radius, s.elbow_radius)),
                                        (FOREARM, elbow, hand, (0.95 * s.elbow_radius, 0.6 * s.elbow_radius))):
            ends = [(p[0] * cos + p[2] * sin, p[1]) for p in (start, end)]
            if abs(ends[0][0] - ends[1][0]) + abs(ends[0][1] - ends[1][1]) < 1e-3:
                ends[1] = (ends[1][0], ends[1][1] + 1e-3)
            distance, along, across = tapered_capsule(canvas.x, canvas.y, ends[0], ends[1], *radii)
            radius = radii[0] + (radii[1] - radii[0]) * along
            axis = [-p[0] * sin + p[2] * cos for p in (start, end)]
            bulge = np.sqrt(np.clip(-distance * (distance + 2 * radius), 0, None))
            depth = axis[0] + (axis[1] - axis[0]) * along + bulge
            further = 0 if kind == ARM else 0.4
            x = (side * (_ARM_MAP_X + across)).astype(np.float32)
            y = _ARM_MAP_Y + 0.4 * along + further
            parts.append(Part(kind, side, distance, depth.astype(np.float32), x, y.astype(np.float32), along,
                              np.zeros_like(x), x))
        return parts


class _Rows:
    """Looks numbers of slices up at the height of every pixel."""

    def __init__(self, y: np.ndarray) -> None:
        place = np.clip((y - np.float32(_HEIGHTS[0])) / np.float32(_STEP), 0, len(_HEIGHTS) - 1.001)
        self._index = place.astype(np.int32)
        self._part = (place - self._index).astype(np.float32)

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        table = np.asarray(numbers, np.float32)
        low = np.take(table, self._index)
        return low + self._part * (np.take(table, self._index + 1) - low)


def _rows_between(canvas: Grid, top: float, bottom: float) -> Tuple[Optional[Grid], slice]:
    """The rows of a picture that show anything between two heights, and which they are; None without any."""
    rows = np.nonzero((canvas.y.max(1) > top) & (canvas.y.min(1) < bottom))[0]
    if not len(rows):
        return None, slice(0)
    band = slice(int(rows[0]), int(rows[-1]) + 1)
    return Grid(canvas.x[band], canvas.y[band], canvas.pixel), band


def _project(slices: Slices, u: np.ndarray, rows: _Rows, angle: float
             ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance to the outline, depth, and angle around the slice from its `out` axis towards +x."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned_cos, turned_sin = np.cos(angle + slices.turn), np.sin(angle + slices.turn)
    half = np.hypot(slices.across * turned_cos, slices.out * turned_sin)
    centre = slices.x * cos + slices.z * sin
    away = -slices.x * sin + slices.z * cos
    phase = np.arctan2(slices.out * turned_sin, slices.across * turned_cos)
    outline = half + slices.reach
    # The outline is slanted, so that the way to it is shorter than the way along the row.
    lean, steep = np.gradient(centre, _STEP), np.gradient(outline, _STEP)
    offset = u - rows(centre)
    nearest = [1 / np.hypot(1, np.clip(lean + sign * steep, -9, 9)) for sign in (-1, 1)]
    along_row = np.abs(offset) - rows(outline)
    distance = along_row * np.where(offset < 0, rows(nearest[0]), rows(nearest[1]))
    # A flat end of a solid bends away; what lies beside it in the same row is not near.
    distance = np.where(distance > 0.004, np.maximum(distance, 0.5 * along_row), distance)
    share = np.clip(offset / rows(half), -1, 1)
    depth = (rows(away) + rows(slices.across * slices.out / half) * np.sqrt(1 - share ** 2)
             + rows((slices.out ** 2 - slices.across ** 2) * turned_sin * turned_cos / half) * share)
    return distance, depth, np.arcsin(share) - rows(phase)


def _unrolled(around: np.ndarray, flatness: float) -> np.ndarray:
    """Place on the map of an angle around a slice, as a share of its half width."""
    # Behind the back the way goes on in the direction in which it began.
    beyond = np.abs(around) - np.float32(_UNROLL)
    return np.where(beyond < 0, np.sin(around), np.sign(around) * (np.float32(np.sin(_UNROLL)) + flatness * beyond))


def _smooth(values: np.ndarray) -> np.ndarray:
    kernel = np.hanning(81) / np.hanning(81).sum()
    return np.convolve(np.pad(values, 40, 'edge'), kernel, 'valid')
