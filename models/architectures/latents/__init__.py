"""The latents system: an encoder that learns without labels, a decoder a task."""
from .contrast import CutsModel, PatchHead, cuts_loss
from .encoder import CutsEncoder
from .network import Latents

__all__ = ['CutsEncoder', 'CutsModel', 'Latents', 'PatchHead', 'cuts_loss']
