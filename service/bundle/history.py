"""What a station remembers of the bundles that were installed on it: versions, the date, and how each change ended."""
import json
import os
import re
import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Tuple

from ..durable import atomic_write_json
from ..messages import BundleError, StorageError
from .manifest import Manifest, read_plain

#: Beside the installed bundle, in the folder of the station's state.
HISTORY_NAME = 'bundle-history.json'

#: How a change of the model ends: it is on trial until its first pictures were analysed, and is kept then; or the
#: bundle before it came back by itself; or it never took place, since the station was switched off or the disk refused.
TRIAL, KEPT, RETURNED, INTERRUPTED = OUTCOMES = ('trial', 'kept', 'returned', 'interrupted')

#: Changes that are remembered; the audit log has all of them.
_CHANGES_KEPT = 50

#: Held by the threads of one process between reading a record and writing it.
WRITING = threading.RLock()

_MAX_BYTES = 1 << 18
_DATE = re.compile(r'\d{4}-\d\d-\d\d\Z')
_VERSION = re.compile(r'\d+\.\d+\.\d+\Z')


@dataclass
class Change:
    """One change of the model, written before it takes place.

    Attributes:
        utc: when, by the station's clock.
        by: id of the supervisor; empty where there are no operators.
        before, after: ``id``, ``version`` and ``hash`` of the bundles; None where there was none before.
        outcome: one of `OUTCOMES`.
        starts: of the service with a bundle on trial that have not ended as told.
        code, sentence: why it came back; empty otherwise.
        told: the outcome that the audit log knows; empty for none.
        seen: whether somebody has read that it came back.
    """

    utc: str
    by: str
    before: Optional[Dict[str, str]]
    after: Dict[str, str]
    outcome: str = TRIAL
    starts: int = 0
    code: str = ''
    sentence: str = ''
    told: str = ''
    seen: bool = False


class History:
    """The record of one station. No version in it gets lower, and no date earlier.

    Args:
        folder: that of the station's state.
    Attributes:
        path: file of the record.
        changes: of the model, the newest last.
        versions: highest version of every name that was installed.
        latest: latest date (YYYY-MM-DD, UTC) that is certain to have passed. A board without a battery starts in 1970,
            so its clock alone is no date.
    Raises:
        StorageError: ``bundle-history`` for a record that is damaged.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, HISTORY_NAME)
        self.versions: Dict[str, str] = {}
        self.changes: List[Change] = []
        self.latest = datetime.now(timezone.utc).strftime('%Y-%m-%d')
        try:
            document = json.loads(read_plain(self.path, _MAX_BYTES).decode('utf-8'))
            self.versions.update(_checked(document['versions']))
            self.latest = max(self.latest, _checked({'': document['latest']}, _DATE)[''])
            # Absent from schema 1.
            self.changes = [_change(entry) for entry in document.get('changes', ())]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BundleError) as error:
            raise StorageError('bundle-history', '%s is damaged.' % self.path, 'Remove it; the station then no longer '
                               'knows which versions were installed.', detail=repr(error))

    def note(self, manifest: Manifest) -> None:
        """Remember a bundle that is or was installed, in memory."""
        name, version = manifest['name'], manifest['version']
        self.versions[name] = max(version, self.versions.get(name, version), key=order)
        self.latest = max(self.latest, manifest['created'][:10])

    def newest(self, manifest: Manifest) -> Tuple[str, str]:
        """Name and version that a bundle may not undercut; both ``''`` where there are none.

        It is the highest version of its own name. A bundle whose name was never installed here is held against all
        of them, or an old release under its former name would pass for something new.
        """
        names = [manifest['name']] if manifest['name'] in self.versions else list(self.versions)
        return max(((name, self.versions[name]) for name in names), key=lambda pair: order(pair[1]), default=('', ''))

    @property
    def last(self) -> Optional[Change]:
        """The newest change, or None."""
        return self.changes[-1] if self.changes else None

    def begin(self, by: str, before: Optional[Manifest], after: Manifest) -> Change:
        """Note a change that is about to take place, in memory."""
        utc = datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
        self.changes = self.changes[1 - _CHANGES_KEPT:] + [
            Change(utc, by, None if before is None else before.identity, after.identity)]
        return self.changes[-1]

    def write(self) -> None:
        """Write the record durably.

        Raises:
            StorageError: as `atomic_write_json`.
        """
        atomic_write_json(self.path, {'schema': 2, 'latest': self.latest, 'versions': self.versions,
                                      'changes': [asdict(change) for change in self.changes]})


def order(version: str) -> Tuple[int, ...]:
    """A version such as ``'1.10.2'`` as what compares."""
    return tuple(int(part) for part in version.split('.'))


def _change(entry: Any) -> Change:
    change = Change(**entry)
    blank = Change('', '', None, {})
    for name, value in vars(change).items():
        identity = name in ('before', 'after') and (value is not None or name == 'after')
        if identity and not (set(value) == {'id', 'version', 'hash'} and all(type(text) is str
                                                                             for text in value.values())):
            raise ValueError('no identity of a bundle')
        if name not in ('before', 'after') and type(value) is not type(getattr(blank, name)):
            raise ValueError('%s is %r' % (name, value))
    if change.outcome not in OUTCOMES or change.told not in ('',) + OUTCOMES:
        raise ValueError('no outcome')
    return change


def _checked(values: Any, pattern: Any = _VERSION) -> Dict[str, str]:
    if not all(pattern.match(value) for value in values.values()):
        raise ValueError('a version or a date of another form')
    return dict(values)
