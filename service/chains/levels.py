"""From temperatures to integer levels, and the lookup tables that equalise them."""
import numpy as np

#: Grey levels of a relative frame (an 8-bit picture).
RELATIVE_SPAN = 256.0


def to_levels(pixels, unit, low_c, high_c, levels):
    """Integer levels of a frame over a fixed window.

    Args:
        pixels (numpy.ndarray): float32, Celsius or grey levels 0..255.
        unit (str): ``'celsius'`` uses the window; ``'relative'`` maps 0..256 to all levels.
        low_c, high_c (float): window in degrees Celsius; values outside are clipped to its ends.
        levels (int): how many levels the window has.
    Returns:
        numpy.ndarray: uint16, same shape, 0..levels-1.
    """
    low, span = (low_c, high_c - low_c) if unit == 'celsius' else (0.0, RELATIVE_SPAN)
    scaled = (pixels - np.float32(low)) * np.float32(levels / span)
    np.clip(scaled, 0, levels - 1, out=scaled)
    return scaled.astype(np.uint16)


def classic_table(histogram):
    """The table of `cv2.equalizeHist` for a 256-bin histogram, bit for bit.

    OpenCV scales the cumulative count, from which the first occupied bin is left out, with a float32
    factor and rounds half to even. It maps a constant picture to itself.

    Args:
        histogram (numpy.ndarray): 256 counts.
    Returns:
        numpy.ndarray: uint8, 256 values.
    """
    counts = np.asarray(histogram, np.int64)
    total, first = int(counts.sum()), int(np.argmax(counts > 0))
    if counts[first] == total:
        return np.full(256, first, np.uint8)
    scale = np.float32(255) / np.float32(total - counts[first])
    cumulative = np.cumsum(counts) - counts[first]
    table = np.rint(cumulative.astype(np.float32) * scale)
    table[:first + 1] = 0
    return np.clip(table, 0, 255).astype(np.uint8)


def plateau_table(histogram, plateau):
    """Plateau equalisation: like the classic one, but no bin counts more than its share allows.

    A large flat area (a cool abdomen) then cannot take the contrast of the rest. As the plateau
    falls to the mean count the table tends to a straight line; without one it is the classic table.
    Known from thermal cameras as plateau or clip-limited histogram equalisation.

    Args:
        histogram (numpy.ndarray): counts per level, body pixels only.
        plateau (float): highest count of a bin, as a multiple of the mean count of occupied bins.
    Returns:
        numpy.ndarray: uint8, one value per level, 0 up to the first occupied level.
    """
    counts = np.asarray(histogram, np.float64)
    occupied = counts > 0
    if not occupied.any():
        return np.zeros(counts.shape, np.uint8)
    clipped = np.minimum(counts, plateau * counts[occupied].mean())
    cumulative = np.cumsum(clipped)
    return np.rint(cumulative * (255.0 / cumulative[-1])).astype(np.uint8)
