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
import threading
import unicodedata
from contextlib import suppress
from typing import Any, Callable, Container, Dict, Mapping, NamedTuple, Optional

from ..durable import atomic_write, encode_json, make_folders, storage_error, write_new
from ..messages import StorageError, ThermoscreenError
from ..sealing import DATA_KEY_BYTES, BaseSealer, PlainSealer, Sealer, importing_cryptography, library
from .twin import TwinFile

_RECOVERY_BYTES, _SALT_BYTES = 20, 16
#: Memory that a derivation may take, 128 x N x r bytes: a record that asks for more is none of ours.
_MAX_SCRYPT_BYTES = 256 << 20
_MIN_PASSPHRASE = 12
_MAX_SECRET_BYTES = 4096
#: Digits that base32 does not have, as somebody reads them who types from paper.
_READ_AS = str.maketrans('018', 'OIB')

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

    @property
    def is_new(self) -> bool:
        """Whether there is no data key yet."""
        return self._document['recovery'] is None

    @property
    def recovery(self) -> Dict[str, str]:
        """What a backup needs to be opened with the recovery key (`open_recovery`)."""
        return dict(self._document['recovery'])

    @property
    def audit_key(self) -> bytes:
        """Key of the marks in the audit log, 32 bytes; it stays on this station."""
        return bytes.fromhex(self._secret_file['audit'])

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
            return self._recoverable(data_key, {operator: self._wrapped(operator, pin, data_key, True)})

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

    def recover(self, recovery_key: str) -> None:
        """Have the data key in memory by the recovery key.

        Raises:
            OperatorError: ``recovery-wrong``; ``keys-new`` where there is nothing to recover.
        """
        with self._lock:
            if self.is_new:
                raise OperatorError('keys-new', 'This station has no recovery key yet.', 'Make the first supervisor.')
            self._data_key = open_recovery(self.recovery, recovery_key)

    def new_recovery_key(self) -> str:
        """Another recovery key, told this once; the one before does not hold any more, except for older backups.

        Raises:
            OperatorError: ``keys-locked``.
            StorageError: it cannot be written; the old one still holds.
        """
        with self._lock:
            return self._recoverable(self._held_key(), self._document['wraps'])

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

    def _recoverable(self, data_key: bytes, wraps: Dict[str, Any]) -> str:
        """Write the data key under a new recovery key, with the wraps of operators; the recovery key as text."""
        raw = self._random(_RECOVERY_BYTES)
        wrapped = library().aes_key_wrap(_recovery_wrap(raw), data_key)
        self._write(recovery={'wrapped': wrapped.hex(), 'key_id': Sealer(data_key).key_id}, wraps=wraps)
        self._data_key = data_key
        text = base64.b32encode(raw).decode('ascii')
        return '-'.join(text[first:first + 4] for first in range(0, len(text), 4))

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

    def _made_secret(self, path: str) -> Dict[str, Any]:
        """The file of the secret, made where it is absent."""
        try:
            if not os.path.lexists(path):
                secret = self._random(32)
                record = {'version': 1, 'id': hashlib.sha256(b'thermoscreen secret ' + secret).hexdigest()[:16],
                          'audit': self._random(32).hex(), 'secret': secret.hex()}
                make_folders(os.path.dirname(os.path.abspath(path)))
                write_new(path, encode_json(record), 0o600)
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
        OperatorError: ``recovery-wrong``.
    """
    lib = library()
    try:
        text = ''.join(recovery_key.upper().translate(_READ_AS).replace('-', '').split())
        key = _recovery_wrap(base64.b32decode(text.encode('ascii')))
        return lib.aes_key_unwrap(key, bytes.fromhex(record['wrapped']))
    except lib.failures:
        raise OperatorError('recovery-wrong', 'The recovery key is wrong.', 'It has 32 letters and digits; type it '
                            'again from the paper.')


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
