"""Serving the page with waitress, within the device's means and with a quick end.

Whoever connects may be slow or silent; nobody waits for that. A connection that only waits costs no thread, and of too
many the one that has been silent longest is closed. A thread hands its answer over whole and does not wait for its
reader. Streams take their connection over (`streams`).
"""
import http.client
import logging
import signal
import socket
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Tuple

from waitress import create_server, wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask

from ..messages import Message, SettingsError
from ..supervise import LastingThread
from .responses import HEADERS, OPENED, OPENED_HEADERS
from .streams import Viewer

if TYPE_CHECKING:
    from .front import Front, Opening

_LOGGER = logging.getLogger(__name__)

#: Threads that answer. The page of a browser asks for a handful of things at once, and opening a file may hold three.
WORKERS = 8

#: Connections without a request that may wait; beyond them the one that has been silent longest is closed.
MAX_SILENT = 64

#: Seconds of silence after which a connection is closed, and the same for one that does not take its answer.
SILENT_S, UNREAD_S = 30.0, 5.0

#: Seconds in which a request has to arrive whole, however regularly its bytes drip in.
REQUEST_S = 20.0

#: More than every answer and every request: waitress would write a larger one to a temporary file, which wears a memory
#: card and fails where there is no folder for it.
_ANY_SIZE = 1 << 30

#: The server asks itself for a page this often, and waits so long for it.
PROOF_EVERY_S, PROOF_LIMIT_S = 2.0, 5.0

#: A page that costs little and shows nothing that changes. Safe mode answers it with the way to its own.
_PROOF_PATH = '/about'

_POLL_S = 0.2
_GOODBYE_S = 1.0

_MALFORMED = Message('request-malformed', 'This is no request that a browser sends.',
                     'Open the page by its address alone.')
_TOO_LARGE = Message('request-too-large', 'The request is too large for this page.', 'Open it by its address alone.')
_REFUSED = {400: (400, 'Bad Request', _MALFORMED),
            413: (413, 'Content Too Large', _TOO_LARGE),
            431: (431, 'Request Header Fields Too Large', _TOO_LARGE),
            # A transfer coding that nobody uses in a request is the request's fault.
            501: (400, 'Bad Request', _MALFORMED)}
_UNEXPECTED = (500, 'Internal Server Error',
               Message('unexpected', 'Something inside the service failed.', 'Open the page again.'))


