"""The newest records of the log of this process, without anything that was filled into them.

A record keeps who wrote it, its words as they stand in the program, the codes of the errors that it names, and where an
exception came from. What a file, a patient or an operator is called is filled into those words, so it is not there.
"""
import collections
import logging
import os
import re
import threading
import time
import traceback
from typing import Any, Deque, Dict, List, Optional

from .messages import ThermoscreenError

#: Records that are kept; a station at rest writes a few a day.
KEPT = 500
#: The program's own packages: the words of others may be anything.
OWN = ('service', 'jetson', 'calibration')
_MAX_FRAMES = 20
_MODULE = re.compile(r'.*?((?:%s)(?:/\w+)+\.py)\Z' % '|'.join(OWN))


class Logbook(logging.Handler):
    """Keeps the newest records. It stands before a handler that changes them."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__()
        self._records: Deque[Dict[str, Any]] = collections.deque(maxlen=kept)
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        entry: Dict[str, Any] = {
            'utc': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(record.created)), 'level': record.levelname,
            'logger': record.name}
        if record.name.partition('.')[0] in OWN:
            entry['words'] = str(record.msg)
        codes = [given.code for given in record.args or () if isinstance(given, ThermoscreenError)]
        if codes:
            entry['codes'] = codes
        error: Optional[BaseException] = record.exc_info[1] if record.exc_info else None
        if error is not None:
            entry['exception'] = type(error).__name__
            entry['frames'] = ['%s:%s %s' % (module_of(frame.filename), frame.lineno, frame.name)
                               for frame in traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]]
        with self._guard:
            self._records.append(entry)

    def records(self) -> List[Dict[str, Any]]:
        """The records, oldest first.

        Returns:
            ``utc``, ``level`` and ``logger`` of each; ``words``, ``codes``, ``exception`` and ``frames`` where it has
            any.
        """
        with self._guard:
            return list(self._records)


def module_of(path: str) -> str:
    """The path of a module in the program; of one that is not ours, its file name."""
    match = _MODULE.match(path)
    return match.group(1) if match else os.path.basename(path)


#: Of this process; `service.cli.main` has the log written to it.
LOGBOOK = Logbook()
