"""Signs that a clinician asks for, each as measurement, threshold, source and whether it is met; never a grade."""
from .mirror import MirroredMap, mirrored_map
from .rewarming import SLOW, Rewarming, Timed, map_rewarming
from .scale import BODY, DISTANCE, Scale, scale_of
from .series import Paired, Recovery, fit_recovery, fit_series, fitted
from .sign import MET, NOT_ASSESSABLE, NOT_MET, OWN, RULES, STATES, Rule, Sign, Spot, rounded
from .static import SCHEMA, Reading, grid_of, read_signs, read_signs_again, registration
from .visits import CANNOT_TELL, CHANGED, DETECTABLE_C, NOT_CHANGED, Change, Visit, compare_visits, refusals

__all__ = ['BODY', 'CANNOT_TELL', 'CHANGED', 'Change', 'DETECTABLE_C', 'DISTANCE', 'MET', 'MirroredMap',
           'NOT_ASSESSABLE', 'NOT_CHANGED', 'NOT_MET', 'OWN', 'Paired', 'RULES', 'Reading', 'Recovery', 'Rewarming',
           'Rule', 'SCHEMA', 'SLOW', 'STATES', 'Scale', 'Sign', 'Spot', 'Timed', 'Visit', 'compare_visits',
           'fit_recovery', 'fit_series', 'fitted', 'grid_of', 'map_rewarming', 'mirrored_map', 'read_signs',
           'read_signs_again', 'refusals', 'registration', 'rounded', 'scale_of']
