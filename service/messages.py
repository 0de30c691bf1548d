"""What a person is told: one `Message`, and the errors that carry one.

The page, the doctor, the live picture, the supervision and the command line all render the same object. Anything that
a user can cause is raised as a `ThermoscreenError`: the command line prints one line and exits with `exit_code`, the
page answers with `http_status` and the same code. A traceback that reaches a person is a bug.
"""
import difflib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable

#: Must stay visible on every screen and in every export.
ADJUNCT_NOTICE = ('Research and adjunct use only. Not for screening or diagnosis. Not a substitute for '
                  'mammography. A normal result does not exclude cancer.')

#: Severities, mildest first. INFO needs no action, WARNING will need one soon, PROBLEM needs one now.
OK, INFO, WARNING, PROBLEM = SEVERITIES = ('ok', 'info', 'warning', 'problem')


#: Characters that a screen does not show although they count as printable: fillers, joiners, variation selectors and
#: the empty cell of Braille.
_UNSEEN = re.compile('[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0'
                     '\U000e0100-\U000e01ef]')


def printable(text: str) -> str:
    """Text from outside, such as a file's name, as a screen, a terminal or a log may show it.

    What acts on a terminal, turns the direction of writing, cannot be seen, or is no text is shown as its escape, such
    as ``\\x1b`` or ``\\u202e``; so is what a composed character would replace (normal form C of [UAX15]). Names that
    differ in nothing else therefore look different.
    """
    if text.isprintable() and not _UNSEEN.search(text) and unicodedata.normalize('NFC', text) == text:
        return text
    shown = last = ''
    for letter in text:
        together = last + letter
        if not letter.isprintable() or _UNSEEN.match(letter) or unicodedata.normalize('NFC', together) != together:
            shown += letter.encode('unicode_escape').decode('ascii')
            last = ''
        else:
            shown += letter
            last = together if unicodedata.combining(letter) else letter
    return shown


@dataclass(frozen=True)
class Message:
    """One thing that a person is told; its texts are `printable`, wherever their parts came from.

    Attributes:
        code: stable identifier for the phone call, lower case with hyphens, such as ``'file-truncated'``.
        sentence: what is there, or what is wrong.
        next_step: what to do about it; empty where nothing is to be done.
        severity: one of `SEVERITIES`.
        subject: what it is about where several things are reported side by side, such as ``'camera'``.
        facts: JSON values for the technician and for programs.
    """

    code: str
    sentence: str
    next_step: str = ''
    severity: str = PROBLEM
    subject: str = ''
    facts: Dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError('severity must be one of %s, not %r' % (', '.join(SEVERITIES), self.severity))
        for name in ('sentence', 'next_step', 'subject'):
            object.__setattr__(self, name, printable(getattr(self, name)))

    @property
    def text(self) -> str:
        """Sentence and next step as one line."""
        return '%s %s' % (self.sentence, self.next_step) if self.next_step else self.sentence

    def to_dict(self) -> Dict[str, Any]:
        """The message as JSON values; an empty subject and empty facts are left out."""
        values: Dict[str, Any] = {'code': self.code, 'severity': self.severity, 'sentence': self.sentence,
                                  'next_step': self.next_step}
        if self.subject:
            values['subject'] = self.subject
        if self.facts:
            values['facts'] = dict(self.facts)
        return values


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``'Did you mean X?'`` with the known word that is closest to one that is not; ``''`` where none is close."""
    close = difflib.get_close_matches(word, list(known), 1)
    return 'Did you mean %s?' % close[0] if close else ''


def shown_size(size_bytes: float) -> str:
    """A number of bytes as a sentence says it, never as 0 of a unit that is too large: 900 bytes, 1.5 MiB, 64 MiB."""
    size, unit = float(size_bytes), 'bytes'
    for larger in ('KiB', 'MiB', 'GiB', 'TiB'):
        if round(size) < 1024:
            break
        size, unit = size / 1024, larger
    return '%.*f %s' % (1 if unit != 'bytes' and round(size, 1) < 10 else 0, size, unit)


def worst(*severities: str) -> str:
    """The gravest of some severities; OK where there are none."""
    return max(severities, key=SEVERITIES.index, default=OK)


class ThermoscreenError(Exception):
    """Something that a person can act on.

    Args:
        code: as of `Message`.
        sentence: what is wrong.
        next_step: what to do about it.
        detail: technical addition for the log; nobody needs it to act.
    Attributes:
        message: what a person is told.
    """

    exit_code = 1
    http_status = 400

    def __init__(self, code: str, sentence: str, next_step: str = '', detail: str = '') -> None:
        super().__init__(code, sentence, next_step, detail)
        self.message = Message(code, sentence, next_step)
        self.detail = detail

    @property
    def code(self) -> str:
        """The code of the message."""
        return self.message.code

    def __str__(self) -> str:
        return '%s [%s]' % (self.message.text, self.code)

    def to_dict(self) -> Dict[str, Any]:
        """The message as JSON values, with ``detail``."""
        return dict(self.message.to_dict(), detail=self.detail)


class InputError(ThermoscreenError):
    """A file, folder or value from outside that cannot be used."""

    exit_code = 2


class SettingsError(ThermoscreenError):
    """A settings file that contradicts itself or the product."""

    exit_code = 2
    http_status = 500


class BundleError(ThermoscreenError):
    """A model bundle that must not be run: incomplete, changed, or without its golden answer."""

    exit_code = 3
    http_status = 500


class BackendError(ThermoscreenError):
    """Inference that failed, or was asked for with the wrong names, shapes or dtypes."""

    exit_code = 4
    http_status = 503


class CameraError(ThermoscreenError):
    """A camera that is missing, silent or sends what it should not."""

    exit_code = 5
    http_status = 503


class StorageError(ThermoscreenError):
    """A disk that is full, read-only or failing."""

    exit_code = 6
    http_status = 507
