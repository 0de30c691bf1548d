"""The driver: over simulated cameras as a camera, over a scripted device where something is not as it should be."""
import datetime
import errno

import numpy as np
import pytest

from service.cameras.base import EVERY
from service.cameras.v4l2 import Capability, Choice, Chosen, Offer, SimulatedUsbCamera, SimulatedVideoSystem, V4l2Camera
from service.cameras.wire import FORMATS
from service.condition import Condition

from ..contract import CameraContract, camera_error, is_closed
from .scripted import camera_of, error, frame_of, opened


class PlainScene:
    """A gradient that rolls on and grows warmer: no two frames are alike, as counts neither."""

    def __init__(self, seed, height, width):
        self.rows = np.linspace(0, 0.5, height, dtype=np.float32)[:, None] + np.zeros((1, width), np.float32)

    def frame(self, t_s):
        return np.roll(self.rows, int(round(t_s * 10)), 0) + np.float32(30 + t_s % 5)


def simulated(clock, name, rate_hz=10.0, **more):
    unit = SimulatedUsbCamera(FORMATS[name], rate_hz=rate_hz, scene=PlainScene, **more)
    return V4l2Camera(SimulatedVideoSystem([unit], clock), Choice(), clock)


class DriverContract(CameraContract):
    wire = ''

    def make(self, clock, tmp_path):
        return simulated(clock, self.wire, self.rate_hz)

    def test_a_slow_reader_gets_the_newest_frame(self, camera, clock):
        # Four buffers: a short absence is made up for at once; after a longer one what lies there is old.
        camera.open()
        camera.read(1.0)
        clock.pass_s(2.5 / self.rate_hz)
        waits = len(clock.slept)
        frame = camera.read(1.0)
        assert (frame.sequence, frame.missed) == (2, 1) and sum(clock.slept[waits:]) == 0
        clock.pass_s(60.0)
        frame = camera.read(1.0)
        assert frame.missed == EVERY
        assert 0 <= clock.now() - frame.t_monotonic < 1 / self.rate_hz
        following = camera.read(1.0)
        assert (following.sequence, following.missed) == (frame.sequence + 1, 0)


class TestLepton(DriverContract):
    wire = 'lepton-y16-telemetry'


class TestLepton25(DriverContract):
    wire = 'lepton25-y16-telemetry'


class TestP2Pro(DriverContract):
    wire = 'p2pro'


class TestT2S(DriverContract):
    wire = 't2s'


class TestBoson(DriverContract):
    wire = 'boson-320'


def test_temperatures_are_those_of_the_camera(system):
    system.send(frame_of(system.wire, 34.0))
    camera = opened(system)
    frame = camera.read()
    assert frame.thermogram.is_celsius and abs(frame.thermogram.pixels.mean() - 34.0) < 0.01
    provenance = frame.thermogram.provenance
    assert (provenance.source, provenance.reader) == ('FLIR Lepton 3.5', 'lepton-y16-telemetry')
    assert provenance.captured_at.endswith('Z')


def test_a_frame_carries_the_condition_of_its_camera(system):
    said = Condition(ffc='imminent', ffc_age_s=178.0, fpa_c=31.0, uptime_s=400.0, frame_number=12)
    system.send(frame_of(system.wire, condition=said))
    frame = opened(system).read()
    assert frame.condition.ffc == 'imminent' and not frame.condition.usable


@pytest.mark.parametrize('said, tlinear, codes', [
    (Condition(gain='low'), True, ['low-gain']), (Condition(), False, ['no-temperatures']), (Condition(), True, [])])
def test_what_is_only_noted_comes_with_every_thermogram(system, said, tlinear, codes):
    system.fail.update({'xu 5': errno.EIO, 'xu 21': errno.EIO})
    system.send(frame_of(system.wire, condition=said, tlinear=tlinear))
    frame = opened(system).read()
    assert [warning.code for warning in frame.thermogram.provenance.warnings] == codes and frame.condition.usable
    assert frame.thermogram.is_celsius == tlinear


def test_it_describes_what_is_plugged_in(system):
    described = opened(system).describe()
    assert described['format'] == 'lepton-y16-telemetry' and described['usb'] == '1e4e:0100'
    assert described['node'] == '/dev/video0' and described['netd_mk'] == 50.0 and described['warms_up']


def test_format_rate_and_stream_are_asked_for_in_order(system):
    opened(system)
    assert system.asked == ['open', 'query', ('Y16 ', 160, 122), 'set_rate', 'start']


def test_the_newest_of_several_wins_and_the_jump_is_kept(system):
    camera = opened(system)
    for sequence in (3, 4, 5):
        system.send(frame_of(system.wire, 30 + sequence), sequence)
    frame = camera.read()
    assert frame.sequence == 5 and round(float(frame.thermogram.pixels.mean())) == 35
    assert frame.missed == 3, '0, 3 and 4 were there and passed over; 1 and 2 were lost on the way'


