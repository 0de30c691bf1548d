"""Serving the page with waitress, within the device's means and with a quick end."""
import logging
import signal
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel

from ..messages import SettingsError

_LOGGER = logging.getLogger(__name__)

#: Threads for pages and files, besides those of the streams.
SPARE_THREADS = 6

#: Bytes that may wait for one viewer: about one picture. Waitress' own limit of 16 MB would show a slow viewer
#: pictures that are half a minute old.
MAX_WAITING_BYTES = 48 * 1024

_POLL_S = 0.2
_GOODBYE_S = 1.0


class Server:
    """A waitress server that can be told to stop while streams are open.

    Args:
        app: the WSGI application.
        host: loopback address.
        port: of TCP.
        viewers: pages that may watch at once. Each holds two threads, one for the pictures and one for the values.
        on_stop: called first when the server was told to stop, so that streams end by themselves. Not called when `run`
            ends by a fault, which must not look like a stop.
        on_turn: called several times a second by the loop that serves, as a sign of life.
    """

    def __init__(self, app: Callable[..., Any], host: str, port: int, viewers: int,
                 on_stop: Optional[Callable[[], None]] = None, on_turn: Optional[Callable[[], None]] = None) -> None:
        self._map: Dict[int, Any] = {}
        self._on_stop = on_stop
        self._on_turn = on_turn
        self._stopping = False
        threads = 2 * viewers + SPARE_THREADS
        self._server = _listening(
            app, map=self._map, host=host, port=port, threads=threads,
            # Besides the threads: the listening sockets, and keep-alive connections that wait idle.
            connection_limit=2 * threads + 8, channel_timeout=30, cleanup_interval=10, backlog=64,
            # A connection is read while it is answered, so that a reading that nobody waits for any more is noticed.
            channel_request_lookahead=1,
            # Events must not wait until a buffer is full. That takes send_bytes=1, which is waitress' default from
            # 2.0 on and deprecated to name.
            outbuf_high_watermark=MAX_WAITING_BYTES,
            max_request_header_size=16 * 1024, max_request_body_size=64 * 1024,
            expose_tracebacks=False, log_socket_errors=False, clear_untrusted_proxy_headers=True,
            ident='thermoscreen', asyncore_use_poll=True)

    def run(self) -> None:
        """Serve until `stop`.

        Raises:
            Exception: a fault of the program, such as one of `on_turn`.
        """
        try:
            while not self._stopping:
                if self._on_turn is not None:
                    self._on_turn()
                wasyncore.loop(timeout=_POLL_S, use_poll=True, map=self._map, count=1)
        finally:
            self._finish()

    def stop(self) -> None:
        """Make `run` return within two seconds; may be called from a signal handler or any thread."""
        self._stopping = True

    def _finish(self) -> None:
        if self._stopping and self._on_stop is not None:
            self._on_stop()
        deadline_s = time.monotonic() + _GOODBYE_S
        while time.monotonic() < deadline_s and any(
                channel.requests or channel.total_outbufs_len for channel in self._channels()):
            wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)
        for channel in self._channels():  # a viewer that reads nothing blocks its thread until this
            channel.handle_close()
        self._server.task_dispatcher.shutdown(timeout=_GOODBYE_S / 2)
        wasyncore.close_all(self._map)

    def _channels(self) -> List[Any]:
        return [entry for entry in list(self._map.values()) if isinstance(entry, HTTPChannel)]


def _listening(app: Callable[..., Any], **adjustments: Any) -> Any:
    try:
        return create_server(app, **adjustments)
    except OSError as error:
        wasyncore.close_all(adjustments['map'])
        raise SettingsError('port-unavailable', 'The page cannot be served on %s port %d.'
                            % (adjustments['host'], adjustments['port']),
                            'Stop what uses it, or choose another port in the settings.', detail=str(error))


def serve_app(app: Callable[..., Any], host: str, port: int, viewers: int,
              on_stop: Optional[Callable[[], None]] = None, on_turn: Optional[Callable[[], None]] = None,
              on_ready: Optional[Callable[[Callable[[], None]], None]] = None) -> None:
    """Serve until SIGTERM or SIGINT, then return within two seconds.

    Args:
        app, host, port, viewers, on_stop, on_turn: as of `Server`.
        on_ready: called once the port is taken, with a function that ends the serving.
    """
    server = Server(app, host, port, viewers, on_stop, on_turn)
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
