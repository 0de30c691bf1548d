"""One sample as every input of the audit sees it: read, outlined and labelled once."""
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

import cv2
import numpy as np

from models.data import Sample
from service.body import Body, find_body
from service.pipeline import Pipeline
from service.thermogram import Thermogram

from .marker import Marker, find_marker, without_marker


@dataclass(frozen=True, eq=False)
class AuditedSample:
    """A sample with what is known of its picture.

    Attributes:
        sample: patient, class and facts.
        thermogram: the picture.
        body: at working size.
        marker: the metal marker, if there is one.
        labels: uint8 HxW region ids as the bundle predicts them.
    """

    sample: Sample
    thermogram: Thermogram
    body: Body
    marker: Optional[Marker]
    labels: Optional[np.ndarray] = None

    @property
    def pixels(self) -> np.ndarray:
        """float32 HxW, in the unit of the thermogram."""
        return self.thermogram.pixels

    @cached_property
    def torso(self) -> np.ndarray:
        """Bool HxW: the body without holes, so that a cold plate leaves no trace in the outline."""
        filled = np.zeros(self.body.mask.shape, np.uint8)
        outlines, _ = cv2.findContours(self.body.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
        torso = cv2.resize(filled, self.pixels.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        return torso if self.marker is None else torso | self.marker.mask

    @cached_property
    def skin(self) -> np.ndarray:
        """Bool HxW: the torso without the marker."""
        return self.torso if self.marker is None else self.torso & ~self.marker.mask

    @cached_property
    def level(self) -> float:
        """Median of the skin, in the unit of the thermogram; NaN where there is no body."""
        return float(np.median(self.pixels[self.skin])) if self.skin.any() else float('nan')

    @cached_property
    def clean(self) -> np.ndarray:
        """float32 HxW: the picture with the marker filled in from the skin around it."""
        return without_marker(self.pixels, self.marker)


def read_sample(sample: Sample, pipeline: Optional[Pipeline] = None) -> AuditedSample:
    """Read and outline a sample.

    Args:
        sample: any.
        pipeline: a running pipeline that predicts the regions; without it there are none.
    Raises:
        InputError: a file that cannot be read.
    """
    thermogram = sample.thermogram()
    if pipeline is None:
        body, labels = find_body(thermogram), None
    else:
        result = pipeline.analyse(thermogram)
        body, labels = result.body, result.labels
    return AuditedSample(sample, thermogram, body, find_marker(thermogram, body), labels)
