"""The data key of the station, and who may have it.

Everything is encrypted under one random data key (`service.sealing`), which is on the disk only in wraps (AES-KW
[Schaad2002]):

- one for each operator, under a key from the PIN (scrypt [Percival2016]) and the secret of this station. Six digits
  alone are tried in two days of one core, so they wrap nothing without that secret, which is in no backup;
- one under the recovery key: 160 random bits that are printed once and kept in a safe.

The secret of the station is a file outside the folder of the exams. A site that wants a stolen station to stay shut
gives it a passphrase, which is asked for once at every start.
"""
import base64
import hashlib
import json
import os
import re
import threading
import unicodedata
from contextlib import suppress
from typing import Any, Callable, Container, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..durable import atomic_write, encode_json, make_folders, storage_error, write_new
from ..messages import StorageError, ThermoscreenError
from ..sealing import DATA_KEY_BYTES, BaseSealer, PlainSealer, Sealer, importing_cryptography, library
from .twin import TwinFile

_RECOVERY_BYTES, _SALT_BYTES = 20, 16
#: Memory that a derivation may take, 128 x N x r bytes: a record that asks for more is none of ours.
_MAX_SCRYPT_BYTES = 256 << 20
_MIN_PASSPHRASE = 12
_MAX_SECRET_BYTES = 4096
#: The alphabet of base32 [Josefsson2006], and digits that it does not have, as who types from paper reads them.
_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
_READ_AS = str.maketrans('018', 'OIB')
#: On paper the key has this many groups of four characters and a fifth that checks them: odd weights notice every wrong
#: character, the number of the group that two groups changed places.
RECOVERY_GROUPS, RECOVERY_GROUP = 8, 5
_WEIGHTS, _GROUP_WEIGHT = (1, 3, 5, 7), 9

#: Derivations take 32 MiB each; twenty wrong PINs at once would take 640.
_DERIVING = threading.Lock()


class OperatorError(ThermoscreenError):
    """What an operator asked for is refused.

    Args:
        seconds: how long to wait before the next try; 0 where waiting does not help.
    """

    http_status = 403

    def __init__(self, code: str, sentence: str, next_step: str = '', detail: str = '', seconds: int = 0) -> None:
        super().__init__(code, sentence, next_step, detail)
        self.seconds = seconds


class Cost(NamedTuple):
    """Parameters of scrypt. The usual ones take 32 MiB, 0.15 s on a PC and about half a second on a Nano."""

    n: int = 1 << 15
    r: int = 8
    p: int = 1


def _wrong_pin() -> OperatorError:
    return OperatorError('pin-wrong', 'The PIN is wrong.', 'Type it again.')


