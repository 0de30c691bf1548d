"""Patients of several clinics: whether one is in two of them, without telling anybody who.

Every clinic turns the numbers of its patients into tokens, HMAC-SHA256 with a key that the clinics share and the server
does not have, and hands in the tokens alone. The server sees which tokens are the same and can compute no number from
them. Whoever has the key and a clinic's tokens can try all numbers, which are few; so the server must never get the
key, nor a clinic the tokens of another. Two clinics with numbers of their own for the same woman are not found out:
the numbers have to be those of the country or of an insurance.
"""
import hashlib
import hmac
import json
import unicodedata
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from service.durable import atomic_write_json
from service.messages import InputError

_FORMAT = 'thermoscreen patient tokens'

#: A key of fewer bytes could be tried.
_LEAST_KEY_BYTES = 32


def token(patient: str, key: bytes) -> str:
    """The token of a patient's number, hexadecimal; letters of either case and blanks around are the same."""
    text = ' '.join(unicodedata.normalize('NFKC', patient).casefold().split())
    return hmac.new(key, b'patient ' + text.encode('utf-8'), hashlib.sha256).hexdigest()


def read_key(path: Path) -> bytes:
    """The key of the clinics.

    Raises:
        InputError: ``tokens-key``.
    """
    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise InputError('tokens-key', '%s cannot be read.' % path, 'Name the file of the key.', detail=str(error))
    if len(key) < _LEAST_KEY_BYTES:
        raise InputError('tokens-key', 'The key in %s is too short: it could be tried.' % path,
                         'Make one with openssl rand -hex 32, and give it to every clinic, not to the server.')
    return key


def write_tokens(path: Path, clinic: str, patients: Iterable[str], key: bytes) -> int:
    """Write what a clinic hands in; how many patients it has."""
    tokens = sorted({token(patient, key) for patient in patients})
    atomic_write_json(path, {'format': _FORMAT, 'clinic': clinic, 'tokens': tokens, 'key': _mark(key)})
    return len(tokens)


def common_tokens(paths: Sequence[Path]) -> Tuple[Dict[Tuple[str, str], int], List[str]]:
    """How many patients two clinics have in common, by pair; and the tokens of all that are in two or more.

    Raises:
        InputError: ``tokens-unreadable``, ``tokens-other-key`` or ``tokens-twice``.
    """
    files = [read_tokens(path) for path in paths]
    names = [file['clinic'] for file in files]
    if len(set(names)) < len(names):
        raise InputError('tokens-twice', 'Two of these files are of the same clinic.', 'Name one of every clinic.')
    if len({file['key'] for file in files}) > 1:
        raise InputError('tokens-other-key', 'These tokens were made with different keys, so that none would be the '
                         'same.', 'Have all clinics use one key.')
    by_name = {name: set(file['tokens']) for name, file in zip(names, files)}
    pairs = {(one, other): len(by_name[one] & by_name[other]) for place, one in enumerate(names)
             for other in names[place + 1:]}
    shared = set().union(*(by_name[one] & by_name[other] for one, other in pairs)) if pairs else set()
    return pairs, sorted(shared)


def write_common(path: Path, paths: Sequence[Path], shared: Sequence[str]) -> None:
    """Write the tokens that more than one clinic has, of the files that `common_tokens` read."""
    atomic_write_json(path, dict(read_tokens(paths[0]), clinic='several', tokens=list(shared)))


def _mark(key: bytes) -> str:
    """Tells two keys apart and gives none away."""
    return hmac.new(key, b'key', hashlib.sha256).hexdigest()[:16]


def read_tokens(path: Path) -> Dict[str, Any]:
    """A file of tokens: ``clinic``, ``tokens``, ``key`` (a mark of it).

    Raises:
        InputError: ``tokens-unreadable``.
    """
    try:
        file = json.loads(Path(path).read_text(encoding='utf-8'))
        if file['format'] != _FORMAT or not all(isinstance(one, str) for one in [
                file['clinic'], file['key'], *file['tokens']]):
            raise ValueError('another form')
        return file
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError('tokens-unreadable', '%s does not hold the tokens of a clinic.' % path,
                         'Name files of thermoscreen federate patients.', detail=repr(error))
