"""The signs of one picture."""
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from ..languages import N_
from ..regions import region_label
from ..result import Result
from ..views import SIDE_VIEWS
from .differences import areola_signs, fold_sign, global_signs, quadrant_sign
from .grid import SIDES, Grid, make_grid
from .mirror import MirroredMap, mirror_signs, mirrored_map
from .scale import DISTANCE, Scale, scale_of
from .sign import RULES, Sign, not_assessable
from .spots import focal_signs, hottest_sign
from .vessels import vessel_sign

#: Of ``signs.json``.
SCHEMA = 1

#: Signs that need a nipple, and signs that need millimetres.
_OF_NIPPLES = ('quadrant-difference', 'areola-difference', 'areola-ring', 'mirror-patch', 'mirror-patch-ville-marie')
_OF_SCALE = ('mirror-patch', 'mirror-patch-ville-marie', 'focal-spot', 'focal-spot-ville-marie', 'fold-difference',
             'vessel-index')
_NO_SCALE = 'Nobody knows how many millimetres a pixel shows: state the distance and the field of view of the camera.'


@dataclass(frozen=True)
class Reading:
    """The signs of one picture.

    Attributes:
        scale: None where it is not known.
        signs: every one of `RULES`, in that order.
        distance_m: from the lens to the patient, as it was stated, by which two visits are compared; else None.
    """

    scale: Optional[Scale]
    signs: Tuple[Sign, ...]
    distance_m: Optional[float] = None

    def sign(self, name: str) -> Sign:
        """The sign of a name."""
        return next(sign for sign in self.signs if sign.name == name)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values."""
        return {'schema': SCHEMA, 'distance_m': self.distance_m, 'scale': self.scale and self.scale.to_dict(),
                'signs': [sign.to_dict() for sign in self.signs]}


def read_signs(result: Result, distance_m: Optional[float] = None, field_of_view_deg: Optional[float] = None
               ) -> Reading:
    """Compute every sign of a result, from its temperatures as they were measured and never from an equalised picture.

    Args:
        result: of one picture, at the size it was analysed in.
        distance_m: from the lens to the patient, metres; None where nobody stated it.
        field_of_view_deg: horizontal, of the camera; None where it is not known.
    """
    scale = None if result.labels is None else scale_of(result.labels, distance_m, field_of_view_deg)
    return _read(result, distance_m, scale)


def read_signs_again(result: Result, before: Mapping[str, Any]) -> Reading:
    """The signs of a picture whose regions have changed, at the distance and scale that it was taken with.

    Args:
        result: with its new regions.
        before: its ``signs.json``; a scale that came from the body comes from the new regions. Empty where there are
            none.
    """
    known = before.get('scale') or {}
    scale = (Scale(known['mm_per_px'], known['uncertainty'], DISTANCE) if known.get('basis') == DISTANCE else
             None if result.labels is None else scale_of(result.labels))
    return _read(result, before.get('distance_m'), scale)


def _read(result: Result, distance_m: Optional[float], scale: Optional[Scale]) -> Reading:
    reason = _hindrance(result)
    if reason or result.labels is None:
        return Reading(None, tuple(not_assessable(name, reason) for name in RULES), distance_m)
    return Reading(scale, _signs(result, scale), distance_m)


def grid_of(result: Result, scale: Optional[Scale]) -> Grid:
    """The grid on which a result with regions is read; at full size without a scale."""
    assert result.labels is not None
    return make_grid(result.thermogram.pixels, result.labels, result.body.threshold,
                     scale.mm_per_px if scale else float('nan'))


def registration(result: Result, scale: Optional[Scale]) -> Union[Tuple[Grid, MirroredMap], str]:
    """The breasts of a result laid onto each other, as for the mirrored patch, and the grid on which they lie.

    Args:
        result, scale: as of `grid_of`.

    Returns:
        The reason, as a sentence, where they cannot be.
    """
    reason = _hindrance(result) or _missing(result)
    if reason:
        return reason
    if scale is None:
        return _NO_SCALE
    if scale.insufficient:
        return scale.insufficient
    grid = grid_of(result, scale)
    made = mirrored_map(grid)
    return made if isinstance(made, str) else (grid, made)


def _hindrance(result: Result) -> str:
    """Why no sign at all can be assessed, as a sentence; empty where some can."""
    if not result.thermogram.is_celsius:
        return 'The picture has no temperatures.'
    if result.refusals:
        return N_('There is no result: %s') % result.refusals[0].sentence
    if result.view in SIDE_VIEWS:
        return 'This is a side view: left and right are compared in a frontal one.'
    if result.labels is None:
        return 'No regions were marked.'
    missing = [side.breast for side in SIDES if result.region(side.breast) is None]
    return 'The %s is not seen.' % region_label(missing[0]) if missing else ''


def _missing(result: Result) -> str:
    """That a nipple is not seen, as a sentence; empty where both are."""
    missing = [region_label(side.nipple) for side in SIDES if result.region(side.nipple) is None]
    return 'The %s is not seen.' % missing[0] if missing else ''


def _signs(result: Result, scale: Optional[Scale]) -> Tuple[Sign, ...]:
    reasons: Dict[str, str] = {}
    lacking = _missing(result)
    if scale is None:
        reasons.update(dict.fromkeys(_OF_SCALE, _NO_SCALE))
    if lacking:
        reasons.update(dict.fromkeys(_OF_NIPPLES, lacking))
    full = grid_of(result, None)
    signs: List[Sign] = global_signs(full) + [hottest_sign(result, scale)]
    if not lacking:
        signs += [quadrant_sign(full)] + areola_signs(full, scale)
    if scale is not None:
        grid = grid_of(result, scale)
        signs += focal_signs(grid, scale) + [fold_sign(grid), vessel_sign(grid, scale)]
        if not lacking:
            signs += mirror_signs(grid, scale)
    by_name = {sign.name: sign for sign in signs}
    return tuple(by_name[name] if name in by_name else not_assessable(name, reasons[name]) for name in RULES)
