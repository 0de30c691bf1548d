"""Numbers and paths from `/sys` and `/proc` under any root folder; what cannot be read is None."""
import glob
import os
import re
from typing import List, Optional, Tuple

from service.machine import read_text

#: Longer than any number that the kernel prints; longer text is garbage.
_MAX_DIGITS = 20


def find(root: str, pattern: str) -> List[str]:
    """Paths below a root that match a glob pattern, sorted by the numbers in their names.

    Args:
        root: folder that stands for ``/``.
        pattern: glob pattern without a leading slash.
    Returns:
        Paths relative to the root; empty where nothing matches or the folder is not readable.
    """
    matches = glob.glob(os.path.join(glob.escape(root), pattern))
    return sorted((os.path.relpath(path, root) for path in matches), key=_by_number)


def read_number(root: str, path: str, low: float, high: float, divisor: float = 1) -> Optional[float]:
    """A number from a file of one line.

    Args:
        root: folder that stands for ``/``.
        path: file below it.
        low: smallest plausible value, after division.
        high: largest plausible value.
        divisor: converts the kernel's unit.
    Returns:
        None where the file is absent, not readable, garbage or outside the limits.
    """
    text = read_text(root, path)
    if text is None or len(text) > _MAX_DIGITS or not re.match(r'-?[0-9]+$', text):
        return None
    value = int(text) / float(divisor)
    return value if low <= value <= high else None


def is_closed(root: str, pattern: str) -> bool:
    """Whether files that match a pattern exist, but this user may not read them."""
    for path in find(root, pattern):
        try:
            with open(os.path.join(root, path), 'rb'):
                return False
        except PermissionError:
            return True
        except OSError:
            continue
    return False


def _by_number(path: str) -> List[Tuple[int, int, str]]:
    return [(0, int(part), '') if part.isdigit() else (1, 0, part) for part in re.split(r'([0-9]{1,9})', path)]
