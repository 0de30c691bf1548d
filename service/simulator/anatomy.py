"""The shape of one body, how it stands before the camera, and the seven regions drawn from its outlines.

Lengths are in body units: 1.0 is the height of a 4:3 picture at zoom 1, about 340 mm on the chest. x grows to the
right of the picture from the midline, y grows downwards from the top edge. Side +1 is the right of the picture, that
is the patient's left. Means and spreads follow the outlines of 51 annotated frontal DMR-IR thermograms [Silva2014]
(arms raised, camera at 1 m) and are widened for other clinics. Labels are drawn as annotators draw: a breast further up
and nearer to the midline than its edge can be seen (`as_drawn`), an armpit less far up the arm than it is warm
(`drawn_armpit`).
"""
import copy
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from .. import regions
from .noise import chance, normal, smooth_noise, stream, uniform
from .shapes import Value, ellipse, inside_polygon, smooth_min, spline, tapered_capsule

#: Millimetres per body unit: a breast 0.46 wide is then 156 mm, a 36 mm areola 0.106.
MM_PER_UNIT = 340.0

SIDES = (-1, 1)

ARMS_RAISED, ARMS_ON_HIPS, ARMS_DOWN = 'arms raised', 'hands on hips', 'arms down'


class Posture:
    """Numbers of one body.

    Args:
        seed: of the phantom.
        arms: how they are held; None lets the seed decide.

    Attributes:
        zoom, shift_x, shift_y, tilt: how body units map to the picture (see `Canvas`).
        arms: `ARMS_RAISED`, `ARMS_ON_HIPS` or `ARMS_DOWN`.
        widths: heights and half widths of the torso.
        sides: numbers of each side.
        neck_*, notch_y, head_*: neck column, sternal notch, head ellipse.
    """

    def __init__(self, seed: int, arms: Optional[str] = None) -> None:
        rng = stream(seed, 'posture')
        self._draw_frame(rng)
        self._draw_torso(rng)
        self._draw_neck(rng)
        roll = rng.uniform()
        self.arms = arms or (ARMS_RAISED if roll < 0.92 else ARMS_ON_HIPS if roll < 0.97 else ARMS_DOWN)
        angle = self._arm_angle(rng)
        self.breast = Breast(rng)
        self.sides: Dict[int, Side] = {}
        for side in SIDES:
            self.sides[side] = Side(rng, self, side, angle + normal(rng, 0, 5, -12, 12))

    def _draw_frame(self, rng: np.random.RandomState) -> None:
        wide = chance(rng, 0.3)
        spread = 1.8 if wide else 1.0
        self.zoom = normal(rng, 0.97 if wide else 1.0, 0.085 * spread, 0.68, 1.35)
        self.shift_x = normal(rng, 0.0, 0.026 * spread, -0.12, 0.12)
        self.shift_y = normal(rng, 0.0, 0.04 * spread, -0.13, 0.14)
        self.tilt = np.deg2rad(normal(rng, 0, 1.8, -6, 6))

    def _draw_torso(self, rng: np.random.RandomState) -> None:
        self.axilla_width = normal(rng, 0.435, 0.024, 0.36, 0.50)
        chest = self.axilla_width + normal(rng, 0.012, 0.02, -0.03, 0.06)
        waist = chest + normal(rng, -0.03, 0.035, -0.12, 0.06)
        hip = waist + normal(rng, 0.04, 0.035, -0.03, 0.13)
        waist_y = normal(rng, 1.0, 0.07, 0.86, 1.2)
        heights = np.array([-0.5, 0.1, 0.33, 0.55, waist_y, waist_y + 0.35, 2.0])
        top = self.axilla_width - uniform(rng, 0.0, 0.05)
        widths = np.array([top, top, self.axilla_width, chest, waist, hip, hip])
        fine = np.linspace(-0.5, 2.0, 251)
        curve = np.interp(fine, heights, widths)
        kernel = np.hanning(25) / np.hanning(25).sum()
        self.widths = (fine, np.convolve(np.pad(curve, 12, 'edge'), kernel, 'valid'))
        self.lean = normal(rng, 0, 0.015, -0.05, 0.05)

    def _draw_neck(self, rng: np.random.RandomState) -> None:
        self.neck_half = normal(rng, 0.135, 0.014, 0.105, 0.18)
        self.neck_turn = normal(rng, 0, 0.012, -0.035, 0.035)
        self.chin_y = normal(rng, 0.0, 0.045, -0.12, 0.1)
        self.notch_y = max(normal(rng, 0.236, 0.026, 0.17, 0.31), self.chin_y + 0.12)
        self.trapezius_y = self.notch_y - normal(rng, 0.11, 0.022, 0.05, 0.17)
        self.trapezius_slope = normal(rng, 0.22, 0.08, 0.02, 0.45)
        self.spike_x = self.neck_half + normal(rng, 0.068, 0.018, 0.025, 0.12)
        self.notch_power = uniform(rng, 1.1, 2.6)
        self.head_half = normal(rng, 0.165, 0.015, 0.13, 0.21)
        self.head_height = self.head_half * uniform(rng, 1.25, 1.5)

    def _arm_angle(self, rng: np.random.RandomState) -> float:
        """Degrees above the horizontal of the upper arm."""
        if self.arms == ARMS_RAISED:
            return normal(rng, 42, 15, 8, 78)
        if self.arms == ARMS_ON_HIPS:
            return uniform(rng, -62, -38)
        return uniform(rng, -86, -74)

    def half_width(self, y: Value) -> np.ndarray:
        """Torso half width at the heights `y`, any shape."""
        return np.asarray(np.interp(y, *self.widths), np.float32)

    def crease(self, side: int) -> Tuple[float, float]:
        """Where the lower outline of the arm meets the torso: ``(lateral x, y)``, the axilla."""
        s = self.sides[side]
        x = float(self.half_width(0.36))
        if s.angle > np.deg2rad(-30):
            reach = (x - s.shoulder[0] - s.radius * np.sin(s.angle)) / max(np.cos(s.angle), 0.25)
            y = s.shoulder[1] + s.radius * np.cos(s.angle) - reach * np.sin(s.angle)
        else:
            y = s.shoulder[1] + s.radius + 0.03
        return x, float(min(max(y, 0.26), 0.46))


