"""Fresh networks as after some training."""
import torch


def settle(network, pictures):
    """Give every normalisation the statistics of a batch, so that signals neither die nor explode.

    Weights of normalisations, of which some libraries start with zeros, become random too. Returns the
    network in evaluation mode.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    with torch.no_grad():
        network.train()(pictures)
    return network.eval()
