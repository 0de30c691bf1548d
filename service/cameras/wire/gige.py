"""GigE Vision cameras of FLIR, told to send temperatures: A50/A70, A400/A700, A3xx/A6xx and Ax5.

The pictures come without padding, low byte first, in the size that the camera states. Source: FLIR support pages
(IRFormat TemperatureLinear10mK and 100mK; Ax5 TemperatureLinearMode with its two resolutions).
"""
import numpy as np

from ...condition import Condition
from .base import WireFormat, WireReading, absolute, linear_counts

#: Modes by name: (GenICam pixel format, kelvin per count, highest count).
MODES = {
    'gige-10mk': ('Mono16', 0.01, 0xFFFF),
    'gige-100mk': ('Mono16', 0.1, 0xFFFF),
    'ax5-high': ('Mono14', 0.04, 0x3FFF),
    'ax5-low': ('Mono14', 0.4, 0x3FFF),
}


class GigeFormat(WireFormat):
    """One mode at one picture size.

    Args:
        mode: key of `MODES`.
        height, width: of the picture.
    """

    rate_hz = 30.0
    accuracy = 'As the data sheet of the camera states it.'

    def __init__(self, mode: str, height: int, width: int) -> None:
        self.name, self.camera = mode, 'FLIR Ax5' if mode.startswith('ax5') else 'FLIR GigE camera'
        self.fourcc, self._step_k, self.full_scale = MODES[mode]
        self.quantum_c = self._step_k
        self.shape = self.height, self.width = height, width

    def _decode(self, words: np.ndarray) -> WireReading:
        return absolute(words.astype(np.uint16), self._step_k)

    def _encode(self, celsius: np.ndarray, condition: Condition) -> bytes:
        return linear_counts(celsius, self._step_k, self.full_scale).tobytes()


#: In the sizes of an A50 and an A35; `GigeFormat` makes any other.
FORMATS = tuple(GigeFormat(mode, *((256, 320) if mode.startswith('ax5') else (348, 464))) for mode in MODES)
