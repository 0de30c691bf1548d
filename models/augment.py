"""Augmentation: other patients, cameras and poses made of the thermograms there are; numpy and OpenCV only.

`flip` swaps the patient's sides, `augment` varies a thermogram, `vary` a picture for classifiers, `degrade` shows
either through a worse camera, and `mixup` blends the samples of a batch. Everything but `mixup` is applied before the
preprocess chain.
"""
from typing import NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from service.regions import FLIPPED, LEFT_NIPPLE, RIGHT_NIPPLE

#: A picture with its labels, or None without labels.
Labelled = Tuple[np.ndarray, Optional[np.ndarray]]

#: Aspect ratio of a crop relative to the whole, as torchvision's RandomResizedCrop draws it.
_STRETCH = (3 / 4, 4 / 3)

#: Range of the NETD, °C: a good camera has 0.04, and a clinic should accept no more than 0.1.
NETD_C = (0.02, 0.15)
#: The same for pictures without temperatures, in grey levels of 255.
NOISE_GREY = (0.5, 6.0)

_KERNELS = np.arange(7, 22, 2)
_KERNEL_ROWS = 512.0
_REFERENCE_K = 303.15
_ZERO_C = 273.15
_MIN_SIDE = 16
#: Pixels of a nipple below which there is nothing to show.
_MIN_NIPPLE = 12
#: How far below the middle of an areola its nipple is seen, in radii: both networks that had learned them in the middle
#: marked areolas of DMR-IR that much too low.
_DOWN = 0.12


def flip(pixels: np.ndarray, labels: Optional[np.ndarray] = None, table: np.ndarray = FLIPPED) -> Labelled:
    """Mirror a picture left to right; the patient's sides swap their names.

    Args:
        pixels: HxW.
        labels: uint8 HxW.
        table: region id after a flip, by id before it; `flip_table` makes it for other regions.

    Returns:
        Pixels, a view, and labels, new.
    """
    return pixels[:, ::-1], None if labels is None else table[labels[:, ::-1]]


def flip_table(names: Sequence[str]) -> np.ndarray:
    """Region id or view after a flip, by the one before it.

    Args:
        names: by id; ``right_x`` or ``right-x`` and its left one swap, others stay.

    Returns:
        Uint8, as long as `names`.

    Raises:
        ValueError: one has a side and no counterpart.
    """
    return np.array([names.index(_counterpart(name)) for name in names], np.uint8)


def _counterpart(name):
    for side, other in (('right', 'left'), ('left', 'right')):
        if name.startswith((side + '_', side + '-')):
            return other + name[len(side):]
    return name


# -- thermograms


def augment(rng: np.random.Generator, celsius: np.ndarray, labels: Optional[np.ndarray],
            relative: bool = False) -> Labelled:
    """Make another patient, camera and pose of one thermogram, which keeps its sides.

    Args:
        rng: consumed.
        celsius: float32 HxW; grey levels 0..255 where `relative`.
        labels: uint8 HxW.
        relative: the picture has no temperatures: gain and offset are those of a picture.

    Returns:
        (float32 HxW, uint8 HxW or None), new arrays.
    """
    celsius, labels = _warp(rng, celsius, labels)
    if rng.random() < 0.25:
        celsius = _coarse(rng, celsius)
    if rng.random() < 0.15:
        celsius = _hide(rng, celsius, (0, 120) if relative else (20, 33))
    return _contrast(rng, celsius) if relative else _radiometry(rng, celsius), labels


