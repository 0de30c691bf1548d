"""The plain U-Net (Ronneberger 2015, with batch normalisation) that several architectures are made of."""
import torch
from torch import nn


class DoubleConv(nn.Sequential):
    """Twice 3x3 convolution, batch normalisation, ReLU; the picture's size stays."""

    def __init__(self, inputs, outputs, middle=None):
        middle = middle or outputs
        super().__init__(
            nn.Conv2d(inputs, middle, 3, padding=1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
            nn.Conv2d(middle, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Unet(nn.Module):
    """Encoder, decoder and skips between them.

    Args:
        inputs (int): input channels.
        outputs (int): output maps.
        widths (tuple): channels at 1, 1/2, 1/4, ... of the input's size.
        bilinear (bool): enlarge bilinearly and narrow while joining (fewer weights), instead of by
            transposed convolutions.
    """

    def __init__(self, inputs, outputs, widths, bilinear=False):
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

    def forward(self, x):
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


def match(x, like):
    """Repeat the last row or column where halving an odd side had lost one."""
    down, right = int(like.shape[2]) - int(x.shape[2]), int(like.shape[3]) - int(x.shape[3])
    return nn.functional.pad(x, (0, right, 0, down), mode='replicate') if down or right else x