class Breast:
    """What both breasts of a body share, before natural asymmetry."""

    def __init__(self, rng: np.random.RandomState) -> None:
        self.size = normal(rng, 1.0, 0.12, 0.72, 1.3)
        self.centre_x = normal(rng, 0.240, 0.014, 0.20, 0.28)
        self.centre_y = normal(rng, 0.555, 0.035, 0.46, 0.67)
        self.half_width = normal(rng, 0.226, 0.016, 0.17, 0.27) * (0.5 + 0.5 * self.size)
        self.ptosis = normal(rng, 0.35, 0.35, 0.0, 1.3)
        self.upper = normal(rng, 0.28, 0.03, 0.19, 0.36)
        self.lower = (0.255 + 0.11 * self.ptosis + normal(rng, 0, 0.02, -0.04, 0.05)) * self.size
        self.splay = normal(rng, 0.17 + 0.14 * self.ptosis, 0.07, -0.02, 0.48)
        self.roundness = uniform(rng, 1.9, 2.5)
        self.narrow_top = uniform(rng, 0.15, 0.52)
        self.nipple_down = normal(rng, 0.40 + 0.22 * self.ptosis, 0.13, 0.02, 0.82)
        self.nipple_out = normal(rng, 0.40, 0.15, -0.02, 0.78)
        self.areola = normal(rng, 0.052, 0.006, 0.036, 0.072)


class Side:
    """One half of a body: lateral coordinates (x is positive away from the midline)."""

    def __init__(self, rng: np.random.RandomState, posture: Posture, side: int, angle_deg: float) -> None:
        b = posture.breast
        self.side = side
        self.angle = float(np.deg2rad(angle_deg))
        self.radius = normal(rng, 0.142, 0.016, 0.10, 0.19)
        self.elbow_radius = self.radius * uniform(rng, 0.66, 0.95)
        raised = max(np.sin(self.angle), 0)
        self.shoulder = (posture.axilla_width - self.radius * uniform(rng, 0.55, 0.85),
                         posture.trapezius_y + 0.10 + normal(rng, 0, 0.018, -0.04, 0.04) - 0.02 * raised)
        self.direction = (float(np.cos(self.angle)), -float(np.sin(self.angle)))
        self.arm_length = uniform(rng, 0.55, 0.75)
        self.forearm_angle = self.angle + np.deg2rad(uniform(rng, 60, 150) if self.angle > 0
                                                     else -uniform(rng, 60, 100))
        self.centre = (b.centre_x + normal(rng, 0, 0.007, -0.02, 0.02),
                       b.centre_y + normal(rng, 0, 0.012, -0.035, 0.035))
        self.half_width = b.half_width * normal(rng, 1, 0.035, 0.9, 1.1)
        self.upper = b.upper * normal(rng, 1, 0.04, 0.88, 1.12)
        self.lower = b.lower * normal(rng, 1, 0.05, 0.85, 1.15)
        self.splay = b.splay + normal(rng, 0, 0.03, -0.08, 0.08)
        self.roundness, self.narrow_top = b.roundness, b.narrow_top
        down = b.nipple_down + normal(rng, 0, 0.06, -0.15, 0.15)
        out = b.nipple_out + normal(rng, 0, 0.07, -0.15, 0.15)
        self.nipple = (self.centre[0] + out * self.half_width + self.splay * down * self.lower,
                       self.centre[1] + down * self.lower)
        self.areola = b.areola * normal(rng, 1, 0.08, 0.8, 1.2)
        self.areola_aspect = uniform(rng, 0.9, 1.3)


