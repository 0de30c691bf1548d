"""Outlines of the body parts as signed distances, and the seven regions drawn from them."""
import numpy as np

from .. import regions
from .posture import SIDES
from .shapes import ellipse, inside_polygon, smooth_min, spline, tapered_capsule
from .streams import normal, stream, uniform

_BREAST = {-1: regions.RIGHT_BREAST, 1: regions.LEFT_BREAST}
_NIPPLE = {-1: regions.RIGHT_NIPPLE, 1: regions.LEFT_NIPPLE}
_ARMPIT = {-1: regions.RIGHT_ARMPIT, 1: regions.LEFT_ARMPIT}


class Silhouette:
    """Distances of every part, in body units, negative inside; all float32 HxW.

    Attributes:
        torso, neck, head, body (numpy.ndarray): `body` is everything but the head.
        arm, arm_along, arm_across, forearm (dict): side -> array.
        breast, p, q (dict): side -> breast distance and its own coordinates: `p` runs from -1 at the
            medial to +1 at the lateral edge, `q` from -1 at the top to +1 at the fold.
        armpit (dict): side -> bool mask; armpit_points (dict): side -> corners, in body units.
    """

    def __init__(self, posture, canvas, seed):
        x, y = canvas.x, canvas.y
        self.torso = _torso(posture, x, y)
        self.neck = _neck(posture, x, y)
        centre = (posture.neck_turn, posture.chin_y - posture.head_height)
        self.head = ellipse(x, y, centre, (posture.head_half, posture.head_height))
        body = smooth_min(self.torso, self.neck, 0.06)
        self.arm, self.arm_along, self.arm_across, self.forearm = {}, {}, {}, {}
        self.breast, self.p, self.q = {}, {}, {}
        for side in SIDES:
            s = posture.sides[side]
            lateral = x * side
            elbow = tuple(s.shoulder[i] + s.arm_length * s.direction[i] for i in (0, 1))
            arm = tapered_capsule(lateral, y, s.shoulder, elbow, s.radius, s.elbow_radius)
            self.arm[side], self.arm_along[side], self.arm_across[side] = arm
            hand = (elbow[0] + 0.6 * np.cos(s.forearm_angle), elbow[1] - 0.6 * np.sin(s.forearm_angle))
            self.forearm[side] = tapered_capsule(lateral, y, elbow, hand, s.elbow_radius * 0.95,
                                                 s.elbow_radius * 0.6)[0]
            self.breast[side], self.p[side], self.q[side] = _breast(s, lateral, y)
            body = smooth_min(body, self.arm[side], 0.07)
            body = np.minimum(body, self.forearm[side])
            body = smooth_min(body, self.breast[side], 0.02)
        self.body = body
        self.armpit, self.armpit_points = {}, {}
        rng = stream(seed, 'armpit')
        for side in SIDES:
            points = _armpit_points(rng, posture, side)
            curve = spline(points, 4) * (side, 1)
            self.armpit[side] = inside_polygon(x, y, curve.tolist())
            self.armpit_points[side] = points

    def labels(self, posture, canvas):
        """Region ids of every pixel: uint8 HxW."""
        x, y = canvas.x, canvas.y
        labels = np.zeros(x.shape, np.uint8)
        body = self.body < 0
        offset = np.abs(x - posture.neck_turn * 0.5)
        neck = (y < neckline(posture, offset)) & (offset < posture.spike_x) & (y > posture.chin_y - 0.2)
        labels[body & neck & (self.head > 0)] = regions.NECK
        for side in SIDES:
            labels[self.armpit[side] & body & (labels == 0)] = _ARMPIT[side]
        for side in SIDES:
            labels[(self.breast[side] < 0) & (x * side > 0.004)] = _BREAST[side]
        for side in SIDES:
            s = posture.sides[side]
            areola = ellipse(x * side, y, s.nipple, (s.areola, s.areola * s.areola_aspect)) < 0
            labels[areola & body] = _NIPPLE[side]
        return labels


def neckline(posture, offset):
    """Height of the lower end of the neck at a distance from its middle: a V or U above the notch."""
    fraction = np.clip(offset / posture.spike_x, 0, 1)
    return posture.notch_y - (posture.notch_y - posture.trapezius_y - 0.012) * fraction ** posture.notch_power


def _torso(posture, x, y):
    offset = np.abs(x - posture.lean * (y - 0.5))
    sides = offset - posture.half_width(y)
    top = (posture.trapezius_y + posture.trapezius_slope * (offset - posture.neck_half) - y) * 0.95
    return -smooth_min(-sides, -top, 0.08)


def _neck(posture, x, y):
    flare = 0.05 * np.clip((y - posture.chin_y - 0.02) / 0.16, 0, 1) ** 2
    offset = np.abs(x - posture.neck_turn * np.clip((posture.notch_y - y) / 0.2, 0, 1))
    column = offset - posture.neck_half - flare
    below = y - posture.notch_y
    return np.maximum(column, below)


def _breast(s, lateral, y):
    """A tilted egg: superellipse, upper half narrower, lower half swung outwards."""
    q = y - s.centre[1]
    q = np.where(q < 0, q / s.upper, q / s.lower).astype(np.float32)
    middle = s.centre[0] + s.splay * q * np.where(q < 0, s.upper, s.lower)
    width = s.half_width * (1 - s.narrow_top * np.clip(-q, 0, 1) ** 1.2)
    p = (lateral - middle) / width
    n = s.roundness
    radius = (np.abs(p) ** n + np.abs(q) ** n) ** (1 / n)
    return ((radius - 1) * min(s.half_width, s.lower)).astype(np.float32), p.astype(np.float32), q


def _armpit_points(rng, posture, side):
    """Corners of the tall band from the raised arm's root down to the outline above the breast.

    Order: inner top, upper arm, outer arm, lower arm edge, axilla, lower tip, along the breast,
    inner middle; a lowered arm leaves a sliver along the fold. Drawn the
    way the annotators of DMR-IR drew it: 0.22 x 0.45 of the picture on average, 5.5 % of its area.
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
    points = [
        (inner_x, max(sy - normal(rng, 0.12, 0.03, 0.04, 0.18), -0.02)),
        (sx + dx * reach * 0.65 - nx * 0.07, sy + dy * reach * 0.65 - ny * 0.07),
        (sx + dx * reach + nx * s.radius * 0.45, sy + dy * reach + ny * s.radius * 0.45),
        (sx + dx * reach * 0.95 + nx * s.radius * 1.02, sy + dy * reach * 0.95 + ny * s.radius * 1.02),
        (max(crease_x, sx + 0.05) + 0.02, crease_y + 0.01),
        (tip_x, tip_y),
        (0.45 * inner_x + 0.55 * tip_x - 0.015, 0.45 * inner_y + 0.55 * tip_y),
        (inner_x + uniform(rng, -0.01, 0.02), inner_y),
    ]
    return points