class Server:
    """A waitress server that can be told to stop at any time.

    Args:
        app: the WSGI application.
        host: loopback address.
        port: of TCP.
        on_stop: called first when the server was told to stop, so that streams end by themselves. Not called when `run`
            ends by a fault, which must not look like a stop.
        on_answer: called every few seconds while a page is answered: over a connection, through the threads that answer
            and through the application.
        opening: for other machines; None where the page stays on this one.

    Raises:
        SettingsError: ``port-unavailable``, and as of `Front`.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], host: str, port: int,
                 on_stop: Optional[Callable[[], None]] = None,
                 on_answer: Optional[Callable[[], None]] = None, opening: 'Optional[Opening]' = None) -> None:
        self._address = host, port
        self._map: Dict[int, Any] = {}
        self._on_stop = on_stop
        self._on_answer = on_answer
        self._stopping = False
        self._finished = threading.Event()
        self._front_thread: Optional[LastingThread] = None
        self._server = _listening(
            _handing_over(app), map=self._map, host=host, port=port, threads=WORKERS,
            # Silent connections are closed here (`_close_silent`): waitress' own limit stops accepting instead, and its
            # cleaner passes over a client that takes nothing. A crowd that all asks at once waits in the kernel.
            connection_limit=3 * MAX_SILENT, backlog=1024, channel_timeout=1 << 30, cleanup_interval=1 << 30,
            # A connection is read while it is answered, so that a reading that nobody waits for any more is noticed.
            channel_request_lookahead=1,
            outbuf_high_watermark=_ANY_SIZE, outbuf_overflow=_ANY_SIZE, inbuf_overflow=_ANY_SIZE,
            max_request_header_size=16 * 1024, max_request_body_size=64 * 1024,
            expose_tracebacks=False, log_socket_errors=False, clear_untrusted_proxy_headers=True,
            ident='thermoscreen', asyncore_use_poll=True)
        # A crowd that waits a moment for a thread is not worth a line of the journal each.
        logging.getLogger('waitress.queue').setLevel(logging.ERROR)
        #: One for every address of the name; they share everything else.
        self._listeners = [entry for entry in self._map.values() if isinstance(entry, BaseWSGIServer)]
        for entry in self._listeners:
            entry.channel_class = _Channel
        #: For other machines; its module is loaded only for them.
        self.front: 'Optional[Front]' = None
        if opening is not None:
            from .front import Front
            try:
                self.front = Front(opening, self._take)
            except SettingsError:
                self._close()
                raise

    def run(self) -> None:
        """Serve until `stop`.

        Raises:
            Exception: a fault of the program.
        """
        if self._on_answer is not None:
            LastingThread('proof', self._prove, self._finished).start()
        if self.front is not None:
            self._front_thread = LastingThread('front', self.front.run, self._finished)
            self._front_thread.start()
        try:
            while not self._stopping:
                wasyncore.loop(timeout=_POLL_S, use_poll=True, map=self._map, count=1)
                self._close_silent()
        finally:
            self._finish()

    def stop(self) -> None:
        """Make `run` return within two seconds; may be called from a signal handler or any thread."""
        self._stopping = True

    def answers(self) -> bool:
        """Ask for a page as a browser does, and say whether it came."""
        connection = http.client.HTTPConnection(*self._address, timeout=PROOF_LIMIT_S)
        try:
            connection.request('GET', _PROOF_PATH)
            answer = connection.getresponse()
            answer.read()
            return answer.status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _take(self, connection: socket.socket, address: Tuple[str, int]) -> None:
        """Serve a connection of the front, from the loop's next turn on; in the thread of the front."""
        server = self._listeners[0]
        server.trigger.pull_trigger(lambda: _OpenedChannel(server, connection, address, server.adj, map=self._map))

    def _prove(self) -> None:
        while not self._finished.wait(PROOF_EVERY_S):
            if self.answers() and self._on_answer is not None:
                self._on_answer()

    def _close_silent(self) -> None:
        """Close connections that wait too long, or that are too many; in the thread of the loop."""
        now_s, monotonic_s = time.time(), time.monotonic()  # waitress stamps by the former
        silent = sorted((channel for channel in self._channels() if not channel.requests),
                        key=lambda channel: channel.last_activity)
        for place, channel in enumerate(silent):
            limit_s = UNREAD_S if channel.total_outbufs_len else SILENT_S
            if (place < len(silent) - MAX_SILENT or now_s - channel.last_activity > limit_s
                    or channel.receiving_s(monotonic_s) > REQUEST_S):
                channel.handle_close()

    def _finish(self) -> None:
        self._finished.set()
        if self._stopping and self._on_stop is not None:
            self._on_stop()
        deadline_s = time.monotonic() + _GOODBYE_S
        while time.monotonic() < deadline_s and any(
                channel.requests or channel.total_outbufs_len for channel in self._channels()):
            wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)
        if self.front is not None:
            self.front.stop()
            if self._front_thread is not None:
                self._front_thread.join(_GOODBYE_S)
            wasyncore.loop(timeout=0, use_poll=True, map=self._map, count=1)  # what it handed over last
        for channel in self._channels():
            channel.handle_close()
        self._close()

    def _close(self) -> None:
        self._server.task_dispatcher.shutdown(timeout=_GOODBYE_S / 2)
        wasyncore.close_all(self._map)

    def _channels(self) -> List[Any]:
        return [entry for entry in list(self._map.values()) if isinstance(entry, HTTPChannel)]


class _ErrorTask(ErrorTask):
    """What waitress refuses before the application is asked, in words and with headers like those of other refusals."""

    def execute(self) -> None:
        """Write the refusal."""
        status, reason, message = _REFUSED.get(self.request.error.code, _UNEXPECTED)
        body = ('%s [%s]\n' % (message.text, message.code)).encode('utf-8')
        self.status = '%d %s' % (status, reason)
        self.response_headers += [('Content-Type', 'text/plain; charset=utf-8'), ('Connection', 'close')]
        opened = isinstance(self.channel, _OpenedChannel)
        self.response_headers += list((OPENED_HEADERS if opened else HEADERS).items())
        self.close_on_finish = True
        self.content_length = len(body)
        self.write(body)


