"""``thermoscreen calibrate``: a bundle and thermograms in; the bundle with INT8 out."""
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import click

# A verb whose library is absent is not offered; looking is quick, importing is not.
for _name in ('onnx', 'torch', 'sklearn'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('a calibration needs %s' % _name, name=_name)

if TYPE_CHECKING:
    from .run import Calibrated

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command('calibrate')
@click.argument('bundle', type=_FOLDER)
@click.option('--data', required=True, metavar='DIR', help='Thermograms to measure on, or phantoms:SEED:COUNT.')
@click.option('--out', type=_FOLDER, metavar='BUNDLE',
              help='Bundle folder to write; a bundle that is there is replaced as a whole [default: the one given].')
@click.option('--method', default='entropy', show_default=True, type=click.Choice(['entropy', 'minmax', 'percentile']),
              help='How ranges are found.')
@click.option('--frames', default=64, show_default=True, type=click.IntRange(min=1), metavar='N',
              help='Measure ranges on at most N frames, chosen for difference.')
@click.option('--judge-frames', default=100, show_default=True, type=click.IntRange(min=1), metavar='N',
              help='Compare with FP32 on at most N other frames, and on N phantoms.')
@click.option('--keep-float', multiple=True, metavar='NODE', help='Leave this node in floating point; repeatable.')
@click.option('--positive', multiple=True, metavar='CLASS',
              help='Class that the finding should call, where the data has other classes than it; repeatable.')
@click.option('--threshold', 'point', default='specificity', show_default=True,
              type=click.Choice(['specificity', 'sensitivity', 'youden']),
              help='Operating point that becomes the threshold: at 90 % specificity, 90 % sensitivity, or Youden.')
@click.option('--thresholds/--no-thresholds', default=True,
              help="Set the finding's temperature and thresholds where the data allows it [default: yes].")
@click.option('--layout', metavar='NAME', help='How the data folder is laid out [default: detected].')
@click.option('--seed', default=0, show_default=True, type=click.IntRange(min=0), help='Of every choice.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), metavar='N',
              help='CPU threads of one inference.')
@click.option('--json', 'as_json', is_flag=True, help='Print the figures as JSON.')
def calibrate_command(bundle: Path, data: str, out: Optional[Path], method: str, frames: int, judge_frames: int,
                      keep_float: Tuple[str, ...], positive: Tuple[str, ...], point: str, thresholds: bool,
                      layout: Optional[str], seed: int, threads: int, as_json: bool) -> None:
    """Add INT8 to BUNDLE: a Q/DQ variant and TensorRT's calibration cache.

    INT8 is compared with FP32 on frames that it was not calibrated on; if it loses more than 0.01 mIoU or breaks
    another limit, nothing is written. Data of known classes also sets the temperature and the thresholds of the
    finding, if the classes are the finding's own or --positive says which to call. Every other byte stays.

    \b
    Example:
      thermoscreen calibrate service/bundles/phantom-fpn --data phantoms:500000:400 --out phantom-int8
      thermoscreen calibrate unet-lite --data dmr --method percentile --json
    """
    # The libraries take seconds to import, too long for --help.
    from ..data import open_data
    from ..progress import bar
    from ..reports import failure_line
    from .run import CalibrationRequest, calibrate

    request = CalibrationRequest(method, frames, judge_frames, keep_float, positive, point, thresholds, seed, threads)
    calibrated = calibrate(bundle, open_data(data, layout), request, bar('Looking at'),
                           lambda sentence: click.echo('calibrate: %s' % sentence, err=True))
    out = out or bundle
    calibrated.package.write(out)
    for failure in calibrated.survey.failures:
        click.echo(failure_line(failure, 'left out'), err=True)
    if as_json:
        click.echo(json.dumps(_figures(calibrated, out), indent=1))
        return
    click.echo('\n'.join(_describe(calibrated, out)))


def _figures(calibrated: 'Calibrated', folder: Path) -> Dict[str, Any]:
    """A calibration as JSON."""
    document, fitted = calibrated.package.document, calibrated.finding
    return {
        'bundle': str(folder), 'calibration': document['calibration'],
        'golden': document['variants']['int8-qdq']['golden'],
        'parity': {title: parity.to_dict() for title, parity in calibrated.parities.items()},
        'latency': calibrated.latency,
        'finding': fitted and dict(fitted.entry, loss=[round(loss, 4) for loss in fitted.loss]),
        'why_no_thresholds': calibrated.why_no_thresholds,
        'refused': calibrated.survey.refused, 'failed': calibrated.survey.failures}


def _describe(calibrated: 'Calibrated', folder: Path) -> List[str]:
    """The same in lines of text."""
    from ..exporting.parity import describe_parity

    calibration, latency = calibrated.package.document['calibration'], calibrated.latency
    lines = ['%s: INT8 by %s ranges of %d frames of %s. The bundle is unsigned; thermoscreen bundle sign signs it.'
             % (folder, calibration['method'], calibration['frames'], calibration['data'])]
    lines += ['  against FP32 on %s: %s' % (title, describe_parity(parity.to_dict()))
              for title, parity in calibrated.parities.items()]
    lines.append('  FP32 %.1f ms, INT8 %.1f ms, ratio %.2f (n = %d each, %s)'
                 % (latency['fp32_ms'], latency['int8_ms'], latency['ratio'], latency['n'], latency['conditions']))
    if calibrated.survey.refused:
        lines.append('  %d frames were left out: the quality checks refuse them.' % calibrated.survey.refused)
    fitted = calibrated.finding
    if fitted is None:
        return lines + ['Temperature and thresholds of the finding stay as they were. %s'
                        % calibrated.why_no_thresholds]
    lines.append('Temperature %g: mean loss %.4f before, %.4f after (n = %d frames of other patients).'
                 % (fitted.entry['temperature'], *fitted.loss, fitted.judged))
    lines += ['  %-16s threshold %.4f  %s' % (point['name'], point['threshold'], point['basis'])
              for point in fitted.entry['operating_points']]
    return lines + ['Threshold of the finding: %.4f. %s' % (fitted.entry['threshold'],
                                                            fitted.entry['threshold_basis'])]
