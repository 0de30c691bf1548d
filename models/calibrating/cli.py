"""``thermoscreen calibrate``: a bundle and thermograms in; the bundle with INT8 out."""
import importlib.util
import json
from pathlib import Path

import click

# The command line leaves a verb out whose library is absent; asking is quick, importing is not.
for _name in ('onnx', 'torch', 'sklearn'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('a calibration needs %s' % _name, name=_name)

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
              help="Set the finding's temperature and thresholds where the data tells [default: yes].")
@click.option('--layout', metavar='NAME', help='How the data folder is laid out [default: found out].')
@click.option('--seed', default=0, show_default=True, type=click.IntRange(min=0), help='Of every choice.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), metavar='N',
              help='CPU threads of one inference.')
@click.option('--json', 'as_json', is_flag=True, help='Print the figures as JSON.')
def calibrate_command(bundle, data, out, method, frames, judge_frames, keep_float, positive, point, thresholds, layout,
                      seed, threads, as_json):
    """Add INT8 to BUNDLE: a Q/DQ variant and TensorRT's calibration cache.

    INT8 is compared with FP32 on frames that it was not calibrated on; where it loses more than 0.01 mIoU or other
    limits are broken, nothing is written. Data of known classes sets the temperature and the thresholds of the finding
    as well, where the classes are the finding's own or --positive says which to call. Every other byte stays.

    \b
    Example:
      thermoscreen calibrate service/bundles/phantom-unet --data phantoms:500000:400 --out phantom-int8
      thermoscreen calibrate unet-lite --data dmr --method percentile --json
    """
    # The libraries take seconds to import: not for --help.
    from ..data import open_data
    from ..progress import bar
    from .report import describe, figures
    from .run import Order, calibrate

    order = Order(method, frames, judge_frames, keep_float, positive, point, thresholds, seed, threads)
    found = calibrate(bundle, open_data(data, layout), order, bar('Looking at'),
                      lambda sentence: click.echo('calibrate: %s' % sentence, err=True))
    out = out or bundle
    found.package.write(out)
    for failure in found.survey.failures:
        click.echo('%s: left out. %s [%s]' % (failure['key'], failure['message'], failure['code']), err=True)
    if as_json:
        click.echo(json.dumps(figures(found, out), indent=1))
        return
    for line in describe(found, out):
        click.echo(line)
