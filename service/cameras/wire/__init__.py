"""Wire formats: the bytes of one frame of each camera, to temperatures and, for simulated cameras, back.

numpy only, no device. To add a format, write a `WireFormat` in a module of its own and list its instances in `FORMATS`.
"""
from typing import Dict, Tuple

from . import boson, gige, lepton, p2pro, thermal_master, topdon_duo, xtherm
from .base import WireError, WireFormat, WireReading
from .gige import GigeFormat

_ALL: Tuple[WireFormat, ...] = (
    lepton.FORMATS + p2pro.FORMATS + thermal_master.FORMATS + topdon_duo.FORMATS + xtherm.FORMATS + boson.FORMATS +
    gige.FORMATS)

#: Every format by its name; of several that one camera offers, the preferred one comes first.
FORMATS: Dict[str, WireFormat] = {wire.name: wire for wire in _ALL}


def formats_for(vendor: int, product: int) -> Tuple[WireFormat, ...]:
    """Formats of a USB device, the preferred one first; empty for a device that is not a known camera."""
    return tuple(wire for wire in _ALL
                 if any(vendor == own_vendor and own_product in (None, product)
                        for own_vendor, own_product in wire.usb))


__all__ = ['FORMATS', 'GigeFormat', 'WireError', 'WireFormat', 'WireReading', 'formats_for']
