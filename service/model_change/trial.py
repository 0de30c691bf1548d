"""A new model on trial: the first starts and the first pictures keep it, or the one before comes back by itself."""
import logging
import os
from typing import Any, Callable, Optional

from ..bundle import (
    INTERRUPTED,
    KEPT,
    RETURNED,
    TRIAL,
    WRITING,
    Change,
    History,
    Trust,
    installed_hash,
    open_bundle,
    previous_of,
    put_back,
    recover_bundle,
)
from ..messages import OK, WARNING, BundleError, Message, StorageError, ThermoscreenError
from .change import Record, spoken, tell

_LOGGER = logging.getLogger(__name__)

#: Starts with a bundle on trial that may end otherwise than as told: a trolley may be unplugged in the middle of one.
STARTS = 2

#: Pictures that are analysed before a bundle is kept.
PICTURES = 10

_TELL = 'Tell who delivered it.'
_CRASHED = Message('model-crashed', 'The station ended by itself %d times before the first pictures were analysed.'
                   % STARTS)


class Trial:
    """What a start of the service does about the bundle that it finds; made before the bundle is opened.

    What installations left that were cut off is put back or cleared away. What cannot be written is logged: the station
    starts with whatever bundle is there.

    Args:
        target: folder of the installed bundle.
        trust: whose bundles are accepted.
    Attributes:
        on_trial: whether the bundle is new here and not kept yet.
        counts: whether a crash of this start speaks against the bundle and not against the station.
        message: what is to be known of the last change, as of `change_message`.
        restart: called when the bundle before has come back while the service runs.
    """

    def __init__(self, target: str, trust: Trust) -> None:
        self._target, self._trust = os.path.realpath(target), trust
        self._record: Optional[Record] = None
        self._left = PICTURES
        self._change: Optional[Change] = None
        self.restart: Callable[[], None] = lambda: None
        self.message: Optional[Message] = None
        recover_bundle(self._target)
        try:
            self._look()
            self._settle()
        except (BundleError, StorageError) as error:
            _LOGGER.warning('%s: %s', error, error.detail)
        change = self._change
        self.on_trial = change is not None and change.outcome == TRIAL
        self.counts = change is not None and self.on_trial and change.starts <= STARTS

    def tell(self, record: Optional[Record]) -> None:
        """Tell the audit log what happened, from now on too."""
        self._record = record
        tell(self._target, record)

    def take_back(self, reason: Message) -> bool:
        """Put the bundle before in place of one that is on trial.

        Args:
            reason: what the new one did.
        Returns:
            Whether it is in place.
        """
        change = self._change
        if change is None or change.outcome != TRIAL or not self._can_return(change):
            return False
        _LOGGER.error('%s did not work here and is taken back: %s [%s]', spoken(change.after), reason.text, reason.code)
        try:
            # Written before it happens: the next start finishes what is cut off here.
            self._note(outcome=RETURNED, code=reason.code, sentence=reason.sentence)
            put_back(self._target, self._trust)
        except (BundleError, StorageError) as error:
            _LOGGER.error('%s: %s', error, error.detail)
            self._try_note(outcome=TRIAL, code='', sentence='')
            return False
        self.on_trial = False
        tell(self._target, self._record)
        return True

    def analysed(self, error: Optional[ThermoscreenError]) -> None:
        """Count a picture that was analysed; the first one that could not be brings the bundle before back.

        Args:
            error: why it could not be, or None.
        """
        if not self.on_trial:
            return
        if error is not None:
            if self.take_back(error.message):
                self.restart()
            return
        self._left -= 1
        if not self._left:
            self.on_trial = False
            self._try_note(outcome=KEPT)
            tell(self._target, self._record)

    def read(self) -> None:
        """Somebody has read how the last change ended."""
        self._try_note(seen=True)

    def stopped(self) -> None:
        """The service ends as told: this start is none of those that count."""
        if self.on_trial:
            self._try_note(starts=0)

    def _settle(self) -> None:
        """See how the last change ended, and count this start.

        Raises:
            StorageError: the history cannot be written.
            BundleError: the bundle before is not as it was.
        """
        change, found = self._change, installed_hash(self._target)
        if change is None or change.outcome not in (TRIAL, RETURNED):
            return
        if change.outcome == RETURNED:
            if change.before is not None and found == change.after['hash'] != change.before['hash']:
                put_back(self._target, self._trust)
        elif found != change.after['hash']:
            self._note(outcome=INTERRUPTED)
        elif change.starts < STARTS or not self.take_back(_CRASHED):
            self._note(starts=change.starts + 1)

    def _can_return(self, change: Change) -> bool:
        """Whether the bundle before is there as it was."""
        if change.before is None or change.before['hash'] == change.after['hash']:
            return False
        try:
            previous = open_bundle(previous_of(self._target), trust=self._trust)
        except BundleError as error:
            _LOGGER.error('%s: %s', error, error.detail)
            return False
        return previous.manifest.sha256 == change.before['hash']

    def _look(self) -> History:
        """The history as it is now; another change may have begun since this start."""
        history = History(os.path.dirname(self._target))
        if self._change is None:
            self._change = history.last
        else:
            mine = self._change.utc, self._change.after
            found = [change for change in history.changes if (change.utc, change.after) == mine]
            self._change = found[-1] if found else None
        self.message = change_message(history)
        return history

    def _note(self, **fields: Any) -> None:
        """Write how the change is that this start found.

        Raises:
            StorageError: as of `History`.
        """
        with WRITING:
            history = self._look()
            if self._change is not None:
                vars(self._change).update(fields)
                history.write()
            self.message = change_message(history)

    def _try_note(self, **fields: Any) -> None:
        try:
            self._note(**fields)
        except StorageError as error:
            _LOGGER.warning('%s: %s', error, error.detail)


def change_message(history: History) -> Optional[Message]:
    """What is to be known of the last change of the model; None where it is kept, or what came back was read."""
    change = history.last
    if change is None:
        return None
    if change.outcome == TRIAL:
        return Message('model-on-trial', '%s is new here. It is kept once %d pictures were analysed with it.'
                       % (spoken(change.after), PICTURES), '', OK, 'model')
    before = spoken(change.before) + ' runs' if change.before else 'The model before runs'
    if change.outcome == RETURNED and not change.seen:
        return Message('model-returned', '%s did not work here and was taken back: %s %s.'
                       % (spoken(change.after), change.sentence, before), _TELL, WARNING, 'model',
                       {'code': change.code})
    if change.outcome == INTERRUPTED and not change.seen:
        return Message('model-interrupted', 'The change to %s did not take place. %s.' % (spoken(change.after), before),
                       'Install it again.', WARNING, 'model')
    return None
