"""The support bundle: what somebody needs who helps from afar, and nothing that says of whom an exam is."""
from .bundle import Made, make_bundle
from .parts import STATE, Station

__all__ = ['Made', 'STATE', 'Station', 'make_bundle']
