"""What the station keeps: exams, its operators, and the audit log."""
import contextlib
import dataclasses
import functools
import hashlib
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from .. import __version__
from ..backup import BackupJob
from ..certificate import is_loopback
from ..clock import Clock
from ..exam_job import ExamJob
from ..exams import AMENDED, DISCARDED, SIGNED, Exams, Policy, note_found
from ..exams.deidentified import Further
from ..hospital.outbox import Outbox, receivers_of
from ..hospital.peers import Echoes, peers_of
from ..hospital.site import Site
from ..hospital.steps import Steps
from ..hospital.worklist import Worklist
from ..messages import InputError, Message, StorageError
from ..model_change import Record
from ..operators import Anchor, Audit, Keeper, OperatorError, Station, last_entry, tell_audit
from ..settings import Settings
from ..storage import room_for_exam
from ..web.login import DEMO_NAME, DEMO_PIN
from ..web.sessions import Sessions

#: After these of the audit log the next patient comes.
_LAST_OF_A_PATIENT = ('exam-signed', 'exam-discarded')
#: After these something leaves for the hospital.
_LEAVING = ('exam-signed', 'exam-amended', 'exam-moved')
#: After this the archive is asked whether it has it from elsewhere.
_CAME = ('exam-imported',)
#: And these the server of procedure steps is told of.
_STEPS = ('capture-added', 'exam-signed', 'exam-discarded')


class Records(NamedTuple):
    """What is kept; None where nothing is. A demonstration makes no backups, and its audit log goes when it ends."""

    exams: Optional[Exams] = None
    sessions: Optional[Sessions] = None
    backups: Optional[BackupJob] = None
    record: Optional[Record] = None
    exam_job: Optional[ExamJob] = None
    worklist: Optional[Worklist] = None
    outbox: Optional[Outbox] = None
    testing: Optional[Echoes] = None

    def open_exams(self) -> int:
        """How many exams are neither signed nor discarded."""
        counts = {} if self.exams is None else self.exams.counts()
        return sum(count for state, count in counts.items() if state not in (SIGNED, AMENDED, DISCARDED))


