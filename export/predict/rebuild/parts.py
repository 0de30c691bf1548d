"""What the rebuilt networks share: blocks, the way to ONNX, and a detector's last step."""
import io
import warnings

import torch
from torch import nn
from torch.nn import functional

OPSET = 13


class NonMaximum(torch.autograd.Function):
    """Stands for TensorRT's EfficientNMS plugin in the exported graph: scores in, 100 boxes out."""

    @staticmethod
    def forward(ctx, scores):
        return scores.new_zeros(scores.shape[0], 100)

    @staticmethod
    def symbolic(g, scores):
        return g.op('trt::EfficientNMS_TRT', scores)


def conv(inputs, outputs, size=3, stride=1, groups=1, act=nn.ReLU, bias=False):
    """Convolution, normalisation and, where `act` is given, an activation."""
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=bias), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([act()] if act else []))


def separable(inputs, outputs, normalised=True, stride=1):
    """Depthwise 3x3, then 1x1; normalisation behind the second alone, where it is wanted."""
    last = conv(inputs, outputs, 1, act=None, bias=True) if normalised else nn.Conv2d(inputs, outputs, 1)
    return nn.Sequential(nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), last)


class FromPicture(nn.Module):
    """A network behind the layout and scale that TensorFlow's exports put before it: NHWC, two element-wise steps."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x.permute(0, 3, 1, 2) * 0.0078 - 1.0)


def detections(classes, boxes):
    """Scores and boxes of several levels as two long lists, activated or moved, and the suppression of overlaps."""
    scores = torch.cat([part.permute(0, 2, 3, 1).flatten(1) for part in classes], 1)
    places = torch.cat([part.permute(0, 2, 3, 1).flatten(1) for part in boxes], 1)
    return NonMaximum.apply(torch.sigmoid(scores)), places + 1.0


def to_onnx(network, shape):
    """A network as ONNX bytes, weights random, graph as the exporter writes it.

    Args:
        network (torch.nn.Module): takes one tensor.
        shape (tuple): of that tensor.
    """
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(network.eval(), torch.zeros(shape), buffer, dynamo=False, opset_version=OPSET)
    return buffer.getvalue()


def pool_to(x, size):
    """Average over a grid of `size` cells a side; as AveragePool, so that the exporter takes every size."""
    height, width = x.shape[-2:]
    stride = (height // size, width // size)
    kernel = (height - (size - 1) * stride[0], width - (size - 1) * stride[1])
    return functional.avg_pool2d(x, kernel, stride)
