"""What passes between the camera's thread and all others: the newest frame goes out, requests come in."""
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Callable, Deque, Optional, Tuple

from ...messages import CameraError, ThermoscreenError
from ..base import Camera, Frame


class Slot:
    """Holds one frame; a newer frame replaces one that nobody took, so that nothing queues up.

    An error is handed out once, after the last frame that preceded it, and again only if it changes.

    Attributes:
        dropped: frames that were replaced before anybody took them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Optional[Frame] = None
        self._taken = True
        self._error: Optional[ThermoscreenError] = None
        self._raised = True
        self.dropped = 0

    @property
    def error(self) -> Optional[ThermoscreenError]:
        """What currently keeps frames away, or None."""
        return self._error

    def put(self, frame: Frame) -> None:
        """Hand in a frame; it clears the error."""
        with self._changed:
            self.dropped += not self._taken
            self._frame, self._taken = frame, False
            self._error, self._raised = None, True
            self._changed.notify_all()

    def fail(self, error: ThermoscreenError) -> None:
        """Hand in what keeps frames away; repeating the current error changes nothing."""
        with self._changed:
            same = self._error is not None and str(self._error) == str(error)
            self._error, self._raised = error, same and self._raised
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Optional[Frame]:
        """The newest frame that nobody took yet; None if neither a frame nor an error comes in time.

        Raises:
            ThermoscreenError: what keeps frames away.
        """
        with self._changed:
            self._changed.wait_for(lambda: not (self._taken and self._raised), timeout_s)
            if not self._taken:
                self._taken = True
                return self._frame
            self._raised = True
            if self._error is not None:
                raise self._error
            return None

    def watch(self, accept: Callable[[Frame], bool], timeout_s: float, waits: Callable[[ThermoscreenError], bool]
              ) -> Optional[Frame]:
        """The first frame from now on that `accept` agrees to, without taking it.

        None if none comes in time, or once there is an error that `waits` does not agree to wait for. Both are called
        with the slot locked, so they must be quick.
        """
        with self._changed:
            current = self._frame

            def accepted() -> bool:
                return self._frame is not None and self._frame is not current and accept(self._frame)
            def given_up() -> bool:
                return self._error is not None and not waits(self._error)
            self._changed.wait_for(lambda: given_up() or accepted(), timeout_s)
            return self._frame if accepted() else None


class Requests:
    """Requests to the camera from any thread, served between two frames by the thread that reads the camera."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: Deque[Tuple[Callable[[Camera], Any], Future]] = deque()

    def ask(self, action: Callable[[Camera], Any], timeout_s: float) -> Any:
        """Have `action` called with the open camera, and return its result.

        Raises:
            CameraError: ``camera-busy`` if it was not served in time; otherwise whatever `action` raised.
        """
        answer: Future = Future()
        with self._lock:
            self._pending.append((action, answer))
        try:
            return answer.result(timeout_s)
        except FutureTimeout:
            answer.cancel()
            raise CameraError('camera-busy', 'The camera does not answer.',
                              'Wait until there is a picture and try again.')

    def serve(self, camera: Camera) -> None:
        """Carry out the pending requests.

        Raises:
            BaseException: what a request raised beyond a `ThermoscreenError`; whoever asked gets a
                ``camera-unexpected``.
        """
        for action, answer in self._all():
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(action(camera))
                except ThermoscreenError as error:  # raised where it was asked for
                    answer.set_exception(error)
                except BaseException as error:
                    answer.set_exception(CameraError('camera-unexpected', 'The camera failed in an unknown way.',
                                                     detail=repr(error)))
                    raise

    def refuse(self, error: ThermoscreenError) -> None:
        """Answer the pending requests with an error."""
        for _, answer in self._all():
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)

    def _all(self) -> Deque[Tuple[Callable[[Camera], Any], Future]]:
        with self._lock:
            pending, self._pending = self._pending, deque()
        return pending
