"""The overlay: what an operator sees of a result."""
from .draw import LAYERS, draw_overlay
from .scale import automatic_span, colourise

__all__ = ['LAYERS', 'automatic_span', 'colourise', 'draw_overlay']
