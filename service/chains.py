"""Preprocess chains: named, versioned ways from a thermogram to a network's input.

Histogram equalisation lives here and nowhere else. Temperatures are never read from what a chain returns.

To add a chain, derive from `Chain`, give it an id of its own and list it in `CHAINS`.
"""
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

import cv2
import numpy as np

from .body import Body, find_body
from .messages import BundleError
from .palettes import palette
from .regions import BACKGROUND, Box, resize_labels
from .thermogram import CELSIUS, Thermogram

Shape = Tuple[int, ...]

#: Grey levels of a relative frame (an 8-bit picture).
_RELATIVE_SPAN = 256.0

#: Largest constant that is a number.
_LARGEST = 1e9


@dataclass(frozen=True)
class Fit:
    """A frame scaled to fit a network's input, aspect kept, centred, the rest padded.

    Attributes:
        frame: (height, width) of the frame, in pixels.
        target: (height, width) of the network input, in pixels.
        inner: (top, left, height, width) of the scaled frame inside the input.
    """

    frame: Shape
    target: Shape
    inner: Shape

    @classmethod
    def of(cls, frame: Shape, target: Shape) -> 'Fit':
        """Lay a frame of shape (height, width) into an input of shape (height, width)."""
        scale = min(target[0] / float(frame[0]), target[1] / float(frame[1]))
        height = min(target[0], max(1, int(round(frame[0] * scale))))
        width = min(target[1], max(1, int(round(frame[1] * scale))))
        return cls(tuple(frame), tuple(target), ((target[0] - height) // 2, (target[1] - width) // 2, height, width))

    def to_input(self, image: np.ndarray, padding: Any) -> np.ndarray:
        """Scale an HxW or HxWxC image into the input, and fill what it does not cover with `padding`."""
        top, left, height, width = self.inner
        if image.shape[:2] != (height, width):
            shrinks = height < image.shape[0]
            image = cv2.resize(image, (width, height),
                               interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        if (height, width) == self.target:
            return image
        padded = np.full(self.target + image.shape[2:], padding, image.dtype)
        padded[top:top + height, left:left + width] = image
        return padded

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The part of an image of the input's size that the frame covers."""
        top, left, height, width = self.inner
        return image[top:top + height, left:left + width]

    def enlarge(self, labels: np.ndarray) -> np.ndarray:
        """Bring an image that was `cut` to the frame's own resolution; every pixel takes its nearest value."""
        return resize_labels(labels, self.frame)

    def enlarge_box(self, box: Box, shape: Shape) -> Box:
        """Bring a box in an image of this shape, which shows the frame, to the frame, rounded outwards."""
        if shape == self.frame:
            return box
        rows, columns = (slice(max(0, side.start * full // part - 1), min(full, -(-side.stop * full // part) + 1))
                         for side, full, part in zip(box, self.frame, shape))
        return rows, columns


@dataclass(frozen=True, eq=False)
class Prepared:
    """A frame made ready for a network.

    Attributes:
        tensor: float32 1xCxHxW, values 0..1, C-contiguous.
        fit: how the frame lies in the tensor.
    """

    tensor: np.ndarray
    fit: Fit

    @property
    def picture(self) -> np.ndarray:
        """What the network sees, as a uint8 HxW or HxWx3 (RGB) picture of the input's size."""
        channels = np.rint(self.tensor[0] * 255).astype(np.uint8)
        return channels[0] if len(channels) == 1 else np.ascontiguousarray(channels.transpose(1, 2, 0))

    def without_background(self, labels: np.ndarray) -> 'Prepared':
        """The same, black wherever the frame has no region: what a classifier gets that runs after a segmenter.

        Args:
            labels: uint8 HxW region ids of the frame.
        """
        kept = np.zeros(self.fit.target, np.float32)
        inner = self.fit.cut(kept)
        inner[...] = cv2.resize(labels, inner.shape[::-1], interpolation=cv2.INTER_NEAREST) != BACKGROUND
        return Prepared(self.tensor * kept, self.fit)


class Chain:
    """Base of the preprocess chains.

    A chain and its constants travel in the bundle's manifest. Changing what a chain computes means a new id; a
    constant is changed in the manifest, never in code.

    Args:
        constants: overrides of `DEFAULTS`; the manifest's ``preprocess.constants``.

    Raises:
        BundleError: ``chain-constants``: a constant that the chain does not have or cannot use.
    """

    #: Name and version, such as ``'plateau-1'``.
    id = ''
    #: Number of channels of the tensor.
    channels = 1
    #: Every constant with its default, whose type every other value must have. `width` and `height` are the network
    #: input, in pixels; `low_c` and `high_c` the temperature window.
    DEFAULTS: Dict[str, Any] = {'width': 320, 'height': 240, 'low_c': 18.0, 'high_c': 40.0}
    #: Smallest and largest value of whole-numbered constants.
    LIMITS = {'width': (16, 2048), 'height': (16, 2048)}

    def __init__(self, constants: Optional[Mapping[str, Any]] = None) -> None:
        constants = dict(constants or {})
        unknown = sorted(set(constants) - set(self.DEFAULTS))
        if unknown:
            raise BundleError('chain-constants', 'Chain %s has no constant %s; it has %s.'
                              % (self.id, ', '.join(unknown), ', '.join(sorted(self.DEFAULTS))))
        self.constants = dict(self.DEFAULTS, **constants)
        for name, default in self.DEFAULTS.items():
            self._check(name, self.constants[name], type(default))
        if not self.constants['low_c'] < self.constants['high_c']:
            raise BundleError('chain-constants', 'Chain %s needs low_c below high_c, not %r and %r.'
                              % (self.id, self.constants['low_c'], self.constants['high_c']))

    def _check(self, name: str, value: Any, kind: type) -> None:
        if kind is bool:
            usable, needed = isinstance(value, bool), 'true or false'
        elif kind is int:
            low, high = self.LIMITS[name]
            usable, needed = type(value) is int and low <= value <= high, 'a whole number from %d to %d' % (low, high)
        else:
            # A manifest may say 18 for 18.0. NaN and infinity are floats, but of no use.
            usable = type(value) in (int, float) and abs(value) <= _LARGEST
            needed = 'a number of at most %.0e' % _LARGEST
        if not usable:
            raise BundleError('chain-constants', 'Chain %s needs %s for %s, not %r.' % (self.id, needed, name, value))

    def apply(self, thermogram: Thermogram, body: Optional[Body] = None) -> Prepared:
        """Make a thermogram ready for the network.

        Args:
            thermogram: the frame.
            body: the frame's body, where the caller has it already.
        """
        fit = Fit.of(thermogram.pixels.shape, (self.constants['height'], self.constants['width']))
        tensor = self._tensor(thermogram, body or find_body(thermogram), fit)
        return Prepared(np.ascontiguousarray(tensor, np.float32), fit)

    def _tensor(self, thermogram: Thermogram, body: Body, fit: Fit) -> np.ndarray:
        """The network input, float32 1xCxHxW."""
        raise NotImplementedError('%s._tensor' % type(self).__name__)

    def _levels(self, pixels: np.ndarray, unit: str, levels: int = 256) -> np.ndarray:
        """Levels of pixels over the window, for indexing: whole numbers of type intp, same shape, 0..levels-1.

        Temperatures outside the window are clipped to its ends. Grey levels of a relative frame, 0..256, spread over
        all levels.
        """
        low_c, high_c = self.constants['low_c'], self.constants['high_c']
        low, span = (low_c, high_c - low_c) if unit == CELSIUS else (0.0, _RELATIVE_SPAN)
        scaled = (pixels - np.float32(low)) * np.float32(levels / span)
        # As numpy.clip with 0 and levels - 1, in less time.
        cv2.threshold(scaled, levels - 1, 0, cv2.THRESH_TRUNC, scaled)
        cv2.threshold(scaled, 0, 0, cv2.THRESH_TOZERO, scaled)
        return scaled.astype(np.intp)

    def grey(self, thermogram: Thermogram) -> np.ndarray:
        """The frame as an 8-bit grey picture over the window: uint8 HxW."""
        return self._levels(thermogram.pixels, thermogram.unit).astype(np.uint8)


class Classic(Chain):
    """classic-1: full-frame histogram equalisation, as most published work does it.

    8-bit grey over a fixed temperature window, then `cv2.equalizeHist`. A relative frame is 8-bit grey already and is
    taken as it is.
    """

    id = 'classic-1'

    def _tensor(self, thermogram: Thermogram, body: Body, fit: Fit) -> np.ndarray:
        equalised = cv2.equalizeHist(self.grey(thermogram))
        return fit.to_input(equalised, padding=0)[np.newaxis, np.newaxis] * np.float32(1 / 255.0)


class Turbo(Chain):
    """turbo-1: the equalised heat map; red, green and blue of the TURBO palette are its channels.

    Published heat-map classifiers take this picture.

    Constants:
        equalise: whether the levels are equalised before the palette.
    """

    id = 'turbo-1'
    channels = 3
    DEFAULTS = dict(Chain.DEFAULTS, equalise=True)

    def _tensor(self, thermogram: Thermogram, body: Body, fit: Fit) -> np.ndarray:
        levels, table, coolest = self.grey(thermogram), palette('turbo'), 0
        if self.constants['equalise']:
            levels = cv2.equalizeHist(levels)
            coolest = levels.min()
        heat = fit.to_input(np.take(table, levels, axis=0), padding=table[coolest])
        return heat.transpose(2, 0, 1)[np.newaxis] * np.float32(1 / 255.0)


class Plateau(Chain):
    """plateau-1: plateau equalisation inside the body mask over a fixed temperature window.

    On DMR-IR frames a quarter of the picture is wall; a full-frame histogram spends a quarter of the grey levels on
    it, and the rendering of skin depends on how much wall is visible. Here the histogram is the body's alone, and
    everything cooler than the body becomes 0. The coolest skin starts well above 0: a cool breast must not melt into
    the wall.

    Constants:
        levels: levels of the window; 1024 over 22 °C is finer than a microbolometer's NETD.
        plateau: see `plateau_table`.
        skin: grey level of the coolest skin.
    """

    id = 'plateau-1'
    DEFAULTS = dict(Chain.DEFAULTS, levels=1024, plateau=3.0, skin=56)
    LIMITS = dict(Chain.LIMITS, levels=(2, 65536), skin=(0, 254))

    def __init__(self, constants: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(constants)
        if not self.constants['plateau'] > 0:
            raise BundleError('chain-constants', 'Chain %s needs a plateau above 0, not %r.'
                              % (self.id, self.constants['plateau']))

    def _tensor(self, thermogram: Thermogram, body: Body, fit: Fit) -> np.ndarray:
        table = self._table(thermogram, body)
        padding = 0 if fit.inner[2:] == fit.target else thermogram.pixels.min()
        frame = fit.to_input(thermogram.pixels, padding)
        levels = self._levels(frame, thermogram.unit, self.constants['levels'])
        return table[levels][np.newaxis, np.newaxis]

    def _table(self, thermogram: Thermogram, body: Body) -> np.ndarray:
        """The value of every level: float32, one table that the whole frame passes through."""
        levels, skin = self.constants['levels'], self.constants['skin']
        values = np.append(body.reduced[body.mask], np.float32(body.threshold))
        inside = self._levels(values, thermogram.unit, levels)
        histogram = np.bincount(inside[:-1], minlength=levels)
        table = np.rint(skin + plateau_table(histogram, self.constants['plateau']) * ((255.0 - skin) / 255.0))
        table[:inside[-1]] = 0
        return table.astype(np.float32) / np.float32(255)


def plateau_table(histogram: np.ndarray, plateau: float) -> np.ndarray:
    """The table of a plateau (clip-limited) histogram equalisation, as thermal cameras do it.

    No bin counts more than its share, so that a large flat area (a cool abdomen) cannot take the contrast of the rest.
    As the plateau falls to the mean count the table tends to a straight line; without one it is the classic table.

    Args:
        histogram: counts per level, body pixels only.
        plateau: highest count of a bin, as a multiple of the mean count of occupied bins.

    Returns:
        uint8, one value per level, 0 up to the first occupied level.
    """
    occupied = np.count_nonzero(histogram)
    if not occupied:
        return np.zeros(histogram.shape, np.uint8)
    cumulative = np.cumsum(np.minimum(histogram, plateau * (histogram.sum() / float(occupied))))
    return np.rint(cumulative * (255.0 / cumulative[-1])).astype(np.uint8)


#: Every chain that this version of the service knows, by id.
CHAINS = {chain.id: chain for chain in (Classic, Plateau, Turbo)}


def get_chain(chain_id: str, constants: Optional[Mapping[str, Any]] = None) -> Chain:
    """The chain of an id with a manifest's constants.

    Raises:
        BundleError: ``chain-unknown``: a bundle must not run with another preprocessing than it was trained on;
            ``chain-constants``.
    """
    if chain_id not in CHAINS:
        raise BundleError('chain-unknown', 'The bundle was trained with chain %r, which this version does not have '
                          '(it has %s).' % (chain_id, ', '.join(sorted(CHAINS))),
                          'Update the service or use another bundle.')
    return CHAINS[chain_id](constants)
