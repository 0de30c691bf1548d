"""Whether numpy may die on this processor."""
import os
import platform

from service.messages import OK, PROBLEM, Message

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata

#: The release whose OpenBLAS takes the Nano's processor for another one (numpy #18131).
_NUMPY = '1.19.5'
_VARIABLE = 'OPENBLAS_CORETYPE'


def check(settings, machine=None, numpy_version=None, environ=os.environ):
    """Look for numpy 1.19.5 on ARM without the variable that tells its OpenBLAS which processor it is on.

    Where it strikes, on the Nano, the doctor itself ends with "Illegal instruction" before it can say so. On other
    boards of the same software it speaks up before a card is moved to a Nano.
    """
    machine = machine or platform.machine()
    if machine != 'aarch64' or (numpy_version or metadata.version('numpy')) != _NUMPY:
        return None
    if environ.get(_VARIABLE):
        return Message('numpy-ok', 'numpy %s is told its processor (%s=%s).' % (_NUMPY, _VARIABLE, environ[_VARIABLE]),
                       severity=OK, subject='numpy')
    return Message('openblas-coretype-unset', 'numpy %s ends with "Illegal instruction" on a Jetson Nano unless %s is '
                   'set.' % (_NUMPY, _VARIABLE), 'Start thermoscreen through its service, or set it before: export '
                   '%s=ARMV8' % _VARIABLE, PROBLEM, 'numpy')
