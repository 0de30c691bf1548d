"""What is entered at a screen without a keyboard: the letters of each language, and the codes on wristbands."""
import json
import re
from typing import Dict, List, NamedTuple, Tuple

from .messages import SettingsError, did_you_mean


class Keyboard(NamedTuple):
    """The letters of one language.

    Attributes:
        name: of the language, in itself; it stands on the key that leads to it.
        letters: three rows, the last of which has room for two more keys.
        accents: three rows of letters that are rarer.
    """

    name: str
    letters: Tuple[str, str, str]
    accents: Tuple[str, str, str]


#: Of names from elsewhere, for every language with Latin letters.
_LATIN = ('áâäãåæąçćčžõ', 'éèêëęíîïłñńź', 'óôöøśšúüßż')

#: Digits and signs, for every language.
DIGITS = ('1234567890', '-_.,:;!?@\'', '+*/=&%#()')

#: Signs of regular expressions that `DIGITS` does not have.
SIGNS = ('[]{}<>', '\\^$|"~')

KEYBOARDS: Dict[str, Keyboard] = {
    'en': Keyboard('English', ('qwertyuiop', 'asdfghjkl', 'zxcvbnm'), _LATIN),
    'de': Keyboard('Deutsch', ('qwertzuiopü', 'asdfghjklöä', 'yxcvbnmß'), _LATIN),
    'es': Keyboard('Español', ('qwertyuiop', 'asdfghjklñ', 'zxcvbnm'), _LATIN),
    'el': Keyboard('Ελληνικά', ('ςερτυθιοπ', 'ασδφγηξκλ', 'ζχψωβνμ'), ('άέήίόύώ', 'ϊϋΐΰ', '')),
    'ru': Keyboard('Русский', ('йцукенгшщзхъ', 'фывапролджэё', 'ячсмитьбю'), ('іїєґў', 'әғқңөұүһ', '')),
}


def parse_keyboards(text: str) -> List[str]:
    """The languages in a list with commas, each once.

    Raises:
        SettingsError: ``keyboard-unknown``.
    """
    found = [word.strip().lower() for word in text.split(',') if word.strip()]
    for word in found:
        if word not in KEYBOARDS:
            raise SettingsError('keyboard-unknown', 'There is no keyboard for the language %r.' % word,
                                did_you_mean(word, list(KEYBOARDS)) or 'There are %s.' % ', '.join(KEYBOARDS))
    if not found:
        raise SettingsError('keyboard-unknown', 'At least one keyboard is needed.',
                            'There are %s.' % ', '.join(KEYBOARDS))
    return list(dict.fromkeys(found))


#: What a pattern may not have: Python and the browser understand it in two ways, or one of them not at all.
_ONE_SIDED = re.compile(r'\(\?(?!P<[a-z_]+>|:)|\\[AZGzkpu]|\[\[|\{,')

#: A number of a patient as most wristbands have it: letters, digits and the signs between them.
PLAIN_NUMBER = '(?P<id>[0-9A-Za-z][0-9A-Za-z./-]{3,31})'


def parse_wristbands(text: str) -> List[str]:
    """The patterns of wristbands in a list with spaces.

    Raises:
        SettingsError: ``wristband-pattern`` for what is no regular expression, has no group ``id``, or means something
            else to a browser.
    """
    for pattern in text.split():
        try:
            names = set() if _ONE_SIDED.search(pattern) else set(re.compile(pattern).groupindex)
        except (re.error, RecursionError, OverflowError):
            names = set()
        if 'id' not in names:
            raise SettingsError('wristband-pattern', 'The pattern %r of a wristband is not understood.' % pattern[:80],
                                'Write such as (?P<id>[0-9]{8}), with one group called id and \\x20 for a space.')
    return text.split()


def page_patterns(text: str) -> str:
    """The patterns of `parse_wristbands` as the page reads them: JSON, in the words of JavaScript."""
    return json.dumps([pattern.replace('(?P<', '(?<') for pattern in text.split()])
