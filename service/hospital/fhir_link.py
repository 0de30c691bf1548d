"""Sending to a FHIR server: one request in a process of its own, which ends at a deadline.

A transaction of `fhir.make_message` may be sent as often as one likes. Where the server says that somebody else was
writing (409) it is asked which report it has, because some answer so for what they hold already.
"""
import contextlib
import ctypes
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, Iterator, NamedTuple, Sequence
from urllib.parse import urlencode, urlsplit

from ..messages import OK, PROBLEM, Message
from .calls import ABORTED, CONTEXT, CRASHED, SILENT, TLS, UNREACHABLE, Answer
from .site import Site

if TYPE_CHECKING:
    from ..exams import Exam, Exams

#: Why there is no report yet, besides the faults of `calls`: the token cannot be read; the server is not ready for it.
TOKEN, LATER = 'token', 'later'

DEADLINE_S = 60.0

#: The content is refused, so that sending it once more would change nothing.
_CONTENT = (400, 406, 410, 413, 415, 422)
#: Several resources have an identifier of the message; somebody else was writing.
_AMBIGUOUS, _CONFLICT = 412, 409

#: Class of the notes that take objects of DICOM back.
_NOTE = '1.2.840.10008.5.1.4.1.1.88.59'

_JSON = 'application/fhir+json'
_MOST_BYTES = 1 << 20
#: Letters of what a server says about a refusal.
_SAID = 500
_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PR_SET_PDEATHSIG = 1

_OF_FAULT = {
    UNREACHABLE: ('The FHIR server cannot be reached.', 'Check the network, and fhir_url in the settings.'),
    TLS: ('The FHIR server and this station do not trust each other.',
          'Check the certificates of both: the name of the host, how long they are good, who signed them.'),
    SILENT: ('The FHIR server does not answer.', 'It is tried again. Tell its administrator if it stays so.'),
    ABORTED: ('The FHIR server ended the connection in the middle.', 'It is tried again.'),
    CRASHED: ('The program that talks to the FHIR server ended.', 'Make a support bundle if it happens again.'),
    TOKEN: ('The token for the FHIR server cannot be read.', 'Check the file that fhir_token names, and its rights.')}


class Transaction(NamedTuple):
    """What is sent for an exam, in the form of an object of the outbox.

    Attributes:
        name: by the number of the event that made the report what it is.
        sop_uid: of the transaction; another one after every change.
        data: JSON.
        sop_class: that of a note where it takes back what was sent, by which the outbox knows it; else empty.
        series_uid, study_uid: empty, because it is no object of DICOM.
    """

    name: str
    sop_uid: str
    data: bytes
    sop_class: str = ''
    series_uid: str = ''
    study_uid: str = ''


class FhirReceiver:
    """The FHIR server, as `archive.ArchiveReceiver` is the archive.

    Args:
        exams: the store.
        site: what the settings say of the hospital, with ``fhir_url``.
    Attributes:
        name: of the receiver, in the rows.
        keeps_all: whether what it has committed to keep makes up for the exam on the station.
    """

    name = 'fhir'
    keeps_all = False

    def __init__(self, exams: 'Exams', site: Site) -> None:
        self._exams, self._site = exams, site

    def objects(self, exam: 'Exam') -> Iterator[Transaction]:
        """The one transaction of an exam; errors as of `fhir.make_message`."""
        from .dicom.identifiers import uid_of
        from .fhir import last_event, make_message
        name = 'fhir/%d' % last_event(exam)
        yield Transaction(name, uid_of(exam.id, name), make_message(self._exams, exam, self._site))

    def note(self, exam: 'Exam', rows: Sequence[Any]) -> Iterator[Transaction]:
        """What takes back the report of an exam that was moved to another patient; errors as of `objects`."""
        from .dicom.identifiers import uid_of
        from .fhir import make_withdrawal
        name = 'fhir/%d' % (exam.moved.number if exam.moved else 0)
        yield Transaction(name, uid_of(exam.id, name), make_withdrawal(self._exams, exam, self._site), _NOTE)

    @contextlib.contextmanager
    def call(self, take: Any) -> Iterator['FhirReceiver']:
        """A call; each request is one of its own."""
        yield self

    def stop(self) -> None:
        """Nothing: a request ends at its deadline."""

    def listener(self, take: Any) -> None:
        """None: the server never calls."""

    def has(self, rows: Sequence[Any]) -> Answer:
        """That it has nothing, so that it is sent once more, which makes no second one."""
        return {'status': 0, 'found': []}

    def send(self, made: Transaction) -> Answer:
        """Send it, as `send`."""
        return send(self._site, made.data)

    def commit(self, transaction: str, rows: Sequence[Any]) -> Answer:
        """That it keeps everything: a transaction was taken as a whole."""
        return {'status': 0, 'stored': [row.uid for row in rows]}

    def message(self, answer: Answer) -> Message:
        """What a person is told of an answer."""
        return message_of(answer, self._site)


