"""What the routes work with."""
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Optional, cast

from flask import current_app

if TYPE_CHECKING:
    from ..live import LiveLoop
    from ..opening import OpenedFiles
    from ..pipeline import Pipeline
    from ..settings import Settings
    from ..telemetry import Vitals


class Slots:
    """Limits how many streams are open at once: each holds a thread of the server while it is watched.

    Args:
        limit: largest number open at once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many are open."""
        return self._taken

    def take(self) -> Optional[Callable[[], None]]:
        """Open one; None where all are taken.

        Returns:
            Gives the slot back; calling it again does nothing.
        """
        with self._lock:
            if self._taken >= self.limit:
                return None
            self._taken += 1
        open_slots = [self]

        def release() -> None:
            with self._lock:
                if open_slots:
                    open_slots.pop()
                    self._taken -= 1

        return release


@dataclass(frozen=True)
class Services:
    """The objects behind one application.

    Attributes:
        pipeline: started.
        live: started, or not yet.
        settings: of the installation.
        opened: opens files, and keeps those that were opened last.
        vitals: how the machine is.
        pictures, events: the open streams of each kind.
    """

    pipeline: 'Pipeline'
    live: 'LiveLoop'
    settings: 'Settings'
    opened: 'OpenedFiles'
    vitals: 'Vitals'
    pictures: Slots
    events: Slots


def services() -> Services:
    """The `Services` of the application that answers now."""
    return cast(Services, current_app.extensions['thermoscreen'])
