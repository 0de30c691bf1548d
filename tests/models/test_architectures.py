"""Every architecture keeps the interface and the limits of the device."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

from models.architectures import ARCHITECTURES, build  # noqa: E402
from models.deliver import count_cost  # noqa: E402


@pytest.fixture(params=sorted(ARCHITECTURES))
def network(request):
    torch.manual_seed(0)
    return build(request.param).eval()


def test_scores_have_the_pictures_size(network):
    with torch.no_grad():
        scores, finding = network(torch.rand(2, 1, 240, 320))
    assert scores.shape == (2, 8, 240, 320) and finding.shape == (2, 1)


def test_it_fits_the_device(network):
    parameters, gmac = count_cost(network, 240, 320)
    assert 4 * parameters <= 10e6
    assert gmac <= 2


def test_every_weight_learns(network):
    network.train()
    scores, finding = network(torch.rand(2, 1, 240, 320))
    (scores.square().mean() + finding.square().mean()).backward()
    assert all(p.grad is not None for p in network.parameters())