class KeyStore:
    """The wraps of the data key, and the key itself while somebody works.

    Args:
        folder: of the wraps; it belongs into the backup.
        secret_path: file of the secret of this station, made where it is absent; it belongs into no backup.
        cost: of new wraps; a wrap of another cost is made anew when its PIN is given.
        encrypts: whether the station encrypts; without it a PIN still tells who somebody is.
        random: gives so many random bytes.

    Raises:
        OperatorError: ``keys-damaged``.
        StorageError: the folder or the secret cannot be read or written.
    """

    def __init__(self, folder: str, secret_path: str, cost: Optional[Cost] = None, encrypts: bool = True,
                 random: Callable[[int], bytes] = os.urandom) -> None:
        self._cost, self._encrypts, self._random = cost or Cost(), encrypts, random
        self._secret_path = secret_path
        self._lock = threading.RLock()
        self._file = TwinFile(folder, 'keys')
        self._document: Dict[str, Any] = self._file.read() or {'version': 1, 'wraps': {}, 'recovery': None}
        self._secret_file = self._made_secret(secret_path)
        self._secret = bytes.fromhex(self._secret_file['secret']) if 'secret' in self._secret_file else None
        self._data_key: Optional[bytes] = None
        #: The wrap under a recovery key that nobody has confirmed yet.
        self._shown: Optional[Dict[str, Any]] = None

    @property
    def is_new(self) -> bool:
        """Whether there is no data key yet."""
        return self._document['recovery'] is None

    @property
    def recovery(self) -> Dict[str, str]:
        """What a backup needs to be opened with the recovery key (`open_recovery`)."""
        return dict(self._document['recovery'])

    @property
    def recovery_is_written_down(self) -> bool:
        """Whether somebody said that they have the recovery key on paper."""
        return self.is_new or bool(self._document['recovery'].get('written_down', True))

    @property
    def audit_key(self) -> bytes:
        """Key of the marks in the audit log, 32 bytes; it stays on this station."""
        return bytes.fromhex(self._secret_file['audit'])

    @property
    def has_passphrase(self) -> bool:
        """Whether the secret of the station is under a passphrase."""
        return 'wrapped' in self._secret_file

    @property
    def pseudonym_key(self) -> bytes:
        """Key of the pseudonyms in exports for research, 32 bytes, from the data key.

        Raises:
            OperatorError: ``keys-locked``.
        """
        return library().hkdf(self._held_key(), b'thermoscreen pseudonyms', 32)

    @property
    def waits_for_passphrase(self) -> bool:
        """Whether no PIN can be checked before `start` got the passphrase."""
        return self._secret is None

    @property
    def sealer(self) -> Optional[BaseSealer]:
        """What exams are sealed with while the data key is in memory; None after `lock`."""
        data_key = self._data_key
        if data_key is None:
            return None
        return Sealer(data_key) if self._encrypts else PlainSealer()

    def lock(self) -> None:
        """Forget the data key. Its bytes may stay in memory until something else is written there."""
        with self._lock:
            self._data_key = None

    def make(self, operator: str, pin: str) -> str:
        """Make the data key and the wrap of the first operator, both at once; the recovery key, told this once.

        Raises:
            OperatorError: ``keys-exist`` where there is one already; ``passphrase-needed``.
            StorageError: it cannot be written; there is no data key.
        """
        with self._lock:
            if not self.is_new:
                raise OperatorError('keys-exist', 'This station has its keys already.', 'Ask a supervisor to add you.')
            data_key = self._random(DATA_KEY_BYTES)
            told, recovery = self._recoverable(data_key)
            self._write(recovery=recovery, wraps={operator: self._wrapped(operator, pin, data_key, True)})
            self._data_key = data_key
            return told

    def wrap(self, operator: str, pin: str, opens: bool = True) -> None:
        """Give an operator a PIN, in place of the one they had.

        Args:
            opens: whether it opens exams; the PIN of an integrator only says who they are.

        Raises:
            OperatorError: ``keys-locked``, ``passphrase-needed``.
            StorageError: it cannot be written; the old PIN still holds.
        """
        with self._lock:
            data_key = self._held_key() if opens else self._random(DATA_KEY_BYTES)
            record = self._wrapped(operator, pin, data_key, opens)
            self._write(wraps=dict(self._document['wraps'], **{operator: record}))

    def unlock(self, operator: str, pin: str) -> bool:
        """Have the data key in memory, if a PIN opens its wrap; whether it opens exams.

        Raises:
            OperatorError: ``pin-wrong``; ``passphrase-needed``; ``secret-other`` where the PIN was set under the secret
                of another station; ``keys-damaged``.
        """
        with self._lock:
            record = self._document['wraps'].get(operator)
            if record is None:
                raise _wrong_pin()
            if record['secret'] != self._secret_file['id']:
                raise OperatorError('secret-other', 'The PINs belong to another station, or the secret of this one was '
                                    'lost.', 'A supervisor sets new ones with the recovery key.')
            lib, key = library(), self._pin_key(operator, pin, record)
            try:
                data_key = lib.aes_key_unwrap(key, bytes.fromhex(record['wrapped']))
            except lib.failures:
                raise _wrong_pin()
            if record['opens']:
                self._data_key = data_key
            if Cost(record['n'], record['r'], record['p']) != self._cost:
                with suppress(StorageError):  # at another login
                    self.wrap(operator, pin, record['opens'])
            return bool(record['opens'])

    def forget(self, kept: Container[str]) -> None:
        """Destroy the wraps of everybody but these operators.

        Raises:
            StorageError: it cannot be written.
        """
        with self._lock:
            wraps = {operator: record for operator, record in self._document['wraps'].items() if operator in kept}
            if wraps != self._document['wraps']:
                self._write(wraps=wraps)

    def repair(self) -> None:
        """Have both files of the wraps be whole; only in the process that owns the station.

        Raises:
            StorageError: it cannot be written.
        """
        with self._lock:
            if not self.is_new:
                self._file.repair(self._document)

    def check_recovery(self, recovery_key: str) -> bytes:
        """The data key by the recovery key; nothing is changed.

        Raises:
            OperatorError: as of `open_recovery`; ``keys-new`` where there is nothing to recover.
        """
        if self.is_new:
            raise OperatorError('keys-new', 'This station has no recovery key yet.', 'Make the first supervisor.')
        return open_recovery(self.recovery, recovery_key)

    def recover(self, recovery_key: str) -> None:
        """Have the data key in memory by the recovery key.

        A passphrase that the station waits for is forgotten with it: the station gets another secret without one, and
        every PIN has to be set anew.

        Raises:
            OperatorError: as of `check_recovery`.
            StorageError: the secret cannot be written.
        """
        with self._lock:
            data_key = self.check_recovery(recovery_key)
            if self._secret is None:
                made = dict(self._new_secret(), audit=self._secret_file['audit'])
                atomic_write(self._secret_path, encode_json(made), 0o600)
                self._secret_file, self._secret = made, bytes.fromhex(made['secret'])
            self._data_key = data_key

    def new_recovery_key(self) -> str:
        """Another recovery key, told this once; the one before holds until `keep_recovery_key`.

        Raises:
            OperatorError: ``keys-locked``.
        """
        with self._lock:
            told, self._shown = self._recoverable(self._held_key())
            return told

    def keep_recovery_key(self) -> None:
        """Somebody has the recovery key on paper that was told last: the one before holds only for older backups.

        Raises:
            StorageError: it cannot be written; the one before still holds.
        """
        with self._lock:
            if self._shown is not None or not self.recovery_is_written_down:
                self._write(recovery=dict(self._shown or self._document['recovery'], written_down=True))
                self._shown = None

    def start(self, passphrase: str) -> None:
        """Read the secret of the station, which a passphrase protects.

        Raises:
            OperatorError: ``passphrase-wrong``.
        """
        with self._lock:
            if self._secret is None:
                lib, key = library(), _derive(passphrase, self._secret_file)
                try:
                    self._secret = lib.aes_key_unwrap(key, bytes.fromhex(self._secret_file['wrapped']))
                except lib.failures:
                    raise OperatorError('passphrase-wrong', 'The passphrase is wrong.', 'Type it again.')

    def set_passphrase(self, passphrase: str) -> None:
        """Protect the secret of the station by a passphrase, or by none where it is empty.

        Raises:
            OperatorError: ``passphrase-short``, ``passphrase-needed``.
            StorageError: it cannot be written; the old one still holds.
        """
        with self._lock:
            secret = self._held_secret()
            record = {'version': 1, 'id': self._secret_file['id'], 'audit': self._secret_file['audit']}
            if not passphrase:
                record['secret'] = secret.hex()
            elif len(passphrase.strip()) < _MIN_PASSPHRASE:
                raise OperatorError('passphrase-short', 'A passphrase has %d characters or more.' % _MIN_PASSPHRASE,
                                    'Take four or more words.')
            else:
                record.update(self._new_record())
                record['wrapped'] = library().aes_key_wrap(_derive(passphrase, record), secret).hex()
            atomic_write(self._secret_path, encode_json(record), 0o600)
            self._secret_file = record

    def _recoverable(self, data_key: bytes) -> Tuple[str, Dict[str, Any]]:
        """A new recovery key as text, and its wrap of the data key."""
        raw = self._random(_RECOVERY_BYTES)
        wrapped = library().aes_key_wrap(_recovery_wrap(raw), data_key)
        return _printed(raw), {'wrapped': wrapped.hex(), 'key_id': Sealer(data_key).key_id, 'written_down': False}

    def _wrapped(self, operator: str, pin: str, data_key: bytes, opens: bool) -> Dict[str, Any]:
        record = self._new_record(opens=opens, secret=self._secret_file['id'])
        record['wrapped'] = library().aes_key_wrap(self._pin_key(operator, pin, record), data_key).hex()
        return record

    def _new_record(self, **more: Any) -> Dict[str, Any]:
        return dict(self._cost._asdict(), salt=self._random(_SALT_BYTES).hex(), **more)

    def _pin_key(self, operator: str, pin: str, record: Mapping[str, Any]) -> bytes:
        """The key from PIN and secret; the id is in it, so that nobody can pass off their wrap as that of another."""
        secret = self._held_secret()
        return library().hkdf(_derive(pin, record) + secret, b'thermoscreen operator ' + operator.encode('utf-8'), 32)

    def _held_key(self) -> bytes:
        if self._data_key is None:
            raise OperatorError('keys-locked', 'The station is locked.', 'Log in.')
        return self._data_key

    def _held_secret(self) -> bytes:
        if self._secret is None:
            raise OperatorError('passphrase-needed', 'The station was started and waits for its passphrase.',
                                'Ask a supervisor to type it.')
        return self._secret

    def _write(self, **changed: Any) -> None:
        document = dict(self._document, **changed)
        self._file.write(document)
        self._document = document

    def _new_secret(self) -> Dict[str, Any]:
        secret = self._random(32)
        return {'version': 1, 'id': hashlib.sha256(b'thermoscreen secret ' + secret).hexdigest()[:16],
                'audit': self._random(32).hex(), 'secret': secret.hex()}

    def _made_secret(self, path: str) -> Dict[str, Any]:
        """The file of the secret, made where it is absent."""
        try:
            if not os.path.lexists(path):
                make_folders(os.path.dirname(os.path.abspath(path)))
                write_new(path, encode_json(self._new_secret()), 0o600)
            return read_secret(path)
        except OSError as error:
            raise storage_error(error, path)


