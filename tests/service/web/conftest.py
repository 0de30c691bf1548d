"""An application around a stub network, and around the shipped one; a camera with a switch."""
import functools
import os
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from werkzeug.routing import Rule

from service.bundle import Manifest
from service.cameras import Camera, Frame
from service.cameras.simulated import SimulatedCamera
from service.clock import Clock
from service.exams import Exams
from service.live import LiveLoop
from service.messages import CameraError
from service.opening import OpenedFiles
from service.pipeline import Pipeline
from service.regions import LEFT_BREAST
from service.sealing import PlainSealer
from service.settings import SHIPPED_BUNDLE, Settings
from service.thermogram import Thermogram
from service.views import VIEWS
from service.web.app import create_app
from service.web.server import Server

from ...fakes import bundles, flir_files, frames
from ...fakes.pipelines import stub_pipeline
from ...fakes.ports import free_port
from .browser import Visit, launched
from .stations import PINS, Inhabited, log_in

#: Far beyond what anything here takes; a test that needs it has failed.
PATIENCE_S = 120.0


#: As long as the shipped model's, so that a page that fits here fits there.
MEANING = ('Probability of a left-right heat pattern as planted in frames that nobody sat for (vascular, focal or '
           'diffuse warming of one breast, or the faint signal of something deeper). It is not a probability of '
           'disease: nothing was ever related to a diagnosis.')


class SwitchedCamera(Camera):
    """A camera that a test unplugs, silences and turns: schematic torsos, or a simulated camera's frames."""

    # It states no rate: a busy machine keeps up with none, and the page would say so.
    name, kind = 'switched camera', 'switched'

    def __init__(self, simulated=None):
        super().__init__()
        self.unplugged = threading.Event()
        self.silent = threading.Event()
        self.flat = threading.Event()
        self._simulated = simulated
        self._sequence = 0

    def _open(self):
        if self.unplugged.is_set():
            raise CameraError('camera-missing', 'The switched camera is not plugged in.', 'Plug it in.')
        if self._simulated is not None:
            self._simulated.open()
        return 'celsius', (240, 320)

    def _close(self):
        if self._simulated is not None:
            self._simulated.close()

    def _read(self, timeout_s):
        if self.unplugged.is_set():
            raise self._gone('plug it in and start it again')
        if self.silent.is_set():
            time.sleep(timeout_s)
            raise self._silent(timeout_s)
        if self._simulated is not None:
            return self._simulated.read(timeout_s)
        time.sleep(0.2)  # every picture is analysed, whoever looks
        self._sequence += 1
        celsius = np.full((240, 320), 22.0)
        if not self.flat.is_set():
            celsius = frames.torso()
            celsius[frames.labels() == LEFT_BREAST] += 0.2 * (self._sequence % 9)
        return Frame(Thermogram.from_celsius(celsius, self.name, reader=self.kind), self._sequence, time.monotonic())


class LocalClient(FlaskClient):
    """A browser on the device."""

    def open(self, *args, **kwargs):
        kwargs.setdefault('base_url', 'http://127.0.0.1:8080')
        return super().open(*args, **kwargs)


class CompiledTemplates(BytecodeCache):
    """Templates as an earlier application of these tests compiled them, which takes longer than most requests."""

    def __init__(self):
        self._known = {}

    @staticmethod
    def _key(bucket):
        return bucket.key, bucket.environment.finalize is None, tuple(sorted(bucket.environment.extensions))

    def load_bytecode(self, bucket):
        if self._key(bucket) in self._known:
            bucket.bytecode_from_string(self._known[self._key(bucket)])

    def dump_bytecode(self, bucket):
        self._known[self._key(bucket)] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True, scope='session')
def compiled_templates():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Flask.jinja_options, 'bytecode_cache', CompiledTemplates())
        yield


