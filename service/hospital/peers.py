"""The machines of the hospital as a technician tests them: whether each answers, and how long certificates last."""
import datetime
import functools
import os
import re
import stat
import threading
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional

from ..certificate import WARN_DAYS, tls_context, utc_now, validity
from ..messages import OK, PROBLEM, WARNING, Message, SettingsError
from ..supervise import LastingThread
from .calls import ARCHIVE, MPPS, WORKLIST, Answer, call, message_of
from .site import Peer, Site, Tls

if TYPE_CHECKING:
    from .steps import Steps

#: Seconds for the answer to a test.
DEADLINE_S = 15.0
_PEM = re.compile(b'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', re.DOTALL)
_MAX_BYTES = 1 << 20
_DAY = datetime.timedelta(days=1)


class NamedPeer(NamedTuple):
    """A machine that can be tested.

    Attributes:
        name: of its settings: ``archive``, ``worklist`` or ``mpps``.
        who: as a sentence calls it.
    """

    name: str
    who: str
    peer: Peer


def peers_of(site: Site) -> List[NamedPeer]:
    """The machines that the settings name."""
    named = (('archive', ARCHIVE, site.archive), ('worklist', WORKLIST, site.worklist), ('mpps', MPPS, site.mpps))
    return [NamedPeer(name, who, peer) for name, who, peer in named if peer is not None]


def echo(tested: NamedPeer, ask: Callable[..., Answer] = call) -> Message:
    """Whether a machine answers a C-ECHO.

    Args:
        ask: as `calls.call`.
    """
    return message_of(ask(tested.peer, 'echo', {}, DEADLINE_S), tested.peer, tested.who)


class Echoes:
    """Tests of the machines, each in the background; any thread may use it.

    Args:
        site: names them.
        of_worklist: asks the worklist itself, which says more than an echo; None where it is not asked.
        steps: what the server of procedure steps is told; None where nothing is.
        ask: as `calls.call`.
    Attributes:
        told: what came of the last test of each, by its name.
    """

    def __init__(self, site: Site, of_worklist: Optional[Callable[[], Message]] = None,
                 steps: 'Optional[Steps]' = None, ask: Callable[..., Answer] = call) -> None:
        self.site, self.peers, self.steps = site, peers_of(site), steps
        self.told: Dict[str, Message] = {}
        self._of_worklist, self._ask = of_worklist, ask
        self._threads: Dict[str, threading.Thread] = {}

    def start(self, name: str) -> None:
        """Begin to test a machine; nothing where that goes on already, or where there is none of that name."""
        tested = next((one for one in self.peers if one.name == name), None)
        if tested is not None and name not in self.asking:
            self.told.pop(name, None)
            ended = threading.Event()
            self._threads[name] = LastingThread('echo', functools.partial(self._test, tested, ended), ended)
            self._threads[name].start()

    @property
    def asking(self) -> List[str]:
        """Names of those that are being tested."""
        return [name for name, thread in self._threads.items() if thread.is_alive()]

    def _test(self, tested: NamedPeer, ended: threading.Event) -> None:
        ended.set()  # once, whatever comes of it
        is_worklist = tested.name == 'worklist' and self._of_worklist is not None
        self.told[tested.name] = self._of_worklist() if is_worklist else echo(tested, self._ask)  # type: ignore[misc]


def days_left(tls: Tls, now: datetime.datetime) -> float:
    """Days until the first of the certificates ends that this station shows or trusts; negative afterwards.

    Args:
        now: in UTC, without a time zone.

    Raises:
        SettingsError: ``certificate-key`` or ``hospital-files``.
    """
    tls_context(tls.certificate, tls.key)
    ends: List[datetime.datetime] = []
    for path in (tls.certificate, tls.trusted):
        try:
            with open(path, 'rb') as stream:
                found = [validity(pem + b'\n')[1] for pem in _PEM.findall(stream.read(_MAX_BYTES))]
            ends.append(min(found))
        except (OSError, ValueError) as error:
            raise SettingsError('hospital-files', '%s cannot be read as certificates.' % path,
                                'Check the file and its rights.', repr(error))
    return (min(ends) - now) / _DAY


def tls_message(tls: Tls, now: Optional[datetime.datetime] = None) -> Message:
    """How the certificates for the hospital are, for the status page and the doctor.

    Args:
        now: in UTC, without a time zone; by default the clock's.
    """
    try:
        days = days_left(tls, utc_now() if now is None else now)
        exposed = stat.S_IMODE(os.stat(tls.key).st_mode) & 0o077
    except SettingsError as error:
        return Message(error.code, error.message.sentence, error.message.next_step, PROBLEM, 'hospital')
    facts = {'figures': '%.0f days' % days, 'days': round(days, 1)}
    if exposed:
        return Message('hospital-key-exposed', 'Others on this machine may read the key %s.' % tls.key,
                       'Run chmod 600 on it, and have a new one made if somebody did.', PROBLEM, 'hospital', facts)
    if days < 0:
        return Message('hospital-tls-ended', 'A certificate for the hospital has ended: nothing is sent or received.',
                       'Ask whoever made it for a new one: tls_certificate or tls_trusted.', PROBLEM, 'hospital', facts)
    if days < WARN_DAYS:
        return Message('hospital-tls-ends', 'A certificate for the hospital ends in %d days.' % days,
                       'Ask whoever made it for a new one: tls_certificate or tls_trusted.', WARNING, 'hospital',
                       facts)
    return Message('hospital-tls-ok', 'The certificates for the hospital are valid for %d days.' % days, '', OK,
                   'hospital', facts)
