"""What the audited classifier is fed with; controls are in `models.audit.controls`."""
from .base import Input, is_constant, tabulate
from .curves import BETTI, BETTI_ABSOLUTE, BETTI_MARKER
from .pictures import PICTURES
from .regions import REGION_STATISTICS, REGIONS_ABSOLUTE, REGIONS_MARKER
from .skin import SKIN, SKIN_ABSOLUTE, SKIN_MARKER

#: Torso-masked, skin-relative, marker filled in: what may be called a model. The first is the one whose verdict
#: stands above the table; it was named before the first run.
MODELS = (REGION_STATISTICS, SKIN, BETTI)

#: The same three with what a model must not see, to show how much it buys.
VARIANTS = (REGIONS_MARKER, SKIN_MARKER, BETTI_MARKER, REGIONS_ABSOLUTE, SKIN_ABSOLUTE, BETTI_ABSOLUTE)

__all__ = ['MODELS', 'PICTURES', 'VARIANTS', 'Input', 'is_constant', 'tabulate']
