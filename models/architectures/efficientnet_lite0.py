"""efficientnet_lite0: an encoder that ImageNet has taught [Tan2019], the pyramid of quarter_fpn, and three heads."""
from typing import List

import timm
import torch
from torch import nn

from service import regions

from .base import Scores, check_channels, pad_to
from .half_unet import PairHead
from .quarter_fpn import Pyramid, ViewHead

#: The sides of the encoder's input must be a multiple of this.
_MULTIPLE = 32


class Lite0Encoder(nn.Module):
    """EfficientNet-Lite0 of timm without its classifier, padded like TensorFlow's, for which its weights were made."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = timm.create_model('tf_efficientnet_lite0', features_only=True, out_indices=(1, 2, 3, 4),
                                        in_chans=1)
        self.channels = tuple(self.levels.feature_info.channels())

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        """Features at 1/4, 1/8, 1/16 and 1/32 of pictures float32 Nx1xHxW in 0..1, H and W multiples of 32."""
        return self.levels(2 * x - 1)


class EfficientnetLite0(nn.Module):
    """One encoder, heads for regions, finding and view.

    Args:
        width: channels of the pyramid.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.encoder = Lite0Encoder()
        _, _, middle, deep = self.encoder.channels
        self.pyramid = Pyramid(self.encoder.channels, width, len(regions.REGIONS))
        self.enlarge = nn.Upsample(scale_factor=4, mode='bilinear', align_corners=False)
        # Breasts are compared at 1/16: at 1/32 they are a few pixels.
        self.finding = PairHead(middle, ratio=4)
        self.view = ViewHead(deep)

    def forward(self, x: torch.Tensor) -> Scores:
        """Region logits Nx8xHxW, finding logit Nx1 and view logits NxV of float32 Nx1xHxW in 0..1.

        Raises:
            InputError: ``input-channels``.
        """
        check_channels(x, (1,))
        height, width = int(x.shape[2]), int(x.shape[3])
        levels = self.encoder(pad_to(x, _MULTIPLE))
        scores = self.pyramid(levels)
        return Scores(self.enlarge(scores)[:, :, :height, :width], self.finding(levels[2], scores),
                      self.view(levels[3]))
