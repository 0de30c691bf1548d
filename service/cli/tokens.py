"""``thermoscreen tokens``: who may use the API."""
import json
from typing import Optional

import click

from ..web.tokens import Tokens
from .options import json_option, load_settings, settings_option
from .records import note
from .verbs import Group


@click.group(cls=Group)
def tokens() -> None:
    """Add, list and remove the tokens with which other programs use the API.

    They are kept in the file that the setting api_tokens names, by their hash alone. A change holds from the next
    request on; the service need not start again. As soon as there is a token, the API wants one.

    \b
    Example:
      thermoscreen tokens add hospital-dashboard --settings /etc/thermoscreen/settings.toml
      thermoscreen tokens list --settings /etc/thermoscreen/settings.toml
    """


@tokens.command()
@click.argument('name', metavar='NAME')
@settings_option
@json_option
def add(name: str, settings_path: Optional[str], as_json: bool) -> None:
    """Make a token for the program NAME and print it, this once.

    The program sends it with every request, as Authorization: Bearer TOKEN.

    \b
    Example:
      thermoscreen tokens add hospital-dashboard --settings /etc/thermoscreen/settings.toml
    """
    settings = load_settings(settings_path)
    token = Tokens(settings.api_tokens).add(name)
    note(settings, 'token-made', token=name)  # who is not told the token cannot use it
    click.echo(json.dumps({'name': name, 'token': token}) if as_json else token)


@tokens.command('list')
@settings_option
@json_option
def list_command(settings_path: Optional[str], as_json: bool) -> None:
    """List the tokens by name, with the time at which each was made.

    \b
    Example:
      thermoscreen tokens list --json
    """
    entries = Tokens(load_settings(settings_path).api_tokens).entries()
    if as_json:
        click.echo(json.dumps([{key: entry[key] for key in ('name', 'created')} for entry in entries], indent=1))
        return
    for entry in entries:
        click.echo('%s  %s' % (entry['created'], entry['name']))
    if not entries:
        click.echo('There are no tokens.')


@tokens.command()
@click.argument('name', metavar='NAME')
@settings_option
def remove(name: str, settings_path: Optional[str]) -> None:
    """End the token of the program NAME.

    \b
    Example:
      thermoscreen tokens remove hospital-dashboard --settings /etc/thermoscreen/settings.toml
    """
    settings = load_settings(settings_path)
    Tokens(settings.api_tokens).remove(name)
    note(settings, 'token-removed', token=name)
    click.echo('The token of %s is no longer valid.' % name)
