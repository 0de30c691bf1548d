"""What the routes work with."""
from dataclasses import dataclass

from flask import current_app

from .opened import OpenedFiles
from .slots import Slots


@dataclass(frozen=True)
class Services:
    """The objects behind one application.

    Attributes:
        pipeline (Pipeline): started.
        live (LiveLoop): started, or not yet.
        settings (Settings): of the installation.
        opened (OpenedFiles): the files that were opened last, analysed.
        vitals (Vitals): how the machine is.
        pictures, events (Slots): the open streams of each kind.
    """

    pipeline: object
    live: object
    settings: object
    opened: OpenedFiles
    vitals: object
    pictures: Slots
    events: Slots


def services():
    """The `Services` of the application that answers now."""
    return current_app.extensions['thermoscreen']
