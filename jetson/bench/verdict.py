"""Whether a measurement may be quoted, and if not, why."""
import re

import numpy as np

#: Figures that follow each other are compared in thirds: the median of the last may differ from that of the first by
#: this part. Warming up, throttling and other programs show here.
DRIFT_SHARE = 0.05
#: Coefficient of variation above which a GPU's own time is not steady (trtexec warns from here on), and the same of a
#: whole frame, most of which runs on a processor that the system uses too.
INFER_VARIATION, FRAME_VARIATION = 0.025, 0.15
#: Share of the machine that other programs may take.
OTHER_SHARE = 0.05
#: Part of a frame that no stage accounts for.
MISSING_SHARE = 0.05
#: Modes of this many watts or fewer switch cores off on every board.
_LOW_W = 10
#: Values that lie beyond a percentile, below which it says little.
_BEYOND = 10


def judge(document):
    """Reasons against a measurement, and what is worth knowing beside it.

    Args:
        document (dict): as `record.make_document` makes it, without its verdict.
    Returns:
        dict: ``valid`` (no reason against it), ``reasons`` and ``remarks``: lists of ``{'code', 'sentence'}``.
    """
    reasons, remarks = [], []
    for rule in (_interrupted, _samples, _steady, _sums, _answers, _machine, _heat, _memory, _others, _camera):
        for weighs, code, sentence in rule(document):
            (reasons if weighs else remarks).append({'code': code, 'sentence': sentence})
    return {'valid': not reasons, 'reasons': reasons, 'remarks': remarks}


def _interrupted(document):
    for run in document['runs']:
        if not run['complete']:
            why = run['trouble']['sentence'] if run['trouble'] else 'it was stopped.'
            yield True, 'incomplete', 'The %s run is not complete: %s' % (run['mode'], why)
    if document['interrupted']:
        yield True, 'incomplete', 'The benchmark was stopped before its end.'
    if document['trouble'] and not any(run['trouble'] for run in document['runs']):
        yield True, 'incomplete', 'The benchmark ended early: %s' % document['trouble']['sentence']


def _samples(document):
    closed = _run(document, 'closed')
    asked = document['protocol']
    if closed is None or not closed['n']:
        yield True, 'too-few-samples', 'No frame was measured.'
        return
    if closed['n'] < asked['queries'] or closed['duration_s'] < asked['seconds']:
        yield True, 'too-few-samples', 'Only %d frames in %.1f s were measured; %d in %g s were asked for.' % (
            closed['n'], closed['duration_s'], asked['queries'], asked['seconds'])
    if closed['n'] * 0.10 < _BEYOND:
        yield True, 'too-few-samples', 'A p90 of %d frames says little; measure at least %d.' % (
            closed['n'], _BEYOND / 0.10)
    for run in document['runs']:
        if run['n'] and run['n'] * 0.01 < _BEYOND:
            yield False, 'p99-weak', 'Of %d frames (%s) fewer than %d lie beyond p99; take it as a hint.' % (
                run['n'], run['mode'], _BEYOND)


def _steady(document):
    closed = _run(document, 'closed')
    if closed is None or closed['n'] < 6:
        return
    drift = drift_share(closed['samples']['end_to_end_ms'])
    if abs(drift) > DRIFT_SHARE:
        yield True, 'drift', 'The last third of the frames took %+.1f %% against the first (medians; limit %g %%).' % (
            100 * drift, 100 * DRIFT_SHARE)
    variation = closed['end_to_end']['variation'] or 0.0
    if variation > FRAME_VARIATION:
        yield True, 'variation', 'The times of whole frames vary by %.1f %% (sd/mean; limit %g %%).' % (
            100 * variation, 100 * FRAME_VARIATION)
    infer = closed['stages'].get('infer')
    if document['backend'].get('device') not in (None, 'CPU') and infer and (infer['variation'] or 0) > INFER_VARIATION:
        yield False, 'infer-variation', 'The network\'s times on the GPU vary by %.1f %%; lock the clocks (sudo ' \
            'jetson_clocks) for steadier ones.' % (100 * infer['variation'])


