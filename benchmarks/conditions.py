"""The conditions under which a figure was measured."""
import os
import platform
from typing import Union

import cv2
import numpy as np
import onnxruntime

from service.machine import board_facts


def conditions(threads: Union[int, str]) -> str:
    """One line: machine, processors, versions, threads."""
    return '%s, %d cores seen, Python %s, ONNX Runtime %s, OpenCV %s, numpy %s, threads %s' % (
        board_facts()['board'], os.cpu_count() or 0, platform.python_version(), onnxruntime.__version__,
        cv2.__version__, np.__version__, threads or 'all')