def send(site: Site, data: bytes, deadline_s: float = DEADLINE_S) -> Answer:
    """Send a transaction.

    Args:
        site: with ``fhir_url``.
        data: of `fhir.make_message`.
        deadline_s: after which the server counts as silent.

    Returns:
        JSON values as of `calls`: ``status`` 0 where the server has it; otherwise ``fault``: of `calls`, `TOKEN`,
        `LATER`, or `CONTEXT` where the server will never take it as it is. With ``http``, the status of its answer,
        and ``said``, what it says about a refusal.
    """
    paths = [_HOME] + [path for path in [os.environ.get('PYTHONPATH', '')] if path]
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), MALLOC_ARENA_MAX='1')
    try:
        done = subprocess.run([sys.executable, '-m', 'service.hospital.fhir_link'], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, input=_asked(site) + data, env=variables,
                              timeout=deadline_s)
        answer: Answer = json.loads(done.stdout.decode('ascii'))
        return answer
    except subprocess.TimeoutExpired:
        return {'fault': SILENT, 'detail': '%g s' % deadline_s}
    except (OSError, ValueError) as error:
        return {'fault': CRASHED, 'detail': repr(error)}


def message_of(answer: Answer, site: Site) -> Message:
    """What a person is told of an answer of `send`.

    Args:
        site: whose server gave it, or did not.
    """
    facts = {'peer': site.fhir_url, 'answer': dict(answer)}
    status, severity = answer.get('http', 0), PROBLEM
    if answer.get('status') == 0:
        code, sentence, next_step, severity = 'fhir-ok', 'The FHIR server has the report.', '', OK
    elif answer['fault'] in _OF_FAULT:
        code, (sentence, next_step) = 'fhir-%s' % answer['fault'], _OF_FAULT[answer['fault']]
    elif status in (401, 403):
        code, sentence = 'fhir-refused', 'The FHIR server does not let this station in.'
        next_step = 'Check the token or the certificate of this station with its administrator.'
    elif status == _AMBIGUOUS:
        code, sentence = 'fhir-ambiguous', 'The FHIR server has several patients or reports with the same number.'
        next_step = 'Have its administrator merge them, then send again.'
    elif status == _CONFLICT:
        code, sentence, next_step = 'fhir-busy', 'The FHIR server was changing the same report.', 'It is tried again.'
    elif status in _CONTENT:
        code, sentence = 'fhir-content', 'The FHIR server does not take the report (%d).' % status
        next_step = 'Make a support bundle, and tell its administrator.'
    elif status >= 500 or status in (408, 425, 429):
        code, sentence, next_step = 'fhir-later', 'The FHIR server is not ready (%d).' % status, 'It is tried again.'
    else:
        code, sentence = 'fhir-address', 'There is no FHIR server at the address in the settings (%d).' % status
        next_step = 'Correct fhir_url: it is the base address, without a resource.'
    return Message(code, sentence, next_step, severity, 'hospital', facts)


