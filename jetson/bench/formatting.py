"""A benchmark as a page of Markdown, which is also what the terminal shows; tables and figures of every verb."""
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from service.messages import ADJUNCT_NOTICE
from service.selection import ABSENT

from .runs import in_order
from .variants import miou_change

Document = Dict[str, Any]

#: Stands for a figure that does not exist.
NONE = '-'
_TITLES = {'closed': 'Closed loop: frames from memory, one after the other',
           'paced': 'Paced: frames at the rate of the camera'}
_COLUMNS = ('p50_ms', 'p90_ms', 'p95_ms', 'p99_ms', 'max_ms', 'mean_ms')
#: Names of stages whose identifier is not a word.
_STAGE_NAMES = {'copy_in': 'copy in', 'copy_out': 'copy out', 'infer_classifier': 'classifier'}


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> List[str]:
    """Lines of a Markdown table with columns of even width, readable in a terminal too.

    Args:
        header: names of the columns.
        rows: as many texts each.
        left: number of columns, from the first, that are aligned left.
    """
    rows = [[text.replace('|', '/').replace('\n', ' ') for text in row] for row in rows]
    widths = [max(3, *(len(row[column]) for row in [header] + rows)) for column in range(len(header))]

    def line(texts: Sequence[str]) -> str:
        return '| %s |' % ' | '.join(text.ljust(width) if column < left else text.rjust(width)
                                     for column, (text, width) in enumerate(zip(texts, widths)))

    rule = '| %s |' % ' | '.join('-' * width if column < left else '-' * (width - 1) + ':'
                                 for column, width in enumerate(widths))
    return [line(header), rule] + [line(row) for row in rows]


def milliseconds(value: Optional[float]) -> str:
    """A time with three significant digits, at most three of them decimals: 0.042, 4.20, 42.0, 420."""
    if value is None:
        return NONE
    return '%.*f' % (3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0, value)


def percent(share: Optional[float], digits: int = 1) -> str:
    """A share in per cent."""
    return NONE if share is None else '%.*f %%' % (digits, 100 * share)


def signed_percent(share: Optional[float]) -> str:
    """A change in per cent, with its sign."""
    return NONE if share is None else '%+.1f %%' % (100 * share)


def stage_name(stage: str) -> str:
    """A stage as a person calls it."""
    return _STAGE_NAMES.get(stage, stage)


def describe_backend(backend: Document) -> str:
    """What ran the network, in one line."""
    name = '%s %s' % (backend['name'], backend['version']) if backend.get('version') else backend['name']
    parts = [name, backend.get('provider', ''), backend.get('device', ''), backend['precision']]
    if backend.get('threads'):
        parts.append('%d threads' % backend['threads'])
    return ', '.join(part for part in parts if part)


def describe_corrections(figures: Optional[Document]) -> str:
    """What a capture did to its frames, from `capture_figures`."""
    if figures is None:
        return NONE
    parts = ['%d bad pixels repaired' % figures['bad_pixels'] if figures['bad_pixels'] else '',
             'shifted by %+.2f °C to the blackbody' % figures['offset_c'] if figures['offset_c'] is not None else '',
             'noise reduced over frames' if figures['denoised'] else '']
    return ', '.join(part for part in parts if part) or 'none'


def message_line(message: Document) -> str:
    """A message of a document as one line."""
    parts = [message['sentence'], message.get('next_step', ''), '[%s]' % message['code']]
    return ' '.join(part for part in parts if part)


def report(document: Document) -> str:
    """The page of a benchmark, as of `Session.document`, ending with a line end."""
    lines = ['# Latency of %s %s' % (document['bundle']['id'], document['bundle']['version']), '',
             document['environment']['machine'], '']
    lines += _headline(document) + _verdict(document['verdict'])
    for run in document['runs']:
        if run['n']:
            lines += _run(run, document)
    if document['variants']:
        lines += _variants(document)
    lines += _telemetry(document) + _conditions(document)
    return '\n'.join(lines + ['', ADJUNCT_NOTICE, ''])


