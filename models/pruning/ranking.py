"""How much a network would miss each channel, and which ones go [Sapkota2023].

The importance is TaylorFO2 with normalised gradients. For one picture, the first-order estimate of what removing a
channel changes is the sum over its pixels of value times gradient. The gradient is back-propagated from the derivative
of the loss by an output, scaled to length 1, so that all pictures count the same. Squares are averaged over pictures.

Where the paper is silent: the sum runs over all layers that weigh the channel, because channels that are added or
concatenated are removed everywhere at once; and a network with several outputs, such as regions and a finding,
back-propagates each one alone and adds the squares, because the longer gradient would hide the other.
"""
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from service.messages import InputError

from ..architectures import Scores
from ..architectures.narrow import LAYERS, channel_counts
from ..training.stream import Batch
from .groups import Group

#: Parts of the loss of some scores, by name.
Loss = Callable[[Scores, Batch], Mapping[str, torch.Tensor]]

#: For layers by name: output and input channels that stay, None where all do.
Plan = Dict[str, Tuple[Optional[torch.Tensor], Optional[torch.Tensor]]]


def importance(network: nn.Module, groups: Sequence[Group], examples: Iterable[Batch], loss: Loss
               ) -> List[torch.Tensor]:
    """Importance of the channels of every group, float64 of the group's size.

    Args:
        network: in evaluation mode.
        groups: of this network.
        examples: batches of one sample.
        loss: as in its training.
    """
    layers = {member.layer for group in groups for member in group.consumers}
    gates: Dict[str, List[torch.Tensor]] = {}
    hooks = [network.get_submodule(name).register_forward_pre_hook(_gate(gates.setdefault(name, [])))
             for name in sorted(layers)]
    sums = [torch.zeros(group.size, dtype=torch.float64) for group in groups]
    count = 0
    try:
        for example in examples:
            for opened in gates.values():
                opened.clear()
            scores = Scores(*network(example.pictures))
            count += 1
            for output, direction in _directions(scores, example, loss):
                changes = _gradients(output, direction, gates)
                for total, group in zip(sums, groups):
                    change = torch.zeros(group.size, dtype=torch.float64)
                    for member in group.consumers:
                        change.index_add_(0, member.owners, changes[member.layer][member.channels])
                    total += change ** 2
    finally:
        for hook in hooks:
            hook.remove()
    return [total / max(count, 1) for total in sums]


def _gate(opened):
    """A hook that multiplies the input channels of a layer by ones; the gradient of these is value times gradient."""
    def hook(layer, inputs):
        x = inputs[0]
        axis = x.ndim - 1 if isinstance(layer, nn.Linear) else 1
        gate = torch.ones(x.shape[axis], requires_grad=True)
        opened.append(gate)
        return x * gate.reshape([-1 if place == axis else 1 for place in range(x.ndim)])

    return hook


def _directions(scores, example, loss):
    """Pairs of an output and the derivative of the loss by it, at length 1; outputs without one are left out."""
    leaves = Scores(*(None if part is None else part.detach().requires_grad_() for part in scores))
    kept = [place for place, leaf in enumerate(leaves) if leaf is not None]
    total = sum(loss(leaves, example).values())
    if not isinstance(total, torch.Tensor) or not total.requires_grad:
        return
    gradients = torch.autograd.grad(total, [leaves[place] for place in kept], allow_unused=True)
    for place, gradient in zip(kept, gradients):
        length = 0.0 if gradient is None else float(gradient.norm())
        if length > 0:
            yield scores[place], gradient / length


def _gradients(output, direction, gates):
    """Gradients of all gates by layer, float64, summed over the calls of a layer."""
    opened = [gate for calls in gates.values() for gate in calls]
    gradients = iter(torch.autograd.grad(output, opened, direction, retain_graph=True, allow_unused=True))
    sums = {}
    for name, calls in gates.items():
        parts = [part for part in (next(gradients) for _ in calls) if part is not None]
        size = len(calls[0]) if calls else 0
        sums[name] = sum((part.double() for part in parts), torch.zeros(size, dtype=torch.float64))
    return sums


# -- the choice


class Budget(NamedTuple):
    """Where the multiply-accumulates of a network are.

    Attributes:
        total: of one picture.
        layers: of each convolution and matrix, by name.
    """

    total: float
    layers: Dict[str, float]


