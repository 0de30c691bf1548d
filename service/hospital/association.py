"""The process that talks DICOM: one association with one peer, or the port on which the archive calls back.

`calls.Link` starts a Python of its own that calls `main`, and ends it at a deadline: a peer that takes a connection and
stays silent holds pynetdicom for as long as it likes, whatever its time-outs (pynetdicom issues 569 and 1004).

Protocol, over one UNIX socket, a JSON object a line. The first line to this process is the ``peer`` as of `site.Peer`
with the ``classes`` of objects that will be stored, or with the port to ``listen`` on. Then come requests, each with a
``verb``, its ``payload`` and the ``size`` of the bytes that follow the line; each is answered by one line. Between them
this process tells ``{"ready": true}`` at its start, ``{"associated": true}`` once the association stands, and
``{"event": ...}`` for an answer to a storage commitment, which it passes on to the archive as taken only after
``{"taken": true}`` came back.
"""
import contextlib
import ctypes
import io
import json
import os
import queue
import signal
import socket
import ssl
import sys
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

import pydicom
import pynetdicom
from pydicom.dataset import Dataset
from pynetdicom import evt

from ..certificate import utc_now, validity
from ..supervise import LastingThread
from .rows import query_of, row_of

Answer = Dict[str, Any]

VERIFICATION = '1.2.840.10008.1.1'
COMMITMENT, COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1', '1.2.840.10008.1.20.1.1'
FIND_STUDY, FIND_WORKLIST = '1.2.840.10008.5.1.4.1.2.2.1', '1.2.840.10008.5.1.4.31'
#: Modality Performed Procedure Step.
STEP = '1.2.840.10008.3.1.2.3.3'

EXPLICIT_LITTLE, IMPLICIT_LITTLE = '1.2.840.10008.1.2.1', '1.2.840.10008.1.2'

SUCCESS, PROCESSING_FAILURE = 0x0000, 0x0110
_PENDING = (0xFF00, 0xFF01)

#: Added to the score by which the kernel chooses what to kill when memory runs out (proc(5)), and to the niceness.
_OOM_SCORE, _NICENESS = 500, 5
#: Signal at the death of the parent (prctl(2)).
_PR_SET_PDEATHSIG = 1


class Conversation:
    """The line to the service, used by every thread of this process.

    Args:
        link: to the service.
        end: called when the service is gone.
    """

    def __init__(self, link: socket.socket, end: Callable[[], Any] = lambda: os._exit(0)) -> None:
        self._link, self._lines, self._end = link, link.makefile('rb'), end
        self._sending, self._telling = threading.Lock(), threading.Lock()
        self._requests: 'queue.Queue[Tuple[Dict[str, Any], bytes]]' = queue.Queue()
        self._replies: 'queue.Queue[bool]' = queue.Queue()

    def begin(self) -> Dict[str, Any]:
        """The first line; what follows is read by a thread."""
        first: Dict[str, Any] = json.loads(self._lines.readline().decode('utf-8'))
        LastingThread('service', self._read, threading.Event()).start()
        return first

    def request(self) -> Tuple[Dict[str, Any], bytes]:
        """The next request, and its bytes."""
        return self._requests.get()

    def say(self, line: Dict[str, Any]) -> None:
        """Tell the service something."""
        with self._sending:
            self._link.sendall(json.dumps(line).encode('ascii') + b'\n')

    def is_taken(self, event: Dict[str, Any]) -> bool:
        """Whether the service has kept an answer of the archive."""
        with self._telling:
            self.say({'event': event})
            return self._replies.get()

    def _read(self) -> None:
        """Until the service is gone: then nobody wants this process any more, whatever it is at."""
        try:
            for line in self._lines:
                message = json.loads(line.decode('utf-8'))
                if 'taken' in message:
                    self._replies.put(message['taken'])
                else:
                    self._requests.put((message, self._lines.read(message['size'])))
        finally:
            self._end()


