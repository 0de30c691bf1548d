"""A bundle is fetched whole and verified, or what came is kept for the next attempt."""
import contextlib
import datetime
import email.utils
import errno
import http.server
import os
import re
import socketserver
import threading
from pathlib import Path

import pytest

from service.bundle import fetch, key_id, open_bundle
from service.bundle.fetch import fetch_bundle
from service.certificate import make_certificate, tls_context
from service.messages import ThermoscreenError
from service.storage import Disks, Room
from tests.fakes import bundles, signing

NAME = 'tiny'


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A static server with TLS that serves one folder, and does `spoil` first.

    Attributes:
        asked: (name, Range, If-Range) of every request.
        spoil: called with the handler and the bytes of the file; True where it has answered itself.
    """

    daemon_threads = True

    def __init__(self, root, context):
        super().__init__(('127.0.0.1', 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.root, self.asked, self.spoil = root, [], lambda handler, data: False

    def handle_error(self, request, client_address):
        """Clients that refuse the certificate are no errors here."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET with ranges, as nginx and Apache do."""

    def log_message(self, *args):
        """No lines on the terminal of the tests."""

    def do_GET(self):
        path = self.server.root / self.path.lstrip('/')
        asked, condition = self.headers.get('Range'), self.headers.get('If-Range')
        self.server.asked.append((path.name, asked, condition))
        if not path.is_file():
            return self.send_error(404)
        data, changed = path.read_bytes(), path.stat().st_mtime
        self.etag = '"%x-%x"' % (int(changed * 1e9), len(data))
        self.changed = email.utils.formatdate(changed, usegmt=True)
        if self.server.spoil(self, data):
            return None
        start = int(re.match('bytes=([0-9]+)-', asked).group(1)) if asked and condition in (None, self.etag) else 0
        if start >= len(data):
            return self.send_error(416)
        return self.give(data, start)

    def give(self, data, start=0, shown=None, length=None, **headers):
        """Send a file from `start` on; with `shown`, no more than so many bytes of it."""
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (start, len(data) - 1, len(data)))
        for name, value in dict({'ETag': self.etag, 'Last-Modified': self.changed,
                                 'Content-Length': str(length or len(data) - start)}, **headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data[start:][:shown])


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tls')
    paths = str(folder / 'server.crt'), str(folder / 'server.key')
    make_certificate(*paths, names=['localhost'], now=datetime.datetime.now())
    return paths


@pytest.fixture
def server(tmp_path, pair):
    """A server of ``tiny``, a signed bundle."""
    signing.sign(bundles.write(tmp_path / 'www' / NAME))
    with Server(tmp_path / 'www', tls_context(*pair)) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def get(server, pair, tmp_path):
    """Fetch into ``got``: what was fetched, or the code of the error."""
    def call(url='https://localhost:%d/%s/' % (server.server_port, NAME), authorities=pair[0], trust=signing.TRUST):
        try:
            return fetch_bundle(url, str(tmp_path / 'got'), trust, authorities)
        except ThermoscreenError as error:
            assert '\n' not in error.message.text and (error.message.next_step or error.code == 'manifest-invalid')
            assert str(tmp_path / '.got') not in error.message.text
            return error.code
    return call


def once(act):
    """Spoil the first answer for the model, and no other."""
    done = []

    def spoil(handler, data):
        if not handler.path.endswith('model.onnx') or done:
            return False
        done.append(True)
        act(handler, data)
        return True
    return spoil


def left(tmp_path):
    return sorted(name for name in os.listdir(str(tmp_path)) if 'got' in name)


def test_a_bundle_comes_whole_and_once(get, server, tmp_path):
    done = get()
    assert done.bundle.signed_by == key_id(signing.raw(signing.SIGNER)) and done.kept_bytes == 0
    names = sorted(os.listdir(str(tmp_path / 'www' / NAME)))
    assert sorted(os.listdir(str(tmp_path / 'got'))) == names and left(tmp_path) == ['got']
    assert done.fetched_bytes == sum((tmp_path / 'got' / name).stat().st_size for name in names)
    # The signature comes before anything that it is worth.
    assert [name for name, _, _ in server.asked] == ['manifest.json', 'signature.json', 'golden.npz', 'model.onnx']
    assert get().fetched_bytes == 0 and [name for name, _, _ in server.asked[4:]] == ['manifest.json']
    signing.sign(bundles.write(tmp_path / 'www' / NAME, bundles.document(version='1.1.0')))
    assert get().bundle.manifest['version'] == '1.1.0'
    (tmp_path / 'got' / 'model.onnx').write_bytes(b'spoiled')
    assert get().fetched_bytes and open_bundle(str(tmp_path / 'got'), trust=signing.TRUST)


