"""Fewer channels than an architecture has by default, as pruning leaves them."""
from typing import Mapping, Optional, Tuple, Union

import torch
from torch import nn

#: Layers of which channels can be dropped.
Layer = Union[nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d]
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d)


def is_depthwise(layer: nn.Module) -> bool:
    """Whether a convolution sees every channel alone, so that its outputs are its inputs."""
    return isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels == layer.out_channels


def input_axis(layer: Layer) -> int:
    """Axis of the input channels in the weight of a convolution (not a depthwise one) or matrix."""
    return 0 if isinstance(layer, nn.ConvTranspose2d) else 1


def channel_counts(layer: Layer) -> Tuple[int, int]:
    """Output and input channels of a layer."""
    if isinstance(layer, nn.BatchNorm2d):
        return layer.num_features, layer.num_features
    if isinstance(layer, nn.Linear):
        return layer.out_features, layer.in_features
    return layer.out_channels, layer.in_channels


def keep_channels(layer: Layer, outputs: Optional[torch.Tensor], inputs: Optional[torch.Tensor] = None) -> None:
    """Drop channels of a layer, in place.

    Args:
        layer: one of `LAYERS`; a convolution is depthwise or has one group.
        outputs: int64 indices of the channels that stay, None for all; those of a normalisation and of a depthwise
            convolution are its inputs too.
        inputs: likewise.
    """
    if isinstance(layer, nn.BatchNorm2d) or is_depthwise(layer):
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            _select(layer, name, 0, outputs)
    else:
        axis = input_axis(layer)
        _select(layer, 'weight', 1 - axis, outputs)
        _select(layer, 'weight', axis, inputs)
        _select(layer, 'bias', 0, outputs)
    _count(layer, outputs, inputs)


def narrow_to(network: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Give a network as built the channels that a pruned network of the same architecture has.

    Args:
        network: changed in place. Layers that are not narrower in `state`, or not there, stay as they are.
        state: ``state_dict()`` of the pruned network.
    """
    for name, layer in network.named_modules():
        if not isinstance(layer, LAYERS):
            continue
        tensor = state.get(name + ('.running_mean' if isinstance(layer, nn.BatchNorm2d) else '.weight'))
        if tensor is None or not tensor.ndim:
            continue
        outputs = inputs = tensor.shape[0]
        if tensor.ndim > 1 and not is_depthwise(layer):
            axis = input_axis(layer)
            outputs, inputs = tensor.shape[1 - axis], tensor.shape[axis] * getattr(layer, 'groups', 1)
        have = channel_counts(layer)
        if (outputs, inputs) != have and 0 < outputs <= have[0] and 0 < inputs <= have[1]:
            keep_channels(layer, torch.arange(outputs), torch.arange(inputs))


def _select(layer, name, axis, chosen):
    tensor = getattr(layer, name, None)
    if tensor is None or chosen is None:
        return
    kept = tensor.detach().index_select(axis, chosen.to(tensor.device))
    setattr(layer, name, nn.Parameter(kept, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else kept)


def _count(layer, outputs, inputs):
    """Say how many channels a layer has now."""
    if isinstance(layer, nn.BatchNorm2d):
        layer.num_features = layer.num_features if outputs is None else len(outputs)
    elif is_depthwise(layer):
        layer.in_channels = layer.out_channels = layer.groups = layer.groups if outputs is None else len(outputs)
    else:
        kind = 'features' if isinstance(layer, nn.Linear) else 'channels'
        for side, chosen in (('out_', outputs), ('in_', inputs)):
            if chosen is not None:
                setattr(layer, side + kind, len(chosen))