class Caller:
    """Our end of an association.

    Attributes:
        association: of pynetdicom; None before the first request.
        reported: set when the archive answered a commitment on this association.
    """

    def __init__(self, conversation: Conversation, peer: Dict[str, Any], classes: List[str]) -> None:
        self.reported = threading.Event()
        self.association: Any = None
        self._answered = False
        self._conversation, self._peer, self._classes = conversation, peer, classes

    def open(self, classes: List[str]) -> Optional[Answer]:
        """Begin the association; what is in the way, or None.

        Args:
            classes: beside those of objects, that the first verb asks for.
        """
        peer = self._peer
        # A certificate for another host ends a thread of pynetdicom on Python 3.6, and then nothing ever comes.
        refusal = why_not(peer, False) if peer['tls'] else None
        if refusal is not None:
            return refusal
        ae = _entity(peer['calling'])
        contexts = [pynetdicom.build_context(name) for name in dict.fromkeys(
            [VERIFICATION, COMMITMENT, FIND_STUDY] + classes)]
        # Objects have one context for each form: a peer that knows the implicit one alone takes that.
        contexts += [pynetdicom.build_context(name, syntax) for name in self._classes
                     for syntax in (EXPLICIT_LITTLE, IMPLICIT_LITTLE)]
        tls = (tls_context(peer['tls'], ssl.Purpose.SERVER_AUTH), peer['host']) if peer['tls'] else None
        self.association = ae.associate(peer['host'], peer['port'], contexts, peer['called'], tls_args=tls,
                                        evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._report),
                                                      (evt.EVT_PDU_SENT, self._sent)])
        if self.association.is_established:
            self._conversation.say({'associated': True})
            return None
        return self._refusal()

    def accepts(self, name: str, syntax: str = '') -> bool:
        """Whether the peer takes an abstract syntax, in one transfer syntax or in any."""
        return any(context.abstract_syntax == name and syntax in ('', context.transfer_syntax[0])
                   for context in self.association.accepted_contexts)

    def expect_report(self) -> None:
        """Whatever the archive has answered so far does not count any more."""
        self._answered = False
        self.reported.clear()

    def close(self) -> None:
        """End the association in order."""
        if self.association is not None and self.association.is_established:
            self.association.release()

    def _report(self, event: Any) -> Tuple[int, None]:
        status = take_report(self._conversation, event)
        self._answered = True
        return status

    def _sent(self, event: Any) -> None:
        """What is sent after a report is our answer to it: only then may the association end."""
        if self._answered:
            self.reported.set()

    def _refusal(self) -> Answer:
        if self.association.is_rejected:
            primitive = self.association.acceptor.primitive
            return {'fault': 'rejected', 'source': primitive.result_source, 'reason': primitive.diagnostic}
        return why_not(self._peer) or {'fault': 'closed', 'detail': ''}


def tls_context(files: List[str], purpose: ssl.Purpose) -> ssl.SSLContext:
    """Mutual TLS: both ends show a certificate of the same authorities, and the host name counts.

    Args:
        files: as of `site.Tls`.
        purpose: ``SERVER_AUTH`` to call, ``CLIENT_AUTH`` to be called.
    """
    certificate, key, trusted = files
    context = ssl.create_default_context(purpose, cafile=trusted)
    context.load_cert_chain(certificate, key, lambda: '')  # without this, OpenSSL asks at the terminal
    context.set_ciphers('ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM')  # those with authenticated encryption [RFC9325]
    context.verify_mode = ssl.CERT_REQUIRED
    # pynetdicom 1 waits 30 s for data under TLS 1.3 (its issue 364).
    old = pynetdicom.__version__.startswith('1.')
    if sys.version_info < (3, 7):
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1 | (getattr(ssl, 'OP_NO_TLSv1_3', 0) if old else 0)
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if old:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def why_not(peer: Dict[str, Any], waits: bool = True) -> Optional[Answer]:
    """Why no line to a peer comes about, or None: pynetdicom does not tell a closed port from a wrong certificate.

    Args:
        waits: whether to wait for a peer that says only after its own part that our certificate does not do.
    """
    try:
        context = tls_context(peer['tls'], ssl.Purpose.SERVER_AUTH) if peer['tls'] else None
    except OSError as error:  # of ssl too
        return {'fault': 'files', 'detail': str(error)}
    try:
        with socket.create_connection((peer['host'], peer['port'])) as plain:
            if context is not None:
                with context.wrap_socket(plain, server_hostname=peer['host']) as secured:
                    secured.settimeout(1.0)
                    with contextlib.suppress(socket.timeout):
                        if waits:
                            secured.recv(1)
    except (ssl.SSLError, ssl.CertificateError) as error:
        # Python 3.6 does not say what is wrong with a certificate.
        unsaid = sys.version_info < (3, 7) and 'certificate verify failed' in str(error)
        return {'fault': 'tls', 'detail': '%s %s' % (error, of_date(peer) if unsaid else '')}
    except ConnectionResetError as error:
        return {'fault': 'closed', 'detail': str(error)}
    except OSError as error:
        return {'fault': 'unreachable', 'detail': str(error)}
    return None


