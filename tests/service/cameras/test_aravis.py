"""Network cameras, over a fake Aravis."""
import builtins
import sys

import numpy as np
import pytest

from service.cameras.aravis import AravisCamera
from service.cameras.base import EVERY
from service.cameras.specification import Options
from tests.fakes.aravis_double import NetworkCamera, install

from .contract import CameraContract, camera_error, is_closed
from .fake_clock import FakeClock

VERSIONS = ('0.6', '0.8')


def picture(number):
    """Every pixel says which frame it is."""
    return np.full((48, 64), 30 + number / 10.0, np.float32)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def network(monkeypatch, clock, version='0.8', **options):
    unit = NetworkCamera(clock, picture, **options)
    install(monkeypatch, [unit], version)
    return unit, AravisCamera(clock=clock, wall=unit.wall)


class TestAravisCamera(CameraContract):
    kind = 'gige'

    @pytest.fixture(autouse=True)
    def installed(self, monkeypatch, version):
        self._patch, self._version = monkeypatch, version

    def make(self, clock, tmp_path):
        return network(self._patch, clock, self._version)[1]


@pytest.mark.parametrize('asked, features, chosen, step', [
    ('', {'IRFormat': 'Radiometric'}, 'gige-10mk', 0.01),
    ('gige-100mk', {'IRFormat': 'Radiometric'}, 'gige-100mk', 0.1),
    ('', {'TemperatureLinearMode': 'Off', 'TemperatureLinearResolution': 'Low'}, 'ax5-high', 0.04),
    ('ax5-low', {'TemperatureLinearMode': 'Off', 'TemperatureLinearResolution': 'High'}, 'ax5-low', 0.4)])
def test_the_camera_is_set_to_send_temperatures(monkeypatch, clock, version, asked, features, chosen, step):
    unit, _ = network(monkeypatch, clock, version, features=features)
    with AravisCamera(mode=asked, clock=clock, wall=unit.wall) as camera:
        frame = camera.read(1.0)
    assert unit.mode() == chosen and not unit.running
    assert frame.thermogram.is_celsius and frame.thermogram.provenance.reader == chosen
    assert np.abs(frame.thermogram.pixels - 30.0).max() <= step / 2 + 1e-5
    assert frame.condition.usable


def test_its_name_rate_and_trust(monkeypatch, clock):
    unit, camera = network(monkeypatch, clock, rate_hz=25.0)
    with camera:
        described = camera.describe()
    assert described['name'] == 'network camera FLIR A50' and described['rate_hz'] == 25.0
    assert described['warms_up'] and 'data sheet' in described['accuracy']


def test_a_camera_by_its_address(monkeypatch, clock, version):
    units = [NetworkCamera(clock, picture, address='192.168.2.%d' % number, model='A%d' % number)
             for number in (10, 11)]
    install(monkeypatch, units, version)
    with AravisCamera('192.168.2.11', clock=clock, wall=units[1].wall) as camera:
        assert camera.read().thermogram.pixels[0, 0] == 30
    assert (units[0].opened, units[1].opened) == (0, 1)


def test_no_camera(monkeypatch, clock, version):
    install(monkeypatch, [], version)
    assert 'network card' in camera_error(AravisCamera(clock=clock).open, 'camera-missing').message.text


def test_a_camera_that_is_used_by_another(monkeypatch, clock, version):
    _, camera = network(monkeypatch, clock, version, busy=True)
    camera_error(camera.open, 'camera-missing')
    camera_error(AravisCamera('192.168.2.99', clock=clock).open, 'camera-missing')


def test_a_camera_without_temperatures(monkeypatch, clock, version):
    _, camera = network(monkeypatch, clock, version, features={'Gain': '1'})
    error = camera_error(camera.open, 'camera-no-temperatures')
    assert 'IRFormat' in error.message.text and is_closed(camera)


def test_a_mode_that_the_camera_lacks(monkeypatch, clock):
    unit, _ = network(monkeypatch, clock)
    camera = AravisCamera(mode='ax5-high', clock=clock, wall=unit.wall)
    assert 'ax5-high' in camera_error(camera.open, 'camera-no-temperatures').message.text


def test_a_setting_that_was_not_taken_is_never_trusted(monkeypatch, clock):
    _, old = network(monkeypatch, clock, '0.6', stubborn=True)
    assert 'IRFormat' in camera_error(old.open, 'camera-no-temperatures').message.text
    _, new = network(monkeypatch, clock, '0.8', stubborn=True)
    assert 'locked' in camera_error(new.open, 'camera-failed').detail


