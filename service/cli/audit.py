"""``thermoscreen audit``: whether the audit log is whole."""
import contextlib
import json
import os
import re
import socket
import stat
import sys
from typing import Optional, Tuple

import click

from ..anchors import find_public_key, read_public_key, verify_station
from ..clock import Clock
from ..messages import InputError, printable
from ..operators import Anchor, Signer, places, serve_signer, verify
from ..operators.signer import SYSTEM_FOLDER
from .options import json_option, load_settings, settings_option
from .verbs import Group

_ANCHOR = re.compile(r'([1-9][0-9]{0,17})[:, ]([0-9a-fA-F]{8,64})\Z')
_SYSTEMD_FD = 3
_BACKLOG = 4


@click.group(cls=Group)
def audit() -> None:
    """Verify the audit log, and sign its checkpoints.

    \b
    Example:
      thermoscreen audit verify --settings /etc/thermoscreen/settings.toml
    """


@audit.command('verify')
@click.option('--log', type=click.Path(), metavar='DIR', help='Folder of the log. Default: that of the settings.')
@click.option('--key', metavar='KEY', help='Public key of the signer, 64 hexadecimal digits, or a file that holds it. '
              'Default: that of this station.')
@click.option('--anchor', 'anchors', multiple=True, metavar='COUNT:HEAD', help='How long the log was, as a report or a '
              'support bundle prints it; repeatable.')
@settings_option
@json_option
def verify_log(log: Optional[str], key: Optional[str], anchors: Tuple[str, ...], settings_path: Optional[str],
               as_json: bool) -> None:
    """Verify that no entry of the audit log was changed, taken out, cut off or rewritten.

    The log is compared with itself, with the checkpoints of its signer, with what every signed exam knows of its
    length, and with every --anchor. The exit code is 0 for a log that is whole, 1 for one that is broken, with the
    first entry that is, and 2 where nobody can say. docs/protection.md says what cannot be noticed. The service may
    be running.

    \b
    Example:
      thermoscreen audit verify --settings /etc/thermoscreen/settings.toml
      thermoscreen audit verify --log /media/usb/audit --key 1f0c...9a --anchor 1204:5be0c1d2
    """
    settings = load_settings(settings_path)
    known = dict(map(_parsed, anchors))
    public_key = read_public_key(key) if key else None
    if log:
        verdict = verify(log, known, public_key)
    elif settings.exams_folder:
        public_key = public_key or find_public_key(settings.exams_folder)
        verdict = verify_station(settings.exams_folder, settings.audit_anchor, known, public_key)
    else:
        raise _no_log()
    if as_json:
        click.echo(json.dumps(dict(verdict._asdict(), key=public_key and public_key.hex()), indent=1))
    else:
        click.echo(printable(verdict.sentence))
        if public_key is not None:
            click.echo('Checkpoints were checked with the public key %s.' % public_key.hex())
    sys.exit(verdict.answer)


@audit.command('signer')
@click.option('--log', type=click.Path(), metavar='DIR', help='Folder of the log. Default: that of the settings.')
@click.option('--folder', default=SYSTEM_FOLDER, show_default=True, type=click.Path(), metavar='DIR',
              help='Folder of the key, which is made where it is absent.')
@click.option('--socket', 'path', type=click.Path(), metavar='PATH', help='Unix socket to make. Default: the one that '
              'systemd gives.')
@click.option('--once', is_flag=True, help='End after one signature.')
@settings_option
def signer_command(log: Optional[str], folder: str, path: Optional[str], once: bool, settings_path: Optional[str]
                   ) -> None:
    """Sign checkpoints of the audit log, as a process of its own.

    The service asks for them on the socket, which its setting audit_signer names. The signer reads what was added to
    the log and signs it if it goes on where it stopped, with a key that the account of the service cannot read. On a
    station thermoscreen-audit.service runs it.

    \b
    Example:
      thermoscreen audit signer --settings /etc/thermoscreen/settings.toml --socket /run/thermoscreen-audit.socket
    """
    if log is None:
        exams_folder = load_settings(settings_path).exams_folder
        if not exams_folder:
            raise _no_log()
        log = places(exams_folder).audit
    with contextlib.closing(_listening(path)) as listening:
        serve_signer(Signer(folder, log, Clock()), listening, 1 if once else 0)


def _no_log() -> InputError:
    return InputError('exams-folder', 'No folder of exams is named, so there is no audit log.',
                      'Give the settings of the station with --settings, or the log with --log.')


def _listening(path: Optional[str]) -> socket.socket:
    """The socket to serve on: a new one, or the first that systemd gives (sd_listen_fds(3))."""
    if path is None:
        if os.environ.get('LISTEN_PID') != str(os.getpid()) or os.environ.get('LISTEN_FDS') != '1':
            raise InputError('audit-socket', 'No socket is named.', 'Name one with --socket.')
        return socket.fromfd(_SYSTEMD_FD, socket.AF_UNIX, socket.SOCK_STREAM)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)  # of a signer that was killed
        listening.bind(path)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise InputError('audit-socket', '%s cannot be made: %s.' % (path, error.strerror or error),
                         'Name another one with --socket.')
    finally:
        os.umask(before)
    return listening


def _parsed(text: str) -> Tuple[str, Anchor]:
    match = _ANCHOR.match(text.strip())
    if not match:
        raise InputError('audit-anchor', '%s is no anchor.' % text, 'Write the number of entries, a colon, and at '
                         'least 8 hexadecimal digits, such as 1204:5be0c1d2.')
    return 'the anchor %s' % text, Anchor(int(match.group(1)), match.group(2))
