"""plateau-1: equalisation that sees skin only."""
import numpy as np

from ..messages import BundleError
from .base import Chain
from .levels import plateau_table, to_levels


class Plateau(Chain):
    """Plateau equalisation inside the body mask over a fixed temperature window.

    On DMR-IR frames a quarter of the picture is wall; a full-frame histogram spends a quarter of
    the grey levels on it and the rendering of skin depends on how much wall is visible. Here the
    histogram is the body's alone, and everything cooler than the body becomes 0. The coolest skin
    starts well above 0: a cool breast must not melt into the wall.

    Constants:
        low_c, high_c: window in degrees Celsius.
        levels: levels of the window; 1024 over 22 C is finer than a microbolometer's NETD.
        plateau: see `plateau_table`.
        skin: grey level 0..254 of the coolest skin.
    """

    id = 'plateau-1'
    DEFAULTS = dict(Chain.DEFAULTS, low_c=18.0, high_c=40.0, levels=1024, plateau=3.0, skin=56)

    def _check(self):
        self._check_window(self.constants['levels'])
        if not self.constants['plateau'] > 0:
            raise BundleError('chain-constants', 'Chain %s needs a plateau above 0, not %r.'
                              % (self.id, self.constants['plateau']))
        if not 0 <= self.constants['skin'] <= 254:
            raise BundleError('chain-constants', 'Chain %s needs skin between 0 and 254, not %r.'
                              % (self.id, self.constants['skin']))

    def _tensor(self, thermogram, body, fit):
        table = self._table(thermogram, body)
        frame = fit.to_input(thermogram.pixels, padding=thermogram.pixels.min())
        return np.take(table, self._levels(frame, thermogram.unit))[np.newaxis, np.newaxis]

    def _table(self, thermogram, body):
        """float32 value of every level: the one table the frame passes through."""
        inside = self._levels(body.reduced[body.mask], thermogram.unit)
        histogram = np.bincount(inside, minlength=self.constants['levels'])
        skin = self.constants['skin']
        table = np.rint(skin + plateau_table(histogram, self.constants['plateau']) * ((255.0 - skin) / 255.0))
        coolest = self._levels(np.float32([body.threshold]), thermogram.unit)[0]
        table[:coolest] = 0
        return table.astype(np.float32) / np.float32(255)

    def _levels(self, pixels, unit):
        return to_levels(pixels, unit, self.constants['low_c'], self.constants['high_c'], self.constants['levels'])
