"""One sample as every input of the audit sees it: read once, outlined once, labelled once."""
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

import cv2
import numpy as np

from service.body import find_body
from service.thermogram import Thermogram

from .marker import Marker, find_marker, without_marker


@dataclass(frozen=True)
class Frame:
    """A sample with what is known of its picture.

    Attributes:
        sample (models.data.Sample): patient, class and facts.
        thermogram (Thermogram): the frame.
        body (Body): at working size.
        marker (Marker): the metal marker, or None.
        labels (numpy.ndarray): uint8 HxW region ids as the bundle finds them, or None.
    """

    sample: Any
    thermogram: Thermogram
    body: Any
    marker: Optional[Marker]
    labels: Optional[np.ndarray] = None

    @property
    def pixels(self):
        """float32 HxW, in the frame's own unit."""
        return self.thermogram.pixels

    @cached_property
    def torso(self):
        """Bool HxW: the body without holes, so that a cold plate leaves no trace in the outline."""
        filled = np.zeros(self.body.mask.shape, np.uint8)
        outlines, _ = cv2.findContours(self.body.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
        torso = cv2.resize(filled, self.pixels.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        return torso if self.marker is None else torso | self.marker.mask

    @cached_property
    def skin(self):
        """Bool HxW: the torso without the marker."""
        return self.torso if self.marker is None else self.torso & ~self.marker.mask

    @cached_property
    def level(self):
        """Median of the skin, in the frame's own unit; NaN where there is no body."""
        return float(np.median(self.pixels[self.skin])) if self.skin.any() else float('nan')

    @cached_property
    def clean(self):
        """float32 HxW: the frame with the marker filled in from the skin around it."""
        return without_marker(self.pixels, self.marker)


def read_frame(sample, pipeline=None):
    """Read and outline a sample.

    Args:
        sample (models.data.Sample): any.
        pipeline (Pipeline): a running pipeline that finds the regions; without it there are none.
    Returns:
        Frame
    Raises:
        InputError: a file that cannot be read.
    """
    thermogram = sample.thermogram()
    if pipeline is None:
        body, labels = find_body(thermogram), None
    else:
        result = pipeline.analyse(thermogram)
        body, labels = result.body, result.labels
    return Frame(sample, thermogram, body, find_marker(thermogram, body), labels)
