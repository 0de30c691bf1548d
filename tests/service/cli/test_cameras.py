"""``thermoscreen cameras``: for a person and for a program."""
import json

import pytest
from click.testing import CliRunner

from service.cameras import v4l2
from service.cameras.v4l2 import Node, SimulatedUsbCamera, SimulatedVideoSystem
from service.cameras.wire import FORMATS
from service.cli import program
from tests.service.cameras.fake_clock import FakeClock
from tests.service.cameras.v4l2.scripted import ScriptedSystem


def run(monkeypatch, system, *arguments):
    monkeypatch.setattr(v4l2, 'LinuxVideoSystem', lambda: system)
    result = CliRunner().invoke(program, ['cameras'] + list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def two():
    return SimulatedVideoSystem([SimulatedUsbCamera(FORMATS['lepton-y16-telemetry']),
                                 SimulatedUsbCamera(FORMATS['boson-320'], number=1)], FakeClock())


def test_nothing_is_one_line_with_the_next_step(monkeypatch):
    output = run(monkeypatch, SimulatedVideoSystem(clock=FakeClock()))
    assert output.count('\n') == 1 and '--camera simusb:lepton' in output
    assert json.loads(run(monkeypatch, SimulatedVideoSystem(clock=FakeClock()), '--json')) == []


def test_for_a_person(monkeypatch, two):
    lines = run(monkeypatch, two).splitlines()
    assert lines[0] == '/dev/video0    FLIR Lepton 3.5 (1e4e:0100, serial SIM0001)'
    assert 'Degrees Celsius, 160x120, 9 Hz, noise (NETD) 50 mK. The maker states ±5 °C' in lines[1]
    assert lines[2].strip() == '--camera usb'
    assert 'Counts without temperatures, 320x256, 30 Hz' in lines[4]
    assert lines[5].strip() == '--camera usb:09cb:4007'


def test_for_a_program(monkeypatch, two):
    first, second = json.loads(run(monkeypatch, two, '--json'))
    assert first['spec'] == 'usb' and first['delivers']['unit'] == 'celsius' and first['problem'] is None
    assert second['delivers']['unit'] == 'relative' and second['path'] == '/dev/video1'


def test_an_unknown_device_has_its_code_and_no_specification(monkeypatch):
    output = run(monkeypatch, ScriptedSystem(FakeClock(), node=Node('/dev/video0', 'HD Webcam', '046d', '0825')))
    assert 'HD Webcam (046d:0825)' in output and '[camera-unknown]' in output and '--camera' not in output


def test_a_camera_without_a_stated_noise(monkeypatch):
    system = ScriptedSystem(FakeClock(), FORMATS['p2pro'])
    assert 'noise not stated by the maker' in run(monkeypatch, system)
