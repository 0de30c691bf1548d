"""Answers are those that a network has; two networks leave as one; masks stay in studies."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed here')
pytest.importorskip('onnx', reason='onnx is not installed here')

import onnxruntime  # noqa: E402

from export.onnx_export import INPUT, Deliverable, WithRegions, export_onnx  # noqa: E402
from service.messages import InputError  # noqa: E402


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
    assert list(answers) == ['labels', 'confidence'] == list(Deliverable(network).outputs(picture))
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


def test_two_networks_leave_as_one_and_each_runs_once(tmp_path):
    torch.manual_seed(0)
    segmenter, classifier, picture = Regions(), Finding(2), torch.rand(1, 1, 16, 24)
    joined = WithRegions(segmenter, classifier)
    export_onnx(joined, tmp_path / 'model.onnx', 16, 24)
    answers = run(tmp_path / 'model.onnx', picture)
    assert list(answers) == ['labels', 'confidence', 'finding']
    segmenter.passes = 0
    with torch.no_grad():
        labels, _, finding = Deliverable(joined)(picture)
    assert segmenter.passes == 1
    assert np.array_equal(answers['labels'], labels.numpy())
    assert answers['finding'] == pytest.approx(finding.numpy(), abs=1e-6)
    assert finding.numpy() == pytest.approx(torch.softmax(classifier(picture)[1], 1).detach().numpy())


@pytest.mark.parametrize('network', [Finding(1, channels=2), WithRegions(Regions(), Finding(1, channels=4))])
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
