"""The exam that is under way at the station: from a patient to pictures that are kept.

Which exam that is stands in the folders of the exams and nowhere else, so that after a kill it goes on where the last
acknowledged event left it.
"""
import functools
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from .cameras import Frame
from .cameras.capture import Capture
from .capture_file import pack_capture
from .correction import Outlines, correct
from .exams import (
    ACQUIRING,
    DEVIATION,
    DRAFT,
    DYNAMIC,
    REVIEW,
    Entry,
    Exam,
    ExamError,
    Exams,
    Order,
    Patient,
    Picture,
    check_capture,
    guide,
)
from .gallery import kept_features
from .gate import Check, Wanted, body_scale, check_gate, deviations
from .messages import PROBLEM, BackendError, CameraError, ThermoscreenError
from .overlay import draw_overlay
from .quality import QualityLimits
from .radiometry import Raw
from .reading import read_signs
from .record import encode_png
from .supervise import LastingThread
from .thermogram import Thermogram

if TYPE_CHECKING:
    from .pipeline import Pipeline
    from .result import Result

_LOGGER = logging.getLogger(__name__)

#: Longest wait for a picture: a correction with the shutter takes three seconds at most, a camera that returns five.
STILL_S = 10.0

#: What the gate says of a picture of another side than the one that is wanted; no other refusal of it is not kept.
_WRONG_SIDE = ('view-wrong', 'wrong-side', 'sides')

#: What is kept with a picture of the description of its camera.
_STATED = ('name', 'serial', 'accuracy', 'netd_mk')

#: So many may wait for the picture that is being taken, each with a thread of the server: a tap, a second one, and
#: the page of somebody who looked away.
_MAX_WAITING = 3

#: While other frames are analysed, the picture's own turn is asked for so often, with a pause in between.
_TRIES, _PAUSE_S = 30, 0.1

#: A picture of a series that could not be taken is tried again after this, until the next one is due.
_RETRY_S = 0.5


class TakingError(ThermoscreenError):
    """A picture is being taken already. A fault of nobody, so that it is not logged."""

    http_status = 429


class Newcomer(NamedTuple):
    """Who an exam is going to be of.

    Attributes:
        patient: as far as it was asked for.
        order: of the worklist, whose name, number and birth date nobody changes; None for who was typed or scanned.
        similar: whether somebody else on the worklist may be taken for her.
    """

    patient: Patient
    order: Optional[Order] = None
    similar: bool = False