def read_secret(path: str) -> Dict[str, Any]:
    """The file of a station's secret: ``id``, ``audit``, and ``secret`` or its wrap under a passphrase.

    Raises:
        OperatorError: ``secret-damaged``.
        OSError: it cannot be read.
    """
    with open(path, 'rb') as stream:
        data = stream.read(_MAX_SECRET_BYTES)
    try:
        record = json.loads(data.decode('utf-8'))
        needed = {'id', 'audit'} | ({'secret'} if 'secret' in record else {'salt', 'wrapped', 'n', 'r', 'p'})
        if record['version'] != 1 or not needed <= set(record):
            raise ValueError('a field is missing')
        for name in needed - {'id', 'n', 'r', 'p'}:
            bytes.fromhex(record[name])
        return dict(record)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise OperatorError('secret-damaged', 'The secret of this station in %s is damaged.' % path,
                            'Remove the file: a new secret is made, and a supervisor sets new PINs with the recovery '
                            'key.', detail=repr(error))


def open_recovery(record: Mapping[str, str], recovery_key: str) -> bytes:
    """The data key of a station, or of a backup, by the recovery key.

    Args:
        record: as `KeyStore.recovery` gives it.
        recovery_key: as it was printed; upper and lower case, blanks and hyphens make no difference.

    Raises:
        OperatorError: ``recovery-typo`` where a group is not as one was printed, which it names; ``recovery-wrong``.
    """
    misread = misread_groups(recovery_key)
    if misread:
        numbers = ' and '.join(filter(None, (', '.join(map(str, misread[:-1])), str(misread[-1]))))
        raise OperatorError('recovery-typo', '%s %s of the recovery key cannot be right.'
                            % ('Group' if len(misread) == 1 else 'Groups', numbers), 'Compare with the paper.')
    lib = library()
    try:
        key = _recovery_wrap(base64.b32decode(''.join(group[:-1] for group in _groups(recovery_key)).encode('ascii')))
        return lib.aes_key_unwrap(key, bytes.fromhex(record['wrapped']))
    except lib.failures:
        raise OperatorError('recovery-wrong', 'This is not the recovery key of this station.',
                            'Look for the paper with the newest one.')


