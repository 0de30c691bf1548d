"""half_unet: a residual U-Net at half resolution with a region head and a left-right finding head.

Encoder and decoder are segmentation_models_pytorch's. The network first halves the picture, and enlarges the region
scores bilinearly at the end, so that no convolution runs at full resolution: on a Jetson Nano those are limited by
memory, not by arithmetic.
"""
from typing import Sequence

import segmentation_models_pytorch as smp
import torch
from torch import nn

from service import regions

from .base import Scores

_BREASTS = [regions.RIGHT_BREAST, regions.LEFT_BREAST]


class HalfUnet(nn.Module):
    """One encoder, two heads.

    Args:
        stem: channels after the first halving.
        channels: encoder channels at 1/8 and 1/16 of the input.
        layers: residual blocks at those two levels.
        decoder: decoder channels at 1/8, 1/4 and 1/2.
    """

    def __init__(self, stem: int = 16, channels: Sequence[int] = (64, 128), layers: Sequence[int] = (2, 6),
                 decoder: Sequence[int] = (64, 32, 24)) -> None:
        super().__init__()
        self.halve = nn.Sequential(nn.Conv2d(1, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        # timm's ResNet needs four levels; the two beyond the depth of the encoder are cut off.
        self.unet = smp.Unet(
            'tu-resnet18', encoder_depth=3, encoder_weights=None, in_channels=stem,
            classes=len(regions.REGIONS), decoder_channels=decoder,
            channels=tuple(channels) + (8, 8), layers=tuple(layers) + (1, 1), stem_width=32)
        self.enlarge = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)
        self.finding = PairHead(channels[-1])

    def forward(self, x: torch.Tensor) -> Scores:
        """Region logits Nx8xHxW and finding logit Nx1 of float32 Nx1xHxW in 0..1, usually 240x320."""
        levels = self.unet.encoder(self.halve(x))
        scores = self.unet.segmentation_head(self.unet.decoder(levels))
        return Scores(self.enlarge(scores), self.finding(levels[-1], scores))


class PairHead(nn.Module):
    """Compares learned features of the right breast with those of the left.

    Their means show a breast that is warmer as a whole, their maxima a single warm patch, which a mean over the breast
    would hide. The breasts come from the region scores, without the finding's gradient flowing into them: a hot spot
    must not redraw the breast.

    Args:
        channels: of the encoder features.
        features: that are compared.
        ratio: size of the region scores over that of the encoder features.
    """

    def __init__(self, channels: int, features: int = 48, ratio: int = 8) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(channels, features, 1, bias=False), nn.BatchNorm2d(features), nn.ReLU())
        self.judge = nn.Sequential(nn.Linear(4 * features, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
        self.shrink = nn.AvgPool2d(ratio)

    def forward(self, deep: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Finding logit Nx1 of encoder features NxCxhxw and region scores Nx8xrhxrw, r being `ratio`."""
        breasts = self.shrink(torch.softmax(scores.detach(), 1))[:, _BREASTS]
        share = breasts.flatten(2)
        share = share / (share.sum(2, keepdim=True) + 1e-3)
        values = self.features(deep)
        means = torch.matmul(share, values.flatten(2).transpose(1, 2))
        right, left = means[:, 0], means[:, 1]
        hot_right, hot_left = (torch.amax(values * breasts[:, i:i + 1], (2, 3)) for i in (0, 1))
        return self.judge(torch.cat([torch.abs(right - left), right + left,
                                     torch.abs(hot_right - hot_left), hot_right + hot_left], 1))