def _sums(document):
    for run in document['runs']:
        if run['n'] and abs(run['sum']['missing_share']) > MISSING_SHARE:
            yield True, 'stages-missing', 'The stages of the %s run account for %.1f %% of its frames; the limit is ' \
                '%g %% off.' % (run['mode'], 100 * (1 - run['sum']['missing_share']), 100 * MISSING_SHARE)


def _answers(document):
    for run in document['runs']:
        if run['no_results']:
            yield True, 'no-results', '%d of %d frames (%s) gave no result, so that stages are missing in them; use ' \
                'thermograms that pass the quality checks.' % (run['no_results'], run['n'], run['mode'])


def _machine(document):
    here = document['environment']
    modes = sorted({reading['power_mode'] for reading in document['telemetry'] if 'power_mode' in reading})
    if len(modes) > 1:
        yield True, 'power-mode-changed', 'The power mode changed while measuring: %s.' % ', '.join(modes)
    watts = re.match(r'(?:MODE_)?([0-9]{1,3})W', here['power_mode'])
    if watts and int(watts.group(1)) <= _LOW_W:
        yield True, 'power-mode-low', 'The board is in the %s mode, with cores off and clocks lowered; sudo nvpmodel ' \
            '-m 0 gives a Nano its full mode.' % here['power_mode']
    if here['is_jetson'] and here.get('clocks_held') is not True:
        yield False, 'clocks-free', 'The clocks may rise and fall (jetson_clocks is off or cannot be seen).'
    if here['kind'] != 'real':
        yield True, 'not-real', 'The machine is %s; no figure here is a board\'s.' % here['kind']


def _heat(document):
    readings = document['telemetry']
    # One sign can be the governor on its way up; it counts where it is seen again.
    for name, code, words in (('throttle_signs', 'throttling', 'slowed down'),
                              ('supply_signs', 'supply', 'badly fed')):
        signs = [reading[name] for reading in readings if reading.get(name)]
        if len(signs) > 1:
            yield True, code, 'The machine was %s in %d of %d readings: %s.' % (
                words, len(signs), len(readings), '; '.join(signs[-1][:2]))


def _memory(document):
    used = [reading['memory']['swap_used_bytes'] for reading in document['telemetry']
            if reading.get('memory', {}).get('swap_used_bytes') is not None]
    if used and max(used) > used[0]:
        yield True, 'swap', 'Swap grew by %.1f MiB while measuring; close other programs.' % (
            (max(used) - used[0]) / float(1 << 20))
    elif used and used[0]:
        yield False, 'swap-used', '%.0f MiB lay in swap already.' % (used[0] / float(1 << 20))


def _others(document):
    before = document['environment'].get('other_share')
    if before is not None and before > OTHER_SHARE:
        yield True, 'other-load', 'Other programs kept %.0f %% of the processor busy before it began (limit %g %%); ' \
            'load average %s.' % (100 * before, 100 * OTHER_SHARE, _number(document['environment'].get('load_average')))
    during = [reading['other_share'] for reading in document['telemetry'][1:] if 'other_share' in reading]
    if during and np.median(during) > OTHER_SHARE:
        yield True, 'other-load', 'Other programs kept %.0f %% of the processor busy while measuring (median; limit ' \
            '%g %%).' % (100 * np.median(during), 100 * OTHER_SHARE)


def _camera(document):
    paced = _run(document, 'paced')
    if paced is None:
        return
    if paced['dropped']:
        yield False, 'frames-dropped', '%d frames of the camera came while another one was being worked on.' % (
            paced['dropped'])
    if paced['silent']:
        yield False, 'camera-silent', 'The camera was silent %d times.' % paced['silent']


def drift_share(values):
    """Median of the last third of some values against that of the first: 0.1 is a tenth more.

    Args:
        values (sequence of float): at least three, in the order in which they were measured.
    """
    third = len(values) // 3
    first, last = np.median(values[:third]), np.median(values[-third:])
    return float(last / first - 1) if first > 0 else 0.0


def _run(document, mode):
    return next((run for run in document['runs'] if run['mode'] == mode), None)


def _number(value):
    return 'unknown' if value is None else '%.1f' % value
