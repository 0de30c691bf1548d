"""A small document that must not be lost: kept twice, each copy with its own hash."""
import hashlib
import json
import logging
import os
from typing import Any, Dict, Optional

from ..durable import atomic_write, clear_parts, encode_json, make_folders, storage_error
from ..messages import StorageError

_log = logging.getLogger(__name__)

_MAX_BYTES = 1 << 20
_VERSION = 1


class TwinFile:
    """A JSON object in two files, of which the second is read where the first is damaged or gone.

    Args:
        folder: made by the first write, for this user alone.
        name: of the files, without ``.json``.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self._paths = [os.path.join(folder, name + '.json'), os.path.join(folder, name + '-copy.json')]

    def read(self) -> Optional[Dict[str, Any]]:
        """The object; None where there is neither file.

        Raises:
            StorageError: ``document-damaged``, or ``document-version`` for what a newer program wrote.
        """
        if not any(map(os.path.lexists, self._paths)):
            return None
        problems = []
        for path in self._paths:
            try:
                with open(path, 'rb') as stream:
                    return _decoded(stream.read(_MAX_BYTES))
            except (OSError, ValueError, RecursionError) as error:
                problems.append('%s: %r' % (path, error))
        raise StorageError('document-damaged', '%s and its copy are damaged.' % self._paths[0],
                           'Restore them from a backup.', detail='; '.join(problems))

    def write(self, document: Dict[str, Any]) -> None:
        """Replace both files, one after the other.

        Raises:
            StorageError: as `durable.atomic_write`; the old object is still there.
        """
        try:
            make_folders(self._folder)
            os.chmod(self._folder, 0o700)
        except OSError as error:
            raise storage_error(error, self._folder)
        clear_parts(self._folder)
        data = encode_json(dict(document, sha256=_hash(document)))
        atomic_write(self._paths[0], data)
        try:
            atomic_write(self._paths[1], data)
        except StorageError as error:
            _log.warning('%s', error)  # the object is safe, and `repair` tries again

    def repair(self, document: Dict[str, Any]) -> None:
        """Have both files hold the object that `read` gave; nobody else may be writing.

        Raises:
            StorageError: as `write`.
        """
        data = encode_json(dict(document, sha256=_hash(document)))
        if [_read(path) for path in self._paths] != [data, data]:
            self.write(document)


def _read(path: str) -> bytes:
    try:
        with open(path, 'rb') as stream:
            return stream.read(_MAX_BYTES)
    except OSError:
        return b''


def _decoded(data: bytes) -> Dict[str, Any]:
    document = json.loads(data.decode('utf-8'))
    if not isinstance(document, dict) or document.pop('sha256', None) != _hash(document):
        raise ValueError('its hash does not fit')
    if document.get('version') != _VERSION:
        raise StorageError('document-version', 'The operators were written by another version of the program.',
                           'Update the program.')
    return document


def _hash(document: Dict[str, Any]) -> str:
    return hashlib.sha256(encode_json(document)).hexdigest()
