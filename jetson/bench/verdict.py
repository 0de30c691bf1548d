"""Whether a measurement is valid, and if not, why."""
import re
from typing import Any, Dict, Iterator, Optional, Sequence

import numpy as np

from service.messages import INFO, PROBLEM, Message

#: Drift: how far the median of the last third of the frames may differ from that of the first. Warm-up, throttling and
#: other programs show here.
DRIFT_SHARE = 0.05
#: Coefficient of variation above which the GPU's own time is unsteady (trtexec warns from here on), and the same for a
#: whole frame, most of which runs on a processor that the system uses too.
INFER_VARIATION, FRAME_VARIATION = 0.025, 0.15
#: Share of the processor that other programs may use.
OTHER_SHARE = 0.05
#: Part of a frame that no stage accounts for.
MISSING_SHARE = 0.05
#: Power modes up to this many watts switch cores off on every board.
_LOW_W = 10
#: A percentile needs this many values beyond it.
_MIN_BEYOND = 10

Document = Dict[str, Any]


def judge(document: Document) -> Document:
    """Reasons against a measurement, and remarks that do not invalidate it.

    Args:
        document: as of `Session.document`, without its verdict.
    Returns:
        ``valid`` (there is no reason against it), ``reasons`` and ``remarks``: lists of messages.
    """
    messages = [message for rule in (_complete, _samples, _steady, _sums, _no_results, _machine, _heat_and_supply,
                                     _memory, _other_load, _camera) for message in rule(document)]
    reasons = [message.to_dict() for message in messages if message.severity == PROBLEM]
    remarks = [message.to_dict() for message in messages if message.severity != PROBLEM]
    return {'valid': not reasons, 'reasons': reasons, 'remarks': remarks}


def drift_share(values: Sequence[float]) -> float:
    """Relative change of the median from the first to the last third: 0.1 is 10 % more.

    Args:
        values: at least three, in the order in which they were measured.
    """
    third = len(values) // 3
    first, last = np.median(values[:third]), np.median(values[-third:])
    return float(last / first - 1) if first > 0 else 0.0


def _remark(code: str, sentence: str, next_step: str = '') -> Message:
    return Message(code, sentence, next_step, INFO)


def _complete(document: Document) -> Iterator[Message]:
    for run in document['runs']:
        if not run['complete']:
            why = run['trouble']['sentence'] if run['trouble'] else 'It was stopped.'
            yield Message('incomplete', 'The %s run is not complete. %s' % (run['mode'], why))
    if document['interrupted']:
        yield Message('incomplete', 'The benchmark was stopped before its end.')
    if document['trouble'] and not any(run['trouble'] for run in document['runs']):
        yield Message('incomplete', 'The benchmark ended early. %s' % document['trouble']['sentence'])


def _samples(document: Document) -> Iterator[Message]:
    closed = _run(document, 'closed')
    protocol = document['protocol']
    if closed is None or not closed['n']:
        yield Message('too-few-samples', 'No frame was measured.')
        return
    if closed['n'] < protocol['queries'] or closed['duration_s'] < protocol['seconds']:
        yield Message('too-few-samples', 'Only %d frames in %.1f s were measured; the protocol requires %d in %g s.'
                      % (closed['n'], closed['duration_s'], protocol['queries'], protocol['seconds']))
    if closed['n'] * 0.10 < _MIN_BEYOND:
        yield Message('too-few-samples', '%d frames are too few for a p90.' % closed['n'],
                      'Measure at least %d.' % (_MIN_BEYOND / 0.10))
    for run in document['runs']:
        if run['n'] and run['n'] * 0.01 < _MIN_BEYOND:
            yield _remark('p99-weak', 'The p99 of the %s run is uncertain: %d frames are fewer than %d.'
                          % (run['mode'], run['n'], _MIN_BEYOND * 100))


def _steady(document: Document) -> Iterator[Message]:
    closed = _run(document, 'closed')
    if closed is None or closed['n'] < 6:
        return
    drift = drift_share(closed['samples']['end_to_end_ms'])
    if abs(drift) > DRIFT_SHARE:
        yield Message('drift', 'The median frame time changed by %+.1f %% from the first to the last third (limit %g '
                      '%%).' % (100 * drift, 100 * DRIFT_SHARE))
    variation = closed['end_to_end']['variation'] or 0.0
    if variation > FRAME_VARIATION:
        yield Message('variation', 'The times of whole frames vary by %.1f %% (sd/mean; limit %g %%).'
                      % (100 * variation, 100 * FRAME_VARIATION))
    infer = closed['stages'].get('infer')
    if document['backend'].get('device') not in (None, 'CPU') and infer and (infer['variation'] or 0) > INFER_VARIATION:
        yield _remark('infer-variation', 'The times of the network on the GPU vary by %.1f %%.'
                      % (100 * infer['variation']), 'For steadier ones, lock the clocks: sudo jetson_clocks')


