"""The worklist of a real Orthanc, and of one that says what no worklist should, becomes rows that exams begin with."""
import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from service.exams import Order, Patient
from service.hospital import calls
from service.hospital.calls import ABORTED, UNREACHABLE
from service.hospital.site import Peer, Site
from service.hospital.worklist import CACHE, Worklist, listing_of
from service.sealing import Sealer
from tests.service.exams.station import ORDER, Station

from .test_calls import InThread

#: 2026-11-30, 12:00 UTC.
NOON_S = 1796040000.0
#: A step of a worklist as dump2dcm reads it.
STEP = '''(0008,0005) CS [%(charset)s]
(0008,0050) SH [%(accession)s]
(0008,0090) PN [%(referrer)s]
(0010,0010) PN [%(name)s]
(0010,0020) LO [%(id)s]
(0010,0021) LO [%(issuer)s]
(0010,0030) DA [%(born)s]
(0010,0040) CS [%(sex)s]
(0010,1030) DS [61.5]
(0010,2110) LO [Latex\\\\Нитрил]
(0020,000d) UI [%(study)s]
(0032,1060) LO [%(procedure)s]
(0040,0100) SQ
(fffe,e000) na
(0008,0060) CS [%(modality)s]
(0040,0001) AE [%(title)s]
(0040,0002) DA [%(date)s]
(0040,0003) TM [%(time)s]
(0040,0007) LO [%(step)s]
(0040,0009) SH [%(step_id)s]
(fffe,e00d) na
(fffe,e0dd) na
(0040,1001) SH [%(procedure_id)s]
'''
ROW = {'charset': 'ISO_IR 192', 'accession': 'ACC-4711', 'referrer': 'Wang^XiaoDong=王^小东',
       'name': 'Παπαδοπούλου^Ελένη', 'id': 'P-1', 'issuer': 'Ευαγγελισμός', 'born': '19701231', 'sex': 'F',
       'study': '1.2.840.1.77', 'procedure': 'Θερμογραφία', 'modality': 'TG', 'title': 'THERMO',
       'date': '20261130', 'time': '081500', 'step': 'Μαστός', 'step_id': 'SPS-1', 'procedure_id': 'RP-1'}


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path / 'store', Sealer(b'k' * 32))
    yield made
    made.close()


@pytest.fixture
def scheduled(archive, tmp_path):
    """Puts rows into the worklist of Orthanc."""
    program = shutil.which('dump2dcm')
    if program is None:
        pytest.skip('dump2dcm is not installed here (apt-get install dcmtk)')

    def put(*rows):
        for number, row in enumerate(rows):
            dump = tmp_path / ('%d.dump' % number)
            dump.write_bytes((STEP % dict(ROW, **row)).encode('utf-8'))
            subprocess.run([program, '-q', str(dump), '%s/%d.wl' % (archive.worklists, number)], check=True)
    yield put
    for path in Path(archive.worklists).iterdir():
        path.unlink()


def site_of(port, **more):
    return Site(title='THERMO', worklist=Peer('127.0.0.1', port, 'ORTHANC', 'THERMO'), **more)


def test_scheduled_patients_arrive_from_a_real_worklist(archive, scheduled, station):
    scheduled({}, {'name': 'Wang^XiaoDong=王^小东', 'id': 'P-2', 'study': '', 'accession': 'ACC-2', 'time': '0700'},
              {'name': 'Иванова^Анна', 'id': 'P-3', 'date': '20261201', 'born': 'unknown'},
              {'id': '', 'accession': 'nobody'}, {'id': 'P-5', 'title': 'OTHER'}, {'id': 'P-6', 'modality': 'US'},
              {'id': 'P-7', 'date': '20261203'})
    worklist = Worklist(site_of(archive.port), station.exams, now_s=lambda: NOON_S)
    assert worklist.ask().code == 'worklist-left-out'
    first, greek, russian = worklist.listing.rows
    assert greek.patient == Patient('P-1', 'Παπαδοπούλου Ελένη', '1970-12-31')
    assert greek.order == ORDER._replace(procedure_id='RP-1', modality='TG', step='Μαστός',
                                         allergies='Latex; Нитрил')
    assert first.patient.name == 'Wang XiaoDong 王小东' and first.order.study_uid == ''
    assert first.order.scheduled == '2026-11-30 07:00' and first.order.name == 'Wang^XiaoDong=王^小东'
    assert russian.patient == Patient('P-3', 'Иванова Анна', '')
    assert worklist.listing.of_day('2026-11-30') == [first, greek] and worklist.today == '2026-11-30'
    assert worklist.listing.row(greek.key) == greek and worklist.listing.row('0') is None


