"""Signs that a clinician asks for, each as measurement, threshold, source and whether it is met; never a grade."""
from .mirror import MirroredMap, mirrored_map
from .scale import BODY, DISTANCE, Scale, scale_of
from .sign import MET, NOT_ASSESSABLE, NOT_MET, OWN, RULES, STATES, Rule, Sign, Spot
from .static import SCHEMA, Reading, grid_of, read_signs

__all__ = ['BODY', 'DISTANCE', 'MET', 'MirroredMap', 'NOT_ASSESSABLE', 'NOT_MET', 'OWN', 'RULES', 'Reading', 'Rule',
           'SCHEMA', 'STATES', 'Scale', 'Sign', 'Spot', 'grid_of', 'mirrored_map', 'read_signs', 'scale_of']
