"""What the station keeps: exams, its operators, and the audit log."""
import contextlib
import logging
import os
from typing import NamedTuple, Optional

from .. import __version__
from ..clock import Clock
from ..exams import Exams
from ..messages import InputError, Message, StorageError
from ..operators import Audit, Station
from ..settings import Settings
from ..storage import room_for_exam
from ..web.login import DEMO_NAME, DEMO_PIN
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
        demo: whether it is a demonstration: in an empty folder, with an operator whose PIN stands on every page.
        running: closes everything.

    Raises:
        InputError: ``demo-folder``: a demonstration in a folder in which something is.
        ThermoscreenError: what cannot be opened, as of `Exams` and `Station`.
    """
    if not settings.exams_folder:
        return Records(None, None)
    clock = Clock()

    def room(folder: str) -> Optional[Message]:
        return room_for_exam(folder, settings.room_thresholds())

    if demo and os.path.isdir(settings.exams_folder) and os.listdir(settings.exams_folder):
        raise InputError('demo-folder', 'A demonstration keeps nothing in %s, where something is already.'
                         % settings.exams_folder, 'Leave out --demo.')
    station = running.enter_context(Station(settings.exams_folder, clock, settings.encrypt, settings.audit_signer,
                                            settings.audit_anchor))
    if demo:
        station.operators.first_supervisor(DEMO_NAME, DEMO_PIN)
        station.keys.lock()
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
