"""Who may work on the station: names, roles, PINs, and how long wrong PINs make wait.

Those of the network are counted apart from those typed at the station, so that nobody elsewhere has the bedside wait.
The network has one count for each operator, for all of its addresses: more addresses are no more tries.
"""
import json
import logging
import os
import threading
import uuid
from contextlib import suppress
from typing import Any, Callable, Dict, List, NamedTuple

from ..clock import Clock
from ..durable import atomic_write_json
from ..messages import StorageError, printable
from .audit import Audit
from .keys import KeyStore, OperatorError
from .twin import TwinFile

_log = logging.getLogger(__name__)

#: Operators see patients; supervisors manage operators, keys and models too; integrators set up and see no patient.
OPERATOR, SUPERVISOR, INTEGRATOR = ROLES = ('operator', 'supervisor', 'integrator')

#: Seconds to wait after so many wrong PINs in a row; the last one holds for all further ones.
WAITS_S = (0, 0, 0, 30, 60, 120, 300, 900)

MAX_OPERATORS = 200
MAX_NAME = 80
_PIN_DIGITS = (6, 12)
#: Whose wrong tries are counted besides those of operators.
_PASSPHRASE, _RECOVERY = 'passphrase', 'recovery'
#: Added to whose they are, where the tries came over the network.
_ELSEWHERE = ' elsewhere'
_FILE, _ATTEMPTS = 'operators', 'attempts.json'
_MAX_BYTES = 64 << 10


class Operator(NamedTuple):
    """Somebody who has a PIN.

    Attributes:
        id: such as ``'op-4f1a09c2'``; records name this.
        name: what the others call them.
        role: one of `ROLES`.
    """

    id: str
    name: str
    role: str