class Grid:
    """Where on the body every pixel lies.

    Attributes:
        height, width: picture size in pixels.
        x, y: float32 HxW, body units.
        pixel: size of a pixel in body units.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, pixel: float) -> None:
        self.height, self.width = x.shape
        self.x, self.y, self.pixel = x, y, pixel


class Placement(NamedTuple):
    """How body units map to a picture: its zoom, shift in picture heights, and tilt in radians."""

    zoom: float
    shift_x: float
    shift_y: float
    tilt: float


class Canvas(Grid):
    """Grids of body coordinates for one posture and one picture size.

    Args:
        posture: its placement before the camera.
        height, width: picture size in pixels.
        distortion: of the lens: the share by which the corner of the picture sees further out than a straight lens.
    """

    def __init__(self, posture: Union[Posture, Placement], height: int, width: int, distortion: float = 0.0) -> None:
        column = ((np.arange(width) + 0.5 - width / 2.0) / height).astype(np.float32)[None, :]
        row = ((np.arange(height) + 0.5) / height - 0.5).astype(np.float32)[:, None]
        if distortion:
            corner = 0.25 * (1 + (width / float(height)) ** 2)
            stretch = (1 + distortion * (column ** 2 + row ** 2) / corner).astype(np.float32)
            column, row = column * stretch, row * stretch
        column, row = column - posture.shift_x, row - posture.shift_y
        cos, sin = np.float32(np.cos(posture.tilt)), np.float32(np.sin(posture.tilt))
        zoom = np.float32(posture.zoom)
        x = (cos * column + sin * row) / zoom
        y = (cos * row - sin * column) / zoom + np.float32(0.5)
        super().__init__(x, y, 1.0 / (height * posture.zoom))
        self._posture = posture

    def noise(self, rng: np.random.RandomState, cell: float) -> np.ndarray:
        """A random field with no detail finer than `cell`, as `smooth_noise` gives it: float32 HxW."""
        return smooth_noise(rng, self.height, self.width, cell)

    def to_pixel(self, x: Value, y: Value) -> Tuple[np.ndarray, np.ndarray]:
        """Body coordinates to (column, row) in pixels, as floats; any shape."""
        p = self._posture
        u, v = np.asarray(x) * p.zoom, (np.asarray(y) - 0.5) * p.zoom
        cos, sin = np.cos(p.tilt), np.sin(p.tilt)
        column, row = cos * u - sin * v + p.shift_x, sin * u + cos * v + p.shift_y
        return column * self.height + self.width / 2.0 - 0.5, (row + 0.5) * self.height - 0.5

    def box(self, x: float, y: float, reach: float) -> Optional[regions.Box]:
        """Box of the pixels within `reach` body units of a point; None outside the picture."""
        column, row = self.to_pixel(x, y)
        reach_px = reach / self.pixel + 1
        top, bottom = max(int(row - reach_px), 0), min(int(row + reach_px + 1), self.height)
        left, right = max(int(column - reach_px), 0), min(int(column + reach_px + 1), self.width)
        if top >= bottom or left >= right:
            return None
        return slice(top, bottom), slice(left, right)


BREAST_IDS = {-1: regions.RIGHT_BREAST, 1: regions.LEFT_BREAST}
NIPPLE_IDS = {-1: regions.RIGHT_NIPPLE, 1: regions.LEFT_NIPPLE}
ARMPIT_IDS = {-1: regions.RIGHT_ARMPIT, 1: regions.LEFT_ARMPIT}

#: Annotators leave this much between chin and neck.
_BELOW_CHIN = 0.02


class Silhouette:
    """Distances of every part, in body units, negative inside; all float32 HxW.

    Attributes:
        torso, neck, head, body: `body` is everything but the head.
        arm, arm_along, arm_across, forearm: per side.
        breast, p, q: per side, distance to the breast and its own coordinates: `p` runs from -1 at the medial to +1
            at the lateral edge, `q` from -1 at the top to +1 at the fold.
        armpit: bool mask per side, as annotators draw it.
        armpit_points: corners per side of what can be seen of it, in body units.
    """

    def __init__(self, posture: Posture, canvas: Canvas, seed: int) -> None:
        x, y = canvas.x, canvas.y
        self.torso = _torso(posture, x, y)
        self.neck = _neck(posture, x, y)
        centre = (posture.neck_turn, posture.chin_y - posture.head_height)
        self.head = ellipse(x, y, centre, (posture.head_half, posture.head_height))
        body = smooth_min(self.torso, self.neck, 0.06)
        self.arm: Dict[int, np.ndarray] = {}
        self.arm_along: Dict[int, np.ndarray] = {}
        self.arm_across: Dict[int, np.ndarray] = {}
        self.forearm: Dict[int, np.ndarray] = {}
        self.breast: Dict[int, np.ndarray] = {}
        self.p: Dict[int, np.ndarray] = {}
        self.q: Dict[int, np.ndarray] = {}
        for side in SIDES:
            s = posture.sides[side]
            lateral = x * side
            elbow = tuple(s.shoulder[i] + s.arm_length * s.direction[i] for i in (0, 1))
            arm = tapered_capsule(lateral, y, s.shoulder, elbow, s.radius, s.elbow_radius)
            self.arm[side], self.arm_along[side], self.arm_across[side] = arm
            hand = (elbow[0] + 0.6 * np.cos(s.forearm_angle), elbow[1] - 0.6 * np.sin(s.forearm_angle))
            self.forearm[side] = tapered_capsule(lateral, y, elbow, hand, s.elbow_radius * 0.95,
                                                 s.elbow_radius * 0.6)[0]
            self.breast[side], self.p[side], self.q[side] = breast_distance(s, lateral, y)
            body = smooth_min(body, self.arm[side], 0.07)
            body = np.minimum(body, self.forearm[side])
            body = smooth_min(body, self.breast[side], 0.02)
        self.body = body
        self.armpit: Dict[int, np.ndarray] = {}
        self.armpit_points: Dict[int, List[Tuple[float, float]]] = {}
        rng = stream(seed, 'armpit')
        for side in SIDES:
            points = armpit_points(rng, posture, side)
            curve = spline(drawn_armpit(points), 4) * (side, 1)
            self.armpit[side] = inside_polygon(x, y, curve.tolist())
            self.armpit_points[side] = points

    def labels(self, posture: Posture, canvas: Canvas) -> np.ndarray:
        """Region ids of every pixel: uint8 HxW."""
        x, y = canvas.x, canvas.y
        labels = np.zeros(x.shape, np.uint8)
        body = self.body < 0
        offset = np.abs(x - posture.neck_turn * 0.5)
        neck = (y < neckline(posture, offset)) & (offset < posture.spike_x) & (y > posture.chin_y - 0.2)
        labels[body & neck & (self.head > _BELOW_CHIN)] = regions.NECK
        for side in SIDES:
            labels[self.armpit[side] & body & (labels == 0)] = ARMPIT_IDS[side]
        for side in SIDES:
            breast = breast_distance(as_drawn(posture.sides[side]), x * side, y)[0]
            labels[(breast < 0) & body & (x * side > 0.004)] = BREAST_IDS[side]
        for side in SIDES:
            s = posture.sides[side]
            areola = ellipse(x * side, y, s.nipple, (s.areola, s.areola * s.areola_aspect)) < 0
            labels[areola & body] = NIPPLE_IDS[side]
        return labels


def neckline(posture: Posture, offset: np.ndarray) -> np.ndarray:
    """Height of the lower end of the neck at a distance from its middle: a V or U above the notch."""
    fraction = np.clip(offset / posture.spike_x, 0, 1)
    return posture.notch_y - (posture.notch_y - posture.trapezius_y - 0.012) * fraction ** posture.notch_power


def _torso(posture: Posture, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    offset = np.abs(x - posture.lean * (y - 0.5))
    sides = offset - posture.half_width(y)
    top = (posture.trapezius_y + posture.trapezius_slope * (offset - posture.neck_half) - y) * 0.95
    return -smooth_min(-sides, -top, 0.08)


def _neck(posture: Posture, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    flare = 0.05 * np.clip((y - posture.chin_y - 0.02) / 0.16, 0, 1) ** 2
    offset = np.abs(x - posture.neck_turn * np.clip((posture.notch_y - y) / 0.2, 0, 1))
    column = offset - posture.neck_half - flare
    below = y - posture.notch_y
    return np.maximum(column, below)


def breast_distance(s: Side, lateral: np.ndarray, y: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A tilted egg: superellipse, upper half narrower, lower half swung outwards."""
    q = y - s.centre[1]
    q = np.where(q < 0, q / s.upper, q / s.lower).astype(np.float32)
    middle = s.centre[0] + s.splay * q * np.where(q < 0, s.upper, s.lower)
    width = s.half_width * (1 - s.narrow_top * np.clip(-q, 0, 1) ** 1.2)
    p = (lateral - middle) / width
    n = s.roundness
    radius = (np.abs(p) ** n + np.abs(q) ** n) ** (1 / n)
    return ((radius - 1) * min(s.half_width, s.lower)).astype(np.float32), p.astype(np.float32), q


