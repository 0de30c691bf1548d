"""The test codes of the scanner's card: Code 128 by its own rules, the QR code by OpenCV's reader."""
import cv2
import numpy as np
import pytest

from service.barcode import _WIDTHS, CARD, code128, path, qr_of_card


def test_every_symbol_of_code_128_is_another_of_eleven_modules():
    assert len(_WIDTHS) == len(set(_WIDTHS)) == 107
    assert {sum(map(int, widths)) for widths in _WIDTHS[:-1]} == {11} and sum(map(int, _WIDTHS[-1])) == 13
    # Bars are even, spaces odd: the parity that a reader checks.
    assert {sum(map(int, widths[::2])) % 2 for widths in _WIDTHS[:-1]} == {0}


def test_a_bar_code_has_start_text_check_digit_and_stop():
    bars = code128('PJJ123C')
    symbols = [_WIDTHS.index(widths) for widths in _runs(bars[:-13])] + [_WIDTHS.index(_runs(bars[-13:], 7)[0])]
    assert symbols == [104, 48, 42, 42, 17, 18, 19, 35, 55, 106]
    assert len(code128(CARD)) == 11 * (len(CARD) + 2) + 13
    for text in ('', 'ä', 'a\n'):
        with pytest.raises(ValueError, match='ASCII'):
            code128(text)


def _runs(bars, size=6):
    """Widths of the symbols in a row of modules."""
    widths = [len(run) for run in bars.replace('10', '1 0').replace('01', '0 1').split(' ')]
    return [''.join(map(str, widths[start:start + size])) for start in range(0, len(widths), size)]


def test_the_qr_code_says_what_the_bar_code_says():
    modules = np.array([[module == '1' for module in row] for row in qr_of_card()])
    picture = np.kron(np.pad(~modules, 4, constant_values=True), np.ones((8, 8))).astype(np.uint8) * 255
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == CARD


def test_a_path_has_one_square_for_every_dark_module():
    assert path(['101', '010']) == 'M0 0h1v1h-1zM2 0h1v1h-1zM1 1h1v1h-1z'
    assert path(['11'], 40) == 'M0 0h1v40h-1zM1 0h1v40h-1z'
