"""``thermoscreen audit``: whether the audit log is whole."""
import contextlib
import json
import os
import re
import socket
import stat
import sys
from typing import Dict, Iterator, List, Optional, Tuple

import click

from ..clock import Clock
from ..messages import InputError, ThermoscreenError, printable
from ..operators import Anchor, OperatorError, Signer, places, serve_signer, verify
from ..operators.chain import decode
from ..operators.keys import read_secret
from ..operators.signer import PUBLIC_KEY, STATE, SYSTEM_FOLDER
from .options import json_option, load_settings, settings_option
from .verbs import Group

_ANCHOR = re.compile(r'([1-9][0-9]{0,17})[:, ]([0-9a-fA-F]{8,64})\Z')
_KEY = re.compile(r'[0-9a-fA-F]{64}\Z')
_MAX_BYTES = 4096
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
    exams = '' if log else settings.exams_folder
    if not exams and not log:
        raise InputError('exams-folder', 'No folder of exams is named, so there is no audit log.',
                         'Give the settings of the station with --settings, or the log with --log.')
    known = dict(map(_parsed, anchors))
    public_key = _read_key(key) if key else None
    mac_key = None
    if exams:
        where = places(exams)
        log = where.audit
        signers = [SYSTEM_FOLDER, where.signer]
        known.update(_signed([os.path.join(folder, STATE) for folder in signers] + [settings.audit_anchor]))
        known.update(_exams(exams))
        mac_key = _mac_key(where.secret)
        if public_key is None:
            public_key = next((_read_key(path) for path in (os.path.join(folder, PUBLIC_KEY) for folder in signers)
                               if os.path.exists(path)), None)
    verdict = verify(log or '', known, public_key, mac_key)
    if as_json:
        click.echo(json.dumps(dict(verdict._asdict(), key=public_key and public_key.hex()), indent=1))
    else:
        click.echo(printable(verdict.sentence))
        if public_key is not None:
            click.echo('Checkpoints were checked with the public key %s.' % public_key.hex())
    sys.exit(verdict.answer)


@audit.command('signer')
@click.option('--log', required=True, type=click.Path(), metavar='DIR', help='Folder of the audit log.')
@click.option('--folder', default=SYSTEM_FOLDER, show_default=True, type=click.Path(), metavar='DIR',
              help='Folder of the key, which is made where it is absent.')
@click.option('--socket', 'path', type=click.Path(), metavar='PATH', help='Unix socket to make. Default: the one that '
              'systemd gives.')
@click.option('--once', is_flag=True, help='End after one signature.')
def signer_command(log: str, folder: str, path: Optional[str], once: bool) -> None:
    """Sign checkpoints of the audit log, as a process of its own.

    The service asks for them on the socket, which its setting audit_signer names. The signer reads what was added to
    the log and signs it if it goes on where it stopped, with a key that the account of the service cannot read. On a
    station thermoscreen-audit.service runs it.

    \b
    Example:
      thermoscreen audit signer --log /var/lib/thermoscreen/exams/audit --socket /run/thermoscreen-audit.socket
    """
    with contextlib.closing(_listening(path)) as listening:
        serve_signer(Signer(folder, log, Clock()), listening, 1 if once else 0)


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


def _read_key(text: str) -> bytes:
    """A public key that was given as digits or by the file that holds them."""
    digits = text
    if not _KEY.match(text):
        try:
            with open(text, 'rb') as stream:
                digits = stream.read(_MAX_BYTES).decode('ascii').strip()
        except (OSError, ValueError) as error:
            raise InputError('key-unreadable', '%s cannot be read.' % text, 'Name the file of the public key, or its '
                             '64 hexadecimal digits.', detail=repr(error))
    if not _KEY.match(digits):
        raise InputError('key-unreadable', '%s is no public key.' % text, 'It has 64 hexadecimal digits.')
    return bytes.fromhex(digits)


def _mac_key(path: str) -> Optional[bytes]:
    """The key of the marks in the log, for whoever may read it."""
    try:
        return bytes.fromhex(read_secret(path)['audit'])
    except (OSError, OperatorError):
        return None


def _signed(paths: List[str]) -> Dict[str, Anchor]:
    """What the signers on this machine signed last."""
    found = {}
    for path in filter(None, paths):
        try:
            with open(path, 'rb') as stream:
                state = decode(stream.read(_MAX_BYTES).rstrip(b'\n'))
            found['the signature in %s' % path] = Anchor(int(state['count']), str(state['head']))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _exams(folder: str) -> Iterator[Tuple[str, Anchor]]:
    """What every signed exam knows; one that cannot be read is for ``thermoscreen exams verify`` to name."""
    from ..exams.folder import exam_ids, read_exam
    for exam_id in exam_ids(folder)[0]:
        try:
            anchors = read_exam(folder, exam_id).anchors
        except ThermoscreenError:
            continue
        for anchor in anchors:
            yield 'the exam %s (event %d)' % (exam_id, anchor.event), Anchor(anchor.count, anchor.head)