def as_drawn(side: Side) -> Side:
    """A breast as annotators outline it: its upper and medial edges cannot be seen and are drawn further out.

    By how much is the mean deviation of the outlines of 20 DMR-IR patients from those of a network that had learned
    the visible edge.
    """
    drawn = copy.copy(side)
    drawn.upper, drawn.narrow_top = 1.06 * side.upper, 0.5 * side.narrow_top
    drawn.half_width, drawn.centre = side.half_width + 0.006, (side.centre[0] - 0.006, side.centre[1])
    return drawn


def drawn_armpit(points: List[Tuple[float, float]]) -> List[Tuple[float, float]]:
    """Corners of a raised arm's armpit as annotators draw it: its top lower and nearer to the midline.

    By how much: as in `as_drawn`.
    """
    if len(points) < 6:
        return points
    tip_y = points[5][1]
    return [(x - 0.045 * raised, y + 0.03 * raised) for x, y in points
            for raised in [min(max((tip_y - y) / 0.4, 0.0), 1.0)]]


def armpit_points(rng: np.random.RandomState, posture: Posture, side: int) -> List[Tuple[float, float]]:
    """Corners of the tall band from the raised arm's root down to the outline above the breast.

    Order: inner top, upper arm, outer arm, lower arm edge, axilla, lower tip, along the breast, inner middle; a
    lowered arm leaves a sliver along the fold. It is drawn as the annotators of DMR-IR drew it: 0.22 x 0.45 of the
    picture on average, 5.5 % of its area.
    """
    s = posture.sides[side]
    (sx, sy), (dx, dy) = s.shoulder, s.direction
    nx, ny = -dy, dx
    reach = normal(rng, 0.215, 0.055, 0.09, 0.36)
    crease_x, crease_y = posture.crease(side)
    inner_x = posture.axilla_width - normal(rng, 0.152, 0.02, 0.09, 0.21)
    tip_y = crease_y + normal(rng, 0.205, 0.045, 0.09, 0.31)
    tip_x = float(posture.half_width(tip_y)) + uniform(rng, -0.02, 0.03)
    inner_y = normal(rng, 0.31, 0.02, 0.26, 0.37)
    if s.angle < 0:
        return [(crease_x - 0.06, crease_y - 0.17), (crease_x + 0.0, crease_y - 0.16),
                (crease_x + 0.03, crease_y - 0.05), (tip_x, tip_y),
                (crease_x - 0.055, crease_y - 0.01)]
    return [
        (inner_x, max(sy - normal(rng, 0.12, 0.03, 0.04, 0.18), -0.02)),
        (sx + dx * reach * 0.65 - nx * 0.07, sy + dy * reach * 0.65 - ny * 0.07),
        (sx + dx * reach + nx * s.radius * 0.45, sy + dy * reach + ny * s.radius * 0.45),
        (sx + dx * reach * 0.95 + nx * s.radius * 1.02, sy + dy * reach * 0.95 + ny * s.radius * 1.02),
        (max(crease_x, sx + 0.05) + 0.02, crease_y + 0.01),
        (tip_x, tip_y),
        (0.45 * inner_x + 0.55 * tip_x - 0.015, 0.45 * inner_y + 0.55 * tip_y),
        (inner_x + uniform(rng, -0.01, 0.02), inner_y),
    ]
