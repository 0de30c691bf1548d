"""A simulated thermogram to try, as a capture file and as CSV: a phantom, so that no patient stands behind it.

``python -m service.samples service/samples`` draws it again.
"""
import os

import numpy as np

from ..capture_file import pack_capture
from ..conversion import convert
from ..durable import atomic_write
from ..radiometry import LinearScale, Raw, Temperatures
from ..simulator import make_phantom
from ..thermogram import Provenance

#: The shipped capture file.
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'phantom.tscap')

#: Of `make_phantom`: a patient whose left breast is warmer, before a camera of 160x120 pixels.
SEED, HEIGHT, WIDTH = 2, 120, 160

_EMISSIVITY = 0.98
#: Counts of 0.01 K, as uncooled cameras send them.
_SCALE = LinearScale(0.01, -273.15)


def write_samples(folder: str) -> None:
    """Draw the phantom and write ``phantom.tscap`` and, converted from it, ``phantom.csv`` with its sidecar.

    Args:
        folder: an existing one; earlier samples in it are replaced.

    Raises:
        StorageError: they cannot be written.
    """
    celsius = make_phantom(SEED, HEIGHT, WIDTH).celsius.astype(np.float64)
    counts = np.rint((celsius - _SCALE.zero_c) / _SCALE.per_count_c).astype(np.uint16)
    provenance = Provenance(source='phantom', reader='simulated', emissivity=_EMISSIVITY,
                            notes=('simulated: a phantom, not a patient',))
    capture = os.path.join(folder, os.path.basename(SAMPLE))
    atomic_write(capture, pack_capture([Raw(counts, Temperatures(_SCALE, {'emissivity': _EMISSIVITY}), provenance)]))
    convert(capture, os.path.join(folder, 'phantom.csv'), replace=True)
