"""Phantoms by description: the skin is drawn once on a flat map, and the turned body looks it up."""
import copy
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from .. import regions
from ..views import NO_TORSO
from .anatomy import (
    ARMPIT_IDS,
    BREAST_IDS,
    NIPPLE_IDS,
    SIDES,
    Canvas,
    Grid,
    Placement,
    Posture,
    Silhouette,
    armpit_points,
    as_drawn,
    breast_distance,
    drawn_armpit,
    neckline,
)
from .description import ANGLES_DEG, FLAT, MOUND, SECOND, Description, view_of
from .lesions import Item, planted_heat
from .noise import chance, normal, smooth_noise, stream, uniform
from .shapes import ellipse, inside_polygon, smooth_min, smoothstep, spline
from .skin import (
    ASYMMETRY_SD_C,
    BREAST_MEAN_C,
    BREAST_SD_C,
    arm_heat,
    edge_heat,
    face_heat,
    map_heat,
    natural_veins,
    patches,
    settle,
)
from .solid import ARM, BREAST, FOREARM, HEAD, NECK, NOWHERE, TRUNK, Body, Part
from .surroundings import Room, second_lens
from .things import thing_scene

#: What the map of the skin covers: body units each way from the middle of the back to the middle of the back, and from
#: above the shoulders to below the belly.
_MAP_WIDTH, _MAP_TOP, _MAP_HEIGHT = 2.4, -0.3, 1.7

#: Pixels of the map per body unit, at least and at most.
_MAP_PX = (120, 300)

#: Width of the middle of the map, which has all anatomy; beyond are flanks and back.
_CORE_WIDTH = 1.3

#: How far the body's turn scatters around the angle of its view, degrees, and its limits.
_SCATTER_DEG = {0.0: (2.5, 7.0), 45.0: (6.0, 15.0), 90.0: (6.0, 15.0)}

#: Beyond this angle from the front the trunk is the back.
_BACK = np.deg2rad(110)

#: Share of an upper arm over which the skin of the trunk becomes that of the arm.
_SHOULDER = 0.45

#: Smallest visible piece that somebody would label, square body units: 5 % of a nipple.
_LEAST_AREA = 0.0005


class Rendered(NamedTuple):
    """A described phantom before its camera: `scene_c` float32 HxW, `labels` uint8 HxW, `planted` as of `Phantom`."""

    scene_c: np.ndarray
    labels: np.ndarray
    planted: Dict[str, Any]


