"""``thermoscreen cameras``: what is plugged in, what it is, what it delivers."""
import json

import click

from .options import json_option


@click.command()
@json_option
def cameras(as_json):
    """List the USB cameras that are plugged in.

    Each with what it delivers (degrees Celsius, or counts without temperatures), its size, rate and noise, how far its
    maker lets its temperatures be trusted, and what to give --camera or --source for it. Cameras on the network are
    not looked for: gige finds the first.

    \b
    Example:
      thermoscreen cameras
      thermoscreen cameras --json
    """
    from ..cameras.v4l2 import LinuxVideoSystem, list_cameras
    found = list_cameras(LinuxVideoSystem())
    if as_json:
        click.echo(json.dumps([camera.to_dict() for camera in found], indent=1))
    elif not found:
        click.echo('No USB camera is plugged in; plug one in, or try without one: thermoscreen serve --camera '
                   'simusb:lepton')
    else:
        for camera in found:
            _show(camera)


def _show(camera):
    node = camera.node
    ids = '%s:%s' % (node.vid, node.pid) if node.vid else 'not on USB'
    click.echo('%-14s %s (%s%s)' % (node.path or '(no video)', camera.title, ids,
                                    ', serial %s' % node.serial if node.serial else ''))
    if camera.delivers:
        click.echo('%-14s %s. %s' % ('', _delivers(camera.delivers), camera.delivers['accuracy']))
    if camera.problem:
        click.echo('%-14s %s [%s]' % ('', camera.problem.text, camera.problem.code))
    elif camera.spec:
        click.echo('%-14s --camera %s' % ('', camera.spec))


def _delivers(delivers):
    unit = 'Degrees Celsius' if delivers['unit'] == 'celsius' else 'Counts without temperatures'
    netd_mk = delivers['netd_mk']
    noise = 'noise not stated by the maker' if netd_mk is None else 'noise (NETD) %g mK' % netd_mk
    return '%s, %dx%d, %g Hz, %s' % (unit, delivers['width'], delivers['height'], delivers['rate_hz'], noise)
