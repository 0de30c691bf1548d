"""turbo-1: the equalised heat map, three channels."""
import numpy as np

from ..palettes import palette
from .base import Chain
from .classic import equalisation_table, to_grey


class Turbo(Chain):
    """Full-frame equalisation followed by the TURBO palette, red, green and blue as channels.

    Published heat-map classifiers take this picture. Equalisation and palette are one table, so the
    frame passes through it once.

    Constants:
        low_c, high_c: window in degrees Celsius that becomes the 256 levels.
        equalise: whether the levels are equalised before the palette.
    """

    id = 'turbo-1'
    channels = 3
    DEFAULTS = dict(Chain.DEFAULTS, low_c=18.0, high_c=40.0, equalise=True)

    def _check(self):
        self._check_window(256)

    def _tensor(self, thermogram, body, fit):
        grey = to_grey(thermogram, self.constants['low_c'], self.constants['high_c'])
        table = palette('turbo')
        if self.constants['equalise']:
            table = table[equalisation_table(grey)]
        heat = fit.to_input(np.take(table, grey, axis=0), padding=table[0])
        return heat.transpose(2, 0, 1)[np.newaxis] * np.float32(1 / 255.0)