def test_damaged_frames_are_passed_over(monkeypatch, clock, version):
    _, camera = network(monkeypatch, clock, version, damaged={1, 2})
    with camera:
        frames = [camera.read(1.0) for _ in range(3)]
    assert [(frame.sequence, frame.missed) for frame in frames] == [(0, 0), (3, 0), (4, 0)], 'lost on the way'


def test_nothing_but_damaged_frames(monkeypatch, clock, version):
    _, camera = network(monkeypatch, clock, version, damaged=set(range(1, 100)))
    with camera:
        camera.read()
        assert 'firewall' in camera_error(lambda: camera.read(1.0), 'camera-bad-frame').message.text


def test_frames_that_are_too_short(monkeypatch, clock):
    _, camera = network(monkeypatch, clock, short=2)
    assert '6142 bytes' in camera_error(camera.open, 'camera-bad-frame').message.text


def test_a_camera_that_sends_nothing(monkeypatch, clock, version):
    _, camera = network(monkeypatch, clock, version, silent=True)
    before_s = clock.now()
    camera_error(camera.open, 'camera-silent')
    assert clock.now() - before_s == pytest.approx(5.0)


def test_a_cable_that_is_pulled_and_plugged_in_again(monkeypatch, clock, version):
    unit, camera = network(monkeypatch, clock, version)
    camera.open()
    camera.read()
    unit.lose()
    assert 'cable' in camera_error(lambda: camera.read(1.0), 'camera-gone').message.text
    camera.close()
    with camera:
        assert camera.read(1.0).sequence == 0


def test_a_late_signal_of_the_previous_connection_is_ignored(monkeypatch, clock, version):
    unit, camera = network(monkeypatch, clock, version)
    camera.open()
    camera.close()
    with camera:
        unit.lost_callbacks[0](None)
        assert camera.read(1.0).sequence == 0
        unit.lose()
        camera_error(lambda: camera.read(1.0), 'camera-gone')


def test_after_a_long_absence_the_next_frame_is_given_not_an_old_one(monkeypatch, clock, version):
    unit, camera = network(monkeypatch, clock, version)
    with camera:
        camera.read()
        clock.pass_s(30.05)
        frame = camera.read(1.0)
    assert frame.sequence == 301 and clock.now() - frame.t_monotonic < 1 / unit.rate_hz
    assert frame.missed == EVERY
    assert frame.thermogram.pixels[0, 0] == pytest.approx(30 + 30.1)


def test_ids_begin_again(monkeypatch, clock):
    _, camera = network(monkeypatch, clock, first_id=65534)
    with camera:
        assert [camera.read(1.0).sequence for _ in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize('shift_s', [-3600.0, 3600.0])
def test_a_clock_that_was_set_makes_no_age(monkeypatch, clock, shift_s):
    unit, _ = network(monkeypatch, clock)
    with AravisCamera(clock=clock, wall=lambda: unit.wall() + shift_s) as camera:
        assert camera.read().t_monotonic == pytest.approx(clock.now(), abs=1e-6)


def test_the_age_of_a_frame_is_kept(monkeypatch, clock):
    _, camera = network(monkeypatch, clock)
    with camera:
        camera.read()
        clock.pass_s(0.15)
        assert clock.now() - camera.read().t_monotonic == pytest.approx(0.05, abs=1e-5)


def test_without_aravis(monkeypatch, clock):
    install(monkeypatch, [], version='')
    assert 'apt install' in camera_error(AravisCamera(clock=clock).open, 'camera-library').message.text


def test_without_pygobject(monkeypatch, clock):
    real_import = builtins.__import__

    def without_gi(name, *arguments, **named):
        if name.split('.')[0] == 'gi':
            raise ImportError('No module named gi')
        return real_import(name, *arguments, **named)
    for name in [name for name in sys.modules if name.split('.')[0] == 'gi']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, '__import__', without_gi)
    camera_error(AravisCamera(clock=clock).open, 'camera-library')


def from_spec(spec, where, **options):
    return AravisCamera.from_spec(where, Options(spec, options), FakeClock())


def test_specifications(monkeypatch, clock):
    install(monkeypatch, [], '0.8')
    assert from_spec('gige', '').name == 'network camera'
    camera_error(from_spec('gige:192.168.2.9?mode=ax5-low', '192.168.2.9', mode='ax5-low').open, 'camera-missing')
    camera_error(lambda: from_spec('gige:/etc', '/etc'), 'camera-spec')
    camera_error(lambda: from_spec('gige?mode=16', '', mode='16'), 'camera-spec')
    camera_error(lambda: from_spec('gige?rate=3', '', rate='3'), 'camera-spec')
