"""Golden pairs that are small on disk and huge in memory.

The golden pair of a bundle is a zip file. Each of these is read in a process of its own; exit code 1 where one takes
more memory at its peak than the shipped pair and the bar.

    python -m benchmarks.attacks.golden_bomb
"""
import dataclasses
import io
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from typing import Callable, Dict

import numpy as np

from service.bundle import open_bundle, prove
from service.messages import BundleError

MAX_MB = 64

#: What the bombs inflate to.
BOMB_MB = 600

_SHIPPED = os.path.join(os.path.dirname(__file__), '..', '..', 'service', 'bundles', 'phantom-unet')


def _pair(method: int = zipfile.ZIP_DEFLATED, **changes: Callable[[zipfile.ZipFile, str], None]) -> bytes:
    """The shipped golden pair with members that are written otherwise."""
    stream = io.BytesIO()
    good = np.load(os.path.join(_SHIPPED, 'golden.npz'))
    with zipfile.ZipFile(stream, 'w', method) as archive:
        for name in good.files:
            if name in changes:
                changes[name](archive, name + '.npy')
            else:
                member = io.BytesIO()
                np.lib.format.write_array(member, good[name])
                archive.writestr(name + '.npy', member.getvalue())
    return stream.getvalue()


def _zeros(archive: zipfile.ZipFile, name: str) -> None:
    """An array of as many bytes as the bomb has."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {'descr': '|u1', 'fortran_order': False, 'shape': (BOMB_MB << 20,)})
    with archive.open(name, 'w') as member:
        member.write(head.getvalue())
        for _ in range(BOMB_MB):
            member.write(bytes(1 << 20))


def _claim(archive: zipfile.ZipFile, name: str) -> None:
    """A header that claims an array and has no values."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {'descr': '<u2', 'fortran_order': False, 'shape': (40000, 40000)})
    archive.writestr(name, head.getvalue())


def _entries() -> bytes:
    stream = io.BytesIO(_pair())
    with zipfile.ZipFile(stream, 'a') as archive:
        for index in range(60000):
            archive.writestr('%d' % index, b'')
    return stream.getvalue()


def bombs() -> Dict[str, bytes]:
    """Hostile golden pairs."""
    return {
        'the shipped pair': _pair(),
        'a thermogram of %d MB' % BOMB_MB: _pair(thermogram=_zeros),
        'labels of %d MB' % BOMB_MB: _pair(labels=_zeros),
        'labels of %d MB, bzip2' % BOMB_MB: _pair(zipfile.ZIP_BZIP2, labels=_zeros),
        'a thermogram that claims 3.2 GB': _pair(thermogram=_claim),
        '60,000 entries': _entries(),
    }


def _read(path: str) -> None:
    """Print what a pair takes and what is said of it; run in a process of its own."""
    with open(path, 'rb') as stream:
        bundle = dataclasses.replace(open_bundle(_SHIPPED), golden=stream.read())
    said = 'read'
    try:
        prove(bundle, lambda feed: {})
    except BundleError as error:
        said = error.code
    except KeyError:  # the pair was read, and nothing infers here
        pass
    except Exception as error:
        said = type(error).__name__
    print('%d %s' % (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, said))


def main() -> int:
    """Print the table; 1 where a bar does not hold."""
    broken, usual_mb = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'golden.npz')
        for name, data in bombs().items():
            with open(path, 'wb') as stream:
                stream.write(data)
            words = subprocess.check_output([sys.executable, '-m', 'benchmarks.attacks.golden_bomb', path],
                                            universal_newlines=True).split()
            taken_mb = int(words[0]) / 1024.0
            usual_mb = usual_mb or taken_mb
            broken += taken_mb > usual_mb + MAX_MB
            print('%-34s %6.2f MB on disk  %7.1f MB at the peak  %s' % (name, len(data) / 1e6, taken_mb, words[1]))
    print('%d bars (%d MB above the first line) do not hold.' % (broken, MAX_MB))
    return 1 if broken else 0


if __name__ == '__main__':
    if sys.argv[1:]:
        _read(sys.argv[1])
    else:
        sys.exit(main())
