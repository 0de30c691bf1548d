"""A network and samples small enough to train in a test."""
import dataclasses

import numpy as np
import torch
from torch import nn

from models.architectures import Scores
from models.data import phantom_collection
from models.recipe_files import load_recipe
from service.thermogram import Thermogram

HEIGHT, WIDTH = 48, 64

#: What makes a recipe small; every step is a checkpoint.
SMALL = ('input.height=%d' % HEIGHT, 'input.width=%d' % WIDTH, 'training.samples=0', 'training.epochs=6',
         'training.batch=2', 'training.checkpoint_s=0', 'training.precision=fp32', 'data.source=collection',
         'data.where={}', 'finding.steps=0')


class Small(nn.Module):
    """Convolution, normalisation with its statistics, and dropout: everything that has a state."""

    def __init__(self, channels=1, classes=8, findings=1, needs_mask=False):
        super().__init__()
        self.needs_mask = needs_mask
        self.encoder = nn.Sequential(nn.Conv2d(channels, 6, 3, 1, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Conv2d(6, classes, 1)
        self.finding = nn.Linear(6, findings)

    def forward(self, x):
        deep = self.encoder(x)
        return Scores(self.head(deep), self.finding(deep.mean((2, 3))))


def small_recipe(*changes, name='phantom-unet'):
    return load_recipe(name, SMALL + changes)


def small_network(recipe, **options):
    torch.manual_seed(recipe.seed)
    return Small(**options)


def small_collection(count=6, first=0):
    return phantom_collection(first, count, HEIGHT, WIDTH)


def three_classes(count=9):
    """Samples of three classes with another pair of regions, without temperatures, like ultrasound."""
    def read(number):
        rng = np.random.default_rng(number)
        return Thermogram.from_relative(rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.float32), source='test')

    plain = small_collection(count)
    samples = tuple(dataclasses.replace(
        sample, klass=number % 3, facts={'class': ('normal', 'benign', 'malignant')[number % 3]},
        read=lambda number=number: read(number),
        read_labels=lambda height, width: np.eye(height, width, dtype=np.uint8)) for number, sample in enumerate(plain))
    return dataclasses.replace(plain, name='ultrasound', samples=samples, classes=('normal', 'benign', 'malignant'),
                               regions=('background', 'lesion'))


def distance(one, other):
    """Largest difference of two networks' weights and statistics."""
    return max(float((a.float() - b.float()).abs().max())
               for a, b in zip(one.state_dict().values(), other.state_dict().values()))
