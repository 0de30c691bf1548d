"""Betti curves of the torso: how warm islands and cold holes come and go with the threshold."""
from . import pictures
from .base import Input

#: Picture of which the curves are taken, rows and columns.
_SHAPE = (120, 160)


def _measure(picture):
    def measure(frame):
        # Imported late: the rest of the audit works without the architectures.
        from models.architectures.betti import betti_curves
        return {'betti_%03d' % i: float(value) for i, value in enumerate(betti_curves(picture(frame, _SHAPE)))}
    return measure


BETTI = Input('betti', 'Betti curves of the torso, relative to the skin median, marker filled in',
              _measure(pictures.torso))
BETTI_ABSOLUTE = Input('betti, absolute', 'the same with absolute temperatures', _measure(pictures.torso_absolute))
BETTI_MARKER = Input('betti, marker left in', 'the relative ones from the frame with its marker',
                     _measure(pictures.torso_with_marker))
