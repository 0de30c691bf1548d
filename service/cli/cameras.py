"""``thermoscreen cameras``: what is plugged in, what it is, what it delivers."""
import json
from typing import TYPE_CHECKING, Any, Dict

import click

from ..messages import printable
from .options import json_option

if TYPE_CHECKING:
    from ..cameras.v4l2 import ListedCamera


@click.command()
@json_option
def cameras(as_json: bool) -> None:
    """List the USB cameras that are plugged in.

    For each: what it delivers (degrees Celsius, or counts without temperatures), its size, frame rate and noise, the
    accuracy that its maker states, and the value for --camera. Network cameras are not searched for: gige
    takes the first.

    \b
    Example:
      thermoscreen cameras
      thermoscreen cameras --json
    """
    from ..cameras.v4l2 import LinuxVideoSystem, list_cameras
    plugged_in = list_cameras(LinuxVideoSystem())
    if as_json:
        click.echo(json.dumps([camera.to_dict() for camera in plugged_in], indent=1))
    elif not plugged_in:
        click.echo('No USB camera is plugged in. Plug one in, or try a simulated one: thermoscreen serve --camera '
                   'simusb:lepton')
    else:
        for camera in plugged_in:
            _show(camera)


def _show(camera: 'ListedCamera') -> None:
    node = camera.node
    ids = '%s:%s' % (node.vid, node.pid) if node.vid else 'not on USB'
    click.echo('%-14s %s (%s%s)' % (node.path or '(no video)', printable(camera.title), ids,
                                    ', serial %s' % printable(node.serial) if node.serial else ''))
    if camera.delivers:
        click.echo('%-14s %s. %s' % ('', _delivers(camera.delivers), camera.delivers['accuracy']))
    if camera.problem:
        click.echo('%-14s %s [%s]' % ('', camera.problem.text, camera.problem.code))
    elif camera.spec:
        click.echo('%-14s --camera %s' % ('', printable(camera.spec)))


def _delivers(delivers: Dict[str, Any]) -> str:
    unit = 'Degrees Celsius' if delivers['unit'] == 'celsius' else 'Counts without temperatures'
    netd_mk = delivers['netd_mk']
    noise = 'noise not stated by the maker' if netd_mk is None else 'noise (NETD) %g mK' % netd_mk
    return '%s, %dx%d, %g Hz, %s' % (unit, delivers['width'], delivers['height'], delivers['rate_hz'], noise)
