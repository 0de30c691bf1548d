"""Every reason against a measurement, one at a time."""
import pytest

from jetson.bench.verdict import drift_share, judge


def reasons(document):
    found = judge(document)
    assert found['valid'] == (not found['reasons'])
    assert all(entry['sentence'].endswith('.') and '\n' not in entry['sentence']
               for entry in found['reasons'] + found['remarks'])
    return [entry['code'] for entry in found['reasons']]


def closed(document):
    return document['runs'][0]


def _slow_end(document):
    samples = closed(document)['samples']['end_to_end_ms']
    samples[-len(samples) // 3:] = [value * 1.06 for value in samples[-len(samples) // 3:]]


def _few(document):
    closed(document)['n'] = 49


def _short(document):
    closed(document)['duration_s'] = 7.9


def _uneven(document):
    closed(document)['end_to_end']['variation'] = 0.16


def _gap(document):
    closed(document)['sum']['missing_share'] = 0.051


def _overlap(document):
    closed(document)['sum']['missing_share'] = -0.051


def _refusals(document):
    document['runs'][1]['no_results'] = 1


def _mode(document):
    document['telemetry'][-1]['power_mode'] = '5W'


def _low(document):
    document['environment']['power_mode'] = '5W'
    for reading in document['telemetry']:
        reading['power_mode'] = '5W'


def _hot(document):
    for reading in document['telemetry']:
        reading['throttle_signs'] = ['cooling device gpu-balanced is at step 2']


def _sagging(document):
    for reading in document['telemetry']:
        reading['supply_signs'] = ['the 5 V input is at 4.60 V']


def _swapping(document):
    for number, reading in enumerate(document['telemetry']):
        reading['memory']['swap_used_bytes'] = number << 20


def _busy_before(document):
    document['environment']['other_share'] = 0.06


def _busy(document):
    for reading in document['telemetry']:
        reading['other_share'] = 0.06


def _broken(document):
    closed(document).update(complete=False, trouble={'code': 'cuda-lost', 'sentence': 'The GPU is lost.'})


def _stopped(document):
    document['interrupted'] = True


def _later(document):
    document['trouble'] = {'code': 'x', 'sentence': 'The reference did not start.'}


def _simulated(document):
    document['environment']['kind'] = 'simulated'


@pytest.mark.parametrize('spoil, code', [
    (_slow_end, 'drift'), (_few, 'too-few-samples'), (_short, 'too-few-samples'), (_uneven, 'variation'),
    (_gap, 'stages-missing'), (_overlap, 'stages-missing'), (_refusals, 'no-results'), (_mode, 'power-mode-changed'),
    (_low, 'power-mode-low'), (_hot, 'throttling'), (_sagging, 'supply'), (_swapping, 'swap'),
    (_busy_before, 'other-load'), (_busy, 'other-load'), (_broken, 'incomplete'), (_stopped, 'incomplete'),
    (_later, 'incomplete'), (_simulated, 'not-real')])
def test_each_reason_alone(sound, spoil, code):
    assert reasons(sound) == []
    spoil(sound)
    assert set(reasons(sound)) == {code}


def test_no_frame_at_all(sound):
    sound['runs'] = []
    assert reasons(sound) == ['too-few-samples']


def test_a_single_sign_can_be_the_governor(sound):
    sound['telemetry'][0]['throttle_signs'] = ['the GPU is busy and runs at 76 of 922 MHz']
    assert reasons(sound) == []


def test_remarks_do_not_invalidate(sound):
    sound['runs'][1].update(dropped=4, silent=1)
    closed(sound)['stages']['infer']['variation'] = 0.03
    sound['environment']['clocks_held'] = False
    for reading in sound['telemetry']:
        reading['memory']['swap_used_bytes'] = 5 << 20
    found = judge(sound)
    assert found['valid']
    assert {'frames-dropped', 'camera-silent', 'infer-variation', 'clocks-free', 'swap-used', 'p99-weak'} <= {
        remark['code'] for remark in found['remarks']}


def test_missing_telemetry_is_no_reason(sound):
    sound['telemetry'] = [{'t_s': reading['t_s'], 'read_ms': 1.0, 'power_mode': 'MAXN'}
                          for reading in sound['telemetry']]
    del sound['environment']['other_share']
    assert reasons(sound) == []


def test_drift_is_of_medians():
    assert drift_share([10] * 10 + [11] * 10 + [12] * 10) == pytest.approx(0.2)
    assert drift_share([10] * 10 + [10] * 10 + [10] * 9 + [900]) == 0, 'one slow frame is no drift'
    assert drift_share([0, 0, 0]) == 0
