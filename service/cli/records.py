"""What the station keeps: exams, its operators, and the audit log."""
import contextlib
import logging
from typing import NamedTuple, Optional

from .. import __version__
from ..clock import Clock
from ..exams import Exams
from ..messages import Message, StorageError
from ..operators import Audit, Station
from ..sealing import PlainSealer
from ..settings import Settings
from ..storage import room_for_exam
from ..web.sessions import Sessions

_LOGGER = logging.getLogger(__name__)


class Records(NamedTuple):
    """What is kept; None where nothing is, and no sessions where nobody logs in."""

    exams: Optional[Exams]
    sessions: Optional[Sessions]


def open_records(settings: Settings, demo: bool, running: contextlib.ExitStack) -> Records:
    """Open what the station keeps, until the end of a context.

    Args:
        settings: of the installation.
        demo: whether it is a demonstration: no login, and nothing is encrypted.
        running: closes everything.

    Raises:
        ThermoscreenError: what cannot be opened, as of `Exams` and `Station`.
    """
    if not settings.exams_folder:
        return Records(None, None)
    clock = Clock()

    def room(folder: str) -> Optional[Message]:
        return room_for_exam(folder, settings.room_thresholds())

    if demo:
        exams = Exams(settings.exams_folder, PlainSealer(), None, clock, room)
        return Records(running.enter_context(contextlib.closing(exams)), None)
    station = running.enter_context(Station(settings.exams_folder, clock, settings.encrypt, settings.audit_signer,
                                            settings.audit_anchor))
    station.audit.append('station-started', version=__version__)
    running.callback(_stopped, station.audit)
    try:
        station.audit.checkpoint()
    except StorageError as error:  # exams go on, and thermoscreen audit verify says what is wrong
        _LOGGER.warning('%s: %s', error, error.detail)
    exams = running.enter_context(contextlib.closing(
        Exams(settings.exams_folder, None, station.audit.append, clock, room)))
    sessions = Sessions(station, exams, 60 * settings.lock_minutes)
    running.callback(sessions.end_all)
    return Records(exams, sessions)


def _stopped(audit: Audit) -> None:
    with contextlib.suppress(StorageError):
        audit.append('station-stopped')
