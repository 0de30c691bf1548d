"""``thermoscreen support``: what helps somebody who is not here."""
import json
import os
import sys
from typing import Optional

import click

from ..messages import StorageError, ThermoscreenError, printable, shown_size
from .options import json_option, load_settings, settings_option


@click.command()
@click.option('--out', required=True, type=click.Path(), metavar='FILE', help='File to write (.zip), or a folder for '
              'it. - writes it to standard output.')
@settings_option
@click.option('--state', type=click.Path(), metavar='DIR', help='Folder of what the service remembers. Default: '
              'that of an installed station.')
@json_option
def support(out: str, settings_path: Optional[str], state: Optional[str], as_json: bool) -> None:
    """Collect what helps from afar in one file, without anything about patients.

    Versions, the doctor's report, settings without secrets, model, logs, crashes, disk, clock, and how long the audit
    log is; docs/support.md says what else, and what is left out. Nothing on the station is changed. It works while the
    service runs and while it does not; a part that fails is named in the file and stops no other. With sudo it holds
    the journal too.

    \b
    Example:
      sudo thermoscreen support --out /media/usb --settings /etc/thermoscreen/settings.toml
      thermoscreen support --out - --settings /etc/thermoscreen/settings.toml > support.zip
    """
    from ..durable import write_new
    from ..settings import Settings
    from ..support import STATE, Station, make_bundle
    from .records import note
    problem: Optional[ThermoscreenError] = None
    try:
        settings = load_settings(settings_path)
    except ThermoscreenError as error:
        settings, problem = Settings(), error
    made = make_bundle(Station(settings, problem, state or STATE))
    path = os.path.join(out, made.name) if os.path.isdir(out) else out
    if out == '-':
        sys.stdout.buffer.write(made.data)
    else:
        write_new(path, made.data, 0o600)
    problems = list(made.problems)
    try:
        note(settings, 'support-bundle-made')
    except StorageError as error:
        problems.append(error.message)
    if out == '-':
        return
    if as_json:
        click.echo(json.dumps({'file': path, 'bytes': len(made.data), 'problems': [message.to_dict() for message
                                                                                   in problems]}, indent=1))
        return
    for message in problems:
        click.echo('%s%s [%s]' % (message.subject and message.subject + ': ', message.text, message.code))
    click.echo(printable('%s: %s.' % (path, shown_size(len(made.data)))))
