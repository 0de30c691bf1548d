"""What a network costs: parameters and multiply-accumulates of one picture."""
import torch
from torch.utils.flop_counter import FlopCounterMode


def count_cost(network, height, width, channels=1):
    """Parameters and GMAC (convolutions and matrix products) of one picture: ``(int, float)``.

    Args:
        network (torch.nn.Module): counted in evaluation mode; its own mode is left as it was. On device
            ``'meta'`` nothing is computed, which is quicker.
        height, width (int): input size, pixels.
        channels (int): input channels.
    """
    training = network.training
    network.eval()
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, channels, height, width, device=next(network.parameters()).device))
    finally:
        network.train(training)
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() / 2e9
