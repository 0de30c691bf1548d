"""Sending to a FHIR server, whatever it does: what is sent again, what is not, and what a person is told."""
import http.server
import io
import json
import socket
import ssl
import threading
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from service.certificate import tls_context
from service.clock import Clock
from service.exams import Patient
from service.hospital import fhir, fhir_link
from service.hospital.calls import CONTEXT
from service.hospital.fhir_link import FhirReceiver
from service.hospital.outbox import Outbox, receivers_of
from service.hospital.report import report_of
from service.hospital.site import Site, Tls
from service.messages import OK, PROBLEM

from ...fakes.pipelines import stub_pipeline
from . import exams_made
from .peers import make_certificate

#: States of the row in the outbox that follow from an answer.
QUEUED, SENT, FAILED = 'queued', 'sent', 'failed'

PATIENT = {'resourceType': 'Patient', 'identifier': [{'system': 'urn:oid:1.2.3', 'value': 'P-1'}]}
REPORT = {'resourceType': 'DiagnosticReport', 'status': 'final', 'issued': '2027-01-15T08:07:00.000000Z',
          'identifier': [{'system': 'urn:ietf:rfc:3986', 'value': 'urn:uuid:1'}]}


def message(report):
    """A transaction with one resource that is made where it is missing, and one that is replaced."""
    return json.dumps({'resourceType': 'Bundle', 'type': 'transaction', 'entry': [
        {'resource': PATIENT, 'request': {'method': 'POST', 'url': 'Patient',
                                          'ifNoneExist': 'identifier=urn:oid:1.2.3|P-1'}},
        {'resource': report, 'request': {
            'method': 'PUT', 'url': 'DiagnosticReport?identifier=urn:ietf:rfc:3986|urn:uuid:1'}}]}).encode('utf-8')


