"""ResNet18, ResNet50 and GoogLeNet of torchvision as whole-picture classifiers."""
import torch
import torchvision
from torch import nn

from service.messages import InputError

from .base import Scores
from .inputs import ImagenetInput, check_channels

#: Input side of the networks, pixels.
SIDE = 224


class Classifier(nn.Module):
    """A finding from the whole picture.

    Grey or heat map alike. With a mask channel the last channel of the input is a mask, 0 or 1. Such
    networks are for studies: `export.onnx_export` says why they are not deployed.

    Args:
        backbone (torch.nn.Module): maps Nx3x224x224 (Nx4 with a mask channel) to NxK.
        mask_channel (bool): whether the picture is followed by a mask.
    """

    def __init__(self, backbone, mask_channel):
        super().__init__()
        self.needs_mask = mask_channel
        self.normalise = ImagenetInput()
        self.shrink = nn.Upsample(size=(SIDE, SIDE), mode='bilinear', align_corners=False)
        self.backbone = backbone

    def forward(self, x):
        """Scores of float32 NxCxHxW in 0..1: no regions, finding logits NxK.

        C is 1 or 3; with a mask channel 2 or 4, the mask last.

        Raises:
            InputError: ``input-channels``.
        """
        if self.needs_mask:
            check_channels(x, (2, 4))
        x = self.shrink(x)
        if self.needs_mask:
            return Scores(None, self.backbone(torch.cat([self.normalise(x[:, :-1]), x[:, -1:]], 1)))
        return Scores(None, self.backbone(self.normalise(x)))


def resnet18(findings=1, mask_channel=False):
    """ResNet18: one logit, or one a class."""
    backbone = torchvision.models.resnet18(weights=None, num_classes=_checked(findings))
    return _with_mask(backbone, mask_channel, 'conv1')


def resnet50(findings=1, mask_channel=False):
    """ResNet50: one logit, or one a class."""
    backbone = torchvision.models.resnet50(weights=None, num_classes=_checked(findings))
    return _with_mask(backbone, mask_channel, 'conv1')


def googlenet(findings=1, mask_channel=False):
    """GoogLeNet without its auxiliary heads: one logit, or one a class."""
    backbone = torchvision.models.googlenet(weights=None, num_classes=_checked(findings), aux_logits=False,
                                            transform_input=False, init_weights=True)
    return _with_mask(backbone, mask_channel, 'conv1.conv')


def _checked(findings):
    if findings < 1:
        raise InputError('architecture-options', 'A finding head needs 1 output (yes or no) or one a class, '
                         'not %r; correct the recipe.' % (findings,))
    return findings


def _with_mask(backbone, mask_channel, first):
    if mask_channel:
        old = backbone.get_submodule(first)
        new = nn.Conv2d(4, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False)
        # The mask starts as one more picture of the same kind: the mean of the three filters.
        with torch.no_grad():
            new.weight.copy_(torch.cat([old.weight, old.weight.mean(1, keepdim=True)], 1))
        backbone.set_submodule(first, new)
    return Classifier(backbone, mask_channel)
