"""The views that a network tells apart, by the names that manifests, results and phantoms use.

Sides are the patient's: a side view is named after her side that faces the camera (``docs/phantoms.md`` draws them).
"""

#: A frontal view with the arms down or on the hips, and one with the arms raised; a frame without a torso.
FRONTAL, RAISED_ARMS, NO_TORSO = 'frontal', 'raised-arms', 'none'
LEFT_OBLIQUE, RIGHT_OBLIQUE, LEFT_LATERAL, RIGHT_LATERAL = ('left-oblique', 'right-oblique', 'left-lateral',
                                                            'right-lateral')

#: Views in which left and right can be compared.
FRONTAL_VIEWS = (FRONTAL, RAISED_ARMS)

#: Every view.
VIEWS = FRONTAL_VIEWS + (LEFT_OBLIQUE, RIGHT_OBLIQUE, LEFT_LATERAL, RIGHT_LATERAL, NO_TORSO)