def of_date(peer: Dict[str, Any]) -> str:
    """What is wrong with the date of a peer's certificate, as OpenSSL says it; empty for nothing."""
    context = tls_context(peer['tls'], ssl.Purpose.SERVER_AUTH)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((peer['host'], peer['port'])) as plain, context.wrap_socket(plain) as secured:
            shown = ssl.DER_cert_to_PEM_cert(secured.getpeercert(True) or b'')
        begins, ends = validity(shown.encode('ascii'))
    except (OSError, ValueError):
        return ''
    now = utc_now()
    return 'certificate has expired' if ends < now else 'certificate is not yet valid' if now < begins else ''


def take_report(conversation: Conversation, event: Any) -> Tuple[int, None]:
    """Have the service keep an answer to a commitment; the status for the archive.

    One that could not be kept is answered as failed, so that the archive sends it again.
    """
    report = event.event_information
    failed = {str(item.ReferencedSOPInstanceUID): int(item.get('FailureReason', PROCESSING_FAILURE))
              for item in report.get('FailedSOPSequence', ())}
    stored = [str(item.ReferencedSOPInstanceUID) for item in report.get('ReferencedSOPSequence', ())]
    taken = conversation.is_taken({'transaction': str(report.get('TransactionUID', '')), 'stored': stored,
                                   'failed': failed})
    return (SUCCESS if taken else PROCESSING_FAILURE), None


# The verbs: each gets the caller, the payload of the request and its bytes, and gives the answer.

def echo(caller: Caller, payload: Dict[str, Any], data: bytes) -> Answer:
    """C-ECHO."""
    return answer_of(caller.association.send_c_echo())


def store(caller: Caller, payload: Dict[str, Any], data: bytes) -> Answer:
    """C-STORE of one object, a whole DICOM file in explicit little endian form."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    name = str(dataset.SOPClassUID)
    if not caller.accepts(name):
        return {'fault': 'context', 'detail': name}
    if not caller.accepts(name, EXPLICIT_LITTLE):
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(IMPLICIT_LITTLE)
        dataset.is_implicit_VR = True
    return answer_of(caller.association.send_c_store(dataset))


def find_instances(caller: Caller, payload: Dict[str, Any], data: bytes) -> Answer:
    """C-FIND of all objects of some series; payload: ``series``, pairs of study and series UID. Answer: ``found``."""
    if not caller.accepts(FIND_STUDY):
        return {'fault': 'context', 'detail': FIND_STUDY}
    found: List[str] = []
    answer: Answer = {'status': SUCCESS}
    for study, series in payload['series']:
        query = Dataset()
        query.QueryRetrieveLevel = 'IMAGE'
        query.StudyInstanceUID, query.SeriesInstanceUID, query.SOPInstanceUID = study, series, ''
        for status, row in caller.association.send_c_find(query, FIND_STUDY):
            answer = answer_of(status)
            if answer.get('status') in _PENDING:
                found.append(str(row.SOPInstanceUID))
        if answer.get('status') != SUCCESS:
            return answer
    return dict(answer, found=found)


def commit(caller: Caller, payload: Dict[str, Any], data: bytes) -> Answer:
    """N-ACTION that asks for storage commitment, and a while in which the archive may answer on this association.

    Payload: ``transaction``; ``objects``, pairs of SOP class and instance UID; ``wait_s``.
    """
    if not caller.accepts(COMMITMENT):
        return {'fault': 'context', 'detail': COMMITMENT}
    request = Dataset()
    request.TransactionUID = payload['transaction']
    request.ReferencedSOPSequence = []
    for name, uid in payload['objects']:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = name, uid
        request.ReferencedSOPSequence.append(item)
    caller.expect_report()
    status, _ = caller.association.send_n_action(request, 1, COMMITMENT, COMMITMENT_INSTANCE)
    answer = answer_of(status)
    if answer.get('status') == SUCCESS:
        caller.reported.wait(payload['wait_s'])
    return answer


def find_worklist(caller: Caller, payload: Dict[str, Any], data: bytes) -> Answer:
    """C-FIND of the worklist.

    Payload: ``queries`` as of `rows.query_of`, asked until one finds something; ``most`` rows. Answer: ``rows``
    as of `rows.row_of`, how many were ``unreadable``, whether there were ``more``.
    """
    if not caller.accepts(FIND_WORKLIST):
        return {'fault': 'context', 'detail': FIND_WORKLIST}
    found: List[Dict[str, str]] = []
    unreadable, answer = 0, {'status': SUCCESS}  # type: int, Answer
    for query in payload['queries']:
        for status, row in caller.association.send_c_find(query_of(query), FIND_WORKLIST):
            answer = answer_of(status)
            if answer.get('status') in _PENDING:
                if len(found) + unreadable == payload['most']:
                    # A peer may go on for long after it was asked to stop.
                    caller.association.abort()
                    return {'status': SUCCESS, 'rows': found, 'unreadable': unreadable, 'more': True}
                try:
                    found.append(row_of(row))
                except Exception:  # whatever pydicom makes of bytes from elsewhere
                    unreadable += 1
        if answer.get('status') != SUCCESS or found or unreadable:
            break
    return dict(answer, rows=found, unreadable=unreadable, more=False)


def create_step(caller: Caller, payload: Dict[str, Any], data: bytes) -> Answer:
    """N-CREATE of a procedure step; payload: ``uid``, and ``values`` by keyword."""
    if not caller.accepts(STEP):
        return {'fault': 'context', 'detail': STEP}
    return answer_of(caller.association.send_n_create(dataset_of(payload['values']), STEP, payload['uid'])[0])


def set_step(caller: Caller, payload: Dict[str, Any], data: bytes) -> Answer:
    """N-SET of a procedure step, as `create_step`."""
    if not caller.accepts(STEP):
        return {'fault': 'context', 'detail': STEP}
    return answer_of(caller.association.send_n_set(dataset_of(payload['values']), STEP, payload['uid'])[0])


def dataset_of(values: Dict[str, Any]) -> Dataset:
    """Elements by keyword; a list is a sequence."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, [dataset_of(item) for item in value] if isinstance(value, list) else value)
    return made


