"""The two streams and the server, as a browser meets them: real sockets, real waitress."""
import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from flask import Flask
from waitress.adjustments import Adjustments

from service.messages import SettingsError
from service.supervise import starts
from service.web import server, streams
from service.web.responses import HEADERS
from service.web.safe import create_safe_app
from service.web.server import Server

from ...fakes.ports import free_port
from .conftest import PATIENCE_S, picture_shown


@contextlib.contextmanager
def opened(port, path, **headers):
    """A response whose body is still coming."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE_S)
    try:
        connection.request('GET', path, headers=headers)
        with connection.getresponse() as answer:  # a connection that ends with it leaves the socket to it
            yield answer
    finally:
        connection.close()


def next_event(stream):
    """One server-sent event as a dict of its fields."""
    fields = {}
    for line in iter(stream.readline, b'\n'):
        name, _, value = line.decode('utf-8').rstrip('\n').partition(': ')
        fields[name] = value
    return fields


def next_picture(stream):
    """One part of a multipart stream: header names to values, and its body."""
    headers = {}
    for line in iter(stream.readline, b'\r\n'):
        name, _, value = line.decode('ascii').strip().partition(': ')
        headers[name] = value
    body = stream.read(int(headers['Content-Length']))
    assert stream.readline() == b'\r\n'
    assert stream.readline() == b'--picture\r\n'
    return headers, body


def get(port, path):
    with opened(port, path) as answer:
        return answer.status, json.loads(answer.read().decode('utf-8'))


@contextlib.contextmanager
def served(app, **options):
    """Serve any application; gives the port, and the server as an attribute."""
    served.server = Server(app, '127.0.0.1', free_port(), **options)
    thread = threading.Thread(target=served.server.run, daemon=True)
    thread.start()
    try:
        yield served.server._address[1]
    finally:
        served.server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def until_free(slots):
    """Wait until no stream of a kind is open."""
    deadline_s = time.monotonic() + PATIENCE_S
    while slots.taken:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_pictures_are_whole_as_soon_as_they_come(serve, stub, camera):
    port = serve(stub, camera)
    picture_shown(serve.live)
    with opened(port, '/live.mjpg') as answer:
        assert answer.getheader('Content-Type') == 'multipart/x-mixed-replace; boundary=picture'
        assert answer.getheader('Cache-Control') == 'no-store'
        assert answer.getheader('Server') == 'thermoscreen'
        assert answer.readline() == b'--picture\r\n'
        seen = []
        while len(set(seen)) < 3:  # one that is shown for long is sent again
            headers, body = next_picture(answer)
            assert headers['Content-Type'] == 'image/jpeg' and int(headers['X-Picture']) > 0
            assert cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR) is not None
            seen.append(body)
        # The camera stops: the separator after the last picture has come already, nothing is held back.
        camera.silent.set()
        last = serve.live.state
        while seen[-1] != last.jpeg:
            seen.append(next_picture(answer)[1])
            last = serve.live.state


def test_events_come_one_by_one_and_tell_life_in_between(serve, stub, camera):
    port = serve(stub, camera)
    picture_shown(serve.live)
    with opened(port, '/live/events') as answer:
        assert answer.getheader('Content-Type').startswith('text/event-stream')
        assert next_event(answer) == {'retry': '1000'}
        event = next_event(answer)
        values = json.loads(event['data'])
        assert (event['event'], values['outcome']) == ('values', 'result')
        while next_event(answer)['event'] != 'values':  # a slow analysis may be told before
            pass
        camera.silent.set()
        pulse = {'doing': ''}
        while pulse['doing'] != 'camera':
            event = next_event(answer)
            pulse = json.loads(event['data']) if event['event'] == 'alive' else pulse
        assert pulse['age_ms'] > 0


def test_a_stopped_camera_is_told_and_its_return(serve, stub, camera):
    port = serve(stub, camera)
    picture_shown(serve.live)
    with opened(port, '/live/events') as answer:
        camera.unplugged.set()
        codes = []
        while 'camera-missing' not in codes:
            event = next_event(answer)
            if event.get('event') == 'values':
                codes.append(json.loads(event['data'])['live']['status']['code'])
        camera.unplugged.clear()
        while codes[-1] != 'live':
            event = next_event(answer)
            if event.get('event') == 'values':
                codes.append(json.loads(event['data'])['live']['status']['code'])


def test_as_many_viewers_as_allowed_and_their_places_return(serve, stub, camera, monkeypatch):
    monkeypatch.setattr(streams, 'UNREAD_BYTES', 1000)
    monkeypatch.setattr(streams, '_STALLED_S', PATIENCE_S)  # they read no more, however long the test takes
    port = serve(stub, camera, max_viewers=2)
    picture_shown(serve.live)
    with contextlib.ExitStack() as stack:
        for path in ('/live.mjpg', '/live/events') * 2:
            stack.enter_context(opened(port, path)).read(2000)
        for path in ('/live.mjpg', '/live/events'):
            status, reason = get(port, path)
            assert (status, reason['code']) == (503, 'viewers-full')
        assert get(port, '/live/values')[0] == 200
    until_free(serve.services.pictures)
    until_free(serve.services.events)


@pytest.mark.parametrize('path', ['/live.mjpg', '/live/events'])
def test_viewers_that_never_read_keep_nobody_away(serve, stub, camera, path):
    port = serve(stub, camera, max_viewers=2)
    picture_shown(serve.live)
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            wire = stack.enter_context(contextlib.closing(socket.create_connection(('127.0.0.1', port), PATIENCE_S)))
            wire.sendall(('GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % (path, port)).encode('ascii'))
            wire.recv(1)  # it was answered: who is only just being let in gives its place to nobody
        answer = stack.enter_context(opened(port, path))
        assert answer.status == 200 and answer.read(2000)
        assert get(port, '/healthz')[0] == 200
    assert serve.services.pictures.taken <= 2 and serve.services.events.taken <= 2


def test_a_viewer_that_reads_keeps_its_place(monkeypatch, live):
    monkeypatch.setattr(streams, 'UNREAD_BYTES', 100)
    viewers = streams.Viewers(live, 2, b'x' * 200, lambda state: 0, lambda state: b'', lambda live: b'', 100.0)
    ends = []
    places = []
    for _ in range(2):
        ours, theirs = socket.socketpair()
        ends.append(theirs)
        places.append(viewers.admit())
        places[-1].take_over(ours, b'')
    assert viewers.admit() is None
    with viewers._lock:  # or the viewers' own thread may send what waits first
        places[0].waiting = b'y'
        places[0].taken_s -= 1.0
        assert viewers.admit() is not None
    assert places[0].connection.fileno() == -1 and places[1].connection.fileno() != -1
    places[1].close()
    for end in ends:
        end.close()


def test_a_fault_among_the_viewers_ends_them_and_the_next_one_is_served(serve, stub, camera, monkeypatch):
    port = serve(stub, camera)
    picture_shown(serve.live)
    real = streams.Viewers._serve
    broken = []

    def serve_or_fail(self, viewer, state):
        if threading.current_thread().name == 'viewers' and not broken:
            broken.append(viewer)
            raise ValueError('as a fault of the program would')
        real(self, viewer, state)

    monkeypatch.setattr(streams.Viewers, '_serve', serve_or_fail)
    with opened(port, '/live/events') as answer:
        while answer.read(1000):
            pass
    assert broken
    with opened(port, '/live/events') as answer:
        assert next_event(answer) == {'retry': '1000'} and next_event(answer)['event'] == 'values'


def test_head_takes_no_place(app, client, live):
    live.start()
    picture_shown(live)
    for path in ('/live.mjpg', '/live/events'):
        client.head(path).close()
    services = app.extensions['thermoscreen']
    assert (services.pictures.taken, services.events.taken) == (0, 0)


def test_a_viewer_that_takes_nothing_gets_the_newest_later(serve, stub, camera):
    port = serve(stub, camera)
    picture_shown(serve.live)
    with opened(port, '/live.mjpg') as lazy, opened(port, '/live/events') as quick:
        lazy.readline()
        for _ in range(5):
            next_event(quick)
        assert get(port, '/healthz')[0] == 200


@pytest.mark.parametrize('head', ['Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
                                  'Content-Length: 5\r\n\r\nhello'])
def test_contents_are_refused_on_the_wire(serve, stub, camera, head):
    port = serve(stub, camera)
    request = 'GET /live/values HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s' % (port, head)
    with contextlib.closing(socket.create_connection(('127.0.0.1', port), PATIENCE_S)) as wire:
        wire.sendall(request.encode('ascii'))
        answer = b''.join(iter(lambda: wire.recv(4096), b''))
    assert answer.startswith(b'HTTP/1.1 400') and b'body-refused' in answer


def test_other_hosts_are_refused_on_the_wire(serve, stub, camera):
    port = serve(stub, camera)
    with opened(port, '/live/events', Host='evil.example') as answer:
        assert answer.status == 400


def test_stop_ends_streams_and_threads(serve, stub, camera):
    others = threading.enumerate()
    port = serve(stub, camera)
    picture_shown(serve.live)
    with opened(port, '/live.mjpg') as pictures, opened(port, '/live/events') as events:
        pictures.readline()
        events.readline()
        threads = [thread for thread in threading.enumerate()
                   if thread not in others and thread.name.startswith('waitress-')]
        assert len(threads) == server.WORKERS
        serve.server.stop()
        serve.thread.join(PATIENCE_S)
        assert not serve.thread.is_alive()
        # The end is announced: a chunked body that is cut off would raise here.
        events.read()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def everything(wire):
    """What comes until the end of a connection; a server that has not read all that was sent resets it."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        for part in iter(lambda: wire.recv(1 << 16), b''):
            parts.append(part)
    return b''.join(parts)