class _Map(Canvas):
    """The flat map of the skin, `across` body units wide, for a picture of `height` pixels."""

    def __init__(self, height: int, across: float) -> None:
        scale = float(np.clip(0.625 * height, *_MAP_PX))
        zoom = 1 / _MAP_HEIGHT
        middle = _MAP_TOP + 0.5 * _MAP_HEIGHT
        self.zoom = zoom
        super().__init__(Placement(zoom, 0.0, (0.5 - middle) * zoom, 0.0), int(round(_MAP_HEIGHT * scale)),
                         2 * int(round(0.5 * across * scale)))

    def noise(self, rng: np.random.RandomState, cell: float) -> np.ndarray:
        """As of `Canvas`, with detail as coarse on the body as in an ordinary picture."""
        return smooth_noise(rng, self.height, self.width, cell * self.zoom)

    def look_up(self, field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values of a field of the map at places in body units, interpolated; the edge beyond it."""
        column, row = self.to_pixel(x, y)
        column = np.clip(column, 0, self.width - 1.001)
        row = np.clip(row, 0, self.height - 1.001)
        left, top = column.astype(np.int32), row.astype(np.int32)
        right, down = (column - left).astype(np.float32), (row - top).astype(np.float32)
        index = top * self.width + left
        flat = np.asarray(field, np.float32).ravel()
        upper = np.take(flat, index)
        upper = upper + right * (np.take(flat, index + 1) - upper)
        index = index + self.width
        lower = np.take(flat, index)
        lower = lower + right * (np.take(flat, index + 1) - lower)
        return upper + down * (lower - upper)


class _MapOutline(Silhouette):
    """What the skin's patterns are drawn around on the map; the trunk goes on beyond its sides."""

    def __init__(self, posture: Posture, canvas: Canvas, armpits: Dict[int, List[Tuple[float, float]]]) -> None:
        self.torso = np.full(canvas.x.shape, -1, np.float32)
        self.body = np.where((np.abs(canvas.x) < 0.45) & (np.abs(canvas.y - 0.6) < 0.5), -1, 1).astype(np.float32)
        self.breast, self.p, self.q, self.armpit_points = {}, {}, {}, armpits
        for side in SIDES:
            drawn = breast_distance(posture.sides[side], canvas.x * side, canvas.y)
            self.breast[side], self.p[side], self.q[side] = drawn


def render_described(seed: int, height: int, width: int, abnormal: Optional[bool], description: Description
                     ) -> Rendered:
    """One described phantom before its camera; arguments and errors as of `make_phantom`."""
    has_breasts = description.thing is None and FLAT not in (description.right_breast, description.left_breast)
    if abnormal and not has_breasts:
        raise ValueError('an abnormal phantom needs both breasts')
    if abnormal is None:
        abnormal = has_breasts and bool(stream(seed, 'abnormal').uniform() < 0.5)
    distortion = second_lens(seed) if description.camera == SECOND else 0.0
    planted = dict(description.plain(), seed=int(seed), abnormal=bool(abnormal), items=[])
    if description.thing is not None:
        canvas = Canvas(Placement(1.0, 0.0, 0.0, 0.0), height, width, distortion)
        scene, room_c = thing_scene(description.thing, canvas, seed)
        planted.update(view=NO_TORSO, room_c=round(room_c, 3), absent_breasts=[])
        return Rendered(scene, np.zeros((height, width), np.uint8), planted)
    scene, labels, more = _Torso(seed, height, width, description, distortion).render(bool(abnormal))
    planted.update(more)
    return Rendered(scene, labels, planted)


class _Torso:
    """One torso as described, placed before the camera."""

    def __init__(self, seed: int, height: int, width: int, description: Description, distortion: float) -> None:
        self._seed, self._description = seed, description
        rng = stream(seed, 'view')
        turn = description.rotation_deg
        if turn is None:
            nominal = ANGLES_DEG[description.facing]
            spread, most = _SCATTER_DEG[abs(nominal)]
            turn = nominal + normal(rng, 0, spread, -most, most)
        self.turn_deg = float(turn)
        self._angle = float(np.deg2rad(turn))
        self._breasts = {-1: description.right_breast, 1: description.left_breast}
        self._posture = Posture(seed, description.arms)
        self._aim(rng)
        stoop = float(np.tan(np.deg2rad(description.stoop_deg)))
        self._body = Body(self._posture, self._breasts, stoop, description.belly_folds, seed)
        for s in self._posture.sides.values():
            # It lies aslant on the breast, and looks a fifth smaller from the front.
            s.areola *= 1.1
        self._canvas = Canvas(self._posture, height, width, distortion)
        draw = stream(seed, 'armpit')
        self._armpits = {side: armpit_points(draw, self._posture, side) for side in SIDES}

    def _aim(self, rng: np.random.RandomState) -> None:
        """Point the camera at the middle of what it sees."""
        p = self._posture
        p.tilt += np.deg2rad(self._description.lean_deg)
        # Breasts stand out further in front than the back does behind.
        p.shift_x -= p.zoom * np.sin(self._angle) * (0.09 + normal(rng, 0, 0.03, -0.08, 0.08))
        p.shift_x += np.sin(np.deg2rad(self._description.lean_deg)) * 0.1
        if self._description.out_of_frame is not None:
            side = -1 if self._description.out_of_frame == 'right' else 1
            s = p.sides[side]
            p.zoom = max(p.zoom, 0.9)
            # The edge of the picture lies at the breastbone or in the inner half of the breast.
            edge = s.centre[0] + uniform(rng, -0.9, 0.1) * s.half_width
            p.shift_x = side * (0.5 * 4 / 3.0 - p.zoom * edge)

    def render(self, abnormal: bool) -> Tuple[np.ndarray, np.ndarray, Dict[str, Any]]:
        """Scene in °C, labels, and what is planted."""
        seed, canvas, posture = self._seed, self._canvas, self._posture
        room = Room(seed, posture)
        level = stream(seed, 'level')
        breast_c = normal(level, BREAST_MEAN_C, BREAST_SD_C, 26.8, 33.8)
        difference_c = level.normal(0, ASYMMETRY_SD_C)
        heat, domes, nipples, skin_map, items = self._map_heat(breast_c, difference_c, abnormal)
        parts = self._body.parts(canvas, self._angle)
        front = _Front(canvas, parts, self._angle)
        for side, s in posture.sides.items():
            if self._breasts[side] != FLAT:
                front.centre_nipple(side, self._body.nipple(side), s.nipple[0], s.areola)
        skin = skin_map.look_up(heat, front.x, front.y)
        breast = front.kind == BREAST_INDEX
        # Where a breast rises slowly from the trunk, as to the side, its cold begins slowly too.
        rise = np.where(parts[0].distance < 0, front.depth - parts[0].depth, np.float32(1))[breast]
        begun = smoothstep(rise, 0.0, uniform(stream(seed, 'breast edges'), 0.03, 0.12))
        skin[breast] += begun * skin_map.look_up(domes, front.front_x[breast], front.y[breast])
        nipple = front.nipple_x != NOWHERE
        skin[nipple] += skin_map.look_up(nipples, front.nipple_x[nipple], front.y[nipple])
        # A shoulder is one with the trunk: its pattern fades into that of the arm.
        arm = (front.kind == ARM_INDEX) & (front.along < _SHOULDER) & (parts[0].distance < 0.02)
        share = smoothstep(front.along[arm], 0.0, _SHOULDER)
        chest = skin_map.look_up(heat, parts[0].x[arm], parts[0].y[arm])
        skin[arm] = chest + share * (skin[arm] - chest)
        skin = skin + front.arms(arm_heat(seed)) + self._fold_heat(front)
        skin = front.soften(skin)
        skin = skin + edge_heat(front.body, seed)
        # Skin stays above the room, as in `phantom`; softly, since a cold breast may fill a side view.
        low = room.room_c + 5.0
        skin = np.where(skin < low, low - 1.5 + 1.5 * np.exp(np.minimum(skin - low, 0) / 1.5), np.minimum(skin, 37.2))
        behind = copy.copy(posture)
        behind.neck_turn = self._body.head(self._angle)[0][0]
        outline = _HeadOnly(front.head_distance)
        if front.head.any():
            face = np.maximum(face_heat(behind, canvas, outline, seed) + breast_c, room.room_c + 1.0)
            skin = np.where(front.head, face, skin)
        labels = self._labels(front)
        skin = self._dress(skin, labels, front, room)
        skin = room.cover(skin, posture, Grid(front.x, front.y, canvas.pixel))
        wall = room.background(behind, canvas)
        scene = wall + front.coverage * (skin - wall)
        planted = {
            'room_c': round(room.room_c, 3), 'breast_c': round(breast_c, 3),
            'left_minus_right_c': round(float(difference_c), 3), 'marker': room.marker is not None,
            'arms': posture.arms, 'zoom': round(posture.zoom, 4), 'items': items,
            'tilt_deg': round(float(np.rad2deg(posture.tilt)), 3), 'rotation_deg': round(self.turn_deg, 3),
            'view': view_of(self.turn_deg, posture.arms),
            'absent_breasts': [name for name, side in (('right', -1), ('left', 1)) if self._breasts[side] == FLAT],
        }
        return scene.astype(np.float32), labels, planted

    def _map_heat(self, breast_c: float, difference_c: float, abnormal: bool
                  ) -> Tuple[np.ndarray, np.ndarray, np.ndarray, _Map, List[Item]]:
        """The skin of trunk and neck, what breasts and nipples add to it, their map, and what is planted."""
        seed, posture = self._seed, self._posture
        skin_map, core = (_Map(self._canvas.height, width) for width in (_MAP_WIDTH, _CORE_WIDTH))
        outline = _MapOutline(posture, core, self._armpits)
        anatomy, domes, nipples = map_heat(posture, core, outline, seed, self._breasts)
        wide = patches(skin_map, seed) + natural_veins(posture, skin_map, seed)
        margin = (skin_map.width - core.width) // 2
        middle = slice(margin, margin + core.width)
        settled = settle(wide[:, middle] + anatomy + domes + nipples, core, outline, breast_c, difference_c)
        # What the middle adds goes on around the back.
        added = settled - domes - nipples - wide[:, middle]
        rng = stream(seed, 'scars')
        for side in SIDES:
            scar = _scar(posture, core, side, rng)
            if self._breasts[side] in (FLAT, MOUND):
                added = added + scar
        items: List[Item] = []
        if abnormal:
            extra, items = planted_heat(posture, core, outline, seed)
            # The mean of the skin is held, as in `phantom.render_anatomy`.
            added = added + extra - extra[outline.body < 0].mean()
        heat = wide + np.pad(added, ((0, 0), (margin, margin)), 'edge')
        domes, nipples = (np.pad(field, ((0, 0), (margin, margin))) for field in (domes, nipples))
        return heat, domes, nipples, skin_map, items

    def _fold_heat(self, front: '_Front') -> np.ndarray:
        """The deep end of a fold of the belly is warm."""
        rng = stream(self._seed, 'belly folds')
        heat = np.zeros(front.x.shape, np.float32)
        for height in self._body.fold_heights:
            sag, rise, width = uniform(rng, -0.05, 0.12), uniform(rng, 0.5, 2.2), uniform(rng, 0.006, 0.018)
            reach = uniform(rng, 0.25, 0.9)
            # It hangs lowest in the middle and runs out on the flanks.
            line = height + sag * (1 - np.clip(np.abs(front.x) / reach, 0, 1) ** 2) - 0.5 * sag
            below = np.exp(-((front.y - line) / width) ** 2) * (front.kind == TRUNK_INDEX)
            heat += (rise * below * smoothstep(np.abs(front.x), reach, 0.7 * reach)).astype(np.float32)
        return heat

    def _labels(self, front: '_Front') -> np.ndarray:
        """Region ids of what is seen of the body: uint8 HxW."""
        posture, canvas = self._posture, self._canvas
        labels = np.zeros(front.x.shape, np.uint8)
        on_body = front.seen
        trunk, neck = (on_body & (front.kind == index) for index in (TRUNK_INDEX, NECK_INDEX))
        offset = np.abs(front.x - posture.neck_turn * 0.5)
        low = front.y < neckline(posture, offset)
        chest = trunk & front.ahead & (offset < posture.spike_x)
        labels[(neck | chest) & low & (front.y > posture.chin_y - 0.2)] = regions.NECK
        for side in SIDES:
            mask = (trunk & front.ahead) | (on_body & (front.kind == ARM_INDEX) & (front.side == side))
            x = np.where(trunk, front.x, front.frontal_x()) * side
            self._paint(labels, mask & (labels == 0) & (x > 0.05), x, canvas.y,
                        _armpit_curve(drawn_armpit(self._armpits[side])), ARMPIT_IDS[side])
        for side in SIDES:
            if self._breasts[side] == FLAT:
                continue
            s = posture.sides[side]
            breast = on_body & (front.kind == BREAST_INDEX) & (front.side == side)
            drawn = breast_distance(as_drawn(s), front.x * side, front.y)[0] < 0
            labels[breast | (trunk & front.ahead & drawn & (front.x * side > 0.004))] = BREAST_IDS[side]
            if self._breasts[side] != MOUND:
                areola = ellipse(front.nipple_x * side, front.y, s.nipple, (s.areola, s.areola * s.areola_aspect)) < 0
                labels[breast & areola] = NIPPLE_IDS[side]
        least = _LEAST_AREA / canvas.pixel ** 2
        for side in SIDES:
            if (labels == NIPPLE_IDS[side]).sum() < least:
                labels[labels == NIPPLE_IDS[side]] = BREAST_IDS[side]
        counts = np.bincount(labels.ravel(), minlength=len(regions.REGIONS))
        labels[(counts < least)[labels]] = regions.BACKGROUND
        return labels

    @staticmethod
    def _paint(labels: np.ndarray, mask: np.ndarray, x: np.ndarray, y: np.ndarray,
               curve: List[Tuple[float, float]], region: int) -> None:
        """Give the pixels of a mask inside a curve to a region."""
        index = np.flatnonzero(mask)
        inside = inside_polygon(x.ravel()[index], y.ravel()[index], curve)
        labels.ravel()[index[inside]] = region

    def _dress(self, skin: np.ndarray, labels: np.ndarray, front: '_Front', room: Room) -> np.ndarray:
        """Lay plasters and compresses on the skin; what they hide has no label."""
        rng = stream(self._seed, 'dressings')
        for _ in range(self._description.dressings):
            side = SIDES[rng.randint(2)]
            s = self._posture.sides[side]
            x = side * (s.centre[0] + uniform(rng, -0.9, 0.9) * s.half_width)
            y = uniform(rng, s.centre[1] - s.upper, s.centre[1] + 1.2 * s.lower)
            half = (uniform(rng, 0.025, 0.13), uniform(rng, 0.02, 0.09))
            turn = uniform(rng, 0, np.pi)
            u = np.cos(turn) * (front.x - x) + np.sin(turn) * (front.y - y)
            v = np.cos(turn) * (front.y - y) - np.sin(turn) * (front.x - x)
            corner = 0.25 * min(half)
            distance = np.hypot(np.clip(np.abs(u) - half[0] + corner, 0, None),
                                np.clip(np.abs(v) - half[1] + corner, 0, None)) - corner
            cover = np.clip(0.5 - distance / self._canvas.pixel, 0, 1)
            cloth = room.room_c + uniform(rng, 0.35, 0.85) * (skin - room.room_c)
            cloth = cloth + uniform(rng, 0.0, 0.5) * np.exp(-np.abs(u) / 0.01)
            skin = skin + cover * (cloth - skin)
            labels[cover > 0.5] = regions.BACKGROUND
        return skin


_KINDS = (TRUNK, NECK, HEAD, ARM, FOREARM, BREAST)
TRUNK_INDEX, NECK_INDEX, HEAD_INDEX, ARM_INDEX, FOREARM_INDEX, BREAST_INDEX = range(6)


class _Front:
    """What lies in front at every pixel.

    Attributes:
        x, y: place on the map of the skin.
        kind, side: index of the part into `_KINDS`, and its side.
        depth: towards the camera.
        body: distance to the outline of everything but the head, with limbs joined smoothly.
        coverage: share of the pixel that the body or the head covers.
        head: the pixel shows the head.
        head_distance: distance to the outline of the head; 1 where that is far away.
        seen: the pixel shows the body, not the wall.
        along: position along the arm that is seen, 0 at the shoulder to 1 at the elbow.
        front_x: of a breast, the x of a point in a frontal view.
        nipple_x: near a nipple, its x there plus the way from it on the skin; `NOWHERE` elsewhere.
        ahead: the trunk's front and sides, not its back.
    """

    def __init__(self, canvas: Grid, parts: List[Part], angle: float) -> None:
        trunk = parts[0]
        self._canvas = canvas
        self._cos, self._sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        # Seen from the side, the muscles of the back and the chest run up the raised arm.
        fillets = {NECK: 0.06, ARM: 0.07 + 0.09 * abs(np.sin(angle)), BREAST: 0.02}
        # Copies: other parts are laid over them.
        self.x, self.y, self.front_x = trunk.x.copy(), trunk.y.copy(), trunk.front_x.copy()
        self.depth = np.where(trunk.distance < 0, trunk.depth, np.float32(-9))
        self.kind = np.zeros(canvas.x.shape, np.uint8)
        self.side = np.zeros(canvas.x.shape, np.int8)
        self.body = trunk.distance.copy()
        self.along = np.zeros(canvas.x.shape, np.float32)
        self.ahead = np.abs(trunk.around) < _BACK
        self.nipple_x = np.full(canvas.x.shape, NOWHERE, np.float32)
        self.head_distance = np.ones(canvas.x.shape, np.float32)
        for part in parts[1:]:
            self._lay(part)
            if part.kind == HEAD:
                self.head_distance[part.band] = part.distance
            elif part.kind == FOREARM:
                self.body = np.minimum(self.body, part.distance)
            else:
                self.body[part.band] = smooth_min(self.body[part.band], part.distance, fillets[part.kind])
        everything = np.minimum(self.body, self.head_distance)
        self.head = self.kind == HEAD_INDEX
        self.coverage = np.clip(0.5 - everything / canvas.pixel, 0, 1)
        self.seen = everything < 0

    def _lay(self, part: Part) -> None:
        """Lay one part over those that are further away."""
        band = part.band
        nearer = (part.distance < 0) & (part.depth > self.depth[band])
        np.copyto(self.depth[band], part.depth, where=nearer)
        np.copyto(self.x[band], part.x, where=nearer)
        np.copyto(self.y[band], part.y, where=nearer)
        np.copyto(self.front_x[band], part.front_x, where=nearer)
        np.copyto(self.along[band], part.along, where=nearer)
        self.kind[band][nearer] = _KINDS.index(part.kind)
        self.side[band][nearer] = part.side

    def soften(self, field: np.ndarray) -> np.ndarray:
        """Smooth a field where one part ends in front of another: float32 HxW."""
        part = self.kind.astype(np.int16) * 3 + self.side
        edge = np.zeros(part.shape, bool)
        down, right = part[1:] != part[:-1], part[:, 1:] != part[:, :-1]
        edge[1:] |= down
        edge[:-1] |= down
        edge[:, 1:] |= right
        edge[:, :-1] |= right
        rows = np.pad(field, 1, 'edge')
        rows = rows[:-2] + 2 * rows[1:-1] + rows[2:]
        smooth = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / np.float32(16)
        return np.where(edge, smooth, field)

    def frontal_x(self) -> np.ndarray:
        """X of the surface in a frontal view."""
        return self._canvas.x * self._cos - self.depth * self._sin

    def centre_nipple(self, side: int, nipple: Tuple[np.ndarray, np.ndarray], lateral: float, areola: float) -> None:
        """Let `nipple_x` near a nipple measure the way to it on the breast, so that its areola is round there.

        Args:
            side: of the breast.
            nipple: as of `Body.nipple`.
            lateral: its lateral x in a frontal view.
            areola: its radius.
        """
        (x, y, z), outwards = nipple
        mine = (self.kind == BREAST_INDEX) & (self.side == side)
        u, depth = self._canvas.x[mine], self.depth[mine]
        dx = u * self._cos - depth * self._sin - np.float32(x)
        dz = u * self._sin + depth * self._cos - np.float32(z)
        way = np.hypot(dx, dz)
        place = side * np.float32(lateral) + np.where(dx * outwards[0] + dz * outwards[1] < 0, -way, way)
        near = np.hypot(way, self._canvas.y[mine] - np.float32(y)) < 2.5 * areola
        self.nipple_x[mine] = np.where(near, place, NOWHERE)

    def arms(self, levels: Dict[int, Tuple[float, float]]) -> np.ndarray:
        """Heat of the arms beside that of the map: float32 HxW."""
        heat = np.zeros(self.x.shape, np.float32)
        limbs = (self.kind == ARM_INDEX) | (self.kind == FOREARM_INDEX)
        for side, (level, muscle) in levels.items():
            mine = limbs & (self.side == side)
            along = np.where(self.kind == FOREARM_INDEX, 1, smoothstep(self.along, 0.0, _SHOULDER))
            heat += np.where(mine, (level - muscle * 0.5) * along, 0).astype(np.float32)
        return heat


class _HeadOnly(Silhouette):
    """The outline of the head, for the face."""

    def __init__(self, distance: np.ndarray) -> None:
        self.head = distance


def _armpit_curve(points: List[Tuple[float, float]]) -> List[Tuple[float, float]]:
    """The outline of an armpit on the map, that goes on around the side to the fold behind it."""
    points = list(points)
    if len(points) > 5:
        points[4] = (points[4][0] + 0.16, points[4][1])
        points[5] = (points[5][0] + 0.12, points[5][1])
    return [(float(x), float(y)) for x, y in spline(points, 4)]


def _scar(posture: Posture, canvas: Canvas, side: int, rng: np.random.RandomState) -> np.ndarray:
    """A scar across the breast's place: a fine line, cooler or warmer than the skin around it."""
    s = posture.sides[side]
    slope, rise = uniform(rng, -0.6, 0.4), normal(rng, -0.3, 0.9, -1.8, 1.6)
    bow, width, length = uniform(rng, -0.8, 0.8), uniform(rng, 0.005, 0.014), uniform(rng, 0.5, 1.0)
    across = canvas.x * side - s.centre[0]
    line = s.centre[1] + uniform(rng, -0.05, 0.12) + slope * across + bow * across ** 2
    heat = rise * np.exp(-((canvas.y - line) / width) ** 2)
    return (heat * smoothstep(np.abs(across), s.half_width * length, 0.8 * s.half_width * length)
            * chance(rng, 0.8)).astype(np.float32)
