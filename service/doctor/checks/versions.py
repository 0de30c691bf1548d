"""Which versions run here."""
import platform

import cv2
import flask
import numpy

from ... import __version__
from ...messages import OK, Message

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata


def check(settings):
    """State the versions of the program, the interpreter and what it stands on."""
    facts = {
        'thermoscreen': __version__,
        'python': platform.python_version(),
        'machine': platform.machine(),
        'system': platform.platform(),
        'numpy': numpy.__version__,
        'opencv': cv2.__version__,
        'flask': metadata.version(flask.__name__),
    }
    return Message('versions-ok', 'thermoscreen %s on Python %s, %s.'
                   % (__version__, facts['python'], facts['machine']), severity=OK, subject='versions', facts=facts)
