"""What is entered at a screen without a keyboard: the letters of each language, and the codes on wristbands."""
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
