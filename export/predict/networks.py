"""Networks whose time on a Jetson Nano was published, written in PyTorch; `rebuild` turns them into tables."""
from typing import Any, Callable, List, Optional, Tuple

import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional

#: Name to backbone, input side, channels and repeats of the pyramid, repeats of the heads (google/automl's table).
EFFICIENTDETS = {
    'efficientdet-lite0': ('efficientnet_lite0', 320, 64, 3, 3),
    'efficientdet-lite1': ('efficientnet_lite1', 384, 88, 4, 3),
    'efficientdet-lite2': ('efficientnet_lite2', 448, 112, 5, 3),
    'efficientdet-lite3': ('efficientnet_lite3', 512, 160, 6, 4),
    'efficientdet-lite3x': ('efficientnet_lite3', 640, 200, 6, 4),
    'efficientdet-lite4': ('efficientnet_lite4', 640, 224, 7, 4),
    'efficientdet-d0': ('efficientnet_b0', 512, 64, 3, 3),
    'efficientdet-d1': ('efficientnet_b1', 640, 88, 4, 3),
    'efficientdet-d2': ('efficientnet_b2', 768, 112, 5, 3),
    'efficientdet-d3': ('efficientnet_b3', 896, 160, 6, 4)}


class NonMaximum(torch.autograd.Function):
    """Represents TensorRT's EfficientNMS plugin in the exported graph: scores in, 100 boxes out."""

    @staticmethod
    def forward(ctx: Any, scores: torch.Tensor) -> torch.Tensor:
        return scores.new_zeros(scores.shape[0], 100)

    @staticmethod
    def symbolic(g: Any, scores: Any) -> Any:
        return g.op('trt::EfficientNMS_TRT', scores)


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1,
         act: Optional[Callable[[], nn.Module]] = nn.ReLU, bias: bool = False) -> nn.Sequential:
    """Convolution, normalisation and, unless `act` is None, an activation."""
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=bias), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([act()] if act else []))


def separable(inputs: int, outputs: int, normalised: bool = True, stride: int = 1) -> nn.Sequential:
    """Depthwise 3x3, then 1x1; normalisation after the second only, unless it is turned off."""
    last = conv(inputs, outputs, 1, act=None, bias=True) if normalised else nn.Conv2d(inputs, outputs, 1)
    return nn.Sequential(nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), last)