def _sums(document: Document) -> Iterator[Message]:
    for run in document['runs']:
        if run['n'] and abs(run['sum']['missing_share']) > MISSING_SHARE:
            yield Message('stages-missing', 'The stages of the %s run account for %.1f %% of the frame time; the '
                          'limit is 100 ± %g %%.' % (run['mode'], 100 * (1 - run['sum']['missing_share']),
                                                     100 * MISSING_SHARE))


def _no_results(document: Document) -> Iterator[Message]:
    for run in document['runs']:
        if run['no_results']:
            yield Message('no-results', '%d of %d frames of the %s run gave no result and lack stages.'
                          % (run['no_results'], run['n'], run['mode']),
                          'Use thermograms that pass the quality checks.')


def _machine(document: Document) -> Iterator[Message]:
    here = document['environment']
    modes = sorted({reading['power_mode'] for reading in document['telemetry'] if 'power_mode' in reading})
    if len(modes) > 1:
        yield Message('power-mode-changed', 'The power mode changed during the measurement: %s.' % ', '.join(modes))
    watts = re.match(r'(?:MODE_)?([0-9]{1,3})W', here['power_mode'])
    if watts and int(watts.group(1)) <= _LOW_W:
        yield Message('power-mode-low', 'The board is in power mode %s: cores are off and clocks are lowered.'
                      % here['power_mode'], 'On a Nano, choose the full mode: sudo nvpmodel -m 0')
    if here['is_jetson'] and here.get('clocks_held') is not True:
        yield _remark('clocks-free', 'The clocks are not locked (jetson_clocks is off, or cannot be read).')
    if here['kind'] != 'real':
        yield Message('not-real', 'The machine is %s; no figure here is that of a board.' % here['kind'])


def _heat_and_supply(document: Document) -> Iterator[Message]:
    readings = document['telemetry']
    # A single sign can be the governor on its way up; it counts when it repeats.
    for name, code, clause in (('throttle_signs', 'throttling', 'The machine was slowed down'),
                               ('supply_signs', 'supply', 'The power supply was too weak')):
        signs = [reading[name] for reading in readings if reading.get(name)]
        if len(signs) > 1:
            yield Message(code, '%s in %d of %d readings: %s.'
                          % (clause, len(signs), len(readings), '; '.join(signs[-1][:2])))


def _memory(document: Document) -> Iterator[Message]:
    used = [reading['memory']['swap_used_bytes'] for reading in document['telemetry']
            if reading.get('memory', {}).get('swap_used_bytes') is not None]
    if used and max(used) > used[0]:
        yield Message('swap', 'Swap use grew by %.1f MiB during the measurement.'
                      % ((max(used) - used[0]) / float(1 << 20)), 'Close other programs.')
    elif used and used[0]:
        yield _remark('swap-used', '%.0f MiB of swap were in use already.' % (used[0] / float(1 << 20)))


def _other_load(document: Document) -> Iterator[Message]:
    here = document['environment']
    before = here.get('other_share')
    if before is not None and before > OTHER_SHARE:
        average = '%.1f' % here['load_average'] if 'load_average' in here else 'unknown'
        yield Message('other-load', 'Other programs used %.0f %% of the processor before the measurement (limit %g '
                      '%%); load average %s.' % (100 * before, 100 * OTHER_SHARE, average))
    shares = [reading['other_share'] for reading in document['telemetry'][1:] if 'other_share' in reading]
    if shares and np.median(shares) > OTHER_SHARE:
        yield Message('other-load', 'Other programs used %.0f %% of the processor during the measurement (median; '
                      'limit %g %%).' % (100 * np.median(shares), 100 * OTHER_SHARE))


def _camera(document: Document) -> Iterator[Message]:
    paced = _run(document, 'paced')
    if paced is None:
        return
    if paced['dropped']:
        yield _remark('frames-dropped', '%d frames of the camera were dropped because another one was being processed.'
                      % paced['dropped'])
    if paced['silent']:
        yield _remark('camera-silent', 'The camera gave no frame in time %d times.' % paced['silent'])
    counts = paced.get('capture', {})
    faults = [(name, counts[key]) for key, name in (('lost', 'lost'), ('missed', 'missed by a busy computer'),
                                                    ('bad', 'damaged'), ('repeated', 'repeated'))
              if counts.get(key)]
    if faults:
        yield _remark('frames-lost', 'Frames of the camera that could not be used: %s.'
                      % ', '.join('%d %s' % (count, name) for name, count in faults))
    if counts.get('reconnects'):
        yield _remark('camera-reconnected', 'The camera had to be opened again %d times.' % counts['reconnects'])


def _run(document: Document, mode: str) -> Optional[Document]:
    return next((run for run in document['runs'] if run['mode'] == mode), None)
