"""The map of rewarming against series in which one place is slow, and in which the patient moves."""
import cv2
import numpy as np
import pytest

from service.reading import MET, NOT_ASSESSABLE, NOT_MET, SLOW, Timed, map_rewarming, rewarming
from service.reading.grid import make_grid

from ...fakes import frames

TIMES = [15.0 * number for number in range(12)]
HEIGHT, WIDTH, MM = 120, 160, 3.0
#: Column and row of a place of the left breast, away from its edge.
SLOW_AT = (115, 72)


def moved(celsius, x, y):
    return cv2.warpAffine(celsius, np.array([[1, 0, x], [0, 1, y]], np.float64), (WIDTH, HEIGHT),
                          borderMode=cv2.BORDER_REPLICATE)


def cooled(slower=1.0, at=SLOW_AT, way=(0, 0), cooling_c=3.0, times=TIMES, mm_per_px=MM):
    """The grid of the picture from before, and pictures after it; `way` is how far she moves from one to the next."""
    before = frames.torso(HEIGHT, WIDTH).astype(np.float32)
    rows, columns = np.indices(before.shape)
    near = np.exp(-0.5 * ((columns - at[0]) ** 2 + (rows - at[1]) ** 2) / 5.0 ** 2)
    tau_s = 100.0 * slower ** near
    random = np.random.RandomState(1)
    after = [Timed(time_s, moved((before - cooling_c * (before > 25) * np.exp(-time_s / tau_s)
                                  + random.normal(0, 0.05, before.shape)).astype(np.float32),
                                 *(number * step for step in way))) for number, time_s in enumerate(times)]
    return make_grid(before, frames.labels(HEIGHT, WIDTH), 25.0, mm_per_px), after


@pytest.mark.parametrize('way', [(0, 0), (0.4, -0.3)])
def test_a_slow_place_is_found_where_it_is_whether_she_moves_or_not(way):
    found = map_rewarming(*cooled(slower=2.0, way=way))
    first, other = found.spots
    assert found.state == MET and first.region == 'left_breast' and other.region == 'right_breast'
    assert np.hypot(first.x_px - SLOW_AT[0], first.y_px - SLOW_AT[1]) < 4
    assert 1.6 < first.value < 2.1 and other.value < 1.15 and found.pictures == len(TIMES)
    assert found.moved_mm == pytest.approx(11 * MM * np.hypot(*way), abs=1.0)
    assert found.sentence.startswith('Slowest place of the left breast: %.2f times' % first.value)
    assert found.slower[SLOW_AT[1], SLOW_AT[0]] == pytest.approx(first.value, abs=0.2)
    told = np.isfinite(found.slower)
    assert not told[frames.labels(HEIGHT, WIDTH) == 0].any() and 0.9 < np.nanmedian(found.slower) < 1.1


def test_a_large_frame_is_fitted_in_parts(monkeypatch):
    before, after = cooled(slower=2.0)
    whole = map_rewarming(before, after)
    monkeypatch.setattr(rewarming, '_AT_ONCE', 100)
    np.testing.assert_allclose(map_rewarming(before, after).slower, whole.slower, rtol=1e-6)


def test_even_skin_is_below_the_limit():
    found = map_rewarming(*cooled())
    assert found.state == NOT_MET and found.spots[0].value < SLOW
    assert found.sentence.endswith('that breast, not above the limit of 1.25.')
    values = found.to_dict()
    assert values['slowest'][0]['times'] == round(found.spots[0].value, 3) and values['threshold'] == SLOW


def test_nothing_is_called_even_where_a_breast_is_not_told():
    before, after = cooled()
    before.labels[before.labels == 1] = 0
    before.labels[before.labels == 3] = 0
    found = map_rewarming(before, after)
    assert found.state == NOT_ASSESSABLE and [spot.region for spot in found.spots] == ['left_breast']
    assert found.to_dict()['refusals'] == [
        {'region': 'right_breast', 'sentence': 'It is not seen, or too small in the picture.'}]


@pytest.mark.parametrize('change, sentence', [
    ({'mm_per_px': float('nan')}, 'Resolution insufficient'),
    ({'mm_per_px': 9.0}, 'Resolution insufficient'),
    ({'times': TIMES[:5]}, 'A map of rewarming needs at least 6 usable pictures'),
    ({'way': (6.0, 0)}, 'A map of rewarming needs at least 6 usable pictures from after the cooling'),
    ({'cooling_c': 0.0}, 'The region warmed by no more than its noise'),
    ({'times': TIMES[::-1]}, 'A recovery needs at least 6 pictures'),
    ({'mm_per_px': 0.2}, 'It is not seen, or too small in the picture.'),
])
def test_what_cannot_be_told_is_refused(change, sentence):
    found = map_rewarming(*cooled(**change))
    assert found.state == NOT_ASSESSABLE and found.sentence.startswith(sentence)
    assert found.slower is None and found.to_dict()['slowest'] == []
