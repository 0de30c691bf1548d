"""Thermal Master P2 and P3: a grey picture, two rows of their own, and temperatures of 1/64 K, 256x386 words.

Rows 0-191 are a picture to look at, rows 192-193 the camera's own, rows 194-385 hold one little-endian word a pixel,
kelvin * 64. A P2 is a UVC camera (``YUYV``); every word of its row 193 is 255, which tells a frame that was moved
sideways on its way. A P3 is no video device: it sends the same rows by bulk transfers between two marks, which
`service.cameras.v4l2.bulk` checks and takes off. Both hold in high gain only, where the cameras reach 150 °C.

Source: four public readers of a P2 with the ids 3474:4281 (layout, step, row 193), P3_PROTOCOL.md of
jvdillon/p3-ir-camera (layout and step of a P3; 3474:45a2). 3474:4321 is on record for a P2 and for the module Tiny2C in
it. No frame of either has been tried here.
"""
from typing import Tuple

import numpy as np

from ...condition import Condition
from .base import WireError, WireFormat, WireReading, absolute, linear_counts

_ROWS, _COLUMNS, _OWN_ROWS = 192, 256, 2
_STEP_K = 1 / 64.0
#: Of a grey pixel that has no colour; and each word of a P2's row 193.
_NEUTRAL, _MARK = 128, 0x00FF


class ThermalMasterFormat(WireFormat):
    """One of the two cameras.

    Args:
        name, camera, usb, bulk, accuracy: as of `WireFormat`. The video device among them has the mark in row 193.
    """

    fourcc = 'YUYV'
    width, height = _COLUMNS, 2 * _ROWS + _OWN_ROWS
    shape = _ROWS, _COLUMNS
    quantum_c = _STEP_K
    rate_hz = 25.0
    netd_mk = 40.0

    def __init__(self, name: str, camera: str, usb: Tuple[Tuple[int, int], ...], bulk: bool, accuracy: str) -> None:
        self.name, self.camera, self.usb, self.bulk, self.accuracy = name, camera, usb, bulk, accuracy

    def _decode(self, words: np.ndarray) -> WireReading:
        if not self.bulk and (words[_ROWS + 1] != _MARK).any():
            raise WireError('The %s sent a damaged frame: its mark is not in its place.' % self.camera,
                            'Check its cable and its USB port, without a hub.', self.name)
        return absolute(words[_ROWS + _OWN_ROWS:].astype(np.uint16), _STEP_K)

    def _encode(self, celsius: np.ndarray, condition: Condition) -> bytes:
        low, high = float(celsius.min()), float(celsius.max())
        grey = np.rint(255 * (celsius - low) / max(high - low, 1e-6)).astype('<u2') | _NEUTRAL << 8
        own = np.full((_OWN_ROWS, _COLUMNS), _MARK)
        return np.concatenate([grey, own, linear_counts(celsius, _STEP_K)]).astype('<u2').tobytes()


FORMATS = (
    ThermalMasterFormat('thermal-master-p2', 'Thermal Master P2', ((0x3474, 0x4281), (0x3474, 0x4321)), False,
                        'The maker states ±1.5 °C and no conditions; trust differences only.'),
    ThermalMasterFormat('thermal-master-p3', 'Thermal Master P3', ((0x3474, 0x45A2),), True,
                        'The maker\'s figure is not on record here; trust differences only.'),
)
