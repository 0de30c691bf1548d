"""The bound of the finding: likelihood ratios that are known, groups of patterns, and a table of few phantoms."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.architectures.breast_pair import SAMPLES  # noqa: E402
from models.finding_bound import COARSE, GROUPS, Whitened, area, bound, gaussian, interval, markdown  # noqa: E402
from models.training.pairs import Patterns  # noqa: E402

_PART = SAMPLES // COARSE


def _bodies(count, seed):
    """Pairs of breasts of white noise, 2 °C in every one of the 16x16 coarse samples."""
    coarse = 2 * np.random.default_rng(seed).standard_normal((count, 2, COARSE, COARSE))
    return 30 + coarse.repeat(_PART, 2).repeat(_PART, 3).astype(np.float32)


def _heat(rise_c):
    heat = np.zeros((1, 2, SAMPLES, SAMPLES), np.float32)
    heat[0, 0, 4 * _PART:8 * _PART, 4 * _PART:8 * _PART] = rise_c
    return heat


def test_a_pattern_in_white_noise_is_told_as_theory_says():
    whitened = Whitened(_bodies(2000, 1))
    bodies = _bodies(800, 2)
    heat = whitened(_heat(1.0), heat=True)
    healthy, planted = (gaussian(whitened, whitened(values), heat) for values in (bodies, bodies + _heat(1.0)))
    # 16 samples of 1 °C in noise of 2 °C: d' is 2, and the AUC the normal distribution's value at 2 over the root of 2.
    assert area(healthy, planted) == pytest.approx(0.921, abs=0.03)
    low, high = interval(healthy, planted, 50)
    assert low < area(healthy, planted) < high


def test_what_does_not_help_is_not_seen():
    whitened = Whitened(_bodies(600, 1))
    bodies = whitened(_bodies(300, 2))
    scores = gaussian(whitened, bodies, whitened(_heat(0.0), heat=True))
    assert area(scores, scores) == 0.5 and not np.abs(scores).max() > 1e-9


def test_groups_part_the_patterns():
    kinds = np.array(['focal', 'focal', 'focal', 'tumour only', 'diffuse', 'vascular'])
    patterns = Patterns(np.zeros((6, SAMPLES, SAMPLES), np.float32), kinds, np.array([1.2, 1.5, 3.0, 0, 1, 2]),
                        np.array([20, 20, 40, 0, 0, 0]))
    chosen = {group.name: np.flatnonzero(group.chosen(patterns)).tolist() for group in GROUPS}
    assert chosen['a single warm patch'] == [0, 1, 2]
    assert chosen['a single warm patch of 1.5 °C or more'] == [1, 2]
    assert chosen['the same, 35 mm or more'] == [2]
    assert chosen["a tumour's own heat"] == [3]


def test_the_table_of_few_phantoms():
    rows = bound(8, 6, 1, height=45, width=60)
    assert rows and all(0 <= low <= high <= 1 for row in rows for _, low, high in (row['learned'], row['told']))
    assert len(markdown(rows).splitlines()) == len(rows) + 2
