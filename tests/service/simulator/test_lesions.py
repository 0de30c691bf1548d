"""What is planted: the tumour kernel, and that nothing else gives the label away."""
import numpy as np
import pytest

from service import regions
from service.simulator import make_phantom
from service.simulator.lesions import tumour_heat, tumour_peak_c

#: diameter mm, depth mm, peak C: finite-volume Pennes solution.
TABLE = [(5, 10, 0.04), (5, 15, 0.01), (10, 10, 0.31), (10, 15, 0.09), (10, 20, 0.03), (15, 10, 1.36),
         (15, 15, 0.26), (15, 20, 0.09), (15, 25, 0.04), (20, 15, 0.65), (20, 20, 0.21), (20, 25, 0.08),
         (20, 30, 0.03), (30, 20, 0.83), (30, 25, 0.29), (30, 30, 0.11)]


@pytest.mark.parametrize('diameter, depth, peak', TABLE)
def test_kernel_has_the_tables_peaks(diameter, depth, peak):
    assert tumour_peak_c(diameter, depth) == pytest.approx(peak, rel=0.15)


@pytest.mark.parametrize('depth, width', [(15, 26), (20, 32), (25, 36)])
def test_kernel_has_the_tables_widths(depth, width):
    distance = np.linspace(0, 80, 8001)
    heat = tumour_heat(distance, 15, depth)
    assert 2 * distance[np.argmin(np.abs(heat - heat[0] / 2))] == pytest.approx(width, rel=0.20)


def test_no_tumour_no_heat():
    assert tumour_peak_c(0, 15) == 0
    assert not tumour_heat(np.arange(50.0), 0, 15).any()


def test_deeper_is_fainter_and_larger_is_brighter():
    assert tumour_peak_c(12, 14) > tumour_peak_c(12, 18) > tumour_peak_c(12, 27)
    assert tumour_peak_c(22, 20) > tumour_peak_c(13, 20)


@pytest.mark.slow
def test_planting_changes_the_planted_breast_only():
    for seed in range(12):
        normal, planted = (make_phantom(seed, 120, 160, abnormal=a) for a in (False, True))
        assert np.array_equal(normal.labels, planted.labels)
        change = planted.celsius - normal.celsius
        sides = {item['side'] for item in planted.planted['items']}
        assert len(sides) == 1
        right, left = (np.isin(normal.labels, k) for k in ((1, 3), (2, 4)))
        hot, other = (left, right) if sides == {'left'} else (right, left)
        assert change[hot].max() > change[other].max()


def test_forcing_the_label_changes_no_draw():
    for seed in range(6):
        normal, planted = (make_phantom(seed, 60, 80, abnormal=a).planted for a in (False, True))
        for key in set(normal) - {'abnormal', 'items'}:
            assert normal[key] == planted[key]


@pytest.mark.slow
def test_both_kinds_are_as_frequent(mixed):
    assert 0.4 < np.mean([p.planted['abnormal'] for p in mixed]) < 0.6


@pytest.mark.slow
@pytest.mark.parametrize('name, measure', [
    ('mean of the picture', lambda p: p.celsius.mean()),
    ('mean of the skin', lambda p: p.celsius[p.labels > 0].mean()),
    ('background', lambda p: np.percentile(p.celsius, 2)),
    ('share of background', lambda p: (p.labels == regions.BACKGROUND).mean()),
    ('noise', lambda p: np.median(np.abs(np.diff(p.celsius[:12, :12], axis=0)))),
    ('camera offset', lambda p: p.planted['offset_c']),
    ('room', lambda p: p.planted['room_c']),
    ('marker', lambda p: float(p.planted['marker'])),
    ('zoom', lambda p: p.planted['zoom']),
    ('neck', lambda p: p.celsius[p.labels == regions.NECK].mean()),
])
def test_the_label_does_not_leak(mixed, name, measure):
    """AUC near 0.5; its standard error is 0.04 for 100 against 100."""
    values = np.array([measure(p) for p in mixed])
    abnormal = np.array([p.planted['abnormal'] for p in mixed])
    assert 0.37 < _auc(values[abnormal], values[~abnormal]) < 0.63, name


@pytest.mark.slow
def test_the_pattern_itself_tells(mixed, region_mean):
    """Else the leak test would pass on phantoms in which nothing is planted."""
    difference = np.abs([region_mean(p, 1) - region_mean(p, 2) for p in mixed])
    abnormal = np.array([p.planted['abnormal'] for p in mixed])
    assert _auc(difference[abnormal], difference[~abnormal]) > 0.58


def _auc(high, low):
    return np.mean((high[:, None] > low) + 0.5 * (high[:, None] == low))
