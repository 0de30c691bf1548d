"""The two streams and the server, as a browser meets them: real sockets, real waitress."""
import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from service.messages import SettingsError
from service.web.server import Server

from .conftest import PATIENCE_S, free_port, picture_shown


@contextlib.contextmanager
def opened(port, path, **headers):
    """A response whose body is still coming."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE_S)
    try:
        connection.request('GET', path, headers=headers)
        answer = connection.getresponse()
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
        for _ in range(3):
            headers, body = next_picture(answer)
            assert headers['Content-Type'] == 'image/jpeg'
            assert cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR) is not None
            seen.append(body)
        assert len(set(seen)) == 3
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
        assert next_event(answer)['event'] == 'values'
        camera.silent.set()
        told = []
        while 'alive' not in told:
            event = next_event(answer)
            told.append(event['event'])
        pulse = json.loads(event['data'])
        assert pulse['doing'] == 'camera' and pulse['age_ms'] > 0


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


def test_as_many_viewers_as_allowed_and_their_places_return(serve, stub, camera):
    port = serve(stub, camera, max_viewers=2)
    picture_shown(serve.live)
    with contextlib.ExitStack() as stack:
        for path in ('/live.mjpg', '/live/events') * 2:
            stack.enter_context(opened(port, path)).readline()
        for path in ('/live.mjpg', '/live/events'):
            status, reason = get(port, path)
            assert (status, reason['code']) == (503, 'viewers-full')
        assert get(port, '/live/values')[0] == 200
    until_free(serve.services.pictures)
    until_free(serve.services.events)


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
    port = serve(stub, camera)
    picture_shown(serve.live)
    with opened(port, '/live.mjpg') as pictures, opened(port, '/live/events') as events:
        pictures.readline()
        events.readline()
        serve.server.stop()
        serve.thread.join(PATIENCE_S)
        assert not serve.thread.is_alive()
        # The end is announced: a chunked body that is cut off would raise here.
        events.read()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith('waitress-')]


def test_waitress_holds_nothing_back(app):
    server = Server(app, '127.0.0.1', free_port(), 1)
    assert server._server.adj.send_bytes == 1
    server.stop()
    server.run()


def test_localhost_may_be_two_sockets(app):
    server = Server(app, 'localhost', free_port(), 1)
    server.stop()
    server.run()


def test_a_fault_of_the_loop_is_no_stop(app):
    told = []
    server = Server(app, '127.0.0.1', free_port(), 1, on_stop=lambda: told.append(True), on_turn=lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        server.run()
    assert told == [], 'a service that ends by a fault has crashed, and the next start must know'


def test_a_port_in_use_is_one_sentence(app):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            Server(app, '127.0.0.1', port, 1)
    assert caught.value.code == 'port-unavailable' and str(port) in caught.value.message.text


PROGRAM = '''
import sys
from flask import Flask
from service.web.server import serve_app
serve_app(Flask('empty'), '127.0.0.1', int(sys.argv[1]), 1, on_stop=lambda: print('told', flush=True))
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
                with contextlib.closing(socket.socket()) as probe:
                    if probe.connect_ex(('127.0.0.1', port)) == 0:
                        break
                assert time.monotonic() < deadline_s and process.poll() is None
                time.sleep(0.05)
            process.send_signal(number)
            said, complaints = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, said.split()) == (0, [b'told', b'ended']), complaints
