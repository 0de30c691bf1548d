"""The simulated camera and the faults it can have."""
import numpy as np
import pytest

from service.cameras.registry import make_camera
from service.cameras.simulated import Fault, SimulatedCamera
from service.simulator import Scene

from .contract import CameraContract, camera_error, is_closed
from .fake_clock import FakeClock


class PlainScene:
    """A scene that costs nothing: every pixel says the time."""

    def __init__(self, seed, height, width):
        self.shape = height, width

    def frame(self, t_s):
        return np.full(self.shape, 30 + t_s, np.float32)


def plain(clock, fault=None, scene=PlainScene):
    return SimulatedCamera(3, 60, 80, 10.0, fault, clock, scene)


class TestSimulatedCamera(CameraContract):
    kind = 'sim'

    def make(self, clock, tmp_path):
        return plain(clock)


class TestRealScene(CameraContract):
    kind = 'sim'

    def make(self, clock, tmp_path):
        return SimulatedCamera(3, 60, 80, 10.0, clock=clock)

    def test_the_same_seed_gives_the_same_frames(self, camera, clock):
        with camera, self.make(FakeClock(5.0), None) as twin:
            for _ in range(3):
                assert np.array_equal(camera.read().thermogram.pixels, twin.read().thermogram.pixels)

    def test_it_is_the_scene(self, camera):
        with camera:
            camera.read()
            assert np.array_equal(camera.read().thermogram.pixels, Scene(3, 60, 80).frame(0.1))


def test_a_frame_says_where_it_comes_from():
    with plain(FakeClock()) as camera:
        provenance = camera.read().thermogram.provenance
    assert provenance.source == 'simulated camera 3' and provenance.captured_at.endswith('Z')
    assert not provenance.mirrored


@pytest.fixture
def clock():
    return FakeClock()


def test_it_stops_and_comes_back(clock):
    with plain(clock, Fault('stop', after_s=2, for_s=3)) as camera:
        start = clock.now()
        assert camera.read(1.0).sequence == 0
        clock.pass_s(2)
        camera_error(lambda: camera.read(1.0), 'camera-silent')
        assert clock.now() == start + 3
        camera_error(lambda: camera.read(1.0), 'camera-silent')
        frame = camera.read(1.5)
        assert clock.now() == start + 5 and frame.sequence == 50


def test_it_is_unplugged_and_plugged_in_again(clock):
    camera = plain(clock, Fault('unplug', after_s=2, for_s=3))
    camera.open()
    clock.pass_s(2.05)
    camera_error(lambda: camera.read(1.0), 'camera-gone')
    camera.close()
    camera_error(camera.open, 'camera-missing')
    assert is_closed(camera)
    clock.pass_s(3)
    with camera:
        assert camera.read(1.0).sequence == 0


def test_it_sends_garbage_for_a_while(clock):
    with plain(clock, Fault('garbage', after_s=0, for_s=1)) as camera:
        camera_error(lambda: camera.read(1.0), 'camera-bad-frame')
        clock.pass_s(1)
        assert camera.read(1.0).sequence == 10


@pytest.mark.parametrize('frame', [np.full((60, 80), np.nan), np.zeros((60, 80, 3)), np.zeros((2, 2))])
def test_a_broken_scene_is_a_bad_frame(clock, frame):
    class Broken(PlainScene):
        def frame(self, t_s):
            return frame
    with plain(clock, scene=Broken) as camera:
        camera_error(lambda: camera.read(1.0), 'camera-bad-frame')


def test_a_frame_of_another_size_is_a_bad_frame(clock):
    class Growing(PlainScene):
        def frame(self, t_s):
            return np.zeros((60, 80 + int(t_s * 100)), np.float32)
    with plain(clock, scene=Growing) as camera:
        camera.read()
        camera_error(lambda: camera.read(1.0), 'camera-bad-frame')


def test_options_of_a_specification(clock):
    camera = make_camera('sim:7?rate=4&width=96&height=64&fault=stop&after=30&for=5', clock)
    with camera:
        described = camera.describe()
        assert (described['width'], described['height'], described['rate_hz']) == (96, 64, 4)
        clock.pass_s(30)
        camera_error(lambda: camera.read(5 - 0.1), 'camera-silent')
        assert camera.read(1.0).sequence == 140


def test_a_frozen_read_ignores_its_timeout():
    clock = FakeClock()
    with plain(clock, Fault('freeze', 2.0, 30.0)) as camera:
        camera.read()
        clock.pass_s(2.0)
        before_s = clock.now()
        assert camera.read(0.1).sequence >= 320 - 1
        assert clock.now() - before_s >= 30.0 - 1e-6