def wires(port, count, sent):
    """Connections that have sent some bytes."""
    stack = contextlib.ExitStack()
    for _ in range(count):
        wire = stack.enter_context(contextlib.closing(socket.create_connection(('127.0.0.1', port), PATIENCE_S)))
        wire.sendall(sent.replace('PORT', str(port)).encode('latin-1'))
    return stack


@pytest.mark.parametrize('sent', ['', 'GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Slow: ',
                                  'GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 60000\r\n\r\nslow'])
def test_connections_that_wait_keep_nobody_away(serve, stub, camera, monkeypatch, sent):
    monkeypatch.setattr(server, 'MAX_SILENT', 10)
    port = serve(stub, camera)
    picture_shown(serve.live)
    with wires(port, 60, sent):
        for path in ('/healthz', '/live/values'):
            assert get(port, path)[0] == 200
        with opened(port, '/live.mjpg') as answer:
            assert answer.readline() == b'--picture\r\n'
        assert len(serve.server._channels()) <= 12


@pytest.mark.parametrize('start', ['GET / HTTP/1.1\r\nX-Slow: ',
                                   'GET / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n'])
def test_a_request_that_drips_in_is_ended(monkeypatch, start):
    """It is never silent, so that only the time of the whole request ends it; another on its connection starts anew."""
    app = Flask('small')
    app.add_url_rule('/', 'small', lambda: 'well')
    clock_s = [0.0]
    monkeypatch.setattr(server, 'time', SimpleNamespace(time=time.time, monotonic=lambda: clock_s[0]))
    with contextlib.ExitStack() as stack:
        seen = threading.Event()
        receive = server._Channel.received

        def received(channel, data):
            taken = receive(channel, data)
            seen.set()
            return taken

        monkeypatch.setattr(server._Channel, 'received', received)
        port = stack.enter_context(served(app))
        wire = stack.enter_context(contextlib.closing(socket.create_connection(('127.0.0.1', port), PATIENCE_S)))
        wire.sendall(b'GET / HTTP/1.1\r\n\r\n')
        answer = b''
        while not answer.endswith(b'well'):  # its head may come alone
            part = wire.recv(1 << 16)
            assert part
            answer += part
        assert answer.startswith(b'HTTP/1.1 200 ')
        for sent in (start.encode('ascii'), b'x', b'x'):
            clock_s[0] += 0.4 * server.REQUEST_S
            seen.clear()
            wire.sendall(sent)
            assert seen.wait(PATIENCE_S)
        assert served.server._channels()
        clock_s[0] += 0.4 * server.REQUEST_S
        assert everything(wire) == b''


