"""``thermoscreen doctor``: what is there, what is wrong, what to do."""
import json
import sys

import click

from ..doctor import examine
from ..messages import PROBLEM
from .options import bundle_option, json_option, load_settings, settings_option


@click.command()
@click.option('--camera', metavar='SPEC', help='Camera to try: usb, v4l2:PATH, sim:SEED, replay:FOLDER, ...')
@click.option('--port', type=int, metavar='N', help='Port of the page.')
@bundle_option
@settings_option
@json_option
def doctor(camera, port, bundle, settings_path, as_json):
    """Check versions, model, camera, disk, page and metrics.

    The exit code is 1 where something is a problem.

    \b
    Example:
      thermoscreen doctor
      thermoscreen doctor --camera replay:/media/usb --json
    """
    messages = examine(load_settings(settings_path, camera=camera, bundle=bundle, port=port))
    if as_json:
        click.echo(json.dumps([message.to_dict() for message in messages], indent=1))
    else:
        for message in messages:
            click.echo('%-9s %-11s %s' % (message.severity, message.subject, message.sentence))
            if message.next_step:
                click.echo('%-9s %-11s %s' % ('', '', message.next_step))
    sys.exit(1 if any(message.severity == PROBLEM for message in messages) else 0)
