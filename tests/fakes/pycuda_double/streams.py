"""Streams and events: what is asynchronous happens when somebody waits for it, and not before."""
import time

from .errors import ILLEGAL_ADDRESS, INVALID_HANDLE, NOT_READY, failure
from .world import BadAddressError


class Queue:
    """Operations of one stream in order; they run when the stream is drained."""

    def __init__(self, world, context, handle):
        self._world, self.context, self.handle = world, context, handle
        self.waiting = []

    def add(self, operation):
        self.waiting.append(operation)

    def step(self):
        """Run the first operation that waits."""
        operation = self.waiting.pop(0)
        try:
            operation()
        except BadAddressError:
            self._world.fail(ILLEGAL_ADDRESS)
        if self._world.sticky:
            self.waiting[:] = []

    def drain(self, call, until=None):
        """Run what waits, all of it or up to a condition; a device that fails fails the call."""
        self._world.check(call)
        while self.waiting and not (until and until()):
            self.step()
        self._world.check(call)


def make_classes(world):
    """Stream and Event, bound to a world."""

    class Stream:
        """A stream of the context that is current when it is made."""

        def __init__(self, flags=0):
            self._queue = Queue(world, world.need_context('cuStreamCreate'), world.handle())
            world.streams[self._queue.handle] = self._queue

        @property
        def handle(self):
            return self._queue.handle

        def synchronize(self):
            world.need_context('cuStreamSynchronize')
            self._queue.drain('cuStreamSynchronize')

        def is_done(self):
            # One operation for each question, so that a loop that asks ends, and one that does not ask sees nothing.
            world.need_context('cuStreamQuery')
            if self._queue.waiting:
                self._queue.step()
                world.check('cuStreamQuery')
            return not self._queue.waiting

        def wait_for_event(self, event):
            world.need_context('cuStreamWaitEvent')
            self._queue.add(lambda: event._finish('cuStreamWaitEvent'))

        def __del__(self):
            queue = getattr(self, '_queue', None)
            if queue is not None and not queue.waiting:
                world.streams.pop(queue.handle, None)

    class Event:
        """A mark in a stream."""

        def __init__(self, flags=0):
            world.need_context('cuEventCreate')
            self._queue, self._time = None, None

        def record(self, stream=None):
            context = world.need_context('cuEventRecord')
            self._queue, self._time = queue_of(context, stream), None
            self._queue.add(self._mark)
            return self

        def _mark(self):
            self._time = time.perf_counter()

        def _finish(self, call):
            if self._queue is not None:
                self._queue.drain(call, lambda: self._time is not None)

        def synchronize(self):
            world.need_context('cuEventSynchronize')
            self._finish('cuEventSynchronize')
            return self

        def query(self):
            world.need_context('cuEventQuery')
            return self._queue is None or self._time is not None

        def time_since(self, other):
            if self._queue is None or other._queue is None:
                raise failure('cuEventElapsedTime', INVALID_HANDLE)
            if self._time is None or other._time is None:
                raise failure('cuEventElapsedTime', NOT_READY)
            return (self._time - other._time) * 1000

        def time_till(self, other):
            return other.time_since(self)

    def queue_of(context, stream):
        return context._default if stream is None else stream._queue

    return Stream, Event, queue_of
