"""A folder of files analysed in the background: the results go to a medium, whole ones alone, and it can be stopped."""
import contextlib
import functools
import hashlib
import json
import os
import time
from typing import Callable, List, Optional, Sequence, Tuple

from . import __version__
from .backup import Medium, StopError, find_media, sync_medium, unmount
from .batch import Drawing, Read, Report, analyse_files, failures_of
from .exam_job import Progress, Record, SteppedJob, to_medium
from .messages import InputError, StorageError, shown_size
from .opening import AbandonedError, OpeningError, ReadingProcess, list_files, reading_of, refusal_of, thermogram_of
from .pipeline import Pipeline
from .readers.base import check_scale
from .readers.files import shown_name
from .record import Input, list_records, recover_records
from .summary import write_summary
from .thermogram import Thermogram

#: What is done, as `Progress.kind` has it.
BATCH = 'batch'

#: Seconds after which a file is given up.
LIMIT_S = 120.0
#: What a record takes at most: mostly its overlay.
_ROOM_BYTES = 1 << 20


class BatchJob(SteppedJob):
    """What is analysed for a station, one folder at a time.

    Files are read in a process of its own, as the page reads them; pictures of the camera are analysed meanwhile.

    Args:
        pipeline: started.
        drawing: how overlays are drawn.
        record: appends to the audit log, as `Audit.append`.
        media, unmounting: as of `MediumJob`.
    """

    others = 'Another folder is being analysed.'

    def __init__(self, pipeline: Pipeline, drawing: Drawing, record: Record,
                 media: Callable[[], List[Medium]] = find_media, unmounting: Callable[[str], None] = unmount) -> None:
        super().__init__(Progress(), media, unmounting)
        self._pipeline, self._drawing, self._record = pipeline, drawing, record

    def start(self, place: str, root: str, relative: str, scale: Optional[str], operator: str,
              names: Sequence[str] = ()) -> None:
        """Begin with the thermograms of a folder; what is in folders below it is left out.

        Args:
            place: of one of `media`.
            root, relative: as for `list_files`.
            scale: as for `read_thermogram`.
            operator: who wants it, for the audit log.
            names: of the files; none for all of the folder.

        Raises:
            InputError: ``job-running``, ``medium-missing`` or ``scale-name``.
        """
        if scale is not None:
            check_scale(scale, 'The request')
        medium = self._medium(place)
        self._begin(BATCH, medium, contextlib.ExitStack(),
                    functools.partial(self._analyse, medium, root, relative, scale, operator, names))

    def before(self, medium: Medium, relative: str, scale: Optional[str], names: Sequence[str] = ()) -> int:
        """How many results of the same files lie on a medium: a run that was stopped, which `start` goes on with."""
        try:
            return len(list_records(os.path.join(medium.place, self._folder(relative, scale, names))))
        except StorageError:
            return 0

    def _folder(self, relative: str, scale: Optional[str], names: Sequence[str]) -> str:
        """Name of the folder of results: the same for the same files, read and judged in the same way."""
        same = [relative, scale, sorted(names), self._pipeline.bundle.manifest.identity['hash'], __version__,
                repr(self._pipeline.options), self._drawing]
        return 'thermo-results-%s' % hashlib.sha256(json.dumps(same).encode('ascii')).hexdigest()[:8]

    def _analyse(self, medium: Medium, root: str, relative: str, scale: Optional[str], operator: str,
                 names: Sequence[str]) -> Tuple[str, ...]:
        files = [path for path in list_files(root, relative) if not names or os.path.basename(path) in names]
        if not files:
            raise InputError('folder-empty', 'There are no thermograms in this folder.', 'Choose another one.')
        needed = max(0, len(files) - self.before(medium, relative, scale, names)) * _ROOM_BYTES
        if medium.room.free_bytes < needed:
            raise StorageError('medium-full', 'The results take up to %s, and %s are free on %s.' % (
                shown_size(needed), shown_size(medium.room.free_bytes), medium.name),
                'Take another medium.')
        name = self._folder(relative, scale, names)
        out = os.path.join(medium.place, name)
        self._record('files-analysed', operator, files=len(files))
        self._told(0, len(files))
        reports: List[Report] = []
        with contextlib.closing(ReadingProcess()) as process, to_medium(medium.place):
            recover_records(out)
            try:
                for report in analyse_files(files, out, self._pipeline, self._reader(process, root, scale),
                                            self._drawing, ends=(StorageError,), resume=True):
                    reports.append({key: report[key] for key in ('path', 'input', 'outcome', 'code', 'sentence', 'kept')
                                    if key in report})
                    self._told(len(reports), len(files))
            except StopError:
                self.progress = self.progress._replace(sentences=self._written(out, medium, name, reports) + (
                    'Begin with the same files and medium to go on: what is whole there is kept.',))
                raise
            return self._written(out, medium, name, reports)

    def _reader(self, process: ReadingProcess, root: str, scale: Optional[str]) -> Read:
        def read(path: str, tell: Callable[[Input], None]) -> Tuple[Thermogram, int]:
            begun_s, told = time.monotonic(), False
            try:
                for head, pixels in process.ask(
                        reading_of(root, path, scale, hashed=True),
                        lambda: self._ended.is_set() or time.monotonic() - begun_s > LIMIT_S):
                    if head.get('sha256') and not told:
                        told = True
                        tell(Input(shown_name(path), head['sha256']))
                    if 'refusal' in head:
                        raise refusal_of(head['refusal'])
                    if 'shape' in head:
                        return thermogram_of(head, pixels), head['frames']
            except AbandonedError:
                if self._ended.is_set():
                    raise StopError
            raise OpeningError('opening-slow', '%s could not be read within %g seconds.' % (shown_name(path), LIMIT_S),
                               'Copy it to another disk and analyse it there.')
        return read

    def _written(self, out: str, medium: Medium, name: str, reports: List[Report]) -> Tuple[str, ...]:
        """Write the summary of what was done: what is said of it."""
        if not reports:
            return ()
        failed = failures_of(reports)
        write_summary(out, failed)
        sync_medium(medium.place)
        kept = sum('kept' in report for report in reports)
        return (
            '%d of %d files were analysed; the results are in %s on %s.' % (
                len(reports) - len(failed), self.progress.total, name, medium.name),
            *(['%d results of before were kept.' % kept] if kept else []),
            'summary.csv has a row for each file, and contact-sheet.png a picture of each result.',
            'They are not encrypted, and show patients. Lock the medium away.')
