"""A benchmark as a page of Markdown, which is also what the terminal shows."""
import numpy as np

from service.result import ADJUNCT_NOTICE
from service.selection import ABSENT

from .accuracy import miou_change
from .frames import in_order
from .tables import NONE, milliseconds, percent, table

_TITLES = {'closed': 'Closed loop: frames from memory, one after the other',
           'paced': 'Paced: frames as the camera gives them'}
_COLUMNS = ('p50_ms', 'p90_ms', 'p95_ms', 'p99_ms', 'max_ms', 'mean_ms')
#: How a stage is called where its identifier is no word.
_STAGE_WORDS = {'copy_in': 'copy in', 'copy_out': 'copy out'}


def stage_words(stage):
    """A stage as a person calls it."""
    return _STAGE_WORDS.get(stage, stage)


def report(document):
    """The page of a benchmark.

    Args:
        document (dict): as `Session.document` gives it.
    Returns:
        str: Markdown with one line end at its end.
    """
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


def _headline(document):
    lines = []
    for run in document['runs']:
        if run['n']:
            whole = run['end_to_end']
            lines.append('- %s: p90 **%s ms** (95 %% interval %s to %s), median %s ms, %d frames in %.1f s, %.1f a '
                         'second' % (run['mode'], milliseconds(whole['p90_ms']), milliseconds(whole['p90_low_ms']),
                                     milliseconds(whole['p90_high_ms']), milliseconds(whole['p50_ms']), run['n'],
                                     run['duration_s'], run['rate_hz'] or 0.0))
    return lines + ['- on %s' % backend_words(document['backend']), '']


def backend_words(backend):
    """What ran the network, in a few words."""
    named = '%s %s' % (backend['name'], backend['version']) if backend.get('version') else backend['name']
    parts = [named, backend.get('provider', ''), backend.get('device', ''), backend['precision']]
    if backend.get('threads'):
        parts.append('%d threads' % backend['threads'])
    return ', '.join(part for part in parts if part)


def _verdict(verdict):
    lines = ['**Verdict: %s**' % ('valid.' if verdict['valid'] else 'not valid; do not quote these figures.'), '']
    lines += ['- %s [%s]' % (reason['sentence'], reason['code']) for reason in verdict['reasons']]
    lines += ['- (remark) %s [%s]' % (remark['sentence'], remark['code']) for remark in verdict['remarks']]
    return lines + ([''] if verdict['reasons'] or verdict['remarks'] else [])


def _run(run, document):
    camera = document['camera']
    rate = ', %g Hz, %s' % (camera['rate_hz'], camera['name']) if run['mode'] == 'paced' else ''
    lines = ['## %s' % (_TITLES[run['mode']] + rate), '']
    rows = [[stage_words(stage)] + _figures(run['stages'][stage], run['end_to_end']['mean_ms'])
            for stage in in_order(run['stages'])]
    rows.append(['end to end'] + _figures(run['end_to_end'], run['end_to_end']['mean_ms']))
    header = ['stage, ms'] + [column[:-3] for column in _COLUMNS] + ['variation', 'of a frame', 'n']
    lines += table(header, rows)
    lines += ['', 'The stages account for %.2f %% of the frames, which were timed apart from them (worst single frame: '
              '%.2f %%).' % (100 * (1 - run['sum']['missing_share']), 100 * (1 - run['sum']['worst_share']))]
    if run['warm_up']:
        lines.append('Warm-up, not in the figures: %d frames, the first %s ms, median %s ms.'
                     % (len(run['warm_up']), milliseconds(run['warm_up'][0]), milliseconds(np.median(run['warm_up']))))
    if run['mode'] == 'paced':
        lines.append('Capture is the age of a frame when it was handed over; end to end is from the moment it was '
                     'taken. %d frames came while another one was being worked on.' % run['dropped'])
    if 'energy' in run:
        lines.append('Power of the whole board %.2f W (mean of %d readings), %.1f mJ a frame.'
                     % (run['energy']['mean_mw'] / 1e3, run['energy']['n'], run['energy']['per_frame_mj']))
    return lines + ['']


def _figures(summary, whole_ms):
    return ([milliseconds(summary[column]) for column in _COLUMNS]
            + [percent(summary['variation']), percent(summary['mean_ms'] / whole_ms if whole_ms else None),
               '%d' % summary['n']])


