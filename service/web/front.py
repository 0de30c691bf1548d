"""The TLS front: what other machines connect to, where the settings open the page to them.

It takes TLS off and hands each connection to the server as a pair of sockets, so the server, its limits and its streams
are the same as on the machine itself. Nothing else than TLS is spoken here. The work is the standard library's (asyncio
and ssl); a proxy such as nginx in front was not chosen because waitress 2.0, the last for Python 3.6, disagrees with
proxies about where a request ends (GHSA-4f7p-27jc-3c36), and would not know who asks.

One address cannot take all places: of too many connections, the one of the busiest address that has been silent longest
is closed.
"""
import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections import Counter
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ..certificate import load_pair, renewed, tls_context, utc_now
from ..messages import SettingsError, ThermoscreenError

_LOGGER = logging.getLogger(__name__)

#: Connections from one address, and from all of them. A browser has six at most, streams among them.
PER_ADDRESS, IN_ALL = 16, 64

#: Seconds for a handshake, and for a client to take the rest of an answer whose connection ends.
HANDSHAKE_S, REST_S = 10.0, 5.0

#: The files of the certificate are looked at this often: a new one counts without a restart, and ours is renewed.
_LOOK_EVERY_S = 3600.0

_PART_BYTES = 64 * 1024
_BACKLOG = 256
#: Where the system has no room for a further connection, it is asked again after this time.
_FULL_S = 1.0


class Opening(NamedTuple):
    """How the page is opened to other machines.

    Attributes:
        host, port: where the front listens.
        certificate, key: files in PEM.
    """

    host: str
    port: int
    certificate: str
    key: str


class _Connection:
    """One client.

    Attributes:
        place: the address that it counts for.
        touched_s: when it last sent or took something.
        task: that carries it.
    """

    def __init__(self, place: str, now_s: float) -> None:
        self.place, self.touched_s = place, now_s
        self.task: 'Optional[asyncio.Future[None]]' = None


