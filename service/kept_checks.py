"""The doctor's checks of what the station keeps: its database, audit log, backups, keys and date.

Each answers None where no exams are kept and it has nothing to look at. None of them changes anything, so the service
may be running.
"""
import os
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .anchors import verify_station
from .backup import last_backup, last_restore_test
from .clock import NTP, Clock, Stamp, seconds_between, shown_time
from .exams import read_found
from .exams.store import DATABASE, LOCK
from .machine import read_text
from .messages import INFO, OK, PROBLEM, WARNING, Message, worst
from .operators import places
from .operators.chain import CHECKPOINTS, decode
from .operators.twin import TwinFile
from .operators.verification import BROKEN, WHOLE
from .supervise import lock_holder

if TYPE_CHECKING:
    from .settings import Settings

_DAY_S = 24 * 3600.0
#: Days after which a signature of the audit log is late.
SIGNATURE_DAYS = 2

#: Releases of SQLite in which two connections that write or checkpoint cannot damage a database in WAL mode: from
#: these numbers on, within the same two first ones or above the last.
_SOUND = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
_FIRST_WAL = (3, 7, 0)

_FILES = (DATABASE, DATABASE + '-wal', DATABASE + '-shm')


class Opener(NamedTuple):
    """A process that has the database open.

    Attributes:
        pid: its number.
        name: of its program.
        writes: whether it opened it for writing.
    """

    pid: int
    name: str
    writes: bool


def check_database(settings: 'Settings', root: str = '/') -> Message:
    """Name the version of SQLite, what it cannot do, and who else has the database of exams open.

    Args:
        settings: name the folder.
        root: stands for ``/``; tests use another one.
    """
    version = sqlite3.sqlite_version
    facts: Dict[str, Any] = {'sqlite': version, 'two_writers': is_sound(sqlite3.sqlite_version_info)}
    sentence = 'SQLite %s is here.' % version
    if not facts['two_writers']:
        sentence = ('SQLite %s, like all before 3.51.3, may damage a database in WAL mode that two programs write. '
                    'Only the service writes the one of exams.' % version)
    if not settings.exams_folder:
        return Message('database-ok', sentence, '', OK, 'database', facts)
    openers, unseen = find_openers(settings.exams_folder, root)
    facts.update(openers=[dict(opener._asdict()) for opener in openers], unseen=unseen)
    if openers:
        named = ', '.join('%s (process %d)' % (opener.name, opener.pid) for opener in openers)
        writes = any(opener.writes for opener in openers)
        return Message('database-opened', 'Another program has the database of exams open%s: %s.'
                       % (' for writing' if writes else '', named), 'End it, then run thermoscreen exams verify. Read '
                       'exams with thermoscreen exams list, or from a backup.', PROBLEM if writes else WARNING,
                       'database', facts)
    return Message('database-ok', '%s No other program has it open%s.' % (sentence, ', as far as this user may see: '
                   'root sees all' if unseen else ''), '', OK, 'database', facts)


def is_sound(version: Tuple[int, ...]) -> bool:
    """Whether a release of SQLite takes two writers of a database in WAL mode."""
    return version < _FIRST_WAL or version >= _SOUND[-1] or any(
        version[:2] == sound[:2] and version >= sound for sound in _SOUND)


def find_openers(exams_folder: str, root: str = '/') -> Tuple[List[Opener], int]:
    """The processes that have the database of exams open, but for this one and the one that keeps exams there.

    Args:
        exams_folder: of the station.
        root: stands for ``/``.

    Returns:
        They, and how many processes this user may not look into.
    """
    database, *others = [os.path.join(os.path.realpath(exams_folder), name) for name in _FILES]
    known = {os.getpid(), _keeper(exams_folder)}
    found, unseen = [], 0
    proc = os.path.join(root, 'proc')
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        if pid in known:
            continue
        try:
            opened = [(name, target) for name, target in _links(os.path.join(proc, str(pid), 'fd'))
                      if target == database or target in others]
        except PermissionError:
            unseen += 1
            continue
        except OSError:  # it ended meanwhile
            continue
        if opened:
            # A connection that only reads has the other two open for writing as well.
            writes = any(target == database and _writes(read_text(root, 'proc/%d/fdinfo/%s' % (pid, name)))
                         for name, target in opened)
            found.append(Opener(pid, read_text(root, 'proc/%d/comm' % pid) or 'unknown', writes))
    return found, unseen