def test_an_answer_that_nobody_takes_holds_no_thread(monkeypatch):
    """As many as there are threads ask for more than a connection holds, and take nothing of it."""
    app = Flask('large')
    app.add_url_rule('/large', 'large', lambda: b'x' * (8 << 20))
    app.add_url_rule('/small', 'small', lambda: 'well')
    with served(app) as port, wires(port, server.WORKERS + 2, 'GET /large HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n'):
        with opened(port, '/small') as answer:
            assert answer.read() == b'well'


def test_an_answer_needs_no_temporary_file(monkeypatch):
    def refuse(*args, **kwargs):
        raise FileNotFoundError('No usable temporary directory found')

    monkeypatch.setattr(tempfile, 'TemporaryFile', refuse)
    app = Flask('large')
    app.add_url_rule('/large', 'large', lambda: b'x' * (4 << 20))
    with served(app) as port, opened(port, '/large') as answer:
        assert answer.status == 200 and len(answer.read()) == 4 << 20


def test_many_requests_before_an_answer_end_the_connection(serve, stub, camera):
    port = serve(stub, camera)
    one = 'GET /live/values HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % port
    with contextlib.closing(socket.create_connection(('127.0.0.1', port), PATIENCE_S)) as wire:
        wire.sendall((one * 50).encode('ascii'))
        answers = everything(wire)
    assert answers.count(b'HTTP/1.1') < 50  # a busy machine answers the first before it has read them all
    assert get(port, '/live/values')[0] == 200


