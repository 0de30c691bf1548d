"""What every architecture is: a name, a way to build it, and scores that all networks give alike."""
import typing
from dataclasses import dataclass

import torch

REGIONS, FINDING = 'regions', 'finding'


class Scores(typing.NamedTuple):
    """What a network answers, before softmax or sigmoid.

    Attributes:
        regions (torch.Tensor or None): float32 NxRxHxW logits, R region ids in the input's size; None without
            a region head.
        finding (torch.Tensor or None): float32 NxK logits: K = 1 is one binary logit, K >= 2 one logit a
            class; None without a finding head.
    """

    regions: typing.Optional[torch.Tensor]
    finding: typing.Optional[torch.Tensor]


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry.

    Attributes:
        name (str): key of `models.architectures.ARCHITECTURES`.
        build (callable): takes keyword options, returns a ``torch.nn.Module`` that maps float32 NxCxHxW in
            0..1, as a preprocess chain gives it, to `Scores`; for kind ``'curves'`` a scikit-learn estimator.
        channels (int): usual input channels: 1 grey, 3 heat map.
        height, width (int): usual input size, pixels.
        tasks (frozenset): of ``'regions'`` and ``'finding'``, as built without options.
        source (str): where it comes from, one sentence.
        kind (str): ``'network'``, or ``'curves'`` for an estimator without PyTorch.
        limit_parameters (int or None): most parameters the device is given, where that is a promise.
        limit_macs (float or None): most multiply-accumulates of one picture at the usual size, likewise.
    """

    name: str
    build: typing.Callable
    channels: int
    height: int
    width: int
    tasks: frozenset
    source: str
    kind: str = 'network'
    limit_parameters: typing.Optional[int] = None
    limit_macs: typing.Optional[float] = None
