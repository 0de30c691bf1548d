"""What a phantom is to show: how she stands, her breasts, what covers the skin, optics and camera.

She faces the camera with her front or a side. Turned to her own left, her right side comes into view and her chest
points to the right of the picture: a right oblique at 45 degrees, a right lateral at 90. The body is turned by an angle
that scatters around these; `view_of` gives the view of any angle.
"""
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, Optional

import numpy as np

from .. import views
from .anatomy import ARMS_DOWN, ARMS_ON_HIPS, ARMS_RAISED
from .noise import chance, stream, uniform

FRONT = 'front'

#: What faces the camera, and the degrees that the body is turned to its own left for it.
ANGLES_DEG = {FRONT: 0.0, views.LEFT_OBLIQUE: -45.0, views.RIGHT_OBLIQUE: 45.0, views.LEFT_LATERAL: -90.0,
              views.RIGHT_LATERAL: 90.0}
FACINGS = tuple(ANGLES_DEG)

ARMS = (ARMS_RAISED, ARMS_ON_HIPS, ARMS_DOWN)

#: A flat side is a breast taken off and not built up again; a mound is one built up without a nipple.
NATURAL, SMALL, VERY_LARGE, FLAT, MOUND = 'natural', 'small', 'very large', 'flat', 'mound'
BREASTS = (NATURAL, SMALL, VERY_LARGE, FLAT, MOUND)

#: Frames without a torso.
THINGS = ('empty room', 'mug', 'hand', 'chair', 'face', 'radiator')

GOOD, SECOND = 'good', 'second'
CAMERAS = (GOOD, SECOND)


@dataclass(frozen=True)
class Description:
    """What one phantom is to show. The default is an ordinary frontal view.

    Attributes:
        facing: one of `FACINGS`.
        rotation_deg: how far the body is turned to its own left, -180 to 180; None draws it around the angle of
            `facing`.
        lean_deg: how far the trunk leans to the right of the picture, -25 to 25.
        stoop_deg: how far it leans towards the camera of a frontal view, -20 to 25.
        arms: one of `ARMS`; None lets the patient decide.
        right_breast, left_breast: one of `BREASTS`.
        belly_folds: 0 to 3 folds of the skin below the breasts.
        dressings: 0 to 3 plasters or compresses on the skin.
        out_of_frame: ``'right'`` or ``'left'`` breast that the picture cuts off; None for none.
        defocus: Gaussian sigma of a camera out of focus, picture heights; 0.0 leaves the camera's own blur.
        motion: how far the picture moved during a frame, picture heights.
        camera: `GOOD`, as in DMR-IR, or `SECOND`: cheaper, with noise, dark corners and a lens that bends lines.
        thing: one of `THINGS` in place of a torso, to which nothing but `camera`, `defocus` and `motion` applies; None
            for a torso.

    Raises:
        ValueError: a value that is none of these.
    """

    facing: str = FRONT
    rotation_deg: Optional[float] = None
    lean_deg: float = 0.0
    stoop_deg: float = 0.0
    arms: Optional[str] = None
    right_breast: str = NATURAL
    left_breast: str = NATURAL
    belly_folds: int = 0
    dressings: int = 0
    out_of_frame: Optional[str] = None
    defocus: float = 0.0
    motion: float = 0.0
    camera: str = GOOD
    thing: Optional[str] = None

    def __post_init__(self) -> None:
        for name, value, allowed in (
                ('facing', self.facing, FACINGS), ('arms', self.arms, ARMS + (None,)),
                ('right_breast', self.right_breast, BREASTS), ('left_breast', self.left_breast, BREASTS),
                ('belly_folds', self.belly_folds, range(4)), ('dressings', self.dressings, range(4)),
                ('out_of_frame', self.out_of_frame, ('right', 'left', None)),
                ('camera', self.camera, CAMERAS),
                ('thing', self.thing, THINGS + (None,))):
            if value not in allowed:
                raise ValueError('%s must be one of %s, not %r' % (name, ', '.join(map(str, allowed)), value))
        for name, number, low, high in (
                ('rotation_deg', self.rotation_deg or 0.0, -180, 180), ('lean_deg', self.lean_deg, -25, 25),
                ('stoop_deg', self.stoop_deg, -20, 25), ('defocus', self.defocus, 0, 0.2),
                ('motion', self.motion, 0, 0.2)):
            if not low <= number <= high:
                raise ValueError('%s must be between %s and %s, not %r' % (name, low, high, number))

    def plain(self) -> Dict[str, Any]:
        """Every attribute by its name."""
        return asdict(self)


