"""The conditions under which a figure was measured."""
import os
import platform

import cv2
import numpy as np
import onnxruntime


def conditions(threads):
    """One line: machine, processors, versions, threads."""
    return '%s, %d cores seen, Python %s, ONNX Runtime %s, OpenCV %s, numpy %s, threads %s' % (
        processor(), os.cpu_count(), platform.python_version(), onnxruntime.__version__, cv2.__version__,
        np.__version__, threads or 'all')


def processor():
    """The processor's name as Linux states it."""
    try:
        with open('/proc/cpuinfo') as stream:
            names = [line.split(':', 1)[1].strip() for line in stream if line.startswith('model name')]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
