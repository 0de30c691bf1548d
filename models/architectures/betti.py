"""betti: an explainable classifier without PyTorch [Ahmed2023]: warm islands and holes at each level.

A picture is thresholded at 100 levels; the pixels at or below a level form connected components (beta-0) around holes
(beta-1). The two curves over the levels are the features. Pixels are closed squares, so that dark pixels touch at
corners and bright ones do not: the dual connectivity.
"""
from typing import Any, Sequence

import cv2
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.pipeline import Pipeline

from service.messages import InputError

THRESHOLDS = 100
#: Planes of a colour picture, in the order of the features.
PLANES = ('grey', 'red', 'green', 'blue')


def betti_curves(grey: np.ndarray, thresholds: int = THRESHOLDS) -> np.ndarray:
    """Both Betti curves of a sublevel filtration.

    Args:
        grey: uint8 HxW.
        thresholds: number of levels, evenly from 0 to 255.

    Returns:
        Float32 of length 2 * thresholds: beta-0 at each level, then beta-1 at each level.

    Raises:
        InputError: ``picture-kind``: not a uint8 HxW picture.
    """
    if grey.dtype != np.uint8 or grey.ndim != 2 or not grey.size:
        raise InputError('picture-kind', 'Betti curves need an 8-bit grey picture, not %s of %s.'
                         % (grey.dtype, 'x'.join(map(str, grey.shape))), 'Use the picture of a preprocess chain.')
    curves = np.empty((2, thresholds), np.float32)
    for i, level in enumerate(np.linspace(0, 255, thresholds)):
        inside = (grey <= level).astype(np.uint8)
        # A bright frame joins everything bright that touches the border; the rest of it is holes.
        outside = np.pad(1 - inside, 1, constant_values=1)
        # OpenCV counts the zeros as one label, and the component of the frame is not a hole.
        curves[0, i] = cv2.connectedComponents(inside, connectivity=8)[0] - 1
        curves[1, i] = cv2.connectedComponents(outside, connectivity=4)[0] - 2
    return curves.ravel()


class BettiFeatures(TransformerMixin, BaseEstimator):
    """Betti curves of pictures; nothing is learned.

    Args:
        thresholds: levels of each curve.
    """

    def __init__(self, thresholds: int = THRESHOLDS) -> None:
        self.thresholds = thresholds

    def fit(self, pictures: Sequence[np.ndarray], y: Any = None) -> 'BettiFeatures':
        """Nothing to fit."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Features of pictures.

        Args:
            pictures: uint8 HxW (grey) or HxWx3 (red, green, blue), all of one kind.

        Returns:
            Float32 NxF; F is 200 for grey pictures and 800 for colour ones, in the order of `PLANES`, at 100 levels.
        """
        return np.stack([np.concatenate([betti_curves(plane, self.thresholds) for plane in _planes(picture)])
                         for picture in pictures])


def betti_classifier(seed: int = 2021, thresholds: int = THRESHOLDS, trees: int = 200) -> Pipeline:
    """Curves, selection of the informative features, gradient-boosted trees.

    Args:
        seed: of the trees.
        thresholds: levels of each curve.
        trees: of the forest that selects and of the classifier.

    Returns:
        A pipeline with the steps ``curves``, ``select`` and ``classify``.
    """
    forest = RandomForestClassifier(trees, class_weight='balanced', random_state=seed)
    return Pipeline([
        ('curves', BettiFeatures(thresholds)),
        ('select', SelectFromModel(forest)),
        ('classify', GradientBoostingClassifier(n_estimators=trees, random_state=seed)),
    ])


def _planes(picture):
    if picture.ndim == 2:
        return [picture]
    grey = np.rint(picture.mean(2)).astype(np.uint8)
    return [grey] + [np.ascontiguousarray(picture[:, :, i]) for i in range(picture.shape[2])]
