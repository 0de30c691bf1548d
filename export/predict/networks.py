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
    """Ultralytics' C2f: half of the channels go through pairs of convolutions, and every step is kept."""

    def __init__(self, inputs, outputs, steps, residual=True):
        super().__init__()
        self.residual = residual
        self.half = half = outputs // 2
        self.first = conv(inputs, outputs, 1, act=nn.SiLU)
        self.steps = nn.ModuleList([nn.Sequential(conv(half, half, act=nn.SiLU), conv(half, half, act=nn.SiLU))
                                    for _ in range(steps)])
        self.last = conv((2 + steps) * half, outputs, 1, act=nn.SiLU)

    def forward(self, x):
        parts = list(self.first(x).split(self.half, 1))
        for step in self.steps:
            parts.append(parts[-1] + step(parts[-1]) if self.residual else step(parts[-1]))
        return self.last(torch.cat(parts, 1))


class _Csp(nn.Module):
    """Cross stage partial block: half of the channels go through bottlenecks, the other half through one 1x1."""

    def __init__(self, inputs, outputs, steps, residual=True, act=nn.SiLU):
        super().__init__()
        half = outputs // 2
        self.residual = residual
        self.first, self.second = conv(inputs, half, 1, act=act), conv(inputs, half, 1, act=act)
        self.steps = nn.ModuleList([nn.Sequential(conv(half, half, 1, act=act), conv(half, half, act=act))
                                    for _ in range(steps)])
        self.last = conv(outputs, outputs, 1, act=act)

    def forward(self, x):
        way = self.first(x)
        for step in self.steps:
            way = way + step(way) if self.residual else step(way)
        return self.last(torch.cat([way, self.second(x)], 1))


