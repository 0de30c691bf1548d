"""Temperatures as pages show them: in °C, or in °F where the settings of the station say so.

Everything is measured, compared, kept, sent and printed in °C. A page in °F shows the number that it would show in °C,
converted and with as many digits, so that a sentence, a table and the record beside them never differ.
"""
import re
from typing import Dict, List, NamedTuple

CELSIUS, FAHRENHEIT = 'celsius', 'fahrenheit'

#: The units that pages may show, and how each is written.
SIGNS = {CELSIUS: '°C', FAHRENHEIT: '°F'}

_NUMBER = re.compile(r'([-+\u2212]?)(\d+(?:\.(\d+))?)\Z', re.ASCII)

#: What pages say with temperatures, as it is found in the catalogues; values stand before °C.
TEMPERATURES = (
    '°C', 'not °C', 'right, °C', 'Temperatures in °C', 'Breast mean in °C',
    'Signs, °C: how much warmer, and on which side', 'Temperature of the room in °C', 'Room %(degrees)s °C.',
    'Room at %s °C', 'The room is at %.1f °C.', 'The room has %g °C, not %g to %g °C.',
    'Warm the room to %.0f to %.0f °C.',
    'Cool the room to %.0f to %.0f °C.', 'The warm area is at %.1f °C; skin is at %.0f to %.0f °C.',
    'Remove heat sources behind the patient and cool the room to %.0f to %.0f °C.',
    'Both pictures at %(low)s to %(high)s °C.', 'All pictures at %(low)s to %(high)s °C.',
    'The device is hot, %.0f °C inside.', 'The device is cool enough, %.0f °C inside.',
    'The blackbody in the picture measures %.1f °C instead of %.1f °C; temperatures are not corrected.')

#: The same of differences and thresholds, which have no zero to move.
DIFFERENCES = (
    'The %.1f °C rule is another test. They differ.', '%s the %.1f °C threshold.', '%s %s %s °C warmer than %s. %s',
    'Left and right %s are equally warm to %.1f °C. %s', 'Left and right %s equally warm to %.1f °C',
    '%s %s %.*f °C warmer than %s', '%s: %s the threshold of %.1f °C.', '%s areola %s °C %s than the skin around it',
    'A patch of 1 cm² in the %s breast %s °C warmer than its mirrored site',
    'No focal spot %s °C warmer than the skin around it', 'Spot in the %s breast %s °C warmer than %s',
    'The whole picture has become %.1f °C %s.', 'It changed by %(change)s °C during the exam.',
    'The room has become %.1f °C %s during the exam, more than %.1f °C.', 'above %(threshold)s °C',
    'not above %(threshold)s °C',
    'A change counts above %(least)s °C.', '%(change)s °C (counts above %(least)s °C).',
    'Left minus right, now minus before. %(least)s °C is what two readings of the same pictures differ by; two visits '
    'differ by more by themselves.')


class Measured(NamedTuple):
    """Which values of a form are temperatures: their names, or their places as text, counted from 1."""

    is_difference: bool
    places: List[str]


def fahrenheit(celsius: float) -> float:
    """A temperature in °F."""
    return celsius * 1.8 + 32.0


def celsius(degrees: float) -> float:
    """A temperature in °C from °F, with one digit: what somebody reads off a thermometer has no more."""
    return round((degrees - 32.0) / 1.8, 1)


def shown(text: str, is_difference: bool = False) -> str:
    """A number in °C as a page in °F shows it; what is no number comes back as it is.

    Args:
        text: as a page in °C shows it, such as ``31.4`` or ``+0.7``.
    """
    found = _NUMBER.match(text)
    if not found:
        return text
    sign, size, digits = found.groups()
    value = float(size) * (-1.8 if sign in ('-', '\u2212') else 1.8) + (0.0 if is_difference else 32.0)
    number = '%.*f' % (len(digits or ''), abs(value))
    return ('+' if sign == '+' else sign if value < 0 and float(number) else '') + number


def measured(placeholder: 're.Pattern[str]') -> Dict[str, Measured]:
    """The forms of `TEMPERATURES` and `DIFFERENCES`, with which of their values stand before °C.

    Args:
        placeholder: what finds one in a form, with its name as the first group.
    """
    found = {}
    for is_difference, forms in ((False, TEMPERATURES), (True, DIFFERENCES)):
        for form in forms:
            found[form] = Measured(is_difference, [
                hit.group(1) or str(place) for place, hit in enumerate(placeholder.finditer(form), 1)
                if re.match(r'(?: to %\S+)? °C', form[hit.end():])])
    return found
