"""Segmenters: grey and heat maps, sizes that do not divide, gates."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

from models.architectures import build  # noqa: E402
from models.architectures.base import IMAGENET_MEAN, IMAGENET_STD, ImagenetInput, pad_to  # noqa: E402
from models.architectures.unet import AttentionGate, AttentionUnet, Unet, match  # noqa: E402  # noqa: E402

LIBRARY = ('unet_resnet34', 'segformer_b0', 'deeplabv3plus_mobilenetv2')


@pytest.mark.parametrize('name', LIBRARY)
def test_grey_is_three_equal_channels(name):
    network = build(name).eval()
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(network(grey).regions, network(grey.repeat(1, 3, 1, 1)).regions, atol=1e-5)


@pytest.mark.parametrize('name', LIBRARY + ('unet_lite', 'attention_unet'))
def test_odd_sizes_keep_their_size(name):
    network = build(name, classes=3).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 1, 45, 67)).regions.shape == (1, 3, 45, 67)


def test_normalisation_is_imagenets():
    grey = torch.full((1, 1, 2, 2), 0.5)
    want = [(0.5 - mean) / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD)]
    assert torch.allclose(ImagenetInput()(grey)[0, :, 0, 0], torch.tensor(want))
    assert not ImagenetInput().state_dict()


def test_padding_is_black_at_right_and_bottom():
    padded = pad_to(torch.ones(1, 1, 5, 16), 8)
    assert padded.shape == (1, 1, 8, 16)
    assert (padded[:, :, :5] == 1).all() and (padded[:, :, 5:] == 0).all()
    assert pad_to(padded, 8) is padded


def test_what_halving_lost_is_repeated():
    small, like = torch.rand(1, 2, 4, 6), torch.empty(1, 2, 5, 7)
    grown = match(small, like)
    assert grown.shape == like.shape
    assert torch.equal(grown[:, :, 4, :6], small[:, :, 3])
    assert torch.equal(grown[:, :, :4, 6], small[:, :, :, 5])


def test_the_two_ways_to_enlarge_are_the_known_networks():
    # Counts of the classic U-Net with three inputs and one output, either way.
    for widths, bilinear, want in (((64, 128, 256, 512, 1024), False, 31_037_633),
                                   ((64, 128, 256, 512, 512), True, 17_262_977)):
        assert sum(p.numel() for p in Unet(3, 1, widths, bilinear).parameters()) == want


def test_a_gate_weighs_every_pixel_of_the_skip():
    torch.manual_seed(0)
    gate = AttentionGate(8, 16)
    weights = gate(10 * torch.randn(2, 8, 12, 20), 10 * torch.randn(2, 16, 6, 10))
    assert weights.shape == (2, 1, 12, 20)
    assert 0 < weights.min() < 0.5 < weights.max() < 1


def test_gates_open_and_close_the_skips():
    torch.manual_seed(0)
    network = AttentionUnet(classes=2, widths=(8, 16, 32)).eval()
    maps = []
    for gate in network.gates:
        gate.register_forward_hook(lambda module, inputs, weights: maps.append(weights))
    picture = torch.rand(1, 1, 32, 48)
    with torch.no_grad():
        before = network(picture).regions
        assert [tuple(weights.shape) for weights in maps] == [(1, 1, 16, 24), (1, 1, 32, 48)]
        assert all(0 < weights.min() and weights.max() < 1 for weights in maps)
        for gate in network.gates:
            gate.judge[1].bias.fill_(-100)
        maps.clear()
        closed = network(picture).regions
        assert max(float(weights.max()) for weights in maps) < 1e-20
    assert not torch.allclose(before, closed)