class Record(http.server.HTTPServer):
    """A server that knows conditional create and conditional update, and what `act` does before.

    Attributes:
        stored: every version of every resource, by type and identifier.
        act: called with the handler and what it was sent; True where it has answered itself.
    """

    def __init__(self, context=None):
        super().__init__(('127.0.0.1', 0), Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.stored, self.headers, self.act = {}, [], lambda handler, data: False

    def handle_error(self, request, client_address):
        """Clients that refuse the certificate are no errors here."""

    def take(self, data):
        for entry in json.loads(data.decode('utf-8'))['entry']:
            kind, identifier = entry['resource']['resourceType'], entry['resource']['identifier'][0]['value']
            versions = self.stored.setdefault((kind, identifier), [])
            if not versions or entry['request']['method'] == 'PUT':
                versions.append(entry['resource'])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        """No lines on the terminal of the tests."""

    def do_POST(self):
        data = self.rfile.read(int(self.headers['Content-Length']))
        self.server.headers.append(self.headers)
        if not self.server.act(self, data):
            self.server.take(data)
            self.reply(200)

    def do_GET(self):
        asked = parse_qs(self.path.partition('?')[2])['identifier'][0].rpartition('|')[2]
        found = self.server.stored.get(('DiagnosticReport', asked), [])[-1:]
        self.reply(200, json.dumps({'resourceType': 'Bundle', 'entry': [{'resource': one} for one in found]}))

    def reply(self, status, text='{}', close=False):
        self.send_response(status)
        self.send_header('Content-Length', str(len(text)))
        if close:
            self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(text.encode('utf-8'))
        return True


    def hang_up(self, text=b''):
        self.wfile.write(text)
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True
        return True


def serve(record):
    thread = threading.Thread(target=record.serve_forever, kwargs={'poll_interval': 0.01})
    thread.daemon = True
    thread.start()
    return record


@pytest.fixture
def record():
    with Record() as made:
        yield serve(made)
        made.shutdown()


def site_of(record, host='http://localhost', **more):
    return Site(fhir_url='%s:%d/fhir' % (host, record.server_port), fhir_patient_system='urn:oid:1.2.3', **more)


def send(site, data):
    """`fhir_link.send` in this process."""
    return fhir_link.answer_to(io.BytesIO(fhir_link._asked(site) + data))


def told(answer, site):
    """What becomes of it by its answer, and code of the message, which is in order."""
    state = SENT if answer.get('status') == 0 else FAILED if answer['fault'] == CONTEXT else QUEUED
    said = FhirReceiver(None, site).message(answer)
    assert (said.severity == OK) == (state == SENT) and said.severity in (OK, PROBLEM)
    assert (said.next_step or said.severity == OK) and 'unknown' not in answer
    return state, said.code


def test_twice_is_once_and_a_correction_takes_its_place(record, tmp_path):
    (tmp_path / 'token').write_text('abc.def\n')
    site = site_of(record, fhir_token=str(tmp_path / 'token'))
    for report in (REPORT, REPORT, dict(REPORT, status='amended')):
        assert told(send(site, message(report)), site) == (SENT, 'fhir-ok')
    assert [len(versions) for versions in record.stored.values()] == [1, 3]
    assert record.stored[('DiagnosticReport', 'urn:uuid:1')][-1]['status'] == 'amended'
    assert {headers['Authorization'] for headers in record.headers} == {'Bearer abc.def'}
    assert record.headers[0]['Content-Type'] == 'application/fhir+json'
    (tmp_path / 'token').write_text('two\nlines\n')
    assert told(send(site, message(REPORT)), site) == (QUEUED, 'fhir-token')


@pytest.mark.parametrize('act, expected', [
    (lambda handler, data: handler.reply(201), (SENT, 'fhir-ok')),
    (lambda handler, data: handler.reply(302), (QUEUED, 'fhir-address')),
    (lambda handler, data: handler.reply(400), (FAILED, 'fhir-content')),
    (lambda handler, data: handler.reply(401), (QUEUED, 'fhir-refused')),
    (lambda handler, data: handler.reply(404, 'x' * 9999), (QUEUED, 'fhir-address')),
    (lambda handler, data: handler.reply(409, close=True), (QUEUED, 'fhir-busy')),
    (lambda handler, data: handler.server.take(data) or handler.reply(409), (SENT, 'fhir-ok')),
    (lambda handler, data: handler.server.take(message(dict(REPORT, issued='2026-01-01T00:00:00Z')))
     or handler.reply(409), (QUEUED, 'fhir-busy')),
    (lambda handler, data: handler.reply(412), (FAILED, 'fhir-ambiguous')),
    (lambda handler, data: handler.reply(413), (FAILED, 'fhir-content')),
    (lambda handler, data: handler.reply(429), (QUEUED, 'fhir-later')),
    (lambda handler, data: handler.reply(503), (QUEUED, 'fhir-later')),
    (lambda handler, data: handler.hang_up(), (QUEUED, 'fhir-aborted')),
    (lambda handler, data: handler.hang_up(b'SSH-2.0\r\n'), (QUEUED, 'fhir-aborted')),
])
def test_what_a_server_may_answer(record, act, expected):
    record.act, site = act, site_of(record)
    answer = send(site, message(REPORT))
    assert told(answer, site) == expected and json.dumps(answer)
    assert len(answer.get('said', '')) <= 500


def test_nobody_there():
    site = Site(fhir_url='http://localhost:1', fhir_patient_system='urn:oid:1.2.3')
    assert told(send(site, message(REPORT)), site) == (QUEUED, 'fhir-unreachable')


def test_a_process_of_its_own_ends_a_silent_server(record, monkeypatch):
    site, gone = site_of(record), threading.Event()
    assert told(fhir_link.send(site, message(REPORT)), site) == (SENT, 'fhir-ok')
    record.act = lambda handler, data: gone.wait(30) or True
    answer = fhir_link.send(site, message(REPORT), 1.0)
    gone.set()
    assert told(answer, site) == (QUEUED, 'fhir-silent')
    monkeypatch.setattr('sys.executable', '/bin/false')
    assert told(fhir_link.send(site, message(REPORT)), site) == (QUEUED, 'fhir-crashed')


def test_both_sides_prove_who_they_are(tmp_path):
    for name in ('us', 'them'):
        make_certificate(tmp_path, name)
    ours, theirs = ((str(tmp_path / (name + '.pem')), str(tmp_path / (name + '.key'))) for name in ('us', 'them'))
    context = tls_context(*theirs)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ours[0])
    with Record(context) as record:
        serve(record)
        right = site_of(record, 'https://127.0.0.1', fhir_trusted=theirs[0], tls=Tls(ours[0], ours[1], ''))
        for site, expected in [
                (right, (SENT, 'fhir-ok')),
                (replace(right, tls=None), (QUEUED, 'fhir-tls')),
                (replace(right, fhir_trusted=''), (QUEUED, 'fhir-tls')),
                (site_of(record, 'https://localhost', fhir_trusted=theirs[0], tls=right.tls), (QUEUED, 'fhir-tls')),
                (replace(right, fhir_trusted=str(tmp_path / 'none')), (QUEUED, 'fhir-unreachable'))]:
            answer = send(site, message(REPORT))
            assert told(answer, site) == expected, answer
        record.shutdown()
    assert list(map(len, record.stored.values())) == [1, 1]


