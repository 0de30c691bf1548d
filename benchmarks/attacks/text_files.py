"""Large text files that are no thermograms: how long the reader is busy before it says so.

Most are as long as a file may be, and what is wrong with them stands at their end; some are made of whatever costs the
reader most. Exit code 1 where one is read that is no thermogram, or takes longer than the bar.

    python -m benchmarks.attacks.text_files
"""
import os
import sys
import tempfile
import time
from typing import Callable, Dict, Tuple

from service.messages import InputError
from service.readers import read_thermogram

#: The bar: processor seconds until the refusal.
MAX_S = 2.0

#: Bytes of a large file, below the limit at which a file is not read at all.
SIZE = 55 * 10 ** 6

#: The one file that is a thermogram, after lines that cost a careless pattern much.
GOOD = 'a matrix after a header of tabs'


def _filled(row: bytes, last: bytes = b'') -> bytes:
    """Equal rows up to `SIZE`, and a last one."""
    return row * ((SIZE - len(last)) // len(row)) + last


def _frames(row: bytes) -> bytes:
    return b'Frame 1' + row + row * 47


#: Suffix and content by what is wrong.
FILES: Dict[str, Tuple[str, Callable[[], bytes]]] = {
    'one line': ('.txt', lambda: b'30.5 ' * (SIZE // 5)),
    'letters in the first row': ('.txt', lambda: _filled(b'x30.5 ' + b'30.5 ' * 639 + b'\n')),
    'letters in the last row': ('.txt', lambda: _filled(b'30.5 ' * 4096 + b'\n', b'30.5 ' * 4095 + b'x\n')),
    'letters in the last row, decimal commas': ('.csv', lambda: _filled(b'30,5;' * 4096 + b'\n', b'x;' * 4096)),
    'a last row that is cut off': ('.txt', lambda: _filled(b'30.5 ' * 4096 + b'\n', b'30.5 ' * 400)),
    '4096 rows of 4096, whole': ('.txt', lambda: (b'1 ' * 4096 + b'\n') * 4096),
    'too many rows': ('.txt', lambda: _filled(b'30.5 ' * 640 + b'\n')),
    '2048 rows of 1536 long numbers, letters last':
        ('.txt', lambda: (b'30.123456789012 ' * 1536 + b'\n') * 2047 + b'30.123456789012 ' * 1535 + b'x\n'),
    '2048 rows of 1536 in exponents, letters last':
        ('.txt', lambda: (b'3.05e+01 ' * 1536 + b'\n') * 2047 + b'3.05e+01 ' * 1535 + b'x\n'),
    'the same, decimal commas': ('.csv', lambda: (b'3,05e+01;' * 1536 + b'\n') * 2047 + b'3,05e+01;' * 1535 + b'x\n'),
    '2048 rows of 1536 in quotes, letters last':
        ('.csv', lambda: (b'"30,5",' * 1536 + b'\n') * 2047 + b'"30,5",' * 1535 + b'x\n'),
    'prose': ('.csv', lambda: _filled(b'the quick brown fox\n')),
    'header lines of many words': ('.csv', lambda: _filled(b'x;' * 4000 + b'\n')),
    'header lines that count': ('.csv', lambda: _filled(b';'.join(b'%d' % place for place in range(4000)) + b'\n')),
    GOOD: ('.csv', lambda: (b'Emissivity' + b'\t' * 4000 + b'x\n') * 60 + (b'30.5;' * 640 + b'\n') * 480),
    'frames of one row': ('.csv', lambda: _filled(b'Frame 1' + b',30.5' * 40 + b'\n')),
    'millions of frames': ('.csv', lambda: _frames(b',30.5' * 64 + b'\n') + b'Frame 2,\n' * (SIZE // 9)),
    'blanks': ('.txt', lambda: b' ' * SIZE),
}


def main() -> int:
    """Print the table; the number of files that are read or take too long."""
    broken = 0
    print('| file | MB | s | answer |\n| --- | ---: | ---: | --- |')
    with tempfile.TemporaryDirectory(dir='/dev/shm' if os.path.isdir('/dev/shm') else None) as folder:
        for name, (suffix, make) in FILES.items():
            path = os.path.join(folder, 'large' + suffix)
            with open(path, 'wb') as stream:
                size = stream.write(make())
            started, answer = time.process_time(), 'READ'
            try:
                read_thermogram(path)
            except InputError as error:
                answer = error.code
            took_s = time.process_time() - started
            os.remove(path)
            broken += (answer == 'READ') != (name == GOOD) or took_s > MAX_S
            print('| %s | %.1f | %.2f | %s |' % (name, size / 1e6, took_s, answer), flush=True)
    print('\nPython %s; %d files are answered wrongly or take more than %g s of processor time.'
          % (sys.version.split()[0], broken, MAX_S))
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