def view_of(rotation_deg: float, arms: str) -> str:
    """The view, of `service.views.VIEWS`, of a torso that is turned to its own left by an angle.

    The nearest of frontal, oblique and lateral; the arms, one of `ARMS`, tell frontal views apart. Beyond a lateral
    view, turned away from the camera, it stays lateral.
    """
    nearest = min(ANGLES_DEG, key=lambda facing: abs(ANGLES_DEG[facing] - rotation_deg))
    if nearest == FRONT:
        return views.RAISED_ARMS if arms == ARMS_RAISED else views.FRONTAL
    return nearest


#: Kinds that a set of phantoms is mixed from. ``'flat'`` is an ordinary frontal view without a description, drawn flat;
#: ``'frontal'`` to ``'right-lateral'`` are the `FACINGS`, ``'none'`` has no torso, and the others are frontal views
#: with something about them.
KINDS = ('flat', 'frontal') + FACINGS[1:] + (
    'rotated', 'leaning', 'arms down', 'absent breast', 'reconstructed breast', 'small breasts', 'very large breasts',
    'belly folds', 'dressing', 'breast out of frame', 'defocus', 'motion', 'second camera', views.NO_TORSO)


def choose_kind(seed: int, shares: Dict[str, float]) -> str:
    """The kind of one phantom of a set.

    Args:
        seed: of the phantom.
        shares: how often every kind is wanted, in any unit; kinds of `KINDS`.

    Raises:
        ValueError: an unknown kind, a negative share, or nothing wanted.
    """
    unknown = sorted(set(shares) - set(KINDS))
    if unknown:
        raise ValueError('there is no kind %r of phantoms; there are %s' % (unknown[0], ', '.join(KINDS)))
    weights = np.array([float(shares.get(kind, 0.0)) for kind in KINDS])
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError('shares must be 0 or more, and one of them above 0')
    return KINDS[int(stream(seed, 'kind').choice(len(KINDS), p=weights / weights.sum()))]


def describe(kind: str, seed: int) -> Optional[Description]:
    """Draw one phantom of a kind; None of ``'flat'``.

    Everything but its subject varies as it does among patients: arms, sizes of the breasts, folds of the belly and
    the camera. What would make it another kind is left out.

    Args:
        kind: one of `KINDS`.
        seed: of the phantom.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError('there is no kind %r of phantoms; there are %s' % (kind, ', '.join(KINDS)))
    if kind == 'flat':
        return None
    rng = stream(seed, 'description ' + kind)
    camera = SECOND if kind == 'second camera' or chance(rng, 0.2) else GOOD
    if kind == views.NO_TORSO:
        return Description(thing=THINGS[rng.randint(len(THINGS))], camera=camera)
    size = (SMALL, VERY_LARGE, NATURAL)[rng.choice(3, p=(0.08, 0.08, 0.84))]
    size = {'small breasts': SMALL, 'very large breasts': VERY_LARGE}.get(kind, size)
    folds = rng.randint(1, 4) if kind == 'belly folds' or chance(rng, 0.15) else 0
    plain = Description(facing=kind if kind in FACINGS else FRONT, right_breast=size, left_breast=size,
                        belly_folds=int(folds), camera=camera)
    changes = _subject(kind, rng)
    if plain.facing != FRONT and chance(rng, 0.15):
        changes.update(arms=_lowered(rng))
    return replace(plain, **changes)


def _subject(kind: str, rng: np.random.RandomState) -> Dict[str, Any]:
    """What makes a frontal view one of a kind, as attributes of `Description`."""
    if kind == 'rotated':
        return {'rotation_deg': _sign(rng) * uniform(rng, 10, 22)}
    if kind == 'leaning':
        if chance(rng, 0.5):
            return {'lean_deg': _sign(rng) * uniform(rng, 8, 22)}
        return {'stoop_deg': uniform(rng, 8, 25)}
    if kind == 'arms down':
        return {'arms': _lowered(rng)}
    if kind in ('absent breast', 'reconstructed breast'):
        side, other = (('right_breast', 'left_breast'), ('left_breast', 'right_breast'))[rng.randint(2)]
        lost = FLAT if kind == 'absent breast' else MOUND
        return {side: lost, other: lost} if chance(rng, 0.15) else {side: lost}
    if kind == 'dressing':
        return {'dressings': int(rng.randint(1, 4))}
    if kind == 'breast out of frame':
        return {'out_of_frame': ('right', 'left')[rng.randint(2)]}
    if kind == 'defocus':
        return {'defocus': uniform(rng, 0.010, 0.035)}
    if kind == 'motion':
        return {'motion': uniform(rng, 0.015, 0.07)}
    return {}


def _lowered(rng: np.random.RandomState) -> str:
    return (ARMS_ON_HIPS, ARMS_DOWN)[rng.randint(2)]


def _sign(rng: np.random.RandomState) -> int:
    return (-1, 1)[rng.randint(2)]