@pytest.fixture(autouse=True, scope='session')
def compiled_routes():
    """Routes as an earlier application of these tests compiled them, which takes longer than most requests, too."""
    compile_builder, known = Rule._compile_builder, {}

    def compiled(rule, append_unknown=True):
        key = rule.rule, rule.host, rule.subdomain, repr(rule.defaults), append_unknown
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, '_compile_builder', compiled)
        yield


@pytest.fixture(scope='session')
def stub():
    """A pipeline with a stub network and a whole manifest."""
    with stub_pipeline() as pipeline:
        finding = dict(bundles.document()['finding'], meaning=MEANING)
        document = bundles.document(finding=finding, metrics={
            'regions': {'mean_iou': 0.78125, 'interval': [0.7, 0.8], 'n': 400}})
        pipeline.bundle.manifest = Manifest(document, '5a02cb75' * 8)
        yield pipeline


@pytest.fixture(scope='session')
def regions_only():
    """A pipeline whose model only marks regions."""
    with stub_pipeline(finding=None) as pipeline:
        document = bundles.without_finding(metrics={'miou': 0.78125, 'training_patients': ['0001', '0002'],
                                                    'cameras': ['one', 'other']})
        pipeline.bundle.manifest = Manifest(document, '3c91d0f4' * 8)
        yield pipeline


@pytest.fixture(scope='session')
def side_view():
    """A pipeline that takes every frame for a left oblique view."""
    with stub_pipeline(view='left-oblique') as pipeline:
        pipeline.bundle.manifest = Manifest(bundles.with_views(VIEWS), '2b81cc0a' * 8)
        yield pipeline


@pytest.fixture(scope='session')
def shipped():
    """The pipeline with the bundle that ships."""
    with Pipeline.from_folder(SHIPPED_BUNDLE, threads=1) as pipeline:
        yield pipeline


@pytest.fixture(scope='session')
def files_root(tmp_path_factory):
    """A folder of files as a device may have them, and something beside it that must not be reached."""
    beside = tmp_path_factory.mktemp('device')
    (beside / 'secret.csv').write_text('30;31\n')
    root = beside / 'media'
    visit = root / 'visit 1'
    visit.mkdir(parents=True)
    (root / '.hidden').mkdir()
    celsius = frames.torso()
    np.savetxt(str(visit / 'frontal.csv'), celsius, fmt='%.2f', delimiter=';')
    cv2.imwrite(str(visit / 'grey.png'), np.clip((celsius - 20) * 15, 0, 255).astype(np.uint8))
    cv2.imwrite(str(visit / 'counts.png'), ((celsius + 273.15) * 100).astype(np.uint16))
    np.savetxt(str(visit / 'flat.csv'), np.full((240, 320), 22.0), fmt='%.1f', delimiter=';')
    (visit / 'cut.csv').write_text((visit / 'frontal.csv').read_text()[:9000])
    (visit / 'notes.doc').write_text('no thermogram')
    (visit / 'cooling.seq').write_bytes(b''.join(flir_files.frame(celsius - step, order='<') for step in range(3)))
    (visit / 'hot room.fff').write_bytes(flir_files.frame(celsius, order='<', patch=[(0x28, 'f', 75 + 273.15)]))
    many = root / 'many'
    many.mkdir()
    for number in range(23):
        (many / ('view-%02d.csv' % number)).write_text('empty enough')
    (root / 'out').symlink_to(beside)
    (root / 'out.csv').symlink_to(beside / 'secret.csv')
    (root / 'within.csv').symlink_to(visit / 'frontal.csv')
    return root


@pytest.fixture
def folder(tmp_path):
    """In memory: SQLite waits for the disk."""
    if not os.access('/dev/shm', os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir='/dev/shm', prefix='thermoscreen-') as made:
        yield Path(made)


@pytest.fixture
def exams(folder):
    """A store of exams in the clear, on a disk with room."""
    made = Exams(str(folder / 'exams'), PlainSealer(), None, Clock(synchronised=lambda: True),
                 room=lambda folder: None)
    yield made
    made.close()


