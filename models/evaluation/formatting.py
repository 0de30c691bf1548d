"""Figures as text: with their n and with what they mean."""
import textwrap
from pathlib import Path
from typing import Any, Dict, List, Optional

from service.regions import REGIONS

#: Shown without an audit: how far inputs get that cannot show a disease.
NO_CONTROLS = ('No controls: run thermoscreen confounds on the same data to see what the background alone, the marker, '
               'the patient number, the file dialect or the noise reach. An AUC says little without them.')


def figure(estimate: Optional[Dict[str, Any]], digits: int = 3, percent: bool = False) -> str:
    """An estimate with its interval: ``'0.634 (0.598 to 0.674)'``; a dash where there is none."""
    if estimate is None or estimate['value'] is None:
        return '-'
    value, *ends = [('%.*f' % (digits, number * (100 if percent else 1)))
                    for number in [estimate['value']] + (estimate['ci95'] or [])]
    unit = ' %' if percent else ''
    return '%s%s (%s to %s)' % (value, unit, *ends) if ends else value + unit


def region_name(name: str) -> str:
    """``'right_breast'`` as text: ``'right breast'``."""
    return name.replace('_', ' ')


def headline(document: Dict[str, Any]) -> List[str]:
    """Sentences with the figures that matter, most important first; accuracy is not among them."""
    return _regions(document['regions']) + _finding(document) + _samples(document['samples'])


def _regions(regions: Optional[Dict[str, Any]]) -> List[str]:
    if regions is None:
        return []
    everyone, answered = regions['all'], regions['answered']
    refused = everyone['n'] - answered['n']
    text = ('Region mIoU %s over %d labelled frames of %d patients, background included, 95 %% interval over patients'
            % (figure(everyone['miou']), everyone['n'], everyone['patients']))
    if not refused:
        return [text + '; none of them was refused.']
    return ['%s; %d refused frame%s count%s as all background. The %d that got a result: %s.'
            % (text, refused, '' if refused == 1 else 's', 's' if refused == 1 else '', answered['n'],
               figure(answered['miou']))]


def _finding(document: Dict[str, Any]) -> List[str]:
    finding = document['finding']
    if finding is None:
        return []
    calls, roc = finding['answered'], finding['roc']
    classes = '%s told from %s' % (' or '.join(finding['positive']), ' or '.join(finding['negative']))
    lines = ['AUC %s, %s: %d and %d frames with a result.'
             % (figure(roc['auc']), classes, roc['n_positive'], roc['n_negative'])]
    lines.append('At the shipped threshold %g: sensitivity %s, n = %d, at specificity %s, n = %d.'
                 % (finding['threshold'], figure(calls['sensitivity']), calls['sensitivity']['n'],
                    figure(calls['specificity']), calls['specificity']['n']))
    if document['audit']:
        lines += audit_lines(document['audit'])
    else:
        lines.append(NO_CONTROLS)
    lines.append('Meaning of the finding: %s' % finding['meaning'])
    return lines


def audit_lines(audit: Dict[str, Any]) -> List[str]:
    """Controls of an audit, as sentences; only the page lists those with nothing to learn."""
    controls = ', '.join('%s %s' % (control['name'], figure(control['auc'])) for control in audit['controls']
                         if control['auc']['value'] is not None)
    return ['AUC of the controls, audited on %s: %s.' % (audit['data'], controls or 'none'),
            'Verdict of the audit on classifiers trained there: %s' % audit['verdict']]


def _samples(samples: Dict[str, Any]) -> List[str]:
    text = '%d of %d frames got a result' % (samples['answered'], samples['n'])
    parts = ['%d no result: %s' % (reason['n'], reason['sentence'].rstrip('.')) for reason in samples['reasons']]
    if samples['failed']:
        parts.append('%d could not be read' % len(samples['failed']))
    return [text + ''.join('; ' + part for part in parts) + '.']


