"""The contract of every camera."""
import json

import numpy as np
import pytest

from service.cameras import Frame
from service.messages import CameraError

from .fake_clock import FakeClock


def camera_error(call, code):
    """The `CameraError` of a call: one sentence with a stable code."""
    with pytest.raises(CameraError) as caught:
        call()
    error = caught.value
    assert error.code == code, (error.code, error.message.text)
    assert error.message.text.isprintable() and error.message.text.endswith(('.', '?'))
    return error


def is_closed(camera):
    """Whether a camera refuses to be read because it is closed."""
    camera_error(lambda: camera.read(0.0), 'camera-closed')
    return True


class CameraContract:
    """Subclass it for a camera; override `make`."""

    kind = ''
    rate_hz = 10.0

    @pytest.fixture
    def clock(self):
        return FakeClock()

    @pytest.fixture
    def camera(self, clock, tmp_path):
        camera = self.make(clock, tmp_path)
        yield camera
        camera.close()

    def make(self, clock, tmp_path):
        """A camera that works, at `rate_hz`, not opened."""
        raise NotImplementedError

    def test_frames_come_in_order_and_in_time(self, camera, clock):
        camera.open()
        frames = [camera.read(1.0) for _ in range(5)]
        assert [frame.sequence for frame in frames] == list(range(5))
        assert np.allclose(np.diff([frame.t_monotonic for frame in frames]), 1 / self.rate_hz)
        assert all(isinstance(frame, Frame) for frame in frames)
        assert abs(frames[-1].t_monotonic - clock.now()) < 1e-6

    def test_a_frame_is_immutable(self, camera):
        camera.open()
        frame = camera.read(1.0)
        with pytest.raises(AttributeError):
            frame.sequence = 5
        with pytest.raises(ValueError):
            frame.thermogram.pixels[0, 0] = 0

    def test_a_slow_reader_gets_the_newest_frame(self, camera, clock):
        camera.open()
        camera.read(1.0)
        clock.pass_s(7.5 / self.rate_hz)
        waits = len(clock.slept)
        frame = camera.read(1.0)
        assert frame.sequence == 7 and sum(clock.slept[waits:]) == 0
        assert frame.missed >= 6, 'the reader was late, and the cable lost nothing'
        assert 0 <= clock.now() - frame.t_monotonic < 1 / self.rate_hz
        following = camera.read(1.0)
        assert (following.sequence, following.missed) == (8, 0)

    def test_it_waits_no_longer_than_to_the_next_frame(self, camera, clock):
        camera.open()
        camera.read(1.0)
        clock.pass_s(0.25 / self.rate_hz)
        before = clock.now()
        camera.read(60.0)
        assert clock.now() - before == pytest.approx(0.75 / self.rate_hz)

    def test_it_is_silent_for_the_timeout_at_most(self, camera, clock):
        camera.open()
        camera.read(1.0)
        before = clock.now()
        camera_error(lambda: camera.read(0.2 / self.rate_hz), 'camera-silent')
        assert clock.now() - before == pytest.approx(0.2 / self.rate_hz)
        assert camera.read(1.0).sequence == 1

    def test_a_closed_camera_gives_nothing(self, camera):
        camera_error(lambda: camera.read(1.0), 'camera-closed')
        with camera:
            camera.read(1.0)
        camera_error(lambda: camera.read(1.0), 'camera-closed')

    def test_it_evens_its_picture_out_or_says_that_it_cannot(self, camera):
        camera_error(camera.flat_field, 'camera-closed')
        camera.open()
        try:
            camera.flat_field()
        except CameraError as error:
            assert error.code == 'camera-no-ffc' and error.message.text.endswith('.')
        assert camera.read(1.0).sequence == 0

    def test_it_opens_and_closes_again_and_again(self, camera):
        for _ in range(3):
            camera.open()
            camera.open()
            assert camera.read(1.0).sequence == 0
            camera.close()
            camera.close()

    def test_it_is_closed_when_something_fails(self, camera):
        with pytest.raises(RuntimeError):
            with camera:
                raise RuntimeError
        assert is_closed(camera)

    def test_it_describes_itself(self, camera):
        assert camera.describe()['width'] == 0
        camera.open()
        described = camera.describe()
        thermogram = camera.read(1.0).thermogram
        assert (described['width'], described['height']) == (thermogram.width, thermogram.height)
        assert described['unit'] == thermogram.unit
        assert described['kind'] == self.kind and described['rate_hz'] == self.rate_hz
        assert described['accuracy'].endswith('.') and described['name'].isprintable()
        assert 'netd_mk' in described
        assert json.loads(json.dumps(described)) == described
