"""Region statistics are those that numpy would give."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.analysis import boxes, percentile, region_statistics
from service.regions import LEFT_BREAST, NECK, RIGHT_NIPPLE
from tests.fakes import frames

PIXELS = frames.torso().astype(np.float32)
LABELS = frames.labels()


def test_every_region_is_measured_on_its_own_pixels():
    found = region_statistics(PIXELS, frames.decoded(LABELS), 26)
    assert [entry.region for entry in found] == list(range(1, 8))
    for entry in found:
        values = PIXELS[LABELS == entry.region].astype(np.float64)
        assert entry.n == values.size
        assert entry.mean == pytest.approx(values.mean(), abs=1e-5)
        assert entry.sd == pytest.approx(values.std(), abs=1e-5)
        assert entry.p95 == pytest.approx(np.percentile(values, 95), abs=1e-5)
        assert entry.max == pytest.approx(values.max(), abs=1e-5)
        assert entry.confidence == pytest.approx(0.75)


def test_the_neck_is_the_reference():
    by_id = {entry.region: entry for entry in region_statistics(PIXELS, frames.decoded(LABELS), 26)}
    assert by_id[NECK].neck_difference is None
    assert by_id[LEFT_BREAST].neck_difference == pytest.approx(-1.4, abs=0.02)
    without = region_statistics(PIXELS, frames.decoded(np.where(LABELS == NECK, 0, LABELS).astype(np.uint8)), 26)
    assert all(entry.neck_difference is None for entry in without)


def test_what_is_colder_than_skin_is_left_out():
    pixels = PIXELS.copy()
    rows, columns = np.nonzero(LABELS == LEFT_BREAST)
    pixels[rows[:500], columns[:500]] = 15
    entry = next(e for e in region_statistics(pixels, frames.decoded(LABELS), 26) if e.region == LEFT_BREAST)
    assert entry.n == len(rows) - 500 and entry.mean > 30


def test_a_region_without_skin_is_not_there():
    pixels = np.where(LABELS == RIGHT_NIPPLE, np.float32(10), PIXELS)
    assert RIGHT_NIPPLE not in [e.region for e in region_statistics(pixels, frames.decoded(LABELS), 26)]


def test_boxes_are_tight():
    for region, (rows, columns) in boxes(LABELS).items():
        mask = LABELS == region
        assert mask[rows, columns].sum() == mask.sum()
        assert mask[rows.start].any() and mask[:, columns.stop - 1].any()
    assert boxes(np.zeros((5, 5), np.uint8)) == {}


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-50, 100, width=32)), st.integers(0, 100))
def test_the_percentile_is_numpy_s(values, percent):
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values.astype(np.float64), percent)),
                                                        abs=1e-4)
