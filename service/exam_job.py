"""What the page does with many exams at once: exports, imports, removals, and the test of a restore.

In the background and one at a time, since each may take minutes. What it does is done by `service.exams` and
`service.backup`; here is who waits, how far it is, and what is said at the end.
"""
import contextlib
import functools
import logging
import os
import uuid
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .backup import (
    Medium,
    MediumJob,
    StopError,
    clear_scratch,
    find_media,
    known_key,
    last_restore_test,
    newest_backup,
    note_restore_test,
    on_medium,
    station_key,
    sync_medium,
    try_restore,
    unmount,
)
from .clock import Clock
from .durable import recover_folders
from .exams import Exams, ExamUnreadableError, Plan, Policy, export_exams, import_exams, plan_retention
from .exams.deidentified import Further, check_deidentified, export_deidentified
from .exams.exchange import Export, Exported, check_export, find_exports
from .exams.folder import read_exam
from .exams.retention import Arrived
from .messages import PROBLEM, InputError, Message, StorageError, ThermoscreenError, shown_size
from .sealing import SealError
from .supervise import LastingThread

_LOGGER = logging.getLogger(__name__)

#: What is done.
EXPORT, IMPORT, RETENTION, REMOVAL, TEST = 'export', 'import', 'retention', 'removal', 'test'

#: How an export leaves: readable with names, encrypted for a station with the same key, or for research without or with
#: DICOM objects.
OPEN, SEALED, DEIDENTIFIED, DEIDENTIFIED_DICOM = HOW = ('open', 'sealed', 'de-identified', 'de-identified-dicom')
_FOR_RESEARCH = (DEIDENTIFIED, DEIDENTIFIED_DICOM)

#: Steps; `PLANNED` waits for a person, and the last two are ends.
IDLE, WORKING, CHECKING, UNMOUNTING, PLANNED, DONE, FAILED = (
    'idle', 'working', 'checking', 'unmounting', 'planned', 'done', 'failed')

#: A medium has to have this much more room than the exams, and so many times as much: values are not compressed.
_SPARE_SHARE, _FACTORS = 0.1, {DEIDENTIFIED: 4, DEIDENTIFIED_DICOM: 24}
#: What `service.durable` says of a disk, which is the medium where an export is written.
_OF_THE_MEDIUM = ('disk-full', 'disk-read-only', 'disk-failing', 'not-writable', 'folder-missing', 'name-too-long',
                  'file-exists', 'write-failed')

#: Appends to the audit log: event, operator, facts.
Record = Callable[..., Any]


