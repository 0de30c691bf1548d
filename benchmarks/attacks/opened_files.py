"""Memory of the station while files are opened: a hundred, five of the largest, and a hundred pictures at once.

The exit code is 1 if the service grows by more than 8 MiB between the 20th and the 100th file, or has more than 250 MiB
(on Python 3.6, the board's: 200 MiB) resident when all that is over.

    python -m benchmarks.attacks.opened_files [--files 100]
"""
import json
import os
import re
import sys
import tempfile
import threading
import time
from typing import List, Tuple
from urllib.parse import urlencode

import click
import numpy as np

from service.simulator import make_phantom

from ..conditions import conditions
from .station import Watch, fetch, started, table

#: Aims of the design for the service's resident memory.
BAR_MIB = 200 if sys.version_info < (3, 7) else 250
#: Between the 20th and the 100th file.
GROWTH_MIB = 8
#: The process that reads files is ended after 30 s without one.
_IDLE_S = 34.0
#: The largest array whose file is still read: 64 MiB with its header.
_LARGE = (4095, 4096)


@click.command()
@click.option('--files', default=100, help='Files to open.')
def main(files: int) -> None:
    """Print resident memory at every step."""
    rows: List[Tuple[str, str, str, str]] = []
    figures = {}
    with tempfile.TemporaryDirectory() as root:
        names = _write(root)
        with started('--files-root', root) as (port, pid):
            with Watch(port):
                time.sleep(5)

                def note(step: str) -> None:
                    figures[step] = _mib(pid, 'VmRSS')
                    rows.append((step, '%.0f' % figures[step], '%.0f' % _mib(pid, 'VmHWM'), '%.0f' % _readers_mib(pid)))

                note('live')
                for number in range(files):
                    _open(port, names[number % len(names)])
                    if number + 1 == 20:
                        note('20 files')
                note('%d files' % files)
                for number in range(5):
                    _open(port, 'large-%d.npy' % number)
                note('5 files of 64 MiB')
                _at_once(port, names[0])
                note('100 pictures at once')
                fetch(port, '/open')
                note('list of files')
                time.sleep(_IDLE_S)
                note('idle')
    print(conditions('all'))
    print(table(('after', 'service MiB', 'its peak', 'process that reads files'), rows))
    grown = figures['%d files' % files] - figures['20 files']
    print('grown between 20 and %d files: %.1f MiB (at most %d); in the end %.0f MiB (at most %d)'
          % (files, grown, GROWTH_MIB, figures['idle'], BAR_MIB))
    sys.exit(0 if grown <= GROWTH_MIB and max(figures['%d files' % files], figures['idle']) <= BAR_MIB else 1)


def _write(root: str) -> List[str]:
    """Twenty files of three sizes, and five large ones."""
    names = []
    phantom = make_phantom(0).celsius
    for number in range(20):
        celsius = phantom[::1 + number % 3, ::1 + number % 3] + 0.1 * number
        names.append('%d.csv' % number if number % 2 else '%d.npy' % number)
        path = os.path.join(root, names[-1])
        if number % 2:
            np.savetxt(path, celsius, fmt='%.2f', delimiter=';')
        else:
            np.save(path, celsius.astype(np.float32))
    large = np.resize(phantom, _LARGE)
    for number in range(5):
        large[0, 0] = 20 + number
        np.save(os.path.join(root, 'large-%d.npy' % number), large)
    return names


def _open(port: int, name: str) -> None:
    """What a page asks for: values, and two layers of the picture."""
    for _ in range(5):  # a busy machine may be slower than the station's limit
        status, body, _ = fetch(port, '/open/result?path=' + name, 60.0)
        if status == 200:
            break
        fetch(port, '/open')
    else:
        raise SystemExit('%s: %s' % (name, body.decode('utf-8')))
    values = json.loads(body.decode('utf-8'))
    for layer in ('original', 'regions'):
        query = {'id': values['id']} if 'id' in values else {'path': name}
        fetch(port, '/open/layer.png?' + urlencode(dict(query, layer=layer)), 60.0)


def _at_once(port: int, name: str) -> None:
    """A hundred pictures of one file, twenty at a time."""
    def ask() -> None:
        for _ in range(5):
            fetch(port, '/open/layer.png?path=' + name, 60.0)
    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _mib(pid: int, figure: str) -> float:
    with open('/proc/%d/status' % pid, encoding='ascii', errors='replace') as stream:
        return int(re.findall(figure + r':\s+(\d+) kB', stream.read())[0]) / 1024.0


def _readers_mib(pid: int) -> float:
    """Resident memory of the children."""
    total = 0.0
    for task in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/children' % (pid, task), encoding='ascii') as stream:
            total += sum(_mib(int(child), 'VmRSS') for child in stream.read().split())
    return total


if __name__ == '__main__':
    main()
