"""What is exported is what the device takes, and answers as PyTorch does; masks stay in studies."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed here')
onnx = pytest.importorskip('onnx', reason='onnx is not installed here')

import onnxruntime  # noqa: E402

from export.onnx_export import (  # noqa: E402
    INPUT,
    IR_VERSION,
    OPSET,
    OUTPUTS,
    CombinedNetwork,
    DeployedNetwork,
    export_onnx,
)
from service.bundle import scan_onnx  # noqa: E402
from service.messages import InputError  # noqa: E402


class Small(torch.nn.Module):
    """A network with the interface that is exported: region scores and the finding's score."""

    def __init__(self):
        super().__init__()
        self.scores = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3, 2, 1), torch.nn.BatchNorm2d(8),
                                          torch.nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False))

    def forward(self, x):
        scores = self.scores(x)
        return scores, scores.mean((2, 3))[:, :1]


class Regions(torch.nn.Module):
    """A network that answers regions, and a finding that nobody should take."""

    def __init__(self):
        super().__init__()
        self.scores = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return self.scores(x), torch.full((len(x), 1), 9.0)


class Finding(torch.nn.Module):
    """A network with a finding only."""

    def __init__(self, findings, channels=1):
        super().__init__()
        self.needs_mask = channels in (2, 4)
        self.judge = torch.nn.Conv2d(channels, findings, 5)

    def forward(self, x):
        return None, self.judge(x).mean((2, 3))


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
    labels, confidence, finding = session.run(list(OUTPUTS[:3]), {INPUT: picture})
    with torch.no_grad():
        scores, logit = network(torch.from_numpy(picture))
    assert labels.dtype == np.int32 and np.mean(labels == scores.argmax(1).numpy()) > 0.999
    assert np.abs(confidence - scores.softmax(1).max(1).values.numpy()).max() < 1e-5
    assert np.abs(finding - torch.sigmoid(logit).numpy()).max() < 1e-5


def test_two_exports_differ_in_nothing(exported, tmp_path):
    network, path, _ = exported
    export_onnx(network, tmp_path / 'again.onnx', 48, 64)
    assert (tmp_path / 'again.onnx').read_bytes() == path.read_bytes()


def run(path, picture):
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: picture.numpy()})))


class OnlyRegions(Regions):
    def forward(self, x):
        return super().forward(x)[0], None


def test_regions_only(tmp_path):
    torch.manual_seed(0)
    network, picture = OnlyRegions(), torch.rand(1, 1, 16, 24)
    export_onnx(network, tmp_path / 'model.onnx', 16, 24)
    answers = run(tmp_path / 'model.onnx', picture)
    assert list(answers) == ['labels', 'confidence'] == list(DeployedNetwork(network).outputs(picture))
    assert answers['labels'].dtype == np.int32 and answers['labels'].shape == (1, 16, 24)


def test_one_logit_leaves_as_a_probability(tmp_path):
    torch.manual_seed(0)
    network, picture = Finding(1), torch.rand(1, 1, 16, 24)
    export_onnx(network, tmp_path / 'model.onnx', 16, 24)
    answers = run(tmp_path / 'model.onnx', picture)
    assert list(answers) == ['finding']
    assert answers['finding'] == pytest.approx(torch.sigmoid(network(picture)[1]).detach().numpy(), abs=1e-6)


def test_several_logits_leave_as_a_distribution_and_channels_may_be_three(tmp_path):
    torch.manual_seed(0)
    network, picture = Finding(3, channels=3), torch.rand(1, 3, 16, 24)
    export_onnx(network, tmp_path / 'model.onnx', 16, 24, channels=3)
    finding = run(tmp_path / 'model.onnx', picture)['finding']
    assert finding.shape == (1, 3) and finding.sum() == pytest.approx(1, abs=1e-6)
    assert finding == pytest.approx(torch.softmax(network(picture)[1], 1).detach().numpy(), abs=1e-6)


def test_a_view_leaves_as_a_distribution(tmp_path):
    class Viewing(Regions):
        def forward(self, x):
            return super().forward(x)[0], None, x.mean((2, 3)) * torch.arange(7.0)

    network, picture = Viewing(), torch.rand(1, 1, 16, 24)
    export_onnx(network, tmp_path / 'model.onnx', 16, 24)
    answers = run(tmp_path / 'model.onnx', picture)
    assert list(answers) == ['labels', 'confidence', 'view']
    assert answers['view'] == pytest.approx(torch.softmax(network(picture)[2], 1).detach().numpy(), abs=1e-6)


def test_two_networks_leave_as_one_and_each_runs_once(tmp_path):
    torch.manual_seed(0)
    segmenter, classifier, picture = Regions(), Finding(2), torch.rand(1, 1, 16, 24)
    joined = CombinedNetwork(segmenter, classifier)
    export_onnx(joined, tmp_path / 'model.onnx', 16, 24)
    answers = run(tmp_path / 'model.onnx', picture)
    assert list(answers) == ['labels', 'confidence', 'finding']
    segmenter.passes = 0
    with torch.no_grad():
        labels, _, finding = DeployedNetwork(joined)(picture)
    assert segmenter.passes == 1
    assert np.array_equal(answers['labels'], labels.numpy())
    assert answers['finding'] == pytest.approx(finding.numpy(), abs=1e-6)
    assert finding.numpy() == pytest.approx(torch.softmax(classifier(picture)[1], 1).detach().numpy())


@pytest.mark.parametrize('network', [Finding(1, channels=2), CombinedNetwork(Regions(), Finding(1, channels=4))])
def test_a_mask_channel_is_not_deployed(network, tmp_path):
    with pytest.raises(InputError, match='only predicted masks exist') as caught:
        export_onnx(network, tmp_path / 'model.onnx', 16, 24, channels=2)
    assert caught.value.code == 'mask-channel'
    assert not list(tmp_path.iterdir())


def test_a_study_may_export_it(tmp_path):
    torch.manual_seed(0)
    network, picture = Finding(1, channels=2), torch.rand(1, 2, 16, 24)
    export_onnx(network, tmp_path / 'model.onnx', 16, 24, channels=2, study=True)
    finding = run(tmp_path / 'model.onnx', picture)['finding']
    assert finding == pytest.approx(torch.sigmoid(network(picture)[1]).detach().numpy(), abs=1e-6)