def show_nipples(rng: np.random.Generator, celsius: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Make the nipples of a phantom easier to see: a cool dot, mostly within a warmer ring.

    In two of three thermograms of DMR-IR a nipple is plain to see; half of the phantoms' are lost among natural
    patches, and a network that learns from them alone looks for nipples where they usually are.

    Args:
        rng: consumed.
        celsius: float32 HxW.
        labels: uint8 HxW.

    Returns:
        float32 HxW, a new array.
    """
    shown = celsius.copy()
    cool, ring = rng.normal(-1.1, 0.5), rng.normal(0.2, 0.25)
    size = rng.uniform(0.25, 0.6)
    for nipple in (RIGHT_NIPPLE, LEFT_NIPPLE):
        rows, columns = np.nonzero(labels == nipple)
        if len(rows) < _MIN_NIPPLE:
            continue
        radius = np.sqrt(len(rows) / np.pi)
        row, column = (places.mean() + rng.normal(middle, 0.1) * radius
                       for places, middle in ((rows, _DOWN), (columns, 0.0)))
        window = tuple(slice(max(int(middle - 2 * radius), 0), min(int(middle + 2 * radius) + 2, side))
                       for middle, side in zip((row, column), celsius.shape))
        down, across = np.ogrid[window]
        away = np.hypot(down - row, across - column) / radius
        dot = np.clip((size - away) / 0.15 + 0.5, 0, 1)
        rim = np.exp(-((away - 0.8) / 0.3) ** 2)
        shown[window] += (cool + rng.normal(0, 0.2)) * dot + ring * rim * (1 - dot)
    return shown


def _warp(rng, celsius, labels):
    """Rotate, zoom, shift and bend; pixels from outside repeat the edge."""
    height, width = celsius.shape
    turn = np.deg2rad(rng.normal(0, 2.5))
    zoom = np.exp(rng.normal(0, 0.06))
    stretch = np.exp(rng.normal(0, 0.05))
    cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
    column, row = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    u, v = column - width / 2, row - height / 2
    map_x = cos * stretch * u + sin * v + np.float32(width / 2 + rng.normal(0, 0.02) * width)
    map_y = cos / stretch * v - sin * u + np.float32(height / 2 + rng.normal(0, 0.03) * height)
    for grid in (map_x, map_y):
        bend = rng.normal(0, rng.uniform(0, 0.014) * height, (6, 8)).astype(np.float32)
        grid += cv2.resize(bend, (width, height), interpolation=cv2.INTER_CUBIC)
    map_x, map_y = map_x.astype(np.float32), map_y.astype(np.float32)
    return (_moved(celsius, map_x, map_y, cv2.INTER_LINEAR),
            None if labels is None else _moved(labels, map_x, map_y, cv2.INTER_NEAREST))


def _moved(picture, map_x, map_y, interpolation):
    return cv2.remap(np.ascontiguousarray(picture), map_x, map_y, interpolation,
                     borderMode=cv2.BORDER_REPLICATE)


def _coarse(rng, celsius):
    """Fewer pixels or worse focus."""
    height, width = celsius.shape
    if rng.random() < 0.5:
        return cv2.GaussianBlur(celsius, (0, 0), rng.uniform(0.5, 2.0))
    factor = rng.uniform(0.35, 0.9)
    small = cv2.resize(celsius, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _hide(rng, celsius, levels):
    """Put something cooler in front: a cable, a gown, a hand."""
    height, width = celsius.shape
    hidden = celsius.copy()
    centre = rng.uniform(0, width), rng.uniform(0, height)
    size = rng.uniform(0.02, 0.16) * height, rng.uniform(0.02, 0.4) * height
    box = cv2.boxPoints((centre, size, rng.uniform(0, 180)))
    cv2.fillPoly(hidden, [np.rint(box).astype(np.int32)], float(rng.uniform(*levels)))
    return hidden


def _radiometry(rng, celsius):
    """Change the camera's offset, the contrast between skin and wall, and the noise."""
    middle = np.float32(30.0)
    bend = np.float32(np.exp(rng.normal(0, 0.12)))
    celsius = middle + (celsius - middle) * bend + np.float32(rng.normal(0, 0.8))
    if rng.random() < 0.4:
        celsius = celsius + rng.normal(0, rng.uniform(0.02, 0.15), celsius.shape).astype(np.float32)
    return celsius.astype(np.float32)


def _contrast(rng, grey):
    """Change gain, offset and noise of a picture, and keep its levels in 0..255."""
    grey = 128 + (grey - 128) * np.exp(rng.normal(0, 0.12)) + rng.normal(0, 8)
    if rng.random() < 0.4:
        grey = grey + rng.normal(0, rng.uniform(0.5, 5), grey.shape)
    return np.clip(grey, 0, 255).astype(np.float32)


# -- pictures


def vary(rng: np.random.Generator, pixels: np.ndarray, labels: Optional[np.ndarray] = None, upside_down: float = 0.0,
         turn: float = 0.0, crop: float = 1.0) -> Labelled:
    """Vary a picture as for picture classifiers: a flip, a turn, an enlarged crop; temperatures and sides stay.

    Args:
        rng: consumed.
        pixels: float32 HxW.
        labels: uint8 HxW.
        upside_down: odds of a flip top to bottom.
        turn: largest angle, degrees; pixels from outside repeat the edge.
        crop: smallest share of the area that is enlarged to the whole; 1 for none.

    Returns:
        (float32 HxW, uint8 HxW or None), new arrays.
    """
    if rng.random() < upside_down:
        pixels, labels = pixels[::-1], None if labels is None else labels[::-1]
    height, width = pixels.shape
    angle = np.deg2rad(rng.uniform(-turn, turn))
    tall, wide = _crop_sides(rng, crop)
    # From a pixel of the result to one of the source: scaled, rotated about the centre, shifted within the crop.
    shift_x, shift_y = (rng.uniform(-0.5, 0.5) * (1 - side) * full for side, full in ((wide, width), (tall, height)))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos * wide, -sin * tall, 0], [sin * wide, cos * tall, 0]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, 2] = centre + (shift_x, shift_y) - matrix[:, :2] @ centre

    def moved(picture, interpolation):
        return cv2.warpAffine(np.ascontiguousarray(picture), matrix, (width, height),
                              flags=interpolation | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)

    return moved(pixels, cv2.INTER_LINEAR), None if labels is None else moved(labels, cv2.INTER_NEAREST)


