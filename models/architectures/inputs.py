"""What networks do with a picture before their first layer, so that it is part of the ONNX graph."""
import torch
from torch import nn

from service.messages import InputError

#: Mean and standard deviation of ImageNet's red, green and blue, as torchvision's models take them.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImagenetInput(nn.Module):
    """Grey or heat map, 0..1, as networks made for ImageNet take it; grey becomes three equal channels."""

    def __init__(self):
        super().__init__()
        # Not in the weights file: constants of the network, not something it learnt.
        self.register_buffer('mean', torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x):
        """Float32 Nx3xHxW of Nx1xHxW or Nx3xHxW."""
        check_channels(x, (1, 3))
        return (x - self.mean) / self.std


def check_channels(x, allowed):
    """Refuse a picture whose channels a network was not built for.

    Args:
        x (torch.Tensor): NxCxHxW.
        allowed (tuple): channel counts.

    Raises:
        InputError: ``input-channels``.
    """
    if x.shape[1] not in allowed:
        raise InputError('input-channels', 'This network takes %s channels, the picture has %d; choose a '
                         'preprocess chain with as many (plateau-1 and classic-1 give 1, turbo-1 gives 3).'
                         % (' or '.join(map(str, allowed)), x.shape[1]))


def pad_to(x, multiple):
    """Black at the right and at the bottom, until both sides are a multiple: NxCxHxW to NxCxH'xW'.

    The chains fill around a picture with black too. The caller crops what comes back.
    """
    down, right = -int(x.shape[2]) % multiple, -int(x.shape[3]) % multiple
    return nn.functional.pad(x, (0, right, 0, down)) if down or right else x


def check_choice(what, value, allowed):
    """Refuse an option that a network does not have.

    Raises:
        InputError: ``architecture-options``.
    """
    if value not in allowed:
        raise InputError('architecture-options', 'Option %s of an architecture is one of %s, not %r; correct '
                         'the recipe.' % (what, ', '.join(map(str, allowed)), value))


def check_classes(classes):
    """Refuse fewer than two region classes: region logits go through a softmax.

    Raises:
        InputError: ``architecture-options``.
    """
    if classes < 2:
        raise InputError('architecture-options', 'A region head needs at least 2 classes, background '
                         'included, not %r; correct the recipe.' % (classes,))
