"""``thermoscreen backup``: the exams of the station on a medium."""
import json
import os
import sys
from typing import Optional

import click

from ..messages import OK, StorageError, printable, shown_size
from .exams import exams_root, folder_options
from .operators import check_user
from .options import json_option, load_settings
from .verbs import Group


@click.group(cls=Group)
def backup() -> None:
    """Back up the exams of this station to a medium, and verify a backup or test its restore.

    docs/backup.md describes what is on the medium, and how it is restored.

    \b
    Example:
      thermoscreen backup make /media/usb --unmount
      thermoscreen backup verify /media/usb
      thermoscreen backup test /media/usb
    """


@backup.command('make')
@click.argument('medium', type=click.Path(), metavar='MEDIUM')
@folder_options
@click.option('--unmount', 'and_unmount', is_flag=True, help='Unmount MEDIUM afterwards, so that it may be removed.')
@json_option
def make_command(medium: str, folder: Optional[str], settings_path: Optional[str], and_unmount: bool, as_json: bool
                 ) -> None:
    """Copy everything that the station keeps to a new folder of MEDIUM, or finish a copy that was interrupted.

    The service may be running. What is encrypted stays so and takes no key; the secret of the station is not copied.
    Each volume is read back from the medium itself. The exit code is 1 where something of the station is damaged; it
    is named, and the rest is copied all the same.

    \b
    Example:
      thermoscreen backup make /media/usb --unmount
      thermoscreen backup make /media/usb --folder /var/lib/thermoscreen/exams --json
    """
    from ..backup import make_backup, note_backup, station_key, unmount
    from ..clock import Clock
    from ..operators import tell_audit
    root, clock = exams_root(folder, settings_path), Clock()
    stamp, shown = clock.now(), [-1]

    def told(done: int, total: int) -> None:
        tenth = 10 * done // total if total else 10
        if tenth > shown[0]:
            shown[0] = tenth
            click.echo('%s of %s are on the medium.' % (shown_size(done), shown_size(total)), err=True)
    try:
        made = make_backup(root, medium, station_key(root), stamp, told=told)
    except StorageError as error:
        tell_audit(root, clock, 'backup-failed', code=error.code)
        raise
    tell_audit(root, clock, 'backup-made', backup=os.path.basename(made.folder), exams=made.exams, volumes=made.volumes,
               bytes=made.size, reused=made.reused, key=made.key, anchor=made.anchor and list(made.anchor),
               problems=len(made.problems))
    note_backup(root, os.path.basename(made.folder), stamp)
    if and_unmount:
        unmount(medium)
    if as_json:
        click.echo(json.dumps(dict(
            made._asdict(), anchor=made.anchor and made.anchor._asdict(), unmounted=and_unmount,
            problems=[problem.to_dict() for problem in made.problems]), indent=1))
    else:
        for problem in made.problems:
            click.echo('%s [%s]' % (problem.text, problem.code))
        click.echo(printable('%s: %d %s, %s in %d %s.' % (
            made.folder, made.exams, 'exam' if made.exams == 1 else 'exams', shown_size(made.size), made.volumes,
            'volume' if made.volumes == 1 else 'volumes')))
        click.echo('It is signed by the key %s. Write this down: a restore asks for it.' % made.key)
        if made.anchor is not None:
            click.echo('The audit log had %d entries: %d:%s' % (made.anchor.count, made.anchor.count,
                                                                made.anchor.head[:16]))
        click.echo('You may remove the medium.' if and_unmount else 'Unmount the medium before you remove it.')
    sys.exit(int(any(problem.severity == 'problem' for problem in made.problems)))


