"""The last backup of a station and its last restore test: noted beside its exams, told on the status page."""
import json
import os
from datetime import datetime
from typing import Any, Dict, Optional

from ..clock import Stamp
from ..durable import atomic_write_json
from ..messages import OK, WARNING, Message

#: Days after which another backup is due, and another restore test.
DUE_DAYS, TEST_DUE_DAYS = 7, 31
_MAX_BYTES = 4096


def last_path(root: str) -> str:
    """File beside the folder of exams that names the last backup."""
    return os.path.abspath(root) + '.backup.json'


def tried_path(root: str) -> str:
    """File beside the folder of exams that names the backup which was restored last as a test."""
    return os.path.abspath(root) + '.restore-test.json'


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


def note_restore_test(root: str, backup: str, stamp: Stamp) -> None:
    """Note that a backup was restored as a test and was whole; arguments and errors as of `note_backup`."""
    atomic_write_json(tried_path(root), {'backup': backup, 'stamp': stamp._asdict()})


def last_backup(root: str, now: Stamp) -> Message:
    """How old the last backup is.

    Args:
        root: the folder of exams.
        now: of the clock of the station.
    """
    return _age(last_path(root), now, 'backup', DUE_DAYS, 'Status, Backup.')


def last_restore_test(root: str, now: Stamp) -> Optional[Message]:
    """How old the last restore test is; None where there is no backup. Arguments as of `last_backup`."""
    if _noted(last_path(root)) is None:
        return None
    return _age(tried_path(root), now, 'restore test', TEST_DUE_DAYS, 'Status, Backup, Restore test.')


def _age(path: str, now: Stamp, what: str, due_days: int, where: str) -> Message:
    noted, code = _noted(path), what.replace(' ', '-')
    if noted is None:
        return Message(code + '-none', 'No %s was made yet.' % what, 'A supervisor makes one: %s' % where, WARNING,
                       what)
    facts = {'figures': noted['backup']}
    days = (_time(now) - _time(noted['stamp'])).total_seconds() / 86400
    if days < 0 or 'unsynchronised' in (now.clock, noted['stamp'].clock):
        return Message(code + '-age', 'There is a %s. The clock does not tell how old it is.' % what, '', OK, what,
                       facts)
    age = '%d days' % days if days >= 2 else 'a day' if days >= 1 else 'less than a day'
    sentence = 'The last %s is %s old.' % (what, age)
    if days > due_days:
        return Message(code + '-old', sentence, 'A supervisor makes another one: %s' % where, WARNING, what, facts)
    return Message(code + '-ok', sentence, '', OK, what, facts)


def _noted(path: str) -> Optional[Dict[str, Any]]:
    """The note in a file, None where there is none that can be read."""
    try:
        with open(path, 'rb') as stream:
            document = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
        stamp = Stamp(**document['stamp'])
        _time(stamp)
        return {'backup': str(document['backup']), 'stamp': stamp}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _time(stamp: Stamp) -> datetime:
    return datetime.strptime(stamp.utc, '%Y-%m-%dT%H:%M:%S.%fZ')
