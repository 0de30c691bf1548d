"""Networks with published Nano figures that are small enough to write down: YOLOv8n-cls and Tiny-YOLOv3."""
import torch
from torch import nn
from torch.nn import functional

from .parts import conv


class _Split(nn.Module):
    """Ultralytics' C2f: half of the channels go through residual pairs, and every step is kept."""

    def __init__(self, width, steps):
        super().__init__()
        self.half = half = width // 2
        self.first = conv(width, width, 1, act=nn.SiLU)
        self.steps = nn.ModuleList([nn.Sequential(conv(half, half, act=nn.SiLU), conv(half, half, act=nn.SiLU))
                                    for _ in range(steps)])
        self.last = conv((2 + steps) * half, width, 1, act=nn.SiLU)

    def forward(self, x):
        parts = list(self.first(x).split(self.half, 1))
        for step in self.steps:
            parts.append(parts[-1] + step(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Yolov8nClassifier(nn.Module):
    """YOLOv8n-cls by its published layer table (yolov8-cls.yaml, scale n): 2.7 M parameters."""

    def __init__(self, classes=1000):
        super().__init__()
        layers = [conv(3, 16, 3, 2, act=nn.SiLU), conv(16, 32, 3, 2, act=nn.SiLU), _Split(32, 1)]
        for inputs, outputs, steps in ((32, 64, 2), (64, 128, 2), (128, 256, 1)):
            layers += [conv(inputs, outputs, 3, 2, act=nn.SiLU), _Split(outputs, steps)]
        self.body = nn.Sequential(*layers, conv(256, 1280, 1, act=nn.SiLU))
        self.last = nn.Linear(1280, classes)

    def forward(self, x):
        return torch.softmax(self.last(self.body(x).mean((2, 3), keepdim=True).flatten(1)), 1)


class TinyYolov3(nn.Module):
    """Tiny-YOLOv3 by its published configuration (yolov3-tiny.cfg): 8.8 M parameters, two scales of 255 values.

    Its pool of 2x2 with stride 1 is padded on one side; 3x3 with padding costs the same and exports everywhere.
    """

    def __init__(self):
        super().__init__()
        sides = (16, 32, 64, 128, 256)
        layers = []
        for inputs, outputs in zip((3,) + sides, sides):
            layers += [self._step(inputs, outputs), nn.MaxPool2d(2)]
        self.fine, self.halve = nn.Sequential(*layers[:-1]), layers[-1]
        self.deep = nn.Sequential(self._step(256, 512), nn.MaxPool2d(3, 1, 1),
                                  self._step(512, 1024), self._step(1024, 256, 1))
        self.large = nn.Sequential(self._step(256, 512), nn.Conv2d(512, 255, 1))
        self.small = nn.Sequential(self._step(384, 256), nn.Conv2d(256, 255, 1))
        self.narrow = self._step(256, 128, 1)

    @staticmethod
    def _step(inputs, outputs, size=3):
        return conv(inputs, outputs, size, act=lambda: nn.LeakyReLU(0.1))

    def forward(self, x):
        fine = self.fine(x)
        deep = self.deep(self.halve(fine))
        near = functional.interpolate(self.narrow(deep), scale_factor=2, mode='nearest')
        return self.large(deep), self.small(torch.cat([near, fine], 1))
