"""What the routes work with."""
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, cast

from flask import current_app

if TYPE_CHECKING:
    from ..acquisition import Acquisition
    from ..backup import BackupJob
    from ..batch_job import BatchJob
    from ..exam_job import ExamJob
    from ..exams import Exams
    from ..explanation_job import ExplanationJob
    from ..gallery import Gallery
    from ..hospital.outbox import Outbox
    from ..hospital.peers import Echoes
    from ..hospital.worklist import Worklist
    from ..live import LiveLoop
    from ..model_change import Changing
    from ..opening import OpenedFiles
    from ..pipeline import Pipeline
    from ..settings import Settings
    from ..settings_changes import Changes
    from ..telemetry import Vitals
    from .kiosk import Screen
    from .sessions import Sessions
    from .streams import Viewers


@dataclass(frozen=True)
class Services:
    """The objects behind one application.

    Attributes:
        pipeline: started.
        live: started, or not yet.
        settings: of the installation.
        opened: opens files, and keeps those that were opened last.
        vitals: how the machine is.
        pictures, events: the viewers of each stream.
        exams: those of this station; None where none are kept.
        sessions: who is logged in; None for a station without operators.
        backups: made on the page; None where none are.
        acquisition: takes pictures into exams; None where none are kept.
        changing: changes the model; None where nothing does.
        exam_job: exports, imports and removes exams; None where nothing does.
        screen: of the kiosk.
        changes: of the settings; None where nobody changes them.
        batch: analyses folders; None for a station without operators.
        worklist: of the hospital; None where there is none.
        outbox: sends what is signed; None where nothing is sent.
        testing: tests the machines of the hospital; None where there are none.
        explanations: of kept pictures; None where no exams are kept.
        gallery: of signed exams; None where none are kept.
    """

    pipeline: 'Pipeline'
    live: 'LiveLoop'
    settings: 'Settings'
    opened: 'OpenedFiles'
    vitals: 'Vitals'
    pictures: 'Viewers'
    events: 'Viewers'
    exams: 'Optional[Exams]' = None
    sessions: 'Optional[Sessions]' = None
    backups: 'Optional[BackupJob]' = None
    acquisition: 'Optional[Acquisition]' = None
    changing: 'Optional[Changing]' = None
    exam_job: 'Optional[ExamJob]' = None
    screen: 'Optional[Screen]' = None
    changes: 'Optional[Changes]' = None
    batch: 'Optional[BatchJob]' = None
    worklist: 'Optional[Worklist]' = None
    outbox: 'Optional[Outbox]' = None
    testing: 'Optional[Echoes]' = None
    explanations: 'Optional[ExplanationJob]' = None
    gallery: 'Optional[Gallery]' = None


def services() -> Services:
    """The `Services` of the application that answers now."""
    return cast(Services, current_app.extensions['thermoscreen'])
