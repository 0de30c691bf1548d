"""The change of the model as one act: check, try, switch, and a line in the audit log, however it ends."""
import contextlib
import hashlib
import logging
import os
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

from ..bundle import (
    INTERRUPTED,
    KEPT,
    RETURNED,
    TRIAL,
    WRITING,
    Change,
    History,
    Staged,
    Trust,
    open_bundle,
    previous_bundle,
    stage,
)
from ..bundle.manifest import read_manifest_bytes
from ..messages import BundleError, InputError, Message, StorageError, ThermoscreenError
from ..selection import Runtime
from .selftest import self_test

if TYPE_CHECKING:
    from ..settings import Settings

_LOGGER = logging.getLogger(__name__)

#: Adds a line to the audit log: the event, who did it, and facts.
Record = Callable[..., Any]

#: Event of the audit log by the outcome of a change.
_EVENTS = {TRIAL: 'model-changed', KEPT: 'model-kept', RETURNED: 'model-returned', INTERRUPTED: 'model-refused'}

#: Bundles that come with the program lie here; an update of the program replaces them.
_SHIPPED = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), 'bundles')


class Site(NamedTuple):
    """Where and by which rules the model of a station is changed.

    Attributes:
        target: folder of the installed bundle.
        trust: whose bundles are accepted.
        runtime: what may run it.
        record: of the audit log; None for a station that has none.
    """

    target: str
    trust: Trust
    runtime: Runtime
    record: Optional[Record] = None

    @classmethod
    def from_settings(cls, settings: 'Settings', record: Optional[Record] = None, target: str = '') -> 'Site':
        """The site of the settings.

        Args:
            target: in place of the setting ``bundle``; empty for none.
        """
        return cls(os.path.realpath(target or settings.bundle), Trust.from_settings(settings),
                   Runtime.from_settings(settings), record)


class Prepared(NamedTuple):
    """A bundle that was checked and tried, and that `switch` puts in place.

    Attributes:
        staged: beside its place.
        messages: what is to be known of it, as of `self_test`.
        by: who changes it.
        record: as of `Site`.
    """

    staged: Staged
    messages: Tuple[Message, ...]
    by: str
    record: Optional[Record]

    def switch(self) -> Change:
        """Put it in place, on trial; the audit log has a line of it.

        Raises:
            BundleError, StorageError: as `Staged.place`; the old one is in place then.
        """
        change = self.staged.place(self.by)
        tell(self.staged.target, self.record)
        return change


@contextlib.contextmanager
def prepare(site: Site, source: Optional[str], by: str = '', allow_older: bool = False,
            abandoned: Callable[[], bool] = lambda: False) -> Iterator[Prepared]:
    """Check and try a bundle that is to be installed; nothing has changed until `Prepared.switch`.

    Signature, manifest, every network and every hash are checked at the source and once more in the copy beside the
    place; then a process of its own runs the golden pair on what will run the bundle, and the self-test. A refusal,
    also one that is raised inside the context, is told to the audit log.

    Args:
        source: folder or zip archive; None for the bundle before the one of today.
        by: id of the supervisor; empty where there are no operators.
        allow_older: accept a lower version than this station has had.
        abandoned: whether nobody waits any more.
    Raises:
        ThermoscreenError: as of `stage` and `self_test`; ``bundle-shipped``, ``bundle-missing``.
    """
    facts: Dict[str, Any] = {}
    try:
        if os.path.dirname(site.target) == _SHIPPED:
            raise InputError('bundle-shipped', 'The settings name the bundle that came with the program, which stays '
                             'as it is.', 'Set bundle to a folder of this station, as /var/lib/thermoscreen/bundle.')
        folder = previous_bundle(site.target) if source is None else source
        facts['to'] = _named(folder)
        with stage(folder, site.target, site.trust, allow_older or source is None) as staged:
            old, new = staged.old, staged.bundle
            facts.update({'from': old.manifest.identity if old else None, 'to': new.manifest.identity})
            if source is None and old is not None and old.manifest.sha256 == new.manifest.sha256:
                raise BundleError('bundle-missing', 'The bundle before was %s as well.' % spoken(new.manifest.identity),
                                  'Install the one that you want to return to.')
            yield Prepared(staged, self_test(old, new, site.runtime, abandoned), by, site.record)
    except ThermoscreenError as error:
        _LOGGER.info('model-refused: %s: %s', error, error.detail)
        if site.record is not None:
            with contextlib.suppress(StorageError):  # that it was refused is told in any case
                site.record('model-refused', by, outcome='refused', code=error.code, **facts)
        raise


def tell(target: str, record: Optional[Record]) -> None:
    """Tell the audit log what it does not know yet of the changes; what fails is told at the next start.

    A line is told once more where the station ends between the line and the note that it was told.
    """
    if record is None:
        return
    try:
        with WRITING:
            history = History(os.path.dirname(target))
            for change in history.changes:
                for outcome in _untold(change):
                    record(_EVENTS[outcome], change.by, **{
                        'from': change.before, 'to': change.after, 'outcome': outcome, 'code': change.code})
                    change.told = outcome
                    history.write()
    except StorageError as error:
        _LOGGER.warning('%s: %s', error, error.detail)


def _untold(change: Change) -> Iterator[str]:
    if not change.told and change.outcome in (KEPT, RETURNED):
        yield TRIAL
    if change.told != change.outcome:
        yield change.outcome


def _named(folder: str) -> Dict[str, str]:
    """The manifest of a bundle that nobody has verified yet, by its hash alone: its texts are of a stranger."""
    try:
        return {'hash': hashlib.sha256(read_manifest_bytes(folder)).hexdigest()}
    except BundleError:
        return {}


def installed(target: str, trust: Trust) -> Dict[str, Any]:
    """What is installed, for a list.

    Returns:
        ``installed`` and ``previous``: identity of a bundle, or None; ``problem``: why the installed one cannot be
        opened, a `Message` as JSON, or None; ``changes``: those of the history, the newest first.
    Raises:
        StorageError: ``bundle-history``.
    """
    found: Dict[str, Any] = {'folder': target, 'installed': None, 'previous': None, 'problem': None}
    try:
        found['installed'] = open_bundle(target, trust=trust).manifest.identity
    except BundleError as error:
        found['problem'] = error.to_dict()
    with contextlib.suppress(BundleError):
        previous = open_bundle(previous_bundle(target), trust=trust).manifest.identity
        found['previous'] = None if previous == found['installed'] else previous
    changes = History(os.path.dirname(os.path.realpath(target))).changes
    return dict(found, changes=[dict(vars(change)) for change in reversed(changes)])


def spoken(identity: Dict[str, str]) -> str:
    """A bundle as a sentence names it: ``phantom-fpn 0.3.0 (5a02cb75dd31)``."""
    return '%s %s (%s)' % (identity['id'], identity['version'], identity['hash'][:12])
