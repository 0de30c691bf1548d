"""What every preprocess chain is: a name, constants, and one way from a frame to a tensor."""
from dataclasses import dataclass

import numpy as np

from ..body import find_body
from ..messages import BundleError
from .fit import Fit


@dataclass(frozen=True)
class Prepared:
    """A frame made ready for a network.

    Attributes:
        tensor (numpy.ndarray): float32 1xCxHxW, values 0..1, C-contiguous.
        fit (Fit): how the frame lies in the tensor.
    """

    tensor: np.ndarray
    fit: Fit

    @property
    def picture(self):
        """What the network sees, as a uint8 HxW or HxWx3 (RGB) picture of the input's size."""
        channels = np.rint(self.tensor[0] * 255).astype(np.uint8)
        return channels[0] if len(channels) == 1 else np.ascontiguousarray(channels.transpose(1, 2, 0))


class Chain:
    """Base of the preprocess chains.

    A chain and its constants travel in the bundle's manifest. Changing what a chain computes means
    a new id; a constant is changed in the manifest, never in code.

    Args:
        constants (dict): overrides of `DEFAULTS`; the manifest's ``preprocess.constants``.
    Raises:
        BundleError: a constant that the chain does not have or cannot use.
    """

    #: Name and version, such as ``'plateau-1'``.
    id = ''
    #: Number of channels of the tensor.
    channels = 1
    #: Every constant with its default. `width` and `height` are the network input, in pixels.
    DEFAULTS = {'width': 320, 'height': 240}

    def __init__(self, constants=None):
        constants = dict(constants or {})
        unknown = sorted(set(constants) - set(self.DEFAULTS))
        if unknown:
            raise BundleError('chain-constants', 'Chain %s has no constant %s; it has %s.'
                              % (self.id, ', '.join(unknown), ', '.join(sorted(self.DEFAULTS))))
        self.constants = dict(self.DEFAULTS, **constants)
        for side in ('width', 'height'):
            if type(self.constants[side]) is not int or not 16 <= self.constants[side] <= 2048:
                raise BundleError('chain-constants', 'Chain %s needs a whole %s between 16 and 2048 pixels, '
                                  'not %r.' % (self.id, side, self.constants[side]))
        self._check()

    def apply(self, thermogram, body=None):
        """Make a thermogram ready for the network.

        Args:
            thermogram (Thermogram): the frame.
            body (Body): the frame's body, where the caller has it already.
        Returns:
            Prepared: tensor and geometry.
        """
        fit = Fit.of(thermogram.pixels.shape, (self.constants['height'], self.constants['width']))
        tensor = self._tensor(thermogram, body or find_body(thermogram), fit)
        return Prepared(np.ascontiguousarray(tensor, np.float32), fit)

    def _check(self):
        """Refuse constants that contradict each other. Chains override it."""

    def _tensor(self, thermogram, body, fit):
        """The network input, float32 1xCxHxW. Chains override it."""
        raise NotImplementedError('%s._tensor' % type(self).__name__)

    def _check_window(self, levels):
        low_c, high_c = self.constants['low_c'], self.constants['high_c']
        if not low_c < high_c:
            raise BundleError('chain-constants', 'Chain %s needs low_c below high_c, not %r and %r.'
                              % (self.id, low_c, high_c))
        if not 2 <= levels <= 65536:
            raise BundleError('chain-constants', 'Chain %s needs 2 to 65536 levels, not %r.' % (self.id, levels))