def check_exams(settings: 'Settings') -> Optional[Message]:
    """Say what the last start of the service found among the exams, after a power cut or a kill."""
    if not settings.exams_folder or not os.path.isdir(settings.exams_folder):
        return None
    found = read_found(settings.exams_folder)
    if not found:
        return Message('exams-ok', 'The last start of the service found nothing amiss among the exams.', '', OK,
                       'exams')
    gravest = worst(*(message.severity for message in found))
    return Message(next(message.code for message in found if message.severity == gravest),
                   ' '.join(message.sentence for message in found),
                   ' '.join(dict.fromkeys(message.next_step for message in found if message.next_step)), gravest,
                   'exams', {'codes': [message.code for message in found]})


def check_audit(settings: 'Settings') -> Optional[Message]:
    """Verify the audit log, without asking every exam as ``audit verify`` does, and look when it was signed last."""
    if not settings.exams_folder:
        return None
    log = places(settings.exams_folder).audit
    if not os.path.isdir(settings.exams_folder):
        return Message('audit-none', 'There is no audit log yet.', 'The first start of the station begins it.', INFO,
                       'audit')
    verdict = verify_station(settings.exams_folder, settings.audit_anchor, with_exams=False)
    facts = dict(verdict._asdict())
    if verdict.answer == BROKEN:
        return Message('audit-broken', verdict.sentence, 'Find out who did it; docs/protection.md says how the '
                       'evidence is kept. Exams go on.', PROBLEM, 'audit', facts)
    if verdict.answer != WHOLE:
        return Message('audit-unconfirmed', verdict.sentence, 'Start the service once, which has it signed; then run '
                       'thermoscreen audit verify.', WARNING, 'audit', facts)
    signed, now = _last_checkpoint(log), Clock().now()
    days = None if signed is None else _days(signed, now)
    if days is not None and days > SIGNATURE_DAYS:
        return Message('audit-unsigned', '%s It was signed last %d days ago.' % (verdict.sentence, days),
                       'See: systemctl status thermoscreen thermoscreen-audit.', WARNING, 'audit', facts)
    near = _anchor_problem(settings)
    if near:
        return Message('audit-anchor', near, 'Set audit_anchor to a file on another disk or partition that the service '
                       'may write.', WARNING, 'audit', facts)
    return Message('audit-ok', verdict.sentence, '', OK, 'audit', facts)


def check_backup(settings: 'Settings') -> Optional[Message]:
    """Look when the last backup was made."""
    if not settings.exams_folder or not os.path.isdir(settings.exams_folder):
        return None
    return last_backup(settings.exams_folder, Clock().now())


def check_restore(settings: 'Settings') -> Optional[Message]:
    """Look when a backup was restored last as a test."""
    if not settings.exams_folder or not os.path.isdir(settings.exams_folder):
        return None
    message = last_restore_test(settings.exams_folder, Clock().now())
    return None if message is None else replace(message, subject='restore')


def check_outbox(settings: 'Settings') -> Optional[Message]:
    """Count what waits for the archive and what it has refused."""
    site = settings.site()
    if not settings.exams_folder or not os.path.isdir(settings.exams_folder) or not (site.archive or site.fhir_url):
        return None
    from .hospital.outbox_rows import COMMITTED, FAILED, QUEUED, SENT, kept_rows
    counts = kept_rows(settings.exams_folder)[0]
    facts = {'counts': counts}
    if counts.get(FAILED):
        return Message('outbox-failed', 'Objects that the hospital has refused: %d.' % counts[FAILED],
                       'The page Hospital says why, and tries them again.', PROBLEM, 'outbox', facts)
    return Message('outbox-ok', 'Objects that wait for the hospital: %d; that have arrived: %d.' % (
        counts.get(QUEUED, 0) + counts.get(SENT, 0), counts.get(COMMITTED, 0)), '', OK, 'outbox', facts)


