"""classic-1: full-frame histogram equalisation, as most published work does it."""
import numpy as np

from .base import Chain
from .levels import classic_table, to_levels


class Classic(Chain):
    """8-bit grey over a fixed temperature window, then `cv2.equalizeHist`, bit for bit.

    Constants:
        low_c, high_c: window in degrees Celsius that becomes grey 0..255. A relative frame is 8-bit
            grey already and is taken as it is.
    """

    id = 'classic-1'
    DEFAULTS = dict(Chain.DEFAULTS, low_c=18.0, high_c=40.0)

    def _check(self):
        self._check_window(256)

    def _tensor(self, thermogram, body, fit):
        grey = self.grey(thermogram)
        equalised = np.take(equalisation_table(grey), grey)
        return fit.to_input(equalised, padding=0)[np.newaxis, np.newaxis] * np.float32(1 / 255.0)

    def grey(self, thermogram):
        """The 8-bit picture that is equalised: uint8 HxW."""
        return to_grey(thermogram, self.constants['low_c'], self.constants['high_c'])


def to_grey(thermogram, low_c, high_c):
    """A thermogram as an 8-bit grey picture over a fixed window: uint8 HxW."""
    return to_levels(thermogram.pixels, thermogram.unit, low_c, high_c, 256).astype(np.uint8)


def equalisation_table(grey):
    """The equalising table of a uint8 picture: uint8, 256 values."""
    return classic_table(np.bincount(grey.ravel(), minlength=256))
