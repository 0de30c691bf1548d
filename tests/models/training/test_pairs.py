"""Training of the finding head on cuts: what is planted, and what the head sees."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.architectures.breast_pair import SAMPLES, BreastPair  # noqa: E402
from models.training.pairs import Pairs, Patterns, cut_pairs, draw_patterns, plant, train_pairs  # noqa: E402
from service.chains import get_chain  # noqa: E402
from service.simulator import make_phantom  # noqa: E402
from service.thermogram import Thermogram  # noqa: E402

_HEIGHT, _WIDTH = 60, 80


def _head():
    torch.manual_seed(0)
    return BreastPair((4, 4, 4))


def _patterns(rise_c):
    return Patterns(np.full((1, SAMPLES, SAMPLES), rise_c, np.float32), np.array(['diffuse']), np.array([rise_c]),
                    np.zeros(1))


def test_cuts_are_seen_as_the_chain_shows_the_frame():
    phantom = make_phantom(3, _HEIGHT, _WIDTH, False)
    chain = get_chain('plateau-1', {'height': _HEIGHT, 'width': _WIDTH})
    pairs = cut_pairs([(phantom.celsius, phantom.labels)], _head(), chain)
    seen = pairs.pictures(np.array([0]), pairs.celsius)
    picture = chain.apply(Thermogram.from_celsius(phantom.celsius, 'phantom')).tensor[0, 0]
    expected = cut_pairs([(picture, phantom.labels)], _head()).celsius
    inner = np.s_[:, :, SAMPLES // 4:-SAMPLES // 4, SAMPLES // 4:-SAMPLES // 4]
    assert np.abs(seen - expected)[inner].mean() < 0.01
    assert np.corrcoef(seen[inner].ravel(), expected[inner].ravel())[0, 1] > 0.99


def test_errors_of_place_move_the_cut():
    phantom = make_phantom(3, _HEIGHT, _WIDTH, False)
    frames = [(phantom.celsius, phantom.labels)]
    exact, first, second = (cut_pairs(frames, _head(), seed=seed).celsius for seed in (None, 1, 1))
    assert (first == second).all() and np.abs(first - exact).max() > 0.05


def test_drawn_patterns_are_those_of_abnormal_phantoms():
    patterns = draw_patterns(_head(), 11, 3, _HEIGHT, _WIDTH)
    for index, seed in enumerate(range(11, 14)):
        items = make_phantom(seed, _HEIGHT, _WIDTH, True).planted['items']
        kinds = sorted({item['kind'] for item in items} - {'tumour'})
        assert patterns.kinds[index] == ('+'.join(kinds) or 'tumour only')
        assert (patterns.celsius[index] >= 0).all()
        if kinds:
            assert patterns.celsius[index].max() > 0.4


def test_one_breast_of_each_body_gets_a_pattern():
    pairs = Pairs(np.zeros((3, 2, SAMPLES, SAMPLES), np.float32))
    planted = plant(pairs, _patterns(2.0), np.array([0, 2]), np.array([0, 0]), np.array([1, 0]))
    assert planted[:, :, 0, 0].tolist() == [[0, 2], [2, 0]]
    assert not pairs.celsius.any()


def test_training_tells_side_and_absence():
    rng = np.random.default_rng(0)
    pairs = Pairs(30 + 0.1 * rng.standard_normal((8, 2, SAMPLES, SAMPLES)).astype(np.float32))
    head = train_pairs(_head(), pairs, _patterns(3.0), steps=40, batch=8, rate=0.02)
    body, first = np.arange(8), np.zeros(8, int)
    with torch.no_grad():
        right, left, none = (head.compare(torch.from_numpy(pairs.pictures(body, celsius))).numpy() for celsius in (
            plant(pairs, _patterns(3.0), body, first, first), plant(pairs, _patterns(3.0), body, first, first + 1),
            pairs.celsius))
    assert (right[:, 0] > 0).all() and (right[:, 1] < 0).all()
    assert (left[:, 1] > 0).all() and (left[:, 0] < 0).all()
    assert (none < 0).all()
