"""Numbers and names from `/sys` and `/proc` under any root; what cannot be read is absent."""
import glob
import os
import re

from service.machine import read_text

#: Longer than any number the kernel prints; a longer text is garbage.
_LONGEST_NUMBER = 20


def find(root, pattern):
    """Paths below a root that fit a glob pattern, in the order of their numbers.

    Args:
        root (str): folder that stands for ``/``.
        pattern (str): glob pattern without a leading slash.

    Returns:
        list of str: paths relative to the root; empty where nothing fits or the folder is closed.
    """
    found = glob.glob(os.path.join(glob.escape(root), pattern))
    return sorted((os.path.relpath(path, root) for path in found), key=_by_number)


def read_number(root, path, low, high, divisor=1):
    """A number from a file of one line.

    Args:
        root (str): folder that stands for ``/``.
        path (str): file below it.
        low (float): least value, after division, that is believed.
        high (float): highest one.
        divisor (float): what the kernel's unit is divided by.

    Returns:
        float or None: None where the file is absent, closed, garbage or outside the limits.
    """
    text = read_text(root, path)
    if text is None or len(text) > _LONGEST_NUMBER or not re.match(r'-?[0-9]+$', text):
        return None
    value = int(text) / float(divisor)
    return value if low <= value <= high else None


def is_closed(root, pattern):
    """Whether files that fit a pattern exist but not for this user."""
    for path in find(root, pattern):
        try:
            with open(os.path.join(root, path), 'rb'):
                return False
        except PermissionError:
            return True
        except OSError:
            continue
    return False


def _by_number(path):
    return [(0, int(part), '') if part.isdigit() else (1, 0, part) for part in re.split(r'([0-9]{1,9})', path)]
