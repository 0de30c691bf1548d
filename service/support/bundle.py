"""How a support bundle is made: part by part, each within its time and size, and none of them stops the others."""
import io
import json
import threading
import time
import zipfile
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .. import __version__
from ..clock import Clock, Stamp
from ..messages import ADJUNCT_NOTICE, Message, ThermoscreenError
from ..supervise import LastingThread
from .discretion import Discretion
from .parts import PARTS, Part, Station, known_names

#: Name of the file where none is given, by the date that the clock shows.
_FILE_NAME = 'thermoscreen-support-%s.zip'
#: The most of one file of a part, before it is compressed, and the seconds that all parts together take at most.
MAX_BYTES, WHOLE_S = 2 << 20, 240.0


class Made(NamedTuple):
    """A support bundle.

    Attributes:
        data: bytes of a zip archive.
        name: that its file may have.
        problems: the parts that are missing or cut, each a message whose subject is the part.
    """

    data: bytes
    name: str
    problems: Tuple[Message, ...]


def make_bundle(station: Station, parts: Optional[Tuple[Part, ...]] = None, clock: Optional[Clock] = None,
                whole_s: float = WHOLE_S) -> Made:
    """Put together what helps from afar; nothing on the station is changed.

    Args:
        station: to tell of.
        parts: by default `PARTS`.
        clock: of the station.
        whole_s: seconds after which what is missing stays out.

    Returns:
        The bundle. It is made whatever fails; what did is in it.
    """
    stamp, ends_s = (clock or Clock()).now(), time.monotonic() + whole_s
    discretion = Discretion(station.settings, known_names(station.settings))
    files: Dict[str, bytes] = {}
    rows: List[Dict[str, Any]] = []
    problems: List[Message] = []
    for part in PARTS if parts is None else parts:
        began_s = time.monotonic()
        found, problem = _bounded(part, station, min(part.limit_s, max(ends_s - began_s, 0.0)))
        for name, content in (found or {}).items():
            data = _encoded(discretion.values(content))
            if len(data) > MAX_BYTES:
                data, problem = data[-MAX_BYTES:], Message(
                    'support-cut', 'The beginning of %s is left out: it is larger than %d MiB.'
                    % (name, MAX_BYTES >> 20), '', subject=part.name)
            files[name] = data
        if problem is not None:
            problems.append(problem)
        rows.append({'part': part.name, 'files': sorted(found or {}), 'seconds': round(time.monotonic() - began_s, 1),
                     'problem': discretion.values(problem.to_dict()) if problem else None})
    index = {'format': 'thermoscreen support', 'version': 1, 'software': __version__, 'stamp': dict(stamp._asdict()),
             'notice': ADJUNCT_NOTICE, 'parts': rows}
    data = _archive(dict({'contents.json': _encoded(index), 'README.txt': _readme(rows, stamp)}, **files), stamp)
    return Made(data, _FILE_NAME % stamp.utc[:19].replace(':', '').replace('-', ''), tuple(problems))


def _bounded(part: Part, station: Station, limit_s: float) -> Tuple[Optional[Dict[str, Any]], Optional[Message]]:
    """What a part tells, and why it does not. One that hangs is left alone: nothing can end it."""
    found: List[Dict[str, Any]] = []
    problems: List[Message] = []
    done = threading.Event()

    def work() -> None:
        try:
            found.append(part.tell(station))
        except ThermoscreenError as error:
            problems.append(Message(error.code, error.message.sentence, error.message.next_step, subject=part.name))
        except Exception as error:  # its text may be anything
            problems.append(Message('support-part', 'This part failed (%s).' % type(error).__name__,
                                    subject=part.name))
        finally:
            done.set()
    LastingThread('support', work, done).start()
    if not done.wait(limit_s):
        return None, Message('support-slow', 'This part took longer than %.0f s.' % limit_s, subject=part.name)
    return next(iter(found), None), next(iter(problems), None)


def _encoded(content: Any) -> bytes:
    text = '\n'.join(content) if isinstance(content, tuple) else json.dumps(content, indent=1, sort_keys=True)
    return (text + '\n').encode('utf-8', 'backslashreplace')


def _readme(rows: List[Dict[str, Any]], stamp: Stamp) -> bytes:
    lines = ['Support bundle of thermoscreen %s, %s UTC (clock: %s).' % (__version__, stamp.utc[:19], stamp.clock),
             'It holds nothing that says of whom an exam is; docs/support.md says what is in it.', ADJUNCT_NOTICE, '']
    for row in rows:
        problem = row['problem']
        lines.append('%-10s %5.1f s  %s%s' % (row['part'], row['seconds'], ', '.join(row['files']) or '-',
                                              '  %s [%s]' % (problem['sentence'], problem['code']) if problem else ''))
    return ('\n'.join(lines) + '\n').encode('utf-8')


def _archive(files: Dict[str, bytes], stamp: Stamp) -> bytes:
    stream = io.BytesIO()
    date = tuple(int(part) for part in (stamp.utc[:4], stamp.utc[5:7], stamp.utc[8:10], stamp.utc[11:13],
                                        stamp.utc[14:16], stamp.utc[17:19]))
    with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, max(date, (1980, 1, 1, 0, 0, 0)))  # type: ignore[arg-type]
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(info, data)
    return stream.getvalue()
