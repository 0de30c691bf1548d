"""U-Nets: the plain one that other architectures contain, a narrow one, and one with attention gates."""
from typing import Optional, Sequence

import torch
from torch import nn

from .base import Scores, check_channels, check_classes, pad_to


class DoubleConv(nn.Sequential):
    """Twice 3x3 convolution, batch normalisation and ReLU; keeps the size of the picture."""

    def __init__(self, inputs: int, outputs: int, middle: Optional[int] = None) -> None:
        middle = middle or outputs
        super().__init__(
            nn.Conv2d(inputs, middle, 3, padding=1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
            nn.Conv2d(middle, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Unet(nn.Module):
    """Encoder and decoder with skips between them [Ronneberger2015], with batch normalisation.

    Args:
        inputs: input channels.
        outputs: output maps.
        widths: channels at 1, 1/2, 1/4, ... of the size of the input.
        bilinear: enlarge bilinearly and narrow while joining (fewer weights), instead of by transposed convolutions.
    """

    def __init__(self, inputs: int, outputs: int, widths: Sequence[int], bilinear: bool = False) -> None:
        super().__init__()
        self.down = nn.ModuleList(DoubleConv(a, b) for a, b in zip((inputs,) + tuple(widths[:-1]), widths))
        self.shrink = nn.MaxPool2d(2)
        self.enlarge, self.join = nn.ModuleList(), nn.ModuleList()
        below = widths[-1]
        for level in range(len(widths) - 2, -1, -1):
            width = widths[level]
            if bilinear:
                self.enlarge.append(nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True))
                joined, below = below + width, widths[max(level - 1, 0)]
                self.join.append(DoubleConv(joined, below, joined // 2))
            else:
                self.enlarge.append(nn.ConvTranspose2d(below, width, 2, 2))
                self.join.append(DoubleConv(2 * width, width))
                below = width
        self.head = nn.Conv2d(below, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32 NxOxHxW of NxIxHxW; sides of at least 2 ** (levels - 1) pixels."""
        skips = []
        for level, block in enumerate(self.down):
            x = block(self.shrink(x) if level else x)
            skips.append(x)
        skips.pop()
        for enlarge, join in zip(self.enlarge, self.join):
            skip = skips.pop()
            x = join(torch.cat([skip, match(enlarge(x), skip)], 1))
        return self.head(x)


def match(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Repeat the last row or column where halving an odd side has lost one."""
    down, right = int(like.shape[2]) - int(x.shape[2]), int(like.shape[3]) - int(x.shape[3])
    return nn.functional.pad(x, (0, right, 0, down), mode='replicate') if down or right else x


class UnetLite(nn.Module):
    """Region scores at the size of the picture, from 16x16 pixels on; about an eighth of the classic U-Net.

    Args:
        classes: region ids, including background.
        channels: 1 for grey pictures, 3 for heat maps.
    """

    #: Channels at 1, 1/2, 1/4, 1/8 and 1/16 of the size of the picture.
    widths = (22, 44, 88, 176, 352)

    def __init__(self, classes: int = 8, channels: int = 1) -> None:
        super().__init__()
        check_classes(classes)
        self.channels = channels
        self.unet = Unet(channels, classes, self.widths)

    def forward(self, x: torch.Tensor) -> Scores:
        """Region logits NxRxHxW of float32 NxCxHxW in 0..1."""
        check_channels(x, (self.channels,))
        return Scores(self.unet(2 * x - 1), None)


class AttentionGate(nn.Module):
    """Weights that show where a skip is relevant [Oktay2018].

    Skip and level below meet at half the size of the skip, and one map of weights between 0 and 1 results.

    Args:
        skip: channels of the skip.
        below: channels of the level below, which has half the size of the skip.
    """

    def __init__(self, skip: int, below: int) -> None:
        super().__init__()
        middle = max(skip // 2, 1)
        self.from_skip = nn.Conv2d(skip, middle, 2, 2, bias=False)
        self.from_below = nn.Conv2d(below, middle, 1)
        self.judge = nn.Sequential(nn.ReLU(), nn.Conv2d(middle, 1, 1), nn.Sigmoid(),
                                   nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False))

    def forward(self, skip: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
        """Weights in (0, 1), float32 Nx1xHxW, of a skip NxSxHxW and a level below NxBx(H/2)x(W/2)."""
        return self.judge(self.from_skip(skip) + self.from_below(below))


class AttentionUnet(nn.Module):
    """A U-Net whose skips pass through gates that the level below controls; region scores at the picture's size.

    Args:
        classes: region ids, including background.
        channels: of the picture, 1 or 3.
        widths: channels at 1, 1/2, 1/4, 1/8 and 1/16 of the size of the picture.
    """

    def __init__(self, classes: int = 8, channels: int = 1, widths: Sequence[int] = (32, 64, 128, 256, 512)) -> None:
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

    def forward(self, x: torch.Tensor) -> Scores:
        """Region logits NxRxHxW of float32 NxCxHxW in 0..1."""
        check_channels(x, (self.channels,))
        height, width = int(x.shape[2]), int(x.shape[3])
        x, skips = 2 * pad_to(x, self._multiple) - 1, []
        for level, block in enumerate(self.down):
            x = block(self.shrink(x) if level else x)
            skips.append(x)
        skips.pop()
        for gate, enlarge, join in zip(self.gates, self.enlarge, self.join):
            skip = skips.pop()
            # Torch-Pruning takes the channels of a product from its last factor; the gate has one.
            x = join(torch.cat([gate(skip, x) * skip, enlarge(x)], 1))
        return Scores(self.head(x)[:, :, :height, :width], None)
