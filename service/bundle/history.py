"""What a station remembers of the bundles that were installed on it: the highest versions, and the date."""
import json
import os
import re
from datetime import datetime, timezone
from typing import Any, Dict, Tuple

from ..durable import atomic_write_json
from ..messages import BundleError, StorageError
from .manifest import Manifest, read_plain

#: Beside the installed bundle, in the folder of the station's state.
HISTORY_NAME = 'bundle-history.json'

_MAX_BYTES = 65536
_DATE = re.compile(r'\d{4}-\d\d-\d\d\Z')
_VERSION = re.compile(r'\d+\.\d+\.\d+\Z')


class History:
    """The record of one station. It only grows: no version in it gets lower, and no date earlier.

    Args:
        folder: that of the station's state.
    Attributes:
        path: file of the record.
        versions: highest version of every name that was installed.
        latest: latest date (YYYY-MM-DD, UTC) that is certain to have passed. A board without a battery starts in 1970,
            so its clock alone is no date.
    Raises:
        StorageError: ``bundle-history`` for a record that is damaged.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, HISTORY_NAME)
        self.versions: Dict[str, str] = {}
        self.latest = datetime.now(timezone.utc).strftime('%Y-%m-%d')
        try:
            document = json.loads(read_plain(self.path, _MAX_BYTES).decode('utf-8'))
            self.versions.update(_checked(document['versions']))
            self.latest = max(self.latest, _checked({'': document['latest']}, _DATE)[''])
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

    def write(self) -> None:
        """Write the record durably.

        Raises:
            StorageError: as `atomic_write_json`.
        """
        atomic_write_json(self.path, {'schema': 1, 'latest': self.latest, 'versions': self.versions})


def order(version: str) -> Tuple[int, ...]:
    """A version such as ``'1.10.2'`` as what compares."""
    return tuple(int(part) for part in version.split('.'))


def _checked(values: Any, pattern: Any = _VERSION) -> Dict[str, str]:
    if not all(pattern.match(value) for value in values.values()):
        raise ValueError('a version or a date of another form')
    return dict(values)
