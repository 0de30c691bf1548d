"""Training on Lightning: recipes in; weights, figures and bundles out."""
from .fit import fit

__all__ = ['fit']
