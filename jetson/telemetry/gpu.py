"""Where a Jetson's GPU is in `/sys`, and how busy it is."""
import re

from .sysfs import find, read_number

#: Names of the integrated GPU's device: Nano and Orin of JetPack 6; TX2; Xavier; Orin of JetPack 5.
_NAMES = re.compile(r'[0-9a-f]+\.(?:gpu|gp10b|gv11b|ga10b)$')
_LOADS = ('sys/devices/gpu.0/load', 'sys/devices/platform/gpu.0/load')


def gpu_folder(root='/'):
    """Folder of the GPU's frequency driver below the root, or None on a machine without one."""
    for pattern in ('sys/devices/gpu.0/devfreq/*', 'sys/class/devfreq/*', 'sys/devices/platform/*.gpu/devfreq/*'):
        for path in find(root, pattern):
            if _NAMES.search(path):
                return path
    return None


def gpu_load_share(root='/'):
    """Share of time the GPU was busy, 0 to 1, or None; the kernel counts in thousandths."""
    folder = gpu_folder(root)
    places = _LOADS if folder is None else _LOADS + (folder + '/device/load',)
    loads = (read_number(root, path, 0.0, 1.0, 1000.0) for path in places)
    return next((load for load in loads if load is not None), None)
