"""How many millimetres of skin one pixel shows."""
import math
from typing import Any, Dict, NamedTuple, Optional

import numpy as np

from ..regions import LEFT_NIPPLE, RIGHT_NIPPLE

#: What a scale is taken from.
DISTANCE, BODY = 'distance', 'body'

#: Mean distance of the nipples of 54 young women, of which the abstract was read [AlQattan2019].
NIPPLES_APART_MM = 203.0

#: Share by which a scale may be wrong. Of the distance, what is stated where nobody measured from the lens; of the
#: body, how far women and poses differ (both our own).
_UNCERTAINTY = {DISTANCE: 0.05, BODY: 0.2}

#: Fewest pixels per cm² for findings of about that size: a spot of nine pixels is the smallest that is believed.
LEAST_PER_CM2 = 9.0


class Scale(NamedTuple):
    """The scale of a picture at the breasts.

    Attributes:
        mm_per_px: width of a pixel.
        uncertainty: share by which that may be wrong.
        basis: `DISTANCE` or `BODY`.
    """

    mm_per_px: float
    uncertainty: float
    basis: str

    @property
    def pixels_per_cm2(self) -> float:
        """Pixels on a square centimetre."""
        return 100.0 / self.mm_per_px ** 2

    @property
    def insufficient(self) -> str:
        """Why small findings cannot be assessed, as a sentence; empty where they can."""
        if self.pixels_per_cm2 >= LEAST_PER_CM2:
            return ''
        return 'Resolution insufficient: %.1f pixels per cm², and %d are needed.' % (self.pixels_per_cm2, LEAST_PER_CM2)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values."""
        return {'mm_per_px': round(self.mm_per_px, 3), 'uncertainty': self.uncertainty, 'basis': self.basis,
                'pixels_per_cm2': round(self.pixels_per_cm2, 1)}


def scale_of(labels: np.ndarray, distance_m: Optional[float] = None, field_of_view_deg: Optional[float] = None
             ) -> Optional[Scale]:
    """The scale of a frontal picture: from distance and lens where both are known, else from the body.

    Args:
        labels: uint8 HxW region ids.
        distance_m: from the lens to the patient, metres.
        field_of_view_deg: horizontal, of the camera.

    Returns:
        None where neither both numbers nor both nipples are known.
    """
    if distance_m and field_of_view_deg:
        width_mm = 2000.0 * distance_m * math.tan(math.radians(field_of_view_deg) / 2)
        return Scale(width_mm / labels.shape[1], _UNCERTAINTY[DISTANCE], DISTANCE)
    nipples = [np.argwhere(labels == region) for region in (RIGHT_NIPPLE, LEFT_NIPPLE)]
    if not all(map(len, nipples)):
        return None
    apart_px = float(np.hypot(*(nipples[0].mean(axis=0) - nipples[1].mean(axis=0))))
    return Scale(NIPPLES_APART_MM / apart_px, _UNCERTAINTY[BODY], BODY)
