"""Statistics are those that NumPy would give; left is compared with right; the result is put into sentences."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service import analysis
from service.analysis import (
    NO_FINDING,
    compared,
    describe,
    find_breasts,
    hottest_spots,
    mirrored_difference,
    pair_differences,
    percentile,
    region_statistics,
)
from service.body import find_body
from service.regions import FLIPPED, LEFT_BREAST, NECK, RIGHT_BREAST, RIGHT_NIPPLE
from service.result import Finding
from service.thermogram import Thermogram
from tests.fakes import frames

PIXELS = frames.torso().astype(np.float32)
LABELS = frames.labels()


def test_every_region_is_measured_on_its_own_pixels():
    found = region_statistics(PIXELS, frames.prediction(LABELS), 26)
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
    by_id = {entry.region: entry for entry in region_statistics(PIXELS, frames.prediction(LABELS), 26)}
    assert by_id[NECK].neck_difference is None
    assert by_id[LEFT_BREAST].neck_difference == pytest.approx(-1.4, abs=0.02)
    without = region_statistics(PIXELS, frames.prediction(np.where(LABELS == NECK, 0, LABELS).astype(np.uint8)), 26)
    assert all(entry.neck_difference is None for entry in without)


def test_what_is_colder_than_skin_is_left_out():
    pixels = PIXELS.copy()
    rows, columns = np.nonzero(LABELS == LEFT_BREAST)
    pixels[rows[:500], columns[:500]] = 15
    entry = next(e for e in region_statistics(pixels, frames.prediction(LABELS), 26) if e.region == LEFT_BREAST)
    assert entry.n == len(rows) - 500 and entry.mean > 30


def test_a_region_without_skin_is_not_there():
    pixels = np.where(LABELS == RIGHT_NIPPLE, np.float32(10), PIXELS)
    assert RIGHT_NIPPLE not in [e.region for e in region_statistics(pixels, frames.prediction(LABELS), 26)]


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-50, 100, width=32)), st.integers(0, 100))
def test_the_percentile_is_numpy_s(values, percent):
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values.astype(np.float64), percent)),
                                                        abs=1e-4)
    guess = 2 * percent - 75
    assert analysis._p95(values, guess) == pytest.approx(percentile(values, 95), abs=1e-4)


def differences(celsius, labels=LABELS, is_celsius=True, threshold_c=1.0):
    regions = region_statistics(celsius.astype(np.float32), frames.prediction(labels.astype(np.uint8)), 26)
    return {entry.pair: entry for entry in pair_differences(regions, is_celsius, threshold_c)}


def difference_map(celsius, labels=LABELS):
    body = find_body(Thermogram.from_celsius(celsius, source='x'))
    breasts = find_breasts(labels, body)
    return mirrored_difference(body, breasts), breasts.labels


def test_a_warmer_left_is_positive():
    found = differences(frames.torso())
    assert list(found) == ['breast', 'nipple', 'armpit']
    assert found['breast'].mean == pytest.approx(0.6, abs=0.01) and found['breast'].exceeds is False
    assert differences(frames.torso(), threshold_c=0.5)['breast'].exceeds is True


def test_flipping_the_patient_turns_the_sign():
    celsius = frames.torso()
    straight, flipped = differences(celsius), differences(celsius[:, ::-1], FLIPPED[LABELS[:, ::-1]])
    for pair in straight:
        assert flipped[pair].mean == pytest.approx(-straight[pair].mean, abs=1e-4)


def test_grey_levels_are_never_compared_with_degrees():
    found = differences(frames.torso() * 10, is_celsius=False)
    assert all(entry.exceeds is None for entry in found.values())


def test_a_pair_with_one_side_missing_has_no_difference():
    found = differences(frames.torso(), np.where(LABELS == LEFT_BREAST, 0, LABELS))
    assert 'breast' not in found and 'nipple' in found


def test_the_mirrored_map_of_a_symmetric_chest_is_flat():
    celsius = frames.torso(noise_c=0.0)
    celsius[LABELS == LEFT_BREAST] = celsius[LABELS == RIGHT_BREAST][0]
    mapped, breasts = difference_map(celsius)
    assert np.nanmedian(np.abs(mapped)) < 0.01
    assert not np.isfinite(mapped[breasts == 0]).any()


def test_a_hot_spot_shows_on_its_side_and_as_cold_on_the_other():
    celsius = frames.torso(noise_c=0.0)
    y, x = np.mgrid[0:240, 0:320]
    celsius += 2 * np.exp(-((x - 217) ** 2 + (y - 120) ** 2) / (2 * 8.0 ** 2))
    mapped, breasts = difference_map(celsius)
    assert np.nanmax(np.where(breasts == LEFT_BREAST, mapped, np.nan)) == pytest.approx(2.5, abs=0.4)
    assert np.nanmin(np.where(breasts == RIGHT_BREAST, mapped, np.nan)) == pytest.approx(-2.5, abs=0.4)


def test_a_breast_on_the_wall_is_no_breast():
    body = find_body(Thermogram.from_celsius(frames.torso(), source='x'))
    assert not find_breasts(np.where(frames.labels() == 0, LEFT_BREAST, 0).astype(np.uint8), body).labels[:, :5].any()


def test_the_hottest_spot_is_where_it_was_put_and_a_dead_pixel_is_not():
    celsius = frames.torso(480, 640, noise_c=0.0)
    y, x = np.mgrid[0:480, 0:640]
    celsius += 2 * np.exp(-((x - 200) ** 2 + (y - 300) ** 2) / (2 * 12.0 ** 2))
    celsius[320, 225] += 6
    body = find_body(Thermogram.from_celsius(celsius, source='x'))
    breasts = find_breasts(frames.labels(480, 640), body)
    spot = next(s for s in hottest_spots(body, breasts, celsius.shape) if s.region == RIGHT_BREAST)
    assert abs(spot.x_px - 200) <= 6 and abs(spot.y_px - 300) <= 6
    assert spot.value == pytest.approx(32, abs=0.15)


@pytest.mark.parametrize('change, sentence', [
    (30.94, 'Left breast 0.9 °C warmer than right. Not above the 1.0 °C threshold.'),
    (28.5, 'Right breast 1.5 °C warmer than left. Above the 1.0 °C threshold.'),
    (31.03, 'Left breast 1.03 °C warmer than right. Above the 1.0 °C threshold.'),
    (30.0, 'Left and right breast are equally warm to 0.1 °C. Not above the 1.0 °C threshold.'),
])
def test_the_words(change, sentence):
    celsius = frames.torso(noise_c=0.0)
    celsius[LABELS == LEFT_BREAST] = change
    found = differences(celsius)
    assert describe(tuple(found.values()), None, True)[0] == sentence


def test_the_finding_comes_last_and_without_a_number():
    words = describe((), Finding('abnormal left-right heat pattern', 0.7, 0.5, ''), True)
    assert words == ('Heat pattern: reaches threshold.',)


@pytest.mark.parametrize('left_c, probability, told', [
    (30.2, 0.7, True), (32.0, 0.2, True), (30.2, 0.2, False), (32.0, 0.7, False), (None, 0.7, False)])
def test_rule_and_finding_that_differ_are_called_two_tests(left_c, probability, told):
    celsius = frames.torso(noise_c=0.0)
    celsius[LABELS == LEFT_BREAST] = left_c or 30.0
    found = tuple(differences(celsius).values()) if left_c else ()
    finding = compared(Finding('abnormal left-right heat pattern', probability, 0.5, ''), found)
    words = describe(found, finding, True)
    assert any('1.0 °C rule is another test. They differ.' in sentence for sentence in words) == told
    assert words[-1] == finding.sentence and not any('bnormal' in sentence for sentence in words)


def test_a_model_without_a_finding_says_so_last():
    words = describe(tuple(differences(frames.torso()).values()), None, True)
    assert len(words) == 4 and words[-1] == NO_FINDING
    assert 'gives regions and differences but no finding' in NO_FINDING


def test_grey_levels_are_called_grey_levels():
    words = describe(tuple(differences(frames.torso() * 10, is_celsius=False).values()), None, False)
    assert 'grey levels' in words[0] and 'no temperatures' in words[-2]
    assert not any('°C' in sentence for sentence in words)
