"""Archives that do what none should, and what the outbox does: a table.

A signed exam of two objects is sent to each of them through the real processes and pynetdicom. The clock of the outbox
is moved by hand, so that an hour takes no time. The exit code is 1 if an object arrived twice without a person who said
so, or if what is committed in the end is not what the archive has.

    python -m benchmarks.attacks.hostile_archives
"""
import collections
import os
import shutil
import struct
import tempfile
import threading
import time
from typing import Any, Callable, List, Optional

from service.clock import Clock
from service.exams import Exams, Patient
from service.hospital import archive
from service.hospital import outbox as sending
from service.hospital.outbox_rows import COMMITTED
from service.hospital.site import Peer, Site
from service.sealing import PlainSealer
from tests.service.hospital import peers

from .killed_sending import kept_picture, write_picture
from .station import table

_SC = '1.2.840.10008.5.1.4.1.1.7'
_DAY_S = 86400.0


class Case:
    """One archive and an outbox that sends to it.

    Args:
        folder: of the exams.
        port: of the archive.
        called: AE title that the station calls.
        callback: port on which the archive calls back.
    """

    def __init__(self, folder: str, port: int, called: str = 'ARCHIVE', callback: int = 0, keep_days: int = 0) -> None:
        self.now_s, self.utc_s = 0.0, time.time()
        self._clock = Clock('', lambda: self.utc_s, lambda: True)
        self.exams = Exams(os.path.join(folder, 'exams'), PlainSealer(), None, self._clock, room=lambda path: None)
        site = Site('THERMO', Peer('127.0.0.1', port, called, 'THERMO'), listener_port=callback,
                    objects=('temperature', 'measurements'))
        self._receivers = [archive.ArchiveReceiver(self.exams, site)]
        self._keep_days = keep_days
        self.begin()
        self.exam = self.sign(kept_picture(os.path.dirname(folder)))

    def begin(self) -> None:
        """Open the outbox, as a start of the station does."""
        self.outbox = sending.Outbox(self.exams, self._receivers, self._clock, lambda *args, **facts: (0, ''),
                                     self._keep_days, lambda: self.now_s)
        self.listeners = [found for found in (receiver.listener(self.outbox.take) for receiver in self._receivers)
                          if found is not None]

    def sign(self, picture: Any) -> str:
        """A signed exam; its id."""
        exam_id = self.exams.create(Patient('P-1', 'Änna^Ö', '1970-12-31'), 'op').id
        self.exams.start(exam_id, 'op')
        self.exams.add_capture(exam_id, 'op', 'frontal', picture)
        self.exams.review(exam_id, 'op')
        self.exams.sign(exam_id, 'op')
        self.outbox.changed(exam_id)
        return exam_id

    def passes(self, *minutes: float) -> None:
        """Let time pass, and do what is due then."""
        for some in minutes:
            self.now_s += 60 * some
            self.utc_s += 60 * some
            self.outbox.turn()

    def said(self) -> str:
        """States of the objects, with the code of what a person is told."""
        rows = self.outbox.rows(self.exam)
        states = collections.Counter((row.state, self.outbox.message(row).code) for row in rows)
        return ', '.join('%d %s (%s)' % (count, state, code) for (state, code), count in sorted(states.items()))

    def close(self) -> None:
        """Stop all of it."""
        for listener in self.listeners:
            listener.close()
        self.outbox._store.close()
        self.exams.close()


def _silent(connection: Any) -> None:
    connection.recv(1)
    threading.Event().wait()


def _half(connection: Any) -> None:
    connection.recv(1)
    connection.sendall(struct.pack('>BBI', 2, 0, 500) + b'\0\1')
    threading.Event().wait()


def _told_now(archive: Any, event: Any, request: Any) -> int:
    """It tells the commitment over the association on which it was asked."""
    def tell() -> None:
        time.sleep(0.1)
        peers.tell_commitment(event.assoc, *archive.report(request))
    threading.Thread(target=tell, daemon=True).start()
    return 0


def _told_next(archive: Any, event: Any, request: Any) -> int:
    """It tells what it was asked before over the association on which it is asked now."""
    earlier, archive.earlier = getattr(archive, 'earlier', None), request
    if earlier is not None:
        _told_now(archive, event, earlier)
    return 0


def _told_by_a_call(port: int) -> Callable[..., int]:
    def commit(archive: Any, event: Any, request: Any) -> int:
        def tell() -> None:
            from pynetdicom import AE, build_role
            time.sleep(0.1)
            ae = AE(ae_title='ARCHIVE')
            ae.add_requested_context('1.2.840.10008.1.20.1')
            association = ae.associate('127.0.0.1', port, ae_title='THERMO', ext_neg=[
                build_role('1.2.840.10008.1.20.1', scp_role=True)])
            archive.answered = peers.tell_commitment(association, *archive.report(request))
            association.release()
        threading.Thread(target=tell, daemon=True).start()
        return 0
    return commit


