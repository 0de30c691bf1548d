"""What this machine knows of the audit log outside it: signers, signed exams, a file on another disk."""
import contextlib
import os
import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .exams.folder import exam_ids, read_exam
from .messages import InputError, ThermoscreenError
from .operators import Anchor, OperatorError, Verdict, places, verify
from .operators.chain import decode
from .operators.keys import read_secret
from .operators.signer import PUBLIC_KEY, STATE, SYSTEM_FOLDER

_KEY = re.compile(r'[0-9a-fA-F]{64}\Z')
_MAX_BYTES = 4096


class Witnesses(NamedTuple):
    """What stands for the log of a station.

    Attributes:
        anchors: how long it was, by where that is from.
        public_key: raw key of the signer, 32 bytes; None where none is found.
        mac_key: of the marks in the log; None for whoever may not read it.
    """

    anchors: Dict[str, Anchor]
    public_key: Optional[bytes]
    mac_key: Optional[bytes]


def find_witnesses(exams_folder: str, anchor_file: str = '', with_exams: bool = True) -> Witnesses:
    """Everything on this machine that knows how long the log was; what cannot be read is left out.

    Args:
        exams_folder: of the station.
        anchor_file: as of the setting ``audit_anchor``.
        with_exams: whether signed exams are asked too, which takes as long as reading each of their documents.
    """
    anchors = _signed([os.path.join(folder, STATE) for folder in _signers(exams_folder)] + [anchor_file])
    if with_exams:
        anchors.update(_exams(exams_folder))
    return Witnesses(anchors, find_public_key(exams_folder), _mac_key(places(exams_folder).secret))


def find_public_key(exams_folder: str) -> Optional[bytes]:
    """Raw public key of the signer of a station, 32 bytes; None where none is found."""
    for path in (os.path.join(folder, PUBLIC_KEY) for folder in _signers(exams_folder)):
        if os.path.exists(path):
            with contextlib.suppress(InputError):
                return read_public_key(path)
    return None


def verify_station(exams_folder: str, anchor_file: str = '', others: Optional[Mapping[str, Anchor]] = None,
                   public_key: Optional[bytes] = None, with_exams: bool = True) -> Verdict:
    """Compare the log of a station with everything that is known of it; it may be in use meanwhile.

    Args:
        exams_folder, anchor_file, with_exams: as of `find_witnesses`.
        others: anchors that left the station, by where they are from.
        public_key: of the signer; by default the one that is found here.
    """
    found = find_witnesses(exams_folder, anchor_file, with_exams)
    return verify(places(exams_folder).audit, dict(found.anchors, **dict(others or {})),
                  public_key or found.public_key, found.mac_key)


def read_public_key(text: str) -> bytes:
    """A public key of a signer, given as digits or by the file that holds them.

    Raises:
        InputError: ``key-unreadable``.
    """
    digits = text
    if not _KEY.match(text):
        try:
            with open(text, 'rb') as stream:
                digits = stream.read(_MAX_BYTES).decode('ascii').strip()
        except (OSError, ValueError) as error:
            raise InputError('key-unreadable', '%s cannot be read.' % text, 'Name the file of the public key, or its '
                             '64 hexadecimal digits.', detail=repr(error))
    if not _KEY.match(digits):
        raise InputError('key-unreadable', '%s is no public key.' % text, 'It has 64 hexadecimal digits.')
    return bytes.fromhex(digits)


def _signers(exams_folder: str) -> List[str]:
    return [SYSTEM_FOLDER, places(exams_folder).signer]


def _mac_key(path: str) -> Optional[bytes]:
    try:
        return bytes.fromhex(read_secret(path)['audit'])
    except (OSError, OperatorError):
        return None


def _signed(paths: List[str]) -> Dict[str, Anchor]:
    """What the signers on this machine signed last."""
    found = {}
    for path in filter(None, paths):
        try:
            with open(path, 'rb') as stream:
                state = decode(stream.read(_MAX_BYTES).rstrip(b'\n'))
            found['the signature in %s' % path] = Anchor(int(state['count']), str(state['head']))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _exams(folder: str) -> Iterator[Tuple[str, Anchor]]:
    """What every signed exam knows; one that cannot be read is for ``thermoscreen exams verify`` to name."""
    try:
        found = exam_ids(folder)[0]
    except ThermoscreenError:
        return
    for exam_id in found:
        try:
            anchors = read_exam(folder, exam_id).anchors
        except ThermoscreenError:
            continue
        for anchor in anchors:
            yield 'the exam %s (event %d)' % (exam_id, anchor.event), Anchor(anchor.count, anchor.head)
