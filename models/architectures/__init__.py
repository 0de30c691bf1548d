"""Networks by name. One module per architecture; each maps Nx1x240x320 to region and finding scores."""
from .half_unet import HalfUnet

ARCHITECTURES = {'half_unet': HalfUnet}


def build(name, **sizes):
    """A fresh network.

    Raises:
        KeyError: unknown architecture; `ARCHITECTURES` lists them.
    """
    return ARCHITECTURES[name](**sizes)
