"""Name the requirements file of the interpreter that runs this: ``python requirements/choose.py``.

Written so that every Python, however old, answers with a sentence instead of a SyntaxError.
"""
import os
import sys

#: Oldest Python of each file, newest first.
FILES = (
    ((3, 11), 'today.txt'),
    ((3, 10), 'jetpack6.txt'),
    ((3, 8), 'jetpack5.txt'),
    ((3, 6), 'jetpack46.txt'),
)


def choose(version):
    """File name of the pins for a Python version ``(major, minor)``, or None where there are none."""
    for oldest, name in FILES:
        if tuple(version[:2]) >= oldest:
            return name
    return None


if __name__ == '__main__':
    name = choose(sys.version_info)
    if name is None:
        sys.exit('Python %d.%d is too old: thermoscreen needs Python 3.6 or newer. '
                 'Name another one: make run PYTHON=python3.11' % sys.version_info[:2])
    print(os.path.join('requirements', name))
