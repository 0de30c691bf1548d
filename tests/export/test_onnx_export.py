"""What is exported is what the device takes, and answers as PyTorch does."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed here')
onnx = pytest.importorskip('onnx', reason='onnx is not installed here')

import onnxruntime  # noqa: E402

from export.onnx_export import INPUT, IR_VERSION, OPSET, OUTPUTS, export_onnx  # noqa: E402
from service.bundle import scan_onnx  # noqa: E402


class Small(torch.nn.Module):
    """A network with the interface that is exported: region scores and the finding's score."""

    def __init__(self):
        super().__init__()
        self.scores = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3, 2, 1), torch.nn.BatchNorm2d(8),
                                          torch.nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False))

    def forward(self, x):
        scores = self.scores(x)
        return scores, scores.mean((2, 3))[:, :1]


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    torch.manual_seed(0)
    network = Small().eval()
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    return network, path, export_onnx(network, path, 48, 64)


def test_the_device_takes_it(exported):
    _, path, model = exported
    facts = scan_onnx(path.read_bytes())
    assert (facts.opset, facts.ir_version) == (OPSET, IR_VERSION) == (13, 7)
    assert facts.external_tensors == 0 and facts.domains <= {''}
    shapes = {value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
              for value in list(model.graph.input) + list(model.graph.output)}
    assert shapes == {INPUT: [1, 1, 48, 64], 'labels': [1, 48, 64], 'confidence': [1, 48, 64], 'finding': [1, 1]}


def test_it_answers_as_pytorch_does(exported):
    network, path, _ = exported
    picture = np.random.RandomState(0).rand(1, 1, 48, 64).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    labels, confidence, finding = session.run(list(OUTPUTS), {INPUT: picture})
    with torch.no_grad():
        scores, logit = network(torch.from_numpy(picture))
    assert labels.dtype == np.int32 and np.mean(labels == scores.argmax(1).numpy()) > 0.999
    assert np.abs(confidence - scores.softmax(1).max(1).values.numpy()).max() < 1e-5
    assert np.abs(finding - torch.sigmoid(logit).numpy()).max() < 1e-5


def test_two_exports_differ_in_nothing(exported, tmp_path):
    network, path, _ = exported
    export_onnx(network, tmp_path / 'again.onnx', 48, 64)
    assert (tmp_path / 'again.onnx').read_bytes() == path.read_bytes()