class Progress(NamedTuple):
    """How far the work is.

    Attributes:
        kind: one of the five above; empty for none.
        step: one of the steps.
        medium: name of the medium; empty for none.
        done, total: of this step, in bytes or exams.
        message: what is wrong, for `FAILED`.
        sentences: what is said at the end.
        plan: which exams a policy removes, for `PLANNED`.
    """

    kind: str = ''
    step: str = IDLE
    medium: str = ''
    done: int = 0
    total: int = 0
    message: Optional[Message] = None
    sentences: Tuple[str, ...] = ()
    plan: Optional[Plan] = None

    @property
    def is_running(self) -> bool:
        """Whether nothing else may begin."""
        return self.step in (WORKING, CHECKING, UNMOUNTING)

    @property
    def percent(self) -> int:
        """Of this step, never more than was done."""
        return min(100, 100 * self.done // self.total) if self.total else 0


class SteppedJob(MediumJob):
    """Work whose `progress` is a `Progress`: it ends with one line, whatever happens.

    Attributes:
        others: why nothing else begins meanwhile.
    """

    others = ''

    def _begin(self, kind: str, medium: Optional[Medium], working: contextlib.ExitStack,
               work: Callable[[], Tuple[str, ...]]) -> None:
        with self._lock:
            if self.progress.is_running:
                raise InputError('job-running', self.others,
                                 'Wait until it has ended.')
            self._launch(Progress(kind, WORKING, medium.name if medium else ''),
                         functools.partial(self._run, medium, working.pop_all(), work))

    def _run(self, medium: Optional[Medium], working: contextlib.ExitStack, work: Callable[[], Tuple[str, ...]]
             ) -> None:
        """Everything, whatever is raised: work that ends without a word would be taken for work that goes on."""
        try:
            with working:
                said = work()
            if medium is not None:
                self.progress = self.progress._replace(step=UNMOUNTING, sentences=said)
                self._unmount(medium.place)
            step = DONE if self.progress.plan is None else PLANNED
            self.progress = self.progress._replace(step=step, sentences=said)
        except StopError:
            self._fail(Message('job-stopped', 'It was stopped. What was done until then is whole and stays.',
                               'Begin it again.', PROBLEM, 'exams'))
        except ThermoscreenError as error:
            self._fail(error.message)
        except BaseException as error:
            _LOGGER.exception('exam job')
            self._fail(Message('unexpected', 'Something inside the service failed.', 'Begin again.', PROBLEM, 'exams',
                               {'detail': repr(error)}))

    def _fail(self, message: Message) -> None:
        self.progress = self.progress._replace(step=FAILED, message=message)

    def _check(self) -> None:
        """What was written is read back now."""
        self.progress = self.progress._replace(step=CHECKING, done=0, total=0)


class ExamJob(SteppedJob):
    """What is done with the exams of a station.

    Args:
        exams: of the station.
        clock: of the station.
        record: appends to the audit log, as `Audit.append`.
        policy: how long exams are kept.
        least_bytes: that a restore test leaves free for exams.
        media, unmounting: as of `MediumJob`.
        dicom: gives what `export_deidentified` takes as ``further`` for DICOM objects; None where there are none.
    Attributes:
        arrived: as of `plan_retention`.
    """

    others = 'Another export, import, removal or test is going on.'

    def __init__(self, exams: Exams, clock: Clock, record: Record, policy: Policy, least_bytes: int = 0,
                 media: Callable[[], List[Medium]] = find_media, unmounting: Callable[[str], None] = unmount,
                 dicom: Optional[Callable[[Exams], Further]] = None) -> None:
        super().__init__(Progress(), media, unmounting)
        self._dicom = dicom
        self.exams, self.policy = exams, policy
        self.arrived: Optional[Arrived] = None
        self._clock, self._record, self._least_bytes = clock, record, least_bytes
        # A test that was killed with the service before left a folder, which may take a while to remove.
        LastingThread('scratch', self._clear, self._ended).start()

    @property
    def last_test(self) -> Optional[Message]:
        """How old the last restore test is; None where there is no backup."""
        return last_restore_test(self.exams.folder, self._clock.now())

    @property
    def key(self) -> str:
        """Id of the key that signs exports; empty before the first one."""
        return known_key(self.exams.folder)

    def exports(self) -> List[Tuple[Medium, Export]]:
        """What could be imported, by the medium that it is on."""
        return [(medium, export) for medium in self.media() for export in find_exports(medium.place)]

    def export(self, place: str, exam_ids: Sequence[str], how: str, operator: str, pseudonym_key: bytes,
               working: contextlib.ExitStack) -> None:
        """Begin an export.

        Args:
            place: of one of `media`.
            exam_ids: of those that leave.
            how: one of `HOW`.
            operator: who wants it, for the audit log.
            pseudonym_key: of `export_deidentified`, whose set has a name at random.
            working: is closed when it has ended; it keeps the data key.

        Raises:
            InputError: ``job-running``; ``medium-missing``; ``exams-none``; ``export-plain``; ``export-how``.
        """
        if how not in HOW or (how == DEIDENTIFIED_DICOM and self._dicom is None):
            raise InputError('export-how', 'There is no such export.', 'Choose again.')
        if not exam_ids:
            raise InputError('exams-none', 'There is no signed exam to export.', 'Sign it first.')
        found = [self.exams.get(exam_id) for exam_id in exam_ids]
        if how == SEALED and not all(exam.encrypted for exam in found):
            raise InputError('export-plain', 'Not all of these exams are encrypted, so sealing would protect nothing.',
                             'Choose another way, and lock the medium away.')
        needed = sum(file.size for exam in found for file in exam.files.values())
        needed = int((1 + _SPARE_SHARE) * needed * _FACTORS.get(how, 1))
        medium = self._medium(place)
        if medium.room.free_bytes < needed:
            raise StorageError('medium-full', 'The export takes up to %s, and %s are free on %s.' % (
                shown_size(needed), shown_size(medium.room.free_bytes), medium.name), 'Take another medium.')
        self._begin(EXPORT, medium, working, functools.partial(
            self._export, medium, tuple(exam_ids), how, operator, pseudonym_key))

    def take(self, folder: str, key: str, operator: str, working: contextlib.ExitStack) -> None:
        """Begin an import.

        Args:
            folder: of one of `exports`.
            key: id of the key that has to have signed it, as somebody compared it.
            operator, working: as of `export`.

        Raises:
            InputError: ``job-running``; ``export-missing``.
        """
        medium = next((medium for medium, export in self.exports() if export.folder == folder), None)
        if medium is None:
            raise InputError('export-missing', 'This export is not there any more.', 'Plug its medium in again.')
        self._begin(IMPORT, medium, working, functools.partial(self._import, folder, key, operator))

    def test(self, place: str, operator: str, working: contextlib.ExitStack) -> None:
        """Begin the test of a restore; arguments as of `export`.

        Raises:
            InputError: ``job-running``; ``medium-missing``.
        """
        medium = self._medium(place)
        self._begin(TEST, medium, working, functools.partial(self._test, medium, operator))

    def plan(self) -> None:
        """Begin to look which exams the policy removes.

        Raises:
            InputError: ``job-running``.
        """
        self._begin(RETENTION, None, contextlib.ExitStack(), self._plan)

    def remove(self, operator: str) -> None:
        """Begin to remove what was planned, and is due still.

        Raises:
            InputError: ``job-running``; ``plan-missing`` where nothing is planned.
        """
        plan = self.progress.plan
        if self.progress.step != PLANNED or plan is None:
            raise InputError('plan-missing', 'Nothing is planned to be removed.', 'Look again what would go.')
        self._begin(REMOVAL, None, contextlib.ExitStack(), functools.partial(self._remove, plan, operator))

    def _export(self, medium: Medium, exam_ids: Tuple[str, ...], how: str, operator: str, pseudonym_key: bytes
               ) -> Tuple[str, ...]:
        root, sealer = self.exams.folder, self.exams.sealer
        name = 'thermo-%s-%s' % ('research' if how in _FOR_RESEARCH else 'export', uuid.uuid4().hex[:8])
        out = os.path.join(medium.place, name)

        def told(entry: Exported) -> None:
            self._record('exam-exported', operator, exam=entry.exam.id, how=how, exported_sha256=entry.sha256)
        with to_medium(medium.place):
            recover_folders(medium.place)  # an export that was killed
            if how in _FOR_RESEARCH:
                further = self._dicom(self.exams) if how == DEIDENTIFIED_DICOM and self._dicom is not None else None
                export_deidentified(root, exam_ids, out, sealer, pseudonym_key, '', told, self._told, further)
                self._check()
                check_deidentified(out)
            else:
                export_exams(root, exam_ids, out, None if how == SEALED else sealer, self._clock.now(),
                             station_key(root), told, self._told)
                self._check()
                check_export(out, self._told)
            sync_medium(medium.place)
        said = ['%s as %s on %s, and read back.' % (_counted(len(exam_ids), 'was', 'were') + ' exported', name,
                                                    medium.name)]
        if how not in _FOR_RESEARCH:
            said.append('It is signed by the key %s. Tell it to who imports it.' % self.key)
        if how == OPEN:
            said.append('Whoever has the medium can read it, with the names of patients. Lock it away.')
        return tuple(said)

    def _import(self, folder: str, key: str, operator: str) -> Tuple[str, ...]:
        done = import_exams([folder], self.exams, operator, (key,), tell=self._told)
        numbers = [exam.number for exam in done.taken]
        here = ' Their numbers here are %d to %d.' % (numbers[0], numbers[-1]) if numbers else ''
        return ('%s imported.%s' % (_counted(len(numbers), 'was', 'were'), here),
                '%s here already.' % _counted(len(done.same), 'was', 'were'))

    def _test(self, medium: Medium, operator: str) -> Tuple[str, ...]:
        root, key = self.exams.folder, self.key
        folder = newest_backup(medium.place, key)
        tried = try_restore(folder, root, key, self._clock, self.exams.sealer, self._told, self._least_bytes)
        self._record('restore-tested', operator, backup=tried.backup, exams=tried.exams, problems=len(tried.problems))
        if tried.problems:
            raise StorageError(tried.problems[0].code, tried.problems[0].sentence, tried.problems[0].next_step)
        note_restore_test(root, tried.backup, self._clock.now())
        return ('%s restored from %s to a folder of their own, and every file had the hash that was signed.'
                % (_counted(tried.exams, 'was', 'were'), tried.backup),
                'Since the backup, %d went on at the station and %d were removed. The folder is gone again.'
                % (tried.newer, tried.gone))

    def _plan(self) -> Tuple[str, ...]:
        plan = plan_retention(self.exams.folder, self.policy, self._clock.now(), self._told, self.arrived)
        self.progress = self.progress._replace(plan=plan)
        return ()

    def _remove(self, plan: Plan, operator: str) -> Tuple[str, ...]:
        removed = 0
        for due in plan.due:
            self._told(removed, len(plan.due))
            exam = read_exam(self.exams.folder, due.exam.id)
            if not exam.held and (not exam.locked or self.arrived is None or self.arrived(exam)):  # since the plan
                self.exams.remove(due.exam.id, operator, dict(self.policy._asdict(), since=due.since))
                removed += 1
        return ('%s removed.' % _counted(removed, 'was', 'were'),)

    def _clear(self) -> None:
        with contextlib.suppress(StorageError, OSError):
            clear_scratch(self.exams.folder)


def _counted(count: int, one: str, many: str) -> str:
    return '%d exam %s' % (count, one) if count == 1 else '%d exams %s' % (count, many)


@contextlib.contextmanager
def to_medium(place: str) -> Iterator[None]:
    """Whatever the medium refuses inside becomes an error about it; what is wrong with an exam stays what it is."""
    try:
        yield
    except (ExamUnreadableError, SealError):
        raise
    except (OSError, StorageError) as error:
        if isinstance(error, StorageError) and error.code not in _OF_THE_MEDIUM:
            raise
        with on_medium(place):
            raise
