"""``thermoscreen settings``: what can be set, and whether a file is right."""
import dataclasses
import json

import click

from ..settings import load_settings, reference_page
from .options import json_option, settings_option


@click.command()
@settings_option
@click.option('--reference', is_flag=True, help='Print the reference page (Markdown) instead.')
@json_option
def settings(settings_path, reference, as_json):
    """Check a settings file and print the values in force.

    \b
    Example:
      thermoscreen settings --settings /etc/thermoscreen.toml
      thermoscreen settings --reference > docs/settings.md
    """
    if reference:
        click.echo(reference_page(), nl=False)
        return
    values = dataclasses.asdict(load_settings(settings_path))
    if as_json:
        click.echo(json.dumps(values, indent=1))
        return
    for name, value in values.items():
        click.echo('%-24s %s' % (name, value))
