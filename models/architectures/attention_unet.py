"""attention_unet: a U-Net whose skips pass through gates that the level below controls.

After Oktay 2018, with the gate as the breast-ultrasound segmenter of P23 draws it: skip and level
below meet at half the skip's size, and one map of weights between 0 and 1 comes back.
"""
import torch
from torch import nn

from .base import Scores
from .inputs import check_channels, check_classes, pad_to
from .unet_blocks import DoubleConv

WIDTHS = (32, 64, 128, 256, 512)


class AttentionGate(nn.Module):
    """Where a skip is worth looking at.

    Args:
        skip (int): channels of the skip.
        below (int): channels of the level below, which has half the skip's size.
    """

    def __init__(self, skip, below):
        super().__init__()
        middle = max(skip // 2, 1)
        self.from_skip = nn.Conv2d(skip, middle, 2, 2, bias=False)
        self.from_below = nn.Conv2d(below, middle, 1)
        self.judge = nn.Sequential(nn.ReLU(), nn.Conv2d(middle, 1, 1), nn.Sigmoid(),
                                   nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False))

    def forward(self, skip, below):
        """Weights in (0, 1), float32 Nx1xHxW, of a skip NxSxHxW and a level below NxBx(H/2)x(W/2)."""
        return self.judge(self.from_skip(skip) + self.from_below(below))


class AttentionUnet(nn.Module):
    """Region scores at the picture's size.

    Args:
        classes (int): region ids, background included.
        channels (int): of the picture, 1 or 3.
        widths (tuple): channels at 1, 1/2, 1/4, 1/8 and 1/16 of the picture's size.
    """

    def __init__(self, classes=8, channels=1, widths=WIDTHS):
        super().__init__()
        check_classes(classes)
        self.channels = channels
        self._multiple = 2 ** (len(widths) - 1)
        self.down = nn.ModuleList(DoubleConv(a, b) for a, b in zip((channels,) + tuple(widths[:-1]), widths))
        self.shrink = nn.MaxPool2d(2)
        steps = list(zip(widths[-2::-1], widths[:0:-1]))
        self.gates = nn.ModuleList(AttentionGate(width, below) for width, below in steps)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(below, width, 2, 2) for width, below in steps)
        self.join = nn.ModuleList(DoubleConv(2 * width, width) for width, _ in steps)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        """Scores of float32 NxCxHxW in 0..1: region logits NxRxHxW, no finding."""
        return Scores(self._run(x)[0], None)

    def gate_maps(self, x):
        """Where each gate looks: list of float32 Nx1xhxw in (0, 1), deepest first.

        The picture is padded to a multiple of 16 before, and so are the maps.
        """
        return self._run(x)[1]

    def _run(self, x):
        check_channels(x, (self.channels,))
        height, width = int(x.shape[2]), int(x.shape[3])
        x, skips, maps = 2 * pad_to(x, self._multiple) - 1, [], []
        for level, block in enumerate(self.down):
            x = block(self.shrink(x) if level else x)
            skips.append(x)
        skips.pop()
        for gate, enlarge, join in zip(self.gates, self.enlarge, self.join):
            skip = skips.pop()
            maps.append(gate(skip, x))
            x = join(torch.cat([skip * maps[-1], enlarge(x)], 1))
        return self.head(x)[:, :, :height, :width], maps