def _asked(site: Site) -> bytes:
    """The line before a message: where it goes, and with what."""
    request = {'url': site.fhir_url, 'trusted': site.fhir_trusted, 'token': site.fhir_token,
               'certificate': site.tls and site.tls.certificate, 'key': site.tls and site.tls.key}
    return json.dumps(request).encode('ascii') + b'\n'


def answer_to(requests: BinaryIO) -> Answer:
    """The answer to what `send` asks.

    Args:
        requests: a line of JSON, then the message.
    """
    request, data = json.loads(requests.readline().decode('ascii')), requests.read()
    headers = {'Content-Type': _JSON, 'Accept': _JSON, 'User-Agent': 'thermoscreen'}
    if request['token']:
        try:
            headers['Authorization'] = 'Bearer ' + _read_token(request['token'])
        except (OSError, ValueError) as error:
            return {'fault': TOKEN, 'detail': str(error)}
    try:
        connection = _connect(request)
    except (ssl.SSLError, ssl.CertificateError, ValueError) as error:
        return {'fault': TLS, 'detail': str(error)}
    except OSError as error:
        return {'fault': UNREACHABLE, 'detail': str(error)}
    with contextlib.closing(connection):
        try:
            return _post(connection, urlsplit(request['url']).path, data, headers)
        except ssl.SSLError as error:  # also our certificate, which the server looks at last
            return {'fault': TLS, 'detail': str(error)}
        except (OSError, http.client.HTTPException) as error:
            return {'fault': ABORTED, 'detail': repr(error)}


def _connect(request: Answer) -> http.client.HTTPConnection:
    parts = urlsplit(request['url'])
    host = parts.hostname or ''
    if parts.scheme == 'https':
        context = ssl.create_default_context(cafile=request['trusted'] or None)
        if hasattr(ssl, 'TLSVersion'):
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        else:  # Python 3.6
            context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        if request['certificate']:
            context.load_cert_chain(request['certificate'], request['key'], lambda: '')
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, parts.port, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port)
    connection.connect()
    return connection


def _post(connection: http.client.HTTPConnection, path: str, data: bytes, headers: Dict[str, str]) -> Answer:
    # Who ends the connection before it has read everything may have said why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request('POST', path or '/', data, headers)
    response = connection.getresponse()
    answer: Answer = {'http': response.status}
    said = response.read(_MOST_BYTES)
    if 200 <= response.status < 300 or response.status == _CONFLICT and _is_held(connection, path, data, headers):
        return dict(answer, status=0)
    return dict(answer, said=said[:_SAID].decode('utf-8', 'replace'),
                fault=CONTEXT if response.status in _CONTENT + (_AMBIGUOUS,) else LATER)


def _is_held(connection: http.client.HTTPConnection, path: str, data: bytes, headers: Dict[str, str]) -> bool:
    """Whether the server has the report of a message as it is there."""
    report = json.loads(data.decode('utf-8'))['entry'][-1]['resource']
    query = urlencode({'identifier': '%(system)s|%(value)s' % report['identifier'][0]})
    connection.close()  # it may have been the last answer of this one
    connection.request('GET', '%s/DiagnosticReport?%s' % (path, query), headers=headers)
    response = connection.getresponse()
    try:
        found = json.loads(response.read(16 * _MOST_BYTES).decode('utf-8'))
        return response.status == 200 and any(
            entry['resource']['issued'] == report['issued'] and entry['resource']['status'] == report['status']
            for entry in found.get('entry', ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _read_token(path: str) -> str:
    with open(path, encoding='ascii') as stream:
        token = stream.read(1 << 16).strip()
    if not token or not token.isprintable() or ' ' in token:
        raise ValueError('%s holds no token' % path)
    return token


if __name__ == '__main__':
    # A message that still left after the service was killed could arrive behind a newer one.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches this process too
    json.dump(answer_to(sys.stdin.buffer), sys.stdout)