def _variants(document):
    asked = document['protocol']
    lines = ['## Every backend and precision: the network alone', '',
             '%d frames x %d rounds in turns, %d warm-up runs each time. Labels: share that are those of FP32 on the '
             'processor, on these frames. mIoU: change that the manifest states.'
             % (asked['variant_frames'] + 1, asked['rounds'], asked['variant_warm_up']), '']
    here = [row for row in document['variants'] if not row['problem'] or row['problem']['code'] not in ABSENT]
    lines += table(['', 'verdict', 'median ms', 'p90 ms', 'n', 'labels', 'mIoU', 'load s'],
                   [_variant(row) for row in here], 2) if here else []
    reasons = {}
    for row in document['variants']:
        if row not in here:
            reasons.setdefault(row['excluded'], []).append(row['name'])
    lines += [''] + ['- not here: %s. %s' % (', '.join(names), message) for message, names in reasons.items()]
    return lines + ['']


def _variant(row):
    """A row; what gave a wrong answer shows no time, because a wrong answer is never fast."""
    if row['excluded']:
        code = ' [%s]' % row['problem']['code'] if row['problem'] else ''
        return [row['name'], 'FAILED: ' + row['excluded'] + code, NONE, NONE, '%d' % row['n'],
                NONE if row['agreement'] is None else '%.4f' % row['agreement'], _change(row['parity']), NONE]
    return [row['name'], 'proven', milliseconds(row['median_ms']), milliseconds(row['p90_ms']), '%d' % row['n'],
            '%.4f' % row['agreement'], _change(row['parity']), '%.2f' % row['start_s']]


def _change(parity):
    change = miou_change(parity)
    return NONE if change is None else '%+.4f' % change


def _telemetry(document):
    readings = document['telemetry']
    lines = ['## Telemetry', '']
    rows = []
    for name, key, scale, digits in (('hottest part, C', 'hottest_c', 1, 1), ('power, W', 'power_mw', 1e3, 2),
                                     ('GPU load, %', 'gpu_load_share', 0.01, 0),
                                     ('this program, % of the processor', 'own_share', 0.01, 0),
                                     ('other programs, % of the processor', 'other_share', 0.01, 0),
                                     ('memory of this program, MiB', 'resident_bytes', 1 << 20, 0)):
        _row(rows, name, [reading[key] / float(scale) for reading in readings[1:] if key in reading], digits)
    for name, key in (('GPU clock, MHz', 'gpu_clock'), ('memory clock, MHz', 'emc_clock')):
        _row(rows, name, [reading[key]['current_mhz'] for reading in readings
                          if 'current_mhz' in reading.get(key, {})], 0)
    _row(rows, 'processor clock, MHz', [clock['current_mhz'] for reading in readings
                                        for clock in reading.get('cpu_clocks', {}).values()
                                        if 'current_mhz' in clock], 0)
    lines += table(['%d readings' % len(readings), 'first', 'least', 'median', 'most', 'last'], rows) if rows else []
    missing = [words for words, key in (('temperatures', 'hottest_c'), ('power rails', 'power_mw'),
                                        ('processor clocks', 'cpu_clocks'))
               if not any(key in reading for reading in readings)]
    if missing:
        lines += ['', 'Not measured on this machine: %s.' % ', '.join(missing)]
    return lines + ['']


def _row(rows, name, values, digits):
    if values:
        rows.append([name] + ['%.*f' % (digits, value) for value in (values[0], min(values), np.median(values),
                                                                     max(values), values[-1])])


def _conditions(document):
    here = document['environment']
    versions = ', '.join('%s %s' % entry for entry in sorted(here['versions'].items()))
    bundle = document['bundle']
    pairs = [('when (UTC)', '%s to %s' % (document['measured_at'], document['ended_at'])), ('board', here['board']),
             ('processor', here.get('processor', NONE)),
             ('cores', '%d, of which %d for this program' % (here['cores'], here['cores_allowed'])),
             ('L4T, JetPack', '%s, %s' % (here['l4t'], here['jetpack'])), ('power mode', here['power_mode']),
             ('governor', here.get('governor', NONE)),
             ('jetson_clocks', {True: 'on', False: 'off'}.get(here.get('clocks_held'), 'cannot be seen')),
             ('kernel', '%s %s' % (here.get('kernel', NONE), here.get('architecture', ''))), ('versions', versions),
             ('bundle', '%s %s, hash %s' % (bundle['id'], bundle['version'], bundle['hash'])),
             ('model file', '%s, SHA-256 %s' % (bundle['variant'], bundle['onnx_sha256'])),
             ('source', '%s, %d x %d' % (document['protocol']['source'], document['camera']['width'],
                                         document['camera']['height'])),
             ('load average before', '%.2f' % here['load_average'] if 'load_average' in here else NONE),
             ('others before', percent(here.get('other_share'), 0) + ' of the processor'),
             ('command', '`%s`' % here['command'])]
    return ['## Conditions', '', 'Rule: at least %d frames and %g s, p90, no frame left out, in the style of MLPerf '
            'SingleStream (not an MLPerf result).' % (document['protocol']['queries'],
                                                      document['protocol']['seconds']), ''] \
        + table(['', ''], [list(pair) for pair in pairs], 2)
