"""Keyboards of languages, and patterns of wristbands."""
import json
import unicodedata

import pytest

from service.entry import DIGITS, KEYBOARDS, PLAIN_NUMBER, page_patterns, parse_keyboards, parse_wristbands
from service.messages import SettingsError


def test_keyboards_in_the_order_of_the_settings():
    assert parse_keyboards('de, EN,de') == ['de', 'en']


@pytest.mark.parametrize('text', ['xx', 'en, english', ' , '])
def test_unknown_keyboards_are_refused(text):
    with pytest.raises(SettingsError) as refused:
        parse_keyboards(text)
    assert refused.value.code == 'keyboard-unknown'


@pytest.mark.parametrize('language', KEYBOARDS)
def test_a_keyboard_has_every_letter_once_and_in_one_piece(language):
    board = KEYBOARDS[language]
    letters = ''.join(board.letters) + ''.join(board.accents) + ''.join(DIGITS)
    assert unicodedata.normalize('NFC', letters) == letters
    for rows in (board.letters, board.accents):
        assert len(set(''.join(rows))) == len(''.join(rows))
        assert max(len(row) for row in rows) <= 12 and len(rows[2]) <= 10
    alphabets = {'en': 'abcdefghijklmnopqrstuvwxyz', 'de': 'abcdefghijklmnopqrstuvwxyzäöüß',
                 'es': 'abcdefghijklmnñopqrstuvwxyzáéíóúü', 'el': 'αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ',
                 'ru': 'абвгдеёжзийклмнопрстуфхцчшщъыьэюя'}
    assert set(alphabets[language]) <= set(letters)


@pytest.mark.parametrize('text', ['[', '[0-9]{8}', '(?i)(?P<id>a)', r'(?P<id>a)\Z', '(?P<id>a)(?P=id)',
                                  '(?P<id>[[:digit:]])', '(?P<id>[0-9]{,8})'])
def test_patterns_that_a_browser_reads_in_another_way_are_refused(text):
    with pytest.raises(SettingsError) as refused:
        parse_wristbands(text)
    assert refused.value.code == 'wristband-pattern'


def test_patterns_of_wristbands():
    assert parse_wristbands(r'(?P<id>[0-9]{8})\^(?P<facility>[A-Z]+) M(?P<id>[0-9]+)')
    assert json.loads(page_patterns(r'M(?P<id>[0-9]+)\x20')) == [r'M(?<id>[0-9]+)\x20']
    assert parse_wristbands(PLAIN_NUMBER) == [PLAIN_NUMBER]