def _crop_sides(rng, smallest):
    """(height, width) of a crop as shares of the whole, its area between `smallest` and 1."""
    if smallest >= 1:
        return 1.0, 1.0
    area = rng.uniform(smallest, 1)
    ratio = np.exp(rng.uniform(*np.log(_STRETCH)))
    return min(np.sqrt(area / ratio), 1.0), min(np.sqrt(area * ratio), 1.0)


# -- a worse camera: order and probabilities are those of the blind degradation of BliMSR [BliMSR2023]: blur iso- or
# anisotropic 0.7/0.3 with kernels of 7 to 21 pixels for pictures of 512 rows, resampling bicubic, bilinear or area
# 0.6/0.2/0.2, Gaussian and Poisson noise with 0.5 each, JPEG with 0.3. Noise is the camera's NETD; JPEG is for pictures
# without temperatures only.


def degrade(rng: np.random.Generator, celsius: np.ndarray, relative: bool = False, orders: int = 2,
            smallest: float = 0.4) -> np.ndarray:
    """The same scene through a worse camera.

    Args:
        rng: consumed.
        celsius: float32 HxW; grey levels 0..255 where `relative`.
        relative: the picture has no temperatures.
        orders: how often blur, resampling and noise follow each other.
        smallest: smallest share of the rows and columns that is kept.

    Returns:
        Float32 HxW of the same size, within the range of `celsius` widened by 6 NETD (0..255
        where `relative`); the scene stays where it was, so labels stay true.
    """
    height, width = celsius.shape
    limits = (0.0, 255.0) if relative else (float(celsius.min()), float(celsius.max()))
    netd = float(rng.uniform(*(NOISE_GREY if relative else NETD_C)))
    picture = np.ascontiguousarray(celsius, np.float32)
    for _ in range(orders):
        # Noise adds up over the orders; each adds its part of the variance.
        part = netd / np.sqrt(orders)
        picture = _blur(rng, picture, height)
        picture = _resize(rng, picture, _drawn_size(rng, height, width, smallest))
        picture = _noise(rng, picture, part, relative)
        if relative and rng.random() < 0.3:
            picture = _jpeg(rng, picture)
    picture = _resize(rng, picture, (width, height))
    slack = 0.0 if relative else 6 * netd
    return np.clip(picture, limits[0] - slack, limits[1] + slack).astype(np.float32)


def _blur(rng, picture, height):
    """Gaussian blur; a kernel covers three standard deviations on each side."""
    wide, narrow = sorted(rng.uniform(0.2, 1.0, 2) * rng.choice(_KERNELS) / 6 * height / _KERNEL_ROWS)[::-1]
    turn = rng.uniform(0, np.pi)
    if rng.random() < 0.7:
        narrow, turn = wide, 0.0
    radius = max(int(np.ceil(3 * wide)), 1)
    y, x = np.mgrid[-radius:radius + 1, -radius:radius + 1]
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    kernel = np.exp(-0.5 * ((u / wide) ** 2 + (v / narrow) ** 2))
    return cv2.filter2D(picture, -1, (kernel / kernel.sum()).astype(np.float32),
                        borderType=cv2.BORDER_REPLICATE)


