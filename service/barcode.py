"""Test codes for a scanner: Code 128 of any text in ASCII, and one QR code, as modules that are dark or light."""
from typing import List

#: What the test codes say: capitals, digits, signs and small letters, which another country's keyboard has elsewhere.
CARD = 'ABCXYZ-019:/_abcxyz'

#: Widths of bars and spaces of each symbol of Code 128, by its value; the last one is the stop [ISO15417].
_WIDTHS = (
    '212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 '
    '123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 '
    '232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 '
    '313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 '
    '111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 '
    '111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 '
    '114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112').split()
_START_B, _STOP = 104, 106

#: `CARD` as a QR code of version 2, level M: rows of 25 modules, the leftmost of which is the highest bit [ISO18004].
_QR = (
    0x1fda37f, 0x1040c41, 0x174575d, 0x1759c5d, 0x175735d, 0x1059541, 0x1fd557f, 0x0014100, 0x1177cf9,
    0x1180fb1, 0x08fc3e0, 0x050c107, 0x16d2c49, 0x19397b5, 0x0747ecc, 0x029abc4, 0x1ff19f9, 0x0014d15,
    0x1fd8154, 0x104d515, 0x1756df9, 0x1741347, 0x174bcca, 0x104696e, 0x1fd5a87)


def code128(text: str) -> str:
    """The modules of a bar code, ``1`` for dark.

    Args:
        text: printable ASCII.

    Raises:
        ValueError: it is not.
    """
    if not text or any(not ' ' <= character <= '~' for character in text):
        raise ValueError('Code 128 B has printable ASCII alone')
    values = [_START_B] + [ord(character) - 32 for character in text]
    check = sum(value * max(1, place) for place, value in enumerate(values)) % 103
    widths = ''.join(_WIDTHS[value] for value in values + [check, _STOP])
    return ''.join('10'[place % 2] * int(width) for place, width in enumerate(widths))


def qr_of_card() -> List[str]:
    """The rows of the QR code of `CARD`, ``1`` for dark."""
    return ['{:025b}'.format(row) for row in _QR]


def path(rows: List[str], height: int = 1) -> str:
    """Rows of modules as the path of an SVG, whose dark modules are one unit wide.

    Args:
        rows: as of `qr_of_card`, or one of `code128`.
        height: of a row, in units.
    """
    return ''.join('M%d %dh1v%dh-1z' % (column, number * height, height) for number, row in enumerate(rows)
                   for column, module in enumerate(row) if module == '1')
