"""Whether numpy may crash on this processor."""
import os
import platform
from typing import Mapping, Optional

from service.messages import OK, PROBLEM, Message
from service.settings import Settings

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata  # type: ignore[no-redef]

#: The release whose OpenBLAS misdetects the Nano's processor (numpy issue 18131).
_NUMPY = '1.19.5'
_VARIABLE = 'OPENBLAS_CORETYPE'


def check_openblas(settings: Settings, machine: Optional[str] = None, numpy_version: Optional[str] = None,
                   environ: Mapping[str, str] = os.environ) -> Optional[Message]:
    """Look for numpy 1.19.5 on ARM without the variable that tells its OpenBLAS the type of processor.

    On a Nano, the doctor itself ends with "Illegal instruction" before it can report this. On other boards with the
    same software, this warns before the card is moved to a Nano.
    """
    if (machine or platform.machine()) != 'aarch64' or (numpy_version or metadata.version('numpy')) != _NUMPY:
        return None
    if environ.get(_VARIABLE):
        return Message('numpy-ok', 'numpy %s is told its processor (%s=%s).' % (_NUMPY, _VARIABLE, environ[_VARIABLE]),
                       severity=OK, subject='numpy')
    return Message('openblas-coretype-unset', 'numpy %s ends with "Illegal instruction" on a Jetson Nano unless %s is '
                   'set.' % (_NUMPY, _VARIABLE), 'Start thermoscreen through its service, or run before it: export '
                   '%s=ARMV8' % _VARIABLE, PROBLEM, 'numpy')