@pytest.fixture
def camera():
    return SwitchedCamera()


def live_until_the_end(request, pipeline, camera):
    """A loop that is stopped when the test, or the module that asked, is over."""
    live = LiveLoop(pipeline, lambda: camera, backoff_s=(0.1, 0.2), read_timeout_s=0.5)
    request.addfinalizer(live.stop)
    return live


@pytest.fixture
def make_live(request):
    """Build a loop that is stopped when the test is over."""
    return functools.partial(live_until_the_end, request)


@pytest.fixture
def live(make_live, stub, camera):
    """A loop over `camera` that is not started."""
    return make_live(stub, camera)


@pytest.fixture(scope='session')
def shared_opened(stub):
    """One process that reads files for all tests, since to start one takes longer than most of them."""
    return OpenedFiles(stub, PATIENCE_S)


@pytest.fixture
def app(stub, live, files_root, shared_opened):
    app = create_app(stub, live, Settings(port=8080, max_viewers=2, files_root=str(files_root)))
    shared_opened.clear()
    app.extensions['thermoscreen'] = replace(app.extensions['thermoscreen'], opened=shared_opened)
    return app


@pytest.fixture
def home(folder):
    """A station with operators, of whom nobody is logged in."""
    made = Inhabited(folder / 'exams').settle()
    yield made
    made.close()


@pytest.fixture
def enter(app, home):
    """A client in which somebody of a role is logged in."""
    def as_role(role):
        client = app.test_client()
        assert log_in(client, home.people[role].id, PINS[role]).status_code == 303
        return client
    return as_role


@pytest.fixture
def client(app):
    """A client that calls the application by its right name."""
    app.test_client_class = LocalClient
    return app.test_client()


def starter(request, files_root):
    """What starts a real server over a pipeline and a camera, until the test or the module that asked is over."""
    def start(pipeline, camera, max_viewers=3, port=None, vitals=None, exams=None, sessions=None, **others):
        settings = Settings(port=port or free_port(), max_viewers=max_viewers, files_root=str(files_root), **others)
        live = live_until_the_end(request, pipeline, camera)
        live.start()
        app = create_app(pipeline, live, settings, vitals, exams, sessions)
        app.extensions['thermoscreen'] = replace(app.extensions['thermoscreen'],
                                                 opened=OpenedFiles(pipeline, PATIENCE_S))
        server = Server(app, settings.host, settings.port, on_stop=live.dismiss)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()

        def finish():
            server.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

        request.addfinalizer(finish)
        start.live, start.server, start.thread = live, server, thread
        start.services = app.extensions['thermoscreen']
        return settings.port
    return start


@pytest.fixture
def serve(request, files_root):
    """Start a real server over a pipeline and a camera; returns its port."""
    return starter(request, files_root)


@pytest.fixture(scope='module')
def common_port(request, stub, files_root):
    """Port of one server for all tests of a module that only look at its pages."""
    return starter(request, files_root)(stub, SwitchedCamera(), max_viewers=9)


@pytest.fixture
def simulated():
    """The real simulated camera, small and quick."""
    return SimulatedCamera(seed=7, height=240, width=320, rate_hz=10.0)


def picture_shown(live):
    """Wait until a loop has a picture."""
    sequence = -1
    while not live.state.picture:
        state = live.wait_for(sequence, PATIENCE_S)
        assert state is not None
        sequence = state.sequence
    return live.state


@pytest.fixture(scope='session')
def browser(chromium_path):
    """Chromium, once for all tests."""
    with launched(chromium_path) as browser:
        yield browser


@pytest.fixture
def visit(request, browser):
    """Open pages that are closed when the test is over, and that asked nobody else for anything."""
    def open_page(port, **options):
        seen = Visit(browser, port, **options)

        def finish():
            seen.page.close()
            assert seen.requests and seen.foreign() == []

        request.addfinalizer(finish)
        return seen
    return open_page
