"""Queue against random: both begin alike, never take a frame twice, and are compared in pairs."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.active import curve, planted  # noqa: E402
from models.active.curve import BOTH, ODD, RANDOM, TYPICAL, Plan, draw_plot, gains, kinds_of, learning_curve, markdown  # noqa: E402
from models.active.ranking import FOR_ODD  # noqa: E402
from service.regions import REGIONS  # noqa: E402
from service.simulator import Description, choose_kind, describe  # noqa: E402

TINY = Plan(seeds=range(2), pool=8, drawn=9, test=3, labels=(2, 4, 6), ways=(RANDOM, TYPICAL))


@pytest.fixture
def untrained(monkeypatch):
    """Networks are not trained, and a frame's mean stands for its latents."""
    monkeypatch.setattr(curve, 'fit', lambda network, *args, **more: network.eval())
    monkeypatch.setattr(curve, 'onnx_bytes', lambda network, recipe: b'')

    def ask(tensor):
        return np.zeros((len(REGIONS), *tensor.shape[2:]), np.float32), tensor.mean((0, 2, 3))
    monkeypatch.setattr(curve, 'asking', lambda model: ask)


def test_ways_begin_alike_and_take_as_many(untrained, tmp_path, monkeypatch):
    *_, rows = learning_curve(TINY, tmp_path / 'phantoms', tmp_path / 'out')
    assert [(row['way'], row['seed']) for row in rows] == [(RANDOM, 0), (TYPICAL, 0), (RANDOM, 1), (TYPICAL, 1)]
    for row in rows:
        assert row['labels'] == [2, 4, 6] and len(set(row['chosen'])) == 6
        assert np.shape(row['dice']) == (3, 3) and set(row['chosen']).isdisjoint(row['test'])
    assert rows[0]['chosen'][:2] == rows[1]['chosen'][:2] != rows[2]['chosen'][:2]
    monkeypatch.setattr(curve, '_repetition', lambda *args: pytest.fail('measured again'))
    assert list(learning_curve(TINY, tmp_path / 'phantoms', tmp_path / 'out'))[-1] == rows


def made_up(way, seed, gain):
    numbers = list(range(curve._TEST, curve._TEST + 8))
    odd = np.array([choose_kind(number, kinds_of(0.5)) in ODD for number in numbers])
    base = np.full(8, 0.5) + 0.01 * seed
    return {'way': way, 'seed': seed, 'labels': [8, 16], 'dice': [base.tolist(), (base + gain * odd).tolist()],
            'chosen': numbers, 'test': numbers}


def test_gains_are_over_random_in_pairs():
    rows = [made_up(way, seed, gain) for way, gain in ((RANDOM, 0.1), (BOTH, 0.3)) for seed in range(3)]
    control, queued = gains(rows)
    assert queued['rare_gain'][1]['value'] == pytest.approx(0.2) and queued['rare_gain'][0]['value'] == 0
    assert queued['rare_gain'][1]['ci95'] == pytest.approx([0.2, 0.2]), 'seeds differ, and pairs of them do not'
    assert queued['usual_gain'][1]['value'] == 0 and control['rare_rise'][1]['value'] == pytest.approx(0.1)
    text = markdown(rows, 'here')
    assert '| at random |  | 8 |' in text and 'random choice rises by 0.000' in text
    assert draw_plot(rows).startswith(b'\x89PNG')


def test_planted_frames_by_place():
    def place(seed, kind, share):
        return planted.Place(seed, kind, dict.fromkeys(FOR_ODD, share))
    text = planted.markdown([place(0, 'leaning', 0.0), place(0, 'motion', 0.05), place(1, 'leaning', 0.05),
                             place(1, 'motion', 0.1)])
    assert '| both | 75.0 % (' in text and 'Seeds 0, 1' in text and 'phantoms: 100 %, 50 % by distance.' in text
    assert '| leaning | 2 | 100 % |' in text and '| motion | 2 | 50 % |' in text


def test_odd_phantoms_are_planted_among_ordinary_ones(monkeypatch):
    monkeypatch.setattr(planted, '_HEIGHT', 60)
    monkeypatch.setattr(planted, '_WIDTH', 80)
    found = list(planted._phantoms(7200000, 3, ('left-lateral',)))
    assert [sample.facts['kind'] for sample in found] == ['frontal'] * 3 + ['left-lateral'] * 3
    assert all(describe('frontal', sample.facts['number']) == Description() for sample in found[:3])
    assert found[0].thermogram().pixels.shape == (60, 80) and not found[0].labelled
