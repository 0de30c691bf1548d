"""Calls to the DICOM applications of the hospital, each association in a process of its own with a deadline.

What pynetdicom needs, this process does not import. An answer is JSON values:

- ``status``: the DIMSE status that the peer gave, and what the verb adds (`association.VERBS`); or
- ``fault``: why there is none, one of `FAULTS`; and ``unknown`` where the peer may have done what it was asked all the
  same, so that it has to be asked before it is told again.
"""
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

from ..languages import N_
from ..messages import OK, PROBLEM, WARNING, Message
from ..supervise import LastingThread
from .site import Peer

Answer = Dict[str, Any]

#: Keeps what the archive told of a commitment; False where it could not, and the archive shall tell it again.
Take = Callable[[Dict[str, Any]], bool]

#: Why there is no answer: nobody listens there; the certificates do not fit; our own cannot be read; the peer refuses
#: who calls or is called; it closed the line before anything was agreed; it does not take this kind of object or
#: question; it was silent until the deadline; it ended the association in the middle; our own process failed; our port
#: is taken.
UNREACHABLE, TLS, FILES, REJECTED, CLOSED, CONTEXT, SILENT, ABORTED, CRASHED, PORT = FAULTS = (
    'unreachable', 'tls', 'files', 'rejected', 'closed', 'context', 'silent', 'aborted', 'crashed', 'port')

#: Seconds for an association and the answer to one request, unless the caller knows better.
DEADLINE_S = 30.0
#: Seconds without a request after which an association is not used any more.
IDLE_S = 5.0
#: Seconds for the process to begin, on the slowest board; and to end in order.
_STARTING_S, _ENDING_S = 20.0, 2.0

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_MAX_LINE_BYTES = 4 << 20

#: Who a peer is, in sentences.
ARCHIVE, WORKLIST, MPPS = N_('The archive'), N_('The worklist'), N_('The server of procedure steps')

#: Why an association was refused, by the source and the reason of [DICOM] PS3.8, table 9-21.
_REASONS = {(1, 3): '%s does not know the AE title of this station.',
            (1, 7): '%s does not have the AE title that it was called by.',
            (3, 1): '%s is too busy to take a call.', (3, 2): '%s is too busy to take a call.'}

_OF_FAULT = {
    UNREACHABLE: ('%s cannot be reached.', 'Check the network, and the host and port in the settings.'),
    TLS: ('%s and this station do not trust each other.',
          'Check the certificates of both: the name of the host, how long they are good, who signed them.'),
    FILES: ('%s cannot be called: the certificates of this station cannot be used.',
            'Check the files of tls_certificate, tls_key and tls_trusted, and their rights; the key has no password.'),
    REJECTED: ('%s refuses the association.', 'Compare both AE titles with those that it knows.'),
    CLOSED: ('%s closed the line at once.', 'Check that the port is that of DICOM, and whether it wants TLS.'),
    CONTEXT: ('%s does not take objects or questions of this kind.',
              'Have its administrator allow them, or leave them out in the settings.'),
    SILENT: ('%s does not answer.', 'Tell its administrator if it stays so.'),
    ABORTED: ('%s ended the association in the middle.', 'It is asked again before anything else is sent.'),
    CRASHED: ('The program that talks to the hospital ended.', 'Make a support bundle if it happens again.'),
    PORT: ('The port for answers of the archive is taken.', 'Choose another one in the settings.')}

#: What OpenSSL says of certificates, the first that is found in it.
_OF_TLS = (
    ('alert certificate expired', '%s says that the certificate of this station has ended.',
     'Have a new one made, and set it in the settings.'),
    ('alert', '%s does not accept the certificate of this station.', 'Have its administrator trust whoever signed it.'),
    ('has expired', '%s shows a certificate that has ended.',
     'Check the date of this station. If it is right, tell the administrator.'),
    ('not yet valid', '%s shows a certificate that is not valid yet.', 'Check the date of this station.'),
    ('match', '%s shows a certificate for another host.', 'Write its host in the settings as its certificate has it.'),
    ('verify failed', '%s shows a certificate that nobody signed whom this station trusts.',
     'Ask for the certificate of whoever signed it, and add it to the file tls_trusted.'))

