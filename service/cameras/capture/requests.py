"""What other threads ask of a camera that belongs to one thread."""
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime

from ...messages import CameraError


class Requests:
    """Asked from any thread, answered by the one that reads the camera, between two frames."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waiting = deque()

    def ask(self, what, timeout_s):
        """Have something done with the camera and wait for it.

        Args:
            what (callable): of the open `Camera`.
            timeout_s (float): longest wait, in seconds.
        Returns:
            what it returned.
        Raises:
            CameraError: ``camera-busy`` where nobody got to it in time; else what it raised.
        """
        answer = Future()
        with self._lock:
            self._waiting.append((what, answer))
        try:
            return answer.result(timeout_s)
        except NotInTime:
            answer.cancel()
            raise CameraError('camera-busy', 'The camera does not answer; wait until there is a picture and try again.')

    def serve(self, camera):
        """Do what is waiting."""
        for what, answer in self._all():
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(what(camera))
                except Exception as error:  # it is raised where it was asked for
                    answer.set_exception(error)

    def refuse(self, error):
        """Answer what is waiting with an error."""
        for _, answer in self._all():
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)

    def _all(self):
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        return waiting
