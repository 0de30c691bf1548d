"""Wire formats: the bytes of one frame of each camera, to temperatures and, for simulated cameras, back.

numpy only, no device. To add a format, write a `WireFormat` in a file of its own and list its
instances in `FORMATS`.
"""
from . import boson, gige, lepton, p2pro, xtherm
from .base import Decoded, WireError, WireFormat
from .gige import GigeFormat

#: Every format by its name; of several that one camera offers, the one to prefer stands first.
FORMATS = {wire.name: wire for module in (lepton, p2pro, xtherm, boson, gige) for wire in module.FORMATS}


def formats_for(vendor, product):
    """Formats of a USB device, the one to prefer first.

    Args:
        vendor, product (int): USB ids.
    Returns:
        tuple of WireFormat: empty for a device that is no known camera.
    """
    return tuple(wire for wire in FORMATS.values()
                 if any(vendor == known and ids in (None, product) for known, ids in wire.usb))


__all__ = ['Decoded', 'FORMATS', 'GigeFormat', 'WireError', 'WireFormat', 'formats_for']
