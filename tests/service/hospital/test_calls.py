"""Calls: a real archive, TLS, and peers that do what no archive should."""
import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.hospital import calls
from service.hospital.calls import Link, Listener, call, message_of
from service.hospital.site import Peer, Tls
from service.messages import OK, PROBLEM

from . import peers

SC = '1.2.840.10008.5.1.4.1.1.7'


def peer_of(found, called='ORTHANC', tls=None):
    return Peer('127.0.0.1', found.port, called, 'THERMO', tls)


class InThread:
    """In place of `subprocess.Popen`: the same work in a thread, without the second that a process takes to begin."""

    def __init__(self, command, pass_fds, **unused):
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(pass_fds[0]))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        from service.hospital.association import Conversation, call
        conversation = Conversation(self._link, lambda: conversation._requests.put(({'verb': 'close'}, b'')))
        try:
            first = conversation.begin()
            conversation.say({'ready': True})
            call(conversation, first)
        finally:
            self.kill()
            conversation._lines.close()
            self._link.close()

    def wait(self, timeout=None):
        self._thread.join(timeout)

    def kill(self):
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def poll(self):
        return None


class Taker:
    """Keeps what the archive tells; `heard` is set then."""

    def __init__(self, *answers):
        self.events, self.heard, self._answers = [], threading.Event(), list(answers)

    def __call__(self, event):
        self.events.append(event)
        self.heard.set()
        return self._answers.pop(0) if self._answers else True


def test_a_real_archive_stores_finds_and_commits(archive):
    peer, taker = peer_of(archive), Taker()
    listener = Listener(peer, archive.callback, taker)
    data, uid = peers.made()
    with Link(peer, [SC]) as link:
        assert link.ask('echo', {}) == {'status': 0}
        assert link.ask('find-instances', {'series': [['2.25.1', '2.25.2']]}) == {'status': 0, 'found': []}
        assert link.ask('store', {}, data=data) == {'status': 0}
        assert link.ask('find-instances', {'series': [['2.25.1', '2.25.2']]}) == {'status': 0, 'found': [uid]}
        asked = {'transaction': '2.25.7', 'objects': [[SC, uid], [SC, '2.25.8']], 'wait_s': 0}
        assert link.ask('commit', asked) == {'status': 0}
    assert taker.heard.wait(20)
    listener.close()
    assert taker.events == [{'transaction': '2.25.7', 'stored': [uid], 'failed': {'2.25.8': 0x0112}}]
    assert archive.uids() == [uid]
    assert archive.ask('/instances/%s/simplified-tags' % archive.ask('/instances')[0])['PatientName'] == 'Änna^Ö'


def test_tls_is_mutual_and_counts_the_name_of_the_host(tmp_path, orthanc_program):
    for name, days in (('station', 30), ('archive', 30), ('wrong', 30), ('ended', -1)):
        peers.make_certificate(tmp_path, name, days)
    (tmp_path / 'known.pem').write_bytes(b''.join((tmp_path / (name + '.pem')).read_bytes() for name in (
        'station', 'ended')))

    def files(name, trusted):
        return Tls(*(str(tmp_path / part) for part in (name + '.pem', name + '.key', trusted + '.pem')))
    secured = peers.Orthanc(tmp_path, orthanc_program, Plugins=[], **peers.secured(tmp_path, 'known'))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(tmp_path / 'ended.pem'), str(tmp_path / 'ended.key'))
    old = peers.Peer(lambda connection: context.wrap_socket(connection, server_side=True))
    callers = {
        'right': peer_of(secured, tls=files('station', 'archive')), 'plain': peer_of(secured),
        'not ours': peer_of(secured, tls=files('wrong', 'archive')),
        'other name': Peer('localhost', secured.port, 'ORTHANC', 'THERMO', files('station', 'archive')),
        'ours ended': peer_of(secured, tls=files('ended', 'archive')),
        'theirs ended': peer_of(old, tls=files('station', 'ended')),
        'not theirs': peer_of(secured, tls=files('station', 'wrong')),
        'no file': peer_of(secured, tls=files('station', 'nothing'))}
    try:
        with ThreadPoolExecutor(len(callers)) as pool:
            answers = dict(zip(callers, pool.map(lambda peer: call(peer, 'echo', {}, 10), callers.values())))
    finally:
        secured.stop()
        old.close()
    assert answers['right'] == {'status': 0}
    assert {name: answer.get('fault') for name, answer in answers.items()} == {
        'right': None, 'plain': 'closed', 'not ours': 'tls', 'other name': 'tls', 'ours ended': 'tls',
        'theirs ended': 'tls', 'not theirs': 'tls', 'no file': 'files'}
    said = {name: message_of(answer, callers[name]).sentence for name, answer in answers.items()}
    assert said['not ours'] == 'The archive does not accept the certificate of this station.'
    assert said['other name'] == 'The archive shows a certificate for another host.'
    assert 'certificate of this station' in said['ours ended']
    assert said['theirs ended'] == 'The archive shows a certificate that has ended.'
    assert said['not theirs'] == 'The archive shows a certificate that nobody signed whom this station trusts.'
    assert 'certificates of this station cannot be used' in said['no file']


