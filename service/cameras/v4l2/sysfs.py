"""Which video devices there are, read from /sys/class/video4linux without opening one."""
import os
import re

from .seam import Node

_CLASS = os.path.join('sys', 'class', 'video4linux')
_NODE = re.compile('video([0-9]+)')
#: No attribute that is read here is longer; a longer one is garbage and is cut.
_LONGEST_BYTES = 256


def node_names(root='/'):
    """Names such as ``'video0'``, by number; empty where there is no such folder."""
    try:
        names = os.listdir(os.path.join(root, _CLASS))
    except OSError:
        return []
    return sorted((name for name in names if _NODE.fullmatch(name)), key=lambda name: int(name[5:]))


def stamp(name, root='/'):
    """Something that changes when a node is made anew or its rights change; None where it is not there."""
    try:
        found = os.stat(os.path.join(root, 'dev', name))
    except OSError:
        return None
    return found.st_ino, found.st_rdev, found.st_ctime_ns


def describe(name, root='/'):
    """The `Node` of a name.

    `Node.capture` is what the index says: a UVC camera's picture comes first, and what it says about its pictures is a
    node of index 1. Whoever may open the node can ask it better.
    """
    folder = os.path.join(root, _CLASS, name)
    usb = usb_folder(name, root)
    index = _attribute(folder, 'index')
    return Node(os.path.join('/dev', name), _attribute(folder, 'name') or name,
                _attribute(usb, 'idVendor').lower(), _attribute(usb, 'idProduct').lower(), _attribute(usb, 'serial'),
                os.path.basename(usb), index in ('', '0'))


def usb_devices(root='/'):
    """Every USB device as a `Node` without a path, in the order of its plug."""
    devices = os.path.join(root, 'sys', 'bus', 'usb', 'devices')
    try:
        names = sorted(os.listdir(devices))
    except OSError:
        return []
    folders = [os.path.join(devices, name) for name in names]
    return [Node('', _attribute(folder, 'product') or 'USB device', _attribute(folder, 'idVendor').lower(),
                 _attribute(folder, 'idProduct').lower(), _attribute(folder, 'serial'), os.path.basename(folder), False)
            for folder in folders if os.path.exists(os.path.join(folder, 'idVendor'))]


def usb_folder(name, root='/'):
    """Folder of the USB device that a node belongs to, or ``''``.

    The node's ``device`` is one interface of it; the device is the first folder above that has a vendor.
    """
    top = os.path.realpath(os.path.join(root, 'sys'))
    folder = os.path.realpath(os.path.join(root, _CLASS, name, 'device'))
    while folder.startswith(top + os.sep):
        if os.path.exists(os.path.join(folder, 'idVendor')):
            return folder
        folder = os.path.dirname(folder)
    return ''


def usb_path(name, root='/'):
    """Path of the USB device of a node, such as ``'/dev/bus/usb/001/004'``, or ``''``."""
    usb = usb_folder(name, root)
    bus, device = _attribute(usb, 'busnum'), _attribute(usb, 'devnum')
    if not (bus.isdigit() and device.isdigit()):
        return ''
    return '/dev/bus/usb/%03d/%03d' % (int(bus), int(device))


def _attribute(folder, name):
    """An attribute as one printable line, or ``''``."""
    if not folder:
        return ''
    try:
        with open(os.path.join(folder, name), 'rb') as file:
            text = file.read(_LONGEST_BYTES).decode('utf-8', 'replace')
    except OSError:
        return ''
    return ''.join(character for character in text.strip() if character.isprintable())
