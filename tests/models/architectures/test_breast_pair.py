"""The finding head that compares both breasts: where it cuts, and that sides are mirror images."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.architectures.base import count_cost  # noqa: E402
from models.architectures.breast_pair import SAMPLES, BreastPair, either  # noqa: E402
from service import regions  # noqa: E402

_HEIGHT, _WIDTH = 48, 64


def _head():
    torch.manual_seed(0)
    return BreastPair((4, 4, 4)).eval()


def _scores():
    """Region logits of a right breast around row 24, column 18, and a left one around row 28, column 46."""
    scores = torch.zeros(1, len(regions.REGIONS), _HEIGHT // 4, _WIDTH // 4)
    scores[:, regions.BACKGROUND] = 10
    scores[:, regions.RIGHT_BREAST, 4:8, 2:7] = 20
    scores[:, regions.LEFT_BREAST, 5:9, 9:14] = 20
    return scores


def test_a_cut_is_centred_on_its_breast_and_the_left_one_is_mirrored():
    row = torch.arange(_HEIGHT).view(1, 1, -1, 1).expand(1, 1, _HEIGHT, _WIDTH) + 0.5
    column = torch.arange(_WIDTH).view(1, 1, 1, -1).expand(1, 1, _HEIGHT, _WIDTH) + 0.5
    shares = torch.softmax(_scores(), 1)
    rows, columns = _head().cut(row, shares)[0], _head().cut(column, shares)[0]
    assert rows.mean((1, 2)).tolist() == pytest.approx([24, 28], abs=0.1)
    assert columns.mean((1, 2)).tolist() == pytest.approx([18, 46], abs=0.1)
    assert (columns[0].diff(dim=1) > 0).all() and (columns[1].diff(dim=1) < 0).all()
    # A region that is evenly filled has its edge at the square root of 3 deviations.
    assert float(columns[0].max() - columns[0].min()) == pytest.approx(20 / 12 ** 0.5 * 5.2, rel=0.05)


def test_a_mirrored_picture_swaps_the_sides():
    picture, scores = torch.rand(1, 1, _HEIGHT, _WIDTH), _scores()
    picture[..., :_WIDTH // 2] += 2
    mirrored = scores.flip(3)[:, torch.tensor(regions.FLIPPED.tolist())]
    right, left = _head()(picture, scores)[0].tolist()
    assert abs(right - left) > 0.002
    assert _head()(picture.flip(3), mirrored)[0].tolist() == pytest.approx([left, right], abs=2e-4)


def test_it_leaves_the_regions_alone_and_stands_their_absence():
    scores = _scores().requires_grad_()
    head = _head()
    head(torch.rand(1, 1, _HEIGHT, _WIDTH), scores).sum().backward()
    assert scores.grad is None and head.place.grad is not None
    assert torch.isfinite(head(torch.rand(1, 1, _HEIGHT, _WIDTH), torch.zeros(1, 8, 12, 16))).all()


def test_either_adds_odds():
    logits = torch.tensor([[0.3, -1.2], [900.0, 2.0], [-900.0, -900.0]])
    torch.testing.assert_close(either(logits), torch.logsumexp(logits, 1, keepdim=True))


def test_its_cost():
    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = BreastPair()

        def forward(self, picture):
            return either(self.head(picture, picture.new_zeros(1, 8, 60, 80)))

    with torch.device('meta'):
        network = Whole()
    parameters, giga = count_cost(network, 240, 320)
    assert parameters < 60_000 and giga < 0.03, '%d samples each way' % SAMPLES
