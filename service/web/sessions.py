"""Sessions: who is logged in, for how long, and what ends with it.

A session is known to the browser by a random id in Flask's signed cookie, and it lives in this process alone: a
restart, the lock and the end of a role are felt at once. With the last session of somebody who sees patients every
stream ends, every opened file is forgotten, and the data key leaves the memory: at once, or when the exam that is under
way has its pictures (`Sessions.at_work`).
"""
import contextlib
import hmac
import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..messages import StorageError, ThermoscreenError
from ..operators import INTEGRATOR, Operator, OperatorError, Station

if TYPE_CHECKING:
    from ..exams import Exams

_LOGGER = logging.getLogger(__name__)

#: PINs that are checked at once, those of the station and those of other machines, who take no place here. Each takes a
#: thread for half a second on a Nano, and the page needs some too.
_AT_ONCE, _AT_ONCE_ELSEWHERE = 2, 1


class BusyError(ThermoscreenError):
    """Too many PINs are being checked. A fault of nobody, so that it is not logged."""

    http_status = 429


#: Names and values of a form, in its order.
Fields = Sequence[Tuple[str, str]]


class Asking(NamedTuple):
    """An act that waits for the PIN of who wants it: the word that the answer brings, its address, and its form."""

    word: str
    place: str
    fields: Fields


class Session:
    """Somebody who is logged in.

    Attributes:
        id: random, known to one browser.
        operator_id: whose it is.
        elsewhere: whether it was made from another machine; a cookie of the station is of no use there, nor of the
            network at the station.
        touched_s: when a person last did something, by `time.monotonic`.
        asked: the asking for the PIN that is open; None for none.
    """

    def __init__(self, operator_id: str, now_s: float, elsewhere: bool = False) -> None:
        self.id = secrets.token_urlsafe(32)
        self.operator_id, self.elsewhere = operator_id, elsewhere
        self.touched_s = now_s
        self.asked: Optional[Asking] = None


