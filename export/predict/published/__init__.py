"""Times that others measured on a Jetson Nano, and the networks they measured, as tables of kernels."""
from .load import FIGURES, LAYERS, Figure, Source, figures, not_used, tables

__all__ = ['FIGURES', 'Figure', 'LAYERS', 'Source', 'figures', 'not_used', 'tables']
