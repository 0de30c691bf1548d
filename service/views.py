"""The views that a network tells apart, by the names that manifests, results and phantoms use.

Sides are the patient's: a side view is named after her side that faces the camera (``docs/phantoms.md`` draws them).
"""
from typing import Mapping, Optional

#: A frontal view with the arms down or on the hips, and one with the arms raised; a frame without a torso.
FRONTAL, RAISED_ARMS, NO_TORSO = 'frontal', 'raised-arms', 'none'
LEFT_OBLIQUE, RIGHT_OBLIQUE, LEFT_LATERAL, RIGHT_LATERAL = ('left-oblique', 'right-oblique', 'left-lateral',
                                                            'right-lateral')

#: Views in which left and right can be compared.
FRONTAL_VIEWS = (FRONTAL, RAISED_ARMS)

#: Views of one side.
SIDE_VIEWS = (LEFT_OBLIQUE, RIGHT_OBLIQUE, LEFT_LATERAL, RIGHT_LATERAL)

#: Every view that a network may give a probability of.
VIEWS = FRONTAL_VIEWS + SIDE_VIEWS + (NO_TORSO,)

#: What is seen of a torso that is neither clearly frontal nor clearly a side view.
TURNED = 'turned'


def recognise(probabilities: Mapping[str, float], least: float) -> Optional[str]:
    """The view that a frame shows, or `TURNED`; None where a network tells no views apart.

    Arms raised or lowered, and oblique or lateral, is one question; whether a torso is seen from the front, from a side
    or at all is another, which needs a clear answer. In doubt a frame has no torso.

    Args:
        probabilities: by view; they add up to 1.
        least: probability, above 0.5, at which the answer is clear.
    """
    if not probabilities:
        return None
    front, side = ({view: probabilities[view] for view in views if view in probabilities}
                   for views in (FRONTAL_VIEWS, SIDE_VIEWS))
    for views in (front, side):
        if sum(views.values()) >= least:
            return max(views, key=lambda view: views[view])
    return TURNED if sum(front.values()) + sum(side.values()) >= least else NO_TORSO


def view_label(view: str) -> str:
    """One of `SIDE_VIEWS` as an operator reads it, such as ``'left oblique view'``."""
    return view.replace('-', ' ') + ' view'
