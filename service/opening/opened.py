"""What was opened last: each entry is one reading of one file, and everything that is shown of it comes from there."""
import contextlib
import queue
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Tuple, Type, Union

from ..machine import return_memory
from ..messages import InputError, Message, ThermoscreenError
from ..overlay import Span, at_picture_size, draw_overlay, draw_thumbnail
from ..readers.files import shown_name
from ..reading import read_signs
from ..supervise import LastingThread
from ..thermogram import CELSIUS, Thermogram
from ..viewing import draw, png
from .places import NAME, Listing, look
from .process import AbandonedError, OpeningError, ReadingProcess, disk_stuck, reading_of, refusal_of, thermogram_of

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..result import Result

#: Seconds after which a request is answered, whatever the disk does.
LIMIT_S = 15.0
#: So many requests for files, for lists and for thumbnails may wait at once: each holds a thread of the server.
MAX_WAITING, MAX_WAITING_FOR_LISTS, MAX_WAITING_FOR_THUMBNAILS = 3, 2, 2
#: Seconds that whoever opens a file waits for a thumbnail that is being made; then it is given up.
THUMBNAIL_LIMIT_S = 1.0
#: Thumbnails that are kept, in memory alone, and the bytes that they may take: those of 32 pages of a folder.
MAX_THUMBNAILS, MAX_THUMBNAIL_BYTES = 256, 8 << 20
#: So many threads may be held by disks that do not tell what is on them.
MAX_HELD = 2
#: Seconds without a file after which the process that reads them ends.
IDLE_S = 30.0
#: What is kept may take so much memory; the newest entry is kept in any case.
MAX_KEPT_BYTES = 16 << 20
#: Refusals that are remembered, by what was read, so that a bad file is not decoded again and again.
_MAX_REFUSALS = 64
#: Seconds between two looks at whether the client is still there.
_POLL_S = 0.25


class BusyError(OpeningError):
    """Too many ask at once. A fault of nobody, so that it is not logged."""

    http_status = 429


class GoneError(InputError):
    """What is asked for is not kept any more."""

    http_status = 410


@dataclass(frozen=True, eq=False)
class OpenedFile:
    """One reading of a file.

    Attributes:
        key: stands for every byte that was read, and for what was asked.
        frames: how many the file has.
        values: `Result.to_dict`.
        signs: `Reading.to_dict`.
        result: as it is drawn and measured; at the size of its picture where the frame is larger than is kept.
    """

    key: str
    frames: int
    values: Dict[str, Any]
    signs: Dict[str, Any]
    result: 'Result'

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        result = self.result
        arrays = [result.thermogram.pixels, result.labels, result.body.reduced, result.body.mask]
        if result.prepared is not None:
            arrays.append(result.prepared.tensor)
        if result.breasts is not None:
            arrays.append(result.breasts.labels)
        return sum(array.nbytes for array in arrays if array is not None)


