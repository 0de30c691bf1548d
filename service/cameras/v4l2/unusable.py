"""Thermal cameras over USB that this program knows and cannot use, and why; more in docs/cameras.md."""

_NO_FORMULA = 'its maker publishes no formula from its values to temperatures'
_NO_PICTURE = 'its pixels have 8 bits, which is too coarse for temperatures'
_SERIAL = 'it speaks over a serial port, for which there is no driver here'

#: Name and reason by USB vendor and product, four lower-case hexadecimal digits each.
UNUSABLE = {
    ('289d', '0010'): ('Seek Compact', _NO_FORMULA),
    ('289d', '0011'): ('Seek CompactPRO', _NO_FORMULA),
    ('2bdf', '0102'): ('Hikmicro Mini / Topdon TC002C Duo', _NO_PICTURE),
    ('04b4', '0100'): ('InfiRay T2S+ of the second version', 'its host has to correct its picture, and its absolute '
                                                             'temperatures are then unreliable'),
    ('0416', 'b002'): ('Meridian SenXor MI08', _SERIAL),
    ('0416', 'b020'): ('Meridian SenXor MI16', _SERIAL),
    ('0416', '9393'): ('Meridian SenXor MI05', _SERIAL),
}


def why_not(vid, pid):
    """Name and reason of a known camera that cannot be used, or None."""
    return UNUSABLE.get((vid, pid))
