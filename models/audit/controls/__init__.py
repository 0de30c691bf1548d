"""What must not predict the diagnosis: one module a control, one registry."""
from .background import BACKGROUND
from .chance import CHANCE
from .dialect import DIALECT
from .file import FILE
from .geometry import GEOMETRY
from .level import LEVEL
from .marker import MARKER
from .moment import MOMENT
from .noise import NOISE
from .number import NUMBER

#: In the order of the table. `CHANCE` is a check of the protocol and stands apart.
CONTROLS = (BACKGROUND, MARKER, NUMBER, DIALECT, NOISE, GEOMETRY, FILE, LEVEL, MOMENT)

__all__ = ['CHANCE', 'CONTROLS']
