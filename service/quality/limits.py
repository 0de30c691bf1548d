"""The limits of the quality gate."""
from dataclasses import dataclass


@dataclass(frozen=True)
class QualityLimits:
    """What a frame must have to give a result. Shares are of the whole frame, 0..1.

    Attributes:
        min_range_c, min_range_grey (float): span of the frame below which it is constant.
        max_saturated_share (float): pixels at the very same highest value. A sensor that clips
            gives many of them, a torso a handful.
        skin_low_c, skin_high_c (float): where the mean of the body must lie. DMR-IR breast means
            are 26 to 36 C; the low end leaves room for cooled skin and a camera's own offset.
        min_body_share (float): body in the frame.
        min_contrast_c, min_contrast_grey (float): body over background. A room at
            26 C still leaves 3 C on DMR-IR frames.
        min_breast_share (float): each breast. On 51 annotated DMR-IR frames they are 0.15 +- 0.03.
        max_border_share (float): part of a breast's height that may lie on the picture's left or
            right edge, or of its width on the lower edge.
        min_confidence (float): mean probability of the labels over the body.
    """

    min_range_c: float = 1.0
    min_range_grey: float = 8.0
    max_saturated_share: float = 0.01
    skin_low_c: float = 24.0
    skin_high_c: float = 40.0
    min_body_share: float = 0.2
    min_contrast_c: float = 1.5
    min_contrast_grey: float = 8.0
    min_breast_share: float = 0.015
    max_border_share: float = 0.3
    min_confidence: float = 0.6
