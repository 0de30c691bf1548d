"""What the lines before the numbers of a CSV say: a unit that would make them wrong, and the emissivity."""
import re

from ..messages import InputError
from ..radiometry import SCENE_FIELDS

#: A degree sign in Latin-1 or UTF-8, a bracket or ``deg``, then the letter alone; or the word.
_OTHER_UNIT = re.compile(rb'fahrenheit|kelvin|(?:\xb0|\bdeg\.?|\[|\()[ \t]*[fk](?![a-z])', re.IGNORECASE)
#: The name, a mark, and nothing but a number after it.
_EMISSIVITY = re.compile(rb'emissivity[" \t]*[:;,=\t][:;,=" \t]*([01](?:[.,]\d{1,8})?)[;," \t\r]*$',
                         re.IGNORECASE | re.MULTILINE)


def stated_in(header, source):
    """What a header states of the temperatures below it.

    Args:
        header (bytes): the lines before the first row of numbers; may be empty.
        source (str): the file's name for sentences.
    Returns:
        dict: ``emissivity`` (float) that the camera software computed with, where it says so; else empty.
    Raises:
        InputError: ``text-unit``: the numbers are not degrees Celsius.
    """
    if _OTHER_UNIT.search(header):
        raise InputError('text-unit', '%s says that its temperatures are in Fahrenheit or kelvin; export it in degrees '
                         'Celsius.' % source)
    found = _EMISSIVITY.search(header)
    emissivity = float(found.group(1).replace(b',', b'.')) if found else 0.0
    low, high = SCENE_FIELDS['emissivity'][:2]
    return {'emissivity': emissivity} if low <= emissivity <= high else {}
