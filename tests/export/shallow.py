"""Small networks to quantise, and frames to do it with."""
import io
import warnings

import numpy as np
import onnx
import torch

from export.onnx_export import export_onnx

HEIGHT, WIDTH = 48, 64


class Shallow(torch.nn.Module):
    """Convolutions of every kind that is quantised, between a first one and two heads; one ReLU, one residual sum.

    Region 0 or 1 by brightness, with a margin: quantisation moves few pixels.

    Args:
        outlier (float): how much larger one inner channel is than the others.
    """

    def __init__(self, outlier=1.0):
        super().__init__()
        torch.manual_seed(3)
        conv = torch.nn.Conv2d
        self.first, self.second = conv(1, 4, 3, 1, 1), conv(4, 6, 3, 2, 1)
        self.third, self.fourth = conv(6, 6, 1), conv(6, 6, 1)
        self.up = torch.nn.ConvTranspose2d(6, 4, 2, 2)
        self.scores, self.features = conv(4, 8, 1), conv(6, 4, 1)
        self.judge = torch.nn.Linear(4, 1)
        with torch.no_grad():
            for layer in (self.first, self.second, self.third, self.fourth, self.up):
                layer.weight.copy_(layer.weight.abs() / layer.weight.abs().sum((1, 2, 3), keepdim=True))
                layer.bias.zero_()
            self.up.weight.copy_(torch.rand(6, 4, 2, 2) / 6)
            self.second.weight[0] *= outlier
            self.third.weight[:, 0] /= outlier
            self.scores.weight.zero_()
            self.scores.weight[1] = 10
            self.scores.bias.copy_(torch.tensor([8.0, -2.0] + [-20.0] * 6))

    def forward(self, picture):
        """(region scores, finding's score)."""
        inner = self.third(torch.relu(self.second(torch.relu(self.first(picture)))))
        inner = inner + self.fourth(inner)
        return self.scores(self.up(inner)), self.judge(self.features(inner).mean((2, 3)))


def export(network, folder):
    """ONNX bytes of a network, as a bundle has them."""
    path = folder / 'model.onnx'
    export_onnx(network, path, HEIGHT, WIDTH)
    return path.read_bytes()


def frames(count=6, seed=0):
    """Pictures with a bright blob: float32 1x1xHxW each."""
    random = np.random.RandomState(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    found = []
    for _ in range(count):
        y, x, size = random.uniform(8, 24), random.uniform(8, 32), random.uniform(4, 9)
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / size ** 2) + random.uniform(0, 0.05, (HEIGHT, WIDTH))
        found.append((blob / blob.max())[np.newaxis, np.newaxis].astype(np.float32))
    return found


def plain(nodes, weights, shape=(1, 2, 6, 6), outputs=('y',)):
    """ONNX bytes of hand-made nodes over an input ``x``; opset 13, IR 7."""
    tensors = [onnx.numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in weights.items()]
    graph = onnx.helper.make_graph(
        nodes, 'g', [onnx.helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs], tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 13)], ir_version=7)
    return onnx.shape_inference.infer_shapes(model).SerializeToString()


def transformer():
    """ONNX bytes of a network without a convolution, written by PyTorch."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(torch.nn.Linear(4, 4), torch.zeros(1, 4), buffer, dynamo=False, opset_version=13)
    return buffer.getvalue()
