"""``thermoscreen convert``: a thermogram file as another kind of file, computed anew where asked."""
import json

import click

from ..conversion import convert as convert_file
from ..readers import SCALES
from .options import json_option

#: Options that correct the scene: the name in `SCENE_FIELDS`, what the help says.
_SCENE = {
    'emissivity': ('emissivity', 'Emissivity of the surface (skin: 0.98).'),
    'reflected': ('reflected_c', 'What the surface mirrors, degrees Celsius; the room as a rule.'),
    'air': ('air_c', 'Air between, degrees Celsius.'),
    'humidity': ('humidity_percent', 'Relative humidity of it, percent.'),
    'distance': ('distance_m', 'Metres of it.'),
    'window': ('window_c', 'A window before the camera, degrees Celsius.'),
    'window-transmission': ('window_transmission', 'Share that it lets through, up to 1.'),
}


def _scene_options(command):
    for option, (name, text) in reversed(list(_SCENE.items())):
        command = click.option('--' + option, name, type=float, help=text)(command)
    return command


@click.command()
@click.argument('source', type=click.Path(), metavar='IN')
@click.argument('target', type=click.Path(), metavar='OUT')
@_scene_options
@click.option('--scale', type=click.Choice(sorted(SCALES)), help='What one count of a 16-bit file means.')
@click.option('--frame', type=click.IntRange(1), metavar='N', help='One frame of a recording, counted from 1.')
@click.option('--force', is_flag=True, help='Replace OUT where it is there already.')
@json_option
def convert(source, target, scale, frame, force, as_json, **scene):
    """Convert a thermogram or a recording.

    IN is any file that `analyse` reads. OUT ends in .tscap for a capture file (every frame as it was measured, with all
    that makes it temperatures), in .csv, .npy (degrees Celsius, without loss) or .tif (16 bits of 0.01 K); the
    last three get a sidecar OUT.json. A value of the scene that was set wrongly in the camera is corrected here:
    temperatures are computed again, from the counts where IN has them.

    \b
    Example:
      thermoscreen convert IMG_0001.jpg visit.tscap
      thermoscreen convert visit.tscap corrected.csv --emissivity 0.98 --reflected 22
    """
    given = {name: value for name, value in scene.items() if value is not None}
    report = convert_file(source, target, scale, frame, given, force)
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    click.echo('%s -> %s: %s, %dx%d, %s.' % (
        source, target, 'one frame' if report['frames'] == 1 else '%d frames' % report['frames'], report['width'],
        report['height'], 'grey levels without temperatures' if report['lowest_c'] is None else
        '%.2f to %.2f C%s' % (report['lowest_c'], report['highest_c'],
                              '' if report['emissivity'] is None else ' at emissivity %g' % report['emissivity'])))
    for note in report['notes']:
        click.echo('  ' + note)
