"""``thermoscreen doctor`` and ``settings``: whether this installation works, and what is in force."""
import dataclasses
import json
import sys
from typing import Optional

import click

from ..messages import PROBLEM, printable
from ..settings import document_keys, load_settings
from .options import bundle_option, camera_option, json_option, settings_option


@click.command()
@camera_option
@click.option('--port', type=int, metavar='N', help='Port of the page.')
@bundle_option
@settings_option
@json_option
def doctor(camera: Optional[str], port: Optional[int], bundle: Optional[str], settings_path: Optional[str],
           as_json: bool) -> None:
    """Check versions, model, camera, disk, page and metrics.

    The exit code is 1 where something is a problem.

    \b
    Example:
      thermoscreen doctor
      thermoscreen doctor --camera replay:/media/usb --json
    """
    from ..doctor import examine  # most of a second on a Nano, which `settings` needs none of

    messages = examine(load_settings(settings_path, camera=camera, bundle=bundle, port=port))
    if as_json:
        click.echo(json.dumps([message.to_dict() for message in messages], indent=1))
    else:
        for message in messages:
            click.echo('%-9s %-11s %s' % (message.severity, message.subject, message.sentence))
            if message.next_step:
                click.echo('%-9s %-11s %s' % ('', '', message.next_step))
    sys.exit(1 if any(message.severity == PROBLEM for message in messages) else 0)


@click.command()
@settings_option
@click.option('--reference', is_flag=True, help='Print the reference page (Markdown) instead.')
@json_option
def settings(settings_path: Optional[str], reference: bool, as_json: bool) -> None:
    """Check a settings file and print the values in force.

    \b
    Example:
      thermoscreen settings --settings /etc/thermoscreen.toml
      thermoscreen settings --reference > docs/settings.md
    """
    if reference:
        click.echo(document_keys(), nl=False)
        return
    values = dataclasses.asdict(load_settings(settings_path))
    if as_json:
        click.echo(json.dumps(values, indent=1))
        return
    for name, value in values.items():
        click.echo('%-24s %s' % (name, printable(str(value))))