def _drawn_size(rng, height, width, smallest):
    share = rng.uniform(smallest, 1.0)
    return max(int(round(width * share)), _MIN_SIDE), max(int(round(height * share)), _MIN_SIDE)


def _resize(rng, picture, size):
    """Resample to (width, height) with a random interpolation."""
    way = rng.choice((cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_AREA), p=(0.6, 0.2, 0.2))
    return cv2.resize(picture, size, interpolation=int(way))


def _noise(rng, picture, netd, relative):
    """Gaussian noise, photon noise, both or none, each with a standard deviation of `netd`."""
    gaussian, photons = rng.random(2) < 0.5
    if photons:
        picture = _grey_photons(rng, picture, netd) if relative else _photons(rng, picture, netd)
    if gaussian:
        picture = picture + rng.normal(0, netd, picture.shape)
    return picture.astype(np.float32)


def _photons(rng, celsius, netd):
    """Poisson noise of counts that follow Stefan's law and have `netd` at 30 °C.

    With n counts for T**4, dT/T = dn/(4n) and dn = sqrt(n), so that n = (T / (4 netd))**2.
    """
    at_reference = (_REFERENCE_K / (4 * netd)) ** 2
    counts = at_reference * ((celsius + _ZERO_C).astype(np.float64) / _REFERENCE_K) ** 4
    return _REFERENCE_K * (rng.poisson(counts) / at_reference) ** 0.25 - _ZERO_C


def _grey_photons(rng, grey, noise):
    """Poisson noise of counts in proportion to the grey level, with a deviation of `noise` at level 128."""
    per_level = 128 / noise ** 2
    return rng.poisson(np.clip(grey, 0, 255).astype(np.float64) * per_level) / per_level


def _jpeg(rng, grey):
    quality = int(rng.integers(40, 96))
    eight_bits = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    _, data = cv2.imencode('.jpg', eight_bits, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)


# -- blended batches


class Mixed(NamedTuple):
    """A blended batch.

    Attributes:
        samples: float32 NxCxHxW.
        labels: float32 NxRxHxW, shares of the regions, 1 together in every pixel.
        klass: float32 NxK, shares of the classes, 1 together in every row.
        weight: of each sample itself; its partner has the rest.
        partner: int N, which sample each one was blended with.
    """

    samples: np.ndarray
    labels: Optional[np.ndarray]
    klass: Optional[np.ndarray]
    weight: float
    partner: np.ndarray


def mixup(rng: np.random.Generator, samples: np.ndarray, labels: Optional[np.ndarray] = None,
          klass: Optional[np.ndarray] = None, regions: int = 8, classes: int = 2) -> Mixed:
    """Blend every sample of a batch with another one: ``w * x_i + (1 - w) * x_j``, w ~ U[0, 1] per batch.

    Args:
        rng: consumed.
        samples: float32 NxCxHxW network inputs.
        labels: integer NxHxW region ids.
        klass: integer N class indices, all known.
        regions, classes: how many of each there are.

    Returns:
        New arrays.

    Raises:
        ValueError: an id or class out of range, or lengths that differ.
    """
    samples = np.asarray(samples, np.float32)
    weight, partner = float(rng.random()), rng.permutation(len(samples))
    soft_labels = None if labels is None else _one_hot(labels, regions, len(samples), 'label')
    soft_klass = None if klass is None else _one_hot(klass, classes, len(samples), 'class')

    def blend(values):
        return None if values is None else (np.float32(weight) * values
                                            + np.float32(1 - weight) * values[partner])

    return Mixed(blend(samples), blend(soft_labels), blend(soft_klass), weight, partner)


def _one_hot(indices, count, length, what):
    """float32 with the index as second axis: NxHxW becomes NxCxHxW, N becomes NxC."""
    indices = np.asarray(indices)
    if len(indices) != length:
        raise ValueError('%d samples and %d %s entries' % (length, len(indices), what))
    if indices.size and not 0 <= indices.min() <= indices.max() < count:
        raise ValueError('a %s of %d..%d, where 0..%d are known'
                         % (what, indices.min(), indices.max(), count - 1))
    axis = np.arange(count).reshape((1, count) + (1,) * (indices.ndim - 1))
    return (indices[:, None] == axis).astype(np.float32)