def check_keys(settings: 'Settings') -> Optional[Message]:
    """Look whether there is a recovery key, and whether somebody wrote it down."""
    if not settings.exams_folder or not os.path.isdir(settings.exams_folder):
        return None
    document = TwinFile(places(settings.exams_folder).operators, 'keys').read()
    if document is None:
        return Message('keys-none', 'Nobody has a PIN yet.', 'Start the station; its page makes the first supervisor.',
                       INFO, 'keys')
    recovery, another = document.get('recovery'), 'A supervisor makes another one; keep its paper in a safe.'
    if not recovery:
        return Message('recovery-none', 'There is no recovery key: when every PIN is lost, so are the exams.', another,
                       PROBLEM, 'keys')
    if not recovery.get('written_down', True):
        return Message('recovery-unprinted', 'Nobody said that they wrote the recovery key down: when every PIN is '
                       'lost, so are the exams.', another, WARNING, 'keys')
    return Message('keys-ok', 'Somebody has the recovery key on paper; it opens the exams when every PIN is lost.', '',
                   OK, 'keys')


def check_date(settings: 'Settings', clock: Optional[Clock] = None) -> Message:
    """Say what stands for the date."""
    clock = clock or Clock()
    uncertain = clock.message()
    if uncertain is not None:
        return Message(uncertain.code, uncertain.sentence, uncertain.next_step, WARNING, 'date', uncertain.facts)
    stamp = clock.now()
    source = 'a time server' if stamp.clock == NTP else 'an operator'
    return Message('date-ok', 'It is %s; %s stands for it.' % (shown_time(stamp.utc), source), '', OK, 'date',
                   dict(stamp._asdict()))


def _keeper(exams_folder: str) -> int:
    """Number of the process that keeps exams in a folder; 0 for none."""
    try:
        return int(lock_holder(os.stat(os.path.join(exams_folder, LOCK))) or 0)
    except (OSError, ValueError):
        return 0


def _links(folder: str) -> Iterator[Tuple[str, str]]:
    """Name and target of every descriptor of a process."""
    for name in os.listdir(folder):
        try:
            yield name, os.readlink(os.path.join(folder, name))
        except FileNotFoundError:  # it was closed meanwhile
            continue


def _writes(fdinfo: Optional[str]) -> bool:
    """Whether a descriptor was opened for writing, by the octal flags that the kernel tells (proc(5))."""
    for line in (fdinfo or '').splitlines():
        name, _, value = line.partition(':')
        if name == 'flags':
            return bool(int(value.strip(), 8) & (os.O_WRONLY | os.O_RDWR))
    return False


def _last_checkpoint(log: str) -> Optional[Stamp]:
    try:
        with open(os.path.join(log, CHECKPOINTS), 'rb') as stream:
            last = decode(stream.read().splitlines()[-1])
        return Stamp(*[last[name] for name in Stamp._fields])
    except (OSError, IndexError, KeyError, ValueError):
        return None


def _anchor_problem(settings: 'Settings') -> str:
    path = settings.audit_anchor
    if not path:
        return ''
    try:
        if os.stat(path).st_dev == os.stat(settings.exams_folder).st_dev:
            return 'The file of audit_anchor is on the disk of the exams, so both would be lost or changed together.'
    except OSError as error:
        return 'The file of audit_anchor cannot be read (%s).' % error.strerror
    return ''


def _days(then: Stamp, now: Stamp) -> float:
    """Days between two times; by the dates where they are of different starts of the machine."""
    return max(seconds_between(then, now), 0.0) / _DAY_S
