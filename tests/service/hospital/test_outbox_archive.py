"""The outbox against a real archive: every object arrives, is committed by a call of the archive, and is taken back."""
import threading

from service.clock import Clock
from service.exams import Patient
from service.hospital.archive import NOTE, ArchiveReceiver
from service.hospital.outbox import Outbox
from service.hospital.outbox_rows import COMMITTED, REJECTED
from service.hospital.site import Peer, Site, Tls

from ...fakes.pipelines import stub_pipeline
from . import peers
from .exams_made import examined, pictured, store


class Told:
    """In place of the audit log: `heard` is set when all of an exam is committed."""

    def __init__(self):
        self.heard = threading.Event()

    def __call__(self, event, operator, **facts):
        self.heard.set()
        return 1, ''


def test_an_exam_arrives_is_committed_and_is_taken_back_by_a_note(tmp_path, orthanc_program):
    """Both ways speak TLS: ours to the archive, and its call to our listener."""
    for name in ('station', 'archive'):
        peers.make_certificate(tmp_path, name, 30)
    callback = peers.free_port()
    station = {'AET': 'THERMO', 'Host': '127.0.0.1', 'Port': callback, 'UseDicomTls': True}
    archive = peers.Orthanc(tmp_path, orthanc_program, Plugins=[], DicomModalities={'thermo': station},
                            **peers.secured(tmp_path, 'station'))
    tls = Tls(*(str(tmp_path / name) for name in ('station.pem', 'station.key', 'archive.pem')))
    exams, told = store(tmp_path / 'exams'), Told()
    with stub_pipeline() as pipeline:
        exam = examined(exams, [('frontal', pictured(pipeline))])
    site = Site('THERMO', Peer('127.0.0.1', archive.port, archive.title, 'THERMO', tls), tls=tls,
                listener_port=callback, objects=('temperature', 'picture'))
    outbox = Outbox(exams, [ArchiveReceiver(exams, site)], Clock('', lambda: 1.8e9, lambda: True), told)
    outbox.start()
    try:
        outbox.changed(exam.id)
        assert told.heard.wait(60)
        rows = outbox.rows(exam.id)
        assert {row.state for row in rows} == {COMMITTED} and outbox.has_arrived(exam.id)
        assert archive.uids() == sorted(row.uid for row in rows) and len(rows) == 2
        told.heard.clear()
        exams.move(exam.id, 'chief', Patient('P-9', 'Ida'), 'Wrong row of the list.')
        outbox.changed(exam.id)
        assert told.heard.wait(60)
        after = outbox.rows(exam.id)
        assert sorted(row.state for row in after) == [COMMITTED] + 2 * [REJECTED]
        note = next(row for row in after if row.sop_class == NOTE)
        assert archive.uids() == sorted(row.uid for row in after)
        found = archive.ask('/tools/find', {'Level': 'Instance', 'Query': {'SOPInstanceUID': note.uid}, 'Expand': True})
        tags = archive.ask('/instances/%s/simplified-tags' % found[0]['ID'])
        named = [item for series in tags['CurrentRequestedProcedureEvidenceSequence'][0]['ReferencedSeriesSequence']
                 for item in series['ReferencedSOPSequence']]
        assert sorted(item['ReferencedSOPInstanceUID'] for item in named) == sorted(row.uid for row in rows)
    finally:
        outbox.close()
        exams.close()
        archive.stop()
