"""The audit log: what was done on the station, and by whom.

Its entries are a chain (`service.operators.chain`), which only grows. They name exams and operators by their ids, never
a patient. A chain does not notice that its end was cut off, so it is counted elsewhere how long it was: in checkpoints,
which another process signs (`service.operators.signer`), in every signed exam, and in whatever leaves the station.
`service.operators.verification` compares them.
"""
import errno
import fcntl
import json
import logging
import os
import threading
from contextlib import suppress
from typing import Any, Dict, Optional

from ..clock import Clock
from ..durable import (
    atomic_write,
    atomic_write_json,
    make_folders,
    move,
    storage_error,
    sync_folder,
    write_new,
)
from ..messages import StorageError
from .chain import CHECKPOINTS, EMPTY, Anchor, decode, encode, head_of, mac_of, read_lines, segment_name, segments
from .signer import BaseSigner

#: Everything that the log takes, and what it means. What is not listed here cannot be written.
EVENTS = {
    'audit-began': 'The log begins.',
    'audit-repaired': 'A power cut had left a part of an entry, which was put aside.',
    'station-started': 'The service started.',
    'station-stopped': 'The service was stopped.',
    'date-confirmed': 'An operator confirmed the date.',
    'clock-corrected': 'The clock became right; the facts say by how much it was wrong.',
    'settings-changed': 'Settings were changed.',
    'setting-changed': 'Settings were changed on the page, from the next start on; the facts say before and after.',
    'model-changed': 'Another model was installed, on trial.',
    'model-kept': 'The first pictures were analysed with a new model, which is kept.',
    'model-returned': 'A new model did not work, and the one before it came back by itself.',
    'model-refused': 'A model was refused, and the one before it was kept.',
    'support-bundle-made': 'A support bundle was made.',

    'operator-added': 'An operator was added.',
    'operator-removed': 'An operator was removed.',
    'operator-renamed': 'The name of an operator was changed.',
    'role-changed': 'The role of an operator was changed.',
    'pin-changed': 'A PIN was changed.',
    'login': 'An operator logged in.',
    'login-failed': 'A PIN was wrong.',
    'logout': 'An operator logged out.',
    'locked': 'The station locked itself.',
    'confirmed': 'An operator gave the PIN again for what asks for it.',
    'recovery-key-made': 'A recovery key was made and shown.',
    'recovery-key-kept': 'A supervisor has written down the recovery key, which holds from then on.',
    'recovery-key-used': 'The station was opened with the recovery key.',
    'recovery-failed': 'A recovery key was wrong.',
    'passphrase-given': 'The passphrase was given after the start of the station.',
    'passphrase-failed': 'A passphrase was wrong.',
    'passphrase-set': 'The passphrase for the start of the station was set or changed.',
    'passphrase-removed': 'The station starts without a passphrase again.',
    'token-made': 'A program was given access.',
    'certificate-made': 'A certificate for other machines was made or renewed with a verb.',
    'engines-changed': 'Engines were compiled or removed, or the way of running the model was chosen.',
    'token-removed': 'Access of a program was taken back.',

    'exam-created': 'An exam was made.',
    'exam-started': 'Capturing began.',
    'exam-reviewed': 'Capturing ended; the exam was opened for review.',
    'exam-reopened': 'An exam under review went back to capturing.',
    'exam-updated': 'Facts of an exam that is not signed were changed.',
    'exam-signed': 'An exam was signed.',
    'exam-amended': 'An amendment was added to a signed exam.',
    'exam-discarded': 'An exam was discarded, with a reason.',
    'exam-moved': 'A signed exam went to the right patient as another exam, with a reason.',
    'exam-viewed': 'An exam was opened.',
    'exams-searched': 'Exams were listed or searched for.',
    'worklist-viewed': 'The worklist was looked at.',
    'files-listed': 'A page of a folder was opened, with small pictures of its files.',
    'file-viewed': 'A file with a thermogram was opened; which one is not said, for its name may be a patient\'s.',
    'files-analysed': 'The files of a folder were analysed; their results go to a medium.',
    'capture-added': 'A picture was added to an exam.',
    'deviation-added': 'A deviation from the protocol was noted.',
    'outlines-corrected': 'Outlines of a picture were corrected by hand, or those of the model taken again.',
    'exam-exported': 'An exam left the station as files.',
    'exam-imported': 'An exam came from files.',
    'exam-quarantined': 'A file or folder that belongs to no exam was put aside.',
    'exam-reconciled': 'A change of an exam had not ended; the exam is as its folder says.',
    'exam-deleted': 'An exam was deleted by the policy for keeping exams.',
    'exam-committed': 'An archive committed to keep all that was sent of an exam.',
    'hold-set': 'An exam was protected from deletion.',
    'hold-lifted': 'The protection from deletion ended.',
    'exams-rebuilt': 'The index of exams was made anew.',
    'backup-made': 'A backup was made.',
    'backup-failed': 'A backup failed.',
    'backup-verified': 'A backup was read and compared.',
    'restore-tested': 'A backup was restored as a test and compared.',
    'restored': 'Exams were restored from a backup.',
}

