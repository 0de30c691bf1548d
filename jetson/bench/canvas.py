"""A sheet to draw a chart on with OpenCV, which every board has: areas, axes, ticks and letters."""
import cv2
import numpy as np

#: Okabe and Ito's colours, told apart by the colour-blind too; BGR.
COLOURS = ((178, 114, 0), (0, 159, 230), (115, 158, 0), (0, 94, 213), (167, 121, 204), (233, 180, 86), (66, 228, 240),
           (120, 120, 120), (60, 60, 160), (80, 40, 20))
INK, FAINT, PAPER = (50, 50, 50), (225, 225, 225), (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Drawn so much larger and made smaller at the end: lines and letters come out smooth.
_SCALE = 2


class Canvas:
    """A white sheet; sizes and places are in pixels of the finished picture.

    Args:
        width, height (int): of the finished picture.
    """

    def __init__(self, width, height):
        self.width, self.height = width, height
        self._pixels = np.full((height * _SCALE, width * _SCALE, 3), 255, np.uint8)

    def png(self):
        """The picture as the bytes of a PNG file."""
        small = cv2.resize(self._pixels, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return cv2.imencode('.png', small)[1].tobytes()

    def text(self, words, x, y, size=0.5, colour=INK, align='left', bold=False):
        """Words whose base line begins, is centred or ends at a place."""
        # The fonts of OpenCV have no letters beyond ASCII; it draws question marks in their place.
        words = words.encode('ascii', 'replace').decode('ascii')
        wide = self.measure(words, size)
        left = x - {'left': 0, 'centre': wide / 2.0, 'right': wide}[align]
        # A thicker letter is wider since OpenCV 5; one drawn twice, a hair apart, is not.
        for shift in (0, 1) if bold else (0,):
            cv2.putText(self._pixels, words, (int(left * _SCALE) + shift, int(y * _SCALE)), _FONT, size * _SCALE,
                        colour, 2, cv2.LINE_AA)

    def measure(self, words, size=0.5):
        """Width of words."""
        return cv2.getTextSize(words, _FONT, size * _SCALE, 2)[0][0] / float(_SCALE)

    def line(self, x0, y0, x1, y1, colour=INK, thickness=1.0):
        """A straight line."""
        cv2.line(self._pixels, self._place(x0, y0), self._place(x1, y1), colour,
                 max(1, int(round(thickness * _SCALE))), cv2.LINE_AA)

    def path(self, points, colour, thickness=1.5):
        """A line through points (sequence of (x, y))."""
        places = np.array([self._place(x, y) for x, y in points], np.int32).reshape(-1, 1, 2)
        cv2.polylines(self._pixels, [places], False, colour, max(1, int(round(thickness * _SCALE))), cv2.LINE_AA)

    def box(self, x0, y0, x1, y1, colour):
        """A filled rectangle; one that is thinner than a pixel is drawn one pixel thin."""
        (left, top), (right, bottom) = self._place(min(x0, x1), min(y0, y1)), self._place(max(x0, x1), max(y0, y1))
        cv2.rectangle(self._pixels, (left, top), (max(right, left + 1), max(bottom, top + 1)), colour, -1)

    def dot(self, x, y, colour, radius=1.2):
        """A small disc."""
        cv2.circle(self._pixels, self._place(x, y), max(1, int(round(radius * _SCALE))), colour, -1, cv2.LINE_AA)

    @staticmethod
    def _place(x, y):
        return int(round(x * _SCALE)), int(round(y * _SCALE))


class Axes:
    """A frame with scales on a canvas.

    Args:
        canvas (Canvas): to draw on.
        box (tuple): (left, top, right, bottom) of the area inside the scales.
        x, y (tuple): (least, highest) value of each scale.
        log_x (bool): the horizontal scale is logarithmic.
    """

    def __init__(self, canvas, box, x, y, log_x=False):
        self.canvas, self.box, self._log = canvas, box, log_x
        self._x, self._y = x, y

    def place(self, x, y):
        """Where a pair of values lies on the canvas."""
        left, top, right, bottom = self.box
        low, high = self._x
        if self._log:
            x, low, high = np.log([max(x, 1e-9), low, high])
        across = (x - low) / float(high - low)
        up = (y - self._y[0]) / float(self._y[1] - self._y[0])
        return left + across * (right - left), bottom - up * (bottom - top)

    def frame(self, x_title, y_title, x_ticks=None, y_ticks=None):
        """Draw the scales with their titles. Ticks are values; None for round ones."""
        left, top, right, bottom = self.box
        for value in round_ticks(*self._y) if y_ticks is None else y_ticks:
            _, y = self.place(self._x[0], value)
            self.canvas.line(left, y, right, y, FAINT)
            self.canvas.text('%g' % value, left - 8, y + 4, 0.42, align='right')
        for value in round_ticks(*self._x) if x_ticks is None else x_ticks:
            x, _ = self.place(value, self._y[0])
            self.canvas.line(x, bottom, x, bottom + 4)
            self.canvas.text('%g' % value, x, bottom + 18, 0.42, align='centre')
        self.canvas.line(left, bottom, right, bottom)
        self.canvas.line(left, top, left, bottom)
        self.canvas.text(x_title, (left + right) / 2.0, bottom + 38, 0.46, align='centre')
        self.canvas.text(y_title, left, top - 8, 0.46)


def round_ticks(low, high, most=8):
    """Round values between two, at most so many."""
    span = float(high - low)
    if span <= 0:
        return [low]
    raw = span / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return [float('%.12g' % (step * index)) for index in range(int(np.ceil(low / step - 1e-9)),
                                                               int(np.floor(high / step + 1e-9)) + 1)]


def log_ticks(low, high):
    """Values 1, 2 and 5 of every decade between two; round ones where these are too few."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    found = [factor * 10.0 ** power for power in powers for factor in (1, 2, 5)]
    inside = [float('%.6g' % value) for value in found if low <= value <= high]
    return inside if len(inside) > 3 else round_ticks(low, high)
