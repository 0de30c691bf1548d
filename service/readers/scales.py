"""What one count of a 16-bit thermogram means. It is always stated, never guessed."""
from ..messages import InputError
from ..radiometry import LinearScale

#: Degrees Celsius of a count by scale name.
SCALES = {
    'centikelvin': LinearScale(0.01, -273.15),
    'decikelvin': LinearScale(0.1, -273.15),
    'kelvin64': LinearScale(1 / 64.0, -273.15),
    'ax5': LinearScale(0.04, -273.15),
    'centicelsius': LinearScale(0.01, 0.0),
    'optris': LinearScale(0.1, -100.0),
}


def check_scale(name, source):
    """Refuse a scale that does not exist.

    Args:
        name (str): a key of `SCALES`.
        source (str): who named it, for the sentence.
    Raises:
        InputError: ``scale-name``.
    """
    if not isinstance(name, str) or name not in SCALES:
        raise InputError('scale-name', '%s names the scale %s, which does not exist; there are %s.'
                         % (source, repr(name)[:40], ', '.join(sorted(SCALES))))


def unknown_scale(source):
    """The error for counts nobody gave a scale for; its sentence says how to give one."""
    return InputError('scale-unknown', '%s holds 16-bit counts and nothing says what one count means; give a '
                      'scale (--scale %s) or put {"scale": "centikelvin"} into %s.json next to it.'
                      % (source, '|'.join(sorted(SCALES)), source))
