"""FLIR Lepton behind a PureThermal board: ``Y16 ``, centikelvin, low byte first, telemetry as footer.

With telemetry the frame itself says whether its values are temperatures (TLinear), in which steps, and in which gain.
Without, they are 0.01 K by the board's default; a camera that was switched to counts (at most 16383, which would be
-109 °C) or to 0.1 K is then refused by name, never shown.
"""
import numpy as np

from ...condition import Condition
from ...lepton import (
    FPA_C,
    FRAME_SIZES,
    FULL_SCALE_COUNTS,
    WORDS,
    FrameSize,
    Telemetry,
    build_telemetry,
    parse_telemetry,
)
from .base import WireError, WireFormat, WireReading, absolute, linear_counts, relative

PURETHERMAL = (0x1E4E, 0x0100)

#: A Lepton that is not radiometric sends 14-bit counts, about 8192 where the scene is as warm as the sensor and some 35
#: more per kelvin. For the simulated camera only.
_COUNTS_AT_FPA, _COUNTS_PER_K = 8192, 35.0

class LeptonFormat(WireFormat):
    """A Lepton without or with telemetry.

    `encode` carries ``tlinear`` (bool) and ``resolution_k`` (0.1 or 0.01) if there is telemetry to say so.

    Args:
        size: of its frames; telemetry rows are behind the picture.
        accuracy: as of `WireFormat`.
    """

    fourcc = 'Y16 '
    quantum_c = 0.01
    rate_hz = 9.0
    usb = (PURETHERMAL,)
    netd_mk = 50.0

    def __init__(self, size: FrameSize, accuracy: str) -> None:
        self.name, self.camera, self.accuracy = size.name, size.camera, accuracy
        self.shape = size.height, size.width
        self.width, self.height = size.width, size.height + size.telemetry_rows

    @property
    def has_telemetry(self) -> bool:
        """Whether frames report how the camera is."""
        return self.height > self.shape[0]

    def _decode(self, words: np.ndarray) -> WireReading:
        rows = self.shape[0]
        counts = words[:rows].astype(np.uint16)
        if not self.has_telemetry:
            self._check_tlinear(counts)
            return absolute(counts, self.quantum_c)
        try:
            telemetry = parse_telemetry(words[rows:])
        except ValueError as error:
            raise WireError('The %s sent impossible telemetry.' % self.camera, 'Unplug it and plug it in again.',
                            str(error))
        if not telemetry.tlinear or telemetry.condition.agc:
            return relative(counts, telemetry.condition)
        return absolute(counts, telemetry.resolution_k, telemetry.condition)

    def _check_tlinear(self, counts: np.ndarray) -> None:
        """Refuse 14-bit values, which would be colder than -109 °C."""
        if 0 < counts.max() <= FULL_SCALE_COUNTS:
            raise WireError('The %s sends counts, or steps of 0.1 K, and not the temperatures of TLinear with 0.01 K.'
                            % self.camera, 'Let it send its telemetry rows, which say so, or switch TLinear on.',
                            'highest value %d' % counts.max())

    def _encode(self, celsius: np.ndarray, condition: Condition, tlinear: bool = True,
                resolution_k: float = 0.01) -> bytes:
        if not self.has_telemetry and (not tlinear or resolution_k != self.quantum_c):
            raise ValueError('%s has no telemetry to say so' % self.name)
        if tlinear:
            counts = linear_counts(celsius, resolution_k)
        else:
            fpa_c = FPA_C if condition.fpa_c is None else condition.fpa_c
            counts = np.clip(np.rint(_COUNTS_AT_FPA + _COUNTS_PER_K * (celsius - fpa_c)), 0,
                             FULL_SCALE_COUNTS).astype('<u2')
        if not self.has_telemetry:
            return counts.tobytes()
        footer = np.zeros((self.height - self.shape[0]) * self.width, '<u2')
        footer[:WORDS] = build_telemetry(Telemetry(condition, tlinear, resolution_k), counts)
        return counts.tobytes() + footer.tobytes()


_ACCURACY = {'FLIR Lepton 3.5': 'The maker states ±5 °C (high gain, 35 °C blackbody, 25 °C room).',
             'FLIR Lepton 2.5': 'The maker\'s figure is not on record here; a Lepton 3.5 has ±5 °C.'}

FORMATS = tuple(LeptonFormat(size, _ACCURACY[size.camera]) for size in FRAME_SIZES)
