"""Segmenters with published Nano figures: Fast-SCNN, FCN-ResNet18, a U-Net, and lanes by row."""
import torch
import torchvision
from torch import nn
from torch.nn import functional

from .parts import conv, pool_to


def _enlarged(x, size):
    return functional.interpolate(x, [int(side) for side in size], mode='bilinear', align_corners=True)


class _Bottleneck(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        wide = 6 * inputs
        self.residual = stride == 1 and inputs == outputs
        self.body = nn.Sequential(conv(inputs, wide, 1), conv(wide, wide, 3, stride, wide),
                                  conv(wide, outputs, 1, act=None))

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class FastScnn(nn.Module):
    """Poudel 2019 as in github:Tramac/Fast-SCNN-pytorch, without its auxiliary head; published 1.1 M parameters."""

    def __init__(self, classes=19):
        super().__init__()
        # The first convolution there is not padded.
        self.down = nn.Sequential(nn.Conv2d(3, 32, 3, 2), nn.BatchNorm2d(32), nn.ReLU(),
                                  conv(32, 32, 3, 2, 32), conv(32, 48, 1), conv(48, 48, 3, 2, 48), conv(48, 64, 1))
        blocks, inputs = [], 64
        for outputs, stride in ((64, 2), (96, 2), (128, 1)):
            for step in range(3):
                blocks.append(_Bottleneck(inputs, outputs, stride if step == 0 else 1))
                inputs = outputs
        self.deep = nn.Sequential(*blocks)
        self.levels = nn.ModuleList([conv(128, 32, 1) for _ in range(4)])
        self.mix = conv(256, 128, 1)
        self.low = nn.Sequential(conv(128, 128, 3, 1, 128), conv(128, 128, 1, act=None, bias=True))
        self.high = conv(64, 128, 1, act=None, bias=True)
        self.classify = nn.Sequential(conv(128, 128, 3, 1, 128), conv(128, 128, 1), conv(128, 128, 3, 1, 128),
                                      conv(128, 128, 1), nn.Conv2d(128, classes, 1))

    def forward(self, x):
        fine = self.down(x)
        deep = self.deep(fine)
        size = deep.shape[-2:]
        pooled = [_enlarged(level(pool_to(deep, cells)), size) for level, cells in zip(self.levels, (1, 2, 3, 6))]
        deep = self.mix(torch.cat([deep] + pooled, 1))
        low = self.low(_enlarged(deep, fine.shape[-2:]))
        fine = torch.relu(self.high(fine) + low)
        return _enlarged(self.classify(fine), x.shape[-2:])


class FcnResnet18(nn.Module):
    """FCN head on ResNet18 at 1/32, as github:dusty-nv/pytorch-segmentation exports it: scores stay small."""

    def __init__(self, classes=21):
        super().__init__()
        net = torchvision.models.resnet18(weights=None)
        self.body = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3,
                                  net.layer4)
        self.head = nn.Sequential(conv(512, 128), nn.Conv2d(128, classes, 1))

    def forward(self, x):
        return self.head(self.body(x))


class Lanes(nn.Module):
    """Ultra-Fast-Lane-Detection on ResNet18 (github:cfzd), CULane: 201 x 18 x 4 answers from two large products."""

    def __init__(self):
        super().__init__()
        net = torchvision.models.resnet18(weights=None)
        self.body = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3,
                                  net.layer4, nn.Conv2d(512, 8, 1))
        self.answer = nn.Sequential(nn.Linear(1800, 2048), nn.ReLU(), nn.Linear(2048, 201 * 18 * 4))

    def forward(self, x):
        return self.answer(self.body(x).view(-1, 1800)).view(-1, 201, 18, 4)


class Unet(nn.Module):
    """Ronneberger 2015 with padding, normalisation and transposed convolutions, of any width.

    The published one has 1.93 M parameters, five input channels and, by its copy times, eight output channels.
    """

    def __init__(self, inputs=5, classes=8, width=16):
        super().__init__()
        sides = [width * 2 ** level for level in range(5)]
        self.down = nn.ModuleList([nn.Sequential(conv(a, b), conv(b, b)) for a, b in zip([inputs] + sides, sides)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(2 * side, side, 2, 2) for side in sides[3::-1]])
        self.join = nn.ModuleList([nn.Sequential(conv(2 * side, side), conv(side, side)) for side in sides[3::-1]])
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        kept = []
        for level in self.down:
            x = level(functional.max_pool2d(x, 2) if kept else x)
            kept.append(x)
        for up, join, skip in zip(self.up, self.join, kept[3::-1]):
            x = join(torch.cat([skip, up(x)], 1))
        return self.last(x)
