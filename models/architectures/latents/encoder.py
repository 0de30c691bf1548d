"""The encoder: 128 numbers a pixel that say what its surroundings look like, learnt without labels."""
import torch
from torch import nn

from service.messages import InputError

from ..inputs import check_channels

WIDTHS = (16, 32, 64, 128)


class CutsEncoder(nn.Module):
    """Four 5x5 convolutions at full resolution (the encoder of CUTS, Liu 2022, as the latents paper uses it).

    Args:
        channels (int): 1 grey, 3 heat map.
    """

    #: Numbers a pixel.
    latents = WIDTHS[-1]

    def __init__(self, channels=1):
        super().__init__()
        self.channels = channels
        self.frozen = False
        layers = []
        for inputs, outputs in zip((channels,) + WIDTHS[:-1], WIDTHS):
            # Edges are repeated: black around the picture would be a feature of its own.
            layers += [nn.Conv2d(inputs, outputs, 5, padding='same', padding_mode='replicate', bias=False),
                       nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        """Latents float32 Nx128xHxW of a picture float32 NxCxHxW in 0..1.

        Raises:
            InputError: ``input-channels``.
        """
        check_channels(x, (self.channels,))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.layers(2 * x - 1)

    def freeze(self):
        """No gradient and no batch statistics from now on, also while the rest is being trained."""
        self.frozen = True
        self.requires_grad_(False)
        return self.eval()

    def train(self, mode=True):
        """Training mode, except for a frozen encoder, whose batch normalisation keeps what it has."""
        return super().train(mode and not self.frozen)

    def load(self, weights):
        """Take over the weights of an encoder that was trained on its own.

        Args:
            weights (dict): its ``state_dict()``.

        Raises:
            InputError: ``encoder-weights``: weights of something else, or of the other kind of picture.
        """
        try:
            self.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError('encoder-weights', 'These are not the weights of a latents encoder for %s; '
                             'train one for this kind of picture, or change option encoder of the recipe.'
                             % ('grey pictures' if self.channels == 1 else 'heat maps'), detail=str(error))
        return self
