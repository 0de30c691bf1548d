"""What people read, in the language of the station: gettext catalogues, in which finished sentences are found too.

What is kept, logged, or read by programs is English. A page translates what it shows, at the last moment: its own words
by their text, and the sentences of messages and records, in which values stand already, by the form that they were made
of. No sentence therefore has to remember how it was made, and what an older version kept is translated as well.
docs/languages.md says how to write a sentence and how to add a language.
"""
import gettext
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, Match, NamedTuple, Pattern, Tuple

from ..degrees import CELSIUS, FAHRENHEIT, SIGNS, Measured, measured, shown

#: The languages, each by its name in itself. That of the sources has no catalogue.
LANGUAGES = {'en': 'English', 'de': 'Deutsch'}

#: Where the catalogues are: ``LANGUAGE/LC_MESSAGES/thermoscreen.po``.
FOLDER, DOMAIN = Path(__file__).resolve().parent, 'thermoscreen'

#: A placeholder of Python: ``%.1f``; with a name, ``%(number)s``; or, in a translation, with its place, ``%2$s``.
PLACEHOLDER = re.compile(r'%(?:\((\w+)\)|(\d+)\$)?[-+0#]*\d*(?:\.(?:\d+|\*))?([sdfgrxX%])')

#: A form with fewer letters of its own would be found in any sentence.
_LEAST_LETTERS = 4

#: A number as Python writes it.
_NUMBER = '([-+\u2212]?[0-9][0-9a-fA-F.,e+-]*|nan|inf)'

#: A form without temperatures, or with any where pages show °C.
_NOTHING = Measured(False, [])

_BETWEEN_SENTENCES = re.compile(r'(?<=[.?!]) (?=\S)')


def N_(text: str, *others: str) -> str:  # noqa: N802 - what gettext calls it
    """Mark a word or a form for the catalogues where it is made; it is translated where it is shown.

    Sentences that end with a full stop are found without it.

    Args:
        text: comes back as it is.
        others: marked too.
    """
    return text


def placeholders(text: str) -> List[Tuple[str, str]]:
    """Name or place, and kind, of the placeholders of a text, in order of their names."""
    found, place = [], 0
    for name, number, kind in PLACEHOLDER.findall(text):
        if kind != '%':
            place += 1
            found.append((name or number or str(place), kind))
    return sorted(found)


class _Form(NamedTuple):
    """A sentence with placeholders: what finds it, its translation, and which of its values are temperatures in °F."""

    finds: Pattern[str]
    translation: str
    measured: Measured


class Language:
    """The words of one language; safe for any thread.

    Args:
        name: one of `LANGUAGES`.
        unit: in which temperatures are shown, one of `service.degrees.SIGNS`.

    Attributes:
        words: translations by what they translate. One with other placeholders than its original is left out: that
            sentence stays English.
        measured: in °F, which values of a form are temperatures; else nothing.
    """

    def __init__(self, name: str, unit: str = CELSIUS) -> None:
        if name not in LANGUAGES:
            raise ValueError('there is no language %r' % name)
        self.name = name
        found = gettext.translation(DOMAIN, str(FOLDER), [name], fallback=True)
        # The library has no public way to list what it has read.
        entries: Dict[Any, str] = getattr(found, '_catalog', {})
        self.words = {text: entry for text, entry in entries.items()
                      if text and isinstance(text, str) and placeholders(text) == placeholders(entry)}
        self.measured: Dict[str, Measured] = measured(PLACEHOLDER) if unit == FAHRENHEIT else {}
        for text in self.measured:
            self.words[text] = self.words.get(text, text).replace(SIGNS[CELSIUS], SIGNS[FAHRENHEIT])
        self._plural = found.ngettext
        forms = [text for text in self.words if _letters(text) >= _LEAST_LETTERS and _by_place(text)]
        self._forms = [_Form(_finder(text), self.words[text], self.measured.get(text, _NOTHING))
                       for text in sorted(forms, key=_own, reverse=True)]
        #: As `translate` of a sentence, which is often the same as a moment ago.
        self.translated = lru_cache(maxsize=2048)(self.translate)

    def counted(self, one: str, many: str, count: int) -> str:
        """What is said of a number of things, with its placeholders; English where those of the translation differ."""
        says = self._plural(one, many, count)
        return says if placeholders(says) in (placeholders(one), placeholders(many)) else one if count == 1 else many

    def in_unit(self, text: str, values: Mapping[str, Any]) -> Dict[str, Any]:
        """The values of a text by their names, temperatures as they are shown."""
        found = self.measured.get(text, _NOTHING)
        return {name: shown(str(value), found.is_difference) if name in found.places else value
                for name, value in values.items()}

    def translate(self, text: str) -> str:
        """A text as this language says it; the text itself where no catalogue has it.

        Args:
            text: an original, a sentence that was made of one, several sentences, or a word with what is said of it
                behind a colon.
        """
        if not self.words or not text:
            return text
        known = self.words.get(text)
        if known is not None:
            return known
        for form in self._forms:
            found = form.finds.match(text)
            if found:
                values = [self.translated(value) for value in found.groups()]
                for place in form.measured.places:
                    values[int(place) - 1] = shown(values[int(place) - 1], form.measured.is_difference)
                return _filled(form.translation, values)
        sentences = _BETWEEN_SENTENCES.split(text)
        if len(sentences) > 1:
            return ' '.join(map(self.translated, sentences))
        about, colon, said = text.partition(': ')
        return self.words[about] + colon + self.translated(said) if about in self.words else text


def _letters(text: str) -> int:
    return sum(map(str.isalpha, PLACEHOLDER.sub('', text)))


def _own(text: str) -> int:
    """Characters that are the form's own: of two that find a sentence, the one with more is what it was made of."""
    return len(PLACEHOLDER.sub('', text))


def _by_place(text: str) -> bool:
    return any(kind != '%' and not name for name, _, kind in PLACEHOLDER.findall(text))


def _finder(form: str) -> Pattern[str]:
    """What finds the sentences that were made of a form, with their values as groups."""
    parts, end = [], 0
    for hit in PLACEHOLDER.finditer(form):
        parts.append(re.escape(form[end:hit.start()]))
        parts.append({'%': '%', 's': '(.*?)', 'r': '(.*?)'}.get(hit.group(3), _NUMBER))
        end = hit.end()
    return re.compile(''.join(parts) + re.escape(form[end:]) + r'\Z', re.DOTALL)


def _filled(translation: str, values: List[str]) -> str:
    """A translation with the values, which are text already."""
    left = iter(values)

    def value(hit: Match[str]) -> str:
        if hit.group(3) == '%':
            return '%'
        return values[int(hit.group(2)) - 1] if hit.group(2) else next(left)

    return PLACEHOLDER.sub(value, translation)
