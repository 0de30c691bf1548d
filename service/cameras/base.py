"""The interface of every camera: open, read, close, describe."""
import abc
import sys
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, TypeVar

from ..condition import Condition
from ..messages import CameraError
from ..thermogram import Thermogram
from .clock import SystemClock
from .specification import Options

CameraType = TypeVar('CameraType', bound='Camera')


#: As `Frame.missed`: while the computer was late, every buffer filled up, and nobody knows how many found none.
EVERY = sys.maxsize


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a camera.

    Attributes:
        thermogram: the patient's right side is on the left of the picture.
        sequence: counts every frame that the camera made since it was opened, also those nobody read: a jump is the
            number of frames skipped.
        t_monotonic: when the frame was taken, on the clock of `time.monotonic`, in seconds.
        condition: what the frame reports about its camera; whether it may be used for an exam.
        missed: how many of the frames skipped before it the computer was too late for; the others were lost by the
            camera or on the way. `EVERY` for all of them.
        measured: as the camera gave it, where the capture has corrected it since; None where it has not.
    """

    thermogram: Thermogram
    sequence: int
    t_monotonic: float
    condition: Condition = Condition()
    missed: int = 0
    measured: Optional[Thermogram] = None


class Camera(abc.ABC):
    """Base of all cameras; a camera overrides the attributes, `_open`, `_close` and `_read`.

    One thread at a time. A camera that failed may be closed and opened again. Use it as a context manager, or call
    `open` and `close`.
    """

    #: What the operator calls it, such as ``'simulated camera 7'``.
    name = ''
    #: The word that a specification starts with, such as ``'sim'``.
    kind = ''
    #: Frames per second.
    rate_hz = 0.0
    #: Noise of one pixel in millikelvin (NETD), or None if unknown.
    netd_mk: Optional[float] = None
    #: How far its temperatures can be trusted, as a sentence.
    accuracy = ''
    #: Whether it is a sensor whose temperatures settle only some time after its start.
    warms_up = False
    #: Whether a sensor's noise makes every picture different, so that a repeated picture means that it is frozen.
    never_repeats = False

    def __init__(self) -> None:
        self._is_open = False
        self._last_sequence = -1
        self._shape = (0, 0)
        self._unit = ''

    def __enter__(self: CameraType) -> CameraType:
        self.open()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    @classmethod
    def from_spec(cls, where: str, options: Options, clock: SystemClock) -> 'Camera':
        """The camera of a specification: what follows the colon, and the options. Every kind overrides it."""
        raise NotImplementedError

    def open(self) -> None:
        """Start the camera; does nothing if it runs already.

        Raises:
            CameraError: ``camera-missing``, or ``camera-bad-frame`` if it delivers nothing usable.
        """
        if self._is_open:
            return
        self._last_sequence = -1
        try:
            self._unit, self._shape = self._open()
        except BaseException:
            self._close()
            raise
        self._is_open = True

    def close(self) -> None:
        """Stop the camera and free its resources; does nothing if it is closed."""
        if self._is_open:
            self._is_open = False
            self._close()

    def read(self, timeout_s: float = 1.0) -> Frame:
        """The newest frame that was not read yet; waits for the next one at most.

        A reader that is slower than the camera skips frames. They are never queued, because the screen must show the
        patient as she is now. The sequence of every frame is higher than that of the frames before.

        Raises:
            CameraError: ``camera-silent`` (no frame in time; read again), ``camera-gone`` (close it and open it again),
                ``camera-bad-frame`` or ``camera-closed``.
        """
        if not self._is_open:
            raise self._closed()
        frame = self._read(timeout_s)
        thermogram = frame.thermogram
        if frame.sequence <= self._last_sequence:
            raise self._bad_frame('repeats itself', 'sequence %d after %d' % (frame.sequence, self._last_sequence))
        if thermogram.unit != self._unit or thermogram.pixels.shape != self._shape:
            raise self._bad_frame('changed its kind of picture', '%s %s' % (thermogram.unit, thermogram.pixels.shape))
        self._last_sequence = frame.sequence
        return frame

    def flat_field(self) -> None:
        """Ask the camera for a flat-field correction (FFC, NUC) now: its shutter closes for about a second.

        Returns when the camera has accepted the request; later frames tell when it is done, if the camera reports it.

        Raises:
            CameraError: ``camera-no-ffc`` if it takes no such request; ``camera-closed``; ``camera-gone``.
        """
        if not self._is_open:
            raise self._closed()
        self._flat_field()

    def changes(self) -> int:
        """A number that changes when something was plugged in or out where this camera is looked for.

        May be called while the camera is closed, ten times a second.
        """
        return 0

    def describe(self) -> Dict[str, Any]:
        """What the camera is, as JSON values.

        Returns:
            ``name``, ``kind``, ``rate_hz``, ``unit`` (``'celsius'``, ``'relative'``; ``''`` before the first `open`),
            ``width`` and ``height`` in pixels (0 before), ``netd_mk``, ``accuracy``, ``warms_up``, ``never_repeats``.
        """
        return {'name': self.name, 'kind': self.kind, 'rate_hz': self.rate_hz, 'unit': self._unit,
                'width': self._shape[1], 'height': self._shape[0], 'netd_mk': self.netd_mk,
                'accuracy': self.accuracy, 'warms_up': self.warms_up, 'never_repeats': self.never_repeats}

    @abc.abstractmethod
    def _open(self) -> Tuple[str, Tuple[int, int]]:
        """Start. Returns the unit and (height, width) of every frame to come."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Stop; also called after an `_open` that failed half-way."""

    @abc.abstractmethod
    def _read(self, timeout_s: float) -> Frame:
        """The newest unread frame, or a `CameraError`."""

    def _flat_field(self) -> None:
        raise CameraError('camera-no-ffc', 'The %s calibrates by itself and cannot be asked to.' % self.name,
                          'Wait for its next calibration.')

    def _closed(self) -> CameraError:
        return CameraError('camera-closed', 'The %s was not started.' % self.name, 'Start it first.')

    def _silent(self, timeout_s: float) -> CameraError:
        return CameraError('camera-silent', 'The %s delivered no frame for %.1f seconds.' % (self.name, timeout_s),
                           'Check its cable and wait. If it stays so, unplug it and plug it in again.')

    def _gone(self, next_step: str) -> CameraError:
        return CameraError('camera-gone', 'The %s is gone.' % self.name, next_step)

    def _bad_frame(self, what: str, detail: str = '') -> CameraError:
        return CameraError('camera-bad-frame', 'The %s %s.' % (self.name, what), 'Unplug it and plug it in again.',
                           detail)
