"""An offset taken from something in the picture whose temperature is known."""
import numpy as np

from ...messages import INFO, WARNING, Message, SettingsError

#: How far a camera may be off before it is the patch that is doubted: the 5 C that a Lepton's maker allows.
MOST_OFFSET_C = 5.0

#: Spread of the patch beyond which something else is in it. A plate of one temperature spreads by the noise, 0.05 C.
_MOST_SPREAD_C = 0.5

#: The offset follows slowly, so that it adds no flicker: a camera drifts within minutes.
_TIME_CONSTANT_S = 5.0


def patch_of(text):
    """The place of the reference from ``left,top,width,height``, each a share 0..1 of the picture.

    Returns:
        tuple of float
    Raises:
        SettingsError: ``setting-range``; its key is ``reference_patch``.
    """
    try:
        left, top, width, height = [float(word) for word in text.split(',')]
        fits = min(left, top) >= 0 and min(width, height) > 0 and left + width <= 1 and top + height <= 1
    except ValueError:
        fits = False
    if not fits:
        error = SettingsError('setting-range', 'reference_patch must be left,top,width,height as shares of the '
                              'picture, such as 0.02,0.02,0.08,0.08, not %r.' % text)
        error.key = 'reference_patch'
        raise error
    return left, top, width, height


class Reference:
    """Moves every frame so that the patch has the temperature that it is known to have.

    Args:
        patch (tuple): left, top, width and height as shares of the picture.
        celsius (float): its temperature, degrees Celsius.
    Attributes:
        offset_c (float): what is added to every pixel; None while nothing is.
    """

    def __init__(self, patch, celsius):
        self._patch = patch
        self._celsius = celsius
        self.reset()

    def reset(self):
        """Begin anew."""
        self.offset_c = None
        self._last_s = None
        self._message = None

    def correct(self, pixels, t_s):
        """A frame moved by the offset; the same array where the patch cannot be trusted.

        Args:
            pixels (numpy.ndarray): float32 HxW, degrees Celsius.
            t_s (float): when it was taken.
        """
        patch = pixels[self._area(pixels.shape)]
        spread_c = float(np.percentile(patch, 90) - np.percentile(patch, 10))
        wanted_c = self._celsius - float(np.median(patch))
        if spread_c > _MOST_SPREAD_C:
            return self._refuse(pixels, Message(
                'reference-covered', 'The blackbody in the picture is covered, so temperatures are not corrected.',
                'Clear the view of the blackbody.', INFO))
        if abs(wanted_c) > MOST_OFFSET_C:
            return self._refuse(pixels, Message(
                'reference-off', 'The blackbody in the picture measures %.1f °C away from its %.1f °C, so temperatures '
                'are not corrected.' % (abs(wanted_c), self._celsius), 'Check the blackbody and the camera.', WARNING))
        self._message = None
        if self.offset_c is None:
            self.offset_c = wanted_c
        else:
            weight = 1.0 - np.exp(-max(0.0, t_s - self._last_s) / _TIME_CONSTANT_S)
            self.offset_c += float(weight) * (wanted_c - self.offset_c)
        self._last_s = t_s
        return pixels + np.float32(self.offset_c)

    def messages(self):
        """Why nothing is corrected, as a list of `Message`."""
        return [self._message] if self._message else []

    def _refuse(self, pixels, message):
        self.offset_c = None
        self._message = message
        return pixels

    def _area(self, shape):
        left, top, width, height = self._patch
        rows = slice(int(top * shape[0]), max(int((top + height) * shape[0]), int(top * shape[0]) + 1))
        columns = slice(int(left * shape[1]), max(int((left + width) * shape[1]), int(left * shape[1]) + 1))
        return rows, columns