def test_a_line_that_was_cut_goes_on_where_it_ended(get, server, tmp_path):
    server.spoil = once(lambda handler, data: handler.give(data, shown=100))
    assert get() == 'fetch-cut' and left(tmp_path) == ['.got.fetching']
    state = (tmp_path / '.got.fetching' / '.partial.json').read_text()
    server.asked.clear()
    done = get()
    size = (tmp_path / 'www' / NAME / 'golden.npz').stat().st_size
    assert done.kept_bytes == size + 100 and left(tmp_path) == ['got']
    (_, asked, condition), = [entry for entry in server.asked if entry[0] == 'model.onnx']
    assert asked == 'bytes=100-' and condition.startswith('"') and condition.strip('"') in state
    assert 'golden.npz' not in [name for name, _, _ in server.asked]


@pytest.mark.parametrize('second', ['changed', 'no-ranges', 'no-validator', 'shorter', 'whole-already'])
def test_what_is_kept_is_never_mixed_with_another_file(get, server, tmp_path, second):
    model = tmp_path / 'www' / NAME / 'model.onnx'
    validator = {'ETag': None, 'Last-Modified': None} if second == 'no-validator' else {}
    server.spoil = once(lambda handler, data: handler.give(
        b'x' * len(data) if second == 'no-validator' else data, shown=100, **validator))
    assert get() == 'fetch-cut'
    partial = tmp_path / '.got.fetching' / '.partial'
    if second == 'changed':
        os.utime(str(model), (1, 1))
    elif second == 'no-ranges':
        server.spoil = once(lambda handler, data: handler.give(data))
    elif second == 'shorter':
        partial.write_bytes(model.read_bytes() + b'more')
    elif second == 'whole-already':
        partial.write_bytes(model.read_bytes())
    assert get().bundle.read_model() == model.read_bytes() and left(tmp_path) == ['got']


def silent(handler, data):
    handler.rfile.read(1)  # until the client hangs up


@pytest.mark.parametrize('spoil, code', [
    (lambda handler, data: handler.send_error(404), 'fetch-missing'),
    (lambda handler, data: handler.send_error(403), 'fetch-refused'),
    (lambda handler, data: handler.send_error(503), 'fetch-server'),
    (lambda handler, data: (handler.send_response(302), handler.send_header('Location', 'http://localhost:1/'),
                            handler.end_headers()), 'fetch-refused'),
    (lambda handler, data: handler.give(data, start=7), 'fetch-refused'),
    (lambda handler, data: handler.give(data[:-1] + b'\0'), 'fetch-changed'),
    (lambda handler, data: handler.give(data, length=1 << 40), 'bundle-file-large'),
    (lambda handler, data: handler.give(b'\0' * 3000, **{'Content-Length': None}), 'bundle-file-large'),
    (lambda handler, data: handler.wfile.write(b'SSH-2.0\r\n\r\n'), 'fetch-unreachable'),
    (silent, 'fetch-unreachable'),
])
def test_what_a_server_may_do_is_one_line_and_nothing_is_in_place(get, server, tmp_path, monkeypatch, spoil, code):
    monkeypatch.setattr(fetch, 'SILENT_S', 0.5)
    if code == 'bundle-file-large':
        monkeypatch.setattr(fetch, 'MAX_FILE_BYTES', 2000)
    server.spoil = once(spoil)
    assert get() == code and left(tmp_path) == ['.got.fetching']
    monkeypatch.undo()
    assert get().kept_bytes > 0  # the golden pair