def measure_budget(network: nn.Module, picture: torch.Tensor, total: float) -> Budget:
    """Multiply-accumulates by layer, for a picture float32 1xCxHxW.

    Args:
        network: in evaluation mode.
        picture: of the usual size.
        total: of the whole network, see `models.architectures.count_cost`.
    """
    layers: Dict[str, float] = {}

    def count(name, layer, inputs, output):
        wide = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        channels = wide.shape[-1] if isinstance(layer, nn.Linear) else wide.shape[1]
        layers[name] = layers.get(name, 0.0) + wide.numel() / channels * layer.weight.numel()

    hooks = [layer.register_forward_hook(lambda layer, inputs, output, name=name: count(name, layer, inputs, output))
             for name, layer in network.named_modules()
             if isinstance(layer, LAYERS) and not isinstance(layer, nn.BatchNorm2d)]
    try:
        with torch.no_grad():
            network(picture)
    finally:
        for hook in hooks:
            hook.remove()
    return Budget(total, layers)


def choose(network: nn.Module, groups: Sequence[Group], scores: Sequence[torch.Tensor], budget: Budget, share: float,
           multiple: int = 1) -> Plan:
    """The channels that stay: as few of the least important ones go as the budget asks for.

    Args:
        network: as built.
        groups: of it.
        scores: importance of their channels.
        budget: of the network.
        share: of the multiply-accumulates that may remain, 0..1.
        multiple: the channels that stay in a group are rounded up to a multiple of this, because half-precision kernels
            work on such packs.

    Raises:
        InputError: ``prune-flops``: not even a network of one pack per group is small enough.
    """
    owner = torch.cat([torch.full((group.size,), place) for place, group in enumerate(groups)])
    owner = owner[torch.argsort(torch.cat(list(scores)), stable=True)]

    def kept(removed: int) -> List[int]:
        gone = torch.bincount(owner[:removed], minlength=len(groups)).tolist()
        return [min(group.size, max(-(-(group.size - count) // multiple), 1) * multiple)
                for group, count in zip(groups, gone)]

    low, high = 0, len(owner)
    if _left(network, groups, kept(high), budget) > share:
        raise InputError('prune-flops', 'At least %.0f %% of the multiply-accumulates of this network would remain.'
                         % (100 * _left(network, groups, kept(high), budget) + 0.5), 'Ask for more than that.')
    while low < high:
        middle = (low + high) // 2
        if _left(network, groups, kept(middle), budget) > share:
            low = middle + 1
        else:
            high = middle
    return _plan(network, groups, scores, kept(low))


def _left(network, groups, kept, budget):
    """Share of the multiply-accumulates that remains with so many channels of each group."""
    gone: Dict[Tuple[str, bool], float] = {}
    for group, count in zip(groups, kept):
        for member in group.members:
            side = member.layer, member.output
            gone[side] = gone.get(side, 0.0) + (1 - count / group.size) * len(member.channels)
    saved = 0.0
    for name, macs in budget.layers.items():
        outputs, inputs = channel_counts(network.get_submodule(name))
        saved += macs * (1 - (1 - gone.get((name, True), 0) / outputs) * (1 - gone.get((name, False), 0) / inputs))
    return 1 - saved / budget.total


def _plan(network, groups, scores, kept):
    gone: Dict[Tuple[str, bool], List[torch.Tensor]] = {}
    for group, score, count in zip(groups, scores, kept):
        removed = torch.zeros(group.size, dtype=torch.bool)
        removed[torch.argsort(score, stable=True)[:group.size - count]] = True
        for member in group.members:
            gone.setdefault((member.layer, member.output), []).append(member.channels[removed[member.owners]])
    plan: Plan = {}
    for name in sorted({name for name, _ in gone}):
        counts = channel_counts(network.get_submodule(name))
        plan[name] = tuple(_staying(count, gone.get((name, output))) for count, output in zip(counts, (True, False)))
    return plan


def _staying(count, gone):
    if gone is None:
        return None
    stays = torch.ones(count, dtype=torch.bool)
    stays[torch.cat(gone)] = False
    return stays.nonzero()[:, 0]
