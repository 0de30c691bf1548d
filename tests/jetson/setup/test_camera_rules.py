"""The udev rules: which device gets which name and rights."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .udev_rules import apply_rules, read_rules

CAMERAS = json.loads(Path(__file__).with_name('camera_ids.json').read_text())


@pytest.fixture(scope='module')
def text(root):
    return (root / 'systemd' / 'udev' / '99-thermoscreen-cameras.rules').read_text()


def device(vendor, product, subsystem='video4linux', index='0', action='add', **environment):
    usb = {'idVendor': vendor, 'idProduct': product}
    # The device's own attributes, those of its interface, of the camera, and of the hub it is plugged into.
    parents = [{}, {'bInterfaceNumber': '00'}, usb, {'idVendor': '1d6b', 'idProduct': '0002'}]
    own = {'index': index} if subsystem == 'video4linux' else {}
    if subsystem == 'usb':
        parents, own = parents[2:], dict(usb, **{'power/control': 'auto'})
        environment['DEVTYPE'] = 'usb_device'
    return {'ACTION': action, 'SUBSYSTEM': subsystem, 'ATTR': own, 'ATTRS': parents, 'ENV': environment}


@pytest.mark.parametrize('camera', CAMERAS, ids=lambda camera: camera['camera'])
def test_camera_has_its_name_and_group_video(text, camera):
    found = apply_rules(read_rules(text), device(camera['vendor'], camera['product'], camera['subsystem']))
    assert (found['GROUP'], found['MODE']) == ('video', '0660')
    assert camera['name'] in found['SYMLINK'] and found['TAG'] == {'systemd'}
    assert ('thermal-camera' in found['SYMLINK']) == (camera['subsystem'] == 'video4linux')


def test_rules_know_these_cameras_and_no_others(text):
    named = re.findall(r'ATTRS\{idVendor\}=="(\w+)", ATTRS\{idProduct\}=="(\w+)"', text)
    assert sorted(named) == sorted({(camera['vendor'], camera['product']) for camera in CAMERAS})
    assert all(re.match('[0-9a-f]{4}$', number) for pair in named for number in pair), 'sysfs writes them in lower case'


def test_cameras_of_one_kind_are_told_apart_by_serial_number(text):
    found = apply_rules(read_rules(text), device('1e4e', '0100', ID_SERIAL_SHORT='8001'))
    assert 'thermal-lepton-8001' in found['SYMLINK']


def test_second_device_of_a_camera_has_no_name(text):
    found = apply_rules(read_rules(text), device('1e4e', '0100', index='1'))
    assert found['GROUP'] == 'video' and not found['SYMLINK']


@pytest.mark.parametrize('other', [
    device('046d', '0825'), device('1e4e', '0101'), device('0100', '1e4e'), device('1e4e', '0100', subsystem='net'),
    device('1e4e', '0100', action='remove'),
    # The vendor of a hub and the product of what is plugged into it are not one camera.
    dict(device('1e4e', '9999'), ATTRS=[{}, {'idVendor': '1e4e', 'idProduct': '9999'}, {'idProduct': '0100'}])])
def test_other_devices_are_left_alone(text, other):
    found = apply_rules(read_rules(text), other)
    assert 'GROUP' not in found and 'MODE' not in found and not found['SYMLINK'] and not found['TAG']


def test_usb_device_is_kept_awake_and_from_modem_manager(text):
    found = apply_rules(read_rules(text), device('09cb', '4007', 'usb'))
    assert found['ENV']['ID_MM_DEVICE_IGNORE'] == '1' and found['GROUP'] == 'video'
    assert 'ATTR{power/control}="on"' in text


def test_nobody_else_may_read_a_camera(text):
    assert set(re.findall(r'MODE="(\d+)"', text)) == {'0660'}
    assert set(re.findall(r'GROUP="(\w+)"', text)) == {'video'}


def test_udev_understands_the_rules(root, text):
    if shutil.which('udevadm') is None:
        pytest.skip('udevadm is not installed here')
    path = root / 'systemd' / 'udev' / '99-thermoscreen-cameras.rules'
    process = subprocess.run(['udevadm', 'verify', str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             universal_newlines=True)
    if 'Unknown command verb' in process.stdout:
        pytest.skip('this udevadm has no verify; it came with systemd 254')
    assert process.returncode == 0, process.stdout
