"""What the kernel's log says about the supply."""
import os
import re

#: The over-current input of the thermal guard. On the Nano it is nearly always the supply that sags
#: (NVIDIA's developer forum, 158055).
_ALARM = re.compile(br'soctherm: OC ALARM 0x(?!0+\b)[0-9a-fA-F]+')
#: A record of /dev/kmsg is at most 8 KiB.
_RECORD_BYTES = 8192
#: More records than the largest log of a board holds; ends the reading of a file that never does.
_MOST_RECORDS = 100000


class KernelLog:
    """Counts alarms of the supply since the start of the board, reading each record once.

    Args:
        root (str): folder that stands for ``/``; the log is ``dev/kmsg`` below it.
    """

    def __init__(self, root='/'):
        self._rest = b''
        self._alarms = 0
        try:
            self._descriptor = os.open(os.path.join(root, 'dev/kmsg'), os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            self._descriptor = None

    def count_alarms(self):
        """Over-current alarms so far, or None where the log cannot be read."""
        if self._descriptor is None:
            return None
        for _ in range(_MOST_RECORDS):
            try:
                data = os.read(self._descriptor, _RECORD_BYTES)
            except BlockingIOError:
                break
            except BrokenPipeError:  # records were overwritten before they were read
                continue
            except OSError:
                return None
            if not data:
                break
            whole, _, self._rest = (self._rest + data).rpartition(b'\n')
            self._alarms += len(_ALARM.findall(whole))
            self._rest = self._rest[-_RECORD_BYTES:]
        return self._alarms

    def close(self):
        """Let the log go; may be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
