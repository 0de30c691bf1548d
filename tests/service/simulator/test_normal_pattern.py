"""Healthy phantoms against published statistics.

Temperatures: 95 healthy frontal DMR-IR matrices. Geometry: 51 annotated ones. Spectrum, mirrored likeness and the
rest of the published table: tests/models/phantom_statistics.
"""
import numpy as np
import pytest

from service import regions

#: What makes a phantom is the same on every Python (test_identical), so that its statistics are, too.
pytestmark = pytest.mark.slow


def test_temperature_levels(healthy, region_mean):
    breast = [region_mean(p, 1, 2) for p in healthy]
    assert np.mean(breast) == pytest.approx(30.25, abs=0.6) and np.std(breast) == pytest.approx(1.2, abs=0.35)
    neck = np.nanmean([region_mean(p, 7) for p in healthy])
    assert neck == pytest.approx(31.6, abs=0.7)
    armpit = np.nanmean([region_mean(p, 5, 6) for p in healthy])
    assert armpit == pytest.approx(30.5, abs=1.0)
    nipple = np.nanmean([region_mean(p, 3, 4) for p in healthy])
    assert nipple == pytest.approx(29.5, abs=0.7)


def test_background_and_hottest_skin(healthy):
    cold = [np.percentile(p.celsius, 2) - p.planted['offset_c'] for p in healthy]
    assert np.mean(cold) == pytest.approx(21.8, abs=0.8) and np.std(cold) == pytest.approx(1.2, abs=0.5)
    warm = [p.celsius.max() - p.planted['offset_c'] for p in healthy]
    assert np.mean(warm) == pytest.approx(34.8, abs=0.8)


def test_natural_asymmetry(healthy, region_mean):
    """|left - right| of the breasts: median 0.30, upper quartile 0.54, 95th percentile 0.92 °C."""
    difference = np.abs([region_mean(p, 1) - region_mean(p, 2) for p in healthy])
    assert np.percentile(difference, 50) == pytest.approx(0.30, abs=0.09)
    # Labels that reach beyond the visible breast, as drawn, take a little of its difference away.
    assert np.percentile(difference, 75) == pytest.approx(0.54, abs=0.13)
    assert np.percentile(difference, 95) == pytest.approx(0.92, abs=0.22)


@pytest.mark.parametrize('region, area, x, y, width, height', [
    (regions.RIGHT_BREAST, 14.8, 0.324, 0.562, 0.347, 0.564),
    (regions.LEFT_BREAST, 14.6, 0.683, 0.572, 0.342, 0.566),
    (regions.RIGHT_NIPPLE, 0.66, 0.235, 0.688, 0.080, 0.106),
    (regions.LEFT_NIPPLE, 0.70, 0.769, 0.693, 0.080, 0.114),
    (regions.RIGHT_ARMPIT, 5.4, 0.186, 0.234, 0.219, 0.440),
    (regions.LEFT_ARMPIT, 5.6, 0.813, 0.251, 0.226, 0.460),
    (regions.NECK, 4.1, 0.510, 0.130, 0.317, 0.210),
])
def test_region_geometry(healthy, region, area, x, y, width, height):
    """Box centres within one published standard deviation between patients (0.03 to 0.10)."""
    raised = [p.labels == region for p in healthy if p.planted['arms'] == 'arms raised']
    boxes = np.array([_box(mask) for mask in raised if mask.any()])
    assert boxes[:, 0].mean() == pytest.approx(area, rel=0.25)
    assert boxes[:, 1:3].mean(0) == pytest.approx([x, y], abs=0.05)
    assert boxes[:, 3:].mean(0) == pytest.approx([width, height], rel=0.22)


def _box(mask):
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    return (100 * mask.mean(), (left + right) / 2.0 / width, (top + bottom) / 2.0 / height,
            (right - left) / float(width), (bottom - top) / float(height))