@backup.command('verify')
@click.argument('medium', type=click.Path(), metavar='MEDIUM')
@click.option('--key', default='', metavar='ID', help='Key that has to have signed it, 16 hexadecimal digits.')
@folder_options
@json_option
def verify_command(medium: str, key: str, folder: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """Read every byte of a backup from the medium itself, and compare it with what was signed.

    MEDIUM is a medium with one backup, or the folder of a backup. The exit code is 1 where something is damaged; its
    volume and file are named. It takes no key to what is encrypted, and no station: the audit log of one
    is told where --folder or --settings names it.

    \b
    Example:
      thermoscreen backup verify /media/usb
      thermoscreen backup verify /media/usb/thermo-backup-3f9a0c1d --key 5be0c1d21f0c7a9a --json
    """
    from ..backup import backup_of, verify_backup
    found = verify_backup(backup_of(medium), key)
    document = found.manifest.document
    if folder is not None or settings_path is not None:
        from ..clock import Clock
        from ..operators import tell_audit
        anchor = document['audit']
        tell_audit(exams_root(folder, settings_path), Clock(), 'backup-verified', backup=os.path.basename(found.folder),
                   key=found.manifest.key, anchor=anchor and [anchor['count'], anchor['head']],
                   problems=len(found.problems))
    if as_json:
        click.echo(json.dumps({'folder': found.folder, 'key': found.manifest.key, 'exams': document['exams'],
                               'stamp': document['stamp'], 'audit': document['audit'],
                               'problems': [problem.to_dict() for problem in found.problems]}, indent=1))
    else:
        for problem in found.problems:
            click.echo('%s [%s]' % (problem.text, problem.code))
        state = 'is whole' if not found.problems else 'is damaged'
        click.echo(printable('%s %s: %d exams of %s UTC, signed by the key %s.' % (
            found.folder, state, document['exams'], document['stamp']['utc'][:16].replace('T', ' '),
            found.manifest.key)))
    sys.exit(int(any(problem.severity != OK for problem in found.problems)))


@backup.command('test')
@click.argument('medium', type=click.Path(), metavar='MEDIUM')
@folder_options
@json_option
def try_command(medium: str, folder: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """Restore the newest backup on MEDIUM as a test, compare every file, and remove what was restored.

    It needs as much room beside the exams as the backup takes; the service may be running. Do it once a month: Status
    and the doctor say when it was done last. The exit code is 1 where something is not as it was signed, or not as the
    station has it. It takes no key to what is encrypted; the page, where somebody is logged in, opens one exam as well.

    \b
    Example:
      sudo -u thermoscreen thermoscreen backup test /media/usb --settings /etc/thermoscreen/settings.toml
    """
    from ..backup import known_key, newest_backup, note_restore_test, try_restore
    from ..clock import Clock
    from ..operators import tell_audit
    root, clock, settings = exams_root(folder, settings_path), Clock(), load_settings(settings_path)
    check_user(root)
    key = known_key(root)
    tried = try_restore(newest_backup(medium, key), root, key, clock, least_bytes=settings.room_least_mib << 20)
    tell_audit(root, clock, 'restore-tested', backup=tried.backup, exams=tried.exams, problems=len(tried.problems))
    if not tried.problems:
        note_restore_test(root, tried.backup, clock.now())
    if as_json:
        click.echo(json.dumps(dict(tried._asdict(), problems=[problem.to_dict() for problem in tried.problems]),
                              indent=1))
    else:
        for problem in tried.problems:
            click.echo('%s [%s]' % (problem.text, problem.code))
        click.echo(printable('%s: %d exams were restored as a test and compared; %d went on since, %d were removed '
                             'since.' % (tried.backup, tried.exams, tried.newer, tried.gone)))
    sys.exit(int(bool(tried.problems)))


@backup.command()
def unmounter() -> None:
    """Unmount the one medium that the service asks for on standard input, for thermoscreen-unmount.socket.

    It reads a line, the place of a medium that may be pulled out, and answers with a line: ok, or the reason.

    \b
    Example:
      echo /media/sda1 | thermoscreen backup unmounter
    """
    from ..backup import serve_unmount
    asked = sys.stdin.buffer.readline(4096)
    sys.stdout.buffer.write(serve_unmount(asked))
    sys.stdout.buffer.flush()
