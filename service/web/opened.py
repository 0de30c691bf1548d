"""The files that were opened last, analysed once for the values and all their pictures."""
import os
import threading
from collections import OrderedDict

from ..messages import InputError
from ..readers import read_thermogram, sidecar_path

#: Results kept; each holds a frame and its labels, a few megabytes.
CAPACITY = 4


class OpenedFiles:
    """Reads and analyses files, and remembers the last few results.

    Args:
        pipeline (Pipeline): started.
    """

    def __init__(self, pipeline):
        self._pipeline = pipeline
        self._results = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def result(self, path, scale=None, frame=1):
        """The result of a file; analysed again when the file or its sidecar changed.

        Args:
            path (str): resolved path.
            scale (str): how the counts of a file without temperatures are read; None where it says so itself.
            frame (int): which frame of a recording, counted from 1.
        Raises:
            InputError: what reading it raised.
            BackendError: inference failed.
        """
        # One after another: pages ask for the values and the picture of a file at the same moment.
        with self._one_at_a_time:
            sidecar = sidecar_path(path)
            key = (path, scale, frame) + _version(path) + (_version(sidecar) if sidecar else ())
            if key not in self._results:
                self._results[key] = self._pipeline.analyse(read_thermogram(path, scale=scale, frame=frame))
                while len(self._results) > CAPACITY:
                    self._results.popitem(last=False)
            self._results.move_to_end(key)
            return self._results[key]


def _version(path):
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError('file-unreadable', 'The file cannot be read any more; check that its disk is connected.',
                         detail=str(error))
    return status.st_mtime, status.st_size, status.st_ino
