"""The figures of a benchmark, by their pixels."""
import cv2
import numpy as np
import pytest

from jetson.bench.figures import WIDTH, Axes, Canvas, draw, log_ticks, round_ticks


def _decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_pictures_show_both_runs(sound):
    pictures = {name: _decoded(data) for name, data in draw(sound).items()}
    assert set(pictures) == {'histogram.png', 'stages.png', 'time.png'}
    blue, orange = (178, 114, 0), (0, 159, 230)
    for name in ('histogram.png', 'time.png'):
        assert pictures[name].shape[1] == WIDTH
        for colour in (blue, orange):
            assert (pictures[name] == colour).all(axis=2).sum() > 20, name
    assert not (pictures['stages.png'] == 255).all()


def test_stage_bars_are_as_long_as_their_times(sound):
    picture = _decoded(draw(sound)['stages.png'])
    infer = (picture == (167, 121, 204)).all(axis=2)
    whole = picture[130, 71:]
    assert infer[120].sum() / float((whole != 255).any(axis=1).sum()) > 0.3
    assert abs(infer[115].sum() - infer[185].sum()) <= 3, '20 ms in both runs'


def test_a_bad_verdict_is_red_in_every_picture(sound):
    red = [(_decoded(data) == (30, 30, 200)).all(axis=2).sum() for data in draw(sound).values()]
    assert red == [0, 0, 0]
    sound['verdict'] = {'valid': False, 'reasons': [{'code': 'drift', 'sentence': 'x'}], 'remarks': []}
    assert all((_decoded(data) == (30, 30, 200)).all(axis=2).sum() > 10 for data in draw(sound).values())


def test_pictures_of_one_run_and_of_no_telemetry(sound):
    sound.update(runs=sound['runs'][:1], telemetry=[])
    assert all(_decoded(data).shape[1] == WIDTH for data in draw(sound).values())


def test_position_on_the_axes():
    axes = Axes(Canvas(100, 100), (10, 10, 90, 90), (1, 100), (0, 4), log_x=True)
    assert axes.place(10, 1) == (pytest.approx(50), pytest.approx(70))


@pytest.mark.parametrize('low, high, ticks', [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 0.4, [0, 0.05, 0.1, 0.15, 0.2, 0.25,
                                                                                    0.3, 0.35, 0.4]),
                                              (243, 804, [300, 400, 500, 600, 700, 800]), (5, 5, [5])])
def test_round_ticks(low, high, ticks):
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_log_ticks():
    assert log_ticks(0.9, 120) == [1, 2, 5, 10, 20, 50, 100] and log_ticks(41, 43) == round_ticks(41, 43)