def _first(archive: List[Any], odd: Callable[[Any], int]) -> Callable[[Any], int]:
    """The first object gets an odd answer, and every other one is stored."""
    seen: List[Any] = []

    def store(event: Any) -> int:
        seen.append(event)
        return odd(event) if len(seen) == 1 else 0
    return store


def main() -> None:
    """Send to each of them."""
    archive._ANSWER_S = 3.0
    top = tempfile.mkdtemp('', 'hostile-')
    write_picture(top)
    rows: List[List[str]] = []
    bad = 0

    def run(name: str, archive: Any, did: Callable[[Case], None], **given: Any) -> None:
        nonlocal bad
        folder = os.path.join(top, 'case-%d' % len(rows))
        case = Case(folder, archive.port, **given)
        steps: List[str] = []
        case.note = lambda: steps.append(case.said())  # type: ignore[attr-defined]
        did(case)
        stored = collections.Counter(getattr(archive, 'stored', ()))
        twice = sum(count > 1 for count in stored.values())
        lacking = {row.uid for row in case.outbox.rows(case.exam, (COMMITTED,))} - set(stored)
        bad += bool(twice or lacking)
        rows.append([name, '; then '.join(steps), str(sum(stored.values())), str(twice)])
        print('.', end='', flush=True)
        case.close()
        archive.close()

    def tries(*minutes: float, first: float = 0.0) -> Callable[[Case], None]:
        def did(case: Any) -> None:
            case.passes(0)
            case.note()
            time.sleep(first)
            case.passes(*minutes)
            case.note()
        return did

    holder: List[Any] = []

    def dies(event: Any) -> int:
        holder[0].keep(event)
        event.assoc.abort()
        return 0xC000  # nobody hears it

    def late(event: Any) -> int:
        time.sleep(4.0)
        holder[0].keep(event)
        return 0xC000  # nobody hears it

    def hostile(store: Callable[[Any], int] = lambda event: 0, commit: Optional[Callable[..., int]] = _told_now,
                **more: Any) -> Any:
        holder[:] = [peers.HostileArchive(store, commit, **more)]
        return holder[0]

    run('accepts and never answers', peers.Peer(_silent), tries(1, 5))
    run('half an association', peers.Peer(_half), tries(1))
    run('another AE title', hostile(title='ANOTHER'), tries(1))
    run('refuses one class', hostile(classes=[_SC]), tries(1))
    run('0xA700, once', hostile(_first(holder, lambda event: 0xA700)), tries(1))
    run('0xA900', hostile(_first(holder, lambda event: 0xA900)), tries(1))
    run('0xC001', hostile(_first(holder, lambda event: 0xC001)), tries(1))
    run('0xB007', hostile(_first(holder, lambda event: 0xB007)), tries(1))
    run('dies after storing, before its answer', hostile(_first(holder, dies)), tries(1))
    run('the same, cannot be asked what it has', hostile(_first(holder, dies), find=False), tries(1, 0))
    run('the same, cannot be asked anything', hostile(_first(holder, dies), None, find=False), tries(1, 60))
    run('answers after the deadline', hostile(_first(holder, late)), tries(1, first=4.0))
    run('commits on the same association', hostile(), tries())
    run('commits on the next one', hostile(commit=_told_next), tries(61, 61))
    callback = peers.free_port()

    def called(case: Any) -> None:
        case.passes(0)
        until_s = time.monotonic() + 20.0
        while not hasattr(holder[0], 'answered') and time.monotonic() < until_s:
            time.sleep(0.1)
        case.note()
    run('commits by a call of its own', hostile(commit=_told_by_a_call(callback)), called, callback=callback)

    def recycles(case: Any) -> None:
        case.passes(0)
        case.note()
        case.sign(kept_picture(top))  # the newest exam never goes
        case.passes(1)
        lost = set(row.uid for row in case.outbox.rows(case.exam))
        for uid in lost:
            holder[0].has.pop(uid)
            holder[0].stored.remove(uid)
        case.utc_s += 31 * _DAY_S
        case.passes(0, 1)
        case.note()
        assert case.exams.get(case.exam).locked
    run('recycles what it had committed', hostile(), recycles, keep_days=30)
    print()
    print(table(('archive', 'what the outbox did', 'stored', 'twice'), rows))
    shutil.rmtree(top, ignore_errors=True)
    raise SystemExit(1 if bad else 0)


if __name__ == '__main__':
    main()
