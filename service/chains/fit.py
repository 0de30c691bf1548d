"""How a frame of any size is laid into a network's fixed input, and how labels come back."""
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Fit:
    """A frame scaled to fit an input, aspect kept, centred, the rest padded.

    Attributes:
        frame (tuple): (height, width) of the frame, in pixels.
        target (tuple): (height, width) of the network input, in pixels.
        inner (tuple): (top, left, height, width) of the scaled frame inside the input.
    """

    frame: tuple
    target: tuple
    inner: tuple

    @classmethod
    def of(cls, frame, target):
        """Lay a frame of shape (height, width) into an input of shape (height, width)."""
        scale = min(target[0] / float(frame[0]), target[1] / float(frame[1]))
        height = min(target[0], max(1, int(round(frame[0] * scale))))
        width = min(target[1], max(1, int(round(frame[1] * scale))))
        return cls(tuple(frame), tuple(target), ((target[0] - height) // 2, (target[1] - width) // 2, height, width))

    def to_input(self, image, padding):
        """Scale an HxW or HxWxC image into the input; what it does not cover becomes `padding`."""
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

    def cut(self, image):
        """The part of an image of the input's size that the frame covers."""
        top, left, height, width = self.inner
        return image[top:top + height, left:left + width]

    def enlarge(self, labels):
        """Bring labels that were `cut` to the frame's own resolution; every pixel takes its nearest one."""
        if labels.shape == self.frame:
            return labels
        return cv2.resize(labels, self.frame[::-1], interpolation=cv2.INTER_NEAREST)

    def enlarge_box(self, box):
        """Bring a (row slice, column slice) of a `cut` image to the frame, rounded outwards."""
        return tuple(slice(max(0, side.start * full // part - 1), min(full, -(-side.stop * full // part) + 1))
                     for side, full, part in zip(box, self.frame, self.inner[2:]))

    def to_frame(self, labels):
        """Bring labels of the input's size to the frame: `cut`, then `enlarge`."""
        return self.enlarge(self.cut(labels))
