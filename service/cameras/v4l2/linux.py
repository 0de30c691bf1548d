"""The video devices of this machine's kernel.

Has not run on a camera yet; see `linux_device`.
"""
import os
import threading
from dataclasses import replace

from . import sysfs
from .calls import KernelCalls
from .linux_device import LinuxVideoDevice
from .seam import VideoSystem
from .unusable import why_not


class LinuxVideoSystem(VideoSystem):
    """`VideoSystem` of /sys/class/video4linux and /dev. Any thread may ask.

    Args:
        root (str): folder that stands for ``/``; another one holds a fake or a recorded tree.
        calls (KernelCalls): what the kernel is asked through.
    """

    def __init__(self, root='/', calls=None):
        self._root = root
        self._calls = calls or KernelCalls()
        self._lock = threading.Lock()
        self._seen = None
        self._generation = 0
        self._captures = {}

    def nodes(self):
        return [self._checked(name) for name in sysfs.node_names(self._root)]

    def others(self):
        video = {sysfs.describe(name, self._root).bus for name in sysfs.node_names(self._root)}
        return [node for node in sysfs.usb_devices(self._root) if why_not(node.vid, node.pid) and node.bus not in video]

    def open(self, path):
        # By its real name, because /dev/thermal-camera and /dev/v4l/by-id/... are links to it.
        real = os.path.realpath(self._below(path))
        usb_path = sysfs.usb_path(os.path.basename(real), self._root)
        return LinuxVideoDevice(real, self._below(usb_path) if usb_path else '', self._calls)

    def generation(self):
        seen = [(name, sysfs.stamp(name, self._root)) for name in sysfs.node_names(self._root)]
        with self._lock:
            if seen != self._seen:
                self._seen = seen
                self._generation += 1
            return self._generation

    def _checked(self, name):
        """The node of a name; whether it carries pictures is asked once of every node that may be opened."""
        node = sysfs.describe(name, self._root)
        key = name, sysfs.stamp(name, self._root)
        if key not in self._captures:
            try:
                device = self.open(node.path)
            except OSError:
                return node
            try:
                self._captures[key] = device.query().capture
            except OSError:
                return node
            finally:
                device.close()
        return replace(node, capture=self._captures[key])

    def _below(self, path):
        return os.path.join(self._root, path.lstrip('/'))