#: Of a status: first and last of a range ([DICOM] PS3.4, table B.2-1), and what a person is told.
_OF_STATUS = (
    (0xA700, 0xA7FF, 'hospital-full', '%s has no room.', 'Tell its administrator.', PROBLEM),
    (0xA900, 0xA9FF, 'hospital-mismatch', '%s says that the object is not of the kind that it claims to be.',
     'Make a support bundle, and tell its administrator.', PROBLEM),
    (0xB000, 0xBFFF, 'hospital-warning', '%s has stored it and changed something in it.', 'Tell its administrator.',
     WARNING),
    (0xC000, 0xCFFF, 'hospital-not-understood', '%s cannot understand what it was sent.',
     'Make a support bundle, and tell its administrator.', PROBLEM))


class _SilentError(Exception):
    """The deadline has passed."""


def message_of(answer: Answer, peer: Peer, who: str = ARCHIVE) -> Message:
    """What a person is told of an answer.

    Args:
        peer: that gave it, or did not.
        who: what the sentence calls it.
    """
    status, fault, severity = answer.get('status'), answer.get('fault'), PROBLEM
    figures = '%s at %s:%d' % (peer.called, peer.host, peer.port)
    facts = {'figures': figures + (', status %04X' % status if status else ''),
             'answer': {name: answer[name] for name in ('status', 'fault', 'detail', 'comment') if name in answer}}
    if status is not None:
        code, sentence, next_step, severity = _of_status(status)
    else:
        code = 'hospital-' + str(fault)
        sentence, next_step = _OF_FAULT[str(fault)]
        if fault == REJECTED:
            sentence = _REASONS.get((int(answer['source']), int(answer['reason'])), sentence)
        if fault == TLS:
            sentence, next_step = next((told for found, *told in _OF_TLS if found in answer['detail'].lower()),
                                       (sentence, next_step))
    return Message(code, sentence.replace('%s', who), next_step, severity, 'hospital', facts)


def _of_status(status: int) -> Tuple[str, str, str, str]:
    if status == 0:
        return 'hospital-ok', '%s answers.', '', OK
    for first, last, code, sentence, next_step, severity in _OF_STATUS:
        if first <= status <= last:
            return code, sentence, next_step, severity
    return 'hospital-failed', '%s could not do it.', 'Tell its administrator the status that stands here.', PROBLEM


class Link:
    """An association with a peer; for one thread. It begins with the first request and ends with the first fault.

    After `IDLE_S` without a request the next one gets another association, since peers end one that is idle: Orthanc
    after 30 s, which a slow board takes for the report between two objects.

    Args:
        peer: who is called.
        classes: SOP classes of the objects that will be stored.
        take: keeps an answer to a commitment that comes on this association; None: none is taken.
    """

    def __init__(self, peer: Peer, classes: Sequence[str] = (), take: Optional[Take] = None) -> None:
        self._first = {'peer': dict(vars(peer)), 'classes': list(classes)}
        self._process: Optional[_Process] = None
        self._answered_s = 0.0
        self._take = take

    def __enter__(self) -> 'Link':
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    def ask(self, verb: str, payload: Dict[str, Any], deadline_s: float = DEADLINE_S, data: bytes = b'') -> Answer:
        """The answer to a request.

        Args:
            verb: one of `association.VERBS`.
            payload: its JSON values.
            deadline_s: after which the peer counts as silent, with the association where it has yet to begin.
            data: its bytes.
        """
        if time.monotonic() - self._answered_s > IDLE_S:
            self.close()
        if self._process is None:
            self._process = _Process(self._first)
        answer = self._process.ask({'verb': verb, 'payload': payload}, data, deadline_s, self._take)
        self._answered_s = time.monotonic()
        if answer.get('fault', CONTEXT) != CONTEXT:
            self._process.kill()
            self._process = None
        return answer

    def stop(self) -> None:
        """Have the question end that another thread waits for."""
        process = self._process
        if process is not None:
            process.stop()

    def close(self) -> None:
        """End the association in order, or else the process."""
        if self._process is not None:
            self._process.end()
            self._process = None


def call(peer: Peer, verb: str, payload: Dict[str, Any], deadline_s: float = DEADLINE_S) -> Answer:
    """The answer to one request over an association of its own; arguments as of `Link.ask`."""
    with Link(peer) as link:
        return link.ask(verb, payload, deadline_s)