class OpenedFiles:
    """Opens files one at a time, and keeps what was opened last.

    Reading happens in a process of its own, drawing and analysing in one thread: OpenCV keeps some megabytes for every
    thread that draws text. Any thread may call the methods.

    Args:
        pipeline: started.
        limit_s: seconds after which a request is answered.
        process: reads the files.
    """

    def __init__(self, pipeline: 'Pipeline', limit_s: float = LIMIT_S,
                 process: Optional[ReadingProcess] = None) -> None:
        self._pipeline, self._limit_s = pipeline, limit_s
        self._process = process or ReadingProcess()
        self._reading = _Thread('opening', self._process.close)
        self._drawing = _Thread('drawing')
        self._listing = _Thread('listing')
        self._held: List[_Thread] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_WAITING)
        self._list_places = threading.BoundedSemaphore(MAX_WAITING_FOR_LISTS)
        self._thumbnail_places = threading.BoundedSemaphore(MAX_WAITING_FOR_THUMBNAILS)
        self._jobs: Dict[Tuple[Any, ...], _Job] = {}
        self._kept: 'OrderedDict[str, OpenedFile]' = OrderedDict()
        self._refused: 'OrderedDict[str, _Refusal]' = OrderedDict()
        self._thumbnails: 'OrderedDict[str, bytes]' = OrderedDict()

    def open(self, root: str, relative: str, scale: Optional[str] = None, frame: int = 1,
             is_gone: Callable[[], bool] = lambda: False) -> OpenedFile:
        """Read a file, and analyse it unless the very same bytes are kept.

        Requests for one file that wait at the same moment share one reading. None shares a reading that began before
        it was made: the disk may have been exchanged in between.

        Args:
            root, relative: as for `resolve`.
            scale: how the counts of a file without temperatures are read; None where the file states it.
            frame: which frame of a recording, counted from 1.
            is_gone: whether the client has left; when all have, the reading is ended.
        Raises:
            InputError: the file cannot be read.
            OpeningError: ``opening-busy``, ``opening-slow``, ``disk-stuck`` or ``reader-not-started``.
            GoneError: ``opening-left``: there is no client to tell.
            BackendError: inference failed.
        """
        asked = (root, relative, scale, frame)
        with _place(self._places):
            with self._lock:
                job = self._jobs.get(asked)
                if job is None:
                    job = self._jobs[asked] = _Job(asked)
                    job.future = self._reading.put(lambda: self._open(job))
                job.waiting += 1
            try:
                outcome = self._wait(job.future, relative, is_gone, job)
            finally:
                with self._lock:
                    job.waiting -= 1
        if isinstance(outcome, _Refusal):
            raise outcome.error()
        return outcome

    def thumbnail(self, root: str, relative: str, palette_name: str, is_gone: Callable[[], bool] = lambda: False
                  ) -> bytes:
        """A small picture of the first frame of a file, as PNG; empty where there is none.

        The file is read each time, and decoded unless the picture of the very same bytes is kept. A reading that has
        begun is brought to its end: to start the process again would take longer.

        Args:
            root, relative: as for `resolve`.
            palette_name: of temperatures; counts that nothing explains are grey.
            is_gone: whether the client has left.
        Raises:
            OpeningError: ``opening-busy``, ``opening-slow`` or ``disk-stuck``.
            GoneError: ``opening-left``.
        """
        with _place(self._thumbnail_places):
            left = threading.Event()
            future = self._reading.put(lambda: b'' if left.is_set() else self._thumbnail(root, relative, palette_name))
            try:
                picture: bytes = self._wait(future, relative, is_gone)
                return picture
            finally:
                left.set()

    def look(self, root: str, relative: str, number: int = 1, order: str = NAME, at: str = '') -> Optional[Listing]:
        """What is at a path: a page of a folder, or None for a file.

        Lists are read in a thread of their own, since to start a process takes longer than to read one. A thread that
        a disk holds is left to it, and another takes its place.

        Args:
            root, relative: as for `resolve`.
            number, order, at: as for `list_folder`.
        Raises:
            InputError, PlaceError: as of `list_folder`.
            OpeningError: ``opening-busy``, ``opening-slow`` or ``disk-stuck``.
        """
        with _place(self._list_places):
            with self._lock:
                self._held = [thread for thread in self._held if thread.busy]
                if len(self._held) >= MAX_HELD:
                    raise disk_stuck()
                thread = self._listing
            try:
                listing: Optional[Listing] = self._wait(thread.put(lambda: look(root, relative, number, order, at)),
                                                        relative)
            except OpeningError:
                with self._lock:
                    if thread is self._listing and thread.busy:
                        thread.end()
                        self._held.append(thread)
                        self._listing = _Thread('listing')
                raise
        if listing is not None:  # a file of it is opened in a moment
            self._reading.put(self._process.start)
        return listing

    def kept(self, key: str) -> OpenedFile:
        """The entry of a key.

        Raises:
            GoneError: ``opened-gone``: others took its place, or the list of files was opened.
        """
        with self._lock:
            if key not in self._kept:
                raise GoneError('opened-gone', 'This file is not open any more.', 'Open it again.')
            self._kept.move_to_end(key)
            return self._kept[key]

    def draw(self, entry: OpenedFile, palette_name: str, layer: str, span: Optional[Span] = None) -> bytes:
        """A layer of an entry as PNG, as of `viewing.draw`.

        Raises:
            InputError: ``palette-unknown`` or ``picture-not-encoded``.
            OpeningError: ``opening-busy`` or ``opening-slow``.
        """
        return self._drawn(lambda: draw(entry.result, palette_name, layer, span))

    def draw_result(self, result: 'Result', palette_name: str, layer: str, span: Optional[Span], unit: str) -> bytes:
        """The overlay of a result as PNG, at a span of the palette where one is given. Errors as of `draw`."""
        return self._drawn(lambda: png(draw_overlay(result, palette_name, layer, span, unit)))

    def _drawn(self, drawing: Callable[[], bytes]) -> bytes:
        with _place(self._places):
            drawn = self._drawing.put(drawing)
            picture: bytes = self._wait(drawn, 'The picture')
            return picture

    def clear(self, thumbnails: bool = True) -> None:
        """Forget what was opened: the next patient is about to be chosen.

        What was wrong with the bytes of a file stays known; what took too long or crashed may be tried again.

        Args:
            thumbnails: whether they are forgotten too; not for the list that shows them.
        """
        with self._lock:
            self._kept.clear()
            if thumbnails:  # a new one, for a reading that has begun brings its own to the old one
                self._thumbnails = OrderedDict()
            self._refused = OrderedDict((key, refusal) for key, refusal in self._refused.items() if refusal.is_final)
        return_memory()

    def _wait(self, future: 'Future[Any]', name: str, is_gone: Callable[[], bool] = lambda: False,
              job: Optional['_Job'] = None) -> Any:
        deadline_s = time.monotonic() + self._limit_s
        while True:
            rest_s = deadline_s - time.monotonic()
            if rest_s <= 0:
                if job is not None:
                    job.overdue = True
                raise self._slow(name)
            if is_gone():
                raise GoneError('opening-left', 'Nobody waits for %s any more.' % shown_name(name))
            with contextlib.suppress(NotYet):
                return future.result(min(rest_s, _POLL_S))

    def _open(self, job: '_Job') -> 'Union[OpenedFile, _Refusal]':
        """Read a file, in the opening thread."""
        root, relative, scale, frame = job.asked
        with self._lock:
            del self._jobs[job.asked]  # who asks from now on gets a reading of its own
            known: Dict[str, Union[OpenedFile, _Refusal]] = dict(self._kept)
            known.update(self._refused)
        key = ''
        try:
            for head, pixels in self._process.ask(reading_of(root, relative, scale, frame, known),
                                                  lambda: not job.waiting):
                key = head.get('key', key)
                if 'refusal' in head:
                    return self._refuse(key, _Refusal.of(refusal_of(head['refusal'])))
                if 'shape' in head:
                    return self._keep(key, head, pixels)
        except AbandonedError:
            refusal = _Refusal.of(self._slow(relative))
            return self._refuse(key, refusal) if job.overdue else refusal
        except ThermoscreenError as error:
            refusal = _Refusal.of(error)
            return self._refuse(key, refusal) if isinstance(error, InputError) else refusal
        outcome = known[key]
        if isinstance(outcome, OpenedFile):
            with self._lock:  # it may have been forgotten meanwhile, for a page that was opened before this reading
                self._kept[key] = outcome
                self._kept.move_to_end(key)
        return outcome

    def _keep(self, key: str, head: Dict[str, Any], pixels: bytearray) -> OpenedFile:
        """Analyse a thermogram that was read, and keep the result."""
        thermogram = thermogram_of(head, pixels)
        entry: OpenedFile = self._drawing.put(lambda: self._analysed(key, head['frames'], thermogram)).result()
        if thermogram.pixels.nbytes > MAX_KEPT_BYTES:
            del thermogram, pixels
            return_memory()
        with self._lock:
            self._kept[key] = entry
            while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > MAX_KEPT_BYTES:
                self._kept.popitem(last=False)
        return entry

    def _thumbnail(self, root: str, relative: str, palette_name: str) -> bytes:
        """Read a file and draw it small, in the opening thread."""
        begun_s, key, picture = time.monotonic(), '', b''
        with self._lock:
            kept = self._thumbnails
            known = dict(kept)

        def abandoned() -> bool:
            return time.monotonic() - begun_s > (THUMBNAIL_LIMIT_S if self._jobs else self._limit_s)
        try:
            for head, pixels in self._process.ask(reading_of(root, relative, known=known, small=True), abandoned):
                key = head.get('key', key)
                picture = known.get(key, picture)
                if 'shape' in head:
                    unexplained = head['unit'] is None
                    thermogram = thermogram_of(dict(head, unit=head['unit'] or CELSIUS), pixels)
                    picture = png(draw_thumbnail(thermogram, 'grey' if unexplained else palette_name))
        except AbandonedError:
            if self._jobs:
                return picture
        except InputError:
            pass  # whoever opens the file is told
        with self._lock:
            if key:
                kept[key] = picture
                kept.move_to_end(key)
            while len(kept) > MAX_THUMBNAILS or sum(map(len, kept.values())) > MAX_THUMBNAIL_BYTES:
                kept.popitem(last=False)
        return picture

    def _analysed(self, key: str, frames: int, thermogram: Thermogram) -> OpenedFile:
        result = self._pipeline.analyse(thermogram)
        kept = result if thermogram.pixels.nbytes <= MAX_KEPT_BYTES else at_picture_size(result)
        return OpenedFile(key, frames, result.to_dict(), read_signs(result).to_dict(), kept)

    def _refuse(self, key: str, refusal: '_Refusal') -> '_Refusal':
        """Remember a refusal for what was read, where that is known."""
        with self._lock:
            if key:
                self._refused[key] = refusal
            while len(self._refused) > _MAX_REFUSALS:
                self._refused.popitem(last=False)
        return refusal

    def _slow(self, name: str) -> OpeningError:
        return OpeningError('opening-slow', '%s could not be opened within %g seconds.'
                            % (shown_name(name), self._limit_s), 'Copy it to another disk and open it there.')


