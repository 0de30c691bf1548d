"""Detectors with published Nano figures: EfficientDet, and TensorFlow's SSDs on MobileNet-v2 and ResNet-50."""
import timm
import torchvision
from torch import nn
from torch.nn import functional

from .parts import conv, detections, separable

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


class _Joint(nn.Module):
    """A node of the pyramid: its inputs brought to one size, added (weighted where learned), convolved."""

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
        found = []
        for level in levels:
            for step in self.steps:
                level = self.act(step(level))
            found.append(self.last(level))
        return found


class EfficientDet(nn.Module):
    """Tan 2020: EfficientNet, BiFPN and separable heads, 90 classes, nine anchors; lite: ReLU6 and plain sums."""

    def __init__(self, name):
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

    def forward(self, x):
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
        kind (str): ``'resnet50'`` (dense, 256 channels, a tower for classes and one for boxes) or ``'mobilenet_v2'``
            (FPNLite: separable, 128 channels, one tower for both).
    """

    def __init__(self, kind):
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

    def forward(self, x):
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

    def __init__(self):
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

    def forward(self, x):
        levels = [self.widen(self.first(x))]
        levels.append(self.rest(levels[0]))
        for extra in self.extra:
            levels.append(extra(levels[-1]))
        return detections([head(level) for head, level in zip(self.classes, levels)],
                          [head(level) for head, level in zip(self.boxes, levels)])