def test_the_outbox_sends_a_report_once_and_a_correction_after_it(record, tmp_path, monkeypatch):
    """Also while the server says that it is not ready, and without knowing whether the first one arrived."""
    monkeypatch.setattr(fhir_link, 'send', lambda site, data: send(site, data))
    monkeypatch.setattr(fhir, 'print_report', lambda report, paper: b'%PDF-1.4')
    monkeypatch.setattr(fhir, 'report_of', lambda *args, **unused: report_of(*args, drawn=False))
    site, passed = site_of(record), [0.0]
    exams = exams_made.store(tmp_path)
    with stub_pipeline() as pipeline:
        exam = exams_made.examined(exams, [('frontal', exams_made.pictured(pipeline))])
    outbox = Outbox(exams, receivers_of(exams, site), Clock(), lambda *args, **facts: None, clock_s=lambda: passed[0])
    busy = [True]
    record.act = lambda handler, data: busy and busy.pop() and handler.reply(503)
    outbox.changed(exam.id)
    outbox.turn()
    assert [(row.state, row.name) for row in outbox.rows()] == [('queued', 'fhir/5')] and record.stored == {}
    assert outbox.message(outbox.rows()[0]).code == 'fhir-later'
    for _ in range(2):
        passed[0] += 3600
        outbox.turn()
    exams.amend(exam.id, 'op', 'other', 'Seen again.')
    outbox.changed(exam.id)
    outbox.turn()
    assert [(row.state, row.name) for row in outbox.rows()] == [('committed', 'fhir/5'), ('committed', 'fhir/6')]
    reports = [versions for (kind, _), versions in record.stored.items() if kind == 'DiagnosticReport']
    assert [[version['status'] for version in versions] for versions in reports] == [['final', 'amended']]
    assert sum(kind == 'Patient' for kind, _ in record.stored) == 1 and outbox.has_arrived(exam.id)
    # The wrong patient keeps a report that was entered in error, and nothing of what it said.
    other = exams.move(exam.id, 'op', Patient('P-2', 'Ada Lind'), 'wrong patient')
    for name in (exam.id, other.id):
        outbox.changed(name)
    passed[0] += 3600
    outbox.turn()
    old, new = [versions[-1] for (kind, _), versions in record.stored.items() if kind == 'DiagnosticReport']
    assert (old['status'], new['status']) == ('entered-in-error', 'amended') and 'presentedForm' not in old
    assert old['subject'] != new['subject'] and outbox.has_arrived(other.id)
    assert [observation for (kind, _), (*_, observation) in record.stored.items() if kind == 'Observation'
            and observation['status'] == 'entered-in-error' and 'valueQuantity' in observation] == []
    assert sorted((row.state, row.name) for row in outbox.rows(exam.id)) == [
        ('committed', 'fhir/7'), ('rejected', 'fhir/5'), ('rejected', 'fhir/6')]
    outbox.close()
    exams.close()