def test_when_every_buffer_was_full_the_next_frame_is_waited_for(system):
    camera = opened(system)
    for sequence in range(1, 5):
        system.send(sequence=sequence, age_s=20.0)
    system.frames.append(None)
    system.send(sequence=200)
    assert camera.read().sequence == 200


def test_an_old_frame_is_better_than_none_and_says_how_old_it_is(system, clock):
    camera = opened(system)
    before = datetime.datetime.now(datetime.timezone.utc)
    for sequence in range(1, 5):
        system.send(sequence=sequence, age_s=20.0)
    frame = camera.read(1.0)
    assert frame.sequence == 4 and clock.now() - frame.t_monotonic == pytest.approx(21.0)
    captured = datetime.datetime.strptime(frame.thermogram.provenance.captured_at + '+0000',
                                          '%Y-%m-%dT%H:%M:%S.%fZ%z')
    assert 20 <= (datetime.datetime.now(datetime.timezone.utc) - captured).total_seconds()
    assert (before - captured).total_seconds() <= 21.001


def test_the_sequence_counts_from_the_first_frame_of_this_start(system):
    system.send(sequence=700)
    camera = opened(system)
    assert camera.read().sequence == 0
    system.send(sequence=703)
    assert camera.read().sequence == 3


def test_the_same_sequence_again_is_a_bad_frame(system):
    camera = opened(system)
    camera.read()
    system.send(sequence=0)
    assert 'repeats' in camera_error(camera.read, 'camera-bad-frame').message.text


@pytest.mark.parametrize('data', [b'', bytes(100), bytes(39040 - 2), bytes(39040 + 2), bytes(39040)])
def test_files_without_frames(system, data):
    camera = opened(system)
    system.send(data, sequence=1)
    camera_error(camera.read, 'camera-bad-frame')
    system.send(sequence=2)
    assert camera.read().sequence == 2


def test_what_the_driver_marks_as_damaged_is_not_shown(system):
    camera = opened(system)
    system.send(sequence=1, error=True)
    assert 'damaged' in camera_error(camera.read, 'camera-bad-frame').message.text


def test_a_stream_may_begin_in_the_middle_of_a_frame(system):
    system.send(bytes(5000))
    system.send(error=True)
    system.send()
    with opened(system) as camera:
        assert camera.read().sequence == 0


def test_nothing_but_damage_does_not_open(system):
    for _ in range(3):
        system.send(bytes(5000))
    camera_error(camera_of(system).open, 'camera-bad-frame')
    assert system.asked[-1] == 'close'


def test_damage_without_end_does_not_open_for_ever(system, clock):
    class Endless(list):
        def pop(self, index):
            clock.pass_s(0.1)
            return self[0]
    system.send(bytes(5000))
    system.frames = Endless(system.frames)
    camera_error(camera_of(system).open, 'camera-bad-frame')


def test_a_camera_that_sends_nothing(system, clock):
    before = clock.now()
    camera_error(camera_of(system).open, 'camera-silent')
    assert clock.now() - before == 3.0


@pytest.mark.parametrize('number, code', [
    (errno.ENODEV, 'camera-gone'), (errno.EIO, 'camera-bad-frame'), (errno.EINVAL, 'camera-failed')])
def test_what_the_kernel_says_while_it_runs(system, number, code):
    camera = opened(system)
    camera.read()
    system.frames.append(error(number))
    camera_error(camera.read, code)


@pytest.mark.parametrize('call, number, code', [
    ('open', errno.ENOENT, 'camera-missing'), ('open', errno.EACCES, 'camera-permission'),
    ('query', errno.ENOTTY, 'camera-failed'), ('start', errno.EBUSY, 'camera-busy'),
    ('start', errno.ENOSPC, 'camera-usb-full'), ('query', errno.ENODEV, 'camera-missing')])
def test_what_the_kernel_says_when_it_starts(system, call, number, code):
    system.fail[call] = number
    camera = camera_of(system)
    camera_error(camera.open, code)
    assert is_closed(camera) and (call == 'open' or system.asked[-1] == 'close')


def test_a_rate_that_cannot_be_set_is_the_cameras_own(system):
    system.fail['set_rate'] = errno.ENOTTY
    assert opened(system).rate_hz == 9.0


def test_a_device_that_gives_no_stream(system):
    system.capability = Capability('uvcvideo', 'x', 'usb', True, False)
    camera_error(camera_of(system).open, 'camera-failed')


def test_a_device_that_offers_something_else(system):
    system.offers = [Offer('MJPG', 640, 480)]
    camera_error(camera_of(system).open, 'camera-format')


def test_a_device_that_gives_something_else_than_it_offers(system):
    system.chosen = Chosen('YUYV', 160, 120, 320, 38400)
    camera_error(camera_of(system).open, 'camera-format')


def test_a_device_that_does_not_say_what_it_offers_is_asked(system):
    system.offers = []
    assert opened(system).read().sequence == 0


def test_changes_are_those_of_the_system(system):
    assert camera_of(system).changes() == system.generation()
