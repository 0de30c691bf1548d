"""Whole-picture classifiers: classes, mask channel, input of any size."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('torchvision', reason='the training extra is not installed')

from models.architectures import build  # noqa: E402
from service.messages import InputError  # noqa: E402
from tests.models.architectures.settle import settle  # noqa: E402

NAMES = ('resnet18', 'resnet50', 'googlenet')


@pytest.mark.parametrize('name', NAMES)
def test_one_logit_a_class_from_grey_or_heat_map(name):
    network = build(name, findings=3).eval()
    grey = torch.rand(1, 1, 48, 64)
    with torch.no_grad():
        scores = network(grey)
        assert scores.regions is None and scores.finding.shape == (1, 3)
        assert torch.allclose(scores.finding, network(grey.repeat(1, 3, 1, 1)).finding, atol=1e-5)


@pytest.mark.parametrize('name', NAMES)
def test_the_mask_is_a_channel_of_its_own(name):
    torch.manual_seed(0)
    network = settle(build(name, mask_channel=True), torch.rand(2, 2, 48, 64))
    assert network.needs_mask and not build('resnet18').needs_mask
    grey, mask = torch.rand(1, 1, 48, 64), torch.zeros(1, 1, 48, 64)
    mask[:, :, 10:20, 20:40] = 1
    with torch.no_grad():
        with_mask = network(torch.cat([grey, mask], 1)).finding
        heat = network(torch.cat([grey, grey, grey, mask], 1)).finding
        without = network(torch.cat([grey, 0 * mask], 1)).finding
    assert torch.allclose(with_mask, heat, atol=1e-4)
    assert not torch.allclose(with_mask, without, atol=1e-3)


def test_a_picture_without_its_mask_is_refused():
    with pytest.raises(InputError) as caught:
        build('resnet18', mask_channel=True)(torch.rand(1, 3, 48, 64))
    assert caught.value.code == 'input-channels'


def test_an_empty_mask_changes_nothing_of_the_picture_path():
    torch.manual_seed(0)
    plain = build('resnet18').eval()
    masked = build('resnet18', mask_channel=True).eval()
    weights = plain.state_dict()
    first = 'backbone.conv1.weight'
    mask_filter = masked.state_dict()[first][:, 3:]
    masked.load_state_dict({**weights, first: torch.cat([weights[first], mask_filter], 1)})
    picture = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        answer = masked(torch.cat([picture, torch.zeros(1, 1, 48, 64)], 1)).finding
        assert torch.allclose(answer, plain(picture).finding, atol=1e-5)
