"""half_unet: a residual U-Net at half resolution with a region head and a left-right finding head.

The encoder and decoder are segmentation_models_pytorch's. The network halves the picture first and
enlarges the region scores bilinearly at the end, so that no convolution runs at full resolution:
on a Jetson Nano those are bound by memory, not arithmetic.
"""
import segmentation_models_pytorch as smp
import torch
from torch import nn

from service import regions

from .base import Scores

_BREASTS = [regions.RIGHT_BREAST, regions.LEFT_BREAST]


class HalfUnet(nn.Module):
    """One encoder, two heads.

    Args:
        stem (int): channels after the first halving.
        channels (tuple): encoder channels at 1/8 and 1/16 of the input.
        layers (tuple): residual blocks at those two levels.
        decoder (tuple): decoder channels at 1/8, 1/4 and 1/2.
    """

    def __init__(self, stem=16, channels=(64, 128), layers=(2, 6), decoder=(64, 32, 24)):
        super().__init__()
        self.halve = nn.Sequential(nn.Conv2d(1, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        # timm's ResNet wants four levels; the two that lie beyond the encoder's depth are cut off.
        self.unet = smp.Unet(
            'tu-resnet18', encoder_depth=3, encoder_weights=None, in_channels=stem,
            classes=len(regions.REGIONS), decoder_channels=decoder,
            channels=tuple(channels) + (8, 8), layers=tuple(layers) + (1, 1), stem_width=32)
        self.enlarge = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)
        self.finding = PairHead(channels[-1])

    def forward(self, x):
        """Region scores and the finding's score of normalised thermograms.

        Args:
            x (torch.Tensor): float32 Nx1x240x320, values 0..1.

        Returns:
            Scores: region logits Nx8x240x320, finding logit Nx1.
        """
        levels = self.unet.encoder(self.halve(x))
        scores = self.unet.segmentation_head(self.unet.decoder(levels))
        return Scores(self.enlarge(scores), self.finding(levels[-1], scores))


class PairHead(nn.Module):
    """Compares learned features of the right breast with those of the left.

    Their means tell a breast that is warmer as a whole, their maxima a single warm patch, which a mean
    over the breast would drown. The breasts are taken from the region scores themselves, without sending
    the finding's gradient into them: a hot spot must not redraw the breast.
    """

    def __init__(self, channels, features=48):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(channels, features, 1, bias=False), nn.BatchNorm2d(features), nn.ReLU())
        self.judge = nn.Sequential(nn.Linear(4 * features, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
        self.shrink = nn.AvgPool2d(8)

    def forward(self, deep, scores):
        """Finding logit Nx1 of encoder features NxCxhxw and half-size region scores Nx8x8hx8w."""
        breasts = self.shrink(torch.softmax(scores.detach(), 1))[:, _BREASTS]
        share = breasts.flatten(2)
        share = share / (share.sum(2, keepdim=True) + 1e-3)
        values = self.features(deep)
        means = torch.matmul(share, values.flatten(2).transpose(1, 2))
        right, left = means[:, 0], means[:, 1]
        hot_right, hot_left = (torch.amax(values * breasts[:, i:i + 1], (2, 3)) for i in (0, 1))
        return self.judge(torch.cat([torch.abs(right - left), right + left,
                                     torch.abs(hot_right - hot_left), hot_right + hot_left], 1))
