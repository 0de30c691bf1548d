"""What a technician is told of the machines of the hospital and of the certificates for them."""
import datetime
import os

import pytest

from service.certificate import utc_now
from service.doctor import check_hospital
from service.hospital.peers import Echoes, days_left, peers_of, tls_message
from service.hospital.site import Peer, Site, Tls
from service.messages import OK, PROBLEM, WARNING, Message
from service.settings import Settings

from . import peers

SITE = Site(archive=Peer('192.0.2.1', 104, 'PACS', 'THERMO'), worklist=Peer('192.0.2.2', 104, 'RIS', 'THERMO'))


@pytest.fixture
def tls(tmp_path):
    for name, days in (('station', 40), ('archive', 400)):
        peers.make_certificate(tmp_path, name, days)
    os.chmod(str(tmp_path / 'station.key'), 0o600)
    return Tls(*(str(tmp_path / name) for name in ('station.pem', 'station.key', 'archive.pem')))


def test_certificates_are_told_of_thirty_days_ahead_and_when_they_have_ended(tls, tmp_path):
    now = utc_now()
    for days, code, severity in ((0, 'hospital-tls-ok', OK), (11, 'hospital-tls-ends', WARNING),
                                 (41, 'hospital-tls-ended', PROBLEM)):
        message = tls_message(tls, now + datetime.timedelta(days))
        assert (message.code, message.severity) == (code, severity) and bool(message.next_step) == (severity != OK)
    peers.make_certificate(tmp_path, 'other', 3)
    with open(tls.trusted, 'ab') as stream:
        stream.write((tmp_path / 'other.pem').read_bytes())
    assert days_left(tls, now) == pytest.approx(3, abs=0.1), 'the first of those that are trusted'
    os.chmod(tls.key, 0o644)
    assert tls_message(tls).code == 'hospital-key-exposed'


@pytest.mark.parametrize('place', [0, 1, 2])
def test_files_that_are_no_certificates_have_one_sentence(tls, tmp_path, place):
    (tmp_path / 'nothing').write_bytes(b'-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    for name in ('nothing', 'missing', '.'):
        files = list(tls)
        files[place] = str(tmp_path / name)
        message = tls_message(Tls(*files))
        assert message.severity == PROBLEM and message.sentence and message.next_step


def test_each_machine_is_tested_by_itself_and_the_worklist_by_what_it_has():
    assert [one.name for one in peers_of(SITE)] == ['archive', 'worklist'] and peers_of(Site()) == []
    testing = Echoes(SITE, lambda: Message('worklist-ok', 'It has 7.', severity=OK),
                      ask=lambda peer, verb, payload, deadline_s: {'fault': 'silent', 'detail': verb})
    for name in ('archive', 'worklist', 'nothing'):
        testing.start(name)
    for thread in testing._threads.values():
        thread.join()
    assert testing.asking == [] and sorted(testing.told) == ['archive', 'worklist']
    assert testing.told['archive'].sentence == 'The archive does not answer.' and testing.told['archive'].next_step
    assert testing.told['worklist'].sentence == 'It has 7.'


def test_the_doctor_says_whether_the_hospital_can_be_reached(tls):
    assert check_hospital(Settings()).code == 'hospital-none'
    given = {'archive_host': '127.0.0.1', 'archive_port': peers.free_port(), 'archive_ae_title': 'PACS'}
    closed = check_hospital(Settings(**given))
    assert (closed.code, closed.severity) == ('hospital-unreachable', PROBLEM) and closed.next_step
    broken = check_hospital(Settings(tls_certificate=tls.key, tls_key=tls.key, tls_trusted=tls.trusted, **given))
    assert broken.code == 'certificate-key', 'nobody is called with it'
