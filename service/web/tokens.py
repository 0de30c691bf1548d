"""Tokens with which other programs use the API: one for each program, known to the station by its hash alone.

A token is 256 random bits, so that a plain hash of it is as good as a slow one, and comparing is all that is needed.
"""
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Optional

from ..durable import atomic_write_json, storage_error
from ..messages import InputError, SettingsError

#: Tokens of one station; the file is read with every request to the API.
MAX_TOKENS = 64
_MAX_BYTES = 64 * 1024
_RANDOM_BYTES = 32
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')
_HASH = re.compile(r'[0-9a-f]{64}')


class Tokens:
    """The tokens of one file. Any thread and any process may use it.

    Args:
        path: of the file; ``''`` for a station without one.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def entries(self) -> List[Dict[str, str]]:
        """``name``, ``sha256`` and ``created`` (UTC) of every token, oldest first.

        Raises:
            SettingsError: ``tokens-unreadable``.
        """
        if not self._path:
            return []
        try:
            with open(self._path, 'rb') as stream:
                document = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
            entries = [{key: str(entry[key]) for key in ('name', 'sha256', 'created')} for entry in document['tokens']]
            if not all(_NAME.fullmatch(entry['name']) and _HASH.fullmatch(entry['sha256']) for entry in entries):
                raise ValueError('a name or a hash that is none')
            return entries
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise SettingsError('tokens-unreadable', 'The tokens in %s cannot be read.' % self._path, 'Check the '
                                'rights of the file, or remove it and add every token again.', detail=str(error))

    def holder(self, token: str) -> Optional[str]:
        """Name of the program whose token this is, or None.

        Raises:
            SettingsError: ``tokens-unreadable``.
        """
        given = _hash(token)
        found = [entry['name'] for entry in self.entries() if hmac.compare_digest(entry['sha256'], given)]
        return found[0] if found else None

    def add(self, name: str) -> str:
        """A new token, which is told this once.

        Raises:
            InputError: ``token-name`` or ``tokens-full``.
            SettingsError: ``tokens-unset`` or ``tokens-unreadable``.
            StorageError: it cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise InputError('token-name', 'The name of a token has 1 to 64 letters, digits, dots, hyphens and '
                             'underscores, and begins with a letter or digit.')
        token = secrets.token_urlsafe(_RANDOM_BYTES)
        with self._changing() as entries:
            if any(entry['name'] == name for entry in entries):
                raise InputError('token-name', 'There is a token named %s already.' % name, 'Remove it first, or '
                                 'choose another name.')
            if len(entries) >= MAX_TOKENS:
                raise InputError('tokens-full', 'There are %d tokens, which is the most.' % MAX_TOKENS,
                                 'Remove one that is not used any more.')
            created = datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
            entries.append({'name': name, 'sha256': _hash(token), 'created': created})
        return token

    def remove(self, name: str) -> None:
        """End a token, from the next request on.

        Raises:
            InputError: ``token-unknown``.
            SettingsError, StorageError: as of `add`.
        """
        with self._changing() as entries:
            kept = [entry for entry in entries if entry['name'] != name]
            if len(kept) == len(entries):
                raise InputError('token-unknown', 'There is no token of that name.', 'thermoscreen tokens list names '
                                 'them.')
            entries[:] = kept

    @contextlib.contextmanager
    def _changing(self) -> Iterator[List[Dict[str, str]]]:
        """The entries, written at the end; one process at a time."""
        if not self._path:
            raise SettingsError('tokens-unset', 'The settings name no file for tokens.', 'Set api_tokens under [web].')
        folder = os.path.dirname(os.path.abspath(self._path))
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise storage_error(error, self._path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            entries = self.entries()
            yield entries
            document: Dict[str, Any] = {'schema': 1, 'tokens': entries}
            atomic_write_json(self._path, document)
        finally:
            os.close(descriptor)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()