@dataclass(frozen=True)
class _Refusal:
    """An error that is raised more than once; the exception itself would keep what its stack holds."""

    kind: Type[ThermoscreenError]
    message: Message
    detail: str

    @property
    def is_final(self) -> bool:
        """Whether the same bytes would be refused again."""
        return not issubclass(self.kind, OpeningError) and self.message.code != 'file-crashes'

    @classmethod
    def of(cls, error: ThermoscreenError) -> '_Refusal':
        return cls(type(error), error.message, error.detail)

    def error(self) -> ThermoscreenError:
        error = self.kind(self.message.code, self.message.sentence, self.message.next_step, self.detail)
        error.message = self.message
        return error


class _Job:
    """One reading, and how many wait for it."""

    def __init__(self, asked: Tuple[Any, ...]) -> None:
        self.asked = asked
        self.waiting = 0
        self.overdue = False
        self.future: 'Future[Union[OpenedFile, _Refusal]]' = Future()


class _Thread:
    """A thread that calls functions one after another.

    Args:
        name: of the thread.
        on_idle: called in it after `IDLE_S` without work.
    """

    def __init__(self, name: str, on_idle: Callable[[], None] = lambda: None) -> None:
        self._name, self._on_idle = name, on_idle
        self._calls: 'queue.Queue[Tuple[Future[Any], Callable[[], Any]]]' = queue.Queue()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: Optional[LastingThread] = None
        self.busy = False

    def put(self, call: Callable[[], Any]) -> 'Future[Any]':
        """Call a function in the thread; the future has what it returns or raises."""
        future: 'Future[Any]' = Future()
        self._calls.put((future, call))
        with self._lock:
            if self._thread is None:
                self._thread = LastingThread(self._name, self._run, self._ended)
                self._thread.start()
        return future

    def end(self) -> None:
        """End it after its present call."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                future, call = self._calls.get(timeout=IDLE_S)
            except queue.Empty:
                self._on_idle()
                continue
            self.busy = True
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
            self.busy = False
            del future, call  # what they hold is not kept until the next


@contextlib.contextmanager
def _place(places: threading.BoundedSemaphore) -> Iterator[None]:
    """Wait as one of a few."""
    if not places.acquire(blocking=False):
        raise BusyError('opening-busy', 'Other files are being opened.', 'Try again in a moment.')
    try:
        yield
    finally:
        places.release()