def test_a_quick_client_asks_again_before_the_thread_is_done():
    """It has the whole answer, so it may: cutting it off has cost pages their style sheets."""
    class Answer(list):
        def close(self):
            """Waits until the loop knows the second request, or has closed the connection."""
            deadline_s = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline_s and not asked.is_set():
                channels = served.server._channels()
                if not channels or len(channels[0].requests) == 2:
                    asked.set()

    def app(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '4')])
        return Answer([b'well'])

    asked = threading.Event()
    with served(app) as port, contextlib.closing(http.client.HTTPConnection('127.0.0.1', port, PATIENCE_S)) as client:
        for _ in range(2):
            client.request('GET', '/')
            assert client.getresponse().read() == b'well'
    assert asked.is_set()


@pytest.mark.parametrize('sent', [b'no header\r\n\r\n', b'GET / HTTP/1.1\r\nX: %s\r\n\r\n' % (b'x' * 300000)],
                         ids=['bad', 'long'])
def test_bytes_after_a_request_that_cannot_be_read_are_no_request(sent):
    """Whoever answers meanwhile takes it from the list, and no second answer follows."""
    sent += b'GET / HTTP/1.1\r\n\r\n'
    parser = server._Parser(Adjustments(clear_untrusted_proxy_headers=True))
    assert parser.received(sent) == len(sent) and parser.error


@pytest.mark.parametrize('sent, status', [
    ('GET / HTTP/1.1\r\nno header\r\n\r\n', b'400'), ('get / HTTP/1.1\r\n\r\n', b'400'),
    ('GET http://[ HTTP/1.1\r\n\r\n', b'400'), ('GET http://[::1/x HTTP/1.1\r\n\r\n', b'400'),
    ('GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n', b'400'),
    ('GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', b'400'),
    ('GET / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n', b'413'),
    ('GET / HTTP/1.1\r\nX: %s\r\n\r\n' % ('x' * 16384), b'431')])