class Front:
    """The front; its socket listens from the start, and it accepts while `run` runs.

    Args:
        opening: where, and with which certificate.
        hand_over: given a connected socket without TLS and the client's address, from the thread of `run`.

    Raises:
        SettingsError: ``port-unavailable``, and as of `tls_context`.
    """

    def __init__(self, opening: Opening, hand_over: Callable[[socket.socket, Tuple[str, int]], None]) -> None:
        self._opening, self._hand_over = opening, hand_over
        self._context = tls_context(opening.certificate, opening.key)
        self._listening = _listening(opening.host, opening.port)
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._stopping = False
        self._connections: Dict[int, _Connection] = {}

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def run(self) -> None:
        """Accept until `stop`; may be called again after it raised."""
        self._loop = asyncio.new_event_loop()
        try:
            self._loop.set_exception_handler(_note)
            self._loop.run_until_complete(self._serve(self._loop))
        finally:
            self._loop.close()
            self._loop = None
        if self._stopping:
            self._listening.close()

    def stop(self) -> None:
        """Have `run` close every connection and return; from any thread."""
        self._stopping = True
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(lambda: None)

    def close(self) -> None:
        """Give the port back where `run` was never called."""
        self._listening.close()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._listening, self._accept, loop)
        looked_s = loop.time()
        try:
            while not self._stopping:
                await asyncio.sleep(0.2)
                if loop.time() - looked_s > _LOOK_EVERY_S:
                    looked_s = loop.time()
                    self._look_at_certificate()
        finally:
            loop.remove_reader(self._listening)
            tasks = [connection.task for connection in self._connections.values() if connection.task is not None]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=REST_S)
            self._connections.clear()

    def _look_at_certificate(self) -> None:
        try:
            if renewed(self._opening.certificate, self._opening.key, utc_now()):
                _LOGGER.warning('The certificate was renewed.')
            load_pair(self._context, self._opening.certificate, self._opening.key)
        except ThermoscreenError as error:  # the old one goes on
            _LOGGER.warning('%s: %s', error, error.detail)

    def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            accepted, address = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as error:
            _LOGGER.warning('no further connection: %s', error)
            loop.remove_reader(self._listening)
            loop.call_later(_FULL_S, self._accept_again, loop)
            return
        accepted.setblocking(False)
        connection = _Connection(_place(address[0]), loop.time())
        self._connections[id(connection)] = connection
        self._make_room(connection)
        connection.task = asyncio.ensure_future(self._carry(connection, accepted, address[:2], loop), loop=loop)
        connection.task.add_done_callback(lambda task: accepted.close())

    def _accept_again(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._stopping:
            loop.add_reader(self._listening, self._accept, loop)

    def _make_room(self, newest: _Connection) -> None:
        """Close one connection where there are too many, never the newest."""
        places = Counter(connection.place for connection in self._connections.values())
        if places[newest.place] > PER_ADDRESS:
            busiest = newest.place
        elif len(self._connections) > IN_ALL:
            busiest = places.most_common(1)[0][0]
        else:
            return
        idle: List[_Connection] = sorted((connection for connection in self._connections.values()
                                          if connection.place == busiest and connection is not newest),
                                         key=lambda connection: connection.touched_s)
        if idle and idle[0].task is not None:
            del self._connections[id(idle[0])]
            idle[0].task.cancel()

    async def _carry(self, connection: _Connection, accepted: socket.socket, address: Tuple[str, int],
                     loop: asyncio.AbstractEventLoop) -> None:
        """Carry what one client sends and gets, until either side ends."""
        with contextlib.ExitStack() as ending:
            ending.callback(self._connections.pop, id(connection), None)
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                reader, writer = await asyncio.wait_for(_greet(accepted, self._context, loop), HANDSHAKE_S)
                ending.callback(_abort, writer)
                if writer.get_extra_info('ssl_object') is None:
                    return
                ours, theirs = socket.socketpair()
                ending.callback(ours.close)
                self._hand_over(theirs, address)
                inner_reader, inner_writer = await asyncio.open_connection(sock=ours)
                ending.callback(_abort, inner_writer)
                pumps = {asyncio.ensure_future(_pump(connection, *pair, loop=loop), loop=loop)
                         for pair in ((reader, inner_writer), (inner_reader, writer))}
                ending.callback(lambda: [pump.cancel() for pump in pumps])
                _, left = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                writer.close()  # once the rest is sent
                if left:
                    await asyncio.wait(left, timeout=REST_S)


async def _greet(accepted: socket.socket, context: ssl.SSLContext, loop: asyncio.AbstractEventLoop
                 ) -> Tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The handshake, in which nothing but TLS is understood."""
    reader = asyncio.StreamReader(_PART_BYTES, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _pump(connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
                loop: asyncio.AbstractEventLoop) -> None:
    """Carry one direction. Who does not read is not read from either, and counts as silent."""
    with contextlib.suppress(OSError):
        while True:
            part = await reader.read(_PART_BYTES)
            if not part:
                return
            writer.write(part)
            await writer.drain()
            connection.touched_s = loop.time()


def _abort(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        writer.transport.abort()


def _note(loop: asyncio.AbstractEventLoop, context: Dict[str, Any]) -> None:
    """What a client's end or odd bytes made asyncio complain about fills no journal."""
    _LOGGER.debug('%s', context.get('exception') or context.get('message'))


def _place(address: str) -> str:
    """What counts as one client: an address of IPv4, or the network of one of IPv6, which has more than there are."""
    try:
        found = ipaddress.ip_address(address.partition('%')[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))


def _listening(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise SettingsError('port-unavailable', 'The page cannot be opened to other machines at %s port %d.'
                            % (host, port), 'Stop what uses it, or choose another address with open_at.',
                            detail=str(error))
    listening.setblocking(False)
    return listening