def open_records(settings: Settings, demo: bool, running: contextlib.ExitStack,
                 standing: Callable[[], Optional[Message]] = lambda: None) -> Records:
    """Open what the station keeps, until the end of a context.

    Args:
        settings: of the installation.
        demo: whether it is a demonstration: in an empty folder, with an operator whose PIN stands on every page.
        running: closes everything.
        standing: what is in the way of a new exam, besides the room.

    Raises:
        InputError: ``demo-folder``: a demonstration in a folder in which something is.
        ThermoscreenError: what cannot be opened, as of `Exams` and `Station`.
    """
    if not settings.exams_folder:
        return Records()
    # Beside the folder and in no backup: the date was confirmed for this machine, until it starts anew.
    clock = Clock(os.path.abspath(settings.exams_folder) + '.date')

    def room(folder: str) -> Optional[Message]:
        return standing() or room_for_exam(folder, settings.room_thresholds())

    if demo and os.path.isdir(settings.exams_folder) and os.listdir(settings.exams_folder):
        raise InputError('demo-folder', 'A demonstration keeps nothing in %s, where something is already.'
                         % settings.exams_folder, 'Leave out --demo.')
    station = running.enter_context(Station(settings.exams_folder, clock, settings.encrypt, settings.audit_signer,
                                            settings.audit_anchor))
    if demo:
        station.operators.first_supervisor(DEMO_NAME, DEMO_PIN)
        station.operators.keep_recovery_key(station.operators.list()[0])
        station.keys.lock()
    _tell_started(station.audit, settings)
    running.callback(_stopped, station.audit)
    keeper = Keeper(station.audit, clock)
    keeper.turn()
    running.enter_context(keeper)
    people: List[Sessions] = []
    outboxes: List[Outbox] = []
    telling: List[Tuple[Tuple[str, ...], Callable[[str, Callable[[], None]], None]]] = []

    def record(event: str, operator: str = '', **facts: Any) -> Anchor:
        anchor = station.audit.append(event, operator, **facts)
        for changed in [changed for events, changed in telling if event in events]:
            working = contextlib.ExitStack()
            with contextlib.suppress(OperatorError):  # whoever signed may be gone by now: it leaves with the next one
                working.enter_context(people[0].at_work())
            changed(facts['exam'], working.close)
        if event in _LAST_OF_A_PATIENT and settings.lock_between_patients and people:
            people[0].leave_patient(operator)
        return anchor

    exams = running.enter_context(contextlib.closing(Exams(settings.exams_folder, None, record, clock, room)))
    with contextlib.suppress(StorageError, OSError):  # the page of the station says it all the same
        note_found(settings.exams_folder, exams.messages)
    sessions = Sessions(station, exams, 60 * settings.lock_minutes)
    people.append(sessions)
    running.callback(sessions.end_all)
    backups: Optional[BackupJob] = None
    exam_job: Optional[ExamJob] = None
    if not demo:
        backups = running.enter_context(contextlib.closing(
            BackupJob(settings.exams_folder, clock, station.audit.append, station.audit.checkpoint)))
        policy = Policy(settings.keep_signed_years, settings.keep_discarded_days)
        exam_job = running.enter_context(contextlib.closing(
            ExamJob(exams, clock, station.audit.append, policy, settings.room_least_mib << 20, dicom=_dicom_files)))
    site = _here(settings.site()) if demo else settings.site()
    worklist = None if site.worklist is None else running.enter_context(
        contextlib.closing(Worklist(site, exams).start()))
    receivers = receivers_of(exams, site)
    if receivers:
        outboxes.append(running.enter_context(contextlib.closing(Outbox(
            exams, receivers, clock, station.audit.append, site.delete_days))))
        outboxes[0].start()
        if exam_job is not None:
            exam_job.arrived = outboxes[0].has_all
        telling += [(_LEAVING, outboxes[0].changed), (_CAME, functools.partial(outboxes[0].changed, is_new=False))]
    steps = None if site.mpps is None else running.enter_context(contextlib.closing(Steps(site, exams).start()))
    if steps is not None:
        telling.append((_STEPS, steps.changed))
    testing = Echoes(site, None if worklist is None else worklist.ask, steps) if peers_of(site) else None
    return Records(exams, sessions, backups, None if demo else station.audit.append, exam_job, worklist,
                   outboxes[0] if outboxes else None, testing)


def _dicom_files(exams: Exams) -> Further:
    """See `service.hospital.dicom.deidentified.dicom_files`, which needs pydicom: no start has time for that."""
    from ..hospital.dicom.deidentified import dicom_files
    return dicom_files(exams)


def _here(site: Site) -> Site:
    """The hospital of a demonstration: what of it runs on this machine. Simulated patients go nowhere else."""
    archive, worklist = (peer if peer is not None and is_loopback(peer.host) else None
                         for peer in (site.archive, site.worklist))
    return dataclasses.replace(site, archive=archive, worklist=worklist, mpps=None, fhir_url='', delete_days=0)


def note(settings: Settings, event: str, **facts: Any) -> None:
    """Have the audit log of the station know what a verb did, whether the service runs or not.

    Args:
        settings: of the station; one that keeps no exams has no log.
        event, facts: as of `Audit.append`.

    Raises:
        StorageError: it cannot be noted.
    """
    if settings.exams_folder:
        user = os.environ.get('SUDO_USER') or str(os.getuid())
        tell_audit(settings.exams_folder, Clock(), event, user=user, **facts)


def _tell_started(audit: Audit, settings: Settings) -> None:
    """Say which settings were changed since the last start, by their names: a value may be a path with a name in it."""
    before, now = last_entry(audit.folder, 'station-started'), _digests(settings)
    audit.append('station-started', version=__version__, settings=now)
    known = before['facts'].get('settings') if before else None
    if isinstance(known, dict) and known != now:
        audit.append('settings-changed', names=sorted(name for name in set(known) | set(now)
                                                      if known.get(name) != now.get(name)))


def _digests(settings: Settings) -> Dict[str, str]:
    """Of every setting that has not its default value, enough to see that it was changed."""
    default = dataclasses.asdict(Settings())
    return {name: hashlib.sha256(repr(value).encode('utf-8')).hexdigest()[:8]
            for name, value in dataclasses.asdict(settings).items() if value != default[name]}


def _stopped(audit: Audit) -> None:
    with contextlib.suppress(StorageError):
        audit.append('station-stopped')
