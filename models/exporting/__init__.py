"""From a trained network to a bundle with every form that a board may want, each compared with the network."""
from ..lazy import lazily

#: Public name to the module it lies in.
_PUBLIC = {'Order': 'build', 'build_bundle': 'build', 'open_checkpoint': 'checkpoint', 'parity_frames': 'frames'}

__all__ = sorted(_PUBLIC)
__getattr__ = lazily(__name__, _PUBLIC)
