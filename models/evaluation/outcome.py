"""What the device's pipeline said of one sample, as far as judging needs it."""
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from service.regions import REGIONS

from .metrics import all_background, dice, hd95, iou, mean_over_regions, pair_counts


@dataclass(frozen=True)
class Overlap:
    """Predicted labels of one frame beside the true ones.

    Attributes:
        pairs (numpy.ndarray): int64 8x8 pixels, row = true id, column = predicted id.
        hd95_px (tuple): per region id, pixels or None; the background has none.
    """

    pairs: np.ndarray
    hd95_px: tuple

    @classmethod
    def of(cls, found, truth):
        """Compare two uint8 HxW label images."""
        distances = tuple(hd95(found == region, truth == region) for region in range(1, len(REGIONS)))
        return cls(pair_counts(found, truth), (None,) + distances)

    @classmethod
    def refused(cls, truth):
        """A frame without labels: as good as all background."""
        return cls(all_background(pair_counts(np.zeros_like(truth), truth)), (None,) * len(REGIONS))

    @property
    def miou(self):
        """Mean IoU of this frame over the regions that are in either label image."""
        return float(mean_over_regions(iou(self.pairs)))


@dataclass(frozen=True)
class Outcome:
    """One sample after `Pipeline.analyse`.

    Attributes:
        key, patient, facts, klass: as the sample states them.
        refusals (tuple): (check name, sentence) of the checks that made it a 'no result'.
        probability (float): of the finding; None where refused or where the bundle has none.
        overlap (Overlap): None where the sample has no true labels.
        certainties (dict): region id to the mean probability of its own label, of the regions found.
        confidence (float): of the whole frame, or None.
        total_ms (float): duration of the analysis.
    """

    key: str
    patient: str
    facts: dict
    klass: Optional[int]
    refusals: tuple
    probability: Optional[float]
    overlap: Optional[Overlap]
    certainties: dict = field(default_factory=dict)
    confidence: Optional[float] = None
    total_ms: float = 0.0

    @property
    def answered(self):
        """Whether the frame got a result."""
        return not self.refusals

    def to_dict(self, classes):
        """Every raw value as JSON.

        Args:
            classes (tuple of str): names of the collection's classes.
        """
        return {
            'key': self.key, 'patient': self.patient, 'facts': dict(self.facts),
            'class': None if self.klass is None else classes[self.klass],
            'outcome': 'result' if self.answered else 'no-result',
            'refusals': [{'check': name, 'sentence': sentence} for name, sentence in self.refusals],
            'probability': _number(self.probability), 'confidence': _number(self.confidence),
            'certainties': {REGIONS[region]: _number(value) for region, value in sorted(self.certainties.items())},
            'overlap': self.overlap and _overlap(self.overlap), 'total_ms': round(self.total_ms, 3),
        }


def _overlap(overlap):
    pairs = overlap.pairs
    named = {'iou': iou(pairs), 'dice': dice(pairs), 'true_px': pairs.sum(1), 'found_px': pairs.sum(0),
             'hd95_px': overlap.hd95_px}
    document = {figure: {name: _number(value) for name, value in zip(REGIONS, values)}
                for figure, values in named.items()}
    return dict(document, miou=_number(overlap.miou), pixels=pairs.tolist())


def _number(value):
    if value is None or not np.isfinite(value):
        return None
    return int(value) if isinstance(value, np.integer) else round(float(value), 4)
