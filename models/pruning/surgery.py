"""Channels removed from a network, and the proof that nothing else changed."""
import copy

import torch
from torch import nn

from service.messages import InputError

from ..architectures.narrow import input_axis, keep_channels
from .ranking import Plan

#: Largest difference from the masked network that sums in another order explain, as a share of the largest score.
TOLERANCE = 1e-4


def pruned(network: nn.Module, plan: Plan, picture: torch.Tensor) -> nn.Module:
    """A copy of a network without the channels that go, compared with `masked` on a picture.

    Args:
        network: in evaluation mode; not changed.
        plan: what stays.
        picture: float32 1xCxHxW.

    Raises:
        InputError: ``prune-unsupported``: they differ by more than `TOLERANCE`, because the network does with its
            channels what pruning does not follow.
    """
    small = copy.deepcopy(network)
    for name, (outputs, inputs) in plan.items():
        keep_channels(small.get_submodule(name), outputs, inputs)
    with torch.no_grad():
        expected = masked(network, plan)(picture)
        try:
            found = small(picture)
        except RuntimeError as error:
            raise _unsupported(str(error))
    for one, other in zip(expected, found):
        if one is not None and not (one - other).abs().max() <= TOLERANCE * one.abs().max():
            raise _unsupported('%g of %g' % ((one - other).abs().max(), one.abs().max()))
    return small


def masked(network: nn.Module, plan: Plan) -> nn.Module:
    """A copy of a network with all its channels, of which nothing weighs those that go."""
    blind = copy.deepcopy(network)
    for name, (_, inputs) in plan.items():
        if inputs is not None:
            layer = blind.get_submodule(name)
            axis = input_axis(layer)
            gone = torch.ones(layer.weight.shape[axis], dtype=torch.bool)
            gone[inputs] = False
            with torch.no_grad():
                layer.weight.index_fill_(axis, gone.nonzero()[:, 0], 0)
    return blind


def _unsupported(detail):
    return InputError('prune-unsupported', 'Pruning does not follow the channels of this network.',
                      'Prune a run of another architecture.', detail=detail)
