"""quarter_fpn: a small residual network with a feature pyramid and three heads.

No convolution but the first runs at more than a quarter of the input's height and width: on a Jetson Nano those are
limited by memory, not by arithmetic. Residual blocks are torchvision's [He2016]; the pyramid sums 1x1 laterals from
coarse to fine [Lin2017].
"""
from typing import List, Sequence

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock

from service import regions
from service.views import VIEWS

from .base import Scores
from .breast_pair import BreastPair, either


class Pyramid(nn.Module):
    """Region scores at a quarter of the input, from features at 1/4, 1/8 and so on.

    Args:
        channels: of the features, from fine to coarse.
        width: channels of the pyramid.
        classes: region ids.
    """

    def __init__(self, channels: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.smooth = nn.ModuleList(_convolution(width, width) for _ in channels[1:])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Scores Nx`classes`xhxw of features, from fine to coarse."""
        sums = [lateral(level) for lateral, level in zip(self.laterals, levels)]
        coarse = sums.pop()
        for smooth, fine in zip(self.smooth, reversed(sums)):
            coarse = smooth(fine + functional.interpolate(coarse, scale_factor=2.0))
        return self.head(coarse)


class ViewHead(nn.Module):
    """Logits of `service.views.VIEWS` from the mean and the maximum of every feature.

    Args:
        channels: of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.judge = nn.Sequential(nn.Dropout(0.1), nn.Linear(2 * channels, len(VIEWS)))

    def forward(self, deep: torch.Tensor) -> torch.Tensor:
        """Logits NxV of features NxCxhxw."""
        return self.judge(torch.cat([deep.mean((2, 3)), deep.amax((2, 3))], 1))


class QuarterFpn(nn.Module):
    """One encoder, heads for regions, finding and view.

    Args:
        stem: channels at half the input's size.
        channels: at 1/4, 1/8 and so on.
        blocks: residual blocks at each of these.
        width: channels of the pyramid.
    """

    def __init__(self, stem: int = 16, channels: Sequence[int] = (32, 64, 128), blocks: Sequence[int] = (0, 3, 3),
                 width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(1, stem, 2), _convolution(stem, channels[0], 2))
        self.stages = nn.ModuleList()
        before = channels[0]
        for level, (after, count) in enumerate(zip(channels, blocks)):
            self.stages.append(_stage(before, after, count, 2 if level else 1))
            before = after
        self.pyramid = Pyramid(channels, width, len(regions.REGIONS))
        self.enlarge = nn.Upsample(scale_factor=4, mode='bilinear', align_corners=False)
        self.view = ViewHead(channels[-1])
        self.finding = BreastPair()

    def forward(self, x: torch.Tensor) -> Scores:
        """Region logits Nx8xHxW, finding logit Nx1 and view logits NxV of float32 Nx1xHxW in 0..1, usually 240x320."""
        levels: List[torch.Tensor] = []
        picture, x = x, self.stem(x)
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        scores = self.pyramid(levels)
        return Scores(self.enlarge(scores), either(self.finding(picture, scores)), self.view(x))


def _convolution(before, after, stride=1):
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


def _stage(before, after, count, stride):
    """Residual blocks, of which the first halves."""
    blocks = []
    for _ in range(count):
        skip = None
        if stride != 1 or before != after:
            skip = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        blocks.append(BasicBlock(before, after, stride, skip))
        before, stride = after, 1
    return nn.Sequential(*blocks)
