"""Station and archive under kill -9 while exams are sent: each signed exam ends in the archive, committed, once.

A station signs exams and sends them to an Orthanc of its own. One of the two is killed at a random moment and started
again; what the station said was signed goes into a ledger outside of it. In the end both are left alone until nothing
is on its way. Then every object of every exam of the ledger has to be committed, and the archive has to hold exactly
these objects, each once. The exit code is 1 if it does not.

    python -m benchmarks.attacks.killed_sending [--kills 50]

Needs Orthanc. The pauses between two tries are seconds here instead of minutes.
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Dict, List, Optional, Set

import click

from service.capture_file import pack_capture
from service.clock import Clock
from service.exams import Exams, Patient, Picture
from service.hospital import outbox as sending
from service.hospital.archive import ArchiveReceiver
from service.hospital.dicom import make_objects
from service.hospital.outbox_rows import COMMITTED
from service.hospital.site import Peer, Site
from service.overlay import draw_overlay
from service.pipeline import Pipeline
from service.radiometry import Raw
from service.readers import read_thermogram
from service.reading import read_signs
from service.record import encode_png
from service.samples import SAMPLE
from service.sealing import Sealer
from service.settings import SHIPPED_BUNDLE
from tests.service.hospital.peers import Orthanc

from .station import table

#: Both are left alone for so long at most, until all is committed.
_PATIENCE_S = 300.0
#: Of each exam.
_KINDS = ('temperature', 'picture')
#: One of so many kills comes while the station starts.
_STARTS = 6


def opened(folder: str) -> Exams:
    """The exams of the station."""
    return Exams(os.path.join(folder, 'exams'), Sealer(b'k' * 32), None,
                 Clock('', time.time, lambda: True), room=lambda path: None)


def _site(port: int, callback: int) -> Site:
    return Site('THERMO', Peer('127.0.0.1', port, 'ORTHANC', 'THERMO'), listener_port=callback,
                objects=_KINDS)


def run_station(folder: str, port: int, callback: int, most: int) -> None:
    """Sign exams and send them until killed: a line for each signature, and for how many objects are in each state."""
    sending.RETRY_MIN, sending.ASK_AGAIN_MIN, sending._LOOK_S = (0.02, 0.05), 0.1, 0.3  # type: ignore[assignment]
    picture = kept_picture(folder)
    exams = opened(folder)
    outbox = sending.Outbox(exams, [ArchiveReceiver(exams, _site(port, callback))], Clock('', time.time, lambda: True),
                            lambda *args, **facts: (0, ''))
    outbox.start()
    signed = sum(count for state, count in exams.counts().items() if state == 'signed')
    while True:
        if signed < most:
            exam_id = exams.create(Patient('P-%d' % signed, 'Änna^Ö %d' % signed, '1970-12-31'), 'op').id
            exams.start(exam_id, 'op')
            exams.add_capture(exam_id, 'op', 'frontal', picture)
            exams.review(exam_id, 'op')
            exams.sign(exam_id, 'op')
            print('signed', exam_id, flush=True)
            signed += 1
            outbox.changed(exam_id)
        print('counts', json.dumps(dict(outbox.counts(), exams=signed)), flush=True)
        time.sleep(0.5)


def kept_picture(folder: str) -> Picture:
    """The picture of every exam, as `write_picture` wrote it."""
    parts = {}
    for name in ('tscap', 'result.json', 'overlay.png', 'labels.png', 'signs.json'):
        with open(os.path.join(folder, name), 'rb') as stream:
            parts[name] = stream.read()
    return Picture(parts['tscap'], json.loads(parts['result.json'].decode('utf-8')), parts['overlay.png'],
                   parts['labels.png'], {'kind': 'sim'}, json.loads(parts['signs.json'].decode('utf-8')))


def write_picture(folder: str) -> None:
    """Take the picture that every exam gets, so that the station needs no network."""
    with Pipeline.from_folder(SHIPPED_BUNDLE) as pipeline:
        thermogram = read_thermogram(SAMPLE)
        result = pipeline.analyse(thermogram)
        assert result.labels is not None
        parts = {'tscap': pack_capture([Raw.of(thermogram)]), 'overlay.png': encode_png(draw_overlay(result)),
                 'labels.png': encode_png(result.labels), 'result.json': json.dumps(result.to_dict()).encode('utf-8'),
                 'signs.json': json.dumps(read_signs(result).to_dict()).encode('utf-8')}
    for name, data in parts.items():
        with open(os.path.join(folder, name), 'wb') as stream:
            stream.write(data)


class Station:
    """The process that signs and sends.

    Args:
        module: that is run as the station.
        arguments: of it; the number of exams is added.
    Attributes:
        signed (list): ids of exams, the ledger.
        counts (dict): what it said last of its objects.
    """

    def __init__(self, module: str, *arguments: object) -> None:
        self._command = [sys.executable, '-W', 'ignore', '-m', module, '--station'] + [str(one) for one in arguments]
        self.signed: List[str] = []
        self.counts: Dict[str, int] = {}
        self._process: Optional['subprocess.Popen[bytes]'] = None

    def start(self, most: int) -> None:
        """Start it; it signs until there are so many exams."""
        self._process = subprocess.Popen(self._command + [str(most)], stdout=subprocess.PIPE)
        self.counts = {}
        threading.Thread(target=self._read, args=[self._process.stdout], daemon=True).start()

    def _read(self, lines: Any) -> None:
        for line in lines:
            word, _, rest = line.decode('ascii').partition(' ')
            if not line.endswith(b'\n'):
                break  # it was killed at it
            if word == 'signed':
                self.signed.append(rest.strip())
            else:
                self.counts = json.loads(rest)

    def wait(self) -> None:
        """Until it works, or has ended."""
        while not self.counts and not self.ended:
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process is not None and self._process.poll() is not None


def _check(folder: str, signed: List[str], archive: Orthanc) -> Dict[str, Any]:
    """What is wrong in the end."""
    exams = opened(folder)
    site = _site(archive.port, archive.callback)
    rows = sending.Outbox(exams, [ArchiveReceiver(exams, site)], Clock('', time.time, lambda: True),
                          lambda *args, **facts: (0, ''))
    every = [entry.row.id for entry in exams.list(limit=1000) if entry.row.state == 'signed']
    expected: Set[str] = {made.sop_uid for exam_id in every for made in make_objects(exams, exams.get(exam_id), site)}
    committed = {row.uid for row in rows.rows(states=(COMMITTED,))}
    found = archive.uids()
    attempts = sum(row.attempts for row in rows.rows())
    wrong = {'exams of the ledger that are gone': len(set(signed) - set(every)),
             'objects that are not committed': len(expected - committed),
             'objects that the archive lacks': len(expected - set(found)),
             'objects that nobody signed': len(set(found) - expected),
             'objects that it has twice': len(found) - len(set(found))}
    rows.close()
    exams.close()
    return dict(wrong, exams=len(every), objects=len(expected), attempts=attempts)


@click.command(context_settings={'ignore_unknown_options': True})
@click.option('--kills', default=50, show_default=True, help='How many, of station and archive alike.')
@click.option('--seed', default=1, show_default=True)
@click.option('--station', nargs=4, type=str, hidden=True)
def main(kills: int, seed: int, station: Optional[List[str]]) -> None:
    """Kill station and archive while exams are sent."""
    if station:
        return run_station(station[0], int(station[1]), int(station[2]), int(station[3]))
    program = shutil.which('Orthanc')
    if program is None:
        raise SystemExit('Orthanc is not installed here')
    rng = random.Random(seed)
    folder = tempfile.mkdtemp('', 'killed-sending-')
    write_picture(folder)
    archive = Orthanc(os.path.join(folder, 'archive'), program)
    sender = Station('benchmarks.attacks.killed_sending', folder, archive.port, archive.callback)
    killed = {'station': 0, 'archive': 0}
    try:
        sender.start(kills)
        for _ in range(kills):
            if rng.randrange(_STARTS):
                sender.wait()
            time.sleep(rng.uniform(0.0, 5.0))
            if sender.ended:
                raise SystemExit('the station ended by itself')
            victim = rng.choice(('station', 'archive'))
            killed[victim] += 1
            if victim == 'station':
                sender.kill()
                sender.start(kills)
            else:
                archive.kill()
                time.sleep(rng.uniform(0.0, 2.0))
                archive.start()
        until_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s and not (kills <= sender.counts.get('exams', 0)
                                                  <= sender.counts['committed'] // len(_KINDS)):
            time.sleep(0.5)
        sender.kill()
        found = _check(folder, sender.signed, archive)
    finally:
        if not sender.ended:
            sender.kill()
        archive.stop()
    facts = [('killed: station', killed['station']), ('killed: archive', killed['archive'])] + list(found.items())
    print(table(('what', 'count'), facts))
    bad = sum(value for name, value in found.items() if name not in ('exams', 'objects', 'attempts'))
    shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(1 if bad else 0)


if __name__ == '__main__':
    main()