class Acquisition:
    """Takes pictures into the exam that is under way; any thread may use it.

    Pictures are taken and drawn in one thread: there is one camera, and OpenCV keeps some megabytes for every thread
    that draws text.

    Args:
        exams: where everything is kept.
        capture: the camera of the live picture.
        pipeline: started; the same as that of the live picture.
        palette_name, layer: of the pictures that are kept, as for `draw_overlay`.
        still_s: longest wait for a picture.
        field_of_view_deg: horizontal, of the camera; 0 where it is not known.
        distance_m: of the station, from the camera to a patient, where an exam states none; None where it is not known.
        series: pictures of a dynamic series after the cooling, and seconds between two of them.
        limits: of the quality checks, as of `check_gate`.
    Attributes:
        newcomers: who is being asked for, before there is an exam, by the session that asks. In memory alone.
    """

    def __init__(self, exams: Exams, capture: Capture, pipeline: 'Pipeline', palette_name: str = 'iron',
                 layer: str = 'original', still_s: float = STILL_S, field_of_view_deg: float = 0.0,
                 distance_m: Optional[float] = None, series: Tuple[int, float] = (20, 15.0),
                 limits: Optional[QualityLimits] = None) -> None:
        self.exams = exams
        self.newcomers: Dict[str, Newcomer] = {}
        self._series = series
        self._limits = limits or QualityLimits()
        self._capture, self._pipeline, self._still_s = capture, pipeline, still_s
        self._palette_name, self._layer = palette_name, layer
        self._field_of_view_deg, self._distance_m = field_of_view_deg, distance_m
        self._beginning = threading.Lock()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MAX_WAITING)
        self._thread = ThreadPoolExecutor(1, 'acquisition')
        self._taken: Optional[Tuple[Tuple[str, str, int, int], 'Future[Exam]']] = None
        self._stop = threading.Event()
        self._serial: Optional[Tuple[str, threading.Thread]] = None

    def close(self) -> None:
        """Take no more pictures. One that is being taken is kept, if its exam is still open then."""
        self._stop.set()
        self._thread.shutdown(wait=False)

    def under_way(self) -> Optional[Entry]:
        """The exam that was begun last and has not come to its review; None where there is none.

        Raises:
            StorageError: as of `Exams.list`.
        """
        found = self.exams.list(state=DRAFT, limit=1) + self.exams.list(state=ACQUIRING, limit=1)
        return max(found, key=lambda entry: entry.row.number) if found else None

    def goes_on(self) -> Optional[Entry]:
        """The exam that is under way, or else the one that was begun last, while it waits for its signature.

        Raises:
            StorageError: as of `Exams.list`.
        """
        newest = self.exams.list(limit=1)
        return self.under_way() or (newest[0] if newest and newest[0].row.state == REVIEW else None)

    def begin(self, patient: Patient, operator: str, conditions: Optional[Mapping[str, Any]] = None,
              prepared: bool = True, order: Optional[Order] = None) -> Exam:
        """A new exam. Only one is under way at a time.

        Args:
            patient, operator, conditions, order: as of `Exams.create`.
            prepared: whether pictures come next; False for the preparation.

        Raises:
            ExamError: ``exam-under-way``, or as of `Exams.create` and `Exams.start`.
            StorageError: ``room-none`` where a whole exam may not have room, or as of `Exams.create`.
        """
        with self._beginning:
            self.check_alone()
            exam = self.exams.create(patient, operator, conditions, order)
            return self.exams.start(exam.id, operator) if prepared else exam

    def resume(self, exam_id: str, operator: str) -> Exam:
        """Go back from the review to the pictures.

        Raises:
            ExamError: ``exam-under-way``, or as of `Exams.resume`.
            StorageError: as of `Exams.resume`.
        """
        with self._beginning:
            self.check_alone()
            return self.exams.resume(exam_id, operator)

    def wanted(self, exam: Exam, role: str) -> Wanted:
        """What the gate is to look for in the next picture of an exam; the room was asked for and noted before."""
        first = next((capture for capture in exam.captures if capture.facts.get('camera', {}).get('scale')), None)
        return Wanted(role, first and first.facts['camera']['scale'], first and first.role,
                      distance_cm=100 * (self._distance_m or 1.0))

    def capture(self, exam_id: str, operator: str, role: str, frame: int = 0, number: int = 0,
                conditions: Optional[Mapping[str, Any]] = None) -> Exam:
        """Take a picture of the patient as she is now, and keep it with what the model says of it.

        The camera runs its flat-field correction first, if it takes such a request; not between the pictures of a
        series, which have their times. A picture that the quality gate refuses is kept with the refusal, which is a
        deviation; one of the wrong side is not kept.

        Args:
            role, frame, conditions: as of `Exams.add_capture`.
            number: of the picture in the exam, counted from 1. Who asks for a number once more, because a finger
                bounced or the answer was lost, gets the exam with the picture that was taken. 0 for the next one.

        Returns:
            The exam with the picture.

        Raises:
            TakingError: ``capture-busy``.
            CameraError: ``capture-not-ready``, or why the camera gives no picture.
            BackendError: it cannot be analysed.
            ExamError: ``capture-side`` where left and right are exchanged; as of `Exams.add_capture`.
            StorageError, ExamUnreadableError: as of `Exams.add_capture`.
        """
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            return self._asked((exam_id, role, frame, number), operator, conditions).result()
        finally:
            self._places.release()

    def _asked(self, key: Tuple[str, str, int, int], operator: str, conditions: Optional[Mapping[str, Any]]
               ) -> 'Future[Exam]':
        """The picture that is being taken, if it is the one that is asked for, or else a new one."""
        with self._lock:
            if self._taken is not None and not self._taken[1].done():
                if self._taken[0] != key:
                    raise _busy()
            else:
                self._taken = key, self._thread.submit(self._take, key, operator, conditions)
            return self._taken[1]

    def _take(self, key: Tuple[str, str, int, int], operator: str, conditions: Optional[Mapping[str, Any]]) -> Exam:
        exam_id, role, frame, number = key
        exam = self.exams.get(exam_id)
        if 0 < number <= len(exam.captures):
            return exam
        # What could not be kept is not taken: the patient would hold still for nothing.
        check_capture(exam, role, frame)
        self.exams.patient(exam)
        series = guide.series_of(exam) if role == DYNAMIC and frame > 1 else None
        taken = self._still(role != DYNAMIC or frame == 1, self._still_s if series is None else
                            min(self._still_s, series.interval_s))
        times, conditions = {}, dict(conditions or {})
        if series is not None:
            elapsed_s = guide.since(series.begun, self.exams.now())
            if elapsed_s is not None:
                old_s = max(0.0, time.monotonic() - taken.t_monotonic)
                times = {'due_s': round(series.due_s(frame), 2), 'taken_s': round(elapsed_s - old_s, 2)}
        result = self._analyse(taken.thermogram)
        checks = check_gate(result, taken.condition, self.wanted(exam, role), self._limits, self._capture.report())
        _check_side(checks)
        against = ' '.join([check.sentence for check in result.refusals] + [
            check['sentence'] for check in deviations(checks)
            if check['code'] not in [refusal.code for refusal in result.refusals]])
        if against and role != DYNAMIC:
            conditions[DEVIATION] = '%s: %s' % (role.replace('-', ' ').capitalize(), against)
        # First what the result is of, then, where the settings correct frames, what was measured.
        seen = [taken.thermogram] + ([] if taken.measured is None else [taken.measured])
        stated = dict(self.exams.conditions(exam), **(conditions or {})).get('distance_m')
        reading = read_signs(result, stated if isinstance(stated, (int, float)) else self._distance_m,
                             self._field_of_view_deg)
        picture = Picture(pack_capture(map(Raw.of, seen)), result.to_dict(),
                          encode_png(draw_overlay(result, self._palette_name, self._layer)),
                          b'' if result.labels is None else encode_png(result.labels),
                          dict(taken.condition.to_dict(), kind=self._capture.description.get('kind', ''),
                               scale=body_scale(result), **self._camera()),
                          reading.to_dict(), kept_features(result, role))
        return self.exams.add_capture(exam_id, operator, role, picture, frame, conditions, times)

    def _camera(self) -> Dict[str, Any]:
        """Which camera it is and how well it measures, as far as it says so."""
        return {key: self._capture.description[key] for key in _STATED if self._capture.description.get(key)}

    def _still(self, calibrate: bool, timeout_s: float) -> Frame:
        if calibrate:
            try:
                return self._capture.still(timeout_s, calibrate=True)
            except CameraError as error:
                if error.code != 'camera-no-ffc':
                    raise
        return self._capture.still(timeout_s)

    def _analyse(self, thermogram: Thermogram) -> 'Result':
        for _ in range(_TRIES):
            try:
                return self._pipeline.analyse(thermogram)
            except BackendError as error:
                if error.code != 'backend-busy':
                    raise
                last = error
            time.sleep(_PAUSE_S)
        raise last

    def correct(self, exam_id: str, operator: str, number: int, version: int, outlines: Outlines, reason: str) -> Exam:
        """Keep outlines that were corrected by hand, with the picture drawn as the others are.

        Args and errors as of `correction.correct`.
        """
        return correct(self.exams, exam_id, operator, number, version, outlines, reason, self._palette_name,
                       self._layer)

    def series(self, exam_id: str, operator: str, on_end: Callable[[], None] = lambda: None) -> Exam:
        """Take the pictures of a dynamic series, each at its time, in a thread of its own.

        A series that a restart interrupted goes on with the next picture that is due; those between are missing. What
        is late or missing is noted as a deviation at the end.

        Args:
            on_end: called when no picture follows.

        Returns:
            The exam, in which the beginning of the series is noted.

        Raises:
            ExamError: ``series-runs``; ``series-step`` where the exam is on another step; as of `Exams.note`.
            StorageError, ExamUnreadableError: as of `Exams.note`.
        """
        with self._beginning:
            if self.series_runs(exam_id):
                raise ExamError('series-runs', 'The series is being taken.', 'Wait until it is over.')
            exam = self.exams.get(exam_id)
            step = guide.step_of(exam).name
            if step == guide.COOLING:
                frames, interval_s = self._series
                exam = self.exams.note(exam_id, operator, {}, {'step': guide.SERIES, 'frames': frames,
                                                              'interval_s': interval_s})
            elif step != guide.SERIES:
                raise ExamError('series-step', 'No series comes now.', 'Go back to the exam.')
            thread = LastingThread('series', functools.partial(self._take_series, exam_id, operator, on_end),
                                   self._stop)
            self._serial = exam_id, thread
            thread.start()
            return exam

    def series_runs(self, exam_id: str) -> bool:
        """Whether pictures of the series of an exam are being taken."""
        return self._serial is not None and self._serial[0] == exam_id and self._serial[1].is_alive()

    def _take_series(self, exam_id: str, operator: str, on_end: Callable[[], None]) -> None:
        try:
            while not self._stop.is_set():
                series = guide.series_of(self.exams.get(exam_id))
                elapsed_s = None if series is None else guide.since(series.begun, self.exams.now())
                frame = None if series is None or elapsed_s is None else series.next(elapsed_s)
                if series is None or elapsed_s is None or frame is None:
                    break
                if self._stop.wait(max(0.0, series.due_s(frame) - elapsed_s)):
                    return
                try:
                    self.capture(exam_id, operator, DYNAMIC, frame)
                except (CameraError, BackendError, TakingError) as error:
                    # The picture may still come before the next one is due.
                    _LOGGER.info('%s: picture %d of the series', error, frame)
                    if self._stop.wait(_RETRY_S):
                        return
            if not self._stop.is_set():
                exam = self.exams.get(exam_id)
                deviation = _series_deviation(exam)
                self.exams.note(exam_id, operator, {DEVIATION: deviation} if deviation else {},
                                {'step': guide.SERIES_OVER})
        except ThermoscreenError as error:  # it was discarded meanwhile, or the disk failed, which the page tells
            _LOGGER.warning('%s: %s', error, error.detail)
        finally:
            on_end()

    def check_alone(self) -> None:
        """Refuse another exam while one is under way.

        Raises:
            ExamError: ``exam-under-way``.
            StorageError: as of `under_way`.
        """
        entry = self.under_way()
        if entry is not None:
            raise ExamError('exam-under-way', 'Exam %d is under way.' % entry.row.number,
                            'Finish it or discard it first.')


def _check_side(checks: Sequence[Check]) -> None:
    """Refuse a picture that shows another side than the one that is wanted, or in which they are exchanged.

    Raises:
        ExamError: ``capture-side``.
    """
    for check in checks:
        if check.message.severity == PROBLEM and check.message.code in _WRONG_SIDE:
            raise ExamError('capture-side', check.message.sentence, check.message.next_step)


def _series_deviation(exam: Exam) -> str:
    """What is wrong with the times of a series, in sentences; empty where all pictures came in time."""
    series = guide.series_of(exam)
    if series is None:
        return ''
    times: Dict[int, float] = {
        capture.frame - 1: capture.facts['taken_s'] - capture.facts['due_s']
        for capture in exam.captures if capture.role == DYNAMIC and 'due_s' in capture.facts}
    late = [number for number, seconds in sorted(times.items()) if seconds > guide.LATE_S]
    sentences = []
    for what, numbers in (('missing', series.missing()), ('late', late)):
        if numbers:
            sentences.append('Pictures of the series that are %s: %s.' % (what, ', '.join(map(str, numbers))))
    return ' '.join(sentences)


def _busy() -> TakingError:
    return TakingError('capture-busy', 'A picture is being taken.', 'Wait until it is there.')
