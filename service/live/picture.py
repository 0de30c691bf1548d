"""One result as one JPEG."""
import cv2

from ..messages import ThermoscreenError
from ..overlay import draw_overlay


class Painter:
    """Draws and encodes with one installation's palette, layer and quality.

    Args:
        palette_name (str): a palette of `service.palettes`.
        layer (str): a layer of `service.overlay`.
        jpeg_quality (int): 1 to 100.
    """

    def __init__(self, palette_name='iron', layer='original', jpeg_quality=85):
        self._palette_name = palette_name
        self._layer = layer
        self._parameters = [int(cv2.IMWRITE_JPEG_QUALITY), int(jpeg_quality)]

    def paint(self, result, watch):
        """The JPEG of a result, with the stages ``'overlay'`` and ``'encode'`` lapped on `watch`."""
        drawn = draw_overlay(result, self._palette_name, self._layer)
        watch.lap('overlay')
        done, data = cv2.imencode('.jpg', drawn, self._parameters)
        if not done:
            raise ThermoscreenError('picture-not-encoded', 'The picture could not be encoded.')
        watch.lap('encode')
        return data.tobytes()