class Listener:
    """The port on which the archive tells what it has committed; open until `close`, whatever happens to its process.

    Args:
        peer: the archive; our title and our certificate are used.
        port: where to listen.
        take: keeps an answer. It is called in a thread of its own, one at a time.
    Attributes:
        answer: how the port was opened last, as any answer; with its ``port``.
    """

    def __init__(self, peer: Peer, port: int, take: Take) -> None:
        self.answer: Answer = {}
        self._first = {'peer': dict(vars(peer)), 'listen': port}
        self._take = take
        self._ended, self._process = threading.Event(), None  # type: threading.Event, Optional[_Process]
        self._thread = LastingThread('listener', self._run, self._ended)
        self._thread.start()

    def close(self) -> None:
        """Close the port."""
        self._ended.set()
        process = self._process
        if process is not None:
            process.stop()
        self._thread.join(_ENDING_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._process = _Process(self._first)
            try:
                self.answer = self._process.begin() or self._process.hear(_STARTING_S, self._take)
                if 'fault' not in self.answer and not self._ended.is_set():
                    self._process.hear(None, self._take)  # until it ends
            finally:
                self._process.kill()
            self._ended.wait(_ENDING_S)


class _Process:
    """One run of `association`.

    Args:
        first: the first line to it.
    """

    def __init__(self, first: Dict[str, Any]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            paths = [_HOME] + [path for path in [os.environ.get('PYTHONPATH', '')] if path]
            variables = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), MALLOC_ARENA_MAX='1')
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'service.hospital.association', str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=variables)
        self._link, self._rest = ours, b''
        self._ready = self._associated = False
        self._begin = json.dumps(first).encode('ascii') + b'\n'

    def ask(self, request: Dict[str, Any], data: bytes, deadline_s: float, take: Optional[Take]) -> Answer:
        """The answer to a request; whatever happens, there is one."""
        line = json.dumps(dict(request, size=len(data))).encode('ascii') + b'\n'
        answer = self.begin()
        if answer is None:
            try:
                self._link.settimeout(deadline_s)
                self._link.sendall(line + data)
                answer = self.hear(deadline_s, take)
            except OSError as error:
                answer = {'fault': CRASHED, 'detail': repr(error)}
        # Nobody knows what a peer did whose answer did not come, once it could have been asked.
        if self._associated and answer.get('fault') in (SILENT, ABORTED, CRASHED):
            answer['unknown'] = True
        return answer

    def hear(self, deadline_s: Optional[float], take: Optional[Take]) -> Answer:
        """The next answer.

        Args:
            deadline_s: None to wait for ever.
        """
        end_s = None if deadline_s is None else time.monotonic() + deadline_s
        try:
            while True:
                line = self._line(end_s)
                if 'event' in line:
                    taken = take is not None and take(line['event'])
                    self._link.sendall(json.dumps({'taken': taken}).encode('ascii') + b'\n')
                elif 'answer' in line:
                    answer: Answer = line['answer']
                    return answer
                else:
                    self._associated = True
        except (_SilentError, socket.timeout):
            return {'fault': SILENT, 'detail': ''}
        except (OSError, ValueError, EOFError) as error:
            return {'fault': CRASHED, 'detail': repr(error)}

    def begin(self) -> Optional[Answer]:
        """Wait until it takes requests; why it does not, or None."""
        if self._ready:
            return None
        try:
            self._link.sendall(self._begin)
            self._ready = 'ready' in self._line(time.monotonic() + _STARTING_S)
        except (_SilentError, OSError, ValueError, EOFError) as error:
            return {'fault': CRASHED, 'detail': repr(error)}
        return None

    def end(self) -> None:
        """Have it release the association, and not wait long for that."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._link.settimeout(_ENDING_S)
            self._link.sendall(b'{"verb": "close", "size": 0}\n')
            self._process.wait(_ENDING_S)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        self.stop()
        self._process.wait()
        self._link.close()

    def stop(self) -> None:
        """Have it end; any thread may, also while another one hears it."""
        self._process.kill()

    def _line(self, end_s: Optional[float]) -> Dict[str, Any]:
        while b'\n' not in self._rest:
            rest_s = None if end_s is None else end_s - time.monotonic()
            if rest_s is not None and rest_s <= 0:
                raise _SilentError
            self._link.settimeout(rest_s)
            data = self._link.recv(1 << 16)
            if not data:
                raise EOFError('it ended')
            self._rest += data
            if len(self._rest) > _MAX_LINE_BYTES:
                raise ValueError('a line of more than %d bytes' % _MAX_LINE_BYTES)
        line, self._rest = self._rest.split(b'\n', 1)
        document: Dict[str, Any] = json.loads(line.decode('ascii'))
        return document
