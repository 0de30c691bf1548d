"""``thermoscreen restore``: exams from a backup."""
import json
import os
import sys
from typing import Optional

import click

from ..messages import InputError, shown_size
from .exams import exams_root, folder_options
from .operators import check_user
from .options import json_option

#: What was done with how many exams, in words.
_DONE = (('restored', 'restored'), ('repaired', 'repaired from the backup'),
         ('replaced', 'replaced, with the old ones in the quarantine'), ('newer', 'had gone on since and stayed'),
         ('same', 'were there already'))


@click.command()
@click.argument('medium', type=click.Path(), metavar='MEDIUM')
@click.option('--key', default='', metavar='ID', help='Key that signed the backup, as `backup make` said it. Default: '
              'that of this station, if it has made a backup.')
@folder_options
@json_option
def restore(medium: str, key: str, folder: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """Restore exams from a backup.

    MEDIUM is a medium with one backup, or the folder of a backup. What the station lacks comes from the backup; what is
    damaged or older there is replaced, and kept in the quarantine; what went on since stays. Stop the service first,
    and run it as the user of the service. It may be interrupted and done again. The exit code is 1 where something
    could not be restored; it is named.

    \b
    Example:
      systemctl stop thermoscreen && thermoscreen restore /media/usb --key 5be0c1d21f0c7a9a
      thermoscreen restore /media/usb/thermo-backup-3f9a0c1d --folder /var/lib/thermoscreen/exams
    """
    from ..backup import backup_of, known_key, restore_backup
    from ..clock import Clock
    from ..operators import tell_audit
    root = exams_root(folder, settings_path)
    check_user(root)
    key = key or known_key(root)
    if not key:
        raise InputError('restore-key', 'This station has made no backup, so it does not know whose backups to trust.',
                         'Give the key that was written down with --key.')

    def told(done: int, total: int) -> None:
        click.echo('%s of %s were read.' % (shown_size(done), shown_size(total)), err=True)
    chosen = backup_of(medium)
    done = restore_backup(chosen, root, key, told=told)
    counts = done._asdict()
    tell_audit(root, Clock(), 'restored', backup=os.path.basename(chosen), key=key, problems=len(done.problems),
               **{name: counts[name] for name, _ in _DONE})
    if as_json:
        click.echo(json.dumps(dict(counts, problems=[problem.to_dict() for problem in done.problems]), indent=1))
    else:
        for problem in done.problems:
            click.echo('%s [%s]' % (problem.text, problem.code))
        told_counts = ', '.join('%d %s' % (counts[name], words) for name, words in _DONE if counts[name])
        click.echo('Exams: %s. The station has %d.' % (told_counts or 'none', done.exams))
    sys.exit(int(any(problem.severity == 'problem' for problem in done.problems)))
