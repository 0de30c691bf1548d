"""One place between the camera and whoever looks: the newest frame, or what the camera's trouble is."""
import threading


class Slot:
    """Holds one frame. A newer one takes the place of one that nobody took; nothing is queued.

    The oldest picture anybody is given is therefore the newest there was. Trouble is handed out after the last frame
    that came before it, once, and again when nothing else came in time.

    Attributes:
        dropped (int): frames that nobody took before the next one came.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._frame = None
        self._taken = True
        self._trouble = None
        self._told = True
        self.dropped = 0

    @property
    def trouble(self):
        """The `ThermoscreenError` that keeps frames away now, or None."""
        return self._trouble

    def put(self, frame):
        """Hand in a frame; the trouble before it is over."""
        with self._changed:
            self.dropped += not self._taken
            self._frame, self._taken = frame, False
            self._trouble, self._told = None, True
            self._changed.notify_all()

    def fail(self, error):
        """Hand in what keeps frames away. The same trouble again is no news."""
        with self._changed:
            same = self._trouble is not None and str(self._trouble) == str(error)
            self._trouble, self._told = error, same and self._told
            self._changed.notify_all()

    def take(self, timeout_s):
        """The newest frame that nobody took, waited for.

        Args:
            timeout_s (float): longest wait, in seconds.
        Returns:
            Frame: taken; nobody else gets it. None where there is neither frame nor trouble in time.
        Raises:
            ThermoscreenError: the camera's trouble.
        """
        with self._changed:
            self._changed.wait_for(lambda: not (self._taken and self._told), timeout_s)
            if not self._taken:
                self._taken = True
                return self._frame
            self._told = True
            if self._trouble is not None:
                raise self._trouble
            return None

    def watch(self, wanted, timeout_s):
        """The first frame from now on that `wanted` accepts, without taking it from anybody.

        Args:
            wanted (callable): of a `Frame`; called with the slot locked, so it must be quick.
            timeout_s (float): longest wait, in seconds.
        Returns:
            Frame: or None where none came in time.
        """
        with self._changed:
            known = self._frame
            found = self._changed.wait_for(lambda: self._frame is not known and wanted(self._frame), timeout_s)
            return self._frame if found else None
