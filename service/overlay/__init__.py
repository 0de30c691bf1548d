"""The overlay: what an operator sees of a result."""
from .draw import draw_overlay
from .layers import LAYERS, draw_layer
from .scale import automatic_span, colourise

__all__ = ['LAYERS', 'automatic_span', 'colourise', 'draw_layer', 'draw_overlay']
