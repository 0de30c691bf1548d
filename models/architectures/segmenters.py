"""Segmenters of segmentation_models_pytorch behind the common interface; all start from random weights."""
import segmentation_models_pytorch as smp
import torch
from torch import nn

from .base import ImagenetInput, Scores, check_classes, pad_to

#: The sides of the encoders' input must be a multiple of this.
_MULTIPLE = 32


class Segmenter(nn.Module):
    """Region scores at the size of a grey picture or heat map.

    Args:
        network: maps Nx3xHxW, H and W multiples of 32, to NxRxHxW.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.normalise = ImagenetInput()
        self.network = network

    def forward(self, x: torch.Tensor) -> Scores:
        """Region logits NxRxHxW of float32 Nx1xHxW or Nx3xHxW in 0..1.

        Raises:
            InputError: ``input-channels``.
        """
        height, width = int(x.shape[2]), int(x.shape[3])
        return Scores(self.network(self.normalise(pad_to(x, _MULTIPLE)))[:, :, :height, :width], None)


def unet_resnet34(classes: int = 8) -> Segmenter:
    """U-Net with ResNet34 as encoder and 256-128-64-32-16 decoder channels."""
    check_classes(classes)
    return Segmenter(smp.Unet('resnet34', encoder_weights=None, classes=classes))


def segformer_b0(classes: int = 8) -> Segmenter:
    """SegFormer with the smallest mix transformer as encoder."""
    check_classes(classes)
    return Segmenter(smp.Segformer('mit_b0', encoder_weights=None, classes=classes))


def deeplabv3plus_mobilenetv2(classes: int = 8) -> Segmenter:
    """DeepLabV3+ with MobileNetV2 as encoder.

    Training needs batches of two or more: one branch is normalised over a single pixel per picture.
    """
    check_classes(classes)
    return Segmenter(smp.DeepLabV3Plus('mobilenet_v2', encoder_weights=None, classes=classes))
