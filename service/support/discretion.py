"""What a support bundle must not say: where it is left out, a sentence stands in its place.

A patient's name reaches the machine through exams, whose contents no part reads, and through names that people give to
folders and files. So a text of the settings is told only where the program or its installer chose it, and whatever
repeats another one is left out whole, wherever it stands.
"""
import re
import unicodedata
from dataclasses import fields
from typing import Any, Dict, Iterable, List, Pattern, Set

from ..cameras.specification import split_spec
from ..settings import Settings

LEFT_OUT = '(left out: it may name a person)'

#: Places that the program and its installer choose.
_OWN_PLACES = ('/var/lib/thermoscreen', '/etc/thermoscreen', '/opt/thermoscreen', '/run/thermoscreen')
#: Parts of paths that name nobody.
_USUAL = frozenset('media mnt home srv var lib etc opt run usr tmp root data disk usb sda sdb boot thermoscreen exams '
                   'bundle bundles engines settings tokens keys state audit anchor service samples files folder work '
                   'program replay raw sim'.split())
#: Names of operators that the page proposes.
_PROPOSED = re.compile(r'(supervisor|demo|operator( \d+)?)\Z', re.IGNORECASE)
_LEAST = 2
#: Kinds of cameras that are a folder or a file.
_NAMED_BY_PEOPLE = ('replay', 'raw')
_DEFAULTS = {entry.name: entry.default for entry in fields(Settings)}


class Discretion:
    """Leaves out what may name a person.

    Args:
        settings: of the station.
        names: of people that are known to the program, such as operators.
    """

    def __init__(self, settings: Settings, names: Iterable[str] = ()) -> None:
        words: Set[str] = set()
        for value in _private_texts(settings):
            words.add(value)
            words.update(part for part in re.split(r'[/:?&=,\\]', value) if part.casefold() not in _USUAL)
        for name in names:
            if not _PROPOSED.match(name):
                words.update([name] + name.split())
        self._patterns: List[Pattern[str]] = [_pattern(word) for word in sorted(words) if len(word) >= _LEAST]

    def text(self, text: str) -> str:
        """The text, or `LEFT_OUT`."""
        folded = _folded(text)
        return LEFT_OUT if any(pattern.search(folded) for pattern in self._patterns) else text

    def values(self, values: Any) -> Any:
        """JSON values with every text in them as `text` gives it."""
        if isinstance(values, str):
            return self.text(values)
        if isinstance(values, dict):
            return {self.text(str(key)): self.values(value) for key, value in values.items()}
        if isinstance(values, (list, tuple)):
            return type(values)(self.values(value) for value in values)
        return values if values is None or isinstance(values, (bool, int, float)) else self.text(str(values))


def told_settings(settings: Settings) -> Dict[str, Any]:
    """Every setting: numbers and choices as they are, a text where it names nobody, else whether it is set."""
    told = {entry.name: getattr(settings, entry.name) for entry in fields(settings)}
    told.update((name, '(set)') for name, value in _free_texts(settings).items() if not _is_ours(name, value))
    return dict(told, camera=split_spec(settings.camera)[0])


def _free_texts(settings: Settings) -> Dict[str, str]:
    """The settings that may be any text, by name; of the camera what follows its kind."""
    texts = {entry.name: str(getattr(settings, entry.name)) for entry in fields(settings)
             if entry.type is str and not entry.metadata['choices']}
    kind, where, _ = split_spec(settings.camera)
    return dict(texts, camera=where if kind in _NAMED_BY_PEOPLE else '')


def _private_texts(settings: Settings) -> List[str]:
    return [value for name, value in _free_texts(settings).items() if not _is_ours(name, value)]


def _is_ours(name: str, value: str) -> bool:
    return not value or value == _DEFAULTS[name] or value.startswith(_OWN_PLACES)


def _pattern(word: str) -> Pattern[str]:
    """A whole word, where a script has spaces between words; any place else."""
    folded = _folded(word)
    start = r'(?<![a-z0-9])' if re.match('[a-z0-9]', folded) else ''
    end = r'(?![a-z0-9])' if re.search(r'[a-z0-9]\Z', folded) else ''
    return re.compile(start + re.escape(folded) + end)


def _folded(text: str) -> str:
    """As it is compared: however it is composed, in upper or lower case, or escaped for a screen or as JSON."""
    text = re.sub(r'\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})',
                  lambda code: chr(int(next(filter(None, code.groups())), 16)), text)
    return unicodedata.normalize('NFKC', text).casefold()


