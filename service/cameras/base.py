"""What every camera is: open, read, close, and what it says about itself."""
import abc
from dataclasses import dataclass

from ..messages import CameraError
from ..thermogram import Thermogram
from .condition import Condition


@dataclass(frozen=True)
class Frame:
    """One frame of a camera.

    Attributes:
        thermogram (Thermogram): the patient's right on the left of the picture.
        sequence (int): counts every frame the camera made since it was opened, also those nobody
            read: a jump is the number of frames skipped.
        t_monotonic (float): when the frame was taken, on the clock of `time.monotonic`, in seconds.
        condition (Condition): what the frame says about its camera; whether it may be used for a capture.
    """

    thermogram: Thermogram
    sequence: int
    t_monotonic: float
    condition: Condition = Condition()


class Camera(abc.ABC):
    """Base of the cameras. A camera overrides `_open`, `_close`, `_read` and the attributes.

    One thread at a time. A camera that failed may be closed and opened again. Use it as a context
    manager, or call `open` and `close`.
    """

    #: What the operator calls it, such as ``'simulated camera 7'``.
    name = ''
    #: Kind for the record and the settings, such as ``'sim'``.
    kind = ''
    #: Frames per second it makes.
    rate_hz = 0.0
    #: Noise of one pixel in millikelvin, or None where it is not known.
    netd_mk = None
    #: How far its temperatures can be trusted, as a sentence.
    accuracy = ''
    #: Whether it is a sensor whose temperatures settle only some time after its start.
    warms_up = False
    #: Whether no two of its pictures are the same, because a sensor has noise: one that comes twice is frozen.
    never_repeats = False

    def __init__(self):
        self._is_open = False
        self._last_sequence = -1
        self._shape = (0, 0)
        self._unit = ''

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *exception):
        self.close()

    @property
    def is_open(self):
        """Whether frames can be read."""
        return self._is_open

    def open(self):
        """Start the camera; does nothing where it runs already.

        Raises:
            CameraError: ``camera-missing``, or ``camera-bad-frame`` where it gives nothing usable.
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

    def close(self):
        """Stop the camera and free what it holds; does nothing where it is closed."""
        if self._is_open:
            self._is_open = False
            self._close()

    def read(self, timeout_s=1.0):
        """The newest frame that was not read yet; waits at most for the next one.

        A reader that is slower than the camera skips frames: they are never queued, because the
        picture on the screen must be the patient of now.

        Args:
            timeout_s (float): longest wait, in seconds.
        Returns:
            Frame: its sequence is higher than that of every frame before.
        Raises:
            CameraError: ``camera-silent`` (no frame in time; read again), ``camera-gone`` (close it
                and open it again), ``camera-bad-frame`` or ``camera-closed``.
        """
        if not self._is_open:
            raise self._closed()
        frame = self._read(timeout_s)
        thermogram = frame.thermogram
        if frame.sequence <= self._last_sequence:
            raise self._bad_frame('repeats itself',
                                  'sequence %d after %d' % (frame.sequence, self._last_sequence))
        if thermogram.unit != self._unit or thermogram.pixels.shape != self._shape:
            raise self._bad_frame('changed its kind of picture',
                                  '%s %s' % (thermogram.unit, thermogram.pixels.shape))
        self._last_sequence = frame.sequence
        return frame

    def flat_field(self):
        """Ask the camera to even its pixels out now (FFC, NUC): its shutter closes for about a second.

        It returns when the camera has taken the request; the frames to come say when it is done, where they say.

        Raises:
            CameraError: ``camera-no-ffc`` where it takes no such request; ``camera-closed``; ``camera-gone``.
        """
        if not self._is_open:
            raise self._closed()
        self._flat_field()

    def changes(self):
        """A number that is another one when something was plugged in or out where this camera is looked for.

        May be asked while the camera is closed, ten times a second.
        """
        return 0

    def describe(self):
        """What the camera says about itself, as JSON values.

        Returns:
            dict: ``name``, ``kind``, ``rate_hz``, ``unit`` (``'celsius'``, ``'relative'``; ``''``
            before the first `open`), ``width`` and ``height`` in pixels (0 before), ``netd_mk``
            (number or None), ``accuracy`` (a sentence), ``warms_up`` and
            ``never_repeats`` (bool).
        """
        return {'name': self.name, 'kind': self.kind, 'rate_hz': self.rate_hz, 'unit': self._unit,
                'width': self._shape[1], 'height': self._shape[0], 'netd_mk': self.netd_mk,
                'accuracy': self.accuracy, 'warms_up': self.warms_up, 'never_repeats': self.never_repeats}

    @abc.abstractmethod
    def _open(self):
        """Start. Returns the unit and (height, width) of every frame to come."""

    @abc.abstractmethod
    def _close(self):
        """Stop; also called after an `_open` that failed half-way."""

    @abc.abstractmethod
    def _read(self, timeout_s):
        """The newest unread `Frame`, or a `CameraError`."""

    def _flat_field(self):
        raise CameraError('camera-no-ffc', 'The %s evens its picture out by itself and takes no request for it; wait '
                          'for its next time.' % self.name)

    def _closed(self):
        return CameraError('camera-closed', 'The %s was not started; start it first.' % self.name)

    def _silent(self, timeout_s):
        return CameraError('camera-silent', 'The %s gave no frame for %.1f seconds; check its cable and '
                           'wait, or restart it.' % (self.name, timeout_s))

    def _gone(self, remedy):
        return CameraError('camera-gone', 'The %s is gone; %s.' % (self.name, remedy))

    def _bad_frame(self, what, detail=''):
        return CameraError('camera-bad-frame', 'The %s %s; restart it.' % (self.name, what), detail=detail)
