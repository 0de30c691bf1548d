"""What architectures share: the registry's entry, scores, checks of options and pictures, and their cost."""
from dataclasses import dataclass
from typing import Any, Callable, Collection, FrozenSet, NamedTuple, Optional, Tuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from service.messages import InputError

REGIONS, FINDING = 'regions', 'finding'

#: Mean and standard deviation of ImageNet's red, green and blue, as torchvision's models expect them.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Scores(NamedTuple):
    """Outputs of a network before softmax or sigmoid.

    Attributes:
        regions: float32 NxRxHxW logits, R region ids at the size of the input; None without a region head.
        finding: float32 NxK logits: one binary logit, or one logit per class; None without a finding head.
        view: float32 NxV logits of `service.views.VIEWS`; None without a view head.
    """

    regions: Optional[torch.Tensor]
    finding: Optional[torch.Tensor]
    view: Optional[torch.Tensor] = None


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry.

    Attributes:
        name: key of `models.architectures.ARCHITECTURES`.
        build: takes keyword options and returns a ``torch.nn.Module`` that maps float32 NxCxHxW in 0..1, as a
            preprocess chain gives it, to `Scores`; for kind ``'curves'`` a scikit-learn estimator.
        channels: usual input channels: 1 grey, 3 heat map.
        height, width: usual input size, pixels.
        tasks: of ``'regions'`` and ``'finding'``, as built without options.
        source: where it comes from, one sentence.
        kind: ``'network'``, or ``'curves'`` for an estimator without PyTorch.
        limit_parameters: the most parameters promised to the device; None without a promise.
        limit_macs: the most multiply-accumulates of one picture at the usual size, likewise.
    """

    name: str
    build: Callable[..., Any]
    channels: int
    height: int
    width: int
    tasks: FrozenSet[str]
    source: str
    kind: str = 'network'
    limit_parameters: Optional[int] = None
    limit_macs: Optional[float] = None


class ImagenetInput(nn.Module):
    """Normalises a grey picture or heat map, 0..1, for networks made for ImageNet; grey becomes three channels."""

    def __init__(self) -> None:
        super().__init__()
        # Not in the weights file: constants, not learned.
        self.register_buffer('mean', torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32 Nx3xHxW of Nx1xHxW or Nx3xHxW."""
        check_channels(x, (1, 3))
        return (x - self.mean) / self.std


def pad_to(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Pad with black at the right and bottom until both sides are a multiple: NxCxHxW to NxCxH'xW'.

    The chains pad with black as well. The caller crops the result.
    """
    down, right = -int(x.shape[2]) % multiple, -int(x.shape[3]) % multiple
    return nn.functional.pad(x, (0, right, 0, down)) if down or right else x


def check_channels(x: torch.Tensor, allowed: Tuple[int, ...]) -> None:
    """Refuse a picture NxCxHxW with channels that a network was not built for.

    Raises:
        InputError: ``input-channels``.
    """
    if x.shape[1] not in allowed:
        raise InputError('input-channels', 'This network takes %s channels, the picture has %d.'
                         % (' or '.join(map(str, allowed)), x.shape[1]),
                         'Choose a preprocess chain with as many (plateau-1 and classic-1 give 1, turbo-1 gives 3).')


def check_choice(name: str, value: Any, allowed: Collection[Any]) -> None:
    """Refuse a value that an option does not allow.

    Raises:
        InputError: ``architecture-options``.
    """
    if value not in allowed:
        raise InputError('architecture-options', 'Option %s of an architecture is one of %s, not %r.'
                         % (name, ', '.join(map(str, allowed)), value), 'Correct the recipe.')


def check_classes(classes: int) -> None:
    """Refuse fewer than two region classes, because their logits go through a softmax.

    Raises:
        InputError: ``architecture-options``.
    """
    if classes < 2:
        raise InputError('architecture-options', 'A region head needs at least 2 classes including background, not '
                         '%r.' % (classes,), 'Correct the recipe.')


def count_cost(network: nn.Module, height: int, width: int, channels: int = 1) -> Tuple[int, float]:
    """Parameters, and GMAC (convolutions and matrix products) of one picture.

    Args:
        network: counted in evaluation mode; its own mode is restored. On device ``'meta'`` nothing is computed, which
            is faster.
        height, width: input size, pixels.
        channels: input channels.
    """
    training = network.training
    network.eval()
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, channels, height, width, device=next(network.parameters()).device))
    finally:
        network.train(training)
    return sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() / 2e9