def _headline(document: Document) -> List[str]:
    lines = []
    for run in document['runs']:
        if run['n']:
            whole = run['end_to_end']
            lines.append('- %s: p90 **%s ms** (95 %% interval %s to %s), median %s ms, %d frames in %.1f s, %.1f per '
                         'second' % (run['mode'], milliseconds(whole['p90_ms']), milliseconds(whole['p90_low_ms']),
                                     milliseconds(whole['p90_high_ms']), milliseconds(whole['p50_ms']), run['n'],
                                     run['duration_s'], run['rate_hz'] or 0.0))
    return lines + ['- on %s' % describe_backend(document['backend']), '']


def _verdict(verdict: Document) -> List[str]:
    lines = ['**Verdict: %s**' % ('valid.' if verdict['valid'] else 'not valid; do not quote these figures.'), '']
    lines += ['- ' + message_line(reason) for reason in verdict['reasons']]
    lines += ['- (remark) ' + message_line(remark) for remark in verdict['remarks']]
    return lines + ([''] if verdict['reasons'] or verdict['remarks'] else [])


def _run(run: Document, document: Document) -> List[str]:
    camera = document['camera']
    rate = ', %g Hz, %s' % (camera['rate_hz'], camera['name']) if run['mode'] == 'paced' else ''
    lines = ['## %s' % (_TITLES[run['mode']] + rate), '']
    rows = [[stage_name(stage)] + _figures(run['stages'][stage], run['end_to_end']['mean_ms'])
            for stage in in_order(run['stages'])]
    rows.append(['end to end'] + _figures(run['end_to_end'], run['end_to_end']['mean_ms']))
    header = ['stage, ms'] + [column[:-3] for column in _COLUMNS] + ['variation', 'of a frame', 'n']
    lines += table(header, rows)
    lines += ['', 'The stages account for %.2f %% of the frame time, which was measured independently (worst frame: '
              '%.2f %%).' % (100 * (1 - run['sum']['missing_share']), 100 * (1 - run['sum']['worst_share']))]
    if run['warm_up']:
        lines.append('Warm-up, not included: %d frames, the first %s ms, median %s ms.'
                     % (len(run['warm_up']), milliseconds(run['warm_up'][0]), milliseconds(np.median(run['warm_up']))))
    if run['mode'] == 'paced':
        lines.append('Capture is the age of a frame when it was handed over; end to end starts when it was taken.')
        lines.append('The capture thread received %(received)d frames: %(dropped)d dropped because another one was '
                     'being processed; %(repeated)d repeated, %(lost)d lost and %(bad)d damaged ones left out.'
                     % run['capture'])
    if 'energy' in run:
        lines.append('Power of the whole board %.2f W (mean of %d readings), %.1f mJ per frame.'
                     % (run['energy']['mean_mw'] / 1e3, run['energy']['n'], run['energy']['per_frame_mj']))
    return lines + ['']


def _figures(summary: Document, whole_ms: float) -> List[str]:
    return ([milliseconds(summary[column]) for column in _COLUMNS]
            + [percent(summary['variation']), percent(summary['mean_ms'] / whole_ms if whole_ms else None),
               '%d' % summary['n']])


def _variants(document: Document) -> List[str]:
    protocol = document['protocol']
    lines = ['## Every backend and precision: the network alone', '',
             '%d frames x %d rounds in turns, each after %d warm-up runs. Labels: share that equals those of FP32 on '
             'the CPU, on these frames. mIoU: change that the manifest states.'
             % (protocol['variant_frames'] + 1, protocol['rounds'], protocol['variant_warm_up']), '']
    present = [row for row in document['variants'] if not row['problem'] or row['problem']['code'] not in ABSENT]
    if present:
        lines += table(['', 'verdict', 'median ms', 'p90 ms', 'n', 'labels', 'mIoU', 'load s'],
                       [_variant(row) for row in present], 2)
    absent: Dict[str, List[str]] = {}
    for row in document['variants']:
        if row not in present:
            absent.setdefault(row['excluded'], []).append(row['name'])
    lines += [''] + ['- not available: %s. %s' % (', '.join(names), reason) for reason, names in absent.items()]
    return lines + ['']