class Operators:
    """The operators of a station; any thread may use it.

    Args:
        folder: where they are kept, the same as that of the keys.
        keys: their wraps of the data key.
        audit: told of everything.
        clock: its time since the start of the machine is what waiting is measured by.

    Raises:
        StorageError: they cannot be read.
    """

    def __init__(self, folder: str, keys: KeyStore, audit: Audit, clock: Clock) -> None:
        self._keys, self._audit, self._clock = keys, audit, clock
        # Held while a PIN is checked, so whoever only reads does without: `_operators` is replaced and never changed.
        self._lock = threading.RLock()
        self._file = TwinFile(folder, _FILE)
        document = self._file.read()
        # Without keys they are of a first start that was not finished.
        self._operators = {} if document is None or keys.is_new else _operators_of(document)
        if self._operators and document is not None:
            # One who was removed when the power failed, or added and never finished.
            keys.forget(self._operators)
            with suppress(StorageError):
                keys.repair()
                self._file.repair(document)
        self._attempts_path = os.path.join(folder, _ATTEMPTS)
        self._wrong = _read_attempts(self._attempts_path)
        now_ns = clock.now().boottime_ns
        #: Until when nobody may try, by whose tries are counted; a restart begins a wait anew, since nothing says how
        #: long it was off.
        self._until_ns = {who: now_ns + _wait_ns(count) for who, count in self._wrong.items()}

    @property
    def is_new(self) -> bool:
        """Whether the first supervisor is still to be made."""
        return self._keys.is_new or not self._operators

    def list(self) -> List[Operator]:
        """All of them, by name."""
        return _by_name(self._operators)

    def get(self, operator_id: str) -> Operator:
        """One of them.

        Raises:
            OperatorError: ``operator-unknown``.
        """
        found = self._operators.get(operator_id)
        if found is None:
            raise OperatorError('operator-unknown', 'There is no operator %s.' % printable(operator_id)[:40],
                                'Choose one of the list.')
        return found

    def first_supervisor(self, name: str, pin: str, recovery_key: str = '') -> str:
        """Make the first supervisor of a station, and its keys; they are logged in then.

        Args:
            recovery_key: of a station whose keys were restored from a backup; they stay as they are.

        Returns:
            The recovery key, told this once; empty where one was given.

        Raises:
            OperatorError: ``operators-exist``; ``recovery-needed`` or ``recovery-wrong`` where the keys were restored;
                ``operator-name``, ``pin-weak``.
            StorageError: it cannot be written; there is no operator then.
        """
        with self._lock:
            if not self.is_new:
                raise OperatorError('operators-exist', 'This station has operators already.', 'Log in.')
            self._operators = {}
            operator = Operator(_new_id(), self._checked_name(name), SUPERVISOR)
            check_pin(pin)
            if not self._keys.is_new and not recovery_key:
                raise OperatorError('recovery-needed', 'The exams here were encrypted before, so their recovery key is '
                                    'needed.', 'Type it from the paper.')
            told = ''
            if recovery_key:
                self._keys.recover(recovery_key)
                self._audit.append('recovery-key-used')
                self._keys.wrap(operator.id, pin)
                self._write({operator.id: operator})
            else:
                # What the power may leave of this is an operator without keys, which counts for none.
                self._write({operator.id: operator})
                told = self._keys.make(operator.id, pin)
                self._audit.append('recovery-key-made')
            self._audit.append('operator-added', '', subject=operator.id, name=operator.name, role=operator.role)
            return told

    def add(self, by: Operator, name: str, role: str, pin: str) -> Operator:
        """Add an operator.

        Args:
            by: who does it; a supervisor.

        Raises:
            OperatorError: ``role-needed``, ``operator-name``, ``operator-role``, ``operators-many``, ``pin-weak``,
                ``keys-locked``.
            StorageError: it cannot be written; there is no such operator.
        """
        with self._lock:
            self._only_supervisors(by)
            if role not in ROLES:
                raise OperatorError('operator-role', 'There is no role %s.' % printable(role)[:40],
                                    'Choose one of %s.' % ', '.join(ROLES))
            if len(self._operators) >= MAX_OPERATORS:
                raise OperatorError('operators-many', 'There are %d operators.' % MAX_OPERATORS,
                                    'Remove those who left.')
            check_pin(pin)
            operator = Operator(_new_id(), self._checked_name(name), role)
            # A wrap whose operator is not there is destroyed at the next start.
            self._keys.wrap(operator.id, pin, operator.role != INTEGRATOR)
            self._write(dict(self._operators, **{operator.id: operator}))
            self._audit.append('operator-added', by.id, subject=operator.id, name=operator.name, role=role)
            return operator

    def remove(self, by: Operator, operator_id: str) -> None:
        """Remove an operator; what they signed stays.

        Raises:
            OperatorError: ``role-needed``, ``operator-unknown``, ``supervisor-last``.
            StorageError: it cannot be written; the operator is still there.
        """
        with self._lock:
            self._only_supervisors(by)
            operator = self.get(operator_id)
            self._keep_a_supervisor(operator)
            self._write({other: kept for other, kept in self._operators.items() if other != operator_id})
            self._keys.forget(self._operators)
            self._clear(operator_id, operator_id + _ELSEWHERE)
            self._audit.append('operator-removed', by.id, subject=operator_id, name=operator.name)

    def rename(self, by: Operator, operator_id: str, name: str) -> Operator:
        """Change the name of an operator.

        Raises:
            OperatorError: ``role-needed``, ``operator-unknown``, ``operator-name``.
            StorageError: it cannot be written; the name is the old one.
        """
        with self._lock:
            self._only_supervisors(by)
            operator = self.get(operator_id)
            renamed = operator._replace(name=self._checked_name(name, operator_id))
            self._write(dict(self._operators, **{operator_id: renamed}))
            self._audit.append('operator-renamed', by.id, subject=operator_id, name=renamed.name, before=operator.name)
            return renamed

    def set_role(self, by: Operator, operator_id: str, role: str) -> Operator:
        """Change the role of an operator.

        Raises:
            OperatorError: ``role-needed``, ``operator-unknown``, ``supervisor-last``; ``operator-role`` for a role
                that there is not, or from integrator to another role and back, since those have other keys.
            StorageError: it cannot be written; the role is the old one.
        """
        with self._lock:
            self._only_supervisors(by)
            operator = self.get(operator_id)
            if role not in ROLES or (role == INTEGRATOR) != (operator.role == INTEGRATOR):
                raise OperatorError('operator-role', '%s cannot become %s.' % (operator.name, printable(role)[:40]),
                                    'An integrator has no key to exams: remove the operator and add them anew.')
            if role != SUPERVISOR:
                self._keep_a_supervisor(operator)
            self._write(dict(self._operators, **{operator_id: operator._replace(role=role)}))
            self._audit.append('role-changed', by.id, subject=operator_id, role=role, before=operator.role)
            return self._operators[operator_id]

    def set_pin(self, by: Operator, operator_id: str, pin: str) -> None:
        """Give an operator another PIN; their own, or any as a supervisor.

        Raises:
            OperatorError: ``role-needed``, ``operator-unknown``, ``pin-weak``, ``keys-locked``.
            StorageError: it cannot be written; the old PIN still holds.
        """
        with self._lock:
            operator = self.get(operator_id)
            if by.id != operator_id:
                self._only_supervisors(by)
            check_pin(pin)
            self._keys.wrap(operator_id, pin, operator.role != INTEGRATOR)
            self._clear(operator_id, operator_id + _ELSEWHERE)
            self._audit.append('pin-changed', by.id, subject=operator_id)

    def check(self, operator_id: str, pin: str, event: str = 'login', address: str = '', **facts: Any) -> Operator:
        """Who gives a PIN; the data key is in memory then, unless they are an integrator.

        A wrong PIN is counted before it is known to be wrong, so that switching off gives nobody another try.

        Args:
            event: for the audit log: ``'login'``, or ``'confirmed'`` for the PIN that is asked for once more.
            address: of the other machine where it was typed; empty for the station itself.
            **facts: for the audit log, as of `Audit.append`.

        Raises:
            OperatorError: ``pin-wrong``, or ``pin-wait`` with the seconds to wait, after which nothing is tried;
                ``operator-unknown``; the codes of `KeyStore.unlock`.
            StorageError: the audit log cannot be written, and without it nobody logs in.
        """
        with self._lock:
            operator = self.get(operator_id)
            if address:
                facts['address'] = address
            self._try(operator_id, 'login-failed', lambda: self._keys.unlock(operator_id, pin), address)
            self._audit.append(event, operator_id, **facts)
            return operator

    def check_recovery(self, recovery_key: str) -> None:
        """Whether this is the recovery key, for who types it before a new PIN.

        Raises:
            OperatorError: ``recovery-wrong``; ``recovery-typo``, which counts for no try; ``pin-wait``; ``keys-new``.
        """
        with self._lock:
            self._try(_RECOVERY, 'recovery-failed', lambda: self._keys.check_recovery(recovery_key))

    def recover(self, recovery_key: str, operator_id: str, pin: str) -> Operator:
        """Give a supervisor a new PIN by the recovery key, when no supervisor knows theirs, or nobody the passphrase.

        Raises:
            OperatorError: as of `check_recovery`; ``operator-unknown``, ``operator-role``, ``pin-weak``.
            StorageError: it cannot be written.
        """
        with self._lock:
            operator = self.get(operator_id)
            if operator.role != SUPERVISOR:
                raise OperatorError('operator-role', '%s is no supervisor.' % operator.name,
                                    'Choose a supervisor, who can give everybody else a new PIN.')
            check_pin(pin)
            waited = self._keys.waits_for_passphrase
            self._try(_RECOVERY, 'recovery-failed', lambda: self._keys.recover(recovery_key))
            self._audit.append('recovery-key-used')
            if waited:
                self._audit.append('passphrase-removed', operator_id)
            self.set_pin(operator, operator_id, pin)
            return operator

    def new_recovery_key(self, by: Operator) -> str:
        """Another recovery key, told this once; the one before holds until `keep_recovery_key`.

        Raises:
            OperatorError: ``role-needed``, ``keys-locked``.
        """
        with self._lock:
            self._only_supervisors(by)
            told = self._keys.new_recovery_key()
            self._audit.append('recovery-key-made', by.id)
            return told

    def keep_recovery_key(self, by: Operator) -> None:
        """A supervisor has written down the recovery key that was told last.

        Raises:
            OperatorError: ``role-needed``.
            StorageError: it cannot be written; the one before still holds.
        """
        with self._lock:
            self._only_supervisors(by)
            self._keys.keep_recovery_key()
            self._audit.append('recovery-key-kept', by.id)

    @property
    def needs_recovery(self) -> bool:
        """Whether the first supervisor is made with the recovery key, since the keys came from a backup."""
        return self.is_new and not self._keys.is_new

    @property
    def recovery_is_written_down(self) -> bool:
        """Whether somebody said that they have the recovery key on paper."""
        return self._keys.recovery_is_written_down

    @property
    def has_passphrase(self) -> bool:
        """Whether the station asks for a passphrase after its start."""
        return self._keys.has_passphrase

    @property
    def waits_for_passphrase(self) -> bool:
        """Whether nobody can log in before `start`."""
        return self._keys.waits_for_passphrase

    def start(self, passphrase: str) -> None:
        """Take the passphrase that a station may ask for after its start.

        Raises:
            OperatorError: ``passphrase-wrong``, or ``pin-wait`` with the seconds to wait.
        """
        with self._lock:
            self._try(_PASSPHRASE, 'passphrase-failed', lambda: self._keys.start(passphrase))
            self._audit.append('passphrase-given')

    def set_passphrase(self, by: Operator, passphrase: str) -> None:
        """Have the station ask for a passphrase after its start; for none where it is empty.

        Raises:
            OperatorError: ``role-needed``, ``passphrase-short``, ``passphrase-needed``.
            StorageError: it cannot be written; the one before still holds.
        """
        with self._lock:
            self._only_supervisors(by)
            self._keys.set_passphrase(passphrase)
            self._audit.append('passphrase-set' if passphrase else 'passphrase-removed', by.id)

    def wait_s(self, operator_id: str, address: str = '') -> int:
        """Seconds until an operator may try a PIN, here or from the address of another machine; 0 for at once."""
        left_ns = self._until_ns.get(_counted(operator_id, address), 0) - self._clock.now().boottime_ns
        return max(-(-left_ns // 10 ** 9), 0)

    def _try(self, who: str, event: str, attempt: Callable[[], Any], address: str = '') -> None:
        wait_s = self.wait_s(who, address)
        if wait_s:
            raise _wait(wait_s)
        counted = _counted(who, address)
        before, count = self._wrong, self._wrong.get(counted, 0) + 1
        self._count(dict(before, **{counted: count}))
        self._until_ns[counted] = self._clock.now().boottime_ns + _wait_ns(count)
        try:
            attempt()
        except OperatorError as error:
            if error.code not in ('pin-wrong', 'passphrase-wrong', 'recovery-wrong'):
                self._count(before)  # nothing was tried
                raise
            error.seconds = self.wait_s(who, address)
            facts = {'address': address} if address else {}
            self._audit.append(event, who if who in self._operators else '', wrong=count, wait_s=error.seconds, **facts)
            raise
        self._clear(counted)

    def _clear(self, *counted: str) -> None:
        for one in counted:
            self._until_ns.pop(one, None)
        if any(one in self._wrong for one in counted):
            self._count({other: count for other, count in self._wrong.items() if other not in counted})

    def _count(self, wrong: Dict[str, int]) -> None:
        self._wrong = wrong
        try:
            atomic_write_json(self._attempts_path, wrong)
        except StorageError as error:
            # On a full disk it holds until the next start; exams can still be read.
            _log.warning('%s', error)

    def _write(self, operators: Dict[str, Operator]) -> None:
        self._file.write({'version': 1, 'operators': [dict(operator._asdict()) for operator in operators.values()]})
        self._operators = operators

    def _checked_name(self, name: str, of: str = '') -> str:
        name = ' '.join(name.split())
        if not name or len(name) > MAX_NAME or printable(name) != name:
            raise OperatorError('operator-name', 'A name is one line of 1 to %d characters.' % MAX_NAME,
                                'Type it again.')
        if any(other.name.casefold() == name.casefold() and other.id != of for other in self._operators.values()):
            raise OperatorError('operator-name', 'There is an operator of that name.', 'Add what tells them apart.')
        return name

    def _keep_a_supervisor(self, operator: Operator) -> None:
        others = [other for other in self._operators.values() if other.role == SUPERVISOR and other.id != operator.id]
        if operator.role == SUPERVISOR and not others:
            raise OperatorError('supervisor-last', '%s is the only supervisor.' % operator.name,
                                'Make another one first.')

    def _only_supervisors(self, by: Operator) -> None:
        if self._operators.get(by.id) != by or by.role != SUPERVISOR:
            raise OperatorError('role-needed', 'Only a supervisor may do this.', 'Ask one.')


def list_operators(folder: str) -> List[Operator]:
    """The operators in a folder, by name; nothing is written, so the service may be running.

    Raises:
        StorageError: they cannot be read.
    """
    return _by_name(_operators_of(TwinFile(folder, _FILE).read() or {'operators': []}))


def check_pin(pin: str) -> None:
    """Refuse a PIN that anybody would try first.

    Raises:
        OperatorError: ``pin-weak``.
    """
    low, high = _PIN_DIGITS
    if not low <= len(pin) <= high or set(pin) - set('0123456789'):
        raise OperatorError('pin-weak', 'A PIN has %d to %d digits.' % _PIN_DIGITS, 'Choose another one.')
    steps = {(int(after) - int(before)) % 10 for before, after in zip(pin, pin[1:])}
    if len(set(pin)) < 3 or steps in ({1}, {9}):
        raise OperatorError('pin-weak', 'This PIN is among the first that anybody tries.', 'Choose another one.')


def _operators_of(document: Dict[str, Any]) -> Dict[str, Operator]:
    return {entry['id']: Operator(entry['id'], entry['name'], entry['role']) for entry in document['operators']}


def _by_name(operators: Dict[str, Operator]) -> List[Operator]:
    return sorted(operators.values(), key=lambda operator: (operator.name.casefold(), operator.id))


def _counted(who: str, address: str) -> str:
    return who + _ELSEWHERE if address else who


def _wait_ns(wrong: int) -> int:
    return WAITS_S[min(wrong, len(WAITS_S) - 1)] * 10 ** 9


def _wait(seconds: int) -> OperatorError:
    return OperatorError('pin-wait', 'There were too many wrong tries. Wait %d s.' % seconds, 'Then type it again.',
                         seconds=seconds)


def _new_id() -> str:
    return 'op-%s' % uuid.uuid4().hex[:8]


def _read_attempts(path: str) -> Dict[str, int]:
    """How often each PIN was wrong; nothing where that cannot be read."""
    try:
        with open(path, 'rb') as stream:
            kept = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
        return {str(who): int(count) for who, count in kept.items() if 0 < int(count) < 1 << 31}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        _log.warning('%s cannot be read: %r', path, error)
        return {}
