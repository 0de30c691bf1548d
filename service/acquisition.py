"""The exam that is under way at the station: from a patient to pictures that are kept.

Which exam that is stands in the folders of the exams and nowhere else, so that after a kill it goes on where the last
acknowledged event left it.
"""
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple

from .cameras import Frame
from .cameras.capture import Capture
from .capture_file import pack_capture
from .exams import ACQUIRING, DRAFT, DYNAMIC, Entry, Exam, ExamError, Exams, Patient, Picture, check_capture
from .gate import body_scale
from .messages import BackendError, CameraError, ThermoscreenError
from .overlay import draw_overlay
from .radiometry import Raw
from .reading import read_signs
from .record import encode_png
from .thermogram import Thermogram

if TYPE_CHECKING:
    from .pipeline import Pipeline
    from .result import Result

#: Longest wait for a picture: a correction with the shutter takes three seconds at most, a camera that returns five.
STILL_S = 10.0

#: So many may wait for the picture that is being taken, each with a thread of the server: a tap, a second one, and
#: the page of somebody who looked away.
_MAX_WAITING = 3

#: While other frames are analysed, the picture's own turn is asked for so often, with a pause in between.
_TRIES, _PAUSE_S = 30, 0.1


class TakingError(ThermoscreenError):
    """A picture is being taken already. A fault of nobody, so that it is not logged."""

    http_status = 429


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
        distance_m: of the station, from the camera to a patient, where an exam states none.
    """

    def __init__(self, exams: Exams, capture: Capture, pipeline: 'Pipeline', palette_name: str = 'iron',
                 layer: str = 'original', still_s: float = STILL_S, field_of_view_deg: float = 0.0,
                 distance_m: Optional[float] = None) -> None:
        self.exams = exams
        self._capture, self._pipeline, self._still_s = capture, pipeline, still_s
        self._palette_name, self._layer = palette_name, layer
        self._field_of_view_deg, self._distance_m = field_of_view_deg, distance_m
        self._beginning = threading.Lock()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MAX_WAITING)
        self._thread = ThreadPoolExecutor(1, 'acquisition')
        self._taken: Optional[Tuple[Tuple[str, str, int, int], 'Future[Exam]']] = None

    def close(self) -> None:
        """Take no more pictures. One that is being taken is kept, if its exam is still open then."""
        self._thread.shutdown(wait=False)

    def under_way(self) -> Optional[Entry]:
        """The exam that was begun last and has not come to its review; None where there is none.

        Raises:
            StorageError: as of `Exams.list`.
        """
        found = self.exams.list(state=DRAFT, limit=1) + self.exams.list(state=ACQUIRING, limit=1)
        return max(found, key=lambda entry: entry.row.number) if found else None

    def begin(self, patient: Patient, operator: str, conditions: Optional[Mapping[str, Any]] = None) -> Exam:
        """A new exam, ready for pictures. Only one is under way at a time.

        Raises:
            ExamError: ``exam-under-way``, or as of `Exams.create` and `Exams.start`.
            StorageError: ``room-none`` where a whole exam may not have room, or as of `Exams.create`.
        """
        with self._beginning:
            self._check_alone()
            return self.exams.start(self.exams.create(patient, operator, conditions).id, operator)

    def resume(self, exam_id: str, operator: str) -> Exam:
        """Go back from the review to the pictures.

        Raises:
            ExamError: ``exam-under-way``, or as of `Exams.resume`.
            StorageError: as of `Exams.resume`.
        """
        with self._beginning:
            self._check_alone()
            return self.exams.resume(exam_id, operator)

    def capture(self, exam_id: str, operator: str, role: str, frame: int = 0, number: int = 0,
                conditions: Optional[Mapping[str, Any]] = None) -> Exam:
        """Take a picture of the patient as she is now, and keep it with what the model says of it.

        The camera runs its flat-field correction first, if it takes such a request; not between the pictures of a
        series, which have their times. A picture that the quality gate refuses is kept with the refusal.

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
            ExamError, StorageError, ExamUnreadableError: as of `Exams.add_capture`.
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
        taken = self._still(role != DYNAMIC or frame == 1)
        result = self._analyse(taken.thermogram)
        # First what the result is of, then, where the settings correct frames, what was measured.
        seen = [taken.thermogram] + ([] if taken.measured is None else [taken.measured])
        stated = dict(self.exams.conditions(exam), **(conditions or {})).get('distance_m')
        reading = read_signs(result, stated if isinstance(stated, (int, float)) else self._distance_m,
                             self._field_of_view_deg)
        picture = Picture(pack_capture(map(Raw.of, seen)), result.to_dict(),
                          encode_png(draw_overlay(result, self._palette_name, self._layer)),
                          b'' if result.labels is None else encode_png(result.labels),
                          dict(taken.condition.to_dict(), kind=self._capture.description.get('kind', ''),
                               scale=body_scale(result)),
                          reading.to_dict())
        return self.exams.add_capture(exam_id, operator, role, picture, frame, conditions)

    def _still(self, calibrate: bool) -> Frame:
        if calibrate:
            try:
                return self._capture.still(self._still_s, calibrate=True)
            except CameraError as error:
                if error.code != 'camera-no-ffc':
                    raise
        return self._capture.still(self._still_s)

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

    def _check_alone(self) -> None:
        entry = self.under_way()
        if entry is not None:
            raise ExamError('exam-under-way', 'Exam %d is under way.' % entry.row.number,
                            'Finish it or discard it first.')


def _busy() -> TakingError:
    return TakingError('capture-busy', 'A picture is being taken.', 'Wait until it is there.')