class FromPicture(nn.Module):
    """A network after the layout and scale of TensorFlow's exports: NHWC and two element-wise steps."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> Any:
        return self.network(x.permute(0, 3, 1, 2) * 0.0078 - 1.0)


def detections(classes: List[torch.Tensor], boxes: List[torch.Tensor]) -> Tuple[torch.Tensor, torch.Tensor]:
    """Scores and boxes of several levels as two long lists, with activation, decoding and suppression of overlaps."""
    scores = torch.cat([part.permute(0, 2, 3, 1).flatten(1) for part in classes], 1)
    places = torch.cat([part.permute(0, 2, 3, 1).flatten(1) for part in boxes], 1)
    return NonMaximum.apply(torch.sigmoid(scores)), places + 1.0


def pool_to(x: torch.Tensor, size: int) -> torch.Tensor:
    """Average over a grid of `size` by `size` cells, as AveragePool, which the exporter supports for every size."""
    height, width = x.shape[-2:]
    stride = (height // size, width // size)
    kernel = (height - (size - 1) * stride[0], width - (size - 1) * stride[1])
    return functional.avg_pool2d(x, kernel, stride)


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

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers = [conv(3, 16, 3, 2, act=nn.SiLU), conv(16, 32, 3, 2, act=nn.SiLU), _Split(32, 1)]
        for inputs, outputs, steps in ((32, 64, 2), (64, 128, 2), (128, 256, 1)):
            layers += [conv(inputs, outputs, 3, 2, act=nn.SiLU), _Split(outputs, steps)]
        self.body = nn.Sequential(*layers, conv(256, 1280, 1, act=nn.SiLU))
        self.last = nn.Linear(1280, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.last(self.body(x).mean((2, 3), keepdim=True).flatten(1)), 1)


class TinyYolov3(nn.Module):
    """Tiny-YOLOv3 by its published configuration (yolov3-tiny.cfg): 8.8 M parameters, two scales of 255 values.

    Its pool of 2x2 with stride 1 is padded on one side; 3x3 with padding costs the same and every exporter takes it.
    """

    def __init__(self) -> None:
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

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        fine = self.fine(x)
        deep = self.deep(self.halve(fine))
        near = functional.interpolate(self.narrow(deep), scale_factor=2, mode='nearest')
        return self.large(deep), self.small(torch.cat([near, fine], 1))


def _enlarged(x, size):
    return functional.interpolate(x, [int(side) for side in size], mode='bilinear', align_corners=True)


class _Bottleneck(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        wide = 6 * inputs
        self.residual = stride == 1 and inputs == outputs
        self.body = nn.Sequential(conv(inputs, wide, 1), conv(wide, wide, 3, stride, wide),
                                  conv(wide, outputs, 1, act=None))

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class FastScnn(nn.Module):
    """Poudel 2019 as in github:Tramac/Fast-SCNN-pytorch, without its auxiliary head; published 1.1 M parameters."""

    def __init__(self, classes: int = 19) -> None:
        super().__init__()
        # The first convolution there is not padded.
        self.down = nn.Sequential(nn.Conv2d(3, 32, 3, 2), nn.BatchNorm2d(32), nn.ReLU(),
                                  conv(32, 32, 3, 2, 32), conv(32, 48, 1), conv(48, 48, 3, 2, 48), conv(48, 64, 1))
        blocks, inputs = [], 64
        for outputs, stride in ((64, 2), (96, 2), (128, 1)):
            for step in range(3):
                blocks.append(_Bottleneck(inputs, outputs, stride if step == 0 else 1))
                inputs = outputs
        self.deep = nn.Sequential(*blocks)
        self.levels = nn.ModuleList([conv(128, 32, 1) for _ in range(4)])
        self.mix = conv(256, 128, 1)
        self.low = nn.Sequential(conv(128, 128, 3, 1, 128), conv(128, 128, 1, act=None, bias=True))
        self.high = conv(64, 128, 1, act=None, bias=True)
        self.classify = nn.Sequential(conv(128, 128, 3, 1, 128), conv(128, 128, 1), conv(128, 128, 3, 1, 128),
                                      conv(128, 128, 1), nn.Conv2d(128, classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.down(x)
        deep = self.deep(fine)
        size = deep.shape[-2:]
        pooled = [_enlarged(level(pool_to(deep, cells)), size) for level, cells in zip(self.levels, (1, 2, 3, 6))]
        deep = self.mix(torch.cat([deep] + pooled, 1))
        low = self.low(_enlarged(deep, fine.shape[-2:]))
        fine = torch.relu(self.high(fine) + low)
        return _enlarged(self.classify(fine), x.shape[-2:])


class FcnResnet18(nn.Module):
    """FCN head on ResNet18 at 1/32, as github:dusty-nv/pytorch-segmentation exports it, without upsampling."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        net = torchvision.models.resnet18(weights=None)
        self.body = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3,
                                  net.layer4)
        self.head = nn.Sequential(conv(512, 128), nn.Conv2d(128, classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


class Lanes(nn.Module):
    """Ultra-Fast-Lane-Detection on ResNet18 (github:cfzd), CULane: 201 x 18 x 4 answers from two large products."""

    def __init__(self) -> None:
        super().__init__()
        net = torchvision.models.resnet18(weights=None)
        self.body = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3,
                                  net.layer4, nn.Conv2d(512, 8, 1))
        self.answer = nn.Sequential(nn.Linear(1800, 2048), nn.ReLU(), nn.Linear(2048, 201 * 18 * 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answer(self.body(x).view(-1, 1800)).view(-1, 201, 18, 4)


class Unet(nn.Module):
    """Ronneberger 2015 with padding, normalisation and transposed convolutions, of any width.

    The published one has 1.93 M parameters, five input channels and, by its copy times, eight output channels.
    """

    def __init__(self, inputs: int = 5, classes: int = 8, width: int = 16) -> None:
        super().__init__()
        sides = [width * 2 ** level for level in range(5)]
        self.down = nn.ModuleList([nn.Sequential(conv(a, b), conv(b, b)) for a, b in zip([inputs] + sides, sides)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(2 * side, side, 2, 2) for side in sides[3::-1]])
        self.join = nn.ModuleList([nn.Sequential(conv(2 * side, side), conv(side, side)) for side in sides[3::-1]])
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept: List[torch.Tensor] = []
        for level in self.down:
            x = level(functional.max_pool2d(x, 2) if kept else x)
            kept.append(x)
        for up, join, skip in zip(self.up, self.join, kept[3::-1]):
            x = join(torch.cat([skip, up(x)], 1))
        return self.last(x)


class _Joint(nn.Module):
    """A node of the pyramid: inputs resized to one size, added (weighted where learned) and convolved."""

    def __init__(self, width, inputs, act, weighted):
        super().__init__()
        self.weights = [0.9 / inputs] * inputs if weighted else None
        self.act, self.mix = act(), separable(width, width)

    def forward(self, x, *others):
        size = int(x.shape[-2])
        parts = [x]
        for other in others:
            side = int(other.shape[-2])
            parts.append(functional.interpolate(other, (size, size), mode='nearest') if side < size else
                         functional.max_pool2d(other, 3, 2, 1) if side > size else other)
        if self.weights:
            parts = [part * weight for part, weight in zip(parts, self.weights)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return self.mix(self.act(total))


class _Pyramid(nn.Module):
    """One BiFPN: down through five levels and up again."""

    def __init__(self, width, act, weighted):
        super().__init__()
        self.down = nn.ModuleList([_Joint(width, 2, act, weighted) for _ in range(4)])
        self.up = nn.ModuleList([_Joint(width, 2 if level == 3 else 3, act, weighted) for level in range(4)])

    def forward(self, levels):
        inner = [levels[4]]
        for joint, level in zip(self.down, levels[3::-1]):
            inner.append(joint(level, inner[-1]))
        inner = inner[::-1]
        outer = [inner[0]]
        for place, joint in enumerate(self.up, 1):
            more = (inner[place],) if place < 4 else ()
            outer.append(joint(levels[place], *more, outer[-1]))
        return outer


class _Heads(nn.Module):
    def __init__(self, width, repeats, outputs, act, step):
        super().__init__()
        self.steps = nn.ModuleList([step(width, width) for _ in range(repeats)])
        self.act, self.last = act(), step(width, outputs, normalised=False)

    def forward(self, levels):
        outputs = []
        for level in levels:
            for step in self.steps:
                level = self.act(step(level))
            outputs.append(self.last(level))
        return outputs


class EfficientDet(nn.Module):
    """Tan 2020: EfficientNet, BiFPN and separable heads, 90 classes, nine anchors; lite: ReLU6 and plain sums."""

    def __init__(self, name: str) -> None:
        super().__init__()
        backbone, self.side, width, repeats, heads = EFFICIENTDETS[name]
        lite = 'lite' in name
        act = nn.ReLU6 if lite else nn.SiLU
        self.body = timm.create_model(backbone, features_only=True, out_indices=(2, 3, 4))
        channels = self.body.feature_info.channels()
        self.entry = nn.ModuleList([conv(channel, width, 1, act=None, bias=True) for channel in channels])
        self.sixth = nn.Sequential(conv(channels[-1], width, 1, act=None, bias=True), nn.MaxPool2d(3, 2, 1))
        # The first pyramid projects its two upper inputs once for every use.
        self.again = nn.ModuleList([conv(channel, width, 1, act=None, bias=True) for channel in channels[1:]])
        self.seventh = nn.MaxPool2d(3, 2, 1)
        self.pyramids = nn.ModuleList([_Pyramid(width, act, not lite) for _ in range(repeats)])
        self.classes = _Heads(width, heads, 9 * 90, act, separable)
        self.boxes = _Heads(width, heads, 9 * 4, act, separable)

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        features = self.body(x)
        levels = [entry(feature) for entry, feature in zip(self.entry, features)]
        levels[1] = (levels[1] + self.again[0](features[1])) * 0.5
        levels[2] = (levels[2] + self.again[1](features[2])) * 0.5
        levels.append(self.sixth(features[-1]))
        levels.append(self.seventh(levels[-1]))
        for pyramid in self.pyramids:
            levels = pyramid(levels)
        return detections(self.classes(levels), self.boxes(levels))


def _dense(inputs, outputs, normalised=True, stride=1):
    return conv(inputs, outputs, 3, stride, act=None) if normalised else nn.Conv2d(inputs, outputs, 3, 1, 1)


class SsdFpn(nn.Module):
    """TensorFlow's SSD with a feature pyramid: heads of four steps on five levels, 91 classes, six anchors.

    Args:
        kind: ``'resnet50'`` (dense, 256 channels, a tower for classes and one for boxes) or ``'mobilenet_v2'``
            (FPNLite: separable, 128 channels, one tower for both).
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        dense = kind == 'resnet50'
        if dense:
            net = torchvision.models.resnet50(weights=None)
            self.body = nn.ModuleList([nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2),
                                       net.layer3, net.layer4])
            channels, width, step = (512, 1024, 2048), 256, _dense
        else:
            parts = list(torchvision.models.mobilenet_v2(weights=None).features)
            self.body = nn.ModuleList([nn.Sequential(*parts[:7]), nn.Sequential(*parts[7:14]),
                                       nn.Sequential(*parts[14:])])
            channels, width, step = (32, 96, 1280), 128, separable
        self.entry = nn.ModuleList([nn.Conv2d(channel, width, 1) for channel in channels])
        self.smooth = nn.ModuleList([nn.Sequential(step(width, width), nn.ReLU6()) for _ in range(2)])
        self.sixth, self.seventh = (nn.Sequential(step(width, width, stride=2), nn.ReLU6()) for _ in range(2))
        self.towers = nn.ModuleList([
            nn.ModuleList([nn.Sequential(step(width, width), nn.ReLU6()) for _ in range(4)])
            for _ in range(2 if dense else 1)])
        self.classes, self.boxes = (step(width, outputs, normalised=False) for outputs in (6 * 91, 6 * 4))

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        features = []
        for stage in self.body:
            x = stage(x)
            features.append(x)
        third, fourth, fifth = [entry(feature) for entry, feature in zip(self.entry, features)]
        fourth = fourth + functional.interpolate(fifth, scale_factor=2, mode='nearest')
        third = third + functional.interpolate(fourth, scale_factor=2, mode='nearest')
        sixth = self.sixth(fifth)
        levels = [self.smooth[0](third), self.smooth[1](fourth), fifth, sixth, self.seventh(sixth)]
        kinds = []
        for tower in self.towers:
            kinds.append([self._through(tower, level) for level in levels])
        return detections([self.classes(level) for level in kinds[0]], [self.boxes(level) for level in kinds[-1]])

    @staticmethod
    def _through(tower, level):
        for step in tower:
            level = step(level)
        return level


class SsdMobilenet(nn.Module):
    """TensorFlow's SSD on MobileNet-v2 of 2017: six levels, heads of 1x1, 91 classes, three or six anchors."""

    def __init__(self) -> None:
        super().__init__()
        parts = list(torchvision.models.mobilenet_v2(weights=None).features)
        self.first, self.widen = nn.Sequential(*parts[:14]), parts[14].conv[0]
        self.rest = nn.Sequential(*list(parts[14].conv)[1:], *parts[15:])
        self.extra = nn.ModuleList([
            nn.Sequential(conv(inputs, inner, 1, act=nn.ReLU6), conv(inner, outputs, 3, 2, act=nn.ReLU6))
            for inputs, inner, outputs in ((1280, 256, 512), (512, 128, 256), (256, 128, 256), (256, 64, 128))])
        channels = list(zip((576, 1280, 512, 256, 256, 128), (3, 6, 6, 6, 6, 6)))
        self.classes = nn.ModuleList([nn.Conv2d(channel, anchors * 91, 1) for channel, anchors in channels])
        self.boxes = nn.ModuleList([nn.Conv2d(channel, anchors * 4, 1) for channel, anchors in channels])

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        levels = [self.widen(self.first(x))]
        levels.append(self.rest(levels[0]))
        for extra in self.extra:
            levels.append(extra(levels[-1]))
        return detections([head(level) for head, level in zip(self.classes, levels)],
                          [head(level) for head, level in zip(self.boxes, levels)])
