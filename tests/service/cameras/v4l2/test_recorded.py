"""Raw frames of files through the driver, byte for byte."""
import struct

import numpy as np
import pytest

from service.cameras.registry import make_camera
from service.cameras.wire import FORMATS

from ..contract import CameraContract, camera_error
from .scripted import frame_of

P2 = FORMATS['p2pro']


def frames(count):
    return [frame_of(P2, 30.0 + number) for number in range(count)]


def means(spec, clock, count):
    with make_camera(spec, clock) as camera:
        return [round(float(camera.read().thermogram.pixels.mean())) for _ in range(count)]


class TestRecording(CameraContract):
    kind = 'raw'

    def make(self, clock, tmp_path):
        path = tmp_path / 'dump.raw'
        path.write_bytes(b''.join(frames(3)))
        return make_camera('raw:%s?format=p2pro&rate=10' % path, clock)


def test_a_file_of_frames_starts_over(clock, tmp_path):
    path = tmp_path / 'dump.raw'
    path.write_bytes(b''.join(frames(3)) + b'half a frame')
    assert means('raw:%s?format=p2pro' % path, clock, 5) == [30, 31, 32, 30, 31]


def test_a_folder_of_frames(clock, tmp_path):
    for number, data in enumerate(frames(3)):
        (tmp_path / ('%d.bin' % number)).write_bytes(struct.pack('<4H', 384, 256, 8, 2) * (number == 1) + data)
    (tmp_path / 'subfolder').mkdir()
    assert means('raw:%s?format=p2pro' % tmp_path, clock, 3) == [30, 31, 32]


def test_what_a_viewer_put_before_the_frame_is_left_out(clock, tmp_path):
    path = tmp_path / 'TC001.raw'
    path.write_bytes(struct.pack('<4H', 384, 256, 8, 2) + frames(1)[0])
    assert means('raw:%s?format=p2pro' % path, clock, 1) == [30]


def test_a_real_frame_of_a_tc001(clock, shared_data):
    path = shared_data / 'formats' / 'tc001_frame.raw'
    if not path.exists():
        pytest.skip('no recorded frame of a TC001 there')
    with make_camera('raw:%s?format=p2pro' % path, clock) as camera:
        pixels = camera.read().thermogram.pixels
    assert (round(float(pixels.min()), 2), round(float(pixels.max()), 2)) == (16.04, 44.54)


def test_a_damaged_frame_of_a_recording(clock, tmp_path):
    good, other = frames(2)
    (tmp_path / '0.bin').write_bytes(good)
    (tmp_path / '1.bin').write_bytes(other[:500])
    with make_camera('raw:%s?format=p2pro' % tmp_path, clock) as camera:
        camera.read()
        camera_error(camera.read, 'camera-bad-frame')
        assert camera.read().sequence == 2


@pytest.mark.parametrize('content', [b'', b'text', bytes(P2.frame_bytes - 1)])
def test_no_frame_in_it(clock, tmp_path, content):
    path = tmp_path / 'dump.raw'
    path.write_bytes(content)
    camera_error(make_camera('raw:%s?format=p2pro' % path, clock).open, 'camera-bad-frame')


def test_no_such_recording(clock, tmp_path):
    camera = make_camera('raw:%s?format=p2pro' % (tmp_path / 'none'), clock)
    before = camera.changes()
    camera_error(camera.open, 'camera-missing')
    (tmp_path / 'none').write_bytes(frames(1)[0])
    assert camera.changes() != before
    camera.open()
    assert np.isfinite(camera.read().thermogram.pixels).all()


def test_it_takes_no_commands(clock, tmp_path):
    (tmp_path / 'a').write_bytes(frame_of(FORMATS['lepton-y16-telemetry']))
    with make_camera('raw:%s?format=lepton-y16-telemetry' % tmp_path, clock) as camera:
        camera_error(camera.flat_field, 'camera-no-ffc')


def test_commands_that_a_camera_needs_were_given_when_it_was_recorded(clock, tmp_path):
    (tmp_path / 'a').write_bytes(frame_of(FORMATS['t2s']))
    with make_camera('raw:%s?format=t2s' % tmp_path, clock) as camera:
        assert camera.read().thermogram.is_celsius
