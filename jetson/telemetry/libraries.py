"""Which TensorRT lies on a machine, told from the name of its library."""
import re

from .sysfs import find

#: Debian's folders of a library, and where a tar archive of NVIDIA is put.
_PLACES = ('usr/lib/*-linux-gnu/libnvinfer.so.*', 'usr/lib/libnvinfer.so.*', 'usr/local/lib/libnvinfer.so.*')


def tensorrt_version(root='/'):
    """Version such as ``'8.2.1'``, or None where none is installed; nothing is imported or loaded."""
    found = [re.search(r'\.so\.([0-9]{1,3}(?:\.[0-9]{1,3}){1,3})$', path)
             for pattern in _PLACES for path in find(root, pattern)]
    versions = [tuple(int(part) for part in hit.group(1).split('.')) for hit in found if hit]
    return '.'.join(str(part) for part in max(versions)) if versions else None
