"""Which channels of a network can only go together.

Torch-Pruning [Fang2023] follows them through sums, concatenations, depthwise convolutions and normalisations. What it
finds is reduced to names of layers and numbers of channels, and channels that cannot go are left out: those of the
outputs, and those that a layer normalisation or an attention mixes.
"""
import warnings
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch_pruning
from torch import nn

from ..architectures.narrow import LAYERS, channel_counts, is_depthwise

_Op = torch_pruning.ops.OPTYPE


class Member(NamedTuple):
    """Channels of one layer that belong to a group.

    Attributes:
        layer: name in the network.
        output: of its outputs or of its inputs; outputs of a normalisation or depthwise convolution are both.
        channels: int64, of the layer.
        owners: int64, for each of them the channel of the group.
    """

    layer: str
    output: bool
    channels: torch.Tensor
    owners: torch.Tensor


class Group(NamedTuple):
    """Channels, each of which exists in several layers that lose it together.

    Attributes:
        size: number of channels.
        members: the layers.
    """

    size: int
    members: Tuple[Member, ...]

    @property
    def consumers(self) -> List[Member]:
        """Inputs of the layers that weigh the channels: without its weights there, a channel is not seen."""
        return [member for member in self.members if not member.output]


def find_groups(network: nn.Module, picture: torch.Tensor) -> List[Group]:
    """Groups of channels that can be removed from a network.

    Args:
        network: maps NxCxHxW to `models.architectures.Scores`; switched to evaluation mode.
        picture: float32 1xCxHxW of the usual size.
    """
    names = {module: name for name, module in network.named_modules()}
    graph = torch_pruning.DependencyGraph()
    with warnings.catch_warnings():
        # Parameters outside of layers are meant; groups with one are left out below.
        warnings.filterwarnings('ignore', 'Unwrapped parameters', UserWarning)
        graph.build_dependency(network, picture, _forward)
        found = [_group(graph, group, names) for group in graph.get_all_groups()]
    return [group for group in found if group is not None]


def _forward(network, picture):
    """Every output behind an operation, so that a layer at the end is recognised as such."""
    return [part * 1 for part in network(picture) if part is not None]


def _group(graph: torch_pruning.DependencyGraph, found: Sequence, names: Dict[nn.Module, str]) -> Optional[Group]:
    """A group of the library in our terms; None if it must stay."""
    size, members = len(found[0].idxs), []
    for item in found:
        layer = item.dep.target.module
        if layer not in names:
            if item.dep.target.type in (_Op.OUTPUT, _Op.PARAMETER):
                return None
            continue
        if not isinstance(layer, LAYERS) or getattr(layer, 'groups', 1) > 1 and not is_depthwise(layer):
            return None
        output = graph.is_out_channel_pruning_fn(item.dep.handler)
        count = channel_counts(layer)[0 if output else 1]
        if output and count == 1 and size > 1:
            continue  # one map that weighs all channels, such as an attention gate's: it stays
        if None in item.root_idxs or max(item.idxs) >= count or len(set(item.idxs)) != len(item.root_idxs):
            return None
        members.append(Member(names[layer], output, torch.tensor(item.idxs), torch.tensor(item.root_idxs)))
    group = Group(size, tuple(members))
    return group if size > 1 and group.consumers else None
