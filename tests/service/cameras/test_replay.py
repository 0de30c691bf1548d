"""A folder of thermograms as a camera."""
import numpy as np
import pytest

from service.cameras import replay as module
from service.cameras.registry import make_camera
from service.cameras.replay import ReplayCamera

from .contract import CameraContract, camera_error, is_closed
from .fake_clock import FakeClock

FILES = 4


def write(path, degrees, shape=(48, 64)):
    np.save(str(path), np.full(shape, degrees, np.float32))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'visit'
    folder.mkdir()
    for number in range(FILES):
        write(folder / ('%02d.npy' % number), 30 + number)
    return folder


def degrees(camera, count):
    return [float(camera.read(1.0).thermogram.pixels[0, 0]) for _ in range(count)]


class TestReplayCamera(CameraContract):
    kind = 'replay'

    def make(self, clock, tmp_path):
        for number in range(FILES):
            write(tmp_path / ('%02d.npy' % number), 30 + number)
        return ReplayCamera(str(tmp_path), self.rate_hz, clock=clock)


def test_it_loops_in_the_order_of_names(folder, clock):
    with ReplayCamera(str(folder), 10.0, clock=clock) as camera:
        assert degrees(camera, 6) == [30, 31, 32, 33, 30, 31]


@pytest.mark.parametrize('cache_bytes', [0, 48 * 64 * 4 * 2])
def test_a_small_memory_changes_nothing(folder, clock, monkeypatch, cache_bytes):
    monkeypatch.setattr(module, '_CACHE_BYTES', cache_bytes)
    with ReplayCamera(str(folder), 10.0, clock=clock) as camera:
        assert degrees(camera, 9) == [30, 31, 32, 33, 30, 31, 32, 33, 30]


def test_a_slow_reader_misses_files(folder, clock):
    with ReplayCamera(str(folder), 10.0, clock=clock) as camera:
        degrees(camera, 1)
        clock.pass_s(0.25)
        assert degrees(camera, 1) == [32]


def test_without_a_loop_it_ends(folder, clock):
    with ReplayCamera(str(folder), 10.0, loop=False, clock=clock) as camera:
        assert degrees(camera, FILES) == [30, 31, 32, 33]
        assert 'is over' in camera_error(lambda: camera.read(1.0), 'camera-gone').message.text


def test_without_a_loop_it_ends_at_bad_files_too(folder, clock):
    (folder / '03.npy').write_bytes(b'')
    with ReplayCamera(str(folder), 10.0, loop=False, clock=clock) as camera:
        assert degrees(camera, 3) == [30, 31, 32]
        camera_error(lambda: camera.read(1.0), 'camera-gone')


def test_bad_files_are_skipped_and_counted(folder, clock):
    (folder / '00.npy').write_bytes(b'junk')
    write(folder / '02.npy', 32, (50, 64))
    with ReplayCamera(str(folder), 10.0, clock=clock) as camera:
        assert degrees(camera, 8) == [31, 31, 33, 33, 31, 31, 33, 33]
        described = camera.describe()
        assert (described['files'], described['skipped_files']) == (4, 2)
        assert camera.skipped_files == 2


def test_a_bad_file_is_tried_again_after_opening_again(folder, clock):
    (folder / '00.npy').write_bytes(b'junk')
    camera = ReplayCamera(str(folder), 10.0, clock=clock)
    with camera:
        assert degrees(camera, 1) == [31]
    write(folder / '00.npy', 30)
    with camera:
        assert degrees(camera, 1) == [30] and camera.skipped_files == 0


def test_nothing_but_bad_files_is_no_camera(folder, clock):
    for path in folder.iterdir():
        path.write_bytes(b'junk')
    camera = ReplayCamera(str(folder), clock=clock)
    assert '00.npy' in camera_error(camera.open, 'camera-bad-frame').message.text
    assert is_closed(camera)


def test_a_disk_that_is_pulled(folder, clock, monkeypatch):
    monkeypatch.setattr(module, '_CACHE_BYTES', 0)
    with ReplayCamera(str(folder), 10.0, clock=clock) as camera:
        degrees(camera, 2)
        folder.rename(folder.parent / 'gone')
        camera_error(lambda: camera.read(1.0), 'camera-gone')


@pytest.mark.parametrize('name', ['none', 'empty', 'visit/00.npy'])
def test_no_recording_there(folder, clock, name):
    (folder.parent / 'empty').mkdir()
    camera_error(ReplayCamera(str(folder.parent / name), clock=clock).open, 'camera-missing')


def test_options_of_a_specification(folder, clock):
    for path in folder.iterdir():
        path.unlink()
    np.save(str(folder / 'a.npy'), np.full((48, 64), 3400, np.uint16))
    spec = 'replay:%s?rate=4&loop=0&scale=centicelsius' % folder
    with make_camera(spec, clock) as camera:
        assert degrees(camera, 1) == [34] and camera.rate_hz == 4
        camera_error(lambda: camera.read(1.0), 'camera-gone')