def _variant(row: Document) -> List[str]:
    """A row; one with wrong answers shows no time, because a wrong answer is never fast."""
    if row['excluded']:
        code = ' [%s]' % row['problem']['code'] if row['problem'] else ''
        return [row['name'], 'FAILED: ' + row['excluded'] + code, NONE, NONE, '%d' % row['n'],
                NONE if row['agreement'] is None else '%.4f' % row['agreement'], _miou_change(row['parity']), NONE]
    return [row['name'], 'proven', milliseconds(row['median_ms']), milliseconds(row['p90_ms']), '%d' % row['n'],
            '%.4f' % row['agreement'], _miou_change(row['parity']), '%.2f' % row['start_s']]


def _miou_change(parity: Document) -> str:
    change = miou_change(parity)
    return NONE if change is None else '%+.4f' % change


def _telemetry(document: Document) -> List[str]:
    readings = document['telemetry']
    rows: List[List[str]] = []

    def add(name: str, values: Sequence[float], digits: int = 0) -> None:
        if values:
            rows.append([name] + ['%.*f' % (digits, value) for value in (values[0], min(values), np.median(values),
                                                                         max(values), values[-1])])

    # The first reading has no shares yet.
    for name, key, scale, digits in (('hottest part, °C', 'hottest_c', 1, 1), ('power, W', 'power_mw', 1e3, 2),
                                     ('GPU load, %', 'gpu_load_share', 0.01, 0),
                                     ('this program, % of the processor', 'own_share', 0.01, 0),
                                     ('other programs, % of the processor', 'other_share', 0.01, 0),
                                     ('memory of this program, MiB', 'resident_bytes', 1 << 20, 0)):
        add(name, [reading[key] / float(scale) for reading in readings[1:] if key in reading], digits)
    for name, key in (('GPU clock, MHz', 'gpu_clock'), ('memory clock, MHz', 'emc_clock')):
        add(name, [reading[key]['current_mhz'] for reading in readings if 'current_mhz' in reading.get(key, {})])
    add('processor clock, MHz', [clock['current_mhz'] for reading in readings
                                 for clock in reading.get('cpu_clocks', {}).values() if 'current_mhz' in clock])
    lines = ['## Telemetry', '']
    lines += table(['%d readings' % len(readings), 'first', 'min', 'median', 'max', 'last'], rows) if rows else []
    missing = [name for name, key in (('temperatures', 'hottest_c'), ('power rails', 'power_mw'),
                                      ('processor clocks', 'cpu_clocks'))
               if not any(key in reading for reading in readings)]
    if missing:
        lines += ['', 'Not measured on this machine: %s.' % ', '.join(missing)]
    return lines + ['']


def _conditions(document: Document) -> List[str]:
    here = document['environment']
    versions = ', '.join('%s %s' % entry for entry in sorted(here['versions'].items()))
    bundle, protocol, camera = document['bundle'], document['protocol'], document['camera']
    pairs = [('when (UTC)', '%s to %s' % (document['measured_at'], document['ended_at'])), ('board', here['board']),
             ('processor', here.get('processor', NONE)),
             ('cores', '%d, of which %d for this program' % (here['cores'], here['cores_allowed'])),
             ('L4T, JetPack', '%s, %s' % (here['l4t'], here['jetpack'])), ('power mode', here['power_mode']),
             ('governor', here.get('governor', NONE)),
             ('jetson_clocks', {True: 'on', False: 'off'}.get(here.get('clocks_held'), 'unknown')),
             ('kernel', '%s %s' % (here.get('kernel', NONE), here.get('architecture', ''))), ('versions', versions),
             ('bundle', '%s %s, hash %s' % (bundle['id'], bundle['version'], bundle['hash'])),
             ('model file', '%s, SHA-256 %s' % (bundle['variant'], bundle['onnx_sha256'])),
             ('source', '%s, %d x %d' % (protocol['source'], camera['width'], camera['height'])),
             ('corrections', describe_corrections(document['capture'])),
             ('load average before', '%.2f' % here['load_average'] if 'load_average' in here else NONE),
             ('other programs before', percent(here.get('other_share'), 0) + ' of the processor'),
             ('command', '`%s`' % here['command'])]
    return ['## Conditions', '', 'Protocol: at least %d frames and %g s, p90, no frame left out, in the style of '
            'MLPerf SingleStream (not an MLPerf result).' % (protocol['queries'], protocol['seconds']), ''] \
        + table(['', ''], [list(pair) for pair in pairs], 2)
