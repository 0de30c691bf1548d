"""The last backup of a station: noted beside its exams, told on the status page."""
import json
import os
from datetime import datetime
from typing import Any, Dict, Optional

from ..clock import Stamp
from ..durable import atomic_write_json
from ..messages import OK, WARNING, Message

#: Days after which another backup is due.
DUE_DAYS = 7
_MAX_BYTES = 4096
_MAKE = 'A supervisor makes one: Status, Backup.'


def last_path(root: str) -> str:
    """File beside the folder of exams that names the last backup."""
    return os.path.abspath(root) + '.backup.json'


def note_backup(root: str, backup: str, stamp: Stamp) -> None:
    """Note that a backup was made and holds.

    Args:
        root: the folder of exams.
        backup: name of its folder.
        stamp: when.

    Raises:
        StorageError: it cannot be written.
    """
    atomic_write_json(last_path(root), {'backup': backup, 'stamp': stamp._asdict()})


def last_backup(root: str, now: Stamp) -> Message:
    """How old the last backup is.

    Args:
        root: the folder of exams.
        now: of the clock of the station.
    """
    noted = _noted(root)
    if noted is None:
        return Message('backup-none', 'No backup was made yet.', _MAKE, WARNING, 'backup')
    facts = {'figures': noted['backup']}
    days = (_time(now) - _time(noted['stamp'])).total_seconds() / 86400
    if days < 0 or 'unsynchronised' in (now.clock, noted['stamp'].clock):
        return Message('backup-age', 'There is a backup. The clock does not tell how old it is.', '', OK, 'backup',
                       facts)
    age = '%d days' % days if days >= 2 else 'a day' if days >= 1 else 'less than a day'
    if days > DUE_DAYS:
        return Message('backup-old', 'The last backup is %s old.' % age, 'A supervisor makes another one: Status, '
                       'Backup.', WARNING, 'backup', facts)
    return Message('backup-ok', 'The last backup is %s old.' % age, '', OK, 'backup', facts)


def _noted(root: str) -> Optional[Dict[str, Any]]:
    """The note, None where there is none that can be read."""
    try:
        with open(last_path(root), 'rb') as stream:
            document = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
        stamp = Stamp(**document['stamp'])
        _time(stamp)
        return {'backup': str(document['backup']), 'stamp': stamp}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _time(stamp: Stamp) -> datetime:
    return datetime.strptime(stamp.utc, '%Y-%m-%dT%H:%M:%S.%fZ')
