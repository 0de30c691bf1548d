"""What the kernel is asked through, so that tests can stand in for it."""
import fcntl
import mmap
import os
import select
import time


class KernelCalls:
    """The real calls. Each raises `OSError` as the kernel answers."""

    def open(self, path):
        """A file descriptor that never waits, and that programs started from here do not inherit."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, descriptor):
        """Close it."""
        os.close(descriptor)

    def ioctl(self, descriptor, request, structure):
        """One request; the kernel reads and fills a ctypes structure. Interrupted calls are repeated."""
        while True:
            try:
                fcntl.ioctl(descriptor, request, structure, True)
                return
            except InterruptedError:
                continue

    def map(self, descriptor, length, offset):
        """A mapped buffer: indexable as bytes, with ``close()``."""
        return mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def wait(self, descriptor, timeout_s):
        """Whether something can be read, waiting at most so long.

        `poll` and not `select`, which takes no descriptor above 1023; an error counts as readable, and the request
        that follows says which.
        """
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLPRI)
        return bool(poller.poll(max(int(timeout_s * 1e3 + 0.999), 0)))

    def now(self):
        """Seconds on CLOCK_MONOTONIC, with which drivers stamp frames."""
        return time.monotonic()
