"""Ask pip whether every pinned library of a board has a wheel for it.

    .nox/tools/bin/python requirements/check_wheels.py

Nobody wants to compile on a board, and a library that must be compiled can end an installation. Run it by hand before a
release; it needs a network and takes about three minutes. Exit status 1 where a wheel is missing.

Markers are evaluated for the board and not for this machine, as `pip --python-version` would do.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Optional

from packaging.requirements import Requirement

#: File of pins, Python and glibc 2.x of each JetPack: Ubuntu 18.04, 20.04 and 22.04.
BOARDS = (
    ('JetPack 4.6', 'jetpack46.txt', '3.6', 27),
    ('JetPack 5', 'jetpack5.txt', '3.8', 31),
    ('JetPack 6', 'jetpack6.txt', '3.10', 35),
)


def pins(path: Path, python: str) -> Iterator[str]:
    """The requirements of a file that apply to a board with a Python version, as ``NAME==VERSION``."""
    board = {'python_version': python, 'python_full_version': python + '.0', 'platform_machine': 'aarch64',
             'sys_platform': 'linux', 'platform_system': 'Linux', 'os_name': 'posix',
             'implementation_name': 'cpython', 'platform_python_implementation': 'CPython'}
    for line in path.read_text().splitlines():
        text = line.split('#')[0].strip()
        if text and not text.startswith('-'):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(board):
                yield '%s%s' % (requirement.name, requirement.specifier)


def wheel(pin: str, python: str, glibc_minor: int) -> Optional[str]:
    """File name of the wheel that a board takes for a pin, or None where there is none."""
    tags = ['manylinux_2_%d_aarch64' % minor for minor in range(17, glibc_minor + 1)] + ['manylinux2014_aarch64']
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, '-m', 'pip', 'install', '--dry-run', '--quiet', '--report', '-', '--no-deps',
                   '--target', folder, '--only-binary=:all:', '--python-version', python,
                   '--ignore-requires-python', pin]
        command += [word for tag in tags for word in ('--platform', tag)]
        process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if process.returncode:
        return None
    return json.loads(process.stdout)['install'][0]['download_info']['url'].rsplit('/', 1)[-1]


def main() -> int:
    """Print one row a pin; the number of missing wheels decides the exit status."""
    missing = 0
    for board, name, python, glibc_minor in BOARDS:
        for pin in pins(Path(__file__).with_name(name), python):
            file_name = wheel(pin, python, glibc_minor)
            missing += file_name is None
            print('%-12s %-36s %s' % (board, pin, file_name or 'NO WHEEL'), flush=True)
    print('Every pin has a wheel.' if not missing else '%d pins have no wheel.' % missing)
    return int(missing > 0)


if __name__ == '__main__':
    sys.exit(main())