_SEGMENT_ENTRIES = 8192
_DAY_NS = 24 * 3600 * 10 ** 9

#: A file that goes when the disk is full, so that the log can say what happened then; about 150 entries.
_RESERVE, _RESERVE_BYTES = 'reserve', 64 << 10

#: Folder, in that of the log, of what the command line did while another process had the log.
NOTES = 'notes'
_MAX_NOTE_BYTES = 64 << 10

_log = logging.getLogger(__name__)

_SEE_DISK = 'Exams can be read. Look at the disk, then restart the station.'


class Audit:
    """The log of this station, open for writing; one process has it.

    Args:
        folder: of the log; made where it is absent.
        clock: of the station.
        signer: signs the checkpoints; None where nothing does, as in a demonstration.
        mac_key: 32 bytes that stay on this station (`KeyStore.audit_key`).
        anchor_file: on another file system, where the last checkpoint is written once more; empty for none.

    Raises:
        StorageError: ``audit-in-use`` where another process has the log; the codes of `service.durable` where the
            folder cannot be read or written.
    """

    def __init__(self, folder: str, clock: Clock, signer: Optional[BaseSigner], mac_key: bytes,
                 anchor_file: str = '') -> None:
        self.folder = folder
        self._clock, self._signer, self._mac_key, self._anchor_file = clock, signer, mac_key, anchor_file
        self._lock = threading.RLock()
        self._failed = ''
        self._file = self._held = -1
        #: Bytes of the file that are whole entries.
        self._size = 0
        self._end = EMPTY
        self._signed_ns: Optional[int] = None
        try:
            make_folders(folder)
            self._held = _hold(folder)
            try:
                torn = self._open()
                reserve = os.path.join(folder, _RESERVE)
                if not os.path.exists(reserve):
                    with suppress(StorageError):
                        write_new(reserve, bytes(_RESERVE_BYTES), 0o600)
                if not self._end.count:
                    self.append('audit-began')
                elif torn:
                    self.append('audit-repaired', bytes=torn)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise storage_error(error, folder)

    def __enter__(self) -> 'Audit':
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    @property
    def anchor(self) -> Anchor:
        """How long the log is now."""
        with self._lock:
            return self._end

    def append(self, event: str, operator: str = '', **facts: Any) -> Anchor:
        """Add an entry; it is durable when this returns.

        Args:
            event: one of `EVENTS`.
            operator: id of who did it; empty for the station itself.
            **facts: JSON values. No name, birth date or other text that identifies a patient.

        Returns:
            How long the log is with it.

        Raises:
            StorageError: it was not added, by the codes of `service.durable`. After ``disk-failing`` nobody knows
                whether it is there; every later one is ``audit-failed``, until a restart has read what is on the disk.
        """
        if event not in EVENTS:
            raise ValueError('%r is not in EVENTS' % event)
        with self._lock:
            if self._failed:
                raise StorageError('audit-failed', 'The disk failed while the audit log was written, so nothing more '
                                   'is written to it.', _SEE_DISK, detail=self._failed)
            entry = dict(self._clock.now()._asdict(), seq=self._end.count + 1, prev=self._end.head,
                         event=event, operator=operator, facts=facts)
            line = encode(dict(entry, mac=mac_of(self._mac_key, entry)))
            try:
                if self._end.count and self._end.count % _SEGMENT_ENTRIES == 0:
                    with suppress(OSError):  # then this file grows on
                        self._begin_segment()
                self._write(line + b'\n')
            except OSError as error:
                raise storage_error(error, self.folder)
            self._end = Anchor(self._end.count + 1, head_of(line))
            return self._end

    def checkpoint(self) -> Anchor:
        """Have the log signed as it is; at every start, once a day, and with every backup.

        Returns:
            How long it is.

        Raises:
            StorageError: the signer does not answer, or finds that the log was changed (``audit-broken``); or the
                checkpoint cannot be written.
        """
        with self._lock:
            self.take_notes()
            if self._signer is not None:
                checkpoint = self._signer.checkpoint()
                kept = os.path.join(self.folder, CHECKPOINTS)
                atomic_write(kept, _read(kept) + encode(checkpoint) + b'\n')
                self._signed_ns = self._clock.now().boottime_ns
                if self._anchor_file:
                    atomic_write(self._anchor_file, encode(checkpoint) + b'\n')
            return self.anchor

    def checkpoint_is_due(self) -> bool:
        """Whether none was made since the log was opened, or for a day."""
        now_ns = self._clock.now().boottime_ns
        return self._signer is not None and (self._signed_ns is None or now_ns - self._signed_ns >= _DAY_NS)

    def close(self) -> None:
        """Give the log to other processes."""
        with self._lock:
            for descriptor in (self._file, self._held):
                with suppress(OSError):
                    os.close(descriptor)
            self._file = self._held = -1
            self._failed = self._failed or 'it is closed'

    def take_notes(self) -> None:
        """Add what `leave_note` left, oldest first; what cannot be read is put aside under another name.

        Raises:
            StorageError: as of `append`; what was not added is added later.
        """
        folder = os.path.join(self.folder, NOTES)
        # Where they cannot be removed, as after root left them, they would be added again and again.
        if not os.access(folder, os.W_OK | os.X_OK):
            if os.path.isdir(folder):
                _log.warning('%s belongs to another user, so what it holds is not added to the audit log.', folder)
            return
        for name in sorted(os.listdir(folder)):
            if not name.endswith('.json'):
                continue
            path = os.path.join(folder, name)
            try:
                note = json.loads(_read(path)[:_MAX_NOTE_BYTES].decode('utf-8'))
                self.append(note['event'], '', noted=note['utc'], **note['facts'])
                os.unlink(path)
            except (OSError, ValueError, KeyError, TypeError) as error:
                _log.warning('%s cannot be added to the audit log: %r', path, error)
                with suppress(OSError):
                    move(path, path + '.refused')

    def _open(self) -> int:
        """Find the end of the log; the number of bytes of an unfinished entry, which are cut off.

        Whatever is wrong with what is there is for `verify` to say: the station goes on recording.
        """
        files = segments(self.folder)
        if not files:
            self._begin_segment()
            return 0
        self._file = os.open(files[-1][1], os.O_RDWR | os.O_APPEND)
        # What follows the last line break was never finished; a power cut may leave zeros there, or nothing else.
        data = _read(files[-1][1])
        torn = len(data) - (data.rfind(b'\n') + 1)
        self._size = len(data)
        first = files[-2:][0][0]
        lines = list(read_lines(self.folder, first))
        if torn:
            self._cut_back(len(data) - torn)
        if lines:
            self._end = Anchor(first - 1 + len(lines), head_of(lines[-1]))
            with suppress(ValueError, KeyError, TypeError):
                self._end = Anchor(int(decode(lines[-1])['seq']), self._end.head)
        return torn

    def _begin_segment(self) -> None:
        """Go on in a new file, which is there for good before anything is written to it."""
        path = os.path.join(self.folder, segment_name(self._end.count + 1))
        new = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.fsync(new)
            sync_folder(self.folder)
        except OSError:
            os.close(new)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size = new, os.fstat(new).st_size

    def _write(self, data: bytes) -> None:
        """Add a line for good, or leave the file as it was.

        Raises:
            OSError: it could not be added.
        """
        try:
            self._add(data)
        except OSError as error:
            self._cut_back(self._size)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            with suppress(OSError):
                os.unlink(os.path.join(self.folder, _RESERVE))
            try:
                self._add(data)
            except OSError:
                self._cut_back(self._size)
                raise
        self._sync()
        self._size += len(data)

    def _add(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view):]

    def _cut_back(self, length: int) -> None:
        """Take away what was not finished.

        Raises:
            OSError: the disk does not let it; the log is closed then, since half an entry may be there.
        """
        try:
            os.ftruncate(self._file, length)
        except OSError as error:
            self._failed = repr(error)
            raise
        self._sync()
        self._size = length

    def _sync(self) -> None:
        """Wait for the disk. What it could not do once it is not asked again: it may only seem to succeed.

        Raises:
            OSError: the disk failed, and the log is closed.
        """
        try:
            os.fsync(self._file)
        except OSError as error:
            self._failed = repr(error)
            raise