class Yolov8nClassifier(nn.Module):
    """YOLOv8n-cls by its published layer table (yolov8-cls.yaml, scale n): 2.7 M parameters."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers = [conv(3, 16, 3, 2, act=nn.SiLU), conv(16, 32, 3, 2, act=nn.SiLU), _Split(32, 32, 1)]
        for inputs, outputs, steps in ((32, 64, 2), (64, 128, 2), (128, 256, 1)):
            layers += [conv(inputs, outputs, 3, 2, act=nn.SiLU), _Split(outputs, outputs, steps)]
        self.body = nn.Sequential(*layers, conv(256, 1280, 1, act=nn.SiLU))
        self.last = nn.Linear(1280, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.last(self.body(x).mean((2, 3), keepdim=True).flatten(1)), 1)


class _FastPyramidPool(nn.Module):
    """Ultralytics' SPPF: three pools of 5x5 in a row, all kept."""

    def __init__(self, width):
        super().__init__()
        self.first, self.last = conv(width, width // 2, 1, act=nn.SiLU), conv(2 * width, width, 1, act=nn.SiLU)

    def forward(self, x):
        parts = [self.first(x)]
        for _ in range(3):
            parts.append(functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.last(torch.cat(parts, 1))


class _AnchorFreeHead(nn.Module):
    """Ultralytics' Detect of version 8: 16 bins for each side of a box, decoded in the network."""

    def __init__(self, widths, classes, side):
        super().__init__()
        self.classes = classes
        box, label = max(16, widths[0] // 4, 64), max(widths[0], min(classes, 100))
        self.boxes, self.labels = (nn.ModuleList([nn.Sequential(
            conv(width, inner, act=nn.SiLU), conv(inner, inner, act=nn.SiLU), nn.Conv2d(inner, outputs, 1))
            for width in widths]) for inner, outputs in ((box, 64), (label, classes)))
        self.bins = nn.Conv2d(16, 1, 1, bias=False)
        self.cells = cells = sum((side // stride) ** 2 for stride in (8, 16, 32))
        self.register_buffer('centres', torch.rand(1, 2, cells))
        self.register_buffer('strides', torch.rand(1, 1, cells))

    def forward(self, levels):
        parts = [_flat(torch.cat([boxes(level), labels(level)], 1))
                 for level, boxes, labels in zip(levels, self.boxes, self.labels)]
        boxes, labels = torch.cat(parts, 2).split((64, self.classes), 1)
        bins = boxes.reshape(1, 4, 16, self.cells).transpose(2, 1).softmax(1)
        low, high = self.bins(bins).reshape(1, 4, self.cells).split(2, 1)
        start, end = self.centres - low, self.centres + high
        boxes = torch.cat([(start + end) / 2, end - start], 1) * self.strides
        return torch.cat([boxes, labels.sigmoid()], 1)


class Yolo(nn.Module):
    """Ultralytics' detectors with the head of version 8, by their layer tables.

    Args:
        version: 8 (yolov8.yaml) or 5 (yolov5.yaml of ultralytics, known as v5u).
        width: share of the channels: 0.25 for n, 0.5 for s; the depth of both is a third.
        classes: of the head.
        side: of the input.
    """

    def __init__(self, version: int, width: float, classes: int, side: int) -> None:
        super().__init__()
        a, b, c, d, e = (int(width * channels) for channels in (64, 128, 256, 512, 1024))
        block, steps = (_Split, (1, 2, 2, 1)) if version == 8 else (_Csp, (1, 2, 3, 1))
        # The first convolution of version 5 is 6x6.
        first = conv(3, a, 3, 2, act=nn.SiLU) if version == 8 else nn.Sequential(
            nn.Conv2d(3, a, 6, 2, 2, bias=False), nn.BatchNorm2d(a), nn.SiLU())
        stages = [nn.Sequential(conv(inputs, outputs, 3, 2, act=nn.SiLU), block(outputs, outputs, count))
                  for inputs, outputs, count in zip((a, b, c, d), (b, c, d, e), steps)]
        self.third = nn.Sequential(first, stages[0], stages[1])
        self.fourth, self.fifth = stages[2], nn.Sequential(stages[3], _FastPyramidPool(e))
        five = version == 5
        # Version 5 narrows a level before it goes up, and joins what it narrowed on the way down.
        self.narrow = nn.ModuleList([conv(e, d, 1, act=nn.SiLU), conv(d, c, 1, act=nn.SiLU)]) if five else None
        self.up = nn.ModuleList([block((d if five else e) + d, d, 1, False),
                                 block((c if five else d) + c, c, 1, False)])
        self.halve = nn.ModuleList([conv(c, c, 3, 2, act=nn.SiLU), conv(d, d, 3, 2, act=nn.SiLU)])
        self.down = nn.ModuleList([block(c + (c if five else d), d, 1, False),
                                   block(d + (d if five else e), e, 1, False)])
        self.head = _AnchorFreeHead((c, d, e), classes, side)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        third = self.third(x)
        fourth = self.fourth(third)
        top = self.fifth(fourth)
        if self.narrow is not None:
            top = self.narrow[0](top)
        middle = self.up[0](torch.cat([_doubled(top), fourth], 1))
        if self.narrow is not None:
            middle = self.narrow[1](middle)
        low = self.up[1](torch.cat([_doubled(middle), third], 1))
        mid = self.down[0](torch.cat([self.halve[0](low), middle], 1))
        high = self.down[1](torch.cat([self.halve[1](mid), top], 1))
        return self.head([low, mid, high])


def _leaky():
    return nn.LeakyReLU(0.1)


class YoloxSmall(nn.Module):
    """YOLOX-S (Ge 2021) with leaky activations: 9.0 M parameters, heads of two 3x3 for classes and two for boxes."""

    def __init__(self, classes: int = 80) -> None:
        super().__init__()
        self.focus = conv(12, 32, act=_leaky)

        def stage(inputs, outputs, steps):
            return nn.Sequential(conv(inputs, outputs, 3, 2, act=_leaky), _Csp(outputs, outputs, steps, act=_leaky))

        self.third = nn.Sequential(stage(32, 64, 1), stage(64, 128, 3))
        self.fourth, self.fifth = stage(128, 256, 3), conv(256, 512, 3, 2, act=_leaky)
        self.pool = nn.ModuleList([conv(512, 256, 1, act=_leaky), conv(1024, 512, 1, act=_leaky)])
        self.top = _Csp(512, 512, 1, False, _leaky)
        self.narrow = nn.ModuleList([conv(512, 256, 1, act=_leaky), conv(256, 128, 1, act=_leaky)])
        self.up = nn.ModuleList([_Csp(512, 256, 1, False, _leaky), _Csp(256, 128, 1, False, _leaky)])
        self.halve = nn.ModuleList([conv(128, 128, 3, 2, act=_leaky), conv(256, 256, 3, 2, act=_leaky)])
        self.down = nn.ModuleList([_Csp(256, 256, 1, False, _leaky), _Csp(512, 512, 1, False, _leaky)])
        self.stem = nn.ModuleList([conv(width, 128, 1, act=_leaky) for width in (128, 256, 512)])
        self.towers = nn.ModuleList([nn.ModuleList([nn.Sequential(conv(128, 128, act=_leaky),
                                                                  conv(128, 128, act=_leaky)) for _ in range(2)])
                                     for _ in range(3)])
        self.last = nn.ModuleList([nn.ModuleList([nn.Conv2d(128, outputs, 1) for outputs in (4, 1, classes)])
                                   for _ in range(3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.focus(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))
        third = self.third(x)
        fourth = self.fourth(third)
        fifth = self.pool[0](self.fifth(fourth))
        fifth = self.pool[1](torch.cat([fifth] + [functional.max_pool2d(fifth, size, 1, size // 2)
                                                  for size in (5, 9, 13)], 1))
        top = self.narrow[0](self.top(fifth))
        middle = self.narrow[1](self.up[0](torch.cat([_doubled(top), fourth], 1)))
        low = self.up[1](torch.cat([_doubled(middle), third], 1))
        mid = self.down[0](torch.cat([self.halve[0](low), middle], 1))
        high = self.down[1](torch.cat([self.halve[1](mid), top], 1))
        answers = []
        for level, stem, (boxes, classes), last in zip((low, mid, high), self.stem, self.towers, self.last):
            level = stem(level)
            box = boxes(level)
            answers.append(torch.cat([last[0](box), last[1](box).sigmoid(), last[2](classes(level)).sigmoid()], 1))
        return torch.cat([_flat(answer) for answer in answers], 2).permute(0, 2, 1)


def _flat(x):
    channels, height, width = (int(side) for side in x.shape[1:])
    return x.reshape(1, channels, height * width)


def _doubled(x):
    return functional.interpolate(x, scale_factor=2, mode='nearest')


class DenseNet2019(nn.Module):
    """DenseNet as torchvision 0.3 wrote it, which torch2trt's table of June 2019 was measured with.

    Every layer joins its result to its input; from 0.4 on a layer joins the results of all before it.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.net = torchvision.models.get_model(name, weights=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.net.features:
            if isinstance(part, torchvision.models.densenet._DenseBlock):
                for layer in part.values():
                    inner = layer.conv1(layer.relu1(layer.norm1(x)))
                    x = torch.cat([x, layer.conv2(layer.relu2(layer.norm2(inner)))], 1)
            else:
                x = part(x)
        return self.net.classifier(functional.adaptive_avg_pool2d(torch.relu(x), (1, 1)).flatten(1))


class MobilenetV1(nn.Module):
    """Howard 2017: thirteen depthwise convolutions, each before a 1x1; the stages are named as SSD taps them."""

    def __init__(self) -> None:
        super().__init__()
        layers, inputs = [conv(3, 32, 3, 2, act=nn.ReLU6)], 32
        for outputs, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5,
                                (1024, 2), (1024, 1)):
            layers += [conv(inputs, inputs, 3, stride, inputs, act=nn.ReLU6), conv(inputs, outputs, 1, act=nn.ReLU6)]
            inputs = outputs
        self.first, self.rest = nn.Sequential(*layers[:23]), nn.Sequential(*layers[23:])

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        first = self.first(x)
        return [first, self.rest(first)]


class SsdMobilenetV1(nn.Module):
    """TensorFlow's SSD on MobileNet-v1 of 2018: six levels, heads of 1x1, 91 classes, three or six anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.body = MobilenetV1()
        self.extra = _extra_levels(1024)
        channels = list(zip((512, 1024, 512, 256, 256, 128), (3, 6, 6, 6, 6, 6)))
        self.classes = nn.ModuleList([nn.Conv2d(channel, anchors * 91, 1) for channel, anchors in channels])
        self.boxes = nn.ModuleList([nn.Conv2d(channel, anchors * 4, 1) for channel, anchors in channels])

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        levels = self.body(x)
        for extra in self.extra:
            levels.append(extra(levels[-1]))
        return detections([head(level) for head, level in zip(self.classes, levels)],
                          [head(level) for head, level in zip(self.boxes, levels)])


class SsdLiteMobilenetV3(nn.Module):
    """SSDLite on MobileNet-v3 large (torchvision), 320x320, 91 classes; heads are separable."""

    def __init__(self) -> None:
        super().__init__()
        net = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
        self.body, self.head = net.backbone, net.head

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        levels = list(self.body(x).values())
        classes, boxes = self.head.classification_head.module_list, self.head.regression_head.module_list
        return detections([head(level) for head, level in zip(classes, levels)],
                          [head(level) for head, level in zip(boxes, levels)])


def _extra_levels(inputs):
    return nn.ModuleList([
        nn.Sequential(conv(before, inner, 1, act=nn.ReLU6), conv(inner, outputs, 3, 2, act=nn.ReLU6))
        for before, inner, outputs in ((inputs, 256, 512), (512, 128, 256), (256, 128, 256), (256, 64, 128))])


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
    """Fast-SCNN [Poudel2019] as github:Tramac/Fast-SCNN-pytorch, no auxiliary head; published 1.1 M parameters."""

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
    """A U-Net [Ronneberger2015] with padding, normalisation and transposed convolutions, of any width.

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
    """EfficientDet [Tan2020]: EfficientNet, BiFPN, separable heads, 90 classes, nine anchors; lite: ReLU6, plain."""

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
        self.extra = _extra_levels(1280)
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