def test_what_the_server_itself_refuses_is_closed_off_too(app, sent, status):
    with served(app) as port:
        with contextlib.closing(socket.create_connection(('127.0.0.1', port), PATIENCE_S)) as wire:
            wire.sendall(sent.encode('ascii'))
            answer = everything(wire)
    head, _, body = answer.partition(b'\r\n\r\n')
    assert head.split()[1] == status and body.endswith(b']\n') and b'waitress' not in answer
    lines = head.decode('ascii').split('\r\n')
    for name, value in HEADERS.items():
        assert '%s: %s' % (name, value) in lines


def test_the_proof_is_an_answer_and_not_a_turn_of_the_loop(monkeypatch):
    """Every thread that answers is stuck: the loop still turns, and the server no longer says that it answers."""
    monkeypatch.setattr(server, 'PROOF_LIMIT_S', PATIENCE_S)
    monkeypatch.setattr(server, 'PROOF_EVERY_S', 0.01)
    stuck, free, proofs = threading.Semaphore(0), threading.Event(), threading.Event()

    def hang():
        stuck.release()
        free.wait(PATIENCE_S)
        return 'late'

    app = Flask('stuck')
    app.add_url_rule('/about', 'about', lambda: 'well')
    app.add_url_rule('/hang', 'hang', hang)
    with served(app, on_answer=proofs.set) as port:
        assert proofs.wait(PATIENCE_S)
        assert served.server.answers()
        with wires(port, server.WORKERS, 'GET /hang HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n'):
            for _ in range(server.WORKERS):
                assert stuck.acquire(timeout=PATIENCE_S)
            with monkeypatch.context() as patch:
                patch.setattr(server, 'PROOF_LIMIT_S', 0.3)
                assert not served.server.answers()
            free.set()
        assert served.server.answers()


def test_safe_mode_proves_its_page_too(monkeypatch):
    monkeypatch.setattr(server, 'PROOF_LIMIT_S', PATIENCE_S)
    port = free_port()
    safe = Server(create_safe_app(starts.CRASH_LOOP, port, None), '127.0.0.1', port)
    thread = threading.Thread(target=safe.run, daemon=True)
    thread.start()
    assert safe.answers()
    safe.stop()
    thread.join(PATIENCE_S)
    assert not safe.answers()


def test_localhost_may_be_two_sockets(app):
    server = Server(app, 'localhost', free_port())
    server.stop()
    server.run()


def test_a_fault_of_the_loop_is_no_stop(app, monkeypatch):
    told = []
    monkeypatch.setattr(Server, '_close_silent', lambda self: 1 // 0)
    server = Server(app, '127.0.0.1', free_port(), on_stop=lambda: told.append(True))
    with pytest.raises(ZeroDivisionError):
        server.run()
    assert told == [], 'a service that ends by a fault has crashed, and the next start must know'


def test_a_port_in_use_is_one_sentence(app):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            Server(app, '127.0.0.1', port)
    assert caught.value.code == 'port-unavailable' and str(port) in caught.value.message.text


PROGRAM = '''
import sys
from flask import Flask
from service.web.server import serve_app
serve_app(Flask('empty'), '127.0.0.1', int(sys.argv[1]), on_stop=lambda: print('told', flush=True))
print('ended', flush=True)
'''


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_program(root, number):
    port = free_port()
    process = subprocess.Popen([sys.executable, '-c', PROGRAM, str(port)], cwd=str(root), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    with process:
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while True:
                # That it listens is not enough: signals are its own once it answers.
                with contextlib.suppress(OSError), opened(port, '/'):
                    break
                assert time.monotonic() < deadline_s and process.poll() is None
                time.sleep(0.05)
            process.send_signal(number)
            said, complaints = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, said.split()) == (0, [b'told', b'ended']), complaints
