"""Whether the audit log is whole: its chain, its signed checkpoints, and what others know of its length."""
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .chain import CHECKPOINTS, EMPTY, Anchor, ChainError, decode, follow, read_lines
from .signer import signed_by

WHOLE, BROKEN, CANNOT_SAY = 0, 1, 2

_SENTENCES = {
    'changed': 'Entry %d of the audit log was changed.',
    'missing': 'Entry %d of the audit log is missing.',
}


class Verdict(NamedTuple):
    """What `verify` found.

    Attributes:
        answer: `WHOLE`, `BROKEN` or `CANNOT_SAY`, which are also the exit codes of ``thermoscreen audit verify``.
        seq: number of the first entry that is not as it was; 0 where none is known.
        kind: ``'changed'``, ``'missing'``, ``'cut'`` or ``'rewritten'`` of a broken log; else empty.
        sentence: all of it in words.
        entries: how many hang together from the first one on.
        confirmed: up to which entry others than the log confirm it.
    """

    answer: int
    seq: int
    kind: str
    sentence: str
    entries: int
    confirmed: int


class _Known(NamedTuple):
    anchor: Anchor
    source: str


def verify(folder: str, anchors: Mapping[str, Anchor], public_key: Optional[bytes] = None,
           mac_key: Optional[bytes] = None) -> Verdict:
    """Compare the log with itself and with what others know of it; it may be in use meanwhile.

    Args:
        folder: of the log.
        anchors: what is known from elsewhere, such as signed exams, backups or a printed report, by where it is from.
        public_key: raw key of the signer, 32 bytes; without it the checkpoints confirm nothing.
        mac_key: of the station, where it may be read: a changed entry is then named more exactly.
    """
    try:
        checkpoints = _read_checkpoints(folder)
        lines = read_lines(folder)
        known = [_Known(anchor, source) for source, anchor in anchors.items()]
        believed = len(known)
        for number, checkpoint in enumerate(checkpoints, 1):
            anchor = _anchor_of(checkpoint)
            if anchor is None or public_key is not None and not signed_by(checkpoint or {}, public_key):
                return _broken_checkpoint(number, checkpoints)
            known.append(_Known(anchor, 'the checkpoint of %s' % (checkpoint or {}).get('utc')))
        heads: Dict[int, str] = {entry.anchor.count: '' for entry in known}
        reached, broken = EMPTY, None
        try:
            for _, reached in follow(lines, EMPTY, mac_key):
                if reached.count in heads:
                    heads[reached.count] = reached.head
        except ChainError as error:
            broken = error
    except OSError as error:
        return Verdict(CANNOT_SAY, 0, '', 'The audit log in %s cannot be read: %s.' % (folder, error.strerror), 0, 0)
    if not reached.count and broken is None and not known and mac_key is not None:
        return Verdict(BROKEN, 1, 'cut', 'The audit log is gone: this station has the key of its marks, so it had one.',
                       0, 0)
    return _judged(known, heads, reached, broken, believed if public_key is None else len(known))


def _judged(known: List[_Known], heads: Dict[int, str], reached: Anchor, broken: Optional[ChainError],
            confirming: int) -> Verdict:
    """The verdict.

    Args:
        known: all anchors, of which the first so many are `confirming`.
        heads: what the log has at their counts; empty where it does not reach so far.
        reached: the last entry that hangs together with those before it.
        broken: why it is the last.
    """
    good = 0
    for anchor, source in sorted(known, key=lambda entry: entry.anchor.count):
        head = heads[anchor.count]
        # An entry that the next one does not fit is known more exactly than what an anchor says of all before it.
        exact = broken is not None and broken.seq <= anchor.count
        if head and not exact and not _same(head, anchor.head):
            return Verdict(BROKEN, good + 1, 'rewritten', 'The audit log was rewritten: entry %d is not the one that '
                           '%s knows, so entries from %d on are not the original ones.'
                           % (anchor.count, source, good + 1), reached.count, good)
        if head and not exact:
            good = anchor.count
    if broken is not None:
        return Verdict(BROKEN, broken.seq, broken.kind, _SENTENCES[broken.kind] % broken.seq, broken.seq - 1, good)
    furthest = max(known, key=lambda entry: entry.anchor.count, default=None)
    if furthest is not None and furthest.anchor.count > reached.count:
        count, source = furthest.anchor.count, furthest.source
        if not reached.count:
            said = 'The audit log is gone: %s knows of %d entries.' % (source, count)
        else:
            said = 'The end of the audit log was cut off: it has %d entries, and %s knows of %d.' % (
                reached.count, source, count)
        return Verdict(BROKEN, reached.count + 1, 'cut', said, reached.count, good)
    confirmed = max((entry for entry in known[:confirming]), key=lambda entry: entry.anchor.count, default=None)
    if not reached.count:
        return Verdict(CANNOT_SAY, 0, '', 'There is no audit log, and nothing known says that there was one.', 0, 0)
    if confirmed is None:
        return Verdict(CANNOT_SAY, 0, '', 'The %d entries of the audit log hang together, but nothing outside it says '
                       'whether they are all of them: name its public key, or an anchor.' % reached.count,
                       reached.count, 0)
    return Verdict(WHOLE, 0, '', _whole(reached.count, confirmed), reached.count, confirmed.anchor.count)


def _whole(count: int, confirmed: _Known) -> str:
    said = 'The audit log is whole: %s confirms its first %d entries' % (confirmed.source, confirmed.anchor.count)
    later = count - confirmed.anchor.count
    return said + ('.' if not later else ', and %d later ones hang together.' % later)


def _same(head: str, known: str) -> bool:
    return len(known) >= 8 and head.startswith(known.lower())


def _read_checkpoints(folder: str) -> List[Optional[Dict[str, Any]]]:
    """The checkpoints beside a log; None for a line that is none.

    Raises:
        OSError: they cannot be read.
    """
    try:
        with open(os.path.join(folder, CHECKPOINTS), 'rb') as stream:
            lines = stream.read().splitlines()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return []
    return [_decoded(line) for line in lines]


def _decoded(line: bytes) -> Optional[Dict[str, Any]]:
    try:
        return decode(line)
    except ValueError:
        return None


def _anchor_of(checkpoint: Optional[Dict[str, Any]]) -> Optional[Anchor]:
    try:
        return Anchor(int(checkpoint['count']), str(checkpoint['head'])) if checkpoint else None
    except (KeyError, TypeError, ValueError):
        return None


def _broken_checkpoint(number: int, checkpoints: List[Optional[Dict[str, Any]]]) -> Verdict:
    """A checkpoint that the signer did not make: somebody wrote into the folder."""
    before = [_anchor_of(checkpoint) for checkpoint in checkpoints[:number - 1]]
    good = max((anchor.count for anchor in before if anchor is not None), default=0)
    return Verdict(BROKEN, good + 1, 'changed', 'Checkpoint %d of the audit log is not what the signer wrote, so '
                   'nobody can rely on the entries from %d on.' % (number, good + 1), 0, good)
