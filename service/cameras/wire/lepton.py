"""FLIR Lepton behind a PureThermal board: ``Y16 ``, centikelvin, low byte first, telemetry as footer.

With telemetry the frame says itself whether its values are temperatures (TLinear) and in which
steps. Without, they are 0.01 K by the board's default; a camera that was switched to counts (at most
16383, which would be -109 C) or to 0.1 K is then refused as impossible, never shown. Source:
groupgets/purethermal1-firmware (frame sizes, byte order, footer).
"""
import numpy as np

from .base import WireFormat, absolute, linear_counts, relative
from .telemetry import Telemetry, build, parse

PURETHERMAL = (0x1E4E, 0x0100)

#: A Lepton that does not know temperatures gives 14-bit counts, about 8192 where the scene is as
#: warm as the sensor and some 35 more per Kelvin. For the simulated camera only.
_COUNTS_AT_FPA, _COUNTS_PER_K, _FULL_SCALE_COUNTS = 8192, 35.0, 0x3FFF


class LeptonFormat(WireFormat):
    """A Lepton without or with telemetry.

    `encode` carries ``tlinear`` (bool) and ``resolution_k`` (0.1 or 0.01) where there is telemetry to
    say so.

    Args:
        name, camera, accuracy (str): as of `WireFormat`.
        height, width (int): of the picture.
        footer_rows (int): rows of telemetry behind it; 0 for none.
    """

    fourcc = 'Y16 '
    quantum_c = 0.01
    rate_hz = 9.0
    usb = (PURETHERMAL,)
    netd_mk = 50.0

    def __init__(self, name, camera, height, width, footer_rows, accuracy):
        self.name, self.camera, self.accuracy = name, camera, accuracy
        self.shape = height, width
        self.width, self.height = width, height + footer_rows

    @property
    def has_telemetry(self):
        """Whether frames say how the camera is."""
        return self.height > self.shape[0]

    def _decode(self, words):
        rows = self.shape[0]
        counts = words[:rows].astype(np.uint16)
        if not self.has_telemetry:
            return absolute(counts, self.quantum_c)
        said = parse(words[rows:].ravel(), self.camera)
        if not said.tlinear or said.condition.agc:
            return relative(counts, said.condition)
        return absolute(counts, said.resolution_k, said.condition)

    def _encode(self, celsius, condition, tlinear=True, resolution_k=0.01):
        if not self.has_telemetry and (not tlinear or resolution_k != self.quantum_c):
            raise ValueError('%s has no telemetry to say so' % self.name)
        if tlinear:
            counts = linear_counts(celsius, resolution_k)
        else:
            fpa_c = 31.0 if condition.fpa_c is None else condition.fpa_c
            counts = np.clip(np.rint(_COUNTS_AT_FPA + _COUNTS_PER_K * (celsius - fpa_c)), 0,
                             _FULL_SCALE_COUNTS).astype('<u2')
        if not self.has_telemetry:
            return counts.tobytes()
        footer = np.zeros((self.height - self.shape[0]) * self.width, '<u2')
        said = build(Telemetry(condition, tlinear, resolution_k), counts)
        footer[:len(said)] = said
        return counts.tobytes() + footer.tobytes()


_ACCURACY_35 = 'The maker states +-5 C (high gain, 35 C black body, 25 C room).'
_ACCURACY_25 = 'The maker\'s figure is not on record here; a Lepton 3.5 has +-5 C.'

FORMATS = (
    LeptonFormat('lepton-y16-telemetry', 'FLIR Lepton 3.5', 120, 160, 2, _ACCURACY_35),
    LeptonFormat('lepton-y16', 'FLIR Lepton 3.5', 120, 160, 0, _ACCURACY_35),
    LeptonFormat('lepton25-y16-telemetry', 'FLIR Lepton 2.5', 60, 80, 3, _ACCURACY_25),
    LeptonFormat('lepton25-y16', 'FLIR Lepton 2.5', 60, 80, 0, _ACCURACY_25),
)
