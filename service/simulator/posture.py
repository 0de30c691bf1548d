"""The shape of one body and how it stands before the camera: draws only, no pixels.

Lengths are in body units: 1.0 is the height of a 4:3 picture at zoom 1, about 340 mm on the chest.
x grows to the right of the picture from the midline, y grows downwards from the top edge. Side +1 is
the right of the picture, that is the patient's left. Means and spreads follow the outlines of 51
annotated frontal DMR-IR thermograms (arms raised, camera at 1 m) and are widened for other clinics.
"""
import numpy as np

from .streams import chance, normal, stream, uniform

#: Millimetres per body unit: a breast 0.46 wide is then 156 mm, a 36 mm areola 0.106.
MM_PER_UNIT = 340.0

SIDES = (-1, 1)

ARMS_RAISED, ARMS_ON_HIPS, ARMS_DOWN = 'arms raised', 'hands on hips', 'arms down'


class Posture:
    """Numbers of one body.

    Attributes:
        zoom, shift_x, shift_y, tilt (float): how body units map to the picture (see `Canvas`).
        arms (str): `ARMS_RAISED`, `ARMS_ON_HIPS` or `ARMS_DOWN`.
        widths (tuple of two arrays): heights and half widths of the torso.
        sides (dict): side -> `Side`.
        neck_*, notch_y, head_* (float): neck column, sternal notch, head ellipse.
    """

    def __init__(self, seed):
        rng = stream(seed, 'posture')
        self._draw_frame(rng)
        self._draw_torso(rng)
        self._draw_neck(rng)
        roll = rng.uniform()
        self.arms = ARMS_RAISED if roll < 0.92 else ARMS_ON_HIPS if roll < 0.97 else ARMS_DOWN
        angle = self._arm_angle(rng)
        self.breast = Breast(rng)
        self.sides = {}
        for side in SIDES:
            self.sides[side] = Side(rng, self, side, angle + normal(rng, 0, 5, -12, 12))

    def _draw_frame(self, rng):
        wide = chance(rng, 0.3)
        spread = 1.8 if wide else 1.0
        self.zoom = normal(rng, 0.97 if wide else 1.0, 0.085 * spread, 0.68, 1.35)
        self.shift_x = normal(rng, 0.0, 0.026 * spread, -0.12, 0.12)
        self.shift_y = normal(rng, 0.0, 0.04 * spread, -0.13, 0.14)
        self.tilt = np.deg2rad(normal(rng, 0, 1.8, -6, 6))

    def _draw_torso(self, rng):
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

    def _draw_neck(self, rng):
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

    def _arm_angle(self, rng):
        """Degrees above the horizontal of the upper arm."""
        if self.arms == ARMS_RAISED:
            return normal(rng, 42, 15, 8, 78)
        if self.arms == ARMS_ON_HIPS:
            return uniform(rng, -62, -38)
        return uniform(rng, -86, -74)

    def half_width(self, y):
        """Torso half width at the heights `y`, any shape."""
        return np.interp(y, *self.widths).astype(np.float32)

    def crease(self, side):
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

    def __init__(self, rng):
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

    def __init__(self, rng, posture, side, angle_deg):
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