def misread_groups(recovery_key: str) -> List[int]:
    """Which groups, counted from 1, cannot have been printed so."""
    groups = _groups(recovery_key)
    return [number for number in range(1, max(len(groups), RECOVERY_GROUPS) + 1)
            if number > RECOVERY_GROUPS or number > len(groups) or not _fits(number, groups[number - 1])]


def _groups(recovery_key: str) -> List[str]:
    """The groups as they were typed, or of a text without gaps by their length."""
    typed = re.split(r'\s*-\s*|\s+', recovery_key.strip().upper().translate(_READ_AS))
    if len(typed) > 1:
        return typed
    return [typed[0][first:first + RECOVERY_GROUP] for first in range(0, len(typed[0]), RECOVERY_GROUP)]


def _fits(number: int, group: str) -> bool:
    return (len(group) == RECOVERY_GROUP and not set(group) - set(_LETTERS)
            and group[-1] == _checking(number, group[:-1]))


def _printed(raw: bytes) -> str:
    text, size = base64.b32encode(raw).decode('ascii'), RECOVERY_GROUP - 1
    groups = [text[first:first + size] for first in range(0, len(text), size)]
    return '-'.join(group + _checking(number, group) for number, group in enumerate(groups, 1))


def _checking(number: int, group: str) -> str:
    """The character that checks the others of a group."""
    weighed = sum(weight * _LETTERS.index(letter) for weight, letter in zip(_WEIGHTS, group))
    return _LETTERS[(weighed + _GROUP_WEIGHT * number) % len(_LETTERS)]


def _recovery_wrap(recovery_key: bytes) -> bytes:
    if len(recovery_key) != _RECOVERY_BYTES:
        raise ValueError('a recovery key of the wrong length')
    return library().hkdf(recovery_key, b'thermoscreen recovery key', 32)


def _derive(secret: str, record: Mapping[str, Any]) -> bytes:
    """A key of 32 bytes from something that a person remembers (scrypt [Percival2016]); one at a time.

    Args:
        record: its ``salt`` and cost.

    Raises:
        OperatorError: ``keys-damaged`` for a cost that none of ours has.
    """
    n, r, p = record['n'], record['r'], record['p']
    if n < 2 or n & (n - 1) or not 1 <= r <= 32 or not 1 <= p <= 16 or 128 * n * r > _MAX_SCRYPT_BYTES:
        raise OperatorError('keys-damaged', 'The record of a PIN is damaged.', 'Restore it from a backup.')
    with importing_cryptography():
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    text = ' '.join(unicodedata.normalize('NFKC', secret).split())
    with _DERIVING:
        return Scrypt(bytes.fromhex(record['salt']), 32, n, r, p).derive(text.encode('utf-8'))