def leave_note(folder: str, clock: Clock, event: str, **facts: Any) -> None:
    """Have the process that writes a log add an entry, with its next checkpoint.

    Args:
        folder: of the log.
        clock, event, facts: as of `Audit` and `Audit.append`.

    Raises:
        StorageError: it cannot be written.
    """
    stamp = clock.now()
    name = '%s-%d.json' % (stamp.utc.replace(':', '').replace('.', ''), os.getpid())
    try:
        make_folders(os.path.join(folder, NOTES))
    except OSError as error:
        raise storage_error(error, folder)
    path = os.path.join(folder, NOTES, name)
    atomic_write_json(path, {'event': event, 'utc': stamp.utc, 'facts': facts})
    if os.geteuid() == 0:  # the service has to be able to take it up
        owner = os.stat(folder)
        for made in (os.path.dirname(path), path):
            os.chown(made, owner.st_uid, owner.st_gid)


def last_entry(folder: str, event: str) -> Optional[Dict[str, Any]]:
    """The newest entry of an event in a log, which may be in use; None where there is none.

    Whether the log hangs together is for `verify` to say.

    Raises:
        StorageError: the log cannot be read.
    """
    sign = b'"event":"%s"' % event.encode('ascii')
    try:
        for _, path in reversed(segments(folder)):
            for line in reversed(_read(path).split(b'\n')[:-1]):
                if sign in line:
                    with suppress(ValueError, KeyError):
                        entry = decode(line)
                        if entry['event'] == event:
                            return entry
    except OSError as error:
        raise storage_error(error, folder)
    return None


def _hold(folder: str) -> int:
    """Take a log for this process alone; a descriptor that holds it.

    Raises:
        StorageError: ``audit-in-use``.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StorageError('audit-in-use', 'Another process writes the audit log in %s.' % folder,
                           'Stop it first: systemctl stop thermoscreen')
    return descriptor


def _read(path: str) -> bytes:
    try:
        with open(path, 'rb') as stream:
            return stream.read()
    except FileNotFoundError:
        return b''