def silent(connection):
    connection.recv(1)
    threading.Event().wait()


def half(connection):
    """An A-ASSOCIATE-AC that ends after its header."""
    connection.recv(1)
    connection.sendall(struct.pack('>BBI', 2, 0, 500) + b'\0\1')
    threading.Event().wait()


def test_a_peer_that_accepts_and_is_silent_is_left_at_the_deadline():
    for talk in (silent, half):
        peer = peers.Peer(talk)
        assert call(peer_of(peer), 'echo', {}, deadline_s=0.5) == {'fault': 'silent', 'detail': ''}
        assert peer.calls == 1
        peer.close()


def dying(event):
    event.assoc.abort()
    return 0x0000


@pytest.mark.parametrize('title, store, classes, expected', [
    ('ARCHIVE', lambda event: 0xA700, None, {'status': 0xA700}),
    ('ARCHIVE', lambda event: 0xB007, None, {'status': 0xB007}),
    ('ARCHIVE', dying, None, {'fault': 'aborted', 'detail': '', 'unknown': True}),
    ('ARCHIVE', dying, ['1.2.840.10008.5.1.4.1.1.104.1'], {'fault': 'context', 'detail': SC}),
    ('ANOTHER', dying, None, {'fault': 'rejected', 'source': 1, 'reason': 7})])
def test_what_a_peer_answers_to_an_object(monkeypatch, title, store, classes, expected):
    monkeypatch.setattr(calls.subprocess, 'Popen', InThread)
    archive = peers.HostileArchive(store, classes=classes, title=title)
    with Link(peer_of(archive, 'ARCHIVE'), [SC]) as link:
        assert link.ask('store', {}, data=peers.made()[0]) == expected
    archive.close()


@pytest.mark.parametrize('idle_s, associations', [(60.0, 1), (-1.0, 2)])
def test_an_association_that_was_idle_is_left_for_another(monkeypatch, idle_s, associations):
    """Archives end it in the middle, and the report, which takes long to make, would never arrive."""
    monkeypatch.setattr(calls.subprocess, 'Popen', InThread)
    monkeypatch.setattr(calls, 'IDLE_S', idle_s)
    seen = []
    archive = peers.HostileArchive(lambda event: seen.append(event.assoc) or 0x0000)
    with Link(peer_of(archive, 'ARCHIVE'), [SC]) as link:
        for data in peers.made()[0], peers.made()[0]:
            assert link.ask('store', {}, data=data) == {'status': 0}
    archive.close()
    assert len(set(seen)) == associations


def test_what_could_not_be_kept_is_answered_so_that_the_archive_tells_it_again(monkeypatch):
    monkeypatch.setattr(calls.subprocess, 'Popen', InThread)
    kept = []

    def commit(archive, event, request):
        report, kind = archive.report(request)
        event.assoc.told = threading.Thread(target=tell, args=[event.assoc, report, kind], daemon=True)
        event.assoc.told.start()
        return 0x0000

    def tell(association, report, kind):
        time.sleep(0.05)  # after our answer to the request
        kept.append(peers.tell_commitment(association, report, kind))
    archive, taker = peers.HostileArchive(commit=commit), Taker(False, True)
    with Link(peer_of(archive, 'ARCHIVE'), [SC], taker) as link:
        for transaction in ('2.25.1', '2.25.2'):
            asked = {'transaction': transaction, 'objects': [[SC, '2.25.8']], 'wait_s': 10}
            assert link.ask('commit', asked) == {'status': 0}
    archive.close()
    assert [event['transaction'] for event in taker.events] == ['2.25.1', '2.25.2']
    assert kept == [0x0110, 0x0000]


def test_every_answer_has_a_sentence_and_a_next_step():
    peer = Peer('192.0.2.1', 104, 'ARCHIVE', 'THERMO')
    assert message_of({'status': 0}, peer).severity == OK
    said = [message_of(answer, peer) for answer in (
        {'status': 0xA700}, {'status': 0xA900}, {'status': 0xC001}, {'status': 0x0122},
        {'fault': 'rejected', 'source': 1, 'reason': 3}, {'fault': 'silent'})]
    assert all(message.severity == PROBLEM and message.next_step and message.sentence for message in said)
    assert len({message.sentence for message in said}) == len(said)
