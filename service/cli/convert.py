"""``thermoscreen convert``: a thermogram file as another kind of file, computed anew where asked."""
import json
from typing import Optional

import click

from ..conversion import convert as convert_file
from ..messages import printable
from ..readers import SCALE_HELP, SCALES
from .options import correction_options, json_option


@click.command()
@click.argument('source', type=click.Path(), metavar='IN')
@click.argument('target', type=click.Path(), metavar='OUT')
@correction_options
@click.option('--scale', type=click.Choice(sorted(SCALES)), help=SCALE_HELP)
@click.option('--frame', type=click.IntRange(1), metavar='N', help='One frame of a recording, counted from 1.')
@click.option('--force', is_flag=True, help='Replace OUT if it exists.')
@json_option
def convert(source: str, target: str, scale: Optional[str], frame: Optional[int], force: bool, as_json: bool,
            **corrections: Optional[float]) -> None:
    """Convert a thermogram or a recording.

    IN is any file that `analyse` reads. OUT ends in .tscap for a capture file (every frame as it was measured, with all
    that makes it temperatures), in .csv or .npy (degrees Celsius, without loss) or in .tif (16 bits of 0.01 K); the
    last three get a sidecar OUT.json. A parameter that IN states wrongly can be overruled: temperatures are computed
    again, from the detector's counts where IN has them.

    \b
    Example:
      thermoscreen convert IMG_0001.jpg visit.tscap
      thermoscreen convert visit.tscap corrected.csv --emissivity 0.98 --reflected 22
    """
    given = {name: value for name, value in corrections.items() if value is not None}
    report = convert_file(source, target, scale, frame, given, force)
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    frames = 'one frame' if report['frames'] == 1 else '%d frames' % report['frames']
    values = 'grey levels without temperatures'
    if report['lowest_c'] is not None:
        values = '%.2f to %.2f °C' % (report['lowest_c'], report['highest_c'])
        if report['emissivity'] is not None:
            values += ' at emissivity %g' % report['emissivity']
    click.echo('%s -> %s: %s, %dx%d, %s.' % (printable(source), printable(target), frames, report['width'],
                                             report['height'], values))
    for note in report['notes'] + ['Warning: %(sentence)s %(next_step)s' % warning for warning in report['warnings']]:
        click.echo('  ' + printable(note))
