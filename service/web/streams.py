"""Viewers of the live picture and of its values: a connection each, and one thread for all viewers of a kind.

A viewer takes its connection over from the server, so that however many watch, and however slowly they read, no thread
that answers pages waits for them. Nothing is queued either: who has not taken the last part gets the newest one when it
has.
"""
import socket
import threading
import time
from typing import TYPE_CHECKING, Callable, Iterator, List, Optional

from ..supervise import LastingThread

if TYPE_CHECKING:
    from ..live import LiveLoop, LiveState

#: Bytes that may wait in the kernel for one viewer: about one picture. Without a limit the kernel would keep megabytes,
#: and a slow viewer would see pictures that are half a minute old.
_WAITING_BYTES = 48 * 1024

#: More than both ends of a connection hold unread. Only a viewer that has been sent more has shown that it reads.
UNREAD_BYTES = 256 * 1024

#: A viewer that has taken nothing for so long does not keep up, and after `_GONE_S` it is let go.
_STALLED_S = 0.5
_GONE_S = 10.0

#: Longest time between two looks at the viewers; shorter while one of them has not taken its part.
_TURN_S, _RETRY_S = 0.1, 0.02


class Viewer:
    """One viewer. It is an answer of WSGI, without contents where the server does not let it take the connection.

    Args:
        viewers: those of its kind.
    """

    def __init__(self, viewers: 'Viewers') -> None:
        self._viewers = viewers
        self.connection: Optional[socket.socket] = None
        self.waiting = b''
        self.taken_bytes = 0
        self.taken_s = self.given_s = 0.0
        #: Number of the newest part that it was given.
        self.part = -1

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def take_over(self, connection: socket.socket, head: bytes) -> None:
        """Send the head of the answer, and from now on every part, until the viewer leaves or is let go.

        Args:
            connection: closed at the end.
            head: of HTTP.
        """
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WAITING_BYTES)
        self._viewers.start(self, connection, head)

    def close(self) -> None:
        """Give the place back."""
        self._viewers.let_go(self)

    def give(self, data: bytes, part: int) -> None:
        """The next part; only where the last one was taken."""
        self.waiting, self.part, self.given_s = data, part, time.monotonic()
        self.send()

    def send(self) -> None:
        """Send what the connection takes now.

        Raises:
            OSError: the viewer left.
        """
        try:
            while self.waiting and self.connection is not None:
                count = self.connection.send(self.waiting)
                self.waiting = self.waiting[count:]
                self.taken_bytes += count
                self.taken_s = time.monotonic()
        except BlockingIOError:
            pass

    def stalled_s(self) -> float:
        """Seconds for which it has taken nothing although there was something to take."""
        return time.monotonic() - self.taken_s if self.waiting else 0.0

    def keeps_up(self) -> bool:
        """Whether it reads for certain. One that is only just being admitted is given the chance."""
        return self.connection is None or self.taken_bytes > UNREAD_BYTES and self.stalled_s() < _STALLED_S


class Viewers:
    """All viewers of one kind.

    Where all places are taken, a newcomer gets that of the viewer that has been there longest without proof that it
    reads: connections that are held open and never read keep nobody away from the picture.

    Args:
        live: what they watch.
        limit: largest number at once.
        first: sent to each once, before all parts.
        number: of the newest part, which grows with every new one.
        part: the newest part; ``b''`` for none yet.
        sign: what to send without news.
        sign_s: seconds without news after which it is sent.
    """

    def __init__(self, live: 'LiveLoop', limit: int, first: bytes, number: 'Callable[[LiveState], int]',
                 part: 'Callable[[LiveState], bytes]', sign: 'Callable[[LiveLoop], bytes]', sign_s: float) -> None:
        self.limit = limit
        self._live, self._first = live, first
        self._number, self._part, self._sign, self._sign_s = number, part, sign, sign_s
        self._lock = threading.RLock()
        self._viewers: List[Viewer] = []
        self._ended = threading.Event()  # never set: the thread ends with the live picture or the last viewer
        self._thread: Optional[LastingThread] = None

    @property
    def taken(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def admit(self) -> Optional[Viewer]:
        """A new viewer; None where every place is taken by one that reads."""
        with self._lock:
            if len(self._viewers) >= self.limit:
                idle = next((viewer for viewer in self._viewers if not viewer.keeps_up()), None)
                if idle is None:
                    return None
                self.let_go(idle)
            viewer = Viewer(self)
            self._viewers.append(viewer)
            return viewer

    def start(self, viewer: Viewer, connection: socket.socket, head: bytes) -> None:
        """A viewer has its connection."""
        with self._lock:
            if viewer not in self._viewers:
                connection.close()
                return
            viewer.connection = connection
            viewer.waiting, viewer.taken_s = head + self._first, time.monotonic()
            self._serve(viewer, self._live.state)
            if self._thread is None:
                self._thread = LastingThread('viewers', self._run, self._ended)
                self._thread.start()

    def let_go(self, viewer: Viewer) -> None:
        """End a viewer; may be called twice."""
        with self._lock:
            if viewer in self._viewers:
                self._viewers.remove(viewer)
            if viewer.connection is not None:
                viewer.connection.close()

    def _run(self) -> None:
        sequence = -1
        try:
            while not self._live.stopped:
                waits = any(viewer.waiting and viewer.stalled_s() < _STALLED_S for viewer in list(self._viewers))
                self._live.wait_for(sequence, _RETRY_S if waits else _TURN_S)
                with self._lock:
                    state = self._live.state
                    sequence = state.sequence
                    for viewer in list(self._viewers):
                        self._serve(viewer, state)
                    if not self._viewers:
                        self._thread = None  # the next viewer starts a new one
                        return
        except BaseException:
            self.let_all_go()
            raise
        with self._lock:
            self._thread = None
            self.let_all_go()

    def let_all_go(self) -> None:
        """The live picture has ended, the thread failed, or the station was locked: browsers ask again."""
        with self._lock:
            for viewer in list(self._viewers):
                self.let_go(viewer)

    def _serve(self, viewer: Viewer, state: 'LiveState') -> None:
        if viewer.connection is None:
            return
        try:
            viewer.send()
            number = self._number(state)
            if not viewer.waiting and number != viewer.part:
                viewer.give(self._part(state), number)
            elif not viewer.waiting and time.monotonic() - viewer.given_s >= self._sign_s:
                viewer.give(self._sign(self._live), number)
        except OSError:
            self.let_go(viewer)
        if viewer.stalled_s() > _GONE_S:
            self.let_go(viewer)