def test_it_is_asked_less_exactly_until_somebody_is_found(archive, scheduled, station, monkeypatch):
    scheduled({'modality': 'OT', 'title': 'THERMO'}, {'modality': 'TG', 'title': ''}, {'modality': 'OT', 'title': ''})
    monkeypatch.setattr(calls.subprocess, 'Popen', InThread)
    for title, modality, found in (('THERMO', 'TG', 'THERMO'), ('OTHER', 'TG', ''), ('OTHER', 'XA', None),
                                   ('THERMO', '', 'THERMO'), ('OTHER', '', None)):
        site = Site(title, worklist=Peer('127.0.0.1', archive.port, 'ORTHANC', 'THERMO'), worklist_modality=modality)
        worklist = Worklist(site, station.exams, now_s=lambda: NOON_S)
        assert worklist.ask().code == ('worklist-empty' if found is None else 'worklist-ok')
        assert [row.order.modality for row in worklist.listing.rows] == {'THERMO': ['OT'], '': ['TG'], None: []}[found]


#: What a worklist answers of one step, as `rows.row_of` gives it.
TEXTS = dict({name: '' for name in Order._fields}, id='P-1', patient='Zoë', birth_date='1970-12-31')


def test_an_outage_leaves_the_list_that_was_read_with_its_age(station, tmp_path):
    now_s, answers = [NOON_S], [{'status': 0, 'rows': [TEXTS, dict(TEXTS, step='again'), TEXTS], 'unreadable': 0}]

    def ask(peer, verb, payload, deadline_s):
        return answers[-1]
    worklist = Worklist(site_of(1), station.exams, ask, lambda: now_s[0])
    assert worklist.listing.rows == () and worklist.age_minutes() is None
    assert worklist.ask().code == 'worklist-ok' and len(worklist.listing.rows) == 2, 'the same row twice is one'
    kept = (Path(station.folder) / CACHE).read_bytes()
    assert 'Zoë'.encode('utf-8') not in kept and b'P-1' not in kept
    answers.append({'fault': UNREACHABLE, 'detail': ''})
    now_s[0] += 3700
    assert worklist.ask().code == 'hospital-unreachable' and worklist.message.next_step
    assert len(worklist.listing.rows) == 2 and worklist.age_minutes() == 61
    again = Worklist(site_of(1), station.exams, ask, lambda: now_s[0])
    assert again.listing == worklist.listing and again.age_minutes() == 61
    station.exams.sealer = None
    assert Worklist(site_of(1), station.exams, ask).listing.rows == (), 'exams are locked'
    station.exams.sealer = station.sealer
    now_s[0] = 0.0
    assert again.age_minutes() is None, 'the clock went back'
    for broken in (kept[:-1], b'', b'{}'):
        (Path(station.folder) / CACHE).write_bytes(broken)
        assert Worklist(site_of(1), station.exams, ask).listing.rows == ()


def test_rows_that_nobody_could_begin_an_exam_with_are_counted_and_left_out():
    rows = [dict(TEXTS, id='P-%d' % number, **more) for number, more in enumerate([
        {}, {'study_uid': '1.2.03'}, {'step': 'x' * 1001}, {'patient': 'a\nb'}, {'birth_date': '1970-13-01'},
        {'accession': None}, {'study_uid': ['1.2']}, {'patient': 'Zoé'}, {'study_uid': '1.2.3'}])]
    rows += [dict(TEXTS, id=''), dict(TEXTS, id='P' * 65), dict(TEXTS, id='P\\Q'), dict(TEXTS, id='P-0', patient='Ann'),
             {}, dict(TEXTS, surprise='x')]
    found = listing_of({'rows': rows, 'unreadable': 2}, NOON_S)
    assert sorted(row.patient.id for row in found.rows) == ['P-0', 'P-0', 'P-1', 'P-1', 'P-7', 'P-8']
    assert found.left_out == 2 + 9 and found.similar == {'P-0', 'P-1', 'P-7', 'P-8'}
    assert [row.order.study_uid for row in found.rows if row.patient.id in ('P-1', 'P-8')] == ['', '', '1.2.3']


