"""Segmenters of segmentation_models_pytorch behind the common interface; all start from random weights."""
import segmentation_models_pytorch as smp
from torch import nn

from .base import Scores
from .inputs import ImagenetInput, check_classes, pad_to

#: What the sides of the encoders' input must be a multiple of.
_MULTIPLE = 32


class Segmenter(nn.Module):
    """Region scores at the picture's size, grey or heat map alike.

    Args:
        network (torch.nn.Module): maps Nx3xHxW, H and W multiples of 32, to NxRxHxW.
    """

    def __init__(self, network):
        super().__init__()
        self.normalise = ImagenetInput()
        self.network = network

    def forward(self, x):
        """Scores of float32 Nx1xHxW or Nx3xHxW in 0..1: region logits NxRxHxW, no finding.

        Raises:
            InputError: ``input-channels``.
        """
        height, width = int(x.shape[2]), int(x.shape[3])
        return Scores(self.network(self.normalise(pad_to(x, _MULTIPLE)))[:, :, :height, :width], None)


def unet_resnet34(classes=8):
    """U-Net with ResNet34 as encoder and 256-128-64-32-16 decoder channels."""
    check_classes(classes)
    return Segmenter(smp.Unet('resnet34', encoder_weights=None, classes=classes))


def segformer_b0(classes=8):
    """SegFormer with the smallest mix transformer as encoder."""
    check_classes(classes)
    return Segmenter(smp.Segformer('mit_b0', encoder_weights=None, classes=classes))


def deeplabv3plus_mobilenetv2(classes=8):
    """DeepLabV3+ with MobileNetV2 as encoder.

    Training needs batches of two or more: one branch is normalised over a single pixel a picture.
    """
    check_classes(classes)
    return Segmenter(smp.DeepLabV3Plus('mobilenet_v2', encoder_weights=None, classes=classes))