class Sessions:
    """Everybody who is logged in; any thread may use it.

    Args:
        station: its operators, their keys and the audit log.
        exams: sealed with the data key while there is one; None where none are kept.
        lock_s: seconds without a touch after which a session ends.
        on_lock: called when nobody who sees patients is logged in any more.
        clock: monotonic seconds; tests bring their own.
    """

    def __init__(self, station: Station, exams: 'Optional[Exams]', lock_s: float,
                 on_lock: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.monotonic) -> None:
        self.operators, self.lock_s, self.on_lock = station.operators, lock_s, on_lock
        self._keys, self._audit, self._exams, self._clock = station.keys, station.audit, exams, clock
        self._lock = threading.RLock()
        self._places = {False: threading.BoundedSemaphore(_AT_ONCE),
                        True: threading.BoundedSemaphore(_AT_ONCE_ELSEWHERE)}
        self._entering = self._working = 0
        self._sessions: Dict[str, Session] = {}

    def first(self, name: str, pin: str, recovery_key: str = '') -> Tuple[Session, str]:
        """Make the first supervisor, who is logged in then.

        Args:
            recovery_key: as of `Operators.first_supervisor`.

        Returns:
            Their session, and the recovery key, which is told this once.

        Raises:
            BusyError: as of `log_in`.
            OperatorError, StorageError: as of `Operators.first_supervisor`.
        """
        with self._place():
            told = self.operators.first_supervisor(name, pin, recovery_key)
            return self._begin(self.operators.list()[0]), told

    def start(self, passphrase: str) -> None:
        """Take the passphrase that the station waits for.

        Raises:
            BusyError: as of `log_in`.
            OperatorError: as of `Operators.start`.
        """
        with self._place():
            self.operators.start(passphrase)

    def recover(self, recovery_key: str, operator_id: str, pin: str) -> Session:
        """Give a supervisor another PIN by the recovery key; they are logged in then.

        Raises:
            BusyError: as of `log_in`.
            OperatorError, StorageError: as of `Operators.recover`.
        """
        with self._place():
            operator = self.operators.recover(recovery_key, operator_id, pin)
            self._audit.append('login', operator.id)
            return self._begin(operator)

    def log_in(self, operator_id: str, pin: str, address: str = '') -> Session:
        """A new session.

        Args:
            address: of the other machine that asks; empty for this one.

        Raises:
            BusyError: ``login-busy``.
            OperatorError, StorageError: as of `Operators.check`.
        """
        with self._place(address):
            return self._begin(self.operators.check(operator_id, pin, 'login', address), bool(address))

    def ask(self, session: Session, place: str, fields: Fields) -> str:
        """Open an asking for the PIN, in place of any other of this session: a word that the answer has to bring.

        Args:
            place: the address of the act.
            fields: its form. It stays here, since it may hold a PIN or a passphrase, which no page repeats.
        """
        session.asked = Asking(secrets.token_urlsafe(16), place, tuple(fields))
        return session.asked.word

    def answered(self, session: Session, word: str, place: str) -> Optional[Fields]:
        """The form of the asking that an answer belongs to; None where that is not open, here.

        Args:
            word: of `ask`; it is good for one answer, so that a form that is sent again does nothing.
        """
        with self._lock:
            opened, session.asked = session.asked, None
        if opened is None or opened.place != place or not hmac.compare_digest(opened.word.encode('utf-8'),
                                                                              word.encode('utf-8')):
            return None
        return opened.fields

    def confirm(self, session: Session, pin: str, act: str, address: str = '') -> None:
        """Take the PIN of somebody who is logged in once more, for one act.

        Args:
            act: for the audit log.
            address: as of `log_in`.

        Raises:
            BusyError, OperatorError, StorageError: as of `log_in`.
        """
        with self._place(address):
            self.operators.check(session.operator_id, pin, 'confirmed', address, act=act)

    def find(self, session_id: str) -> Optional[Session]:
        """The session of an id, or None where it has ended."""
        self.expire()
        return self._sessions.get(session_id)

    def operator(self, session: Session) -> Optional[Operator]:
        """Whose it is, with the role of now; None for one who was removed meanwhile."""
        try:
            return self.operators.get(session.operator_id)
        except OperatorError:
            return None

    def touch(self, session: Session) -> None:
        """A person did something."""
        session.touched_s = self._clock()

    def left_s(self, session: Session) -> float:
        """Seconds until a session ends if nobody does anything."""
        return session.touched_s + self.lock_s - self._clock()

    def end(self, session: Session, event: str = 'logout') -> None:
        """End a session.

        Args:
            event: of the audit log.
        """
        with self._lock:
            if self._sessions.pop(session.id, None) is None:
                return
            if not self._any_clinical():
                self.on_lock()
                self._forget_key()
        self.tell(event, session.operator_id)

    def tell(self, event: str, operator_id: str = '', **facts: Any) -> None:
        """Add to the audit log; who leaves is let go, and exams can be seen, also when the disk is full.

        Args:
            event, operator_id, facts: as of `Audit.append`.
        """
        try:
            self._audit.append(event, operator_id, **facts)
        except StorageError as error:
            _LOGGER.warning('%s: %s', error, error.detail)

    def leave_patient(self, operator_id: str) -> None:
        """An operator has finished with a patient: their sessions end."""
        for session in list(self._sessions.values()):
            if session.operator_id == operator_id:
                self.end(session, 'locked')

    def expire(self) -> None:
        """End the sessions that nobody touched for too long; called with every request, also the server's own."""
        now_s = self._clock()
        for session in list(self._sessions.values()):
            if now_s - session.touched_s > self.lock_s:
                self.end(session, 'locked')
            elif self.operator(session) is None:
                self.end(session)

    @property
    def pseudonym_key(self) -> bytes:
        """As of `KeyStore.pseudonym_key`."""
        return self._keys.pseudonym_key

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """An exam is under way inside: the screen may lock, but the data key stays until what was begun is kept.

        Raises:
            OperatorError: ``login-needed`` where nobody who sees patients is logged in.
        """
        with self._lock:
            if not self._any_clinical():
                raise OperatorError('login-needed', 'Nobody is logged in.', 'Log in on the page of the station.')
            self._working += 1
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1
                self._forget_key()

    @property
    def is_working(self) -> bool:
        """Whether something of an exam is being kept now."""
        return self._working > 0

    def end_all(self) -> None:
        """The station stops."""
        for session in list(self._sessions.values()):
            self.end(session)

    def _begin(self, operator: Operator, elsewhere: bool = False) -> Session:
        session = Session(operator.id, self._clock(), elsewhere)
        with self._lock:
            self._sessions[session.id] = session
            if self._exams is not None and operator.role != INTEGRATOR:
                self._exams.sealer = self._keys.sealer
        return session

    def _forget_key(self) -> None:
        """The data key leaves the memory, unless it was fetched for somebody who is about to be logged in.

        Exams forget theirs also while somebody enters.
        """
        if self._any_clinical() or self._working:
            return
        if self._exams is not None:
            self._exams.sealer = None
        if not self._entering:
            self._keys.lock()

    def _any_clinical(self) -> bool:
        people: List[Optional[Operator]] = [self.operator(session) for session in self._sessions.values()]
        return any(operator is not None and operator.role != INTEGRATOR for operator in people)

    @contextlib.contextmanager
    def _place(self, address: str = '') -> Iterator[None]:
        places = self._places[bool(address)]
        if not places.acquire(blocking=False):
            raise BusyError('login-busy', 'Another PIN is being checked.', 'Try again in a second.')
        with self._lock:
            self._entering += 1
        try:
            yield
        finally:
            with self._lock:
                self._entering -= 1
                self._forget_key()
            places.release()
