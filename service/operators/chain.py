"""The chain of the audit log: how its entries are written, and how they hang together.

The log is a folder of text files with one entry a line, each file named by the number of its first entry. An entry is
JSON with sorted keys and no spaces. It holds its number ``seq``, ``prev`` (SHA-256 of the line before it), when it
happened (`service.clock.Stamp`), ``event``, ``operator``, ``facts``, and ``mac`` (HMAC-SHA256 of the entry without it,
under a key of the station).
"""
import hashlib
import hmac
import json
import os
import re
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

#: Name of the folder of the log in that of the exams.
FOLDER = 'audit'

#: The signed checkpoints, one a line, in the folder of the log.
CHECKPOINTS = 'checkpoints.jsonl'

_FIELDS = {'seq', 'prev', 'utc', 'clock', 'boot_id', 'boottime_ns', 'event', 'operator', 'facts', 'mac'}
_SEGMENT = re.compile(r'(\d{8,})\.jsonl\Z')


class Anchor(NamedTuple):
    """How long the log was at one moment.

    Attributes:
        count: number of its entries.
        head: SHA-256 of the last one, 64 hexadecimal digits; at least 8 of them where it was printed.
    """

    count: int  # type: ignore[assignment]  # a tuple has a method of that name
    head: str


#: How long a log is that holds nothing.
EMPTY = Anchor(0, '0' * 64)


class ChainError(Exception):
    """An entry does not hang together with the one before it.

    Attributes:
        seq: its number.
        kind: ``'changed'`` or ``'missing'``.
    """

    def __init__(self, seq: int, kind: str) -> None:
        super().__init__(seq, kind)
        self.seq, self.kind = seq, kind


def encode(document: Dict[str, Any]) -> bytes:
    """The only form in which an entry or a checkpoint is written: one line of ASCII, without its end."""
    return json.dumps(document, allow_nan=False, separators=(',', ':'), sort_keys=True).encode('ascii')


def decode(line: bytes) -> Dict[str, Any]:
    """A line that `encode` wrote.

    Raises:
        ValueError: it did not.
    """
    try:
        document = json.loads(line.decode('ascii'))
        if not isinstance(document, dict) or encode(document) != line:
            raise ValueError('it is not in the only form')
    except RecursionError:
        raise ValueError('it is nested too deeply')
    return document


def mac_of(key: bytes, entry: Dict[str, Any]) -> str:
    """The mark that only a holder of the key can give an entry."""
    body = encode({name: value for name, value in entry.items() if name != 'mac'})
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def head_of(line: bytes) -> str:
    """What the next entry has as its ``prev``."""
    return hashlib.sha256(line).hexdigest()


def segment_name(first: int) -> str:
    """Name of the file whose first entry has this number."""
    return '%08d.jsonl' % first


def segments(folder: str) -> List[Tuple[int, str]]:
    """The files of a log that are not empty, in order, each with the number of its first entry.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        matches = [match for match in map(_SEGMENT.match, os.listdir(folder)) if match]
    except (FileNotFoundError, NotADirectoryError):
        return []
    files = sorted((int(match.group(1)), os.path.join(folder, match.group(0))) for match in matches)
    # A link that leads nowhere, or a folder of that name, stands where a file was taken away.
    return [(first, path) for first, path in files if os.path.isfile(path) and os.path.getsize(path)]


def read_lines(folder: str, start: int = 1) -> Iterator[bytes]:
    """The lines of a log from entry `start` on.

    What follows the last line break is left out: it is being written, or was when the power failed, and nobody was
    told of it.

    Raises:
        OSError: a file cannot be read.
    """
    files = segments(folder)
    first = max((number for number, _ in files if number <= start), default=0)
    files = [(number, path) for number, path in files if number >= first]
    for number, path in files:
        with open(path, 'rb') as stream:
            lines = stream.read().split(b'\n')
        torn = lines.pop()
        if torn and path != files[-1][1]:
            lines.append(torn)
        yield from lines[max(start - number, 0):]


def follow(lines: Iterable[bytes], anchor: Anchor, mac_key: Optional[bytes] = None
           ) -> Iterator[Tuple[Dict[str, Any], Anchor]]:
    """The entries after an anchor, as long as they hang together, each with the anchor that it makes.

    Args:
        lines: of the log, from the entry after the anchor on.
        mac_key: of the station; None where it is not known. A last entry that was changed is only noticed with it.

    Raises:
        ChainError: at the first entry that does not.
    """
    following = iter(lines)
    for line in following:
        expected = anchor.count + 1
        entry = _entry(line)
        if entry is None or mac_key is not None and mac_of(mac_key, entry) != entry['mac']:
            raise ChainError(expected, 'changed')
        if entry['seq'] != expected or entry['prev'] != anchor.head:
            raise _break(entry, line, expected, mac_key is not None, _entry(next(following, b'')))
        anchor = Anchor(expected, head_of(line))
        yield entry, anchor


def _entry(line: bytes) -> Optional[Dict[str, Any]]:
    """The entry of a line; None for a line that is none."""
    try:
        entry = decode(line)
    except ValueError:
        return None
    return entry if set(entry) == _FIELDS and type(entry['seq']) is int else None


def _break(entry: Dict[str, Any], line: bytes, expected: int, is_marked: bool, after: Optional[Dict[str, Any]]
           ) -> ChainError:
    """What is wrong with an entry that does not follow on the one before it.

    Args:
        is_marked: whether its mark has shown that it is as it was written.
        after: the entry after it, which tells whether this one is as it was.
    """
    if entry['seq'] > expected and (is_marked or after is None or after['seq'] != expected + 1):
        return ChainError(expected, 'missing')
    if entry['seq'] != expected or is_marked or expected == 1:
        return ChainError(expected, 'changed')
    # Either the entry before it was changed, or its own `prev`.
    is_whole = after is None or after['prev'] == head_of(line)
    return ChainError(expected - 1 if is_whole else expected, 'changed')
