"""A worse camera: blur, fewer pixels and noise, twice over.

The order and the odds follow the blind degradation of BliMSR (requirements B-05): blur iso- or
anisotropic 0.7/0.3 with kernels of 7 to 21 pixels for pictures of 512 rows, resampling bicubic, bilinear
or area 0.6/0.2/0.2, Gaussian and Poisson noise with 0.5 each, JPEG with 0.3. Noise is given as the
camera's NETD in degrees Celsius; JPEG is for pictures without temperatures only.
"""
import cv2
import numpy as np

#: NETD that is drawn, in degrees Celsius: a good camera has 0.04, 0.1 is the least a clinic should accept.
NETD_C = (0.02, 0.15)
#: The same for pictures without temperatures, in grey levels of 255.
NOISE_GREY = (0.5, 6.0)

_KERNELS = np.arange(7, 22, 2)
_KERNEL_ROWS = 512.0
_REFERENCE_K = 303.15
_ZERO_C = 273.15
_MIN_SIDE = 16


def degrade(rng, celsius, relative=False, orders=2, smallest=0.4):
    """The same scene through a worse camera.

    Args:
        rng (numpy.random.Generator): consumed.
        celsius (numpy.ndarray): float32 HxW; grey levels 0..255 where `relative`.
        relative (bool): the picture has no temperatures.
        orders (int): how often blur, resampling and noise follow each other.
        smallest (float): share of the rows and columns that is left at worst.

    Returns:
        numpy.ndarray: float32 HxW of the same size, within the range of `celsius` widened by 6 NETD (0..255
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
    """Gaussian blur; a kernel holds three standard deviations to each side."""
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
    """Resample to (width, height) in a drawn way."""
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
    """Poisson noise of counts that follow Stefan's law and have `netd` at 30 C.

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
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32)
