"""What a person sees: the table and the pictures."""
import cv2
import numpy as np
import pytest

from jetson.bench.canvas import Axes, Canvas, log_ticks, round_ticks
from jetson.bench.plots import WIDTH, draw
from jetson.bench.tables import milliseconds, table
from jetson.bench.words import report
from service.result import ADJUNCT_NOTICE


def row(page, name):
    """Cells of the first table row that begins with a name."""
    line = next(line for line in page.splitlines() if line.startswith('| %s ' % name))
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_every_figure_is_in_its_column(sound):
    page = report(sound)
    closed = sound['runs'][0]
    assert row(page, 'infer') == ['infer'] + ['20.0'] * 6 + ['0.0 %', '50.0 %', str(closed['n'])]
    assert row(page, 'end to end')[1:3] == ['40.0', '40.0'] and row(page, 'copy in')[1] == '1.00'
    assert 'account for 100.00 % of the frames' in page and 'p90 **40.0 ms**' in page
    assert '**Verdict: valid.**' in page and page.endswith(ADJUNCT_NOTICE + '\n')
    assert 'not an MLPerf result' in page


def test_stages_stand_in_the_order_of_a_frame_after_a_file_too(sound):
    sound['runs'][0]['stages'] = dict(sorted(sound['runs'][0]['stages'].items()))
    lines = [line.split()[1] for line in report(sound).splitlines() if line.startswith('| ')]
    assert lines.index('quality') < lines.index('infer') < lines.index('analyse') < lines.index('encode')


def test_what_answers_wrongly_is_failed_and_shows_no_time(sound):
    page = report(sound)
    proven, fallen = row(page, 'tensorrt:fp16'), row(page, 'onnxruntime-cpu:int8-qdq')
    assert proven[1:] == ['proven', '20.0', '22.0', '3', '0.9990', '-0.0010', '1.50']
    assert fallen[1].startswith('FAILED: Only 0.4000') and fallen[2:4] == ['-', '-'], 'a wrong answer is not fast'
    assert row(page, 'tensorrt:int8')[1] == 'FAILED: It answers otherwise. [golden-mismatch]'
    assert '- not here: onnxruntime-cuda:fp32. Built without it.' in page


def test_the_first_lines_say_whose_figures_and_whether_they_count(sound):
    sound['verdict'] = {'valid': False, 'reasons': [{'code': 'drift', 'sentence': 'It drifts.'}], 'remarks': []}
    head = report(sound)[:900]
    assert sound['environment']['machine'] in head and 'not valid' in head and '- It drifts. [drift]' in head


def test_what_is_not_measured_is_named(sound):
    for reading in sound['telemetry']:
        for name in ('power_mw', 'hottest_c', 'cpu_clocks'):
            reading.pop(name, None)
    page = report(sound)
    assert 'Not measured on this machine: temperatures, power rails, processor clocks.' in page


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


def test_the_bars_of_the_stages_have_the_lengths_of_their_times(sound):
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


def test_a_place_on_the_axes():
    axes = Axes(Canvas(100, 100), (10, 10, 90, 90), (1, 100), (0, 4), log_x=True)
    assert axes.place(10, 1) == (pytest.approx(50), pytest.approx(70))


@pytest.mark.parametrize('low, high, ticks', [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 0.4, [0, 0.05, 0.1, 0.15, 0.2, 0.25,
                                                                                    0.3, 0.35, 0.4]),
                                              (243, 804, [300, 400, 500, 600, 700, 800]), (5, 5, [5])])
def test_round_ticks(low, high, ticks):
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_log_ticks():
    assert log_ticks(0.9, 120) == [1, 2, 5, 10, 20, 50, 100] and log_ticks(41, 43) == round_ticks(41, 43)


def test_tables_keep_their_columns():
    lines = table(['a', 'b'], [['x|y', '1'], ['two\nlines', '22']])
    assert len({len(line) for line in lines}) == 1 and 'x/y' in lines[2] and 'two lines' in lines[3]


@pytest.mark.parametrize('value, words', [(None, '-'), (0.0421, '0.042'), (4.2, '4.20'), (42.04, '42.0'),
                                          (420.4, '420'), (0.9996, '1.00'), (9.996, '10.0')])
def test_milliseconds(value, words):
    assert milliseconds(value) == words