def terminal(document: Dict[str, Any], out: Path) -> str:
    """The report as lines of a terminal, without a newline at the end.

    Args:
        document: as `make_document` returns it.
        out: folder of the report.
    """
    bundle = document['conditions']['bundle']
    lines = [document['split'], '%s %s on %s, through the device\'s own pipeline' % (
        bundle['id'], bundle['version'], document['data']['name']), '']
    lines += [wrapped(line) for line in headline(document)]
    if document['regions']:
        lines += [''] + _table(document['regions'])
    points = document['finding'] and document['finding']['operating_points']
    if points:
        lines += [''] + _points(points)
    if document['averaging']:
        lines += [''] + _averaging(document['averaging'])
    lines += [''] + [wrapped('Note: ' + note) for note in document['data']['notes'] + document['notes']]
    return '\n'.join(lines + ['  Report: %s' % (out / 'report.html'), wrapped(document['notice'])])


def wrapped(line: str) -> str:
    """A sentence as indented lines of a terminal."""
    return textwrap.fill(line, 112, initial_indent='  ', subsequent_indent='      ', break_on_hyphens=False)


def _table(regions: Dict[str, Any]) -> List[str]:
    rows = [['region', 'IoU', 'Dice', 'HD95 px', 'area bias, % of picture']]
    for name in REGIONS:
        region, area = regions['all']['regions'][name], regions['answered']['regions'][name].get('area')
        rows.append([region_name(name), figure(region['iou']), figure(region['dice']),
                     figure(region.get('hd95_px'), 1), figure(area and area['bias'], 2)])
    return _aligned(rows)


def averaging_rows(ways: List[Dict[str, Any]]) -> List[List[str]]:
    """Gain and cost of averaging as a table: a column per way, a row per figure, the names first.

    Args:
        ways: as `models.evaluation.averaging.average` returns them.
    """
    rows = [['averaged'] + [way['name'] for way in ways]]
    if ways[0]['regions']:
        for name in REGIONS:
            rows.append(['IoU ' + region_name(name)] + ['-' if way['regions'][name] is None else
                                                       '%.3f' % way['regions'][name] for way in ways])
        rows.append(['mIoU'] + [figure(way['miou']) for way in ways])
        rows.append(['gain of mIoU'] + [figure(way['gain'], 4) for way in ways])
    if ways[0]['auc']:
        rows.append(['AUC of the finding'] + [figure(way['auc']) for way in ways])
    rows.append(['refused'] + ['%d of %d' % (way['refused'], way['n']) for way in ways])
    rows.append(['runs of a network'] + [str(way['passes']) for way in ways])
    rows.append(['to the result on a Jetson Nano, predicted, ms'] + ['%.1f' % way['nano_ms'] for way in ways])
    rows.append(['time here over the first'] + ['%.2f' % way['time_ratio'] for way in ways])
    return rows


def _averaging(ways: List[Dict[str, Any]]) -> List[str]:
    return _aligned(averaging_rows(ways)) + [wrapped(
        'Refused frames count as all background. Intervals: 95 %, bootstrap over patients; gains in pairs. Nano: FP16, '
        'MAXN, 90th percentile, one run after another, without the averaging. Time: median over frames, in turns.')]


def _aligned(rows: List[List[str]]) -> List[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ['  ' + '  '.join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]


def _points(points: Dict[str, Any]) -> List[str]:
    if 'reason' in points:
        return ['  No operating point: %s' % points['reason']]
    on, judged = points['halves']['chosen_on'], points['halves']['judged_on']
    lines = ['  Thresholds chosen on %d patients and judged on the other %d:' % (on['patients'], judged['patients'])]
    for point in points['points']:
        lines.append('    %s of %g aimed at: threshold %.4f gives sensitivity %s, specificity %s'
                     % (point['reach'], point['target'], point['threshold'],
                        figure(point['judged']['sensitivity']), figure(point['judged']['specificity'])))
    return lines