class _Parser(HTTPRequestParser):
    """Refuses an address that Python's own parser stumbles over, such as ``http://[``, instead of going silent."""

    #: waitress names it in its log, also where there was none.
    path = ''

    def parse_header(self, header_plus: bytes) -> None:
        """Parse a head.

        Raises:
            ParsingError: it is no head of HTTP.
        """
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError(str(error))

    def received(self, data: bytes) -> int:
        """Take bytes of a request, and say how many; those after one that cannot be read belong to nobody."""
        taken: int = super().received(data)
        return len(data) if self.error else taken


class _Channel(HTTPChannel):
    """One connection, with one request at a time.

    Who sends many without waiting is cut off: answers would pile up for a client that takes none. Two may be known at
    once, since a quick client has the whole answer, and sends the next request, before the thread is done with it.
    """

    error_task_class = _ErrorTask
    parser_class = _Parser
    _incoming: Any = None
    _began_s = 0.0

    def receiving_s(self, now_s: float) -> float:
        """Seconds for which a request has been arriving that is not whole yet; 0 for none."""
        return 0.0 if self.request is None else now_s - self._began_s

    def received(self, data: bytes) -> bool:
        """Take bytes in; in the thread of the loop."""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed or any(request.error for request in self.requests):
                return False  # an answer ends the connection
        taken = super().received(data)
        if self.request is not self._incoming:
            self._incoming, self._began_s = self.request, time.monotonic()
        if len(self.requests) > 2:
            self.handle_close()
        return taken


class _OpenedChannel(_Channel):
    """A connection of another machine, over TLS."""


def _handing_over(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Let an answer that is a `Viewer` have the connection, and free the thread that answered."""
    def answer(environ: Dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        lines: List[str] = []

        def start(status: str, headers: List[Tuple[str, str]], *exc_info: Any) -> Any:
            lines[:] = ['HTTP/1.1 ' + status] + ['%s: %s' % header for header in headers]
            return start_response(status, headers, *exc_info)

        # The key is waitress' public one; the object behind it has the connection.
        channel = environ['waitress.client_disconnected'].__self__
        if isinstance(channel, _OpenedChannel):
            environ.update({OPENED: True, 'wsgi.url_scheme': 'https'})
        contents = app(environ, start)
        if not isinstance(contents, Viewer):
            return contents
        lines.extend(['Connection: close', 'Date: ' + formatdate(usegmt=True), 'Server: thermoscreen', '', ''])
        try:
            contents.take_over(channel.socket.dup(), '\r\n'.join(lines).encode('latin-1'))
        except OSError:
            contents.close()
        # To waitress the client has left: it forgets the connection and writes nothing more to it.
        raise ClientDisconnected

    return answer


def _listening(app: Callable[..., Any], **adjustments: Any) -> Any:
    try:
        return create_server(app, **adjustments)
    except OSError as error:
        wasyncore.close_all(adjustments['map'])
        raise SettingsError('port-unavailable', 'The page cannot be served on %s port %d.'
                            % (adjustments['host'], adjustments['port']),
                            'Stop what uses it, or choose another port in the settings.', detail=str(error))


def serve_app(app: Callable[..., Any], host: str, port: int, on_stop: Optional[Callable[[], None]] = None,
              on_answer: Optional[Callable[[], None]] = None,
              on_ready: Optional[Callable[[Callable[[], None]], None]] = None,
              opening: 'Optional[Opening]' = None) -> None:
    """Serve until SIGTERM or SIGINT, then return within two seconds.

    Args:
        app, host, port, on_stop, on_answer, opening: as of `Server`.
        on_ready: called once the port is taken, with a function that ends the serving.
    """
    server = Server(app, host, port, on_stop, on_answer, opening)
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.signal(number, lambda *_: server.stop())
                    for number in (signal.SIGTERM, signal.SIGINT)}
    _LOGGER.info('serving http://%s:%d', host, port)
    try:
        if on_ready is not None:
            on_ready(server.stop)
        server.run()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
