"""The change of the model while the station runs: a supervisor starts it, reads what was found, and has it switched."""
import functools
import logging
import threading
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from ..messages import InputError, Message, ThermoscreenError
from ..supervise import LastingThread
from .change import Site, installed, prepare, spoken
from .selftest import cancelled
from .trial import Trial

_LOGGER = logging.getLogger(__name__)

#: Where a change is: none; being checked and tried; found good, for a supervisor to switch; waiting for the exams that
#: are not finished; refused; in place, so that the service starts anew.
IDLE, CHECKING, CHECKED, WAITING, REFUSED, SWITCHED = ('idle', 'checking', 'checked', 'waiting', 'refused', 'switched')

#: What was found is good for so long; then the bundle may have become another one.
_READ_S = 600.0
#: Seconds between two looks at whether an exam is open.
_POLL_S = 1.0

_BUSY = Message('model-busy', 'A change of the model is under way.', 'Wait until it has ended, or call it off.')
_SWITCHING = Message('model-switching', 'The model is being changed; the station starts anew.', 'Wait a minute.')
_UNEXPECTED = Message('unexpected', 'Something inside the service failed.', 'The model of before runs on.')


class State(NamedTuple):
    """Where a change is.

    Attributes:
        phase: one of the above.
        messages: what was found, or why it was refused.
        source: what was asked for; None for the bundle before.
        title: the new bundle as a sentence names it, once it was verified.
    """

    phase: str
    messages: Tuple[Message, ...] = ()
    source: Optional[str] = None
    title: str = ''


class Changing:
    """The one change of a running station; any thread may use it.

    An exam keeps its model to the end: nothing is switched while one is neither signed nor discarded, and none begins
    while it is.

    Args:
        site: as of `prepare`.
        trial: of this start.
        open_exams: how many exams are neither signed nor discarded.
    Attributes:
        open_exams: as given.
        restart: makes the service end, so that its supervisor starts it with the new bundle.
        trial: as given.
    """

    def __init__(self, site: Site, trial: Trial, open_exams: Callable[[], int] = lambda: 0) -> None:
        self._site, self.trial, self.open_exams = site, trial, open_exams
        self.restart: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._state = State(IDLE)
        self._wanted, self._called_off = threading.Event(), threading.Event()
        self._standing = False
        self._thread: Optional[threading.Thread] = None

    @property
    def state(self) -> State:
        """Where it is."""
        return self._state

    @property
    def installed(self) -> Dict[str, Any]:
        """What is installed, as of `change.installed`."""
        return installed(self._site.target, self._site.trust)

    @property
    def standing(self) -> Optional[Message]:
        """What is in the way of a new exam; None for nothing."""
        return _SWITCHING if self._standing else None

    def begin(self, source: Optional[str], by: str, allow_older: bool = False) -> None:
        """Begin to check a bundle.

        Args:
            source, by, allow_older: as of `prepare`.
        Raises:
            InputError: ``model-busy``.
        """
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise InputError(_BUSY.code, _BUSY.sentence, _BUSY.next_step)
            self._wanted.clear()
            self._called_off.clear()
            self._state = State(CHECKING, source=source)
            self._thread = LastingThread('model-change', functools.partial(self._run, source, by, allow_older),
                                         self._called_off)
            self._thread.start()

    def switch(self) -> None:
        """Have what was checked put in place, as soon as no exam is open."""
        self._wanted.set()

    def call_off(self, timeout_s: float = 5.0) -> None:
        """Change nothing after all, and forget what was refused; also when the service ends."""
        self._called_off.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        if self._state.phase == REFUSED:
            self._state = State(IDLE)

    def _run(self, source: Optional[str], by: str, allow_older: bool) -> None:
        try:
            with prepare(self._site, source, by, allow_older, self._called_off.is_set) as prepared:
                found = State(CHECKED, prepared.messages, source, spoken(prepared.staged.bundle.manifest.identity))
                self._state = found
                if not self._wanted.wait(_READ_S):
                    raise cancelled()
                self._state = found._replace(phase=WAITING)
                self._wait_for_exams()
                prepared.switch()
                self._state = found._replace(phase=SWITCHED)
        except ThermoscreenError as error:
            self._standing = False
            self._state = State(REFUSED, (error.message,), source)
        except Exception:
            _LOGGER.exception('model-change')
            self._standing = False
            self._state = State(REFUSED, (_UNEXPECTED,), source)
        else:
            self.restart()

    def _wait_for_exams(self) -> None:
        """Return when no exam is open, and none can be begun any more.

        Raises:
            InputError: ``model-cancelled``.
        """
        while True:
            if self._called_off.is_set():
                raise cancelled()
            self._standing = True  # before the look: an exam that begins is seen, or refused
            if not self.open_exams():
                return
            self._standing = False
            self._called_off.wait(_POLL_S)