@pytest.mark.parametrize('spoil, code', [
    (lambda folder: os.unlink(str(folder / 'manifest.json')), 'fetch-missing'),
    (lambda folder: os.unlink(str(folder / 'signature.json')), 'bundle-unsigned'),
    (lambda folder: signing.sign(folder, signing.STRANGER), 'bundle-key'),
    (lambda folder: (folder / 'manifest.json').write_bytes(b'{}'), 'bundle-signature'),
    (lambda folder: (folder / 'manifest.json').write_bytes(b' ' * 300000), 'bundle-file-large'),
    (lambda folder: (folder / 'signature.json').write_bytes(b'[]'), 'signature-unreadable'),
    (lambda folder: signing.sign_bytes(bundles.write(folder, bundles.document(schema=9))), 'manifest-invalid'),
], ids=lambda value: value if isinstance(value, str) else '')
def test_what_no_trusted_key_signed_is_not_fetched(get, server, tmp_path, spoil, code):
    spoil(tmp_path / 'www' / NAME)
    assert get() == code and left(tmp_path) == []
    assert {name for name, _, _ in server.asked} <= {'manifest.json', 'signature.json'}


def test_the_certificate_is_checked(get, server, tmp_path):
    assert get(authorities=None) == 'fetch-certificate'
    assert get('https://127.0.0.1:%d/%s' % (server.server_port, NAME)) == 'fetch-certificate'
    assert get(authorities=str(tmp_path / 'none.pem')) == 'fetch-authorities' and server.asked == []


@pytest.mark.parametrize('url', ['http://localhost/tiny', 'tiny', 'https:///tiny', 'https://u:p@localhost/tiny',
                                 'https://localhost/tiny.zip', 'https://localhost/tiny?a=1', 'https://localhost:x/tiny',
                                 'file://elsewhere/tiny', 'https://local host/tiny', 'https://localhost/\r\nX: y'])
def test_an_address_that_is_none(get, url):
    assert get(url) == 'fetch-url'


def test_a_stick_is_read_in_the_same_way(get, tmp_path, monkeypatch):
    folder = tmp_path / 'my stick' / NAME
    signing.sign(bundles.write(folder))
    real, url = fetch.open_regular, 'file://%s' % str(folder).replace(' ', '%20')

    class Pulled:
        """A file on a stick that is pulled out after 100 bytes."""

        def __init__(self, stream):
            self._stream, self._left = stream, [100]
            self.fileno, self.seek, self.tell, self.close = stream.fileno, stream.seek, stream.tell, stream.close

        def read1(self, size):
            if not self._left:
                raise OSError(errno.EIO, 'Input/output error')
            return self._stream.read1(self._left.pop())

    monkeypatch.setattr(fetch, 'open_regular', lambda path, flags: Pulled(real(path, flags)) if 'model' in path
                        else real(path, flags))
    assert get(url) == 'fetch-cut'
    monkeypatch.undo()
    assert get(url).kept_bytes == (folder / 'golden.npz').stat().st_size + 100
    (folder / 'model.onnx').unlink()
    (folder / 'model.onnx').symlink_to('/etc/passwd')
    os.rename(str(tmp_path / 'got'), str(tmp_path / 'before'))
    assert get(url) == 'fetch-refused' and get('file:///no%00thing') == 'fetch-refused'


def test_a_full_disk_keeps_nothing_and_the_bundle_of_before(get, server, tmp_path, monkeypatch):
    get()
    signing.sign(bundles.write(tmp_path / 'www' / NAME, bundles.document(version='1.1.0'),
                               dict(bundles.files(), **{'notes.txt': b'new'})))
    monkeypatch.setattr(Disks, 'room', lambda self, folder: Room(1 << 40, 256 << 20))
    assert get() == 'disk-full' and left(tmp_path) == ['got']
    monkeypatch.undo()

    def full(old, new):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(fetch, 'move', full)
    assert get() == 'disk-full' and left(tmp_path) == ['got']
    assert open_bundle(str(tmp_path / 'got'), trust=signing.TRUST).manifest['version'] == '1.0.0'


def test_one_at_a_time_and_over_nothing_else(get, server, tmp_path):
    staging = tmp_path / '.got.fetching'
    staging.mkdir()
    with fetch._alone(str(staging)):
        assert get() == 'fetch-busy'
    (tmp_path / 'got').mkdir()
    Path(str(tmp_path / 'got' / 'mine')).write_text('mine')
    assert get() == 'not-a-bundle' and server.asked == []
