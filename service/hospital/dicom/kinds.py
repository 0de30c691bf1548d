"""Which functions make the objects of each kind that the settings may name."""
from typing import Callable, Dict, Iterator, Tuple

from ..site import OBJECTS
from .document import document
from .images import pictures, series, temperatures
from .measurements import measurements
from .modules import Case, Made
from .parametric_map import maps
from .regions import regions

#: By the names of `OBJECTS`.
KINDS: Dict[str, Tuple[Callable[[Case], Iterator[Made]], ...]] = dict.fromkeys(OBJECTS, ())
KINDS.update({
    'temperature': (temperatures,),
    'series': (series,),
    'picture': (pictures,),
    'measurements': (measurements,),
    'report': (document,),
    'regions': (regions,),
    'map': (maps,),
})
