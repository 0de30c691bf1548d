"""unet_lite: a U-Net of 22, 44, 88, 176, 352 channels, about an eighth of the classic one."""
from torch import nn

from .base import Scores
from .inputs import check_channels, check_classes
from .unet_blocks import Unet

#: Channels at 1, 1/2, 1/4, 1/8 and 1/16 of the picture's size.
WIDTHS = (22, 44, 88, 176, 352)


class UnetLite(nn.Module):
    """Region scores at the picture's size, any size from 16x16 on.

    Args:
        classes (int): region ids with background.
        channels (int): 1 for grey pictures, 3 for heat maps.
    """

    def __init__(self, classes=8, channels=1):
        super().__init__()
        check_classes(classes)
        self.channels = channels
        self.unet = Unet(channels, classes, WIDTHS)

    def forward(self, x):
        """Scores of float32 NxCxHxW in 0..1: region logits NxRxHxW, no finding."""
        check_channels(x, (self.channels,))
        return Scores(self.unet(2 * x - 1), None)
