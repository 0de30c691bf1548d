"""betti: a classifier without PyTorch that can be explained: how many warm islands and holes at each level.

After ToFi-ML (P21): a picture is thresholded at 100 levels; the pixels at or below a level form connected
components (beta-0) around holes (beta-1). The two curves over the levels are the features. Pixels are closed
squares, so that dark pixels touch at corners and bright ones do not: the dual connectivity.
"""
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


def betti_curves(grey, thresholds=THRESHOLDS):
    """Both Betti curves of a sublevel filtration.

    Args:
        grey (numpy.ndarray): uint8 HxW.
        thresholds (int): levels, evenly from 0 to 255.

    Returns:
        numpy.ndarray: float32 of length 2 * thresholds: beta-0 at each level, then beta-1 at each level.

    Raises:
        InputError: ``picture-kind``: not a uint8 HxW picture.
    """
    if grey.dtype != np.uint8 or grey.ndim != 2 or not grey.size:
        raise InputError('picture-kind', 'Betti curves need an 8-bit grey picture, not %s of %s; use the '
                         'picture of a preprocess chain.' % (grey.dtype, 'x'.join(map(str, grey.shape))))
    curves = np.empty((2, thresholds), np.float32)
    for i, level in enumerate(np.linspace(0, 255, thresholds)):
        inside = (grey <= level).astype(np.uint8)
        # One bright frame joins all that touches the border; what else is bright is a hole.
        outside = np.pad(1 - inside, 1, constant_values=1)
        # OpenCV counts the zeros as one label, and the frame's component is no hole.
        curves[0, i] = cv2.connectedComponents(inside, connectivity=8)[0] - 1
        curves[1, i] = cv2.connectedComponents(outside, connectivity=4)[0] - 2
    return curves.ravel()


class BettiFeatures(TransformerMixin, BaseEstimator):
    """Pictures to Betti curves; nothing is learnt.

    Args:
        thresholds (int): levels of each curve.
    """

    def __init__(self, thresholds=THRESHOLDS):
        self.thresholds = thresholds

    def fit(self, pictures, y=None):
        """Nothing to fit."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, pictures):
        """Features of pictures.

        Args:
            pictures (sequence): uint8 HxW (grey) or HxWx3 (red, green, blue), all of one kind.

        Returns:
            numpy.ndarray: float32 NxF; F is 200 for grey pictures and 800 for colour ones, in the order of
            `PLANES`, at 100 levels.
        """
        return np.stack([np.concatenate([betti_curves(plane, self.thresholds) for plane in _planes(picture)])
                         for picture in pictures])


def betti_classifier(seed=2021, thresholds=THRESHOLDS, trees=200):
    """Curves, selection of the informative features, gradient-boosted trees.

    Args:
        seed (int): of the trees.
        thresholds (int): levels of each curve.
        trees (int): of the forest that selects and of the classifier.

    Returns:
        sklearn.pipeline.Pipeline: ``fit(pictures, y)``, ``predict_proba(pictures)``; steps ``curves``,
        ``select``, ``classify``.
    """
    forest = RandomForestClassifier(trees, class_weight='balanced', random_state=seed)
    return Pipeline([
        ('curves', BettiFeatures(thresholds)),
        ('select', SelectFromModel(forest)),
        ('classify', GradientBoostingClassifier(n_estimators=trees, random_state=seed)),
    ])


def class_bands(features, y, share=0.4):
    """Typical curves of each class, the explanation that goes beside a result.

    Args:
        features (numpy.ndarray): NxF curves.
        y (numpy.ndarray): N class labels.
        share (float): of the pictures that lie within the band at each level.

    Returns:
        dict: class label -> float32 3xF: median, lower edge, upper edge of the band.
    """
    features, y = np.asarray(features), np.asarray(y)
    edges = [0.5, 0.5 - share / 2, 0.5 + share / 2]
    return {label: np.quantile(features[y == label], edges, axis=0).astype(np.float32)
            for label in np.unique(y).tolist()}


def _planes(picture):
    if picture.ndim == 2:
        return [picture]
    grey = np.rint(picture.mean(2)).astype(np.uint8)
    return [grey] + [np.ascontiguousarray(picture[:, :, i]) for i in range(picture.shape[2])]