def answer_of(status: Dataset) -> Answer:
    """What pynetdicom gives after a request: nothing at all where the association ended meanwhile."""
    if 'Status' not in status:
        return {'fault': 'aborted', 'detail': ''}
    answer: Answer = {'status': int(status.Status)}
    if status.get('ErrorComment'):
        answer['comment'] = str(status.ErrorComment)
    return answer


#: What can be asked: function, and the abstract syntaxes that it needs beside those that every association has.
VERBS: Dict[str, Tuple[Callable[[Caller, Dict[str, Any], bytes], Answer], List[str]]] = {
    'echo': (echo, []), 'store': (store, []), 'find-instances': (find_instances, []), 'commit': (commit, []),
    'find-worklist': (find_worklist, [FIND_WORKLIST]), 'mpps-create': (create_step, [STEP]),
    'mpps-set': (set_step, [STEP])}


def call(conversation: Conversation, first: Dict[str, Any]) -> None:
    """Answer requests over one association until there are no more, or until it ends."""
    caller = Caller(conversation, first['peer'], first['classes'])
    while True:
        request, data = conversation.request()
        if request['verb'] == 'close':
            return caller.close()
        verb, classes = VERBS[request['verb']]
        refusal = caller.open(classes) if caller.association is None else None
        conversation.say({'answer': refusal or verb(caller, request['payload'], data)})


def listen(conversation: Conversation, first: Dict[str, Any]) -> None:
    """Take the calls of the archive until the service is gone."""
    peer = first['peer']
    ae = _entity(peer['calling'])
    ae.add_supported_context(VERIFICATION)
    ae.add_supported_context(COMMITMENT, scu_role=True, scp_role=True)
    tls = tls_context(peer['tls'], ssl.Purpose.CLIENT_AUTH) if peer['tls'] else None
    try:
        server = ae.start_server(('', first['listen']), block=False, ssl_context=tls, evt_handlers=[
            (evt.EVT_N_EVENT_REPORT, lambda event: take_report(conversation, event))])
    except OSError as error:
        return conversation.say({'answer': {'fault': 'port', 'detail': str(error)}})
    conversation.say({'answer': {'status': SUCCESS, 'port': server.server_address[1]}})
    while True:
        conversation.request()


def _entity(title: str) -> Any:
    ae = pynetdicom.AE(ae_title=title)
    # The service has one deadline for all, and ends this process then.
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = None
    return ae


def main(descriptor: int) -> None:
    """Do what the service wants until it is gone.

    Args:
        descriptor: of a connected UNIX socket.
    """
    # An object that still left after the service was killed would arrive behind the back of the next one.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches this process too
    with contextlib.suppress(OSError), open('/proc/self/oom_score_adj', 'w', encoding='ascii') as stream:
        stream.write(str(_OOM_SCORE))
    os.nice(_NICENESS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor) as link:
        conversation = Conversation(link)
        try:
            first = conversation.begin()
            conversation.say({'ready': True})
            (listen if 'listen' in first else call)(conversation, first)
        except Exception as error:
            conversation.say({'answer': {'fault': 'crashed', 'detail': repr(error)}})
            raise


if __name__ == '__main__':
    main(int(sys.argv[1]))
