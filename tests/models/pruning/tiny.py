"""Networks small enough to prune in a test, with every way that channels pass from layer to layer."""
import torch
from torch import nn

from models.architectures import Scores, build
from models.training.stream import Batch
from tests.models.architectures.settle import settle

#: Options that make an architecture small, and the picture it is small at.
SMALL = {'half_unet': ({'stem': 8, 'channels': (8, 16), 'layers': (1, 1), 'decoder': (8, 8, 8)}, (32, 48)),
         'attention_unet': ({'widths': (8, 8, 16)}, (16, 24)),
         'latents': ({'widths': (8, 8), 'tasks': ('regions',)}, (16, 16))}


def _block(*layers):
    return nn.Sequential(*layers)


class Tiny(nn.Module):
    """Sum, concatenation, depthwise and transposed convolution, normalisation, enlargement, two heads."""

    def __init__(self):
        super().__init__()
        self.stem = _block(nn.Conv2d(1, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.residual = _block(nn.Conv2d(8, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
                               nn.Conv2d(6, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
        self.separable = _block(nn.Conv2d(8, 12, 1), nn.ReLU6(), nn.Conv2d(12, 12, 3, 2, 1, groups=12),
                                nn.BatchNorm2d(12), nn.ReLU6(), nn.Conv2d(12, 10, 1))
        self.up = nn.ConvTranspose2d(10, 7, 2, 2)
        self.join = _block(nn.Conv2d(15, 9, 3, 1, 1, bias=False), nn.BatchNorm2d(9), nn.ReLU())
        self.head = nn.Conv2d(9, 8, 1)
        self.finding = nn.Linear(10, 1)

    def forward(self, x):
        skip = self.stem(x)
        skip = torch.relu(skip + self.residual(skip))
        deep = self.separable(skip)
        scores = self.head(self.join(torch.cat([self.up(deep), skip], 1)))
        return Scores(nn.functional.interpolate(scores, scale_factor=2, mode='bilinear'),
                      self.finding(deep.mean((2, 3))))


def tiny(name='tiny'):
    """A settled network in evaluation mode, and a picture for it."""
    torch.manual_seed(0)
    options, (height, width) = SMALL.get(name, ({}, (16, 24)))
    network = Tiny() if name == 'tiny' else build(name, **options)
    pictures = torch.rand(2, 1, height, width)
    network = settle(network, pictures).eval()
    # Channels that no picture of the test wakes would be as dead as planted ones.
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.bias.data.fill_(1)
    if name == 'half_unet':
        network.finding.judge[0].bias.data.fill_(3)
    return network, pictures[:1]


def examples(picture, count=3):
    """Batches of one sample with labels."""
    generator = torch.Generator().manual_seed(1)
    shape = picture.shape
    return [Batch(torch.rand(shape, generator=generator), torch.randint(0, 8, (1,) + shape[2:], generator=generator),
                  torch.tensor([number % 2]), torch.tensor([number % 7])) for number in range(count)]
