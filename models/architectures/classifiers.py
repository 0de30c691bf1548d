"""ResNet18, ResNet50 and GoogLeNet of torchvision as whole-picture classifiers."""
import torch
import torchvision
from torch import nn

from service.messages import InputError

from .base import ImagenetInput, Scores, check_channels

#: Input side of the networks, pixels.
SIDE = 224


class Classifier(nn.Module):
    """A finding from the whole picture.

    Takes grey pictures and heat maps. With a mask channel the last channel of the input is a mask, 0 or 1; such
    networks are for studies, see `export.onnx_export.refuse_mask_channel`.

    Args:
        backbone: maps Nx3x224x224 (Nx4 with a mask channel) to NxK.
        mask_channel: whether the picture is followed by a mask.
    """

    def __init__(self, backbone: nn.Module, mask_channel: bool) -> None:
        super().__init__()
        self.needs_mask = mask_channel
        self.normalise = ImagenetInput()
        self.shrink = nn.Upsample(size=(SIDE, SIDE), mode='bilinear', align_corners=False)
        self.backbone = backbone

    def forward(self, x: torch.Tensor) -> Scores:
        """Finding logits NxK of float32 NxCxHxW in 0..1; C is 1 or 3, with a mask channel 2 or 4, the mask last.

        Raises:
            InputError: ``input-channels``.
        """
        if self.needs_mask:
            check_channels(x, (2, 4))
        x = self.shrink(x)
        if self.needs_mask:
            return Scores(None, self.backbone(torch.cat([self.normalise(x[:, :-1]), x[:, -1:]], 1)))
        return Scores(None, self.backbone(self.normalise(x)))


def resnet18(findings: int = 1, mask_channel: bool = False) -> Classifier:
    """ResNet18: one logit, or one per class."""
    backbone = torchvision.models.resnet18(weights=None, num_classes=_checked(findings))
    return _with_mask(backbone, mask_channel, 'conv1')


def resnet50(findings: int = 1, mask_channel: bool = False) -> Classifier:
    """ResNet50: one logit, or one per class."""
    backbone = torchvision.models.resnet50(weights=None, num_classes=_checked(findings))
    return _with_mask(backbone, mask_channel, 'conv1')


def googlenet(findings: int = 1, mask_channel: bool = False) -> Classifier:
    """GoogLeNet without its auxiliary heads: one logit, or one per class."""
    backbone = torchvision.models.googlenet(weights=None, num_classes=_checked(findings), aux_logits=False,
                                            transform_input=False, init_weights=True)
    return _with_mask(backbone, mask_channel, 'conv1.conv')


def _checked(findings):
    if findings < 1:
        raise InputError('architecture-options', 'A finding head needs 1 output (yes or no) or one per class, '
                         'not %r.' % (findings,), 'Correct the recipe.')
    return findings


def _with_mask(backbone, mask_channel, first):
    if mask_channel:
        old = backbone.get_submodule(first)
        new = nn.Conv2d(4, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False)
        # The filter of the mask starts as the mean of the three others.
        with torch.no_grad():
            new.weight.copy_(torch.cat([old.weight, old.weight.mean(1, keepdim=True)], 1))
        backbone.set_submodule(first, new)
    return Classifier(backbone, mask_channel)
