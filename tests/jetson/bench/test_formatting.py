"""The page of a benchmark, its tables and numbers."""
import pytest

from jetson.bench.formatting import describe_corrections, milliseconds, report, table
from service.messages import ADJUNCT_NOTICE


def row(page, name):
    """Cells of the first table row that begins with a name."""
    line = next(line for line in page.splitlines() if line.startswith('| %s ' % name))
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_every_figure_is_in_its_column(sound):
    page = report(sound)
    closed = sound['runs'][0]
    assert row(page, 'infer') == ['infer'] + ['20.0'] * 6 + ['0.0 %', '50.0 %', str(closed['n'])]
    assert row(page, 'end to end')[1:3] == ['40.0', '40.0'] and row(page, 'copy in')[1] == '1.00'
    assert 'account for 100.00 % of the frame time' in page and 'p90 **40.0 ms**' in page
    assert '**Verdict: valid.**' in page and page.endswith(ADJUNCT_NOTICE + '\n')
    assert 'not an MLPerf result' in page


def test_stages_are_in_frame_order_after_reading_a_file(sound):
    sound['runs'][0]['stages'] = dict(sorted(sound['runs'][0]['stages'].items()))
    lines = [line.split()[1] for line in report(sound).splitlines() if line.startswith('| ')]
    assert lines.index('quality') < lines.index('infer') < lines.index('analyse') < lines.index('encode')


def test_a_variant_with_wrong_answers_failed_and_shows_no_time(sound):
    page = report(sound)
    proven, fallen = row(page, 'tensorrt:fp16'), row(page, 'onnxruntime-cpu:int8-qdq')
    assert proven[1:] == ['proven', '20.0', '22.0', '3', '0.9990', '-0.0010', '1.50']
    assert fallen[1].startswith('FAILED: Only 0.4000') and fallen[2:4] == ['-', '-'], 'a wrong answer is not fast'
    assert row(page, 'tensorrt:int8')[1] == 'FAILED: It answers otherwise. [golden-mismatch]'
    assert '- not available: onnxruntime-cuda:fp32. Built without it.' in page


def test_the_first_lines_name_machine_and_verdict(sound):
    sound['verdict'] = {'valid': False, 'reasons': [{'code': 'drift', 'sentence': 'It drifts.'}], 'remarks': []}
    head = report(sound)[:900]
    assert sound['environment']['machine'] in head and 'not valid' in head and '- It drifts. [drift]' in head


def test_what_is_not_measured_is_named(sound):
    for reading in sound['telemetry']:
        for name in ('power_mw', 'hottest_c', 'cpu_clocks'):
            reading.pop(name, None)
    page = report(sound)
    assert 'Not measured on this machine: temperatures, power rails, processor clocks.' in page


def test_tables_keep_their_columns():
    lines = table(['a', 'b'], [['x|y', '1'], ['two\nlines', '22']])
    assert len({len(line) for line in lines}) == 1 and 'x/y' in lines[2] and 'two lines' in lines[3]


@pytest.mark.parametrize('value, words', [(None, '-'), (0.0421, '0.042'), (4.2, '4.20'), (42.04, '42.0'),
                                          (420.4, '420'), (0.9996, '1.00'), (9.996, '10.0')])
def test_milliseconds(value, words):
    assert milliseconds(value) == words


@pytest.mark.parametrize('changes, text', [
    ({}, 'none'), ({'bad_pixels': 3, 'denoised': True}, '3 bad pixels repaired, noise reduced over frames'),
    ({'offset_c': -0.12}, 'shifted by -0.12 °C to the blackbody')])
def test_corrections(changes, text):
    assert describe_corrections(dict({'bad_pixels': 0, 'offset_c': None, 'denoised': False}, **changes)) == text


def test_the_next_step_follows_the_reason(sound):
    sound['verdict'] = {'valid': False, 'remarks': [], 'reasons': [
        {'code': 'swap', 'severity': 'problem', 'sentence': 'Swap use grew.', 'next_step': 'Close other programs.'}]}
    assert '- Swap use grew. Close other programs. [swap]' in report(sound)