def element(tag, data):
    return struct.pack('<HHI', tag >> 16, tag & 0xffff, len(data) + len(data) % 2) + data + b' ' * (len(data) % 2)


@pytest.mark.parametrize('charset, data, name, spoken', [
    (b'ISO_IR 192', 'Παπ^Ελένη'.encode('utf-8'), 'Παπ^Ελένη', 'Παπ Ελένη'),
    (b'ISO_IR 126', 'Παπ^Ελένη'.encode('iso8859-7'), 'Παπ^Ελένη', 'Παπ Ελένη'),
    (b'ISO_IR 144', 'Люкceмбypг'.encode('iso8859-5'), 'Люкceмбypг', 'Люкceмбypг'),
    (b'GB18030', 'Wang^XiaoDong=王^小东'.encode('gb18030'), 'Wang^XiaoDong=王^小东', 'Wang XiaoDong 王小东'),
    (b'\\ISO 2022 IR 87', b'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B',
     'Yamada^Tarou=山田^太郎=やまだ', 'Yamada Tarou 山田太郎'),
    (b'', 'Änna^Ö'.encode('utf-8'), 'Änna^Ö', 'Änna Ö'), (b'', 'Änna^Ö'.encode('latin-1'), 'Änna^Ö', 'Änna Ö'),
    (b'ISO_IR 192', 'Änna^Ö'.encode('latin-1'), '', ''), (b'ISO_IR 192', b'A^\xcc\x88', 'A^\u0308', 'A \u0308'),
    (b'ISO_IR 192', b'A\xcc\x88nna\n^^^', 'Änna', 'Änna'), (b'ISO_IR 192', b'', '', '')])
def test_names_in_any_character_set_are_converted_at_the_door(charset, data, name, spoken):
    from pynetdicom.dsutils import decode

    from service.hospital.rows import row_of
    inner = element(0x00400007, data)
    whole = element(0x00080005, charset) + element(0x00100010, data) + element(0x00400100, struct.pack(
        '<HHI', 0xfffe, 0xe000, len(inner)) + inner)
    row = row_of(decode(io.BytesIO(whole), True, True))
    assert (row['name'], row['patient'], row['step']) == (name, spoken, name)
    assert set(row) == set(TEXTS), 'every field, and no other'


@pytest.fixture
def hostile():
    """Worklists whose answers to a C-FIND are what a test says."""
    from pydicom.dataset import Dataset
    from pynetdicom import AE, evt
    servers = []

    def serve(answers):
        def on_find(event):
            for status, values in answers(event):
                row = Dataset()
                for keyword, value in values.items():
                    setattr(row, keyword, value)
                yield status, row
        ae = AE(ae_title='RIS')
        ae.add_supported_context('1.2.840.10008.5.1.4.31')
        servers.append(ae.start_server(('127.0.0.1', 0), block=False, evt_handlers=[(evt.EVT_C_FIND, on_find)]))
        servers[-1].daemon_threads = True
        return servers[-1].server_address[1]
    yield serve
    for server in servers:
        server.shutdown()


def test_a_worklist_without_end_is_cut_and_one_that_breaks_off_changes_nothing(hostile, station, monkeypatch):
    monkeypatch.setattr(calls.subprocess, 'Popen', InThread)
    monkeypatch.setattr('service.hospital.worklist.MAX_ROWS', 20)

    def endless(event):
        return ((0xFF00, {'PatientID': 'P-%d' % number, 'PatientName': 'A^B'}) for number in range(1000))

    def broken(event):
        yield 0xFF00, {'PatientID': 'P-1'}
        event.assoc.abort()

    def refused(event):
        yield 0xA700, {}
    worklist = Worklist(site_of(hostile(endless)), station.exams)
    assert worklist.ask().code == 'worklist-long' and len(worklist.listing.rows) == 20
    for answers, code in ((broken, 'hospital-' + ABORTED), (refused, 'hospital-full')):
        worklist.peer = site_of(hostile(answers)).worklist
        assert worklist.ask().code == code and len(worklist.listing.rows) == 20
        assert not worklist.asking and worklist.message.next_step
