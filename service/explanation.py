"""Where in a picture the finding comes from: the network is asked again and again, each time with one place hidden.

A place whose hiding takes the finding down is one that the network relied on ([Zeiler2014], there with a grey square).
Nothing of the network has to be known for it, so that it works for every backend and bundle.
"""
import math
from typing import Callable, List, NamedTuple, Tuple

import cv2
import numpy as np

from .chains import Prepared, Shape
from .messages import InputError
from .regions import LEFT_BREAST, LEFT_NIPPLE, RIGHT_BREAST, RIGHT_NIPPLE, Box

#: Standard deviation of the disc that hides a place, and the distance of two places, as shares of the input's width:
#: 8 and 12 of 320 pixels. Own, chosen on phantoms.
SIGMA, STEP = 8 / 320.0, 12 / 320.0

#: Probabilities are kept this far from 0 and 1, where log odds have no end.
_LEAST = 1e-6

#: Each breast with its nipple.
_BREASTS = ((RIGHT_BREAST, RIGHT_NIPPLE), (LEFT_BREAST, LEFT_NIPPLE))

#: A probability of the finding, 0..1, for a tensor of the form of `Prepared.tensor`.
Ask = Callable[[np.ndarray], float]


class Hidden(NamedTuple):
    """What hiding one place did.

    Attributes:
        x_px, y_px: the place, in pixels of the network's input.
        fall: by how much the log odds of the finding fell; below 0 where they rose.
    """

    x_px: int
    y_px: int
    fall: float


def hide_places(prepared: Prepared, labels: np.ndarray, ask: Ask, tell: Callable[[int, int], None]) -> List[Hidden]:
    """Hide one place of the breasts after another: a Gaussian disc of it becomes the mean of its breast.

    Args:
        prepared: what the network saw.
        labels: uint8 HxW region ids of the frame.
        ask: runs the network.
        tell: called before each run with how many were done, and of how many. What it raises ends the work.

    Raises:
        InputError: ``explanation-none`` where no breast is marked.
    """
    tensor = prepared.tensor
    breasts = breasts_in(prepared, labels)
    height, width = breasts.shape
    sigma, step = SIGMA * width, int(round(STEP * width))
    places = [(x, y) for y in range(step // 2, height, step) for x in range(step // 2, width, step) if breasts[y, x]]
    if not places:
        raise InputError('explanation-none', 'No breast is marked in this picture, so nothing can be explained.',
                         'Choose a frontal picture with a result.')
    means = {side: tensor[0][:, breasts == side].mean(axis=1)[:, np.newaxis, np.newaxis]
             for side in np.unique(breasts) if side}
    hidden = []
    tell(0, len(places) + 1)
    whole = _log_odds(ask(tensor))
    for done, (x, y) in enumerate(places, 1):
        tell(done, len(places) + 1)
        area, disc = _disc(breasts.shape, x, y, sigma)
        changed = tensor.copy()
        seen = changed[(0, slice(None)) + area]
        seen += disc * (means[breasts[y, x]] - seen)
        hidden.append(Hidden(x, y, whole - _log_odds(ask(changed))))
    return hidden


def explanation_map(hidden: List[Hidden], prepared: Prepared, labels: np.ndarray) -> np.ndarray:
    """What hiding each pixel's surroundings took from the finding: the falls around it, weighted by their discs.

    Returns:
        float32 HxW of the frame, in log odds; NaN outside the breasts.
    """
    height, width = prepared.fit.target
    total, weights = np.zeros((height, width), np.float32), np.full((height, width), 1e-6, np.float32)
    for x, y, fall in hidden:
        area, disc = _disc(total.shape, x, y, SIGMA * width)
        total[area] += np.float32(fall) * disc
        weights[area] += disc
    drawn = cv2.resize(prepared.fit.cut(total / weights), labels.shape[::-1], interpolation=cv2.INTER_LINEAR)
    drawn[~np.isin(labels, sum(_BREASTS, ()))] = np.nan
    return np.asarray(drawn, np.float32)


def strongest(explained: np.ndarray) -> Tuple[int, int, float]:
    """Column, row and value of the pixel that counted most."""
    row, column = np.unravel_index(np.nanargmax(explained), explained.shape)
    return int(column), int(row), float(explained[row, column])


def breasts_in(prepared: Prepared, labels: np.ndarray) -> np.ndarray:
    """Where the breasts lie in the network's input: uint8 HxW, 1 the right one, 2 the left one, 0 elsewhere."""
    sides = np.zeros(labels.shape, np.uint8)
    for side, regions in enumerate(_BREASTS, 1):
        sides[np.isin(labels, regions)] = side
    laid = np.zeros(prepared.fit.target, np.uint8)
    inner = prepared.fit.cut(laid)
    inner[...] = cv2.resize(sides, inner.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return laid


def _disc(shape: Shape, x: int, y: int, sigma: float) -> Tuple[Box, np.ndarray]:
    """Where around (x, y) something is hidden, and how much: float32, 1 in the middle."""
    reach = int(4 * sigma)
    area = (slice(max(0, y - reach), min(shape[0], y + reach + 1)),
            slice(max(0, x - reach), min(shape[1], x + reach + 1)))
    down, across = (np.exp(-0.5 * ((np.arange(side.start, side.stop) - middle) / sigma) ** 2)
                    for side, middle in zip(area, (y, x)))
    return area, np.asarray(np.outer(down, across), np.float32)


def _log_odds(probability: float) -> float:
    probability = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(probability) - math.log1p(-probability)
